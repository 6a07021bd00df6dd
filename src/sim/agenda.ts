/**
 * Agenda: what is due in a world, the earliest first. Unlike `DeadlineHeap` it keeps an order among what is due at one
 * instant: by rank, then as it was added. It holds entries only; who runs them and moves the time is the loop. Pure.
 */

export interface Due {
  readonly dueMs: number
  /** Among entries of one instant the lower rank comes first. */
  readonly rank: number
  /** Unique and rising: among entries of one instant and rank the earlier comes first. */
  readonly order: number
  /** Set by whoever no longer wants it, who then calls `dropped`. */
  readonly cancelled: boolean
}

/** Cancelled entries are carried along up to this many, or half of all: taking them out one by one would cost a search. */
const cancelledMax = 1024

export class Agenda<T extends Due> {
  #entries: T[] = []
  #cancelled = 0

  /** Entries that are still wanted. */
  get size(): number {
    return this.#entries.length - this.#cancelled
  }

  add(entry: T): void {
    const entries = this.#entries
    let slot = entries.length
    entries.push(entry)
    while (slot > 0) {
      const above = (slot - 1) >> 1
      const parent = entries[above] as T
      if (before(parent, entry)) break
      entries[slot] = parent
      slot = above
    }
    entries[slot] = entry
  }

  /** Takes the first that is still wanted. */
  take(): T | undefined {
    for (;;) {
      const first = this.#pop()
      if (first === undefined || !first.cancelled) return first
      this.#cancelled--
    }
  }

  /** Told of each entry inside that was cancelled. */
  dropped(): void {
    this.#cancelled++
    if (this.#cancelled < cancelledMax || this.#cancelled * 2 < this.#entries.length) return
    const wanted = this.#entries.filter((entry) => !entry.cancelled)
    this.#entries = []
    this.#cancelled = 0
    for (const entry of wanted) this.add(entry)
  }

  #pop(): T | undefined {
    const entries = this.#entries
    const first = entries[0]
    const last = entries.pop()
    if (last === undefined || last === first) return first
    const { length } = entries
    let slot = 0
    for (let child = 1; child < length; child = slot * 2 + 1) {
      let lower = entries[child] as T
      const other = entries[child + 1]
      if (other !== undefined && before(other, lower)) {
        lower = other
        child++
      }
      if (before(last, lower)) break
      entries[slot] = lower
      slot = child
    }
    entries[slot] = last
    return first
  }
}

function before(one: Due, other: Due): boolean {
  if (one.dueMs !== other.dueMs) return one.dueMs < other.dueMs
  if (one.rank !== other.rank) return one.rank < other.rank
  return one.order < other.order
}
