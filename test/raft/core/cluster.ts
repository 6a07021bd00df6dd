/**
 * A few members and a network by hand, for tests of the core: nothing moves but what a test moves. What a member says lies in
 * `flying` until it is delivered or lost; what it is given to store is stored at once, and outlives a crash.
 */
import { codeOf } from '../../../src/base/error.ts'
import { seededRandom } from '../../../src/base/random.ts'
import type { RaftConfig } from '../../../src/raft/core/config.ts'
import { unmarshalConfChange } from '../../../src/raft/core/conf-change-codec.ts'
import type { ReadState } from '../../../src/raft/core/machine.ts'
import { MemoryStorage } from '../../../src/raft/core/memory-storage.ts'
import {
  type ConfState,
  type Entry,
  type MemberId,
  type Message,
  type Snapshot,
  emptyConfState,
  message,
} from '../../../src/raft/core/message.ts'
import { RawNode } from '../../../src/raft/core/raw-node.ts'

export const electionTick = 10

export type Options = Partial<RaftConfig>

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const bytes = (text: string): Uint8Array => encoder.encode(text)
export const text = (data: Uint8Array | undefined): string => decoder.decode(data)

/** Entries from index 1 on of these terms; each says where and when it was made. */
export function entriesOf(terms: readonly number[]): Entry[] {
  return terms.map((term, at) => ({ term, index: at + 1, type: 'EntryNormal', data: bytes(`${at + 1}@${term}`) }))
}

/** What a member kept of its last life. */
export interface Kept {
  readonly terms?: readonly number[]
  readonly term?: number
  readonly vote?: MemberId
  readonly commit?: number
  readonly confState?: Partial<ConfState>
}

export class Member {
  readonly id: MemberId
  readonly storage: MemoryStorage = new MemoryStorage()
  readonly #options: Options
  node: RawNode
  /** What it applied in this life, in order. */
  applied: Entry[] = []
  snapshots: Snapshot[] = []
  reads: ReadState[] = []
  /** What counts at the last entry that was applied. */
  confState: ConfState

  constructor(id: MemberId, kept: Kept, options: Options) {
    this.id = id
    this.#options = options
    this.confState = { ...emptyConfState, ...kept.confState }
    this.storage.applySnapshot({ metadata: { index: 0, term: 0, confState: this.confState } })
    this.storage.append(entriesOf(kept.terms ?? []))
    const { term = kept.terms?.at(-1) ?? 0, vote = 0, commit = 0 } = kept
    this.storage.setHardState({ term, vote, commit })
    this.node = this.#born()
  }

  #born(): RawNode {
    const { id, storage } = this
    const random = seededRandom(id)
    return new RawNode({ id, storage, random, electionTick, heartbeatTick: 1, ...this.#options })
  }

  /** Everything that was not stored is gone; what was applied is applied again. */
  restart(): void {
    this.applied = []
    this.snapshots = []
    this.reads = []
    this.confState = this.storage.initialState().confState
    this.node = this.#born()
  }

  /** Does what its Readies say and gives what is to be sent. */
  work(): Message[] {
    const sent: Message[] = []
    while (this.node.hasReady()) {
      const { snapshot, entries, hardState, messages, committedEntries, readStates } = this.node.ready()
      if (snapshot !== undefined) {
        this.storage.applySnapshot(snapshot)
        this.snapshots.push(snapshot)
        this.confState = snapshot.metadata.confState
      }
      this.storage.append(entries)
      if (hardState !== undefined) this.storage.setHardState(hardState)
      sent.push(...messages)
      this.reads.push(...readStates)
      for (const entry of committedEntries) this.#apply(entry)
      this.node.advance()
    }
    return sent
  }

  #apply(entry: Entry): void {
    if (entry.type !== 'EntryNormal')
      this.confState = this.node.applyConfChange(unmarshalConfChange(entry.type, entry.data))
    this.applied.push(entry)
  }

  /** Keeps a snapshot of all that is applied in place of the entries. */
  compact(): void {
    const { applied } = this.node.basicStatus()
    if (applied === 0) return
    if (this.storage.createSnapshot(applied, this.confState, bytes(`state at ${applied}`)) === 'snapshot_out_of_date')
      return
    this.storage.compact(applied)
  }

  /** Ticks one after another, and gives what is to be sent meanwhile. */
  tick(ticks = 1): Message[] {
    const sent: Message[] = []
    for (let left = ticks; left > 0; left--) {
      this.node.tick()
      sent.push(...this.work())
    }
    return sent
  }

  /** Steps a message of these fields into it, and gives what it answers. */
  hear(fields: Parameters<typeof message>[0]): Message[] {
    this.node.step(message({ to: this.id, ...fields }))
    return this.work()
  }

  get term(): number {
    return this.node.basicStatus().term
  }
  get role(): string {
    return this.node.basicStatus().role
  }
  get leader(): MemberId {
    return this.node.basicStatus().leader
  }
  get commit(): number {
    return this.node.basicStatus().commit
  }

  /** The terms of all entries in its stable log, from the first one on that is not compacted. */
  get terms(): number[] {
    const entries = this.storage.entries(this.storage.firstIndex(), this.storage.lastIndex() + 1, Infinity)
    return typeof entries === 'string' ? [] : entries.map(({ term }) => term)
  }

  /** The data that were applied; empty entries and configuration changes left out. */
  get data(): string[] {
    return this.applied
      .filter(({ type, data }) => type === 'EntryNormal' && data !== undefined)
      .map(({ data }) => text(data))
  }
}

export class Cluster {
  readonly members: ReadonlyMap<MemberId, Member>
  /** In the order in which they were sent. */
  flying: Message[] = []
  /** What is lost on its way, as long as this stands. */
  loses: (sent: Message) => boolean = () => false

  /** Voters 1 to `size`, or what `kept` says of each. */
  constructor(size: number, options: Options = {}, kept: (id: MemberId) => Kept = () => ({})) {
    const ids = Array.from({ length: size }, (_, at) => at + 1)
    this.members = new Map(
      ids.map((id) => [id, new Member(id, { confState: { voters: ids }, ...kept(id) }, options)] as const),
    )
  }

  at(id: MemberId): Member {
    const found = this.members.get(id)
    if (found === undefined) throw new Error(`there is no member ${id}`)
    return found
  }

  get all(): Member[] {
    return [...this.members.values()]
  }

  get leaders(): Member[] {
    return this.all.filter(({ role }) => role === 'StateLeader')
  }

  /** Everything that is sent arrives, until nobody says anything more. */
  settle(): void {
    for (let round = 0; round < 10_000; round++) {
      for (const each of this.all) this.flying.push(...each.work())
      const next = this.flying.shift()
      if (next === undefined) return
      this.deliver(next)
    }
    throw new Error('the members do not come to rest')
  }

  deliver(sent: Message): void {
    if (this.loses(sent)) return
    try {
      this.members.get(sent.to)?.node.step(sent)
    } catch (error) {
      // Typed refusals of what was passed on, and of answers of those who have left, are the end of that message.
      if (!['raft.peer_not_found', 'raft.proposal_dropped', 'raft.read_dropped'].includes(codeOf(error))) throw error
    }
  }

  tick(id: MemberId, ticks = 1): void {
    for (let left = ticks; left > 0; left--) {
      this.at(id).node.tick()
      this.settle()
    }
  }

  elect(id: MemberId): void {
    this.at(id).node.campaign()
    this.settle()
    if (this.at(id).role !== 'StateLeader') throw new Error(`member ${id} was not elected`)
  }

  propose(id: MemberId, data: string): void {
    this.at(id).node.propose(bytes(data))
    this.settle()
  }

  /** These hear of nobody else and nobody else of them. */
  isolate(...ids: MemberId[]): void {
    this.loses = ({ from, to }) => ids.includes(from) !== ids.includes(to)
  }

  heal(): void {
    this.loses = () => false
  }
}

/** What a message is about, for comparing. */
export const brief = ({ type, to, reject }: Message): string => `${type} ${to}${reject ? ' reject' : ''}`
