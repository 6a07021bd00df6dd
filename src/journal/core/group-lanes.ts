/**
 * The lanes of a consumer group: which events wait behind another of the same key. Unlike the machine's queues, which hold
 * what may be handed out, a lane holds back. The first of a key is let go on, the next only when that one is settled.
 */

interface Placed {
  readonly position: number
  readonly key: string | undefined
}

interface Lane<Entry> {
  active: Entry
  /** In order of position; from `head` on. */
  waiting: Entry[]
  head: number
}

export class GroupLanes<Entry extends Placed> {
  readonly #lanes = new Map<string, Lane<Entry>>()

  /** True when the entry may go on; else it waits behind the others of its key. */
  enter(entry: Entry): boolean {
    if (entry.key === undefined) return true
    const lane = this.#lanes.get(entry.key)
    if (!lane) {
      this.#lanes.set(entry.key, { active: entry, waiting: [], head: 0 })
      return true
    }
    let at = lane.waiting.length
    while (at > lane.head && (lane.waiting[at - 1] as Entry).position > entry.position) at--
    lane.waiting.splice(at, 0, entry)
    return false
  }

  /** The entry is settled; the one that may go on in its stead, if any. */
  leave(entry: Entry): Entry | undefined {
    const lane = entry.key === undefined ? undefined : this.#lanes.get(entry.key)
    if (!lane) return undefined
    if (lane.active !== entry) {
      const at = lane.waiting.indexOf(entry, lane.head)
      if (at !== -1) lane.waiting.splice(at, 1)
      return undefined
    }
    const next = lane.waiting[lane.head]
    if (next === undefined) {
      this.#lanes.delete(entry.key as string)
      return undefined
    }
    lane.active = next
    lane.head++
    if (lane.head >= 256 && lane.head * 2 > lane.waiting.length) {
      lane.waiting = lane.waiting.slice(lane.head)
      lane.head = 0
    }
    return next
  }
}
