/**
 * Records: what a connection of the direct transport carries, one behind the other. A record is guarded as a whole, by CRC-32C
 * or, under a session key, by HMAC-SHA256; the frames of one turn travel in one record, so that a turn costs one guard and
 * one write. Unlike a frame it is numbered: none can be repeated, left out or put in between. It knows no socket.
 *
 * | bytes | what |
 * | --- | --- |
 * | 4 | length of the body |
 * | 4 | number of the record in its direction, from 0 |
 * | body | 1 byte of kind, then its content |
 * | 4 or 16 | guard over all before |
 *
 * The tag is the first half of HMAC-SHA256, as RFC 2104 (section 5) allows.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { crc32c } from '../base/crc32c.ts'
import { InvalidFrame } from './error.ts'

export const recordKinds = {
  hello: 1,
  welcome: 2,
  proof: 3,
  frames: 4,
  ping: 5,
  header: 6,
  chunk: 7,
  end: 8,
  answer: 9,
} as const

export const recordHeadBytes = 8
/** Of each frame inside a record: its length. */
export const frameHeadBytes = 4
const tagBytes = 16
const crcBytes = 4
const numberEnd = 2 ** 32

/** Makes the records of one direction. */
export class RecordSealer {
  #key: KeyObject | undefined
  #number = 0

  /** From the next record on. */
  useKey(key: KeyObject): void {
    this.#key = key
  }

  /** A record of a body of parts; the bytes are the caller's. */
  seal(kind: number, parts: readonly Uint8Array[] = []): Buffer {
    let length = 1
    for (const part of parts) length += part.length
    const record = this.#begin(length)
    let at = recordHeadBytes
    record[at++] = kind
    for (const part of parts) {
      record.set(part, at)
      at += part.length
    }
    return this.#finish(record, at)
  }

  /** One record of frames, `bytes` in all with a head for each: those of the list from `from` to `to`. */
  sealFrames(frames: readonly Uint8Array[], from: number, to: number, bytes: number): Buffer {
    const record = this.#begin(1 + bytes)
    let at = recordHeadBytes
    record[at++] = recordKinds.frames
    for (let index = from; index < to; index++) {
      const frame = frames[index]!
      at = record.writeUInt32LE(frame.length, at)
      record.set(frame, at)
      at += frame.length
    }
    return this.#finish(record, at)
  }

  #begin(length: number): Buffer {
    if (this.#number === numberEnd) throw new InvalidFrame('would be the last that has a number')
    const record = Buffer.allocUnsafe(recordHeadBytes + length + (this.#key ? tagBytes : crcBytes))
    record.writeUInt32LE(length, 0)
    record.writeUInt32LE(this.#number++, 4)
    return record
  }

  #finish(record: Buffer, end: number): Buffer {
    if (this.#key) record.set(tagOf(this.#key, record.subarray(0, end)), end)
    else record.writeUInt32LE(crc32c(record, 0, 0, end), end)
    return record
  }
}

function tagOf(key: KeyObject, bytes: Uint8Array): Buffer {
  return createHmac('sha256', key).update(bytes).digest().subarray(0, tagBytes)
}

/**
 * Reads the records of one direction from what comes in pieces. Bytes of a length that is only announced are never
 * allocated: pieces are kept until there are enough.
 */
export class RecordOpener {
  #key: KeyObject | undefined
  #number = 0
  #bodyMaxBytes: number
  #pieces: Buffer[] = []
  #bytes = 0
  /** Bytes without which there is nothing to look at. */
  #needed = recordHeadBytes
  #stopped = false

  constructor(bodyMaxBytes: number) {
    this.#bodyMaxBytes = bodyMaxBytes
  }

  /** From the next record on. */
  useKey(key: KeyObject | undefined, bodyMaxBytes: number): void {
    this.#key = key
    this.#bodyMaxBytes = bodyMaxBytes
  }

  /** Hands out no more, also in the midst of a piece. */
  stop(): void {
    this.#stopped = true
    this.#pieces = []
    this.#bytes = 0
  }

  /** Hands each record that is whole to `take`, its body being views of what came. Throws `raft.invalid_frame`. */
  push(piece: Buffer, take: (kind: number, body: Buffer) => void): void {
    if (this.#stopped) return
    this.#bytes += piece.length
    if (this.#bytes < this.#needed) {
      this.#pieces.push(piece)
      return
    }
    let rest = piece
    if (this.#pieces.length > 0) {
      this.#pieces.push(piece)
      rest = Buffer.concat(this.#pieces)
      this.#pieces = []
    }
    while (!this.#stopped && rest.length >= recordHeadBytes) {
      const end = this.#endOf(rest)
      if (rest.length < end) break
      const whole = rest.subarray(0, end)
      rest = rest.subarray(end)
      this.#open(whole, take)
    }
    if (this.#stopped) return
    this.#bytes = rest.length
    this.#needed = rest.length >= recordHeadBytes ? this.#endOf(rest) : recordHeadBytes
    if (rest.length > 0) this.#pieces.push(rest)
  }

  #endOf(bytes: Buffer): number {
    const length = bytes.readUInt32LE(0)
    if (length < 1 || length > this.#bodyMaxBytes) throw new InvalidFrame(`is in a record of ${length} bytes`)
    return recordHeadBytes + length + (this.#key ? tagBytes : crcBytes)
  }

  #open(record: Buffer, take: (kind: number, body: Buffer) => void): void {
    const end = record.length - (this.#key ? tagBytes : crcBytes)
    if (record.readUInt32LE(4) !== this.#number) throw new InvalidFrame('is in a record out of its order')
    const whole = this.#key
      ? timingSafeEqual(tagOf(this.#key, record.subarray(0, end)), record.subarray(end))
      : record.readUInt32LE(end) === crc32c(record, 0, 0, end)
    if (!whole) throw new InvalidFrame('is in a record whose guard does not fit')
    this.#number++
    take(record[recordHeadBytes]!, record.subarray(recordHeadBytes + 1, end))
  }
}

/** The frames of a record's body, in order. Throws `raft.invalid_frame` before the first of them if any is not whole. */
export function framesIn(body: Buffer, frameMaxBytes: number, take: (frame: Uint8Array) => void): void {
  let at = 0
  while (at < body.length) {
    if (body.length - at < frameHeadBytes) throw new InvalidFrame('ends too early')
    const length = body.readUInt32LE(at)
    if (length > frameMaxBytes) throw new InvalidFrame(`is of ${length} bytes`)
    at += frameHeadBytes + length
  }
  if (at !== body.length) throw new InvalidFrame('ends too early')
  for (at = 0; at < body.length;) {
    const from = at + frameHeadBytes
    const to = from + body.readUInt32LE(at)
    take(body.subarray(from, to))
    at = to
  }
}
