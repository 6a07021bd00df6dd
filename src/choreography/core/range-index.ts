/**
 * RangeIndex: which of many numeric ranges a number is in, in the logarithm of their number plus the number of answers. An interval
 * tree (Edelsbrunner 1980): each node keeps the ranges over its centre, by their lower and by their upper bounds. It is made anew when
 * asked after a change. Unlike the test of a range it may err on the open side of a bound: whoever asks tests again. Pure.
 */
export interface Ranged<Item> {
  readonly low: number
  readonly high: number
  readonly item: Item
}

interface Node<Item> {
  readonly centre: number
  /** Over the centre, the lowest lower bound first. */
  readonly byLow: readonly Ranged<Item>[]
  /** The same, the highest upper bound first. */
  readonly byHigh: readonly Ranged<Item>[]
  readonly below: Node<Item> | undefined
  readonly above: Node<Item> | undefined
}

export class RangeIndex<Item> {
  readonly #ranges = new Set<Ranged<Item>>()
  #root: Node<Item> | undefined
  #stale = false

  get size(): number {
    return this.#ranges.size
  }

  add(range: Ranged<Item>): void {
    this.#ranges.add(range)
    this.#stale = true
  }

  delete(range: Ranged<Item>): void {
    if (this.#ranges.delete(range)) this.#stale = true
  }

  /** Adds the items of all ranges that hold the value, its bounds included. */
  find(value: number, into: Item[]): void {
    if (this.#stale) {
      this.#root = treeOf([...this.#ranges])
      this.#stale = false
    }
    let node = this.#root
    while (node) {
      const left = value < node.centre
      for (const range of left ? node.byLow : node.byHigh) {
        if (left ? range.low > value : range.high < value) break
        into.push(range.item)
      }
      node = left ? node.below : node.above
    }
  }
}

function treeOf<Item>(ranges: readonly Ranged<Item>[]): Node<Item> | undefined {
  if (ranges.length === 0) return undefined
  const ends = ranges.flatMap(({ low, high }) => [low, high].filter(Number.isFinite)).sort((a, b) => a - b)
  const centre = ends[Math.floor(ends.length / 2)] ?? 0
  const over = ranges.filter(({ low, high }) => low <= centre && centre <= high)
  return {
    centre,
    byLow: [...over].sort((a, b) => order(a.low, b.low)),
    byHigh: [...over].sort((a, b) => order(b.high, a.high)),
    below: treeOf(ranges.filter(({ high }) => high < centre)),
    above: treeOf(ranges.filter(({ low }) => low > centre)),
  }
}

/** Infinities are not to be subtracted from themselves. */
function order(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0
}
