import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ppmMax } from '../../src/sim/fault.ts'
import { LocalTime } from '../../src/sim/local-time.ts'

const rates = fc.array(
  fc.record({ forMs: fc.double({ min: 0, max: 10_000, noNaN: true }), ppm: fc.integer({ min: -ppmMax, max: ppmMax }) }),
  { maxLength: 6 },
)

/** A clock that has run at these rates, one after the other. */
function clockAfter(changes: readonly { forMs: number; ppm: number }[]) {
  const loop = { nowMs: 0 }
  const time = new LocalTime(loop, 0)
  for (const { forMs, ppm } of changes) {
    time.run(ppm)
    loop.nowMs += forMs
  }
  return { loop, time }
}

describe('the clock of a node', () => {
  it('has reached what a timer was set for when it fires, whatever its rates were', () => {
    fc.assert(
      fc.property(rates, fc.double({ min: 0, max: 10_000, noNaN: true }), (changes, delayMs) => {
        const { loop, time } = clockAfter(changes)
        const targetMs = time.monotonicMs() + delayMs
        loop.nowMs = time.inWorld(delayMs)
        expect(time.monotonicMs()).toBeGreaterThanOrEqual(targetMs)
        expect(time.monotonicMs()).toBeCloseTo(targetMs, 6)
      }),
    )
  })

  it('comes to an end of waiting for a moment, be it ever so near', () => {
    fc.assert(
      fc.property(rates, fc.double({ min: 0, max: 1e-9, noNaN: true }), (changes, nearMs) => {
        const { loop, time } = clockAfter(changes)
        const endMs = time.monotonicMs() + nearMs
        let waits = 0
        for (; time.monotonicMs() < endMs && waits < 10; waits++) loop.nowMs = time.inWorld(endMs - time.monotonicMs())
        expect(waits).toBeLessThan(2)
      }),
      {
        examples: [
          [
            [
              { forMs: 7127.3, ppm: -8333 },
              { forMs: 1079.581107266854, ppm: 0 },
            ],
            1.8e-12,
          ],
        ],
      },
    )
  })

  it('never fires what is never due', () => {
    expect(clockAfter([{ forMs: 1, ppm: 5 }]).time.inWorld(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY)
  })
})
