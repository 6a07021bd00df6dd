import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MemberId } from '../../../src/raft/core/message.ts'
import {
  type JointConfig,
  type MajorityConfig,
  type VoteResult,
  committedIndex,
  describeMajority,
  formatJoint,
  majorityCommittedIndex,
  majorityOf,
  majorityVoteResult,
  membersOf,
  voteResult,
} from '../../../src/raft/core/quorum.ts'

/** Every set of members of which more than half are in it, found by trying all. */
function quorumsOf(config: MajorityConfig, all: readonly MemberId[]): Set<MemberId>[] {
  return subsets(all).filter((set) => {
    const inIt = [...config].filter((id) => set.has(id)).length
    return config.size === 0 || inIt > config.size / 2
  })
}

function subsets(ids: readonly MemberId[]): Set<MemberId>[] {
  return Array.from({ length: 2 ** ids.length }, (_, bits) => new Set(ids.filter((__, at) => bits & (1 << at))))
}

const jointQuorumsOf = (config: JointConfig, all: readonly MemberId[]): Set<MemberId>[] => {
  const outgoing = new Set(quorumsOf(config.outgoing, all).map(keyOf))
  return quorumsOf(config.incoming, all).filter((set) => outgoing.has(keyOf(set)))
}
const keyOf = (set: Set<MemberId>): string => [...set].toSorted((one, other) => one - other).join()

/** The highest of the indexes that all members of some quorum have reached. */
function bruteCommitted(quorums: readonly Set<MemberId>[], acked: ReadonlyMap<MemberId, number>): number {
  return Math.max(...quorums.map((set) => Math.min(...[...set].map((id) => acked.get(id) ?? 0))))
}

/** Won when some quorum granted already; lost when none can any more, whatever those who are silent say. */
function bruteVote(quorums: readonly Set<MemberId>[], votes: ReadonlyMap<MemberId, boolean>): VoteResult {
  if (quorums.some((set) => [...set].every((id) => votes.get(id) === true))) return 'won'
  return quorums.some((set) => [...set].every((id) => votes.get(id) !== false)) ? 'pending' : 'lost'
}

const id = fc.integer({ min: 1, max: 7 })
const members = fc.uniqueArray(id, { maxLength: 7 }).map((ids) => new Set(ids))
const some = fc.uniqueArray(id, { minLength: 1, maxLength: 7 }).map((ids) => new Set(ids))
const acks = fc.uniqueArray(fc.tuple(id, fc.nat(9)), { selector: ([each]) => each }).map((pairs) => new Map(pairs))
const ballots = fc
  .uniqueArray(fc.tuple(id, fc.boolean()), { selector: ([each]) => each })
  .map((pairs) => new Map(pairs))
const everyone = [1, 2, 3, 4, 5, 6, 7]

describe('a majority', () => {
  it('commits the highest index that all members of some majority have stored', () => {
    fc.assert(
      fc.property(some, acks, (config, acked) => {
        expect(majorityCommittedIndex(config, (each) => acked.get(each))).toBe(
          bruteCommitted(quorumsOf(config, [...config]), acked),
        )
      }),
    )
  })

  it('decides a vote exactly when those who are silent can no longer turn it, in all votes of up to five members', () => {
    for (let size = 1; size <= 5; size++) {
      const config = new Set(everyone.slice(0, size))
      const quorums = quorumsOf(config, [...config])
      for (let code = 0; code < 3 ** size; code++) {
        const digits = Array.from(config, (each, at) => [each, Math.floor(code / 3 ** at) % 3] as const)
        const votes = new Map(digits.filter(([, digit]) => digit < 2).map(([each, digit]) => [each, digit === 1]))
        expect(majorityVoteResult(config, votes)).toBe(bruteVote(quorums, votes))
      }
    }
  })

  it('that is empty limits no index and wins every vote', () => {
    expect(majorityCommittedIndex(new Set(), () => 5)).toBe(Infinity)
    expect(majorityVoteResult(new Set(), new Map([[1, false]]))).toBe('won')
  })

  it('is more than half', () => {
    expect([1, 2, 3, 4, 5, 6, 7].map(majorityOf)).toEqual([1, 2, 2, 3, 3, 4, 4])
  })

  it('shares a member with every other majority of the same members', () => {
    fc.assert(
      fc.property(some, (config) => {
        const quorums = winning({ incoming: config, outgoing: new Set() }, [...config])
        expect(disjoint(quorums, quorums)).toBeUndefined()
      }),
      { numRuns: 20 },
    )
  })
})

const yesOf = (set: ReadonlySet<MemberId>): Map<MemberId, boolean> =>
  new Map(everyone.map((each) => [each, set.has(each)]))

/** The sets that win a vote against all others. */
const winning = (config: JointConfig, all: readonly MemberId[]): Set<MemberId>[] =>
  subsets(all).filter((set) => voteResult(config, yesOf(set)) === 'won')

/** Two quorums that share no member, if there are such. */
const disjoint = (some: readonly Set<MemberId>[], others: readonly Set<MemberId>[]): string | undefined => {
  for (const one of some)
    for (const other of others) if (one.isDisjointFrom(other)) return `${keyOf(one)} and ${keyOf(other)}`
  return undefined
}

describe('a joint configuration', () => {
  it('commits the highest index that all members of some set have stored which is a majority in both halves', () => {
    fc.assert(
      fc.property(some, members, acks, (incoming, outgoing, acked) => {
        const config = { incoming, outgoing }
        expect(committedIndex(config, (each) => acked.get(each))).toBe(
          bruteCommitted(jointQuorumsOf(config, membersOf(config)), acked),
        )
      }),
    )
  })

  it('decides a vote exactly when those who are silent can no longer turn it', () => {
    fc.assert(
      fc.property(some, members, ballots, (incoming, outgoing, votes) => {
        const config = { incoming, outgoing }
        const wanted = bruteVote(jointQuorumsOf(config, membersOf(config)), votes)
        expect(voteResult(config, votes)).toBe(wanted)
      }),
      { numRuns: 500 },
    )
  })

  it('treats its halves alike', () => {
    fc.assert(
      fc.property(members, members, acks, ballots, (one, other, acked, votes) => {
        const [config, turned] = [
          { incoming: one, outgoing: other },
          { incoming: other, outgoing: one },
        ]
        const of = (each: MemberId) => acked.get(each)
        expect(committedIndex(config, of)).toBe(committedIndex(turned, of))
        expect(voteResult(config, votes)).toBe(voteResult(turned, votes))
      }),
    )
  })

  it('with an empty or an equal half is that half', () => {
    fc.assert(
      fc.property(members, acks, ballots, (half, acked, votes) => {
        const of = (each: MemberId) => acked.get(each)
        for (const outgoing of [new Set<MemberId>(), half]) {
          expect(committedIndex({ incoming: half, outgoing }, of)).toBe(majorityCommittedIndex(half, of))
          expect(voteResult({ incoming: half, outgoing }, votes)).toBe(majorityVoteResult(half, votes))
        }
      }),
    )
  })

  it('shares a member with every majority of the configuration before and after it, thesis 4.3', () => {
    fc.assert(
      fc.property(some, some, (incoming, outgoing) => {
        const all = membersOf({ incoming, outgoing })
        const joint = winning({ incoming, outgoing }, all)
        for (const neighbour of [incoming, outgoing])
          expect(disjoint(joint, winning({ incoming: neighbour, outgoing: new Set() }, all))).toBeUndefined()
      }),
      { numRuns: 30 },
    )
  })

  it('of one member more or less than another shares a member with it in every quorum, thesis 4.1', () => {
    fc.assert(
      fc.property(some, id, (config, changed) => {
        const next = config.symmetricDifference(new Set([changed]))
        fc.pre(next.size > 0)
        const all = [...config.union(next)]
        const [before, after] = [config, next].map((incoming) => winning({ incoming, outgoing: new Set() }, all))
        expect(disjoint(before ?? [], after ?? [])).toBeUndefined()
      }),
      { numRuns: 30 },
    )
  })

  it('never turns a vote that is decided by another answer', () => {
    fc.assert(
      fc.property(members, members, ballots, id, fc.boolean(), (incoming, outgoing, votes, voter, granted) => {
        fc.pre(!votes.has(voter))
        const before = voteResult({ incoming, outgoing }, votes)
        const after = voteResult({ incoming, outgoing }, new Map([...votes, [voter, granted]]))
        expect(before === 'pending' || after === before).toBe(true)
      }),
    )
  })
})

describe('the texts of quorums', () => {
  it('name the members in ascending order, both halves', () => {
    expect(formatJoint({ incoming: new Set([10, 9, 1]), outgoing: new Set() })).toBe('(1 9 10)')
    expect(formatJoint({ incoming: new Set([2]), outgoing: new Set([3, 1]) })).toBe('(2)&&(1 3)')
  })

  it('draw a bar as long as there are members behind, the same for equals', () => {
    const acked = new Map([
      [1, 7],
      [2, 7],
      [4, 9],
    ])
    expect(describeMajority(new Set([4, 3, 2, 1]), (each) => acked.get(each))).toBe(
      [
        '        idx',
        'x>        7    (id=1)',
        'x>        7    (id=2)',
        '?         0    (id=3)',
        'xxx>      9    (id=4)',
        '',
      ].join('\n'),
    )
  })
})
