/**
 * FlushCount: which messages of a connection are on their way, counted in rounds that flushes end. A flush waits for its own
 * round and those before, and not for what is published later. It knows no messages, only how many.
 */
interface Flush {
  readonly upTo: number
  lost: number
  readonly resolve: (lost: number) => void
}

export class FlushCount {
  #round = 0
  #total = 0
  readonly #flying = new Map<number, number>()
  #flushes: Flush[] = []

  /** Nothing is on its way. */
  get idle(): boolean {
    return this.#total === 0
  }

  begin(): number {
    this.#total++
    this.#flying.set(this.#round, (this.#flying.get(this.#round) ?? 0) + 1)
    return this.#round
  }

  end(round: number, lost: boolean): void {
    this.#total--
    const left = (this.#flying.get(round) ?? 0) - 1
    if (left > 0) this.#flying.set(round, left)
    else this.#flying.delete(round)
    if (lost) for (const flush of this.#flushes) if (round <= flush.upTo) flush.lost++
    if (left > 0 || this.#flushes.length === 0) return
    const done = this.#flushes.filter((flush) => !this.#waits(flush))
    this.#flushes = this.#flushes.filter((flush) => this.#waits(flush))
    for (const { resolve, lost: count } of done) resolve(count)
  }

  /** Resolves when all that was begun before has ended, with how many of those were lost from now on. */
  flushed(): Promise<number> {
    if (this.#total === 0) return Promise.resolve(0)
    const upTo = this.#round++
    return new Promise((resolve) => this.#flushes.push({ upTo, lost: 0, resolve }))
  }

  #waits({ upTo }: Flush): boolean {
    for (const round of this.#flying.keys()) if (round <= upTo) return true
    return false
  }
}
