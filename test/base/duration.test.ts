import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDuration, parseDuration } from '../../src/base/duration.ts'
import { InvalidArgument } from '../../src/base/error.ts'
import { outcomeOf } from './outcome.ts'

describe('duration', () => {
  it.each([
    ['250ms', 250],
    ['90s', 90_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['1d2h3m4s5ms', 93_784_005],
    ['1.5s', 1500],
    ['0.5ms', 1],
    ['0s', 0],
    ['  3s ', 3000],
  ])('reads %j as %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms))

  it.each(['', ' ', '5', '5 s', 's', '-5s', '5m5m', '5s1h', '1h 30m', '1e3s', '5min', '5S', '.5s', '5.s', '5s!', '∞s'])(
    'refuses %j',
    (text) => expect(() => parseDuration(text)).toThrow(InvalidArgument),
  )

  it('refuses what passes a safe integer, and shows long text in part', () => {
    expect(() => parseDuration(`${Number.MAX_SAFE_INTEGER}s`)).toThrow(InvalidArgument)
    expect(() => parseDuration('9'.repeat(1000))).toThrow(/it is "9{40}"$/)
  })

  it.each([
    [0, '0ms'],
    [90_000, '1m30s'],
    [86_400_001, '1d1ms'],
    [-1500, '-1s500ms'],
    [-0.4, '0ms'],
    [1.6, '2ms'],
  ])('writes %d ms as %s', (ms, text) => expect(formatDuration(ms)).toBe(text))

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60])('refuses to write %d', (ms) => {
    expect(() => formatDuration(ms)).toThrow(InvalidArgument)
  })

  it('reads back every whole number of milliseconds that it writes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeNat(), fc.nat(10_000_000)), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms)
      }),
    )
  })

  it('gives a number or a typed error for any text', () => {
    const parts = fc
      .array(fc.constantFrom('1', '0', '.', 'ms', 's', 'm', 'h', 'd', ' ', '-', '99'))
      .map((all) => all.join(''))
    fc.assert(
      fc.property(fc.oneof(fc.string(), parts), (text) => {
        const outcome = outcomeOf(() => parseDuration(text))
        const ms = 'value' in outcome ? outcome.value : 0
        expect(Number.isSafeInteger(ms) && ms >= 0).toBe(true)
      }),
    )
  })
})
