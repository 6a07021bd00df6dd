import { describe, expect, it } from 'vitest'
import { bounded } from '../../src/convene/bounded-outcome.ts'
import { ruleNamed } from '../../src/vote/registry.ts'
import { tally } from '../../src/vote/tally.ts'

function cycle(size: number, nameLength: number) {
  const candidates = Array.from({ length: size }, (_, at) => `${at} ${'x'.repeat(nameLength)}`)
  const ballots = candidates.map((_, at) => ({
    voter: `v${at}`,
    ballot: {
      kind: 'ranked' as const,
      ranking: [...candidates.slice(at), ...candidates.slice(0, at)].map((one) => [one]),
    },
  }))
  return tally(ruleNamed('schulze'), { candidates, ballots })
}

describe('an outcome in an event', () => {
  it('is kept whole when it is small', () => {
    const outcome = cycle(3, 5)
    expect(bounded(outcome, 100_000).outcome).toBe(outcome)
  })

  it('fits its bound however large the count was, and says what is missing', () => {
    const outcome = cycle(50, 190)
    const kept = bounded(outcome, 250_000)
    expect(JSON.stringify(outcome).length).toBeGreaterThan(1_000_000)
    expect(JSON.stringify(kept).length).toBeLessThan(600_000)
    expect(kept.outcome.winners).toEqual(outcome.winners)
    expect(kept.explanation.at(-1)).toContain('left out')
  })
})
