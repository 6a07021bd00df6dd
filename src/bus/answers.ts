/**
 * Answers: the stream that `requestMany` returns. Unlike a subscription it has no policy at its bound, since an answer lost
 * in silence would be a wrong result: it ends with `bus.slow_consumer`. The caller's `sentinel` runs when an answer is
 * handed out, never inside the responder's call.
 */
import { toError } from '../base/error.ts'
import type { Message } from './bus.ts'
import { SlowConsumer } from './error.ts'
import { MessageRing } from './message-ring.ts'
import { pendingMaxBytesDefault, pendingMaxDefault } from './subscription.ts'

type Step = IteratorResult<Message, undefined>
interface Waiter {
  resolve(step: Step): void
  reject(error: unknown): void
}

export class Answers implements AsyncIterableIterator<Message, undefined> {
  readonly subject: string
  /** Called when the consumer wants no more: the request need not wait any longer. */
  onReturn: () => void = () => {}
  readonly #sentinel: ((message: Message) => boolean) | undefined
  readonly #ring = new MessageRing(pendingMaxDefault, pendingMaxBytesDefault)
  readonly #waiters: Waiter[] = []
  #ended = false
  #failure: Error | undefined
  #serving = false

  constructor(subject: string, sentinel: ((message: Message) => boolean) | undefined) {
    this.subject = subject
    this.#sentinel = sentinel
  }

  /** One answer; false when the stream has ended, also by this one. */
  push(message: Message): boolean {
    if (this.#ended) return false
    if (!this.#ring.fits(message.data.length)) {
      this.#failure = new SlowConsumer(this.subject, this.#ring.max, this.#ring.maxBytes)
      this.end()
      return false
    }
    this.#ring.push(message)
    this.#serveSoon()
    return true
  }

  /** Ends after what waits. */
  end(): void {
    this.#ended = true
    this.#serveSoon()
  }

  /** Ends at once with an error. */
  fail(error: Error): void {
    if (this.#ended && this.#ring.size === 0) return
    this.#ring.clear()
    this.#failure = error
    this.end()
  }

  next(): Promise<Step> {
    const { promise, resolve, reject } = Promise.withResolvers<Step>()
    this.#waiters.push({ resolve, reject })
    this.#serve()
    return promise
  }

  return(): Promise<Step> {
    this.#ring.clear()
    this.#failure = undefined
    this.end()
    this.onReturn()
    return Promise.resolve(finished)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Whoever waits is served from a microtask: the sentinel is the caller's code. */
  #serveSoon(): void {
    if (this.#serving || this.#waiters.length === 0) return
    this.#serving = true
    queueMicrotask(() => {
      this.#serving = false
      this.#serve()
    })
  }

  #serve(): void {
    while (this.#waiters.length > 0 && (this.#ring.size > 0 || this.#ended)) {
      const waiter = this.#waiters.shift() as Waiter
      const message = this.#ring.shift()
      if (message) this.#handOut(waiter, message)
      else if (this.#failure) {
        waiter.reject(this.#failure)
        this.#failure = undefined
      } else waiter.resolve(finished)
    }
  }

  #handOut(waiter: Waiter, message: Message): void {
    try {
      const last = this.#sentinel?.(message) ?? false
      waiter.resolve({ value: message, done: false })
      if (last) this.#stop()
    } catch (error) {
      waiter.reject(toError(error))
      this.#stop()
    }
  }

  #stop(): void {
    this.#ring.clear()
    this.#failure = undefined
    this.#ended = true
    this.onReturn()
  }
}

const finished: Step = Object.freeze({ value: undefined, done: true })
