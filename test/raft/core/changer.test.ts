import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Changer, restore } from '../../../src/raft/core/changer.ts'
import { formatConfChanges, parseConfChanges } from '../../../src/raft/core/conf-change.ts'
import { type ConfChangeSingle, type ConfState, emptyConfState } from '../../../src/raft/core/message.ts'
import { ascending, voteResult } from '../../../src/raft/core/quorum.ts'
import { type Membership, ProgressTracker, confStateOf, formatConfig } from '../../../src/raft/core/tracker.ts'
import { ConfChangeRefused } from '../../../src/raft/error.ts'

function trackerOf(state: Partial<ConfState>): ProgressTracker {
  const tracker = new ProgressTracker(8, 0)
  tracker.adopt(restore(new Changer(tracker, 10), { ...emptyConfState, ...state }))
  return tracker
}

const single = fc.record({
  type: fc.constantFrom<ConfChangeSingle['type']>(
    'ConfChangeAddNode',
    'ConfChangeAddLearnerNode',
    'ConfChangeRemoveNode',
    'ConfChangeUpdateNode',
  ),
  nodeId: fc.nat(6),
})
const step = fc.oneof(
  fc.record({ do: fc.constant('simple' as const), changes: fc.array(single, { maxLength: 3 }) }),
  fc.record({
    do: fc.constant('enter' as const),
    changes: fc.array(single, { maxLength: 6 }),
    autoLeave: fc.boolean(),
  }),
  fc.record({ do: fc.constant('leave' as const) }),
)

/** Makes the steps that are not refused, one after another, and calls back after each. */
function walk(
  steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[],
  after: (tracker: ProgressTracker, before: Membership) => void,
): void {
  const tracker = trackerOf({ voters: [1, 2, 3] })
  for (const each of steps) {
    const before: Membership = { config: tracker.config, progress: tracker.progress }
    const changer = new Changer(tracker, 20)
    try {
      if (each.do === 'simple') tracker.adopt(changer.simple(each.changes))
      else if (each.do === 'enter') tracker.adopt(changer.enterJoint(each.autoLeave, each.changes))
      else tracker.adopt(changer.leaveJoint())
    } catch (error) {
      if (!(error instanceof ConfChangeRefused)) throw error
    }
    after(tracker, before)
  }
}

/** Members who are a quorum of one while all others are a quorum of the other, if there are such. */
function split(one: Membership, other: Membership): string | undefined {
  const all = [1, 2, 3, 4, 5, 6]
  for (let bits = 0; bits < 2 ** all.length; bits++) {
    const votes = new Map(all.map((id, at) => [id, (bits & (1 << at)) > 0]))
    const others = new Map(Array.from(votes, ([id, vote]) => [id, !vote]))
    if (voteResult(one.config.voters, votes) === 'won' && voteResult(other.config.voters, others) === 'won')
      return `${formatConfig(one.config)} and ${formatConfig(other.config)}`
  }
  return undefined
}

describe('changes of the configuration', () => {
  it('never leave a group without voters, a member in two roles, or one without progress', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        walk(steps, ({ config, progress }) => {
          const { incoming, outgoing } = config.voters
          const voters = incoming.union(outgoing)
          expect(incoming.size).toBeGreaterThan(0)
          expect(voters.isDisjointFrom(config.learners)).toBe(true)
          expect(config.learnersNext.isSubsetOf(outgoing)).toBe(true)
          expect(config.learnersNext.isDisjointFrom(incoming)).toBe(true)
          expect(ascending(progress.keys())).toEqual(ascending(voters.union(config.learners)))
          for (const [id, each] of progress) expect(each.isLearner).toBe(config.learners.has(id))
          expect(outgoing.size > 0 || (!config.autoLeave && config.learnersNext.size === 0)).toBe(true)
        })
      }),
    )
  })

  it('never lead to a configuration whose quorum can do without one of the quorum before, thesis 4.1 and 4.3', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        walk(steps, (tracker, before) => {
          expect(split(before, tracker)).toBeUndefined()
        })
      }),
      { numRuns: 60 },
    )
  })

  it('lead to nothing that a ConfState cannot say: it is restored as it was', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        walk(steps, (tracker) => {
          const restored = restore(new Changer(new ProgressTracker(8, 0), 20), tracker.confState())
          expect(confStateOf(restored.config)).toEqual(tracker.confState())
          expect(ascending(restored.progress.keys())).toEqual(ascending(tracker.progress.keys()))
        })
      }),
    )
  })

  it('that are refused leave progress as it was', () => {
    const tracker = trackerOf({ voters: [1, 2], learners: [3] })
    const before = [...tracker.progress].map(String)
    expect(() => new Changer(tracker, 20).simple(parseConfChanges('v3 l1 r2'))).toThrow(ConfChangeRefused)
    expect([...tracker.progress].map(String)).toEqual(before)
  })

  it('keep what is known of the log of a member who changes its role', () => {
    const tracker = trackerOf({ voters: [1, 2] })
    tracker.progress.get(2)?.maybeUpdate(15)
    tracker.adopt(new Changer(tracker, 20).simple(parseConfChanges('l2')))
    expect(tracker.progress.get(2)).toMatchObject({ match: 15, next: 16, isLearner: true })
    tracker.adopt(new Changer(tracker, 30).simple(parseConfChanges('v2')))
    expect(tracker.progress.get(2)).toMatchObject({ match: 15, next: 16, isLearner: false })
  })

  it('begin with a new member at the last entry, and count it as active until the next check', () => {
    const tracker = trackerOf({ voters: [1] })
    tracker.adopt(new Changer(tracker, 20).simple(parseConfChanges('v2')))
    expect(tracker.progress.get(2)).toMatchObject({ match: 0, next: 20, recentActive: true, state: 'StateProbe' })
  })

  it.each(['v0', 'l0', 'r0', 'u0'])('do not notice nobody: %s', (change) => {
    const tracker = trackerOf({ voters: [1] })
    tracker.adopt(new Changer(tracker, 20).simple(parseConfChanges(change)))
    expect([formatConfig(tracker.config), tracker.progress.size]).toEqual(['voters=(1)', 1])
  })

  it.each([
    ['simple', { voters: [1, 2] }, 'v3 v4', 'more than one voter changed without entering joint config'],
    ['simple', { voters: [1, 2] }, 'r1 r2', 'removed all voters'],
    ['simple', { voters: [1], votersOutgoing: [2] }, 'v3', "can't apply simple config change in joint config"],
    ['enter', { voters: [1], votersOutgoing: [2] }, 'v3', 'config is already joint'],
    ['enter', {}, 'v3', "can't make a zero-voter config joint"],
    ['enter', { voters: [1] }, 'l1', 'removed all voters'],
    ['leave', { voters: [1] }, '', "can't leave a non-joint config"],
  ] as const)('are refused: %s on %o by %s', (how, state, text, reason) => {
    const changer = new Changer(trackerOf(state), 20)
    const changes = parseConfChanges(text)
    const act = () =>
      how === 'simple'
        ? changer.simple(changes)
        : how === 'enter'
          ? changer.enterJoint(false, changes)
          : changer.leaveJoint()
    expect(act).toThrow(expect.objectContaining({ code: 'raft.conf_change_refused', reason }))
  })

  it.each<Partial<ConfState>>([
    { voters: [1], learners: [1] },
    { voters: [1], learnersNext: [2] },
    { voters: [1], autoLeave: true },
    { learners: [2] },
    { voters: [1], votersOutgoing: [2], learners: [2] },
  ])('that do not lead to %j are refused when it is restored', (state) => {
    expect(() => trackerOf(state)).toThrow(expect.objectContaining({ code: 'raft.conf_change_refused' }))
  })
})

describe('the texts of changes', () => {
  it('are read as they are written', () => {
    fc.assert(
      fc.property(fc.array(single), (changes) => {
        expect(parseConfChanges(formatConfChanges(changes))).toEqual(changes)
      }),
    )
  })

  it.each(['x1', 'v', 'v-1', 'v1.5', 'v9007199254740992', 'v1,l2', '1'])('are refused: %s', (text) => {
    expect(() => parseConfChanges(text)).toThrow(expect.objectContaining({ code: 'raft.invalid_conf_change' }))
  })
})
