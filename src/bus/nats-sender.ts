/**
 * Sender: what is published over NATS, from the checks to the PONG that confirms it. With a connection it hands over at
 * once; without one, publishes wait in the outbox and go out first when there is one again. Unlike the bus it knows no
 * subscription; unlike `Outbox` and `Ledger`, which only count, it acts.
 */
import type * as Nats from '@nats-io/transport-node'
import type { Clock, Timer } from '../base/clock.ts'
import { deferred } from '../base/deferred.ts'
import type { Deferred } from '../base/deferred.ts'
import { InvalidArgument } from '../base/error.ts'
import type { ColloquyError } from '../base/error.ts'
import type { HeadersInput, MessageHeaders } from './bus.ts'
import { BusClosed, Disconnected, PayloadTooLarge } from './error.ts'
import { checkHeaders } from './header.ts'
import type { NatsConnection, NatsLibrary } from './nats-library.ts'
import type { Link } from './nats-link.ts'
import { Ledger, Outbox, costOf } from './nats-outbox.ts'
import type { Outgoing, OutboxBounds } from './nats-outbox.ts'
import { checkSubject } from './subject.ts'

/** How long a publish may stay unconfirmed before a PING asks, in the background. */
const confirmAfterMs = 1000
const payloadMaxBytesDefault = 1024 * 1024
const subjectsMax = 1024

export interface SenderOptions {
  readonly library: NatsLibrary
  readonly clock: Clock
  readonly buffer: OutboxBounds
  readonly unconfirmed: OutboxBounds
  /** Whether what waited in the outbox is still wanted: a request whose time is over is not. */
  readonly wanted: (outgoing: Outgoing) => boolean
  /** Ends the request that it was; false when it was none, so that nobody has been told. */
  readonly refused: (outgoing: Outgoing, error: ColloquyError) => boolean
}

/** Publishes that waited and that the next server would not take: how many, and the error of the largest. */
export interface Refused {
  readonly count: number
  readonly error: PayloadTooLarge | undefined
}

export class Sender {
  readonly #options: SenderOptions
  readonly #outbox: Outbox
  readonly #ledger: Ledger
  /** Undefined while disconnected. */
  #link: Link | undefined
  #connection: NatsConnection | undefined
  #linked: Deferred<void> | undefined
  #payloadMaxBytes = payloadMaxBytesDefault
  /** Subjects that have passed the check; the last one is compared first. */
  readonly #checked = new Set<string>()
  #lastSubject: string | undefined
  #confirming = false
  #confirmTimer: Timer | undefined
  #closed = false

  constructor(options: SenderOptions) {
    this.#options = options
    this.#outbox = new Outbox(options.buffer)
    this.#ledger = new Ledger(options.unconfirmed)
  }

  /** As the server says; without one, as the last one said. */
  get payloadMaxBytes(): number {
    return (this.#payloadMaxBytes = this.#link?.payloadMaxBytes ?? this.#payloadMaxBytes)
  }
  get buffered(): number {
    return this.#outbox.size
  }
  get unconfirmed(): number {
    return this.#ledger.unconfirmed
  }

  /** Throws `bus.invalid_subject`. Most publishers use few subjects again and again. */
  checkSubject(subject: string): void {
    if (subject === this.#lastSubject) return
    if (!this.#checked.has(subject)) {
      checkSubject(subject)
      if (this.#checked.size >= subjectsMax) this.#checked.clear()
      this.#checked.add(subject)
    }
    this.#lastSubject = subject
  }

  /** Subjects have been checked; all else is checked here, before anything is sent or kept. */
  send(subject: string, data: Uint8Array, reply: string | undefined, input: HeadersInput | undefined): void {
    if (this.#closed) throw new BusClosed()
    if (!(data instanceof Uint8Array)) throw new InvalidArgument('data', 'must be a Uint8Array; encode it with a codec')
    const checked = input && checkHeaders(input)
    const bytes = checked ? data.length + checked.bytes : data.length
    if (bytes > this.#payloadMaxBytes && bytes > this.payloadMaxBytes)
      throw new PayloadTooLarge(this.#payloadMaxBytes, bytes)
    const connection = this.#connection
    if (connection) {
      const cost = costOf(subject, reply, bytes)
      if (this.#ledger.due(cost) && this.#ledger.look(cost)) void this.#confirm()
      if (this.#hand(connection, subject, data, reply, checked?.headers, bytes)) return
    }
    this.#outbox.push({ subject, data, headers: checked?.headers, reply, bytes })
  }

  /** Gives it to the connection; false when that turns out to be gone. */
  #hand(
    connection: NatsConnection,
    subject: string,
    data: Uint8Array,
    reply: string | undefined,
    headers: MessageHeaders | undefined,
    bytes: number,
  ): boolean {
    try {
      if (headers !== undefined) connection.publish(subject, data, this.#withHeaders(headers, reply))
      else if (reply === undefined) connection.publish(subject, data)
      else connection.publish(subject, data, { reply })
    } catch (error) {
      // A server may lower its bound at any time; the library knows it first.
      if (!connection.isClosed())
        throw bytes > this.payloadMaxBytes ? new PayloadTooLarge(this.#payloadMaxBytes, bytes) : error
      this.#link?.abandon()
      return false
    }
    this.#ledger.sent(costOf(subject, reply, bytes))
    if (!this.#confirmTimer) this.#confirmLater()
    return true
  }

  #withHeaders(headers: MessageHeaders, reply: string | undefined): Nats.PublishOptions {
    const made = this.#options.library.headers()
    for (const name of Object.keys(headers)) for (const value of headers[name] ?? []) made.append(name, value)
    return reply === undefined ? { headers: made } : { headers: made, reply }
  }

  /** A PING whose PONG confirms what was published so far; one at a time. */
  async #confirm(): Promise<void> {
    const link = this.#link
    if (this.#confirming || !link) return
    this.#confirming = true
    const mark = this.#ledger.mark()
    if (await link.answered()) this.#ledger.confirm(mark)
    if (link === this.#link) this.#confirming = false
  }

  #confirmLater(): void {
    this.#confirmTimer = this.#options.clock.timer(confirmAfterMs, this.#confirmDue, { background: true })
  }

  readonly #confirmDue = (): void => {
    this.#confirmTimer = undefined
    if (this.#ledger.unconfirmed === 0 || this.#closed) return
    void this.#confirm()
    this.#confirmLater()
  }

  /** Waits for a connection and its PONG. Rejects with `bus.disconnected`, `bus.closed`. */
  async flush(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#closed) throw new BusClosed()
      const link = this.#link
      if (!link) {
        await (this.#linked ??= deferred()).promise
        continue
      }
      const mark = this.#ledger.mark()
      if (await link.answered()) return this.#ledger.confirm(mark)
      const lost = mark.count - link.confirmedCount
      if (lost > 0 && !this.#closed) throw new Disconnected(lost)
    }
  }

  /** PING and PONG; nothing when the connection is or gets lost. */
  async settled(): Promise<void> {
    await this.#link?.answered()
  }

  /**
   * Before `attach`: takes out of what waits all that this connection's server would close the connection for. Whoever
   * waits in `flush` hears that something is lost.
   */
  sift(connection: NatsConnection): Refused {
    const maxBytes = connection.info?.max_payload ?? this.#payloadMaxBytes
    const waiting = this.#outbox.take()
    this.#outbox.putBack(waiting.filter(({ bytes }) => bytes <= maxBytes))
    let count = 0
    let error: PayloadTooLarge | undefined
    for (const outgoing of waiting) {
      if (outgoing.bytes <= maxBytes || !this.#options.wanted(outgoing)) continue
      const refusal = new PayloadTooLarge(maxBytes, outgoing.bytes)
      if (this.#options.refused(outgoing, refusal)) continue
      count++
      if (!error || error.actualBytes < refusal.actualBytes) error = refusal
    }
    if (count > 0) {
      this.#linked?.reject(new Disconnected(count, { cause: error }))
      this.#linked = undefined
    }
    return { count, error }
  }

  /** There is a connection: what waited goes out first. What is not out when it is gone again waits on. */
  attach(link: Link): void {
    this.#link = link
    this.#connection = link.connection
    this.#confirming = false
    this.#payloadMaxBytes = this.payloadMaxBytes
    const waiting = this.#outbox.take()
    for (const [at, outgoing] of waiting.entries()) {
      const { subject, data, reply, headers, bytes } = outgoing
      if (!this.#options.wanted(outgoing)) continue
      if (!this.#hand(link.connection, subject, data, reply, headers, bytes)) {
        this.#outbox.putBack(waiting.slice(at))
        break
      }
    }
    this.#linked?.resolve()
    this.#linked = undefined
  }

  /** The connection is lost: how many publishes may be lost with it. */
  detach(link: Link): number {
    link.confirmedCount = this.#ledger.confirmedCount
    this.#link = this.#connection = undefined
    this.#confirmTimer?.cancel()
    this.#confirmTimer = undefined
    return this.#ledger.broke()
  }

  /** Returns how many publishes waited for a connection that nobody has been told of. */
  close(reason: ColloquyError): number {
    this.#closed = true
    this.#link = this.#connection = undefined
    this.#confirmTimer?.cancel()
    const { wanted, refused } = this.#options
    const waiting = this.#outbox.take().filter((each) => wanted(each) && !refused(each, reason))
    // Nobody may wait for it.
    this.#linked?.promise.catch(() => {})
    this.#linked?.reject(reason)
    return waiting.length
  }
}
