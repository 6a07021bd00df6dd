/**
 * ByteWriter and ByteReader: numbers, bytes and texts in a row, for the frames of the group. Unlike a codec they know no
 * shapes; a frame's file says what follows what. The reader takes nothing on trust: every length is held against what is
 * there before anything is made of it, and whatever does not fit is `raft.invalid_frame`. It copies no bytes and never reads
 * past the end; the writer has no bound of its own.
 *
 * Whole numbers are varints as protobuf writes them (LEB128, seven bits a byte, lowest first), to 2^53-1, in their shortest
 * form alone.
 */
import { BrokenInvariant, InvalidFrame } from './error.ts'

export class ByteWriter {
  #bytes: Buffer
  #at = 0

  /** `sizeHint`: bytes that are expected; more is no fault and costs a copy. Default 256. */
  constructor(sizeHint = 256) {
    this.#bytes = Buffer.allocUnsafe(Math.max(16, sizeHint))
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#at
  }

  u8(value: number): void {
    if (this.#at === this.#bytes.length) this.#grow(1)
    this.#bytes[this.#at++] = value
  }

  /** Four bytes, the lowest first. */
  u32(value: number): void {
    if (this.#at + 4 > this.#bytes.length) this.#grow(4)
    this.#at = this.#bytes.writeUInt32LE(value >>> 0, this.#at)
  }

  /** A whole number from 0 to 2^53-1, in 1 to 8 bytes; else `raft.broken_invariant`. */
  varint(value: number): void {
    if (this.#at + 8 > this.#bytes.length) this.#grow(8)
    if (value < 0x80 && value >= 0 && Number.isInteger(value)) {
      this.#bytes[this.#at++] = value
      return
    }
    if (!Number.isSafeInteger(value) || value < 0)
      throw new BrokenInvariant('a number in a frame must be whole and from 0 to 2^53-1')
    let rest = value
    // Shifts of JavaScript hold 32 bits; what is above is divided.
    while (rest >= 0x8000_0000) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#bytes[this.#at++] = rest
  }

  /** The bytes alone: the reader must know how many. */
  raw(bytes: Uint8Array): void {
    if (this.#at + bytes.length > this.#bytes.length) this.#grow(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  /** Their length and the bytes. */
  blob(bytes: Uint8Array): void {
    this.varint(bytes.length)
    this.raw(bytes)
  }

  /** As UTF-8, with its length in bytes. A half of a surrogate pair becomes U+FFFD. */
  text(text: string): void {
    this.blob(Buffer.from(text, 'utf8'))
  }

  /** What was written. The writer is not used again: the bytes are its own buffer. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }

  #grow(more: number): void {
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + more))
    larger.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = larger
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class ByteReader {
  readonly #bytes: Uint8Array
  #at: number

  /** Reads from `start`, default 0. What it hands out are views of these bytes. */
  constructor(bytes: Uint8Array, start = 0) {
    this.#bytes = bytes
    this.#at = start
  }

  /** Bytes not yet read. */
  get rest(): number {
    return this.#bytes.length - this.#at
  }

  u8(): number {
    if (this.#at >= this.#bytes.length) throw new InvalidFrame('ends too early')
    return this.#bytes[this.#at++]!
  }

  /** A byte that is 0 or 1. */
  flag(): boolean {
    const value = this.u8()
    if (value > 1) throw new InvalidFrame('has a flag that is neither 0 nor 1')
    return value === 1
  }

  /** Four bytes, the lowest first. */
  u32(): number {
    if (this.rest < 4) throw new InvalidFrame('ends too early')
    const bytes = this.#bytes
    const at = this.#at
    this.#at += 4
    return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  }

  /** A whole number from 0 to `max`, default 2^53-1. */
  varint(max: number = Number.MAX_SAFE_INTEGER): number {
    let byte = this.u8()
    let value = byte & 0x7f
    let scale = 0x80
    while (byte >= 0x80) {
      byte = this.u8()
      value += (byte & 0x7f) * scale
      scale *= 0x80
      // Eight bytes hold 56 bits: no sum goes so far that it would be rounded to one that passes.
      if (byte === 0 || value > Number.MAX_SAFE_INTEGER || (scale > 2 ** 49 && byte >= 0x80))
        throw new InvalidFrame('has a number that is too large, or longer than it need be')
    }
    if (value > max) throw new InvalidFrame(`has a number above ${max}`)
    return value
  }

  /** How many things follow that take at least `bytesEach` bytes each: so many there can be. */
  count(max: number, bytesEach = 1): number {
    const count = this.varint(max)
    if (count * bytesEach > this.rest) throw new InvalidFrame('announces more than it holds')
    return count
  }

  /** So many bytes, as a view. */
  raw(length: number): Uint8Array {
    if (length > this.rest) throw new InvalidFrame('ends too early')
    const from = this.#at
    this.#at += length
    return this.#bytes.subarray(from, this.#at)
  }

  /** A length and so many bytes, as a view; at most `maxBytes`, default all there are. */
  blob(maxBytes: number = Number.MAX_SAFE_INTEGER): Uint8Array {
    return this.raw(this.varint(maxBytes))
  }

  /** A text of at most `maxBytes` in UTF-8. */
  text(maxBytes: number): string {
    const bytes = this.blob(maxBytes)
    try {
      return decoder.decode(bytes)
    } catch (cause) {
      throw new InvalidFrame('has a text that is not UTF-8', { cause })
    }
  }

  /** Throws unless all was read. */
  end(): void {
    if (this.rest !== 0) throw new InvalidFrame(`has ${this.rest} bytes after its end`)
  }
}
