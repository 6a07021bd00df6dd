/**
 * RequestMux: all requests of one connection over one inbox subscription. Unlike a subscription, a timer and an error for
 * each request, a request costs an entry in a table and in a heap of deadlines; one timer stands for the first deadline, and
 * an Error is made only for a request that fails. It neither publishes nor subscribes: the driver sends what `send` is
 * given, subscribes `inbox` once, and puts in what comes (`deliver`) or the word that nobody listens (`noResponders`).
 *
 * A reply subject is `_INBOX.<22 characters>.<11 characters>` (or another prefix, see the options): 128 bits name the connection, then come the slot where the
 * request waits and 48 bits of its own, all from the secure entropy but for the slot. Who has answered one request cannot
 * guess where another waits. Slots stand in an array rather than in a Map, whose tables, rebuilt every few requests, hold
 * on to one another and cost the collector more than all else here (measured with 100 in flight: half the throughput).
 */
import type { Clock, Timer } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import { Aborted, InvalidArgument, LimitExceeded, toError } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import { Answers } from './answers.ts'
import type { HeadersInput, Message, RequestManyOptions, RequestOptions } from './bus.ts'
import { DeadlineHeap } from '../base/deadlines.ts'
import type { DeadlineEntry } from '../base/deadlines.ts'
import { BusClosed, NoResponders, RequestTimeout } from './error.ts'

const requestTimeoutMsDefault = 5000
const requestsMaxDefault = 65_536

export interface RequestMuxOptions {
  readonly clock: Clock
  readonly entropy: Entropy
  /** Publishes with a reply subject, that of the request; throws what `publish` throws. */
  readonly send: (subject: string, data: Uint8Array, reply: string, headers: HeadersInput | undefined) => void
  /** Requests that may wait at one time, to 262,144; one more is refused with `base.limit_exceeded`. Default 65,536. */
  readonly requestsMax?: number
  /** First tokens of the inbox. Default `_INBOX`; the driver has checked it. */
  readonly inboxPrefix?: string
}

/** A request that waits. Ended by exactly one of the calls, after which the mux knows it no more. */
interface Waiting extends DeadlineEntry {
  /** Where the answer goes: the inbox's prefix, the request's place, its own token. */
  readonly reply: string
  readonly place: number
  readonly subject: string
  /** True when this answer was the last one wanted. */
  answer(message: Message): boolean
  expire(): void
  fail(error: Error): void
}

export class RequestMux {
  /** Subscribe to this before the first request is sent. */
  readonly inbox: string
  readonly #options: RequestMuxOptions
  readonly #prefix: string
  readonly #requestsMax: number
  readonly #tokens: () => string
  /** By place; the free places are those in `free` and those from `length` on. */
  readonly #places: (Waiting | undefined)[] = []
  readonly #free: number[] = []
  readonly #deadlines = new DeadlineHeap<Waiting>()
  #timer: Timer | undefined
  #timerMs = 0
  #idle: Timer | undefined
  #closed = false

  constructor(options: RequestMuxOptions) {
    this.#options = options
    this.#requestsMax = wholeNumber('requestsMax', options.requestsMax ?? requestsMaxDefault, 1, placesMax)
    this.#tokens = tokenSource(options.entropy)
    this.#prefix = `${options.inboxPrefix ?? '_INBOX'}.${Buffer.from(options.entropy.bytes(16)).toString('base64url')}.`
    this.inbox = `${this.#prefix}*`
  }

  /** Requests that wait for an answer or their end. */
  get pending(): number {
    return this.#places.length - this.#free.length
  }

  /** As `Bus.request`. */
  request(subject: string, data: Uint8Array, options?: RequestOptions): Promise<Message> {
    return new Promise((resolve, reject) => {
      const timeoutMs = positiveMs('timeoutMs', options?.timeoutMs ?? requestTimeoutMsDefault)
      const dueMs = this.#options.clock.monotonicMs() + timeoutMs
      const place = this.#nextPlace()
      const waiting = new One(place, this.#replyAt(place), subject, dueMs, timeoutMs, resolve, reject)
      this.#start(waiting, data, options?.headers, options?.signal)
    })
  }

  /** As `Bus.requestMany`. */
  requestMany(subject: string, data: Uint8Array, options: RequestManyOptions = {}): AsyncIterable<Message> {
    const answers = new Answers(subject, options.sentinel)
    try {
      const place = this.#nextPlace()
      const many = new Many(place, this.#replyAt(place), answers, this.#options.clock, this.#deadlines, options)
      answers.onReturn = () => this.#end(many)
      this.#start(many, data, options.headers, options.signal)
    } catch (error) {
      answers.fail(toError(error))
    }
    return answers
  }

  /** For the driver: a message has come to the inbox. One that nobody waits for any more is dropped. */
  deliver(message: Message): void {
    const waiting = this.#find(message.subject)
    if (!waiting) return
    if (waiting.answer(message)) this.#end(waiting)
    else this.#arm()
  }

  /** For the driver: nobody listens to the request with this reply subject. */
  noResponders(reply: string): void {
    const waiting = this.#find(reply)
    if (waiting) this.#fail(waiting, new NoResponders(waiting.subject))
  }

  /** For the driver: ends all that wait on this subject, which the server will never deliver. */
  failSubject(subject: string, error: Error): void {
    for (const waiting of this.#places) if (waiting?.subject === subject) this.#fail(waiting, error)
  }

  /** For the driver: ends the request with this reply subject, or all when none is named. */
  failReply(reply: string | undefined, error: Error): void {
    if (reply !== undefined) {
      const found = this.#find(reply)
      if (found) this.#fail(found, error)
    } else for (const waiting of this.#places) if (waiting) this.#fail(waiting, error)
  }

  /** Whether this subject is in the inbox. */
  owns(reply: string): boolean {
    return reply.startsWith(this.#prefix)
  }

  /** Whether the request with this reply subject still waits. */
  waits(reply: string): boolean {
    return this.#find(reply) !== undefined
  }

  /** From now on new requests are refused with `bus.closed`; those that wait may still be answered. */
  refuse(): void {
    this.#closed = true
  }

  /** As `refuse`, and ends all that wait with `bus.closed`; `reason` is why, when it was not the owner who closed. */
  close(reason?: Error): void {
    this.refuse()
    for (const waiting of this.#places) if (waiting) this.#fail(waiting, new BusClosed(reason && { cause: reason }))
    this.#timer?.cancel()
    this.#idle?.cancel()
    this.#timer = this.#idle = undefined
  }

  /** The place that the next request will take. */
  #nextPlace(): number {
    if (this.#closed) throw new BusClosed()
    if (this.pending >= this.#requestsMax) throw new LimitExceeded('requestsMax', this.#requestsMax, this.pending + 1)
    return this.#free.at(-1) ?? this.#places.length
  }

  #replyAt(place: number): string {
    return this.#prefix + (pairs[place >> 6] ?? '') + alphabet.charAt(place & 63) + this.#tokens()
  }

  #find(reply: string): Waiting | undefined {
    const at = this.#prefix.length
    const high = (digits[reply.charCodeAt(at)] ?? 0) * 4096
    const place = high + (digits[reply.charCodeAt(at + 1)] ?? 0) * 64 + (digits[reply.charCodeAt(at + 2)] ?? 0)
    const waiting = this.#places[place]
    return waiting?.reply === reply ? waiting : undefined
  }

  #start(waiting: Waiting, data: Uint8Array, headers: HeadersInput | undefined, signal: AbortSignal | undefined): void {
    if (signal?.aborted) return waiting.fail(new Aborted('a request', { cause: signal.reason }))
    this.#free.pop()
    this.#places[waiting.place] = waiting
    this.#deadlines.add(waiting)
    try {
      this.#options.send(waiting.subject, data, waiting.reply, headers)
    } catch (error) {
      return this.#fail(waiting, toError(error))
    }
    // The driver may have answered already, with the word that nobody listens.
    if (waiting.slot === -1) return
    this.#arm()
    if (signal) this.#listen(waiting, signal)
  }

  #listen(waiting: Waiting, signal: AbortSignal): void {
    const onAbort = () => this.#fail(waiting, new Aborted('a request', { cause: signal.reason }))
    signal.addEventListener('abort', onAbort, { once: true })
    this.#onEnd.set(waiting, () => signal.removeEventListener('abort', onAbort))
  }

  /** Only requests with a signal have something to undo. */
  readonly #onEnd = new Map<Waiting, () => void>()

  #fail(waiting: Waiting, error: Error): void {
    this.#end(waiting)
    waiting.fail(error)
  }

  #end(waiting: Waiting): void {
    if (this.#places[waiting.place] !== waiting) return
    this.#places[waiting.place] = undefined
    this.#free.push(waiting.place)
    this.#deadlines.remove(waiting)
    if (this.#onEnd.size > 0) {
      this.#onEnd.get(waiting)?.()
      this.#onEnd.delete(waiting)
    }
    if (this.pending === 0) this.#idleSoon()
  }

  /** Makes the one timer fire no later than the first deadline. */
  #arm(): void {
    const first = this.#deadlines.first
    if (!first || (this.#timer && this.#timerMs <= first.dueMs)) return
    this.#timer?.cancel()
    this.#timerMs = first.dueMs
    this.#timer = this.#options.clock.timer(first.dueMs - this.#options.clock.monotonicMs(), this.#sweep)
  }

  readonly #sweep = (): void => {
    this.#timer = undefined
    const nowMs = this.#options.clock.monotonicMs()
    for (let first = this.#deadlines.first; first && first.dueMs <= nowMs; first = this.#deadlines.first) {
      this.#end(first)
      first.expire()
    }
    this.#arm()
  }

  /**
   * The timer of a request that was answered stays for the next one, but must not keep a process alive that has no more
   * to do: it goes when nothing has waited for a moment.
   */
  #idleSoon(): void {
    if (!this.#timer) return
    this.#idle ??= this.#options.clock.timer(idleMs, this.#idled, { background: true })
  }

  readonly #idled = (): void => {
    this.#idle = undefined
    if (this.pending > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }
}

const idleMs = 20

class One implements Waiting {
  readonly place: number
  readonly reply: string
  readonly subject: string
  dueMs: number
  slot = -1
  readonly #timeoutMs: number
  readonly #resolve: (message: Message) => void
  readonly #reject: (error: Error) => void

  constructor(
    place: number,
    reply: string,
    subject: string,
    dueMs: number,
    timeoutMs: number,
    resolve: (message: Message) => void,
    reject: (error: Error) => void,
  ) {
    this.place = place
    this.reply = reply
    this.subject = subject
    this.dueMs = dueMs
    this.#timeoutMs = timeoutMs
    this.#resolve = resolve
    this.#reject = reject
  }

  answer(message: Message): boolean {
    this.#resolve(message)
    return true
  }
  expire(): void {
    this.#reject(new RequestTimeout(this.subject, this.#timeoutMs))
  }
  fail(error: Error): void {
    this.#reject(error)
  }
}

class Many implements Waiting {
  readonly place: number
  readonly reply: string
  readonly subject: string
  dueMs: number
  slot = -1
  readonly #answers: Answers
  readonly #clock: Clock
  readonly #deadlines: DeadlineHeap<Waiting>
  readonly #endMs: number
  readonly #stallMs: number
  #left: number

  constructor(
    place: number,
    reply: string,
    answers: Answers,
    clock: Clock,
    deadlines: DeadlineHeap<Waiting>,
    options: RequestManyOptions,
  ) {
    this.place = place
    this.reply = reply
    this.subject = answers.subject
    this.#answers = answers
    this.#clock = clock
    this.#deadlines = deadlines
    this.#left = options.max === undefined ? Number.POSITIVE_INFINITY : wholeNumber('max', options.max, 1)
    this.#stallMs = options.stallMs === undefined ? Number.POSITIVE_INFINITY : positiveMs('stallMs', options.stallMs)
    this.#endMs = clock.monotonicMs() + positiveMs('timeoutMs', options.timeoutMs ?? requestTimeoutMsDefault)
    this.dueMs = this.#endMs
  }

  answer(message: Message): boolean {
    if (!this.#answers.push(message)) return true
    if (--this.#left === 0) {
      this.#answers.end()
      return true
    }
    if (this.#stallMs !== Number.POSITIVE_INFINITY)
      this.#deadlines.move(this, Math.min(this.#endMs, this.#clock.monotonicMs() + this.#stallMs))
    return false
  }
  expire(): void {
    this.#answers.end()
  }
  fail(error: Error): void {
    this.#answers.fail(error)
  }
}

function positiveMs(name: string, value: number): number {
  if (typeof value === 'number' && value > 0 && value < Number.MAX_SAFE_INTEGER) return value
  throw new InvalidArgument(name, `must be a number of milliseconds above 0; it is ${String(value).slice(0, 40)}`)
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const pairs = Array.from({ length: 4096 }, (_none, at) => `${alphabet.charAt(at >> 6)}${alphabet.charAt(at & 63)}`)
/** The digit that each character of the alphabet stands for. */
const digits = new Uint8Array(128)
for (let at = 0; at < alphabet.length; at++) digits[alphabet.charCodeAt(at)] = at
/** Three digits. */
export const placesMax: number = 64 ** 3
const tokenPairs = 4
const blockBytes = 960

/** Tokens of 48 bits, from entropy drawn in blocks; what was used is not kept. */
function tokenSource(entropy: Entropy): () => string {
  let block = new Uint8Array(0)
  let used = 0
  return () => {
    if (used + tokenPairs * 2 > block.length) {
      block = entropy.bytes(blockBytes)
      used = 0
    }
    let token = ''
    for (let end = used + tokenPairs * 2; used < end; used += 2) {
      token += pairs[(((block[used] ?? 0) << 8) | (block[used + 1] ?? 0)) & 4095] ?? ''
      block[used] = block[used + 1] = 0
    }
    return token
  }
}
