import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffAfter, jittered } from '../../src/base/backoff.ts'

describe('backoff', () => {
  it('doubles, or grows by its factor, up to its bound', () => {
    expect([1, 2, 3, 4, 5].map((failed) => backoffAfter(100, 1000, failed))).toEqual([100, 200, 400, 800, 1000])
    expect([1, 2, 3].map((failed) => backoffAfter(10, 1000, failed, 3))).toEqual([10, 30, 90])
    expect(backoffAfter(0, 1000, 1_000_000)).toBe(0)
    expect(backoffAfter(1, 30_000, 1_000_000, 100)).toBe(30_000)
  })

  it('loses by chance no more than its share', () => {
    const part = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(
        fc.nat(1_000_000),
        part,
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (wait, jitter, chance) => {
          const left = jittered(wait, jitter, chance)
          expect(left).toBeLessThanOrEqual(wait)
          expect(left).toBeGreaterThanOrEqual(Math.floor(wait * (1 - jitter)))
        },
      ),
    )
  })
})
