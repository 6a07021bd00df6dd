/**
 * Who waits for which locks. All that a saga needs at its start is granted at once or not at all, in the order of asking, so that no two wait
 * for each other; a child asks while its parents hold, so for it a circle of holders is looked for. Unlike the lock table it knows no
 * journal. Pure.
 */
export interface LockWaiter {
  /** The run that the locks would belong to. */
  readonly root: string
  readonly names: readonly string[]
  readonly grant: () => void
}

export class LockQueue {
  readonly #holders = new Map<string, string>()
  #waiters: LockWaiter[] = []

  holder(name: string): string | undefined {
    return this.#holders.get(name)
  }

  /** True when somebody holds it or waits for it. */
  isWanted(name: string): boolean {
    return this.#holders.has(name) || this.#waiters.some(({ names }) => names.includes(name))
  }

  hold(names: readonly string[], root: string): void {
    for (const name of names) this.#holders.set(name, root)
  }

  free(names: readonly string[], root: string): void {
    for (const name of names) if (this.#holders.get(name) === root) this.#holders.delete(name)
    this.#grant()
  }

  /** True when these can be had now without overtaking anybody. */
  isFree({ root, names }: Pick<LockWaiter, 'root' | 'names'>): boolean {
    if (this.#blockersOf(root, names).length > 0) return false
    // Whoever holds something must not wait for those who hold nothing.
    return this.#holds(root) || !this.#waiters.some((waiter) => waiter.names.some((name) => names.includes(name)))
  }

  /**
   * Waits; grants later, with the locks held for it. Gives the lock and its holder when they would wait for each other, and then does
   * not wait.
   */
  wait(waiter: LockWaiter): { readonly lock: string; readonly holder: string } | undefined {
    const blockers = this.#blockersOf(waiter.root, waiter.names)
    for (const { lock, holder } of blockers) if (this.#leadsTo(holder, waiter.root, new Set())) return { lock, holder }
    this.#waiters.push(waiter)
    return undefined
  }

  cancel(waiter: LockWaiter): void {
    this.#waiters = this.#waiters.filter((other) => other !== waiter)
    this.#grant()
  }

  #blockersOf(root: string, names: readonly string[]): { lock: string; holder: string }[] {
    return names.flatMap((lock) => {
      const holder = this.#holders.get(lock)
      return holder === undefined || holder === root ? [] : [{ lock, holder }]
    })
  }

  #holds(root: string): boolean {
    for (const holder of this.#holders.values()) if (holder === root) return true
    return false
  }

  /** True when `from` waits, over others, for what `to` holds. */
  #leadsTo(from: string, to: string, seen: Set<string>): boolean {
    if (from === to) return true
    if (seen.has(from)) return false
    seen.add(from)
    return this.#waiters.some(
      ({ root, names }) =>
        root === from && this.#blockersOf(root, names).some(({ holder }) => this.#leadsTo(holder, to, seen)),
    )
  }

  #grant(): void {
    const reserved = new Set<string>()
    const left: LockWaiter[] = []
    const granted: LockWaiter[] = []
    for (const waiter of this.#waiters) {
      const { root, names } = waiter
      const overtakes = names.some((name) => reserved.has(name)) && !this.#holds(root)
      if (!overtakes && this.#blockersOf(root, names).length === 0) {
        this.hold(names, root)
        granted.push(waiter)
        continue
      }
      for (const name of names) reserved.add(name)
      left.push(waiter)
    }
    this.#waiters = left
    for (const { grant } of granted) grant()
  }
}
