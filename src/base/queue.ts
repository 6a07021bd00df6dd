/**
 * BoundedQueue: one consumer's stream of values with a bound and a stated policy at the bound. Unlike a mailbox it knows
 * nothing of senders; it is what stands behind every AsyncIterable in the house. It never waits for the consumer: a
 * producer that must wait looks at `size` or uses `error`.
 */
import { InvalidArgument, LimitExceeded, toError } from './error.ts'

/** What a full queue does with one more: drops its oldest, refuses the newest in silence, or ends with an error. */
export type OverflowPolicy = 'drop-oldest' | 'drop-newest' | 'error'

export interface BoundedQueueOptions {
  /** Values held before the policy acts. */
  readonly limit: number
  /** Default `error`: a loss is never silent unless chosen. */
  readonly overflow?: OverflowPolicy
  /** Told of each value dropped, with the count so far. */
  readonly onDrop?: (droppedTotal: number) => void
  /** Names the queue in errors. */
  readonly name?: string
  /** Called once when the consumer stops before the end was told (`return`, `break`). */
  readonly onReturn?: () => void
}

export class BoundedQueue<T> implements AsyncIterableIterator<T, undefined> {
  readonly #limit: number
  readonly #overflow: OverflowPolicy
  readonly #options: BoundedQueueOptions
  // A ring that doubles up to the limit: push and shift are constant time and an idle queue is small.
  #ring: (T | undefined)[] = Array.from({ length: 8 })
  #head = 0
  #size = 0
  #dropped = 0
  #ended = false
  #failure: { readonly error: Error } | undefined
  readonly #waiters: { resolve(result: IteratorResult<T, undefined>): void; reject(error: unknown): void }[] = []

  constructor(options: BoundedQueueOptions) {
    if (!Number.isSafeInteger(options.limit) || options.limit < 1)
      throw new InvalidArgument('limit', 'must be a whole number of 1 or more')
    this.#limit = options.limit
    this.#overflow = options.overflow ?? 'error'
    this.#options = options
  }

  /** Values that wait. */
  get size(): number {
    return this.#size
  }
  /** Values lost to the policy since the start. */
  get dropped(): number {
    return this.#dropped
  }
  /** No more values will be taken; those that wait are still delivered. */
  get ended(): boolean {
    return this.#ended
  }

  /** True if the value was taken (or handed to a waiting consumer), false if it was dropped or the queue has ended. */
  push(value: T): boolean {
    if (this.#ended) return false
    const waiter = this.#waiters.shift()
    if (waiter) {
      waiter.resolve({ value, done: false })
      return true
    }
    if (this.#size === this.#limit && !this.#makeRoom()) return false
    if (this.#size === this.#ring.length) this.#grow()
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = value
    this.#size++
    return true
  }

  #makeRoom(): boolean {
    if (this.#overflow === 'error') {
      this.fail(new LimitExceeded(`${this.#options.name ?? 'queue'}.limit`, this.#limit, this.#limit + 1))
      return false
    }
    this.#dropped++
    const room = this.#overflow === 'drop-oldest'
    if (room) this.#take()
    this.#options.onDrop?.(this.#dropped)
    return room
  }

  #grow(): void {
    const larger: (T | undefined)[] = Array.from({ length: this.#ring.length * 2 })
    for (let at = 0; at < this.#size; at++) larger[at] = this.#ring[(this.#head + at) & (this.#ring.length - 1)]
    this.#ring = larger
    this.#head = 0
  }

  #take(): T {
    const value = this.#ring[this.#head] as T
    this.#ring[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#size--
    return value
  }

  /** The next value now, or undefined when none waits. */
  shift(): T | undefined {
    return this.#size > 0 ? this.#take() : undefined
  }

  /** Ends the stream after what waits. */
  end(): void {
    this.#finish(undefined)
  }

  /** Ends the stream with an error after what waits. */
  fail(error: unknown): void {
    this.#finish({ error: toError(error) })
  }

  #finish(failure: { readonly error: Error } | undefined): void {
    if (this.#ended) return
    this.#ended = true
    const waiters = this.#waiters.splice(0)
    // Whoever waits already gets the end; a failure is told once.
    const first = failure && waiters.shift()
    if (first) first.reject(failure.error)
    else this.#failure = failure
    for (const waiter of waiters) waiter.resolve({ value: undefined, done: true })
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#size > 0) return Promise.resolve({ value: this.#take(), done: false })
    if (this.#failure) {
      const { error } = this.#failure
      this.#failure = undefined
      return Promise.reject(error)
    }
    if (this.#ended) return Promise.resolve({ value: undefined, done: true })
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  return(): Promise<IteratorResult<T, undefined>> {
    const early = !this.#ended || this.#size > 0 || this.#failure !== undefined
    this.#finish(undefined)
    // Who stopped listening is told nothing more, not even a failure that waited behind the values.
    this.#failure = undefined
    this.#ring = Array.from({ length: 8 })
    this.#head = 0
    this.#size = 0
    if (early) this.#options.onReturn?.()
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
