/**
 * The machine's clock behind the Clock port: the one file that may touch `Date`, `performance` and `setTimeout`. Unlike a
 * bare `setTimeout` it never fires early: delays beyond what that can hold (2^31-1 ms, 24.8 days) are taken in several
 * steps, and a wake that comes a fraction of a millisecond before its time, as Node's loop allows, waits for the rest.
 */
import { type Clock, type Timer, checkDelay } from './clock.ts'

const stepMsMax = 2 ** 31 - 1

class SystemTimer implements Timer {
  readonly #dueMs: number
  readonly #callback: () => void
  readonly #background: boolean
  #handle: NodeJS.Timeout | undefined
  constructor(delayMs: number, callback: () => void, background: boolean) {
    this.#dueMs = performance.now() + delayMs
    this.#callback = callback
    this.#background = background
    this.#arm(delayMs)
  }
  #arm(delayMs: number): void {
    this.#handle = setTimeout(() => this.#wake(), Math.min(Math.ceil(Math.max(0, delayMs)), stepMsMax))
    if (this.#background) this.#handle.unref()
  }
  #wake(): void {
    const restMs = this.#dueMs - performance.now()
    if (restMs > 0) this.#arm(restMs)
    else this.#callback()
  }
  cancel(): void {
    clearTimeout(this.#handle)
  }
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  timer: (delayMs, callback, options) => {
    checkDelay(delayMs)
    return new SystemTimer(delayMs, callback, options?.background ?? false)
  },
}
