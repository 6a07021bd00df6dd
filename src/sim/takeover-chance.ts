/**
 * The chance of the platform in a world: `Math.random`, Web Crypto's random values, those of `node:crypto`, and the house's
 * own entropy, which keeps a pool of real bytes, and ids. All of it comes from the seed; keys that are made in a world are worth nothing.
 */
import { randomFrom, systemEntropy } from '../base/entropy.ts'
import { systemIds } from '../base/system-id.ts'
import { here } from './place.ts'
import type { Place } from './place.ts'
import { inWorlds } from './takeover-part.ts'
import type { Part, PlatformFunction, Whereabouts } from './takeover-part.ts'

export function chanceParts(place: Whereabouts): Part[] {
  const crypto = process.getBuiltinModule('node:crypto')
  const webs: readonly object[] = [globalThis.crypto, crypto]
  return [
    ...inWorlds(Math, 'random', place, (at) => at.chance.float()),
    ...inWorlds(systemEntropy, 'bytes', place, (at, [length]) => at.entropy.bytes(Number(length))),
    ...inWorlds(systemIds, 'next', place, (at) => at.nextId()),
    ...webs.flatMap((target) => [
      ...inWorlds(target, 'randomUUID', place, (at) => uuid(at, 0x40)),
      ...inWorlds(target, 'getRandomValues', place, (at, [array], real) => filled(at, checking(real, array))),
    ]),
    ...inWorlds(crypto, 'randomUUIDv7', place, (at) => uuid(at, 0x70)),
    ...inWorlds(crypto, 'randomFillSync', place, (at, [buffer, offset, size], real) => {
      // The real one checks the arguments.
      const whole = checking(real, buffer, offset ?? 0, ...(size === undefined ? [] : [size]))
      filled(at, part(buffer, Number(offset ?? 0), size === undefined ? undefined : Number(size)))
      return whole
    }),
    ...['randomBytes', 'pseudoRandomBytes', 'prng', 'rng'].flatMap((key) => inWorlds(crypto, key, place, drawnBytes)),
    ...inWorlds(crypto, 'randomFill', place, (at, args) => {
      const [buffer, offset, size] = args.slice(0, -1)
      filled(at, part(buffer, Number(offset ?? 0), size === undefined ? undefined : Number(size)))
      return later(at, args.at(-1), buffer)
    }),
    ...inWorlds(crypto, 'randomInt', place, drawnInteger),
  ]
}

/** The real function, whose bytes are written over: it checks the arguments. Its own resource is no escape. */
function checking(real: PlatformFunction, ...args: unknown[]): unknown {
  return here.exit(() => real(...args))
}

function drawnBytes(at: Place, [size, callback]: readonly unknown[], real: PlatformFunction): unknown {
  const bytes = filled(at, checking(real, size))
  return callback === undefined ? bytes : later(at, callback, bytes)
}

function drawnInteger(at: Place, args: readonly unknown[], real: PlatformFunction): unknown {
  const callback = args.at(-1)
  const bounds = typeof callback === 'function' ? args.slice(0, -1) : args
  // The real one checks the bounds.
  checking(real, ...bounds)
  const [min, max] =
    bounds.length < 2 || bounds[1] === undefined ? [0, Number(bounds[0])] : [Number(bounds[0]), Number(bounds[1])]
  const range = max - min
  const limit = 2 ** 48 - (2 ** 48 % range)
  let drawn = limit
  while (drawn >= limit) drawn = at.entropy.bytes(6).reduce((sum, byte) => sum * 256 + byte, 0)
  const value = min + (drawn % range)
  return typeof callback === 'function' ? later(at, callback, value) : value
}

function later(at: Place, callback: unknown, value: unknown): void {
  if (typeof callback !== 'function')
    throw Object.assign(new TypeError('The "callback" argument must be of type function'), {
      code: 'ERR_INVALID_ARG_TYPE',
    })
  at.timer(0, 'crypto', () => void Reflect.apply(callback, undefined, [null, value]))
}

/** The bytes of a buffer or view, from an offset in elements. */
function part(buffer: unknown, offset: number, size: number | undefined): unknown {
  if (buffer instanceof ArrayBuffer || buffer instanceof SharedArrayBuffer) return new Uint8Array(buffer, offset, size)
  if (!ArrayBuffer.isView(buffer)) return buffer
  const width: unknown = Reflect.get(buffer, 'BYTES_PER_ELEMENT')
  const unit = typeof width === 'number' ? width : 1
  const length = size === undefined ? buffer.byteLength - offset * unit : size * unit
  return new Uint8Array(buffer.buffer, buffer.byteOffset + offset * unit, length)
}

/** Above this a word of the seed becomes a stream of its own: drawing each byte by itself takes its time. */
function filled(at: Place, target: unknown): unknown {
  if (!ArrayBuffer.isView(target)) return target
  const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength)
  if (bytes.length <= 1024) bytes.set(at.entropy.bytes(bytes.length))
  else {
    const stream = randomFrom(at.entropy)
    const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let index = 0
    for (; index + 4 <= bytes.length; index += 4) words.setUint32(index, stream.uint32())
    for (; index < bytes.length; index++) words.setUint8(index, stream.uint32() >>> 24)
  }
  return target
}

/** RFC 9562: version 4 of chance alone, version 7 of the time in milliseconds and chance. */
function uuid(at: Place, version: 0x40 | 0x70): string {
  const bytes = at.entropy.bytes(16)
  if (version === 0x70) {
    const time = at.now()
    for (let byte = 0; byte < 6; byte++) bytes[byte] = Math.floor(time / 2 ** (40 - 8 * byte)) % 256
  }
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | version
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Buffer.from(bytes).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
