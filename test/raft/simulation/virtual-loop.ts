/**
 * VirtualLoop: a clock that runs its own timers, one after the other, without a promise. Unlike the clock of a world it
 * drives code that is synchronous through and through, as the raft core is, and spends about a microsecond a timer.
 */
import type { Clock, Timer } from '../../../src/base/clock.ts'
import { Agenda } from '../../../src/sim/agenda.ts'

interface Entry {
  readonly dueMs: number
  readonly rank: number
  readonly order: number
  cancelled: boolean
  readonly callback: () => void
}

export class VirtualLoop implements Clock {
  readonly #agenda = new Agenda<Entry>()
  #nowMs = 0
  #order = 0
  /** Timers that were run. */
  steps = 0

  now(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  timer(delayMs: number, callback: () => void): Timer {
    const dueMs = this.#nowMs + Math.max(0, delayMs)
    const entry: Entry = { dueMs, rank: 0, order: this.#order++, cancelled: false, callback }
    if (delayMs !== Number.POSITIVE_INFINITY) this.#agenda.add(entry)
    return {
      cancel: () => {
        if (entry.cancelled || delayMs === Number.POSITIVE_INFINITY) return
        entry.cancelled = true
        this.#agenda.dropped()
      },
    }
  }

  /** Runs what is due until `done` says so; false when `stepsMax` were run or nothing is left. */
  run(done: () => boolean, stepsMax: number): boolean {
    const last = this.steps + stepsMax
    while (!done()) {
      const next = this.steps < last ? this.#agenda.take() : undefined
      if (next === undefined) return false
      next.cancelled = true
      this.#nowMs = next.dueMs
      this.steps++
      next.callback()
    }
    return true
  }
}
