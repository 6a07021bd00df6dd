/**
 * Rational: exact fractions on bigint, for whatever a rule has to halve or share. Unlike `number` a sum does not depend on
 * its order and 0.1 + 0.2 is 0.3. Values are always in lowest terms with a positive denominator, so equal values have
 * equal fields. Plain frozen data and functions; it never rounds, except in the two functions that say so.
 */
import { InvalidArgument } from '../base/error.ts'

export interface Rational {
  readonly num: bigint
  /** 1 or more. */
  readonly den: bigint
}

export const zero: Rational = { num: 0n, den: 1n }
export const one: Rational = { num: 1n, den: 1n }

/** The fraction in lowest terms; `base.invalid_argument` for a denominator of 0 or a part that is not whole. */
export function rational(num: bigint | number, den: bigint | number = 1n): Rational {
  const top = whole('numerator', num)
  const bottom = whole('denominator', den)
  if (bottom === 0n) throw new InvalidArgument('denominator', 'must not be 0')
  if (bottom === 1n) return { num: top, den: 1n }
  const shared = greatestCommonDivisor(top, bottom) * (bottom < 0n ? -1n : 1n)
  return { num: top / shared, den: bottom / shared }
}

function whole(name: string, value: bigint | number): bigint {
  if (typeof value === 'bigint') return value
  if (!Number.isSafeInteger(value)) throw new InvalidArgument(name, `must be a safe whole number; it is ${value}`)
  return BigInt(value)
}

export function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let high = a < 0n ? -a : a
  let low = b < 0n ? -b : b
  // Numbers are many times faster than bigints, and most weights fit them.
  if (high <= safeMax && low <= safeMax) return BigInt(smallDivisor(Number(high), Number(low)))
  while (low > 0n) [high, low] = [low, high % low]
  return high
}

const safeMax = BigInt(Number.MAX_SAFE_INTEGER)

function smallDivisor(a: number, b: number): number {
  let [high, low] = [a, b]
  while (low > 0) [high, low] = [low, high % low]
  return high
}

const decimal = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/
const fraction = /^([+-]?\d+)\/(\d+)$/
const textMaxLength = 200

/**
 * Reads a decimal (`0.1`, `1e-7`) or a fraction (`2/3`); undefined for anything else. A number is read by its shortest
 * decimal text, so 0.1 is a tenth and not the binary double nearest to it.
 */
export function parseRational(value: number | string): Rational | undefined {
  const text = typeof value === 'number' ? String(value) : value.trim()
  if (text.length > textMaxLength) return undefined
  const parts = fraction.exec(text)
  if (parts) {
    const den = BigInt(parts[2] as string)
    return den === 0n ? undefined : rational(BigInt(parts[1] as string), den)
  }
  const [, sign, before = '', after = '', exponent = '0'] = decimal.exec(text) ?? []
  if (sign === undefined || before + after === '') return undefined
  const digits = BigInt(before + after) * (sign === '-' ? -1n : 1n)
  const power = Number(exponent) - after.length
  return power >= 0 ? rational(digits * 10n ** BigInt(power)) : rational(digits, 10n ** BigInt(-power))
}

export function add(a: Rational, b: Rational): Rational {
  if (a.den === 1n && b.den === 1n) return { num: a.num + b.num, den: 1n }
  return rational(a.num * b.den + b.num * a.den, a.den * b.den)
}

export function subtract(a: Rational, b: Rational): Rational {
  return add(a, { num: -b.num, den: b.den })
}

export function multiply(a: Rational, b: Rational): Rational {
  return rational(a.num * b.num, a.den * b.den)
}

/** `base.invalid_argument` when `b` is 0. */
export function divide(a: Rational, b: Rational): Rational {
  return rational(a.num * b.den, a.den * b.num)
}

/** Negative, 0 or positive, for sorting. */
export function compare(a: Rational, b: Rational): number {
  const difference = a.den === b.den ? a.num - b.num : a.num * b.den - b.num * a.den
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

/** The exact text: `3`, `-1/2`, `7/2`. `parseRational` reads it back. */
export function toText(value: Rational): string {
  return value.den === 1n ? value.num.toString() : `${value.num}/${value.den}`
}

/** Decimal text for people, rounded half away from zero to `digits` places, without trailing zeros. */
export function toDecimal(value: Rational, digits = 3): string {
  const factor = 10n ** BigInt(digits)
  const size = value.num < 0n ? -value.num : value.num
  const scaled = (2n * size * factor + value.den) / (2n * value.den)
  const after = (scaled % factor).toString().padStart(digits, '0').replace(/0+$/, '')
  const sign = value.num < 0n && scaled > 0n ? '-' : ''
  return `${sign}${scaled / factor}${digits > 0 && after ? `.${after}` : ''}`
}

/** The nearest double, give or take the last bit. For charts, never for a comparison that decides. */
export function toNumber(value: Rational): number {
  const direct = Number(value.num) / Number(value.den)
  if (Number.isFinite(direct) && (direct !== 0 || value.num === 0n)) return direct
  // Both parts may be beyond a double while their quotient is not: divide to twenty digits first.
  const shift = 20 + value.den.toString().length - value.num.toString().length
  const digits =
    shift > 0 ? (value.num * 10n ** BigInt(shift)) / value.den : value.num / value.den / 10n ** BigInt(-shift)
  return Number(`${digits}e${-shift}`)
}
