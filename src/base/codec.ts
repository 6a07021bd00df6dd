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
import { ColloquyError, toError } from './error.ts'
import { utf8Bytes, utf8Text } from './limit.ts'

export interface Codec {
  /** The media type that goes with the bytes. */
  readonly contentType: string
  encode(value: unknown): Uint8Array<ArrayBuffer>
  decode(bytes: Uint8Array): unknown
}

export interface JsonCodecOptions {
  /** Encoded size refused beyond this, both ways. Default 8 MiB. */
  readonly sizeMaxBytes?: number
  /** Nesting refused beyond this, both ways; also what ends a cycle. Default 128. */
  readonly depthMax?: number
}

/** The value has no JSON form: a function, a symbol, an instance of a class, an invalid Date. */
export class CodecUnsupported extends ColloquyError {
  override readonly code = 'base.codec_unsupported'
  readonly path: string
  constructor(path: string, what: string) {
    super(`${path || 'the value'} is ${what}, which has no JSON form; send plain data instead`)
    this.path = path
  }
}

/** The value or its bytes pass a bound of the codec. */
export class CodecTooLarge extends ColloquyError {
  override readonly code = 'base.codec_too_large'
  constructor(limit: 'sizeMaxBytes' | 'depthMax', max: number, where: string) {
    super(`${where || 'the value'} passes the codec's ${limit} of ${max}; split it or raise ${limit}`)
  }
}

/** The bytes are not what this codec writes. */
export class CodecMalformed extends ColloquyError {
  override readonly code = 'base.codec_malformed'
  constructor(why: string, options?: ErrorOptions) {
    super(`the bytes are not JSON as this codec writes it: ${why}`, options)
  }
}

/** A JSON codec with the tags above. */
export function jsonCodec(options: JsonCodecOptions = {}): Codec {
  const sizeMaxBytes = options.sizeMaxBytes ?? 8 * 1024 * 1024
  const depthMax = options.depthMax ?? 128
  return {
    contentType: 'application/json',
    encode(value) {
      const text = JSON.stringify(toJson(value, '', depthMax, depthMax))
      const bytes = utf8Bytes(text)
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

function toJson(value: unknown, path: string, depth: number, depthMax: number): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $number: Object.is(value, -0) ? '-0' : `${value}` }
    case 'bigint':
      return { $bigint: value.toString() }
    case 'undefined':
      return { $undefined: true }
    case 'object':
      return value === null ? null : objectToJson(value, path, depth, depthMax)
    case 'function':
    case 'symbol':
    default:
      throw new CodecUnsupported(path, `a ${typeof value}`)
  }
}

function objectToJson(value: object, path: string, depth: number, depthMax: number): unknown {
  if (depth === 0) throw new CodecTooLarge('depthMax', depthMax, path)
  const inner = (item: unknown, key: string | number) => toJson(item, `${path}.${key}`, depth - 1, depthMax)
  if (Array.isArray(value)) return Array.from(value, inner)
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw new CodecUnsupported(path, 'an invalid Date')
    return { $date: value.toISOString() }
  }
  if (value instanceof Uint8Array)
    return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') }
  if (value instanceof Map) return { $map: Array.from(value, ([key, item], at) => [inner(key, at), inner(item, at)]) }
  if (value instanceof Set) return { $set: Array.from(value, inner) }
  if (value instanceof Error) return { $error: errorToJson(value, inner) }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype)
    throw new CodecUnsupported(path, `an instance of ${value.constructor?.name || 'a class'}`)
  return plainToJson(value as JsonObject, inner)
}

function plainToJson(value: JsonObject, inner: (item: unknown, key: string) => unknown): JsonObject {
  const made: JsonObject = {}
  for (const key of Object.keys(value)) {
    const item = value[key]
    if (item !== undefined) setOwn(made, key.startsWith('$') ? `$${key}` : key, inner(item, key))
  }
  return made
}

const errorFields = new Set(['name', 'message', 'stack', 'code', 'cause', 'errors'])

function errorToJson(error: Error, inner: (item: unknown, key: string) => unknown): JsonObject {
  const made: JsonObject = { name: error.name, message: error.message }
  const { code } = error as { code?: unknown }
  if (typeof code === 'string') made['code'] = code
  if (error.cause !== undefined) made['cause'] = inner(error.cause, 'cause')
  if (error instanceof AggregateError) made['errors'] = inner(error.errors, 'errors')
  const fields = Object.keys(error).filter((key) => !errorFields.has(key))
  if (fields.length > 0) {
    const rest = Object.fromEntries(fields.map((key) => [key, (error as unknown as JsonObject)[key]]))
    made['fields'] = inner(rest, 'fields')
  }
  return made
}

/** Assignment to `__proto__` would set a prototype; a defined property never does. */
function setOwn(target: JsonObject, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  else target[key] = value
}

function fromJson(value: unknown, path: string, depth: number, depthMax: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth === 0) throw new CodecTooLarge('depthMax', depthMax, path)
  const inner = (item: unknown, key: string | number) => fromJson(item, `${path}.${key}`, depth - 1, depthMax)
  if (Array.isArray(value)) return value.map(inner)
  const keys = Object.keys(value)
  const first = keys[0]
  if (keys.length === 1 && first !== undefined && first.startsWith('$') && !first.startsWith('$$'))
    return revive(first, (value as JsonObject)[first], inner)
  const made: JsonObject = {}
  for (const key of keys) {
    if (key.startsWith('$') && !key.startsWith('$$')) throw new CodecMalformed(`${path}.${key} is no known tag`)
    setOwn(made, key.startsWith('$') ? key.slice(1) : key, inner((value as JsonObject)[key], key))
  }
  return made
}

type Inner = (item: unknown, key: string | number) => unknown

function revive(tag: string, body: unknown, inner: Inner): unknown {
  switch (tag) {
    case '$date':
      return reviveDate(body)
    case '$bigint':
      if (typeof body === 'string' && /^-?\d{1,4096}$/.test(body)) return BigInt(body)
      break
    case '$bytes':
      if (typeof body === 'string') return new Uint8Array(Buffer.from(body, 'base64'))
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
      if (typeof body === 'object' && body !== null) return reviveError(body as JsonObject, inner)
      break
    default:
  }
  throw new CodecMalformed(`${tag} is no known tag or its body does not fit`)
}

function isPairs(body: unknown): body is [unknown, unknown][] {
  return Array.isArray(body) && body.every((pair) => Array.isArray(pair) && pair.length === 2)
}

function reviveDate(body: unknown): Date {
  const time = new Date(typeof body === 'string' ? body : Number.NaN)
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
  if (typeof code === 'string') define('code', code)
  error.stack = `${error.name}: ${text}`
  const rest = inner(fields ?? {}, 'fields')
  if (typeof rest === 'object' && rest !== null)
    for (const key of Object.keys(rest)) if (!errorFields.has(key)) define(key, (rest as JsonObject)[key])
  return error
}
