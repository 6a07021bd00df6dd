/**
 * Alarm: one timer for the first of what is due. Unlike the heap, which knows what is due and when, it knows only the time that it is set to.
 * When it has gone off it stays set to that time until it is cleared, so that what has been told is not told again.
 */
import type { Clock, Timer } from '../base/clock.ts'

export class Alarm {
  readonly #clock: Clock
  readonly #onDue: () => void
  #set: { readonly timer: Timer; readonly dueMs: number } | undefined

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  /** To a monotonic time, or to none. */
  set(dueMs: number | undefined): void {
    if (this.#set?.dueMs === dueMs) return
    this.clear()
    if (dueMs === undefined) return
    const timer = this.#clock.timer(Math.max(0, dueMs - this.#clock.monotonicMs()), this.#onDue)
    this.#set = { timer, dueMs }
  }

  clear(): void {
    this.#set?.timer.cancel()
    this.#set = undefined
  }
}
