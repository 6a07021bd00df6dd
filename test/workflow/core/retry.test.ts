import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { waitAfter, waitAfterFailure } from '../../../src/workflow/core/retry.ts'
import type { RetryPolicy } from '../../../src/workflow/core/retry.ts'

const policy: RetryPolicy = { max: 5, backoffMs: 100, factor: 2, backoffMaxMs: 500, jitter: 0, unless: undefined }
const failure = { thrown: new Error('x'), final: false }

describe('the wait before another attempt', () => {
  it('grows by its factor up to its bound, and ends with the last attempt', () => {
    expect([1, 2, 3, 4, 5, 6].map((attempt) => waitAfter(policy, attempt, 0.9))).toEqual([
      100,
      200,
      400,
      500,
      undefined,
      undefined,
    ])
  })

  it('is shorter by a part that chance gives', () => {
    expect([0, 0.5, 0.999].map((chance) => waitAfter({ ...policy, jitter: 0.5 }, 1, chance))).toEqual([100, 75, 50])
    expect(waitAfter({ ...policy, jitter: 1 }, 1, 0.999)).toBe(0)
  })

  it('is a time within its bounds, whatever the policy', () => {
    const any = fc.record({
      max: fc.constant(10_001),
      backoffMs: fc.nat(86_400_000),
      factor: fc.double({ min: 1, max: 100, noNaN: true }),
      backoffMaxMs: fc.nat(86_400_000),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
      unless: fc.constant(undefined),
    })
    fc.assert(
      fc.property(
        any,
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (given, attempt, chance) => {
          const wait = waitAfter(given, attempt, chance)
          expect(Number.isSafeInteger(wait)).toBe(true)
          expect(wait).toBeGreaterThanOrEqual(0)
          expect(wait).toBeLessThanOrEqual(given.backoffMaxMs)
        },
      ),
    )
  })

  it('is none after an error that is final, by itself or by the policy, or without a policy', () => {
    expect(waitAfterFailure(policy, failure, 1, 0)).toBe(100)
    expect(waitAfterFailure(undefined, failure, 1, 0)).toBe(undefined)
    expect(waitAfterFailure(policy, { ...failure, final: true }, 1, 0)).toBe(undefined)
    expect(waitAfterFailure({ ...policy, unless: (error) => error === failure.thrown }, failure, 1, 0)).toBe(undefined)
    expect(waitAfterFailure({ ...policy, unless: () => false }, failure, 1, 0)).toBe(100)
  })
})
