import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../../../src/base/error.ts'
import { seededRandom } from '../../../src/base/random.ts'
import type { RaftConfig } from '../../../src/raft/core/config.ts'
import type { RaftEvent } from '../../../src/raft/core/event.ts'
import { MemoryStorage } from '../../../src/raft/core/memory-storage.ts'
import {
  type Message,
  type MessageType,
  appendThread,
  emptyConfState,
  message,
} from '../../../src/raft/core/message.ts'
import { RawNode } from '../../../src/raft/core/raw-node.ts'
import { Cluster, bytes } from './cluster.ts'

const codeWhen = (run: () => void): string => {
  try {
    run()
  } catch (error) {
    return codeOf(error)
  }
  return 'none'
}

function storageOf(voters: readonly number[], learners: readonly number[] = []): MemoryStorage {
  const storage = new MemoryStorage()
  storage.applySnapshot({ metadata: { index: 1, term: 1, confState: { ...emptyConfState, voters, learners } } })
  return storage
}

function nodeOf(config: Partial<RaftConfig> = {}): RawNode {
  const storage = storageOf([1, 2, 3])
  return new RawNode({ id: 1, electionTick: 10, heartbeatTick: 1, storage, random: seededRandom(1), ...config })
}

describe('the options of a member', () => {
  const wrong: readonly (readonly [string, Partial<RaftConfig>])[] = [
    ['id', { id: 0 }],
    ['id', { id: -1 }],
    ['id', { id: 1.5 }],
    ['heartbeatTick', { heartbeatTick: 0 }],
    ['electionTick', { electionTick: 1 }],
    ['electionTick', { electionTick: 2 ** 33 }],
    ['maxInflightMsgs', { maxInflightMsgs: 0 }],
    ['maxPendingReads', { maxPendingReads: 0 }],
    ['maxInflightBytes', { maxInflightBytes: 10, maxSizePerMsg: 11 }],
    ['maxSizePerMsg', { maxSizePerMsg: -1 }],
    ['checkQuorum', { readOnlyOption: 'lease' }],
    ['readOnlyOption', { readOnlyOption: 'never' as 'lease' }],
    ['storage', { storage: undefined as unknown as MemoryStorage }],
    ['applied', { applied: -1 }],
  ]
  it.each(wrong)('are refused when %s is wrong: %o', (option, config) => {
    expect(() => nodeOf(config)).toThrow(expect.objectContaining({ code: 'raft.invalid_config', option }))
  })

  it('are refused when what they say was applied is not committed', () => {
    expect(codeWhen(() => nodeOf({ applied: 9 }))).toBe('raft.broken_invariant')
  })

  it('are refused when the storage has lost what was committed', () => {
    const storage = storageOf([1])
    storage.setHardState({ term: 1, vote: 0, commit: 5 })
    expect(codeWhen(() => nodeOf({ storage }))).toBe('raft.broken_invariant')
  })
})

describe('a message from outside', () => {
  const heard = { term: 1, from: 2, to: 1 }
  const wrong: readonly (readonly [string, Partial<Message>])[] = [
    ['type', { ...heard, type: 'MsgNothing' as MessageType }],
    ['type', { ...heard, type: 'toString' as MessageType }],
    ['term', { ...heard, type: 'MsgHeartbeat', term: -1 }],
    ['term', { ...heard, type: 'MsgHeartbeat', term: 2 ** 53 }],
    ['term', { ...heard, type: 'MsgApp', term: 0 }],
    ['from', { ...heard, type: 'MsgVote', from: 0 }],
    ['from', { ...heard, type: 'MsgVote', from: NaN }],
    ['to', { ...heard, type: 'MsgVoteResp', to: 3 }],
    ['index', { ...heard, type: 'MsgApp', index: 0.5 }],
    ['commit', { ...heard, type: 'MsgHeartbeat', commit: Infinity }],
    ['entries', { ...heard, type: 'MsgProp', term: 0 }],
    ['entries', { ...heard, type: 'MsgReadIndex', term: 0 }],
    ['entries', { ...heard, type: 'MsgApp', index: 1, entries: [{ term: 1, index: 3, type: 'EntryNormal' }] }],
    ['entries', { ...heard, type: 'MsgApp', index: 1, entries: [{ term: 2, index: 2, type: 'EntryNormal' }] }],
    ['entries', { ...heard, type: 'MsgApp', entries: [{ term: 1, index: 1, type: 'Entry' as 'EntryNormal' }] }],
    ['entries', { ...heard, type: 'MsgApp', entries: 5 as unknown as [] }],
    ['snapshot', { ...heard, type: 'MsgSnap' }],
    [
      'snapshot',
      {
        ...heard,
        type: 'MsgSnap',
        snapshot: { metadata: { index: 9, term: 1, confState: { ...emptyConfState, voters: [1, 0] } } },
      },
    ],
    [
      'snapshot.metadata.term',
      {
        ...heard,
        type: 'MsgSnap',
        snapshot: { metadata: { index: 9, term: heard.term + 1, confState: { ...emptyConfState, voters: [1, 2] } } },
      },
    ],
    // An answer without its term would count in any.
    ...(
      ['MsgAppResp', 'MsgVoteResp', 'MsgPreVoteResp', 'MsgHeartbeatResp', 'MsgReadIndexResp', 'MsgTimeoutNow'] as const
    ).map((type) => ['term', { ...heard, type, term: 0 }] as const),
  ]
  it.each(wrong)('is refused when its %s cannot be, and changes nothing: %o', (field, fields) => {
    const node = nodeOf()
    const before = node.status()
    expect(() => node.step({ ...message({ type: 'MsgBeat' }), ...fields })).toThrow(
      expect.objectContaining({ code: 'raft.invalid_message', field }),
    )
    expect(node.status()).toEqual(before)
    expect(node.hasReady()).toBe(false)
  })

  it.each(['MsgHup', 'MsgBeat', 'MsgCheckQuorum', 'MsgUnreachable', 'MsgSnapStatus'] as const)(
    'is refused when only a member itself says it: %s',
    (type) => {
      expect(codeWhen(() => nodeOf().step(message({ type, from: 2 })))).toBe('raft.step_local')
    },
  )

  it.each(['MsgAppResp', 'MsgVoteResp', 'MsgHeartbeatResp', 'MsgReadIndexResp', 'MsgPreVoteResp'] as const)(
    'is refused when it answers, and its sender is no member: %s',
    (type) => {
      expect(codeWhen(() => nodeOf().step(message({ type, from: 9, term: 1 })))).toBe('raft.peer_not_found')
    },
  )

  it('with a configuration that cannot be leaves log and configuration as they were', () => {
    const node = nodeOf()
    const confState = { ...emptyConfState, voters: [1, 2], learners: [1] }
    const snapshot = { metadata: { index: 9, term: 1, confState } }
    expect(codeWhen(() => node.step(message({ type: 'MsgSnap', from: 2, to: 1, term: 1, snapshot })))).toBe(
      'raft.conf_change_refused',
    )
    expect([...node.status().config.voters.incoming]).toEqual([1, 2, 3])
    expect(node.status().lastIndex).toBe(1)
  })

  it('never makes the member throw anything but typed errors, whatever its numbers are', () => {
    const types = fc.constantFrom<MessageType>('MsgApp', 'MsgAppResp', 'MsgVote', 'MsgVoteResp', 'MsgHeartbeatResp')
    const number = fc.oneof(fc.nat(5), fc.maxSafeNat(), fc.constant(-1), fc.double())
    const fields = fc.record({ type: types, from: fc.nat(4), term: number, index: number, logTerm: number })
    fc.assert(
      fc.property(fc.array(fc.tuple(fields, number, fc.boolean()), { maxLength: 8 }), (all) => {
        const node = nodeOf()
        node.campaign()
        for (const [each, rejectHint, reject] of all) {
          const code = codeWhen(() => node.step(message({ ...each, rejectHint, reject })))
          expect(['none', 'raft.invalid_message', 'raft.peer_not_found']).toContain(code)
        }
      }),
    )
  })

  it('of an earlier term is answered where its sender would be stuck otherwise, and dropped elsewhere', () => {
    const node = nodeOf({ preVote: true })
    node.step(message({ type: 'MsgHeartbeat', from: 3, to: 1, term: 5 }))
    node.ready()
    node.advance()
    const answersTo = (type: MessageType) => {
      node.step(message({ type, from: 2, to: 1, term: 2, index: 9, logTerm: 9 }))
      const { messages } = node.ready()
      node.advance()
      return messages.map((each) => [each.type, each.to, each.term, each.reject])
    }
    // A candidate with a longer log hears of the later term, and so does a leader that others still follow.
    expect(answersTo('MsgPreVote')).toEqual([['MsgPreVoteResp', 2, 5, true]])
    expect(answersTo('MsgApp')).toEqual([['MsgAppResp', 2, 5, false]])
    expect(answersTo('MsgHeartbeat')).toEqual([['MsgAppResp', 2, 5, false]])
    expect(answersTo('MsgVote')).toEqual([])
    expect(node.basicStatus()).toMatchObject({ term: 5, leader: 3 })
  })

  it('acknowledging more than the leader has is refused', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    const { node, term } = cluster.at(1)
    const late = message({ type: 'MsgAppResp', from: 2, to: 1, term, index: 99 })
    expect(() => node.step(late)).toThrow(expect.objectContaining({ code: 'raft.invalid_message', field: 'index' }))
    expect(node.status().progress.get(2)?.match).toBe(1)
  })
})

describe('the effects', () => {
  it('come one Ready after another', () => {
    const node = nodeOf()
    node.campaign()
    expect(codeWhen(() => node.advance())).toBe('raft.out_of_order')
    node.ready()
    expect(codeWhen(() => node.ready())).toBe('raft.out_of_order')
    node.advance()
    expect(codeWhen(() => node.ready())).toBe('none')
  })

  it('are not advanced with asynchronous storage', () => {
    const node = nodeOf({ asyncStorageWrites: true })
    node.campaign()
    node.ready()
    expect(codeWhen(() => node.advance())).toBe('raft.out_of_order')
    expect(codeWhen(() => node.ready())).toBe('none')
  })

  it('must be synced when term, vote or entries change, not for a commit alone', () => {
    const storage = storageOf([1])
    const node = nodeOf({ storage })
    node.campaign()
    expect(node.ready()).toMatchObject({ mustSync: true, hardState: { term: 1, vote: 1 }, entries: [] })
    node.advance()
    const ready = node.ready()
    expect(ready).toMatchObject({ mustSync: true, hardState: undefined, entries: [{ index: 2 }] })
    storage.append(ready.entries)
    node.advance()
    expect(node.ready()).toMatchObject({ mustSync: false, hardState: { commit: 2 }, committedEntries: [{ index: 2 }] })
  })

  it('of a single voter hold no entry as committed before it is stored', () => {
    const storage = storageOf([1])
    const node = nodeOf({ storage })
    node.campaign()
    node.ready()
    node.advance()
    node.propose(bytes('x'))
    const { entries, committedEntries, hardState } = node.ready()
    expect(entries.map(({ index }) => index)).toEqual([2, 3])
    expect([committedEntries, hardState]).toEqual([[], undefined])
  })

  it('are none when nothing happened', () => {
    const node = nodeOf()
    expect(node.hasReady()).toBe(false)
    node.tick()
    expect(node.hasReady()).toBe(false)
  })

  it('answer a vote only beside the vote that is to be stored', () => {
    const node = nodeOf()
    node.step(message({ type: 'MsgVote', from: 2, to: 1, term: 5, index: 1, logTerm: 1 }))
    const ready = node.ready()
    expect(ready).toMatchObject({ mustSync: true, hardState: { term: 5, vote: 2 } })
    expect(ready.messages).toMatchObject([{ type: 'MsgVoteResp', to: 2, term: 5, reject: false }])
  })

  it('must be synced for a vote in a term that is stored already', () => {
    const storage = storageOf([1, 2, 3])
    storage.setHardState({ term: 5, vote: 0, commit: 1 })
    const node = nodeOf({ storage })
    node.step(message({ type: 'MsgVote', from: 2, to: 1, term: 5, index: 1, logTerm: 1 }))
    expect(node.ready()).toMatchObject({ mustSync: true, hardState: { term: 5, vote: 2 } })
  })

  it('of the storage thread cannot be forged by the number of a member', () => {
    const forged = message({ type: 'MsgStorageAppendResp', from: 2, to: 1, term: 1, index: 1 })
    expect(codeWhen(() => nodeOf().step(forged))).toBe('raft.step_local')
    expect(codeWhen(() => nodeOf().step({ ...forged, from: appendThread }))).toBe('none')
  })
})

describe('whoever observes a member', () => {
  it('hears which entries gave way to those of a leader', () => {
    const events: RaftEvent[] = []
    const node = nodeOf({ observe: (event) => events.push(event) })
    const append = (term: number, first: number, count: number) => {
      const entries = Array.from({ length: count }, (_, at) => ({
        term,
        index: first + at,
        type: 'EntryNormal' as const,
      }))
      node.step(message({ type: 'MsgApp', from: 2, to: 1, term, index: first - 1, logTerm: 1, entries }))
    }
    append(1, 2, 3)
    append(1, 2, 2)
    append(2, 4, 2)
    expect(events.filter(({ type }) => type === 'log_truncated')).toEqual([
      { type: 'log_truncated', index: 4, lastIndex: 4 },
    ])
  })

  it('hears of elections, votes, roles, proposals that were dropped, and what was outdated', () => {
    const events: RaftEvent[] = []
    const node = nodeOf({ observe: (event) => events.push(event) })
    events.length = 0
    expect(codeWhen(() => node.propose(bytes('x')))).toBe('raft.proposal_dropped')
    node.campaign()
    node.step(message({ type: 'MsgHeartbeat', from: 3, to: 1, term: 4 }))
    node.step(message({ type: 'MsgVote', from: 2, to: 1, term: 4, index: 1, logTerm: 1 }))
    node.step(message({ type: 'MsgVoteResp', from: 2, to: 1, term: 1 }))
    expect(events.map(({ type }) => type)).toEqual([
      'proposal_dropped',
      'role_changed',
      'election_begun',
      'role_changed',
      'vote_refused',
      'message_outdated',
    ])
  })
})
