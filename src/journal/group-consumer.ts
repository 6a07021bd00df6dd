/**
 * One consumer of a group: the queue between what the group claims for it and the loop that takes it. Unlike the group it
 * decides nothing about events; unlike a cursor it holds deliveries whose attempt is already kept.
 */
import type { Entry, Holder } from './core/group.ts'
import { checkNack, reasonOf, visibilityOf } from './group-options.ts'
import type { Delivery, NackOptions } from './group.ts'
import type { Recorded } from './recorded.ts'

/** A claim: the entry, and the lease that makes it this claim. */
export interface Claim {
  readonly entry: Entry<Recorded>
  readonly lease: number
}

/** What a consumer and its deliveries ask of their group. */
export interface ConsumerHost {
  /** False when the claim is not its own any more; else its visibility begins. */
  handOut(claim: Claim): boolean
  /** The consumer takes more, or is gone. */
  wake(): void
  /** Its loop has ended, or is about to: what it has not settled, or only what waits in its queue, goes to others. */
  leave(consumer: GroupConsumer, handedToo: boolean): void
  ack(claim: Claim, delivery: Delivery): Promise<void>
  nack(claim: Claim, delivery: Delivery, delayMs: number, reason: string): Promise<void>
  park(claim: Claim, delivery: Delivery, reason: string): Promise<void>
  extend(claim: Claim, delivery: Delivery, visibilityMs: number | undefined): Promise<void>
}

type Result = IteratorResult<Delivery, undefined>

export class GroupConsumer implements AsyncIterableIterator<Delivery, undefined>, Holder {
  readonly name: string
  readonly #host: ConsumerHost
  readonly prefetch: number
  readonly #onLeft: () => void
  readonly #waiters: { resolve(result: Result): void; reject(error: unknown): void }[] = []
  #queue: Claim[] = []
  #at = 0
  #ended = false
  #left = false
  #failure: { readonly error: unknown } | undefined
  /** Of the machine: what this consumer has not settled. */
  inFlight = 0
  /** Of the machine: it was too slow. */
  overdue = false

  constructor(host: ConsumerHost, name: string, prefetch: number, onLeft: () => void) {
    this.#onLeft = onLeft
    this.#host = host
    this.name = name
    this.prefetch = prefetch
  }

  /** Its loop waits for a delivery. */
  get asks(): boolean {
    return this.#waiters.length > 0
  }

  /**
   * How many more it takes now. Not one by one: a claim costs a write, so it waits until half of its queue is empty. A loop
   * that was too slow for what it had gets no more before it asks.
   */
  get wants(): number {
    if (this.#ended || (this.overdue && !this.asks) || (this.#queue.length - this.#at) * 2 > this.prefetch) return 0
    return this.prefetch - this.inFlight
  }

  /** Takes claims whose attempts are kept. */
  offer(claims: readonly Claim[]): void {
    if (this.#ended) return
    if (this.#at > 0) this.#queue = this.#queue.slice(this.#at)
    this.#at = 0
    for (const claim of claims) this.#queue.push(claim)
    while (this.#waiters.length > 0) {
      const delivery = this.#take()
      if (!delivery) return
      this.#waiters.shift()?.resolve({ value: delivery, done: false })
    }
  }

  #take(): Delivery | undefined {
    while (this.#at < this.#queue.length) {
      const claim = this.#queue[this.#at++] as Claim
      if (this.#host.handOut(claim)) return new GroupDelivery(this.#host, claim)
    }
    return undefined
  }

  next(): Promise<Result> {
    if (this.#failure) {
      const { error } = this.#failure
      this.#failure = undefined
      return Promise.reject(error)
    }
    if (this.#ended) return Promise.resolve(this.#finish())
    this.overdue = false
    const delivery = this.#take()
    if (delivery) {
      if (this.wants > 0) this.#host.wake()
      return Promise.resolve({ value: delivery, done: false })
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      this.#host.wake()
    })
  }

  /** The loop is left: what it had not settled goes to others, in order. */
  return(): Promise<Result> {
    const waiters = this.#stop()
    const result = this.#finish()
    for (const waiter of waiters) waiter.resolve(result)
    return Promise.resolve(result)
  }

  /**
   * No more deliveries. A delivery that the loop is on stays its own until the loop asks for the next one: it may still be
   * settled in time.
   */
  end(error?: unknown): void {
    if (this.#ended) return
    const waiters = this.#stop()
    // A loop that asks for the next one is done with those before.
    if (waiters.length > 0 || error !== undefined) this.#finish()
    else this.#host.leave(this, false)
    if (this.inFlight === 0) this.#finish()
    if (error !== undefined) {
      const first = waiters.shift()
      if (first) first.reject(error)
      else this.#failure = { error }
    }
    for (const waiter of waiters) waiter.resolve({ value: undefined, done: true })
  }

  #stop(): { resolve(result: Result): void; reject(error: unknown): void }[] {
    this.#ended = true
    this.#queue = []
    this.#at = 0
    return this.#waiters.splice(0)
  }

  #finish(): Result {
    if (!this.#left) {
      this.#left = true
      this.#host.leave(this, true)
      this.#onLeft()
    }
    return { value: undefined, done: true }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}

class GroupDelivery implements Delivery {
  readonly recorded: Recorded
  readonly attempt: number
  readonly #host: ConsumerHost
  readonly #claim: Claim

  constructor(host: ConsumerHost, claim: Claim) {
    this.recorded = claim.entry.event as Recorded
    this.attempt = claim.entry.attempts
    this.#host = host
    this.#claim = claim
  }

  ack(): Promise<void> {
    return this.#host.ack(this.#claim, this)
  }

  async nack(options: NackOptions = {}): Promise<void> {
    const { delayMs, reason } = checkNack(options)
    return this.#host.nack(this.#claim, this, delayMs, reason)
  }

  async park(reason: string): Promise<void> {
    return this.#host.park(this.#claim, this, reasonOf(reason))
  }

  async extend(visibilityTimeoutMs?: number): Promise<void> {
    const visibilityMs = visibilityTimeoutMs === undefined ? undefined : visibilityOf(visibilityTimeoutMs)
    return this.#host.extend(this.#claim, this, visibilityMs)
  }
}
