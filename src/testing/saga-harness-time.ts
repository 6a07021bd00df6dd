/**
 * Virtual time for the saga harness, and the workers that live in it. Unlike the manual clock it is moved by the harness alone, from one timer to
 * the next, and each worker has its own view of it: one that is dead gets no timer any more, one that is stalled gets all that fell due
 * when it comes back. It never waits.
 */
import { checkDelay } from '../base/clock.ts'
import type { Clock, Timer } from '../base/clock.ts'

interface Entry {
  readonly atMs: number
  readonly worker: HarnessWorker
  readonly background: boolean
  readonly callback: () => void
}

const startMs = 1_767_225_600_000

/** Whoever works in a harness: it works, or is stalled, or is dead for good. */
export class HarnessWorker {
  readonly number: number
  #state: 'works' | 'stalled' | 'dead' = 'works'
  #held: (() => void)[] = []

  constructor(number: number) {
    this.number = number
  }

  get works(): boolean {
    return this.#state === 'works'
  }
  get dead(): boolean {
    return this.#state === 'dead'
  }
  get stalled(): boolean {
    return this.#state === 'stalled'
  }

  kill(): void {
    this.#state = 'dead'
    this.#held = []
  }

  stall(): void {
    if (this.#state === 'works') this.#state = 'stalled'
  }

  resume(): void {
    if (this.#state !== 'stalled') return
    this.#state = 'works'
    for (const callback of this.#held.splice(0)) callback()
  }

  /** Now, when it comes back, or never. */
  through(callback: () => void): void {
    if (this.#state === 'works') callback()
    else if (this.#state === 'stalled') this.#held.push(callback)
  }

  /** What the worker learns of a promise: nothing while it does not work. */
  pass<T>(promise: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => this.through(() => resolve(value)),
        (error: unknown) => this.through(() => reject(error)),
      )
    })
  }
}

export class VirtualTime {
  readonly #entries = new Set<Entry>()
  #elapsedMs = 0

  get nowMs(): number {
    return startMs + this.#elapsedMs
  }

  /** True when somebody who works waits for time to pass, for more than a beat in the background. */
  get waitedFor(): boolean {
    for (const { worker, background } of this.#entries) if (worker.works && !background) return true
    return false
  }

  /** The clock as this worker sees it. */
  clock(worker: HarnessWorker): Clock {
    return {
      now: () => this.nowMs,
      monotonicMs: () => this.#elapsedMs,
      timer: (delayMs, callback, options): Timer => {
        checkDelay(delayMs)
        let cancelled = false
        const entry: Entry = {
          atMs: this.#elapsedMs + Math.max(0, delayMs),
          worker,
          background: options?.background ?? false,
          callback: () => void (cancelled || callback()),
        }
        if (entry.atMs !== Infinity) this.#entries.add(entry)
        return {
          cancel: () => {
            // It may be held back already, because its worker was stalled when it fell due.
            cancelled = true
            this.#entries.delete(entry)
          },
        }
      },
    }
  }

  /** Moves to the next timer and runs it; false when there is none. */
  fire(): boolean {
    let next: Entry | undefined
    for (const entry of this.#entries)
      if (entry.worker.dead) this.#entries.delete(entry)
      else if (!next || entry.atMs < next.atMs) next = entry
    if (!next) return false
    this.#entries.delete(next)
    this.#elapsedMs = Math.max(this.#elapsedMs, next.atMs)
    next.worker.through(next.callback)
    return true
  }
}
