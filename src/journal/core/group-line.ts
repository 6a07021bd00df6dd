/**
 * A line: first in, first out, without a bound of its own. Unlike the bounded queue of `base/` nobody waits at it, and what
 * need not be served any more is left in it until it comes to the front.
 */
export class Line<T> {
  #items: T[] = []
  #head = 0

  get size(): number {
    return this.#items.length - this.#head
  }

  push(item: T): void {
    this.#items.push(item)
  }

  /** The first that passes; those before it are dropped. */
  first(passes: (item: T) => boolean): T | undefined {
    while (this.#head < this.#items.length) {
      const item = this.#items[this.#head] as T
      if (passes(item)) return item
      this.shift()
    }
    return undefined
  }

  shift(): void {
    this.#head++
    if (this.#head === this.#items.length) {
      this.#items = []
      this.#head = 0
    } else if (this.#head >= 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
  }
}
