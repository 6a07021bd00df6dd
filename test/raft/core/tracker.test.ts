import { describe, expect, it } from 'vitest'
import { Changer, restore } from '../../../src/raft/core/changer.ts'
import { type ConfState, emptyConfState } from '../../../src/raft/core/message.ts'
import { ProgressTracker, formatConfig, formatProgress } from '../../../src/raft/core/tracker.ts'

function trackerOf(state: Partial<ConfState>): ProgressTracker {
  const tracker = new ProgressTracker(8, 0)
  tracker.adopt(restore(new Changer(tracker, 10), { ...emptyConfState, ...state }))
  return tracker
}

function acknowledge(tracker: ProgressTracker, matches: Readonly<Record<number, number>>): void {
  for (const [id, match] of Object.entries(matches)) tracker.progress.get(Number(id))?.maybeUpdate(match)
}

describe('the tracker', () => {
  it('counts what a majority of the voters acknowledged, and no learner', () => {
    const tracker = trackerOf({ voters: [1, 2, 3], learners: [4, 5] })
    acknowledge(tracker, { 1: 9, 4: 9, 5: 9 })
    expect(tracker.committed()).toBe(0)
    acknowledge(tracker, { 2: 7 })
    expect(tracker.committed()).toBe(7)
  })

  it('counts both halves of a joint configuration', () => {
    const tracker = trackerOf({ voters: [1, 2, 3], votersOutgoing: [1, 4, 5] })
    acknowledge(tracker, { 1: 9, 2: 9, 3: 9 })
    expect(tracker.committed()).toBe(0)
    acknowledge(tracker, { 5: 6 })
    expect(tracker.committed()).toBe(6)
  })

  it('holds a quorum for active by its voters only', () => {
    const tracker = trackerOf({ voters: [1, 2, 3], learners: [4, 5] })
    for (const id of [2, 3]) Object.assign(tracker.progress.get(id) ?? {}, { recentActive: false })
    expect(tracker.quorumActive()).toBe(false)
    Object.assign(tracker.progress.get(3) ?? {}, { recentActive: true })
    expect(tracker.quorumActive()).toBe(true)
  })

  it('counts the first vote of each member, section 5.2', () => {
    const tracker = trackerOf({ voters: [1, 2, 3] })
    tracker.recordVote(1, true)
    tracker.recordVote(2, false)
    tracker.recordVote(2, true)
    expect(tracker.tallyVotes()).toEqual({ granted: 1, rejected: 1, result: 'pending' })
    tracker.recordVote(3, false)
    expect(tracker.tallyVotes()).toEqual({ granted: 1, rejected: 2, result: 'lost' })
    tracker.resetVotes()
    expect(tracker.tallyVotes()).toEqual({ granted: 0, rejected: 0, result: 'pending' })
  })

  it('counts no vote of a learner or of a stranger', () => {
    const tracker = trackerOf({ voters: [1, 2, 3], learners: [4] })
    for (const id of [1, 4, 9]) tracker.recordVote(id, true)
    expect(tracker.tallyVotes()).toEqual({ granted: 1, rejected: 0, result: 'pending' })
  })

  it('goes through its members in ascending order, in whatever order they came', () => {
    const tracker = trackerOf({ voters: [30, 4], learners: [12] })
    tracker.adopt(new Changer(tracker, 10).simple([{ type: 'ConfChangeAddNode', nodeId: 7 }]))
    const seen: number[] = []
    tracker.visit((id) => seen.push(id))
    expect(seen).toEqual([4, 7, 12, 30])
    expect([tracker.voterNodes(), tracker.learnerNodes()]).toEqual([[4, 7, 30], [12]])
  })

  it('is a singleton with one voter and no outgoing half', () => {
    expect(trackerOf({ voters: [1], learners: [2] }).isSingleton).toBe(true)
    expect(trackerOf({ voters: [1], votersOutgoing: [1] }).isSingleton).toBe(false)
    expect(trackerOf({ voters: [1, 2] }).isSingleton).toBe(false)
    expect(trackerOf({}).isSingleton).toBe(false)
  })

  it('without members limits no index', () => {
    expect(trackerOf({}).committed()).toBe(Infinity)
  })

  it('prints its configuration and its members', () => {
    const state = { voters: [2, 3], votersOutgoing: [1, 2], learners: [5, 4], learnersNext: [1], autoLeave: true }
    const tracker = trackerOf(state)
    expect(formatConfig(tracker.config)).toBe('voters=(2 3)&&(1 2) learners=(4 5) learners_next=(1) autoleave')
    expect(tracker.confState()).toEqual({ ...state, learners: [4, 5] })
    expect(formatProgress(trackerOf({ voters: [10, 9] }).progress)).toBe(
      '9: StateProbe match=0 next=10\n10: StateProbe match=0 next=10\n',
    )
  })
})
