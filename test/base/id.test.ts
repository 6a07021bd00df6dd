import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { idSource, idTimeMs, isUuidV7 } from '../../src/base/id.ts'
import { type Random, seededRandom } from '../../src/base/random.ts'

const timeMsMax = 2 ** 48 - 1
const clockOf = (times: readonly number[]) => {
  let at = 0
  return { now: () => times[Math.min(at++, times.length - 1)] as number }
}
/** A Random whose `integer` gives what the test wants, past its own bound too. */
const rigged = (integer: () => number, uint32 = () => 0): Random => ({ ...seededRandom(0), integer, uint32 })

describe('uuid version 7', () => {
  it('has the form of RFC 9562, section 5.7, and tells its time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: timeMsMax }), fc.integer(), (nowMs, seed) => {
        const id = idSource({ now: () => nowMs }, seededRandom(seed))()
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        expect(idTimeMs(id)).toBe(nowMs)
        expect(isUuidV7(id)).toBe(true)
      }),
    )
  })

  it('places time, counter and random bits as the example of RFC 9562, appendix A.6', () => {
    // 017F22E2-79B0-7CC3-98C4-DC0C0C07398F: rand_a CC3, rand_b 18C4DC0C 0C07398F; the first bit of the counter would be set.
    const counter = 0xcc3 * 2 ** 30 + 0x18c4dc0c
    const parts = [Math.floor(counter / 2 ** 21), counter % 2 ** 21]
    const source = idSource(
      { now: () => 0x017f22e279b0 },
      rigged(
        () => parts.shift() as number,
        () => 0x0c07398f,
      ),
    )
    expect(source()).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f')
  })

  it('rises strictly, whatever the clock does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -1000, max: 1_800_000_000_000 }), { minLength: 2, maxLength: 50 }),
        fc.string(),
        (times, seed) => {
          const source = idSource(clockOf(times), seededRandom(seed))
          let last = source()
          for (let count = 1; count < times.length * 2; count++) {
            const next = source()
            expect(next > last).toBe(true)
            last = next
          }
        },
      ),
    )
  })

  it('keeps the latest time when the clock steps back', () => {
    const source = idSource(clockOf([5000, 100, 4999]), seededRandom(1))
    expect([idTimeMs(source()), idTimeMs(source()), idTimeMs(source())]).toEqual([5000, 5000, 5000])
  })

  it('carries a full counter into the time and still rises', () => {
    const source = idSource(
      { now: () => 5000 },
      rigged(() => 2 ** 21 - 1),
    )
    const full = source()
    const carried = source()
    expect(idTimeMs(full)).toBe(5000)
    expect(idTimeMs(carried)).toBe(5001)
    expect(carried > full).toBe(true)
    expect(source() > carried).toBe(true)
  })

  it('starts the counter of each millisecond in its lower half, at a place of chance', () => {
    const starts = new Set<string>()
    const source = idSource(
      {
        now: (
          (at) => () =>
            at++
        )(0),
      },
      seededRandom('starts'),
    )
    for (let count = 0; count < 200; count++) {
      const third = source().slice(14, 18)
      expect(Number.parseInt(third, 16)).toBeLessThan(0x7800)
      starts.add(third)
    }
    expect(starts.size).toBeGreaterThan(100)
  })

  it('stands still at the last time that 48 bits hold, and at 0 before the epoch', () => {
    expect(idTimeMs(idSource({ now: () => 2 ** 50 }, seededRandom(1))())).toBe(timeMsMax)
    expect(idTimeMs(idSource({ now: () => -5 }, seededRandom(1))())).toBe(0)
  })

  it('is the same for the same clock and seed', () => {
    const make = () => idSource({ now: () => 7 }, seededRandom('s'))()
    expect(make()).toBe(make())
  })

  it.each(['', 'x', '017f22e2-79b0-4cc3-98c4-dc0c0c07398f', '017F22E2-79B0-7CC3-98C4-DC0C0C07398F', ' 017f22e2'])(
    'refuses to tell the time of %j',
    (text) => {
      expect(isUuidV7(text)).toBe(false)
      expect(() => idTimeMs(text)).toThrow('id must be a UUID version 7')
    },
  )
})
