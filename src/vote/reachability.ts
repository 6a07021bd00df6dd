/**
 * Reachability: who can be reached from whom in a graph that only grows, kept closed under paths. Unlike strongest paths it
 * knows no strengths, and it answers at once whether a link would close a cycle. Rows are bits, so that adding a link costs
 * a pass over them.
 */
export class Reachability {
  readonly #size: number
  readonly #words: number
  readonly #rows: Int32Array

  constructor(size: number, rows?: Int32Array) {
    this.#size = size
    this.#words = (size + 31) >>> 5
    this.#rows = rows ?? new Int32Array(size * this.#words)
  }

  /** Whether a path leads from one to the other; none leads from a node to itself until a cycle is closed. */
  reaches(from: number, to: number): boolean {
    return (((this.#rows[from * this.#words + (to >>> 5)] as number) >>> (to & 31)) & 1) === 1
  }

  add(from: number, to: number): void {
    if (this.reaches(from, to)) return
    const rows = this.#rows
    const words = this.#words
    const start = to * words
    for (let node = 0; node < this.#size; node++) {
      if (node !== from && !this.reaches(node, from)) continue
      for (let word = 0; word < words; word++) (rows[node * words + word] as number) |= rows[start + word] as number
      ;(rows[node * words + (to >>> 5)] as number) |= 1 << (to & 31)
    }
  }

  copy(): Reachability {
    return new Reachability(this.#size, this.#rows.slice())
  }

  /** The same text for the same paths. */
  key(): string {
    return this.#rows.join(',')
  }
}
