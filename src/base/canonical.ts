/**
 * Canonical JSON: one text for one value, keys sorted by UTF-16 code units, no white space (RFC 8785, JCS). For identities
 * and hashes only; unlike the codec it has no tags and takes plain JSON alone.
 */
import { InvalidArgument, messageOf } from './error.ts'

/** The one text; throws `base.invalid_argument` on what is not plain, finite JSON, or nests deeper than 128. */
export function canonicalJson(value: unknown): string {
  return write(value, 128)
}

function write(value: unknown, depth: number): string {
  if (depth === 0) throw new InvalidArgument('value', 'nests deeper than 128')
  if (value === null || typeof value === 'boolean') return JSON.stringify(value)
  if (typeof value === 'string') return writeText(value)
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${Array.from(value, (item) => write(item, depth - 1)).join(',')}]`
  if (isPlain(value)) {
    const parts = Object.keys(value)
      .filter((key) => value[key] !== undefined)
      .sort()
      .map((key) => `${writeText(key)}:${write(value[key], depth - 1)}`)
    return `{${parts.join(',')}}`
  }
  const what = typeof value === 'object' ? 'an instance of a class' : `the ${typeof value} ${messageOf(value)}`
  throw new InvalidArgument('value', `must be plain JSON; it holds ${what.slice(0, 60)}`)
}

/** RFC 8785, section 3.2.2.2: half of a surrogate pair has no UTF-8, so that two such texts could share a hash. */
function writeText(text: string): string {
  if (!text.isWellFormed())
    throw new InvalidArgument('value', 'must hold well-formed Unicode; it has half a surrogate pair')
  return JSON.stringify(text)
}

/** A Date, a Map or bytes would lose what they hold and share one identity with each other. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
