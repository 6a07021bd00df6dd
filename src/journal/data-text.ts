/**
 * The data of an event as text and back, by the rules of the JSON codec in `base/`. Unlike the codec it has a short way
 * for plain JSON, which nearly all data are: one look over the value, then the engine's own JSON. What is not surely plain
 * goes through the codec, so that its tags, limits and errors are decided in one place.
 */
import { CodecTooLarge, jsonCodec } from '../base/codec.ts'
import { utf8Bytes, utf8Text } from '../base/limit.ts'

const depthMax = 128
/** Reading takes what an earlier opening with a higher `eventMaxBytes` wrote. */
const reader = jsonCodec({ sizeMaxBytes: 2 ** 28, depthMax })

export interface DataText {
  readonly text: string
  /** Of the text in UTF-8. */
  readonly bytes: number
}

/** Makes the encoder for a size limit. It throws the codec's errors. */
export function dataEncoder(sizeMaxBytes: number): (value: unknown) => DataText {
  const codec = jsonCodec({ sizeMaxBytes, depthMax })
  return (value) => {
    if (isPlain(value, depthMax, { leftBytes: sizeMaxBytes })) {
      const text = JSON.stringify(value)
      const bytes = Buffer.byteLength(text)
      if (bytes > sizeMaxBytes) throw new CodecTooLarge('sizeMaxBytes', sizeMaxBytes, '')
      return { text, bytes }
    }
    const bytes = codec.encode(value)
    return { text: utf8Text('data', bytes), bytes: bytes.length }
  }
}

/** The value of a text; throws the codec's errors. Each call makes a fresh value. */
export function decodeData(text: string): unknown {
  // A tag or an escaped key is the only thing in which the codec and plain JSON differ, and both show as a quoted dollar.
  // Most texts hold no dollar at all, and that is the faster thing to look for.
  if (text.includes('$') && text.includes('"$')) return reader.decode(utf8Bytes(text))
  return JSON.parse(text)
}

/**
 * True when the codec would write exactly what JSON.stringify writes. `leftBytes` falls by a count that never passes the
 * true size, so that a small value with shared parts cannot keep us walking for ever.
 */
function isPlain(value: unknown, depth: number, budget: { leftBytes: number }): boolean {
  if (--budget.leftBytes < 0) return false
  switch (typeof value) {
    case 'string':
      budget.leftBytes -= value.length
      return true
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      return value === null || (depth > 0 && !('toJSON' in value) && isPlainObject(value, depth, budget))
    case 'undefined':
    case 'bigint':
    case 'symbol':
    case 'function':
    default:
      return false
  }
}

function isPlainObject(value: object, depth: number, budget: { leftBytes: number }): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (Array.isArray(value)) {
    if (prototype !== Array.prototype) return false
    for (let at = 0; at < value.length; at++) if (!isPlain(value[at], depth - 1, budget)) return false
    return true
  }
  if (prototype !== Object.prototype && prototype !== null) return false
  for (const key of Object.keys(value)) {
    if (key.startsWith('$')) return false
    const item = (value as Record<string, unknown>)[key]
    if (item !== undefined && !isPlain(item, depth - 1, budget)) return false
  }
  return true
}
