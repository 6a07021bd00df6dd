/**
 * Clock: the only source of time in the house. Unlike `Date` and `setTimeout` it is handed in, so that a manual clock or
 * a simulated world can stand for the machine's. It never schedules work for less than it was asked: a timer fires at or
 * after its time, timers of the same time in the order they were set.
 */
import { Aborted, InvalidArgument, TimedOut } from './error.ts'

export interface Timer {
  /** Idempotent; a timer that has fired ignores it. */
  cancel(): void
}

export interface Clock {
  /** Milliseconds since the epoch, UTC. May step back when the machine's clock is set. */
  now(): number
  /** Milliseconds from an arbitrary start, never back. For durations and deadlines. */
  monotonicMs(): number
  /**
   * Calls `callback` once, `delayMs` from now or later; 0 and less mean in a later turn, Infinity never. Throws
   * `base.invalid_argument` when the delay is not a number.
   * A `background` timer does not keep the process alive.
   */
  timer(delayMs: number, callback: () => void, options?: { readonly background?: boolean }): Timer
}

/** What every clock checks first: NaN compares as neither early nor late, so that its timer would fire at any time. */
export function checkDelay(delayMs: number): void {
  if (typeof delayMs !== 'number' || Number.isNaN(delayMs))
    throw new InvalidArgument('delayMs', 'must be a number of milliseconds')
}

/** Resolves after `delayMs`; rejects with `base.aborted` at once when the signal is aborted. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new Aborted('a sleep', { cause: signal.reason }))
    const onAbort = () => {
      timer.cancel()
      reject(new Aborted('a sleep', { cause: signal?.reason }))
    }
    const timer = clock.timer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

export interface Deadline extends Disposable {
  /** Aborted at the deadline with a `base.timeout` as reason, or earlier with the parent's reason. */
  readonly signal: AbortSignal
  /** True once the deadline itself was met (not the parent's abort). */
  readonly expired: boolean
}

/** A signal that aborts after `timeoutMs` on this clock, or with its parent. Dispose it to free the timer. */
export function deadline(clock: Clock, what: string, timeoutMs: number, parent?: AbortSignal): Deadline {
  const controller = new AbortController()
  let expired = false
  const timer = clock.timer(timeoutMs, () => {
    expired = true
    parent?.removeEventListener('abort', onParent)
    controller.abort(new TimedOut(what, timeoutMs))
  })
  const onParent = () => {
    timer.cancel()
    controller.abort(parent?.reason)
  }
  if (parent?.aborted) onParent()
  else parent?.addEventListener('abort', onParent, { once: true })
  return {
    signal: controller.signal,
    get expired() {
      return expired
    },
    [Symbol.dispose]() {
      timer.cancel()
      parent?.removeEventListener('abort', onParent)
    },
  }
}

/** The work, or the signal's reason as soon as it is aborted: not every work minds its signal. What comes later is dropped. */
export function unlessAborted<T>(signal: AbortSignal, work: PromiseLike<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).then(() => signal.removeEventListener('abort', onAbort))
  })
}

/**
 * Waits for `work`, but not past `timeoutMs` nor past the parent's abort: then it rejects with `base.timeout` or
 * `base.aborted`, whether or not the work heeds its signal. A late result or error of the work is dropped.
 */
export async function within<T>(
  clock: Clock,
  what: string,
  timeoutMs: number,
  parent: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  using limit = deadline(clock, what, timeoutMs, parent)
  const { signal } = limit
  let onAbort = () => {}
  const cut = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      const { reason } = signal
      reject(reason instanceof TimedOut && limit.expired ? reason : new Aborted(what, { cause: reason }))
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  cut.catch(() => {})
  if (signal.aborted) return cut
  const running = work(signal)
  try {
    return await Promise.race([running, cut])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
