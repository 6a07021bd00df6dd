/**
 * DeadlineHeap: what waits, by when it is due. Unlike a timer for each, it costs no object of the platform: the shell
 * keeps one timer for the first, and whoever is answered in time leaves at once. Pure; times are given.
 *
 * A binary heap whose entries know their slot: adding deadlines that rise (the usual case, one timeout for all) and
 * leaving from the end are constant, the rest is logarithmic.
 */
export interface DeadlineEntry {
  /** Read by the heap; change it only through `move`. */
  dueMs: number
  /** The heap's own; -1 while outside. */
  slot: number
}

export class DeadlineHeap<T extends DeadlineEntry> {
  readonly #entries: T[] = []

  get size(): number {
    return this.#entries.length
  }

  /** The one that is due first. */
  get first(): T | undefined {
    return this.#entries[0]
  }

  add(entry: T): void {
    this.#entries.push(entry)
    this.#rise(entry, this.#entries.length - 1)
  }

  /** Idempotent. */
  remove(entry: T): void {
    const { slot } = entry
    if (slot === -1) return
    entry.slot = -1
    const last = this.#entries.pop()
    if (last === undefined || last === entry) return
    this.#rise(last, slot)
    this.#sink(last, last.slot)
  }

  /** Sets a new time for an entry that is in the heap. */
  move(entry: T, dueMs: number): void {
    entry.dueMs = dueMs
    if (entry.slot === -1) return
    this.#rise(entry, entry.slot)
    this.#sink(entry, entry.slot)
  }

  #rise(entry: T, from: number): void {
    let slot = from
    while (slot > 0) {
      const parentSlot = (slot - 1) >> 1
      const parent = this.#entries[parentSlot] as T
      if (parent.dueMs <= entry.dueMs) break
      this.#put(parent, slot)
      slot = parentSlot
    }
    this.#put(entry, slot)
  }

  #sink(entry: T, from: number): void {
    const { length } = this.#entries
    let slot = from
    for (let childSlot = slot * 2 + 1; childSlot < length; childSlot = slot * 2 + 1) {
      let child = this.#entries[childSlot] as T
      const other = this.#entries[childSlot + 1]
      if (other && other.dueMs < child.dueMs) {
        child = other
        childSlot++
      }
      if (child.dueMs >= entry.dueMs) break
      this.#put(child, slot)
      slot = childSlot
    }
    this.#put(entry, slot)
  }

  #put(entry: T, slot: number): void {
    this.#entries[slot] = entry
    entry.slot = slot
  }
}
