/**
 * The machine's clock behind the Clock port: the one file that may touch `Date`, `performance` and `setTimeout`. Delays
 * beyond what `setTimeout` can hold (2^31-1 ms, 24.8 days) are taken in several steps instead of firing at once.
 */
import type { Clock, Timer } from './clock.ts'

const delayMsMax = 2 ** 31 - 1

class SystemTimer implements Timer {
  #handle: NodeJS.Timeout | undefined
  constructor(delayMs: number, callback: () => void, background: boolean) {
    this.#arm(Math.max(0, delayMs), callback, background)
  }
  #arm(delayMs: number, callback: () => void, background: boolean): void {
    const stepMs = Math.min(delayMs, delayMsMax)
    this.#handle = setTimeout(() => {
      if (delayMs > stepMs) this.#arm(delayMs - stepMs, callback, background)
      else callback()
    }, stepMs)
    if (background) this.#handle.unref()
  }
  cancel(): void {
    clearTimeout(this.#handle)
  }
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  timer: (delayMs, callback, options) => new SystemTimer(delayMs, callback, options?.background ?? false),
}
