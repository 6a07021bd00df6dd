import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Inflights } from '../../../src/raft/core/inflights.ts'
import { Progress } from '../../../src/raft/core/progress.ts'

function progress(match: number, next: number, countMax = 4, bytesMax = 0): Progress {
  const each = new Progress(match, next, new Inflights(countMax, bytesMax))
  each.recentActive = true
  return each
}

function replicating(match: number, countMax = 4, bytesMax = 0): Progress {
  const each = progress(match, match + 1, countMax, bytesMax)
  each.becomeReplicate()
  return each
}

describe('inflights', () => {
  it('are a queue with a bound on messages and one on bytes, whatever is done to them', () => {
    const action = fc.oneof(
      fc.record({ do: fc.constant('add' as const), by: fc.integer({ min: 1, max: 3 }), bytes: fc.nat(50) }),
      fc.record({ do: fc.constant('free' as const), to: fc.nat(60) }),
      fc.record({ do: fc.constant('reset' as const) }),
    )
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.nat(300),
        fc.array(action, { maxLength: 120 }),
        (countMax, bytesMax, actions) => {
          const inflights = new Inflights(countMax, bytesMax)
          let model: { index: number; bytes: number }[] = []
          let last = 0
          for (const each of actions) {
            if (each.do === 'reset') {
              inflights.reset()
              model = []
            } else if (each.do === 'free') {
              inflights.freeTo(each.to)
              model = model.filter(({ index }) => index > each.to)
            } else if (!inflights.full) {
              last += each.by
              inflights.add(last, each.bytes)
              model.push({ index: last, bytes: each.bytes })
            }
            const bytes = model.reduce((sum, one) => sum + one.bytes, 0)
            expect([inflights.count, inflights.bytes]).toEqual([model.length, bytes])
            expect(inflights.full).toBe(model.length === countMax || (bytesMax > 0 && bytes >= bytesMax))
          }
        },
      ),
    )
  })

  it('that are full take no message', () => {
    const inflights = new Inflights(1, 0)
    inflights.add(1, 1)
    expect(() => inflights.add(2, 1)).toThrow(expect.objectContaining({ code: 'raft.broken_invariant' }))
  })

  it('let the message through that passes the bound on bytes, and none after it', () => {
    const inflights = new Inflights(10, 100)
    inflights.add(1, 99)
    expect(inflights.full).toBe(false)
    inflights.add(2, 1000)
    expect(inflights.full).toBe(true)
  })

  it('keep their order when they grow with their beginning in the middle', () => {
    const inflights = new Inflights(100, 0)
    for (let index = 1; index <= 8; index++) inflights.add(index, index)
    inflights.freeTo(5)
    for (let index = 9; index <= 20; index++) inflights.add(index, index)
    inflights.freeTo(12)
    expect([inflights.count, inflights.bytes]).toEqual([8, 13 + 14 + 15 + 16 + 17 + 18 + 19 + 20])
  })
})

describe('progress while it probes', () => {
  it('pauses behind an append with entries and leaves next where it is', () => {
    const each = progress(0, 5)
    each.sentEntries(2, 10)
    expect([each.next, each.isPaused, each.inflights.count]).toEqual([5, true, 0])
  })

  it('does not pause behind an empty append', () => {
    const each = progress(0, 5)
    each.sentEntries(0, 0)
    expect(each.isPaused).toBe(false)
  })

  it('goes back to where the logs may agree when the probe that is under way is refused, and goes on', () => {
    const each = progress(2, 10)
    each.sentEntries(1, 1)
    expect(each.maybeDecreaseTo(9, 5)).toBe(true)
    expect([each.next, each.isPaused]).toEqual([6, false])
  })

  it('goes back behind what is known to match, never into it', () => {
    const each = progress(4, 6)
    expect(each.maybeDecreaseTo(5, 0)).toBe(true)
    expect(each.next).toBe(5)
  })

  it('goes back by one at the least, whatever the hint says', () => {
    const each = progress(0, 10)
    expect(each.maybeDecreaseTo(9, 100)).toBe(true)
    expect(each.next).toBe(9)
  })

  it('takes no notice of a refusal of another probe than the one under way', () => {
    const each = progress(0, 10)
    each.sentEntries(1, 1)
    expect([8, 10].map((rejected) => each.maybeDecreaseTo(rejected, 3))).toEqual([false, false])
    expect([each.next, each.isPaused]).toEqual([10, true])
  })
})

describe('progress while it replicates', () => {
  it('lets appends follow each other without waiting', () => {
    const each = replicating(3)
    each.sentEntries(2, 10)
    each.sentEntries(3, 10)
    expect([each.next, each.isPaused, each.inflights.count]).toEqual([9, false, 2])
  })

  it('pauses when the window of messages is full, and goes on with an acknowledgement', () => {
    const each = replicating(0, 2)
    each.sentEntries(1, 1)
    each.sentEntries(1, 1)
    expect(each.isPaused).toBe(true)
    expect(each.maybeUpdate(1)).toBe(true)
    each.inflights.freeTo(1)
    expect([each.isPaused, each.inflights.full]).toEqual([false, false])
  })

  it('pauses when the window of bytes is full', () => {
    const each = replicating(0, 10, 100)
    each.sentEntries(1, 100)
    expect(each.isPaused).toBe(true)
  })

  it('goes back behind what matches when an append is refused', () => {
    const each = replicating(5)
    each.sentEntries(4, 1)
    expect(each.maybeDecreaseTo(9, 7)).toBe(true)
    expect(each.next).toBe(6)
  })

  it('takes no notice of a refusal of what was acknowledged since', () => {
    const each = replicating(5)
    each.sentEntries(4, 1)
    expect(each.maybeDecreaseTo(5, 3)).toBe(false)
    expect(each.next).toBe(10)
  })
})

describe('progress while a snapshot is under way', () => {
  it('is paused, and sending entries is a broken invariant', () => {
    const each = progress(0, 5)
    each.becomeSnapshot(20)
    expect([each.isPaused, each.next, each.pendingSnapshot]).toEqual([true, 21, 20])
    expect(() => each.sentEntries(1, 1)).toThrow(expect.objectContaining({ code: 'raft.broken_invariant' }))
  })

  it('probes behind the snapshot when that is over', () => {
    const each = progress(3, 5)
    each.becomeSnapshot(20)
    each.becomeProbe()
    expect([each.state, each.next, each.pendingSnapshot, each.isPaused]).toEqual(['StateProbe', 21, 0, false])
  })

  it('probes behind what matches when that is further', () => {
    const each = progress(3, 5)
    each.becomeSnapshot(20)
    each.maybeUpdate(30)
    each.becomeProbe()
    expect(each.next).toBe(31)
  })
})

describe('progress', () => {
  it('forgets what was under way with each change of its state', () => {
    for (const change of [
      (each: Progress) => each.becomeProbe(),
      (each: Progress) => each.becomeReplicate(),
      (each: Progress) => each.becomeSnapshot(9),
    ]) {
      const each = replicating(2, 1)
      each.sentEntries(3, 7)
      change(each)
      expect([each.inflights.count, each.inflights.bytes, each.msgAppFlowPaused]).toEqual([0, 0, false])
    }
  })

  it('takes an acknowledgement that is not higher than the last as old', () => {
    const each = progress(5, 9)
    expect([each.maybeUpdate(5), each.maybeUpdate(4), each.match]).toEqual([false, false, 5])
    expect([each.maybeUpdate(6), each.match, each.next]).toEqual([true, 6, 9])
    expect([each.maybeUpdate(12), each.match, each.next]).toEqual([true, 12, 13])
  })

  it('sends a commit index only while it can move the one of the member', () => {
    const each = progress(3, 6)
    expect([each.canBumpCommit(0), each.canBumpCommit(1)]).toEqual([false, true])
    each.sentCommitTo(4)
    expect([each.canBumpCommit(4), each.canBumpCommit(9)]).toEqual([false, true])
    each.sentCommitTo(9)
    expect(each.canBumpCommit(12)).toBe(false)
    expect(each.maybeUpdate(11)).toBe(true)
    expect(each.canBumpCommit(12)).toBe(true)
  })

  it('sends the commit index again when it was sent with what a member refused', () => {
    const each = replicating(3)
    each.sentEntries(5, 1)
    each.sentCommitTo(8)
    expect(each.canBumpCommit(9)).toBe(false)
    each.maybeDecreaseTo(8, 3)
    each.sentEntries(4, 1)
    expect(each.sentCommit).toBe(3)
    expect(each.canBumpCommit(5)).toBe(true)
  })

  it('keeps match below next and never takes match back, whatever is done to it', () => {
    const index = fc.nat(40)
    const action = fc.oneof(
      fc.tuple(fc.constant('update' as const), index, index),
      fc.tuple(fc.constant('decrease' as const), index, index),
      fc.tuple(fc.constant('send' as const), fc.nat(5), fc.nat(30)),
      fc.tuple(fc.constantFrom('probe', 'replicate', 'snapshot', 'copy'), index, index),
    )
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        let each = progress(0, 1, 3, 60)
        for (const [name, first, second] of actions) {
          const match = each.match
          if (name === 'update') {
            if (each.maybeUpdate(first)) each.inflights.freeTo(first)
          } else if (name === 'decrease') each.maybeDecreaseTo(first, second)
          else if (name === 'probe') each.becomeProbe()
          else if (name === 'replicate') each.becomeReplicate()
          else if (name === 'snapshot') each.becomeSnapshot(Math.max(first, each.match))
          else if (name === 'copy') each = each.copy()
          else if (each.state !== 'StateSnapshot' && !each.inflights.full) each.sentEntries(first, second)
          expect(each.next).toBeGreaterThan(each.match)
          expect(each.match).toBeGreaterThanOrEqual(match)
        }
      }),
    )
  })

  it('knows nothing after a restart', () => {
    const each = replicating(3)
    each.sentEntries(5, 1)
    each.sentCommitTo(8)
    each.restart(0, 10)
    expect(String(each)).toBe('StateProbe match=0 next=10 inactive')
    expect([each.inflights.count, each.sentCommit]).toEqual([0, 0])
  })

  it('is printed with what is out of the ordinary', () => {
    const each = replicating(11, 2)
    expect(String(each)).toBe('StateReplicate match=11 next=12')
    each.sentEntries(1, 1)
    each.isLearner = true
    each.recentActive = false
    expect(String(each)).toBe('StateReplicate match=11 next=13 learner inactive inflight=1')
    each.sentEntries(1, 1)
    expect(String(each)).toBe('StateReplicate match=11 next=14 learner paused inactive inflight=2[full]')
    each.becomeSnapshot(20)
    expect(String(each)).toBe('StateSnapshot match=11 next=21 learner paused pendingSnap=20 inactive')
  })
})
