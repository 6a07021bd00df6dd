/**
 * Codec: typed values to bytes and back, above the bus and the journal, which carry bytes only. The default is JSON with
 * tags for what JSON lacks, so that a reader in any language still sees plain JSON where the value is plain. It never
 * calls code of the value (no toJSON, no getters of classes), never revives a class, and never touches a prototype.
 *
 * | value | written as |
 * | --- | --- |
 * | Date | `{"$date": "2026-01-01T00:00:00.000Z"}` |
 * | bigint | `{"$bigint": "12"}` |
 * | Uint8Array | `{"$bytes": "<base64>"}` |
 * | Map | `{"$map": [[key, value], ...]}` |
 * | Set | `{"$set": [value, ...]}` |
 * | Error | `{"$error": {"name", "message", "code"?, "cause"?, "errors"?, "fields"?}}`; no stack: it tells paths |
 * | NaN, Infinity, -Infinity, -0 | `{"$number": "NaN"}` and so on |
 * | undefined in an array, a Map, a Set or alone | `{"$undefined": true}`; as a property it is left out |
 * | an object with a key that starts with `$` | the same key with one more `$` |
 */
import { ColloquyError, messageOf, toError } from './error.ts'
import { utf8Bytes, utf8Text, wholeNumber } from './limit.ts'

export interface Codec {
  /** The media type that goes with the bytes. */
  readonly contentType: string
  encode(value: unknown): Uint8Array<ArrayBuffer>
  decode(bytes: Uint8Array): unknown
}

export interface JsonCodecOptions {
  /** Encoded size refused beyond this, both ways. Default 8 MiB, at most 256 MiB. */
  readonly sizeMaxBytes?: number
  /** Nesting refused beyond this, both ways; also what ends a cycle. Default 128, at most 1000. */
  readonly depthMax?: number
}

/** The value has no JSON form: a function, a symbol, an instance of a class, an invalid Date. */
export class CodecUnsupported extends ColloquyError {
  override readonly code = 'base.codec_unsupported'
  readonly path: string
  constructor(path: string, what: string, options?: ErrorOptions) {
    super(`${placeOf(path)} is ${what}, which has no JSON form; send plain data instead`, options)
    this.path = path
  }
}

/** The value or its bytes pass a bound of the codec. */
export class CodecTooLarge extends ColloquyError {
  override readonly code = 'base.codec_too_large'
  constructor(limit: 'sizeMaxBytes' | 'depthMax', max: number, where: string) {
    super(`${placeOf(where)} passes the codec's ${limit} of ${max}; split it or raise ${limit}`)
  }
}

/** The bytes are not what this codec writes. */
export class CodecMalformed extends ColloquyError {
  override readonly code = 'base.codec_malformed'
  constructor(why: string, options?: ErrorOptions) {
    super(`the bytes are not JSON as this codec writes it: ${why}`, options)
  }
}

/** A path for a message: keys from outside may be of any length. */
function placeOf(path: string): string {
  return path === '' ? 'the value' : path.slice(0, 200)
}

/** Digits of a bigint, both ways: the conversion takes more than linear time. */
const bigintDigitsMax = 4096
const bigintBound = 10n ** BigInt(bigintDigitsMax)

/** A JSON codec with the tags above. Throws `base.invalid_argument` on options outside their bounds. */
export function jsonCodec(options: JsonCodecOptions = {}): Codec {
  const sizeMaxBytes = wholeNumber('sizeMaxBytes', options.sizeMaxBytes ?? 8 * 1024 * 1024, 1, 2 ** 28)
  const depthMax = wholeNumber('depthMax', options.depthMax ?? 128, 1, 1000)
  return {
    contentType: 'application/json',
    encode(value) {
      const bytes = utf8Bytes(toText(value, { sizeMaxBytes, depthMax, leftBytes: sizeMaxBytes }))
      if (bytes.length > sizeMaxBytes) throw new CodecTooLarge('sizeMaxBytes', sizeMaxBytes, '')
      return bytes
    },
    decode(bytes) {
      if (bytes.length > sizeMaxBytes) throw new CodecTooLarge('sizeMaxBytes', sizeMaxBytes, '')
      let parsed: unknown
      try {
        parsed = JSON.parse(utf8Text('bytes', bytes))
      } catch (cause) {
        throw new CodecMalformed(toError(cause).message, { cause })
      }
      return fromJson(parsed, '', depthMax, depthMax)
    },
  }
}

type JsonObject = Record<string, unknown>

/** One encoding. `leftBytes` is what the size limit still allows, by a count that never passes the true size. */
interface Encoding {
  readonly sizeMaxBytes: number
  readonly depthMax: number
  leftBytes: number
}

function toText(value: unknown, run: Encoding): string {
  try {
    return JSON.stringify(toJson(value, '', run.depthMax, run))
  } catch (cause) {
    if (cause instanceof ColloquyError) throw cause
    // A getter or a proxy of the caller's threw, or an object only claims a built-in class as its prototype.
    throw new CodecUnsupported('', `something that cannot be read (${messageOf(cause)})`, { cause })
  }
}

/**
 * Without this a small value whose parts are shared, each holding the next one twice, would be written out as 2^depth
 * parts before its size is known.
 */
function spend(run: Encoding, bytes: number, path: string): void {
  run.leftBytes -= bytes
  if (run.leftBytes < 0) throw new CodecTooLarge('sizeMaxBytes', run.sizeMaxBytes, path)
}

function toJson(value: unknown, path: string, depth: number, run: Encoding): unknown {
  spend(run, typeof value === 'string' ? value.length + 2 : 1, path)
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $number: Object.is(value, -0) ? '-0' : `${value}` }
    case 'bigint':
      if (value >= bigintBound || value <= -bigintBound)
        throw new CodecUnsupported(path, `a bigint of more than ${bigintDigitsMax} digits`)
      return { $bigint: value.toString() }
    case 'undefined':
      return { $undefined: true }
    case 'object':
      return value === null ? null : objectToJson(value, path, depth, run)
    case 'function':
    case 'symbol':
    default:
      throw new CodecUnsupported(path, `a ${typeof value}`)
  }
}

function objectToJson(value: object, path: string, depth: number, run: Encoding): unknown {
  if (depth === 0) throw new CodecTooLarge('depthMax', run.depthMax, path)
  const inner = (item: unknown, key: string | number) => toJson(item, `${path}.${key}`, depth - 1, run)
  if (Array.isArray(value)) return Array.from(value, inner)
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw new CodecUnsupported(path, 'an invalid Date')
    return { $date: value.toISOString() }
  }
  if (value instanceof Uint8Array) {
    spend(run, Math.ceil(value.byteLength / 3) * 4, path)
    return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') }
  }
  if (value instanceof Map) return { $map: Array.from(value, ([key, item], at) => [inner(key, at), inner(item, at)]) }
  if (value instanceof Set) return { $set: Array.from(value, inner) }
  if (value instanceof Error) return { $error: errorToJson(value, inner) }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype)
    throw new CodecUnsupported(path, `an instance of ${value.constructor?.name || 'a class'}`)
  const made: JsonObject = {}
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue
    spend(run, key.length + 3, path)
    setOwn(made, key.startsWith('$') ? `$${key}` : key, inner(item, key))
  }
  return made
}

/** What an Error tells by itself; everything else of its own goes under `fields`. */
const errorFields = new Set(['name', 'message', 'stack', 'code', 'cause'])

function errorToJson(error: Error, inner: (item: unknown, key: string) => unknown): JsonObject {
  const { name, message, code, cause } = error as { name: unknown; message: unknown; code?: unknown; cause?: unknown }
  const made: JsonObject = { name: inner(asText(name), 'name'), message: inner(asText(message), 'message') }
  // Texts are ours; numbers are those of DOMException and of clients of HTTP.
  if (typeof code === 'string' || Number.isFinite(code)) made['code'] = inner(code, 'code')
  if (cause !== undefined) made['cause'] = inner(cause, 'cause')
  if (error instanceof AggregateError) made['errors'] = inner(error.errors, 'errors')
  const fields = Object.entries(error).filter(([key]) => !errorFields.has(key))
  if (fields.length > 0) made['fields'] = inner(Object.fromEntries(fields), 'fields')
  return made
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : messageOf(value)
}

/** Assignment to `__proto__` would set a prototype; a defined property never does. */
function setOwn(target: JsonObject, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  else target[key] = value
}

/** What has no parts has no level either: `-0` may stand wherever 1 may. */
const scalarTags: ReadonlySet<string | undefined> = new Set(['$number', '$bigint', '$undefined'])

function fromJson(value: unknown, path: string, depth: number, depthMax: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  const keys = Array.isArray(value) ? [] : Object.keys(value)
  const only = keys.length === 1 ? keys[0] : undefined
  if (depth === 0 && !scalarTags.has(only)) throw new CodecTooLarge('depthMax', depthMax, path)
  const inner = (item: unknown, key: string | number) => fromJson(item, `${path}.${key}`, depth - 1, depthMax)
  if (Array.isArray(value)) return value.map(inner)
  if (only?.startsWith('$') && !only.startsWith('$$')) return revive(only, (value as JsonObject)[only], inner)
  const made: JsonObject = {}
  for (const key of keys) {
    if (key.startsWith('$') && !key.startsWith('$$')) throw new CodecMalformed(`${path}.${key} is no known tag`)
    const item = inner((value as JsonObject)[key], key)
    // Nobody here writes such a property: what others write must come out as it would go in.
    if (item === undefined) continue
    setOwn(made, key.startsWith('$') ? key.slice(1) : key, item)
  }
  return made
}

const bigintForm = new RegExp(`^-?\\d{1,${bigintDigitsMax}}$`)

type Inner = (item: unknown, key: string | number) => unknown

function revive(tag: string, body: unknown, inner: Inner): unknown {
  switch (tag) {
    case '$date':
      return reviveDate(body)
    case '$bigint':
      if (typeof body === 'string' && bigintForm.test(body)) return BigInt(body)
      break
    case '$bytes':
      if (typeof body === 'string') return reviveBytes(body)
      break
    case '$number':
      if (body === '-0' || body === 'NaN' || body === 'Infinity' || body === '-Infinity') return Number(body)
      break
    case '$undefined':
      if (body === true) return undefined
      break
    case '$map':
      if (isPairs(body)) return new Map(body.map(([key, item], at) => [inner(key, at), inner(item, at)]))
      break
    case '$set':
      if (Array.isArray(body)) return new Set(body.map(inner))
      break
    case '$error':
      if (typeof body === 'object' && body !== null && !Array.isArray(body))
        return reviveError(body as JsonObject, inner)
      break
    default:
  }
  throw new CodecMalformed(`${tag} is no known tag or its body does not fit`)
}

function isPairs(body: unknown): body is [unknown, unknown][] {
  return Array.isArray(body) && body.every((pair) => Array.isArray(pair) && pair.length === 2)
}

/** `Buffer` skips what is no base64; bytes that came damaged must not pass for others. */
function reviveBytes(body: string): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.from(body, 'base64')
  if (bytes.toString('base64') !== body) throw new CodecMalformed('$bytes is no base64')
  return new Uint8Array(bytes)
}

/** `Date` also reads other forms, some in the zone of the machine. */
const dateForm = /^(\d{4}|[+-]\d{6})-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

function reviveDate(body: unknown): Date {
  const time = new Date(typeof body === 'string' && dateForm.test(body) ? body : Number.NaN)
  if (Number.isNaN(time.getTime())) throw new CodecMalformed('$date is no ISO 8601 time')
  return time
}

function reviveError(body: JsonObject, inner: Inner): Error {
  const { name, message, code, cause, errors, fields } = body
  const options = cause === undefined ? undefined : { cause: inner(cause, 'cause') }
  const text = typeof message === 'string' ? message : ''
  const error = Array.isArray(errors) ? new AggregateError(errors.map(inner), text, options) : new Error(text, options)
  // What a remote calls itself is data; it never becomes a class of ours, and its stack is not ours to show.
  const define = (key: string, value: unknown) =>
    Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: key !== 'name' })
  if (typeof name === 'string') define('name', name)
  if (typeof code === 'string' || typeof code === 'number') define('code', code)
  error.stack = `${error.name}: ${text}`
  const rest = fields === undefined ? undefined : inner(fields, 'fields')
  if (typeof rest === 'object' && rest !== null)
    for (const key of Object.keys(rest)) if (!errorFields.has(key)) define(key, (rest as JsonObject)[key])
  return error
}
