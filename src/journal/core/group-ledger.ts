/**
 * The ledger of a consumer group: which entries the store must hold so that, with two positions, it tells the state of every
 * event. Unlike the machine it decides nothing about deliveries; it only keeps what is written small. See `group-state.ts`
 * for how the two positions are read.
 *
 * `floor` goes past what is settled, and past what has an entry anyway: an event that waits for an hour holds up neither the
 * floor nor the settled ones behind it. An event on its first delivery has no entry and so stops the floor; when too many
 * settled ones gather behind it, it is given one.
 */
import { settledMark } from './group-state.ts'
import type { GroupChanges, StoredDelivery, StoredGroup, StoredParked } from './group-state.ts'

/** What the ledger knows of an event; the machine's entries have more. */
export interface LedgerEntry {
  readonly position: number
  attempts: number
  settled: boolean
  dueWallMs: number | null
  delayMs: number
  reason: string | null
  replayed: boolean
  /** The ledger's own: it has an entry though it needs none. */
  pinned: boolean
  /** The ledger's own: it will never be read again, settled or not. */
  gone: boolean
  /** The ledger's own: what the store holds of it. */
  stored: StoredDelivery | undefined
}

/** Settled events behind an unsettled one that has no entry, at most: each of them costs one. */
const settledMax = 1024
/** Progress without any delivery that is not worth a write: after a crash that much is looked at again. */
const slack = 1024

export class GroupLedger<Entry extends LedgerEntry> {
  #floor: number
  #reached: number
  #scanned: number
  #savedFloor: number
  #savedReached: number
  /** What lies after the floor, in order; from `#head` on. */
  #order: Entry[] = []
  #head = 0
  /** Index in `#order` of the first entry after `#reached`. */
  #beyond = 0
  /** Settled entries in `#order`. */
  #settledAhead = 0
  #dirty = new Set<Entry>()
  #drop: number[] = []
  #parked = new Map<number, StoredParked | undefined>()
  #urgent = false

  constructor({ floor, reached }: StoredGroup) {
    this.#floor = this.#savedFloor = this.#scanned = floor
    this.#reached = this.#savedReached = reached
  }

  get floor(): number {
    return this.#floor
  }
  get reached(): number {
    return this.#reached
  }
  /** Everything up to here was looked at. */
  get scanned(): number {
    return this.#scanned
  }

  /** An event after all that were tracked. */
  track(entry: Entry): void {
    this.#order.push(entry)
    if (entry.position <= this.#reached) this.#beyond = this.#order.length
    if (entry.settled) this.#settledAhead++
  }

  /** Everything up to here was tracked. */
  scan(position: number): void {
    this.#scanned = Math.max(this.#scanned, position)
  }

  /** The entry at a position after the floor. */
  find(position: number): Entry | undefined {
    let low = this.#head
    let high = this.#order.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#order[middle] as Entry).position < position) low = middle + 1
      else high = middle
    }
    const found = this.#order[low]
    return found?.position === position ? found : undefined
  }

  /** An entry was handed out up to this position: what was passed over on the way is told apart. */
  reach(position: number): void {
    if (position <= this.#reached) return
    this.#reached = position
    for (let entry = this.#order[this.#beyond]; entry && entry.position <= position;) {
      if (!isUsual(entry)) this.#dirty.add(entry)
      entry = this.#order[++this.#beyond]
    }
    this.#urgent = true
  }

  /** The entry has changed. */
  touch(entry: Entry): void {
    this.#dirty.add(entry)
    this.#urgent = true
  }

  settle(entry: Entry): void {
    entry.settled = true
    if (entry.position > this.#floor) this.#settledAhead++
    this.touch(entry)
  }

  /** A settled entry is not settled any more. */
  unsettle(entry: Entry): void {
    entry.settled = false
    if (entry.position > this.#floor) this.#settledAhead--
    this.touch(entry)
  }

  /** What the store holds of an event that will never be read again. */
  dropStale(position: number): void {
    this.#drop.push(position)
    this.#urgent = true
  }

  park(parked: StoredParked): void {
    this.#parked.set(parked.position, parked)
    this.#urgent = true
  }

  unpark(position: number): void {
    this.#parked.set(position, undefined)
    this.#urgent = true
  }

  /** What has to be kept since the last call; undefined when nothing is worth a write, or, with `all`, nothing is new. */
  take(all = false): GroupChanges | undefined {
    this.#advance()
    while (this.#settledAhead > settledMax && this.#pin()) this.#advance()
    if (!this.#urgent && this.#floor - this.#savedFloor < (all ? 1 : slack)) return undefined
    const put: StoredDelivery[] = []
    const drop = this.#drop
    for (const entry of this.#dirty) {
      const row = this.#rowOf(entry)
      if (row) {
        if (same(row, entry.stored)) continue
        put.push(row)
      } else if (entry.stored) drop.push(entry.position)
      entry.stored = row
    }
    const [floor, reached, parked] = [this.#floor, this.#reached, [...this.#parked]]
    this.#dirty.clear()
    this.#drop = []
    this.#parked.clear()
    this.#urgent = false
    if (put.length + drop.length + parked.length === 0 && floor === this.#savedFloor && reached === this.#savedReached)
      return undefined
    this.#savedFloor = floor
    this.#savedReached = reached
    return {
      floor,
      reached,
      put,
      drop,
      park: parked.flatMap(([, entry]) => entry ?? []),
      unpark: parked.flatMap(([position, entry]) => (entry ? [] : position)),
    }
  }

  #advance(): void {
    for (let entry = this.#order[this.#head]; entry && this.#passes(entry); entry = this.#order[++this.#head]) {
      this.#floor = entry.position
      if (!entry.settled) continue
      this.#settledAhead--
      if (entry.stored) this.#dirty.add(entry)
    }
    const next = this.#order[this.#head]
    this.#floor = Math.max(this.#floor, next ? next.position - 1 : this.#scanned)
    this.#reached = Math.max(this.#reached, this.#floor)
    if (this.#head < 512 || this.#head * 2 < this.#order.length) return
    this.#order = this.#order.slice(this.#head)
    this.#beyond = Math.max(0, this.#beyond - this.#head)
    this.#head = 0
  }

  #passes(entry: Entry): boolean {
    if (entry.settled) return true
    return entry.position <= this.#reached && (entry.pinned || !isUsual(entry))
  }

  /** Gives the entry that stops the floor one in the store; false when it was never handed out. */
  #pin(): boolean {
    const entry = this.#order[this.#head]
    if (!entry || entry.position > this.#reached) return false
    entry.pinned = true
    this.#dirty.add(entry)
    this.#urgent = true
    return true
  }

  #rowOf(entry: Entry): StoredDelivery | undefined {
    const { position, attempts, settled, dueWallMs: dueMs, delayMs, reason, replayed } = entry
    if (entry.gone) return undefined
    if (settled)
      return position > this.#floor
        ? { position, attempts: settledMark, dueMs: null, delayMs: 0, reason: null, replayed: false }
        : undefined
    if (position > this.#reached) return undefined
    if (position > this.#floor && isUsual(entry) && !entry.pinned) return undefined
    return { position, attempts, dueMs, delayMs, reason, replayed }
  }
}

/** As the two positions say of an event between them. */
function isUsual(entry: LedgerEntry): boolean {
  return !entry.settled && entry.attempts === 1 && entry.dueWallMs === null && entry.reason === null && !entry.replayed
}

function same(a: StoredDelivery, b: StoredDelivery | undefined): boolean {
  return (
    b !== undefined &&
    a.attempts === b.attempts &&
    a.dueMs === b.dueMs &&
    a.delayMs === b.delayMs &&
    a.reason === b.reason &&
    a.replayed === b.replayed
  )
}
