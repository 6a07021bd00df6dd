/**
 * ClientSession: a session from the side of whoever proposes in it: which sequence comes next, who waits, what is acknowledged. Unlike
 * the session table, which the log makes, it is this process's own and may be lost. Pure bookkeeping.
 */
import type { Pending } from './pending.ts'

export class ClientSession {
  readonly id: number
  /** Who waits, by sequence. */
  readonly waiting: Map<number, Pending> = new Map()
  /** Sequences whose outcome is unknown: their answers must be kept, so that a retry gets them. */
  readonly unknown: Set<number> = new Set()
  /** Whether somebody may still propose in it. */
  held = false
  /** Whether its proposals say what is acknowledged; one that only retries a key knows nothing of the others. */
  readonly #counts: boolean
  #next = 1
  #floor = 1

  constructor(id: number, counts: boolean) {
    this.id = id
    this.#counts = counts
  }

  /** The next sequence, from 1. */
  take(): number {
    return this.#next++
  }

  /** Answers below it are here. */
  acknowledged(): number {
    if (!this.#counts) return 0
    while (this.#floor < this.#next && !this.waiting.has(this.#floor) && !this.unknown.has(this.#floor)) this.#floor++
    return this.#floor
  }

  /** How many answers the log may have to keep for it. */
  get spread(): number {
    this.acknowledged()
    return this.#next - this.#floor
  }

  /** Nobody waits for anything. */
  get idle(): boolean {
    return this.waiting.size === 0
  }
}
