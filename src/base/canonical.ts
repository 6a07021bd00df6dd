/**
 * Canonical JSON: one text for one value, keys sorted by UTF-16 code units, no white space (RFC 8785, JCS). For identities
 * and hashes only; unlike the codec it has no tags and takes plain JSON alone.
 */
import { InvalidArgument } from './error.ts'

/** The one text; throws `base.invalid_argument` on what is not plain, finite JSON, or nests deeper than 128. */
export function canonicalJson(value: unknown): string {
  return write(value, 128)
}

function write(value: unknown, depth: number): string {
  if (depth === 0) throw new InvalidArgument('value', 'nests deeper than 128')
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth - 1)).join(',')}]`
  if (typeof value === 'object') {
    const object = value as Record<string, unknown>
    const parts = Object.keys(object)
      .filter((key) => object[key] !== undefined)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${write(object[key], depth - 1)}`)
    return `{${parts.join(',')}}`
  }
  throw new InvalidArgument('value', `holds a ${typeof value}, which has no canonical JSON`)
}
