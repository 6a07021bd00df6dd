/**
 * Whole replicas in seeded worlds: some seeds on every run, hundreds in CI. COLLOQUY_RAFT_SEEDS and COLLOQUY_RAFT_FROM say how many and
 * from where; many more run by `npm run sim:replica -- --seeds 10000`. A seed that fails says what to run again.
 */
import { describe, expect, it } from 'vitest'
import { raftWorld } from './raft-world.ts'

const seeds = Number(process.env['COLLOQUY_RAFT_SEEDS'] ?? (process.env['CI'] === 'true' ? 240 : 12))
const from = Number(process.env['COLLOQUY_RAFT_FROM'] ?? 1)
const atATime = 4

/** Rare things without which the worlds would prove little, and which some seed of so few must have seen. */
const rare = [
  'acknowledged when retried',
  'answers given again',
  'crashes',
  'decisions compacted',
  'fault.partition',
  'fault.pause',
  'fault.skew',
  'histories linearizable',
  'leadership handed over',
  'leaderships confirmed',
  'members added',
  'members removed',
  'members stopped by their disk',
  'net.duplicated',
  'outages',
  'outcomes unknown',
  'sessions closed',
  'sessions expired',
  'snapshots seen',
  'stores lost',
  'stores replaced',
]

describe('a group of whole replicas in a world', () => {
  const totals = new Map<string, number>()

  for (let first = from; first < from + seeds; first += atATime) {
    const last = Math.min(first + atATime, from + seeds) - 1
    it(`keeps its promises and comes back, seeds ${first} to ${last}`, { timeout: 120_000 }, async () => {
      for (let seed = first; seed <= last; seed++) {
        const { counters } = await raftWorld(seed)
        for (const [name, count] of Object.entries(counters)) totals.set(name, (totals.get(name) ?? 0) + count)
      }
      expect(totals.get('acknowledged')).toBeGreaterThan(0)
    })
  }

  const busy = Math.ceil(seeds / 6)
  it(
    `keeps them while members come and go all the time, ${busy} seeds`,
    { timeout: 30_000 + busy * 30_000 },
    async () => {
      for (let seed = from; seed < from + busy; seed++) {
        const { counters } = await raftWorld(seed, { busy: true })
        for (const [name, count] of Object.entries(counters)) totals.set(name, (totals.get(name) ?? 0) + count)
      }
      expect(totals.get('stores replaced')).toBeGreaterThan(0)
    },
  )

  it.runIf(seeds >= 12).each(rare)('has seen: %s', (name) => {
    expect(totals.get(name) ?? 0).toBeGreaterThan(0)
  })

  it('has decided for nearly all histories whether they are linearizable', () => {
    expect(totals.get('histories unknown') ?? 0).toBeLessThanOrEqual((totals.get('histories linearizable') ?? 0) / 20)
  })

  it('runs the same for the same seed, and differently for another', { timeout: 120_000 }, async () => {
    const [one, again, other] = [await raftWorld(2), await raftWorld(2), await raftWorld(3)]
    expect(again.digest).toBe(one.digest)
    expect(other.digest).not.toBe(one.digest)
  })
})
