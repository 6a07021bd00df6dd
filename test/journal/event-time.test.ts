import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isoTime } from '../../src/base/envelope.ts'
import { exactTimeToMs, msToTime, timeToMs } from '../../src/journal/event-time.ts'

const rangeMs = { min: Date.parse('0000-01-01T00:00:00Z'), max: Date.parse('9999-12-31T23:59:50Z') }
/** Neighbours in one second, as events are, and leaps between them. */
const times = fc.array(fc.tuple(fc.integer(rangeMs), fc.array(fc.nat(2000), { maxLength: 4 })))

describe('times of events', () => {
  it('are written as isoTime writes them and read back, whatever came before', () => {
    fc.assert(
      fc.property(times, (series) => {
        for (const ms of series.flatMap(([first, steps]) => [first, ...steps.map((step) => first + step)])) {
          expect(msToTime(ms)).toBe(isoTime(ms))
          expect(exactTimeToMs(isoTime(ms))).toBe(ms)
        }
      }),
    )
  })

  it('are exact only in the very form of isoTime', () => {
    expect(exactTimeToMs('2026-01-01T00:00:00.000Z')).toBe(1_767_225_600_000)
    const others = [
      '2026-01-01T00:00:00Z',
      '2026-01-01T00:00:00.00Z',
      '2026-01-01T00:00:00.0000',
      '2026-01-01T00:00:00.1 2Z',
      '2026-01-01T00:00:00.123z',
      '2026-01-01t00:00:00.123Z',
      '2026-02-30T00:00:00.000Z',
      '2026-01-01T00:00:60.000Z',
      '2026-01-01T00:00:00+00:0',
    ]
    for (const time of others) expect(exactTimeToMs(time)).toBeUndefined()
  })

  it('are read in every form of RFC 3339, leap seconds and small letters included', () => {
    expect(timeToMs('2026-01-01t00:00:00.5z')).toBe(1_767_225_600_500)
    expect(timeToMs('2026-01-01T05:30:00+05:30')).toBe(1_767_225_600_000)
    expect(timeToMs('2016-12-31T23:59:60Z')).toBe(Date.parse('2017-01-01T00:00:00Z'))
    expect(timeToMs('2016-12-31T23:59:60.25Z')).toBe(Date.parse('2017-01-01T00:00:00.250Z'))
    expect(timeToMs('2026-01-01T00:00:00.123456789Z')).toBe(1_767_225_600_123)
  })
})
