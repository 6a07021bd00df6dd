/**
 * BusSubscription: the consumer's side of a subscription, the same on every driver: the bounded queue with its overflow
 * policy, `max`, iterating and `each`, draining. The driver puts messages in with `deliver` and takes the interest away
 * when `leave` is called; when handlers run is the host's decision (`wake` asks for one `pump`), so that none ever runs
 * inside a publisher's call.
 *
 * Its life: 1. open: takes and hands out; 2. closed: takes no more, what waits is handed out; 3. over: the consumer has
 * has finished, iterations end, `each` and `drain` settle.
 */
import { within } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { deferred } from '../base/deferred.ts'
import type { Deferred } from '../base/deferred.ts'
import { InvalidArgument, toError } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import type { Message, SubscribeOptions, Subscription, WaitOptions } from './bus.ts'
import { AlreadyConsumed, SlowConsumer } from './error.ts'
import { MessageRing } from './message-ring.ts'
import { checkPattern, checkQueue } from './subject.ts'

export const pendingMaxDefault: number = 65_536
export const pendingMaxBytesDefault: number = 64 * 1024 * 1024
export const drainTimeoutMsDefault: number = 30_000
/** The largest `max`: a NATS server reads no number of more than nine digits. */
export const subscriptionMax: number = 999_999_999

/** What a driver does for its subscriptions. */
export interface SubscriptionHost {
  readonly clock: Clock
  /** The consumer may go on only while this is false; a subscription that meets it asks for `wake` and waits. */
  readonly resting: boolean
  /** Counts one message handed out. */
  spend(): void
  /** Calls `pump` once, soon, outside the current call. */
  wake(subscription: BusSubscription): void
  /** `max` was set or changed: `left` more are wanted. For a driver whose server counts too. */
  limit?(subscription: BusSubscription): void
  /**
   * A drain begins: takes the interest away and resolves when what was already on its way has been delivered. Without it
   * nothing is ever on its way.
   */
  last?(subscription: BusSubscription): Promise<void>
  /** No more messages are wanted: the driver stops delivering. Called once. */
  leave(subscription: BusSubscription): void
  /** A slow episode has begun: it ends when no more than half of either bound waits. */
  slow(subscription: BusSubscription): void
  /** Over: the driver forgets it. Called once. */
  over(subscription: BusSubscription): void
}

type Handler = (message: Message) => unknown
type Step = IteratorResult<Message, undefined>
type Waiter = { resolve(step: Step): void; reject(error: unknown): void }

export class BusSubscription implements Subscription {
  readonly subject: string
  readonly queue?: string
  readonly #host: SubscriptionHost
  readonly #overflow: 'drop-oldest' | 'drop-newest' | 'error'
  readonly #ring: MessageRing
  readonly #waiters: Waiter[] = []
  #max: number
  #arrived = 0
  #received = 0
  #dropped = 0
  #closed = false
  #over = false
  #slow = false
  /** A `pump` is on its way. */
  #woken = false
  /** The consumer has a message it has not finished with. */
  #inHand = false
  #draining = false
  #consumer: 'none' | 'iterator' | 'each' = 'none'
  #handler: Handler | undefined
  #failure: Error | undefined
  #ended: Deferred<void> | undefined

  /** Throws `bus.invalid_subject` and `base.invalid_argument`. */
  constructor(host: SubscriptionHost, subject: string, options: SubscribeOptions = {}) {
    checkPattern(subject)
    if (options.queue !== undefined) checkQueue(options.queue)
    this.subject = subject
    if (options.queue !== undefined) this.queue = options.queue
    this.#host = host
    this.#overflow = checkOverflow(options.overflow ?? 'drop-newest')
    this.#max =
      options.max === undefined ? Number.POSITIVE_INFINITY : wholeNumber('max', options.max, 1, subscriptionMax)
    this.#ring = new MessageRing(
      wholeNumber('pendingMax', options.pendingMax ?? pendingMaxDefault, 1),
      wholeNumber('pendingMaxBytes', options.pendingMaxBytes ?? pendingMaxBytesDefault, 1),
    )
  }

  get received(): number {
    return this.#received
  }
  get pending(): number {
    return this.#ring.size
  }
  get dropped(): number {
    return this.#dropped
  }
  get closed(): boolean {
    return this.#closed
  }

  /** For the driver: messages until `max` is met; Infinity without one. */
  get left(): number {
    return this.#max - this.#arrived
  }

  /** For the driver: one message has come. */
  deliver(message: Message): void {
    if (this.#closed) return
    this.#arrived++
    if (this.#ring.fits(message.data.length) || this.#makeRoom(message)) {
      this.#ring.push(message)
      if (this.#consumer !== 'none' && !this.#woken) this.#wakeIfWanted()
    }
    if (this.#arrived >= this.#max) this.#close()
  }

  /** Applies the policy; true if there is room now. */
  #makeRoom(message: Message): boolean {
    const { length } = message.data
    if (this.#overflow === 'drop-oldest' && length <= this.#ring.maxBytes) {
      while (!this.#ring.fits(length)) {
        this.#ring.shift()
        this.#dropped++
      }
    } else this.#dropped++
    const episode = !this.#slow
    this.#slow = true
    if (this.#overflow === 'error') this.end(new SlowConsumer(this.subject, this.#ring.max, this.#ring.maxBytes))
    if (episode) this.#host.slow(this)
    return this.#overflow === 'drop-oldest' && this.#ring.fits(length)
  }

  #wakeIfWanted(): void {
    if (this.#consumer === 'each' ? this.#inHand : this.#waiters.length === 0) return
    this.#woken = true
    this.#host.wake(this)
  }

  /** For the host: hands out what waits, up to a share, so that other subscriptions have their turn. */
  pump(): void {
    this.#woken = false
    if (this.#handler) this.#feedHandler(this.#handler)
    else this.#feedWaiters()
    this.#settle()
    if (this.#ring.size > 0 && !this.#woken && this.#consumer !== 'none') this.#wakeIfWanted()
  }

  #feedHandler(handler: Handler): void {
    for (let share = pumpShare; share > 0 && !this.#inHand && this.#ring.size > 0 && !this.#host.resting; share--) {
      const message = this.#take()
      this.#inHand = true
      try {
        const result = handler(message)
        if (isThenable(result)) result.then(this.#handled, this.#handlerFailed)
        else this.#inHand = false
      } catch (error) {
        this.#handlerFailed(error)
      }
    }
  }

  readonly #handled = (): void => {
    this.#inHand = false
    if (!this.#woken) this.pump()
  }

  readonly #handlerFailed = (error: unknown): void => {
    this.#inHand = false
    this.#failure ??= toError(error)
    this.unsubscribe()
  }

  #feedWaiters(): void {
    while (this.#waiters.length > 0 && this.#ring.size > 0 && !this.#host.resting) {
      const waiter = this.#waiters.shift()
      // Whoever asks for the next one already has finished with this one.
      this.#inHand = this.#waiters.length === 0
      waiter?.resolve({ value: this.#take(), done: false })
    }
  }

  #take(): Message {
    const message = this.#ring.shift() as Message
    this.#received++
    if (this.#slow) this.#slow = this.#ring.size > this.#ring.max / 2 || this.#ring.bytes > this.#ring.maxBytes / 2
    this.#host.spend()
    return message
  }

  each(handler: (message: Message) => void | Promise<void>): Promise<void> {
    if (this.#consumer !== 'none') return Promise.reject(new AlreadyConsumed(this.subject))
    this.#consumer = 'each'
    this.#handler = handler
    if (this.#ring.size > 0) this.#wakeIfWanted()
    return this.#outcome(this.#over ? Promise.resolve() : (this.#ended ??= deferred()).promise)
  }

  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    if (this.#consumer !== 'none') throw new AlreadyConsumed(this.subject)
    this.#consumer = 'iterator'
    return { next: () => this.#next(), return: () => this.#return() }
  }

  #next(): Promise<Step> {
    this.#inHand = false
    if (this.#ring.size > 0 && !this.#host.resting && this.#waiters.length === 0) {
      this.#inHand = true
      const value = this.#take()
      if (this.#closed) this.#settle()
      return Promise.resolve({ value, done: false })
    }
    this.#settle()
    const failure = this.#over ? this.#takeFailure() : undefined
    if (failure) return Promise.reject(failure)
    if (this.#over) return Promise.resolve(finished)
    const { promise, resolve, reject } = Promise.withResolvers<Step>()
    this.#waiters.push({ resolve, reject })
    if (this.#ring.size > 0 && !this.#woken) this.#wakeIfWanted()
    return promise
  }

  #return(): Promise<Step> {
    this.#inHand = false
    this.unsubscribe()
    return Promise.resolve(finished)
  }

  unsubscribe(max?: number): void {
    if (max !== undefined) {
      this.#max = wholeNumber('max', max, 1, subscriptionMax)
      if (this.#arrived < max) {
        if (!this.#closed) this.#host.limit?.(this)
        return
      }
      this.#ring.cut(Math.max(0, this.#ring.size - (this.#arrived - max)))
    } else this.#ring.clear()
    this.#close()
  }

  async drain(options: WaitOptions = {}): Promise<void> {
    const { timeoutMs = drainTimeoutMsDefault, signal } = options
    this.#draining = true
    const last = this.#closed ? undefined : this.#host.last?.(this)
    if (!last) this.#close()
    if (this.#over) return
    const ended = (this.#ended ??= deferred())
    const settled = async () => {
      await last
      this.#close()
      await ended.promise
    }
    try {
      await within(this.#host.clock, `draining ${this.subject}`, timeoutMs, signal, settled)
    } catch (error) {
      this.#draining = false
      this.unsubscribe()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.unsubscribe()
  }

  /** For the driver: ends it with an error after what waits; without one as `unsubscribe` does. */
  end(error?: Error): void {
    if (!error) this.#ring.clear()
    else if (!this.#closed) this.#failure = error
    this.#close()
  }

  #close(): void {
    if (!this.#closed) {
      this.#closed = true
      this.#host.leave(this)
    }
    this.#settle()
  }

  /**
   * Over, once closed and empty, and the handler has settled. An iteration is waited for only while draining: one that took
   * its last message and never comes back must not be kept for ever.
   */
  #settle(): void {
    if (this.#over || !this.#closed || this.#ring.size > 0) return
    if (this.#inHand && (this.#draining || this.#consumer === 'each')) return
    this.#over = true
    this.#host.over(this)
    const waiters = this.#waiters.splice(0)
    const first = this.#failure ? waiters.shift() : undefined
    first?.reject(this.#takeFailure())
    for (const waiter of waiters) waiter.resolve(finished)
    this.#ended?.resolve()
  }

  /** The failure is the consumer's to hear, once. */
  #takeFailure(): Error | undefined {
    const failure = this.#failure
    this.#failure = undefined
    return failure
  }

  async #outcome(ended: Promise<void>): Promise<void> {
    await ended
    const failure = this.#takeFailure()
    if (failure) throw failure
  }
}

/** Messages handed to one handler before the next subscription has its turn. */
const pumpShare = 256

const finished: Step = Object.freeze({ value: undefined, done: true })

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function checkOverflow(overflow: string): 'drop-oldest' | 'drop-newest' | 'error' {
  if (overflow === 'drop-oldest' || overflow === 'drop-newest' || overflow === 'error') return overflow
  throw new InvalidArgument('overflow', 'must be drop-oldest, drop-newest or error')
}
