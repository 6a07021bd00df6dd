/**
 * Inflights: the window of appends that were sent to one follower and not yet acknowledged, bounded by their count and by
 * their bytes. Unlike the unstable log it holds no entries, only the last index and the size of each message. It decides
 * nothing: whether a follower is paused is said by its progress.
 */
import { invariant } from './invariant.ts'

const slotsMin = 8

export class Inflights {
  /** Messages that may be under way. */
  readonly #countMax: number
  /** Bytes of entries that may be under way; the message that passes the bound is still let through. 0 is no bound. */
  readonly #bytesMax: number
  // A ring whose length is a power of two. It grows with use: a bound of thousands costs nothing while it is not met.
  #indexes: number[] = []
  #sizes: number[] = []
  #start = 0
  #count = 0
  #bytes = 0

  constructor(countMax: number, bytesMax: number) {
    this.#countMax = countMax
    this.#bytesMax = bytesMax
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#bytes
  }

  get full(): boolean {
    return this.#count >= this.#countMax || (this.#bytesMax !== 0 && this.#bytes >= this.#bytesMax)
  }

  /** A message whose last entry has this index. Messages are added in the order of their indexes, and only if it is not full. */
  add(index: number, bytes: number): void {
    invariant(!this.full, 'a message is added to inflights that are full')
    if (this.#count === this.#indexes.length) this.#grow()
    const slot = (this.#start + this.#count) & (this.#indexes.length - 1)
    this.#indexes[slot] = index
    this.#sizes[slot] = bytes
    this.#count++
    this.#bytes += bytes
  }

  /** Everything up to this index arrived: messages that end there or before are taken out. */
  freeTo(index: number): void {
    while (this.#count > 0) {
      const first = this.#indexes[this.#start]
      if (first === undefined || first > index) return
      this.#bytes -= this.#sizes[this.#start] ?? 0
      this.#start = (this.#start + 1) & (this.#indexes.length - 1)
      this.#count--
    }
  }

  reset(): void {
    this.#start = 0
    this.#count = 0
    this.#bytes = 0
  }

  #grow(): void {
    const turned = (slots: readonly number[]) => [...slots.slice(this.#start), ...slots.slice(0, this.#start)]
    const added = Math.max(slotsMin, this.#indexes.length)
    this.#indexes = [...turned(this.#indexes), ...Array<number>(added).fill(0)]
    this.#sizes = [...turned(this.#sizes), ...Array<number>(added).fill(0)]
    this.#start = 0
  }
}
