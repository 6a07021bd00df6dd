/** Reads by read index as a replica makes them: which answer belongs to which round, and when a read may see the state. */
import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { ReplicaReads } from '../../src/raft/replica-reads.ts'

function readsOf(life: number) {
  const asked: Uint8Array[] = []
  const state = { applied: 10 }
  const reads = new ReplicaReads(
    manualClock(),
    {
      wake: () => reads.flush(),
      ask: (context) => asked.push(context) > 0,
      appliedIndex: () => state.applied,
      whyNot: () => new Error('nobody leads'),
    },
    100,
    1000,
    new Uint8Array(8).fill(life),
  )
  const seen: number[] = []
  return { reads, asked, seen, state, read: () => reads.read(() => seen.push(state.applied), 5000, undefined) }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('a read of a replica', () => {
  it('waits until what its round tells is applied', async () => {
    const { reads, asked, seen, state, read } = readsOf(1)
    const reading = read()
    reads.readable([{ index: 12, context: asked[0]! }])
    await turn()
    expect(seen).toEqual([])
    state.applied = 12
    reads.applied()
    await reading
    expect(seen).toEqual([12])
  })

  it('is not confirmed by the answer to a round of an earlier life', async () => {
    const before = readsOf(1)
    const lost = before.read().catch(() => {})
    before.reads.close(() => new Error('killed'))
    await lost
    const after = readsOf(2)
    const reading = after.read()
    after.reads.readable([{ index: 3, context: before.asked[0]! }])
    await turn()
    expect(after.seen).toEqual([])
    after.reads.readable([{ index: 10, context: after.asked[0]! }])
    await reading
    expect(after.seen).toEqual([10])
  })

  it('that comes while a round is under way waits for the next', async () => {
    const { reads, asked, seen, read } = readsOf(1)
    const [first, second] = [read(), read()]
    reads.readable([{ index: 10, context: asked[0]! }])
    await first
    expect(seen).toEqual([10])
    expect(asked.length).toBe(2)
    reads.readable([{ index: 10, context: asked[1]! }])
    await second
  })
})
