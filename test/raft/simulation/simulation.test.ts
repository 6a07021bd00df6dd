/**
 * The simulated group, seed after seed: some on every run, hundreds in CI. COLLOQUY_SIM_SEEDS and COLLOQUY_SIM_FROM say how
 * many and from where; many more run by `npm run sim -- --seeds 100000`.
 */
import { describe, expect, it } from 'vitest'
import { explainFailure } from './failing-seed.ts'
import { acknowledgedMin, faultsMin, runSeed } from './run-seed.ts'

const seeds = Number(process.env['COLLOQUY_SIM_SEEDS'] ?? (process.env['CI'] === 'true' ? 800 : 24))
const from = Number(process.env['COLLOQUY_SIM_FROM'] ?? 1)
const atATime = 8

/** Rare things without which the simulation would prove little, and which some seed of so few must have seen. */
const rare = [
  'election_won',
  'election_lost',
  'vote_refused',
  'log_truncated',
  'snapshot_restored',
  'configuration changes applied',
  'joint changes proposed',
  'transfer_begun',
  'torn tails',
  'message duplicated',
  'outcomes unknown',
  'quorum_lost',
  'reads',
]

describe('a simulated raft group', () => {
  const totals = new Map<string, number>()

  for (let first = from; first < from + seeds; first += atATime) {
    const last = Math.min(first + atATime, from + seeds) - 1
    it(`keeps every invariant and converges, seeds ${first} to ${last}`, { timeout: 120_000 }, async () => {
      for (let seed = first; seed <= last; seed++) {
        const report = runSeed(seed)
        if (report.failure) throw new Error(await explainFailure(report), { cause: report.failure })
        expect(report.counters.get('acknowledged')).toBeGreaterThanOrEqual(acknowledgedMin)
        expect(report.counters.get('faults')).toBeGreaterThanOrEqual(faultsMin)
        for (const [name, count] of report.counters) totals.set(name, (totals.get(name) ?? 0) + count)
      }
    })
  }

  it.runIf(seeds >= 24).each(rare)('has seen: %s', (name) => {
    expect(totals.get(name) ?? 0).toBeGreaterThan(0)
  })

  it.each([
    [1033, 'a single voter leads a learner of a later term'],
    [101398, 'a demoted candidate is ahead of the leader'],
    [103276, 'the same, after crashes of everybody'],
    [104135, 'an operator lets a member campaign that has given a lease'],
    [105656, 'new voters and learners are ahead of the leader that took them in'],
  ])('keeps every invariant with seed %i, which failed once: %s', (seed) => {
    expect(runSeed(seed).failure).toBeUndefined()
  })

  it('has decided for nearly all histories whether they are linearizable', () => {
    expect(totals.get('histories unknown') ?? 0).toBeLessThan((totals.get('histories linearizable') ?? 0) / 20)
  })

  it('runs the same for the same seed, also with its faults handed in, and differently for another', () => {
    const one = runSeed(7)
    expect(runSeed(7)).toEqual(one)
    expect(runSeed(7, { faults: one.faults }).digest).toBe(one.digest)
    expect(runSeed(8).digest).not.toBe(one.digest)
  })
})
