/**
 * The bookkeeping of what is published over NATS. `Outbox` holds publishes while there is no connection; `Ledger` counts
 * those that were handed to one until the server's PONG confirms them. Pure: unlike `nats-bus.ts` they send nothing and
 * know no time. Bytes are kept by reference, for they are immutable by contract.
 */
import type { MessageHeaders } from './bus.ts'
import { BufferFull } from './error.ts'

export interface Outgoing {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers: MessageHeaders | undefined
  readonly reply: string | undefined
  /** Data and headers. */
  readonly bytes: number
}

export interface OutboxBounds {
  readonly messagesMax: number
  readonly bytesMax: number
}

/** What an entry costs beside its texts and bytes: roughly its object here, or its line and line ends on the wire. */
const entryBytes = 32

/** What a publish counts against a bound of bytes: subjects may be larger than what is published to them. */
export function costOf(subject: string, reply: string | undefined, bytes: number): number {
  return entryBytes + subject.length + (reply === undefined ? 0 : reply.length) + bytes
}

/** Publishes that wait for a connection, in order. */
export class Outbox {
  readonly #bounds: OutboxBounds
  #waiting: Outgoing[] = []
  #bytes = 0

  constructor(bounds: OutboxBounds) {
    this.#bounds = bounds
  }

  get size(): number {
    return this.#waiting.length
  }
  /** As `costOf` counts. */
  get bytes(): number {
    return this.#bytes
  }

  /** Throws `bus.buffer_full` beyond either bound, and has not taken it then. */
  push(outgoing: Outgoing): void {
    const { messagesMax, bytesMax } = this.#bounds
    const cost = costOf(outgoing.subject, outgoing.reply, outgoing.bytes)
    if (this.#waiting.length >= messagesMax || this.#bytes + cost > bytesMax)
      throw new BufferFull(messagesMax, bytesMax)
    this.#waiting.push(outgoing)
    this.#bytes += cost
  }

  /** All that waits, in order; they are the caller's now. */
  take(): readonly Outgoing[] {
    const taken = this.#waiting
    this.clear()
    return taken
  }

  /** Puts what could not be handed over back in front. */
  putBack(rest: readonly Outgoing[]): void {
    this.#waiting = [...rest, ...this.#waiting]
    for (const { subject, reply, bytes } of rest) this.#bytes += costOf(subject, reply, bytes)
  }

  clear(): void {
    this.#waiting = []
    this.#bytes = 0
  }
}

/** A point in the stream of publishes: how many there were, and their bytes. */
export interface Mark {
  readonly count: number
  readonly bytes: number
}

/** A PING is due after this many publishes, or bytes, that no PING covers: seldom enough to cost nothing. */
export const markEvery = 16_384
export const markEveryBytes: number = 1024 * 1024

/** Counts what was handed to the connection against what the server has confirmed. */
export class Ledger {
  readonly #bounds: OutboxBounds
  #count = 0
  #bytes = 0
  #confirmedCount = 0
  #confirmedBytes = 0
  /** Where the next look is due: `ping` or a bound. A publish below costs two comparisons. */
  #lookAtCount: number
  #lookAtBytes: number
  #markedCount = 0
  #markedBytes = 0

  constructor(bounds: OutboxBounds) {
    this.#bounds = bounds
    this.#lookAtCount = Math.min(markEvery, bounds.messagesMax)
    this.#lookAtBytes = Math.min(markEveryBytes, bounds.bytesMax)
  }

  /** Handed over and not confirmed. */
  get unconfirmed(): number {
    return this.#count - this.#confirmedCount
  }
  get unconfirmedBytes(): number {
    return this.#bytes - this.#confirmedBytes
  }

  /** Before one more of this size: true when `look` must be asked first. */
  due(bytes: number): boolean {
    return this.#count >= this.#lookAtCount || this.#bytes + bytes > this.#lookAtBytes
  }

  /** Throws `bus.buffer_full` when one more would be beyond a bound; true when a PING is wanted. */
  look(bytes: number): boolean {
    const { messagesMax, bytesMax } = this.#bounds
    if (this.unconfirmed >= messagesMax || (this.unconfirmed > 0 && this.unconfirmedBytes + bytes > bytesMax))
      throw new BufferFull(messagesMax, bytesMax)
    return this.#count - this.#markedCount >= markEvery || this.#bytes + bytes - this.#markedBytes > markEveryBytes
  }

  /** One was handed over. */
  sent(bytes: number): void {
    this.#count++
    this.#bytes += bytes
  }

  /** A PING goes out now: what its PONG will confirm. */
  mark(): Mark {
    this.#markedCount = this.#count
    this.#markedBytes = this.#bytes
    this.#aim()
    return { count: this.#count, bytes: this.#bytes }
  }

  /** The PONG of this mark has come. */
  confirm(mark: Mark): void {
    if (mark.count <= this.#confirmedCount) return
    this.#confirmedCount = mark.count
    this.#confirmedBytes = mark.bytes
    this.#aim()
  }

  /** All up to here is confirmed, counted as marks count. */
  get confirmedCount(): number {
    return this.#confirmedCount
  }

  /** The connection is lost: returns what may be lost with it, and begins anew. */
  broke(): number {
    const { unconfirmed } = this
    this.confirm(this.mark())
    return unconfirmed
  }

  #aim(): void {
    const { messagesMax, bytesMax } = this.#bounds
    this.#lookAtCount = Math.min(this.#markedCount + markEvery, this.#confirmedCount + messagesMax)
    this.#lookAtBytes = Math.min(this.#markedBytes + markEveryBytes, this.#confirmedBytes + bytesMax)
  }
}
