import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../src/base/random.ts'
import type { RaftConfig } from '../../../src/raft/core/config.ts'
import type { RaftEvent } from '../../../src/raft/core/event.ts'
import { MemoryStorage } from '../../../src/raft/core/memory-storage.ts'
import {
  type Entry,
  type Message,
  type MessageType,
  appendThread,
  applyThread,
  emptyConfState,
  message,
} from '../../../src/raft/core/message.ts'
import { marshalConfChange, unmarshalConfChange } from '../../../src/raft/core/conf-change-codec.ts'
import { RawNode } from '../../../src/raft/core/raw-node.ts'
import { bytes } from './cluster.ts'

/** One member with its two storage threads, which do their work when a test says so. */
class Asynchronous {
  readonly storage = new MemoryStorage()
  readonly node: RawNode
  readonly events: RaftEvent[] = []
  readonly #append: Message[] = []
  readonly #apply: Message[] = []
  /** Given to be sent at once. */
  readonly sent: Message[] = []

  constructor(voters: readonly number[], options: Partial<RaftConfig> = {}) {
    const { storage } = this
    storage.applySnapshot({ metadata: { index: 1, term: 1, confState: { ...emptyConfState, voters } } })
    this.node = new RawNode({
      id: 1,
      electionTick: 10,
      heartbeatTick: 1,
      storage,
      random: seededRandom(1),
      asyncStorageWrites: true,
      observe: (event) => this.events.push(event),
      ...options,
    })
  }

  /** Takes all Readies; the storage has not done anything yet. */
  collect(): this {
    while (this.node.hasReady())
      for (const each of this.node.ready().messages) {
        if (each.to === appendThread) this.#append.push(each)
        else if (each.to === applyThread) this.#apply.push(each)
        else this.sent.push(each)
      }
    return this
  }

  /** The oldest write is done; gives what is to be delivered now. */
  store(): readonly Message[] {
    const write = this.#append.shift()
    if (write === undefined) throw new Error('there is nothing to store')
    if (write.snapshot !== undefined) this.storage.applySnapshot(write.snapshot)
    this.storage.append(write.entries)
    if (write.term !== 0) this.storage.setHardState(write)
    return write.responses
  }

  /** What it says to itself, and to nobody else. */
  storeAndHear(): this {
    for (const each of this.store()) if (each.to === 1) this.node.step(each)
    return this.collect()
  }

  get writes(): readonly Message[] {
    return this.#append
  }
  get applies(): readonly Message[] {
    return this.#apply
  }

  hear(fields: Partial<Message> & { readonly type: MessageType }): this {
    this.node.step(message({ to: 1, from: 2, ...fields }))
    return this.collect()
  }
}

const entry = (index: number, term: number): Entry => ({ term, index, type: 'EntryNormal', data: bytes(`${term}`) })
const typesTo = (messages: readonly Message[], id: number) =>
  messages.filter(({ to }) => to === id).map(({ type }) => type)

describe('with asynchronous storage', () => {
  it('a vote leaves when it is stored, not before', () => {
    const member = new Asynchronous([1, 2, 3]).hear({ type: 'MsgVote', term: 5, index: 1, logTerm: 1 })
    expect(member.sent).toEqual([])
    expect(member.writes).toMatchObject([{ term: 5, vote: 2 }])
    expect(member.store()).toMatchObject([{ type: 'MsgVoteResp', to: 2, term: 5 }])
    expect(member.storage.initialState().hardState.vote).toBe(2)
  })

  it('an append is acknowledged when it is stored, not before', () => {
    const member = new Asynchronous([1, 2, 3])
    member.hear({ type: 'MsgApp', term: 1, index: 1, logTerm: 1, entries: [entry(2, 1)] })
    expect(member.sent).toEqual([])
    expect(typesTo(member.store(), 2)).toEqual(['MsgAppResp'])
  })

  it('an answer that a lease rests on leaves when its term is stored; without leases it need not wait', () => {
    const heartbeat = { type: 'MsgHeartbeat', term: 1 } as const
    const free = new Asynchronous([1, 2, 3]).hear(heartbeat)
    expect(typesTo(free.sent, 2)).toEqual(['MsgHeartbeatResp'])
    // A first life that has stored nothing would be followed by one that thinks it has promised nothing.
    const bound = new Asynchronous([1, 2, 3], { readOnlyOption: 'lease', checkQuorum: true }).hear(heartbeat)
    expect(bound.sent).toEqual([])
    expect(typesTo(bound.store(), 2)).toEqual(['MsgHeartbeatResp'])
    expect(bound.storage.initialState().hardState.term).toBe(1)
  })

  it('an acknowledgement of what an earlier write holds waits for the writes on their way', () => {
    const member = new Asynchronous([1, 2, 3])
    const append = { type: 'MsgApp', term: 1, index: 1, logTerm: 1, entries: [entry(2, 1)] } as const
    member.hear(append).hear(append)
    expect(member.sent).toEqual([])
    expect(member.writes.map(({ entries }) => entries.length)).toEqual([1, 0])
  })

  it("a leader's appends leave before its own write is done", () => {
    const member = new Asynchronous([1, 2, 3])
    member.node.campaign()
    member.collect().storeAndHear()
    member.hear({ type: 'MsgVoteResp', term: 1 })
    expect(typesTo(member.sent, 2)).toEqual(['MsgVote', 'MsgApp'])
    expect(member.writes.length).toBe(1)
  })

  it('a leader counts itself only when its entries are stored', () => {
    const member = new Asynchronous([1, 2, 3])
    member.node.campaign()
    member.collect().storeAndHear().hear({ type: 'MsgVoteResp', term: 1 })
    member.hear({ type: 'MsgAppResp', term: 1, index: 2 })
    expect(member.node.basicStatus().commit).toBe(1)
    member.storeAndHear()
    expect(member.node.basicStatus().commit).toBe(2)
  })

  it('a leader may commit by the others while its own write is on its way, and applies only what it has stored', () => {
    const member = new Asynchronous([1, 2, 3])
    member.node.campaign()
    member.collect().storeAndHear().hear({ type: 'MsgVoteResp', term: 1 })
    member.hear({ type: 'MsgAppResp', term: 1, index: 2 }).hear({ type: 'MsgAppResp', from: 3, term: 1, index: 2 })
    expect(member.node.basicStatus().commit).toBe(2)
    expect(member.applies).toEqual([])
    member.storeAndHear()
    expect(member.applies.map(({ entries }) => entries.length)).toEqual([1])
  })

  it('a single voter emits no entry before it is stored', () => {
    const member = new Asynchronous([1])
    member.node.campaign()
    member.collect().storeAndHear()
    expect(member.applies).toEqual([])
    member.storeAndHear()
    expect(member.applies.length).toBe(1)
  })

  it('a write that was overtaken by another term takes nothing out of memory (the ABA race of appends)', () => {
    const member = new Asynchronous([1, 2, 3])
    // Entry 2 of term 1; replaced by one of term 2; and back again, under term 3.
    member.hear({ type: 'MsgApp', term: 1, index: 1, logTerm: 1, entries: [entry(2, 1)] })
    member.hear({ type: 'MsgApp', term: 2, from: 3, index: 1, logTerm: 1, entries: [entry(2, 2)] })
    member.hear({ type: 'MsgApp', term: 3, index: 1, logTerm: 1, entries: [entry(2, 1)] })
    member.storeAndHear()
    // The first write is done and names what the log has, but the second one will still overwrite it.
    expect(member.events.filter(({ type }) => type === 'message_outdated').length).toBe(1)
    member.storeAndHear()
    expect(member.storage.term(2)).toBe(2)
    // What is read now must not be what the storage holds for a while.
    member.hear({ type: 'MsgHeartbeat', term: 3, commit: 2 })
    expect(member.applies).toEqual([])
    member.storeAndHear()
    expect(member.applies).toMatchObject([{ entries: [{ index: 2, term: 1 }] }])
  })

  it('the answer to a write that held no entries, in a later term, takes what is stored out of memory', () => {
    const member = new Asynchronous([1, 2, 3])
    member.hear({ type: 'MsgApp', term: 1, index: 1, logTerm: 1, entries: [entry(2, 1)], commit: 2 })
    member.hear({ type: 'MsgHeartbeat', term: 2, commit: 2 })
    member.storeAndHear()
    expect(member.applies).toEqual([])
    member.storeAndHear()
    expect(member.applies.length).toBe(1)
  })

  it('a snapshot counts as applied when it is stored, whatever the term is by then', () => {
    const member = new Asynchronous([1, 2, 3])
    const confState = { ...emptyConfState, voters: [1, 2, 3] }
    member.hear({ type: 'MsgSnap', term: 1, snapshot: { metadata: { index: 9, term: 1, confState } } })
    member.hear({ type: 'MsgHeartbeat', term: 2, from: 3 })
    expect(member.node.basicStatus().applied).toBe(1)
    member.storeAndHear()
    expect(member.node.basicStatus().applied).toBe(9)
  })

  it('no more bytes are being applied at a time than allowed, over all Readies', () => {
    const member = new Asynchronous([1, 2, 3], { maxCommittedSizePerReady: 1 })
    member.hear({ type: 'MsgApp', term: 1, index: 1, logTerm: 1, entries: [entry(2, 1), entry(3, 1)], commit: 3 })
    member.storeAndHear()
    expect(member.applies.map(({ entries }) => entries.length)).toEqual([1])
    for (const each of member.applies[0]?.responses ?? []) member.node.step(each)
    member.collect()
    expect(member.applies.length).toBe(2)
    expect(member.node.basicStatus().applied).toBe(2)
  })

  it('a change that is still being applied when a snapshot comes is passed over: the snapshot holds it', () => {
    const member = new Asynchronous([1, 2, 3])
    const removal = marshalConfChange({ version: 1, type: 'ConfChangeRemoveNode', nodeId: 3 })
    const entries = [{ term: 1, index: 2, ...removal }]
    member.hear({ type: 'MsgApp', term: 1, index: 1, logTerm: 1, entries, commit: 2 }).storeAndHear()
    expect(member.applies.map(({ entries: given }) => given.map(({ index }) => index))).toEqual([[2]])
    // Member 3 was removed at 2 and taken in again at 8.
    const confState = { ...emptyConfState, voters: [1, 2, 3] }
    member.hear({ type: 'MsgSnap', term: 1, snapshot: { metadata: { index: 9, term: 1, confState } } })
    const change = unmarshalConfChange('EntryConfChange', removal.data)
    expect(member.node.applyConfChange(change, 2)).toEqual(confState)
    expect([...member.node.status().config.voters.incoming]).toEqual([1, 2, 3])
    // What comes behind the snapshot counts.
    expect(member.node.applyConfChange(change, 10).voters).toEqual([1, 2])
  })
})
