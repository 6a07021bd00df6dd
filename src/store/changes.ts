/**
 * Changes: who waits for the next commit. Unlike an event emitter each waiter is told once, and a waiter that nobody
 * awaits any more does no harm: its rejection is never unhandled, and those without a signal share one promise.
 */
import { Aborted } from '../base/error.ts'
import { deferred, type Deferred } from '../base/deferred.ts'

/** A rejection that does no harm when nobody awaits it. */
export function refused(reason: unknown): Promise<never> {
  const promise = Promise.reject(reason)
  promise.catch(() => {})
  return promise
}

export class Changes {
  readonly #waiters = new Set<Deferred<void>>()
  #shared: Deferred<void> | undefined

  /** Those that wait. */
  get size(): number {
    return this.#waiters.size
  }

  /** Resolves at the next `tell`; rejects at `fail` or when the signal is aborted. */
  next(signal?: AbortSignal): Promise<void> {
    if (signal === undefined) return (this.#shared ??= this.#add()).promise
    if (signal.aborted) return refused(new Aborted('waiting for a change', { cause: signal.reason }))
    const waiter = this.#add()
    const onAbort = () => {
      this.#waiters.delete(waiter)
      waiter.reject(new Aborted('waiting for a change', { cause: signal.reason }))
    }
    signal.addEventListener('abort', onAbort, { once: true })
    const forget = () => signal.removeEventListener('abort', onAbort)
    waiter.promise.then(forget, forget)
    return waiter.promise
  }

  tell(): void {
    if (this.#waiters.size === 0) return
    for (const waiter of this.#take()) waiter.resolve()
  }

  fail(error: unknown): void {
    for (const waiter of this.#take()) waiter.reject(error)
  }

  #add(): Deferred<void> {
    const waiter = deferred()
    waiter.promise.catch(() => {})
    this.#waiters.add(waiter)
    return waiter
  }

  #take(): Deferred<void>[] {
    const taken = [...this.#waiters]
    this.#waiters.clear()
    this.#shared = undefined
    return taken
  }
}
