/**
 * A CloudEvent of others in the JSON format (CNCF CloudEvents, JSON Event Format 1.0.2), as an event. Unlike a line of an
 * export its data are plain JSON: what looks like a tag of our codec is none. It refuses what it could only keep as
 * something else: a number that JavaScript would round, data that are there twice.
 */
import { checkEvent } from '../base/envelope.ts'
import type { CloudEvent } from '../base/envelope.ts'

/** Throws what JSON and CloudEvents throw, and an error that names the path of a number. */
export function foreignEvent(text: string): CloudEvent {
  const value = exactJson(text)
  if (typeof value !== 'object' || value === null) throw new Error('it is no object')
  const event: Record<string, unknown> = {}
  // An attribute that is null is one that is not set (JSON format, section 2.2); data may be null.
  for (const [name, each] of Object.entries(value)) if (each !== null || name === 'data') event[name] = each
  const { data_base64: base64, ...rest } = event
  if (base64 === undefined) return checkEvent(rest)
  if (Object.hasOwn(rest, 'data')) throw new Error('it has data and data_base64; one of them must go')
  return checkEvent({ ...rest, data: base64Bytes(base64) })
}

export function base64Bytes(base64: unknown): Uint8Array {
  const bytes = Buffer.from(String(base64), 'base64')
  if (bytes.toString('base64') !== base64) throw new Error('data_base64 is no base64')
  return new Uint8Array(bytes)
}

/** A number that cannot be kept as it is written, in its place until its path is known. */
class Inexact {
  readonly source: string
  constructor(source: string) {
    this.source = source
  }
}

/** As JSON.parse, without numbers that come out as others. */
function exactJson(text: string): unknown {
  let inexact = false
  const exact = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    if (typeof value !== 'number') return value
    const source = context?.source ?? ''
    if (Number.isFinite(value) && keeps(value, source)) return value
    inexact = true
    return new Inexact(source)
  }
  const value = JSON.parse(text, exact) as unknown
  if (inexact) throw inexactIn(value)
  return value
}

/** A fraction is rounded by whoever writes and reads it; a whole number of more digits than that is one of another kind. */
function keeps(value: number, source: string): boolean {
  if (Number.isSafeInteger(value) || !/^-?\d+$/.test(source)) return true
  return String(value) === source || BigInt(source) === BigInt(value)
}

function inexactIn(value: unknown): Error {
  const left: { readonly value: unknown; readonly path: string }[] = [{ value, path: '' }]
  for (let next = left.pop(); next; next = left.pop()) {
    const { path } = next
    if (next.value instanceof Inexact)
      return new Error(
        `the number ${clipped(next.value.source, 40)} at ${clipped(path.slice(1), 100)} would be rounded; write it as a text`,
      )
    if (typeof next.value !== 'object' || next.value === null) continue
    for (const [key, each] of Object.entries(next.value)) left.push({ value: each, path: `${path}.${key}` })
  }
  return new Error('it has a number that would be rounded; write it as a text')
}

function clipped(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max)}…` : text
}
