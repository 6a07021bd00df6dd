/**
 * Waits: the events of one rule that wait for another event of their key: for an answer, whose absence is told, or for a partner. Unlike
 * the matcher it remembers; it knows events only by what they have in common, their time, and the parts of the rule that they fit. It keeps
 * no time: whoever holds it says which waits are over. Pure.
 *
 * | rule | part 1 | part 2 |
 * | --- | --- | --- |
 * | `absent` | opens a wait | ends all open waits of its key that it comes in time for |
 * | `sequence` | opens a wait | takes the oldest open one of its key that it comes in time for |
 * | `window` | takes the oldest open one of part 2, or waits itself | takes the oldest open one of part 1, or waits itself |
 *
 * An event that fits both parts first ends or takes what was there before it, then waits itself; in a window it waits only when it
 * took nothing.
 */
export type WaitKind = 'absent' | 'sequence' | 'window'

/** Bits of the parts that an event fits. */
export const parts = { first: 1, second: 2 } as const

export interface Wait {
  readonly id: string
  readonly key: string
  readonly fits: number
  readonly atMs: number
  /** The last time at which what it waits for is in time. */
  readonly dueMs: number
}

export interface Arrival<Item extends Wait> {
  /** They wait no longer. */
  readonly ended: readonly Item[]
  /** The one of these that makes a pair with the event that came. */
  readonly partner: Item | undefined
  /** The event that came waits now. */
  readonly opened: boolean
}

export class Waits<Item extends Wait> {
  readonly #kind: WaitKind
  /** By key, the oldest first. */
  readonly #open = new Map<string, Item[]>()
  readonly #ids = new Set<string>()

  constructor(kind: WaitKind) {
    this.#kind = kind
  }

  get size(): number {
    return this.#ids.size
  }

  /** Takes in an event; of one that waits already nothing happens. */
  arrive(item: Item): Arrival<Item> {
    if (this.#ids.has(item.id)) return { ended: [], partner: undefined, opened: false }
    const open = this.#open.get(item.key) ?? []
    const ended = this.#endedBy(item, open)
    for (const each of ended) this.end(each)
    const partner = this.#kind === 'absent' ? undefined : ended[0]
    const opened = this.#kind === 'window' ? partner === undefined : (item.fits & parts.first) !== 0
    if (opened) this.open(item)
    return { ended, partner, opened }
  }

  #endedBy(item: Item, open: readonly Item[]): readonly Item[] {
    switch (this.#kind) {
      case 'absent':
        return (item.fits & parts.second) === 0 ? [] : open.filter(({ dueMs }) => item.atMs <= dueMs)
      case 'sequence':
        return (item.fits & parts.second) === 0 ? [] : first(open, ({ dueMs }) => item.atMs <= dueMs)
      case 'window':
      default:
        return first(
          open,
          ({ fits, dueMs, atMs }) => areBoth(fits, item.fits) && item.atMs <= dueMs && atMs <= item.dueMs,
        )
    }
  }

  /** Also for what was open before, in its order. */
  open(item: Item): void {
    if (this.#ids.has(item.id)) return
    this.#ids.add(item.id)
    const open = this.#open.get(item.key)
    if (open) open.push(item)
    else this.#open.set(item.key, [item])
  }

  /** False when it did not wait. */
  end({ id, key }: Item): boolean {
    if (!this.#ids.delete(id)) return false
    const left = (this.#open.get(key) ?? []).filter((each) => each.id !== id)
    if (left.length === 0) this.#open.delete(key)
    else this.#open.set(key, left)
    return true
  }
}

function first<Item>(items: readonly Item[], fits: (item: Item) => boolean): readonly Item[] {
  const found = items.find(fits)
  return found === undefined ? [] : [found]
}

/** One is of the one part, the other of the other. */
function areBoth(one: number, other: number): boolean {
  return (
    ((one & parts.first) !== 0 && (other & parts.second) !== 0) ||
    ((one & parts.second) !== 0 && (other & parts.first) !== 0)
  )
}
