/** What waits, the highest priority first and among equals the oldest. A binary heap; unlike a deadline heap nothing leaves it but the first. Pure. */
export class PriorityQueue<T> {
  readonly #heap: { readonly priority: number; readonly place: number; readonly value: T }[] = []
  #place = 0

  get size(): number {
    return this.#heap.length
  }

  push(value: T, priority: number): void {
    const heap = this.#heap
    const item = { priority, place: this.#place++, value }
    let at = heap.push(item) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(item, heap[parent] as Place)) break
      heap[at] = heap[parent] as (typeof heap)[number]
      at = parent
    }
    heap[at] = item
  }

  first(): T | undefined {
    return this.#heap[0]?.value
  }

  shift(): T | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (!first || !last || heap.length === 0) return first?.value
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      const right = heap[child + 1]
      if (right && isBefore(right, heap[child] as Place)) child++
      if (!isBefore(heap[child] as Place, last)) break
      heap[at] = heap[child] as (typeof heap)[number]
      at = child
    }
    heap[at] = last
    return first.value
  }
}

interface Place {
  readonly priority: number
  readonly place: number
}

function isBefore(a: Place, b: Place): boolean {
  return a.priority === b.priority ? a.place < b.place : a.priority > b.priority
}
