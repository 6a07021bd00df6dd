import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { waitMs } from '../../../src/choreography/core/backoff.ts'
import { capMet } from '../../../src/choreography/core/caps.ts'

const caps = { hopsMax: 16, eventsMax: 500, cycleMax: 3 }

describe('caps', () => {
  it.each([
    [{ hop: 16, events: 500, runs: 3 }, undefined],
    [{ hop: 17, events: 1, runs: 1 }, 'hops'],
    [{ hop: 0, events: 501, runs: 1 }, 'events'],
    [{ hop: 0, events: 1, runs: 4 }, 'cycle'],
    [{ hop: 17, events: 501, runs: 4 }, 'cycle'],
  ])('of %j say %s', (counted, kind) => {
    expect(capMet(counted, caps)?.kind).toBe(kind)
  })
})

describe('backoff', () => {
  it('doubles up to its bound, and chance only shortens it, by its share at most', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 10_000 }),
        fc.integer({ min: 0, max: 100_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 1000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (backoffMs, backoffMaxMs, jitter, attempts, chance) => {
          const whole = waitMs({ backoffMs, backoffMaxMs, jitter: 0 }, attempts, chance)
          expect(whole).toBe(Math.min(backoffMaxMs, backoffMs * 2 ** Math.min(attempts - 1, 60)))
          const ms = waitMs({ backoffMs, backoffMaxMs, jitter }, attempts, chance)
          expect(ms).toBeLessThanOrEqual(whole)
          expect(ms).toBeGreaterThanOrEqual(Math.floor(whole * (1 - jitter)))
        },
      ),
    )
  })
})
