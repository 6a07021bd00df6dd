/**
 * The checks behind every bound in the house: whole numbers in a range, text and bytes up to a size. Each throws a typed
 * error that names the option, so that no shell writes its own. The bounds themselves stand with the options they limit.
 */
import { InvalidArgument, LimitExceeded, messageOf } from './error.ts'
import { nearest } from './nearest.ts'

/** The value, if it is a whole number in [min, max]; else `base.invalid_argument`. */
export function wholeNumber(name: string, value: unknown, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
    throw new InvalidArgument(
      name,
      `must be a whole number from ${min} to ${max}; it is ${messageOf(value).slice(0, 40)}`,
    )
  return value
}

/** A name that is not known is refused: with a slip in a name, what was meant would be left at its default. */
export function checkKeys(at: string, given: object, known: readonly string[]): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new InvalidArgument(at, `must be an object with ${known.join(', ')}`)
  const unknown = Object.keys(given).find((key) => !known.includes(key))
  if (unknown === undefined) return
  const meant = nearest(unknown, known)
  const mend = meant === undefined ? '' : `; did you mean ${meant}?`
  throw new InvalidArgument(at, `has no ${JSON.stringify(unknown.slice(0, 40))}; it takes ${known.join(', ')}${mend}`)
}

/** Throws `base.limit_exceeded` when more bytes are given than the named limit allows. */
export function checkBytes(limit: string, maxBytes: number, actualBytes: number): void {
  if (actualBytes > maxBytes) throw new LimitExceeded(limit, maxBytes, actualBytes)
}

/** Text of 1 to `maxLength` characters without control characters; else `base.invalid_argument`. */
export function plainName(name: string, value: unknown, maxLength: number): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > maxLength || hasControl(value))
    throw new InvalidArgument(name, `must be text of 1 to ${maxLength} characters without control characters`)
  return value
}

// Measured: a third faster than a loop over the characters, and every event passes here several times.
const control = /\p{Cc}/u

/** True if the text holds a C0 or C1 control character or DEL. */
export function hasControl(text: string): boolean {
  return control.test(text)
}

// Under `u` a whole pair of surrogates is one character, which is neither.
const unclean = /[\p{Cc}\p{Cs}]/u

/** True if the text is well formed and without control characters: what may stand on a line of its own in UTF-8. */
export function isCleanText(text: string): boolean {
  return !unclean.test(text)
}

const encoder = new TextEncoder()

/** Bytes of the text in UTF-8. */
export function utf8Bytes(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text)
}

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of UTF-8 bytes; throws `base.invalid_argument` when they are not UTF-8. */
export function utf8Text(name: string, bytes: Uint8Array): string {
  try {
    return strictDecoder.decode(bytes)
  } catch (cause) {
    throw new InvalidArgument(name, 'must be valid UTF-8', { cause })
  }
}
