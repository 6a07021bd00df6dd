/** How many attempts run at once in one workflow; the rest waits, the highest priority first. Unlike admission it paces steps, not runs. */
import { PriorityQueue } from './core/priority-queue.ts'

export class Slots {
  readonly #max: number
  readonly #waiting = new PriorityQueue<() => void>()
  #taken = 0
  #draining = false

  constructor(max: number) {
    this.#max = max
  }

  get taken(): number {
    return this.#taken
  }

  /** Calls `begin` at once or later; each has to `free` what it took. */
  take(priority: number, begin: () => void): void {
    this.#waiting.push(begin, priority)
    this.#drain()
  }

  free(): void {
    this.#taken--
    this.#drain()
  }

  /** In a loop: what ends at once frees from inside, and a thousand of those would fill the stack. */
  #drain(): void {
    if (this.#draining) return
    this.#draining = true
    try {
      while (this.#taken < this.#max) {
        const begin = this.#waiting.shift()
        if (!begin) return
        this.#taken++
        begin()
      }
    } finally {
      this.#draining = false
    }
  }
}
