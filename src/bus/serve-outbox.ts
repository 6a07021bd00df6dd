/**
 * Outbox: what goes to one client. It gathers what is written in one turn into one buffer, so that a turn costs one system
 * call and not one a message. Unlike the wire below it knows its bound, and unlike the connection above it decides nothing:
 * it tells what waits.
 *
 * A buffer is filled once from its start to its end and never written again where it was handed on, so the wire may keep
 * what it gets without a copy. Its size follows what is written; an idle client holds none.
 */
import type { Wire } from './serve-socket.ts'

const sizeMin = 4096
const sizeMax = 65_536
/** A piece of this size goes to the wire as it stands: copying it would cost more than a write of its own. */
const largeBytes = 32_768
/** A rest not worth keeping for the next turn. */
const restMin = 512
/** Copied byte by byte in place of a call that costs more. */
const shortBytes = 48

const noBytes = Buffer.alloc(0)

export class Outbox {
  readonly #wire: Wire
  #buffer: Buffer = noBytes
  #from = 0
  #at = 0
  #size = sizeMin
  /** Accepted by the wire, in all. */
  #written = 0
  /** What the wire said of the last write. */
  #flowing = true
  /** Set when more was written than fits one buffer, so that the owner looks at what waits before the turn ends. */
  handed = false

  constructor(wire: Wire) {
    this.#wire = wire
  }

  /** Bytes that wait: here, and at the wire. */
  get waitingBytes(): number {
    return this.#at - this.#from + this.#wire.queuedBytes
  }

  /** Bytes that have left the process, in all: it stands still when the client does not read. */
  get leftBytes(): number {
    return this.#written - this.#wire.queuedBytes
  }

  /** One message: `head`, then the bytes of `source`, which stay as they are from now on. */
  append(head: Buffer, source: Buffer, from: number, to: number): void {
    const { length } = head
    this.#reserve(length + to - from < largeBytes ? length + to - from : length)
    const buffer = this.#buffer
    let at = this.#at
    if (length <= shortBytes) for (let index = 0; index < length; index++) buffer[at++] = head[index] as number
    else at += head.copy(buffer, at)
    if (length + to - from < largeBytes) this.#at = at + source.copy(buffer, at, from, to)
    else {
      this.#at = at
      this.flush()
      this.#hand(source.subarray(from, to))
      this.handed = true
    }
  }

  text(text: string): void {
    const bytes = Buffer.byteLength(text)
    this.#reserve(bytes)
    this.#at += this.#buffer.write(text, this.#at)
  }

  /** Hands what was gathered to the wire; false when the wire has more than the kernel takes now. */
  flush(): boolean {
    this.handed = false
    const bytes = this.#at - this.#from
    if (bytes === 0) return this.#flowing || this.#wire.queuedBytes === 0
    const flowing = this.#hand(this.#buffer.subarray(this.#from, this.#at))
    this.#from = this.#at
    this.#size = bytes > this.#size / 2 ? Math.min(sizeMax, this.#size * 2) : Math.max(sizeMin, this.#size / 2)
    if (this.#buffer.length - this.#at < restMin || this.#buffer.length > this.#size * 2) this.#drop()
    return flowing
  }

  #hand(bytes: Buffer): boolean {
    this.#written += bytes.length
    return (this.#flowing = this.#wire.write(bytes))
  }

  #reserve(bytes: number): void {
    if (this.#buffer.length - this.#at >= bytes) return
    const more = this.#at > this.#from
    this.flush()
    this.handed = more
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(this.#size, bytes))
    this.#from = this.#at = 0
  }

  #drop(): void {
    this.#buffer = noBytes
    this.#from = this.#at = 0
  }
}
