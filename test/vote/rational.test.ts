import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  add,
  compare,
  divide,
  multiply,
  one,
  parseRational,
  rational,
  subtract,
  toDecimal,
  toNumber,
  toText,
  zero,
} from '../../src/vote/rational.ts'

const any = fc
  .tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.bigInt({ min: 1n, max: 10n ** 20n }))
  .map(([num, den]) => rational(num, den))

const read = (text: number | string) => {
  const value = parseRational(text)
  return value && toText(value)
}

describe('rational', () => {
  it('keeps lowest terms and a positive denominator', () => {
    expect(rational(6, -4)).toEqual({ num: -3n, den: 2n })
    expect(rational(0, -7)).toEqual(zero)
    expect(rational(-(10n ** 30n), 10n ** 29n)).toEqual({ num: -10n, den: 1n })
  })

  it('refuses a denominator of 0 and parts that are not whole', () => {
    expect(() => rational(1, 0)).toThrow('denominator must not be 0')
    expect(() => rational(0.5)).toThrow('numerator must be a safe whole number')
    expect(() => divide(one, zero)).toThrow('denominator')
  })

  it('reads numbers by their decimal text', () => {
    expect([0.1, 0.2, 1e-7, 1e21, -0, 5e-324, 2.5].map(read)).toEqual([
      '1/10',
      '1/5',
      '1/10000000',
      '1000000000000000000000',
      '0',
      `1/${2n * 10n ** 323n}`,
      '5/2',
    ])
    expect(['2/3', ' 4/6 ', '1.50', '.5', '3.', '1E2', '-1/2'].map(read)).toEqual([
      '2/3',
      '2/3',
      '3/2',
      '1/2',
      '3',
      '100',
      '-1/2',
    ])
  })

  it('reads nothing else', () => {
    for (const text of [
      '',
      '.',
      'e3',
      '1/0',
      '1/-2',
      'NaN',
      'Infinity',
      '0x10',
      '1e9999',
      '1,5',
      '1 2',
      '9'.repeat(300),
    ])
      expect(read(text)).toBeUndefined()
    for (const number of [Number.NaN, Number.POSITIVE_INFINITY]) expect(read(number)).toBeUndefined()
  })

  it('is a field', () => {
    fc.assert(
      fc.property(any, any, any, (a, b, c) => {
        expect(add(a, b)).toEqual(add(b, a))
        expect(add(add(a, b), c)).toEqual(add(a, add(b, c)))
        expect(multiply(a, add(b, c))).toEqual(add(multiply(a, b), multiply(a, c)))
        expect(subtract(add(a, b), b)).toEqual(a)
        expect(b.num === 0n ? a : multiply(divide(a, b), b)).toEqual(a)
        expect(Math.sign(compare(a, b))).toBe(-Math.sign(compare(b, a)) + 0)
        expect(compare(a, b) === 0).toBe(a.num === b.num && a.den === b.den)
      }),
    )
  })

  it('writes text that it reads back', () => {
    fc.assert(
      fc.property(any, (a) => {
        expect(parseRational(toText(a))).toEqual(a)
      }),
    )
  })

  it('reads every finite double as what its shortest decimal says', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const exact = parseRational(value)
        expect(exact).toBeDefined()
        const near = toNumber(exact ?? zero)
        expect(Math.abs(near - value)).toBeLessThanOrEqual(Math.abs(value) * 1e-15 + 5e-324)
      }),
    )
  })

  it('rounds decimals for people half away from zero', () => {
    const texts = [rational(7, 2), rational(1, 3), rational(2, 3), rational(-1, 16), rational(-1, 100_000), rational(5)]
    expect(texts.map((value) => toDecimal(value))).toEqual(['3.5', '0.333', '0.667', '-0.063', '0', '5'])
    expect(toDecimal(rational(5, 2), 0)).toBe('3')
  })

  it('gives a number even where its parts overflow', () => {
    expect(toNumber(rational(10n ** 400n + 1n, 10n ** 399n))).toBeCloseTo(10)
    expect(toNumber(rational(1, 10n ** 320n))).toBe(1e-320)
    expect(toNumber(rational(-(10n ** 330n), 1))).toBe(Number.NEGATIVE_INFINITY)
    expect(toNumber(rational(1, 10n ** 400n))).toBe(0)
  })
})
