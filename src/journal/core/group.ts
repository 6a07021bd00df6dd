/**
 * The machine of a consumer group: who gets which event, when it is delivered again, when it is parked. Unlike the shell it
 * has no storage, no clock and no promises: time is given, what must be kept is taken from it as data (`take`), and what
 * `claim` gives out must not be seen by anybody before that is kept. It never reads an event.
 *
 * The life of an event in a group:
 *
 * 1. `fetched`: it waits, behind the others of its key if there are any.
 * 2. `claim`: it is in flight; its attempt counts. `handOut` says that its consumer has taken it from its queue.
 * 3. `ack` or `park` settles it. `nack`, or the end of its visibility, makes it wait again, or parks it after the last
 *    delivery. What its consumer had not taken yet goes back as if it had never been claimed.
 * 4. A parked event is settled for its key and for the checkpoint; `revive` makes it wait once more, with no attempts.
 *
 * Whoever was in flight when the process ended is suspect: it may be what ended it. After the second such end (the first,
 * when only two deliveries are allowed) suspects are handed out one at a time and nothing beside them, so that one poison
 * event does not use up the deliveries of those that were claimed with it.
 */
import { DeadlineHeap } from '../../base/deadlines.ts'
import { entryOf, freshDelivery } from './group-entry.ts'
import type { Entry, FetchedEvent, Holder } from './group-entry.ts'
import { GroupLanes } from './group-lanes.ts'
import { GroupLedger } from './group-ledger.ts'
import { Line } from './group-line.ts'
import { deliveryAt, settledMark } from './group-state.ts'
import type { GroupChanges, StoredDelivery, StoredGroup, StoredParked } from './group-state.ts'

export type { Entry, FetchedEvent, Holder } from './group-entry.ts'

export interface GroupLimits {
  readonly visibilityTimeoutMs: number
  readonly maxDeliveries: number
  readonly inFlightMax: number
  readonly heldMax: number
  readonly parkedMax: number
}

/** Both times at once: `monotonicMs` for what is waited for, `wallMs` for what is kept over a restart. */
export interface Now {
  readonly monotonicMs: number
  readonly wallMs: number
}

export interface GroupCounts {
  readonly waiting: number
  readonly inFlight: number
  readonly delayed: number
  readonly parked: number
}

/** Characters of a reason that are kept. */
export const reasonMax = 1024
/** Events ready to be handed out that are enough, however many consumers there are, while more are fetched. */
const readyMax = 1024
/** Events fetched at once: enough to spread the cost of a page. */
const fetchMax = 512

export class GroupMachine<Event> {
  readonly #limits: GroupLimits
  readonly #ledger: GroupLedger<Entry<Event>>
  readonly #lanes = new GroupLanes<Entry<Event>>()
  /** What the store held of events after the floor, until they are fetched. */
  readonly #recovering = new Map<number, StoredDelivery>()
  readonly #recoverUntil: number
  readonly #stored: Pick<StoredGroup, 'floor' | 'reached'>
  readonly #held = new Set<Entry<Event>>()
  readonly #inFlight = new Set<Entry<Event>>()
  readonly #parked = new Map<number, StoredParked>()
  readonly #due = new DeadlineHeap<Entry<Event>>()
  /** May hold what waits no longer: whoever takes from it looks at the state. */
  readonly #fresh = new Line<Entry<Event>>()
  readonly #again = new Line<Entry<Event>>()
  readonly #suspects = new Line<Entry<Event>>()
  /** The suspect that is in flight, alone. */
  #isolated: Entry<Event> | undefined
  #delayed = 0
  #leases = 0
  #readyMin = readyMax

  constructor(limits: GroupLimits, stored: StoredGroup) {
    this.#limits = limits
    this.#stored = { floor: stored.floor, reached: stored.reached }
    this.#recoverUntil = stored.reached
    this.#ledger = new GroupLedger(stored)
    for (const entry of stored.deliveries) this.#recovering.set(entry.position, entry)
    for (const parked of stored.parked) this.#parked.set(parked.position, parked)
  }

  /** Everything up to here was fetched. */
  get scanned(): number {
    return this.#ledger.scanned
  }

  /** True until all that the store tells of has been fetched; nothing is handed out before. */
  get recovering(): boolean {
    return this.#ledger.scanned < this.#recoverUntil || this.#recovering.size > 0
  }

  /**
   * How many deliveries the consumers together may have. Events may be large, so no more are held ready than some times as
   * many: fewer, and they would wait for a page. Infinite where keys hold back what is fetched. Default: infinite.
   */
  expect(deliveries: number): void {
    const most = deliveries === Number.POSITIVE_INFINITY ? readyMax : Math.min(this.#limits.inFlightMax, deliveries)
    this.#readyMin = Math.min(readyMax, 2 * most)
  }

  /** True when more events should be fetched. Not one by one as soon as there is room, unless nothing else is ready. */
  get hungry(): boolean {
    if (this.recovering) return true
    const ready = this.#fresh.size + this.#again.size + this.#suspects.size
    const room = this.#room
    if (ready >= this.#readyMin || room < 1) return false
    return ready === 0 || room >= Math.min(this.#pageMax, Math.ceil(this.#limits.heldMax / 4))
  }

  /** How many events should be fetched then. */
  get appetite(): number {
    if (this.recovering) return Math.max(1, Math.min(fetchMax, this.#recoverUntil - this.#ledger.scanned))
    return Math.max(1, Math.min(this.#pageMax, this.#room))
  }

  get #room(): number {
    return this.#limits.heldMax - this.#held.size
  }

  get #pageMax(): number {
    return Math.min(fetchMax, this.#readyMin)
  }

  /** Positions before the floor whose events have to be read one by one, before anything else. */
  get stragglers(): number[] {
    return [...this.#recovering.keys()].filter((position) => position <= this.#stored.floor).sort((a, b) => a - b)
  }

  /** A straggler; without an event when there is none at its position any more. */
  straggler(position: number, found: FetchedEvent<Event> | undefined, now: Now): void {
    const stored = this.#recovering.get(position)
    this.#recovering.delete(position)
    if (stored && found) this.#recover(found, stored, now, false, stored)
    else this.#ledger.dropStale(position)
  }

  /** The matching events after those before, and how far they go. */
  fetched(events: readonly FetchedEvent<Event>[], upTo: number, now: Now): void {
    const marks = this.#marksWithout(events, upTo)
    for (const event of events) {
      const { position } = event
      if (position <= this.#ledger.scanned) continue
      this.#keepMarks(marks, position)
      const stored = this.#recovering.get(position)
      this.#recovering.delete(position)
      const delivery = deliveryAt(this.#stored, stored, position)
      if (delivery === 'settled') this.#ledger.track({ ...entryOf(event, 'settled'), stored })
      else if (position > this.#recoverUntil) this.#arrive(event)
      else this.#recover(event, delivery, now, true, stored)
    }
    this.#keepMarks(marks, upTo)
    this.#ledger.scan(upTo)
    // An entry whose event did not come: retention has erased it, nobody had settled it, and the entry goes.
    if (this.#recovering.size === 0) return
    for (const position of this.#recovering.keys()) {
      if (position > upTo || position <= this.#stored.floor) continue
      this.#recovering.delete(position)
      this.#ledger.dropStale(position)
    }
  }

  /** Up to here, what is settled though its event did not come, the last first. It may be restored: the mark must stay. */
  #marksWithout(events: readonly FetchedEvent<Event>[], upTo: number): StoredDelivery[] {
    if (this.#recovering.size === 0) return []
    const came = new Set(events.map(({ position }) => position))
    return [...this.#recovering.values()]
      .filter(({ position, attempts }) => attempts === settledMark && position <= upTo && !came.has(position))
      .sort((a, b) => b.position - a.position)
  }

  /** Until the floor goes past them, like any that is settled. */
  #keepMarks(marks: StoredDelivery[], upTo: number): void {
    for (let mark = marks.at(-1); mark && mark.position <= upTo; mark = marks.at(-1)) {
      marks.pop()
      this.#recovering.delete(mark.position)
      this.#ledger.track({ ...entryOf({ position: mark.position, key: undefined }, 'settled'), stored: mark })
    }
  }

  #arrive(event: FetchedEvent<Event>): void {
    const entry = entryOf(event, freshDelivery)
    this.#ledger.track(entry)
    this.#held.add(entry)
    if (this.#mayGo(entry)) this.#fresh.push(entry)
  }

  #mayGo(entry: Entry<Event>): boolean {
    entry.blocked = !this.#lanes.enter(entry)
    return !entry.blocked
  }

  #recover(
    event: FetchedEvent<Event>,
    delivery: StoredDelivery,
    now: Now,
    tracked: boolean,
    stored: StoredDelivery | undefined,
  ): void {
    const { maxDeliveries } = this.#limits
    const entry: Entry<Event> = { ...entryOf(event, delivery), stored }
    if (tracked) this.#ledger.track(entry)
    this.#held.add(entry)
    const lost = delivery.dueMs === null && delivery.attempts > 0
    if (delivery.attempts >= maxDeliveries) return this.#exhaust(entry, lost ? lostReason : maxReason, now)
    if (!this.#mayGo(entry)) return
    const restMs = Math.min((delivery.dueMs ?? 0) - now.wallMs, delivery.delayMs)
    if (restMs > 0) return this.#delay(entry, restMs, now)
    const suspect = lost && delivery.attempts >= Math.min(2, maxDeliveries - 1)
    ;(suspect ? this.#suspects : delivery.attempts > 0 ? this.#again : this.#fresh).push(entry)
  }

  /** Takes up to `max` events for a consumer. Nobody may see them before what `take` gives next is kept. */
  claim(holder: Holder, max: number, now: Now): Entry<Event>[] {
    this.tick(now)
    if (this.recovering || this.#isolated) return []
    const { inFlightMax, parkedMax } = this.#limits
    // Whatever is in flight may have to be parked, so there must be room for it.
    const room = Math.min(inFlightMax, parkedMax - this.#parked.size) - this.#inFlight.size
    const claimed: Entry<Event>[] = []
    const suspect = this.#suspects.first(isWaiting)
    if (suspect) {
      if (this.#inFlight.size > 0 || room < 1 || max < 1) return []
      this.#suspects.shift()
      this.#isolated = suspect
      claimed.push(this.#hold(suspect, holder, now))
      return claimed
    }
    for (const line of [this.#again, this.#fresh])
      while (claimed.length < max && claimed.length < room) {
        const entry = line.first(isWaiting)
        if (!entry) break
        line.shift()
        claimed.push(this.#hold(entry, holder, now))
      }
    return claimed
  }

  #hold(entry: Entry<Event>, holder: Holder, now: Now): Entry<Event> {
    entry.attempts++
    if (entry.handed && entry.lease !== 0) entry.before = { lease: entry.lease, holder: entry.holder }
    entry.lease = ++this.#leases
    this.#fly(entry, holder, now.monotonicMs + this.#limits.visibilityTimeoutMs)
    entry.handed = false
    this.#ledger.reach(entry.position)
    return entry
  }

  #fly(entry: Entry<Event>, holder: Holder | undefined, dueMs: number): void {
    entry.state = 'in-flight'
    entry.holder = holder
    entry.dueWallMs = null
    entry.dueMs = dueMs
    if (holder) holder.inFlight++
    this.#inFlight.add(entry)
    this.#due.add(entry)
    this.#ledger.touch(entry)
  }

  /** A consumer takes a claimed event from its queue: its visibility begins anew. False when it is not its own any more. */
  handOut(entry: Entry<Event>, lease: number, now: Now): boolean {
    if (entry.lease !== lease || entry.state !== 'in-flight') return false
    entry.handed = true
    entry.before = undefined
    this.#due.move(entry, now.monotonicMs + this.#limits.visibilityTimeoutMs)
    return true
  }

  /** False when the delivery counts no more: it was settled, or the event delivered again. The same for the next three. */
  ack(entry: Entry<Event>, lease: number): boolean {
    if (!this.#owns(entry, lease)) return false
    this.#settle(entry)
    return true
  }

  park(entry: Entry<Event>, lease: number, reason: string, now: Now): boolean {
    if (!this.#owns(entry, lease)) return false
    this.#park(entry, reason, now)
    return true
  }

  nack(entry: Entry<Event>, lease: number, delayMs: number, reason: string, now: Now): boolean {
    if (!this.#owns(entry, lease)) return false
    if (entry.attempts >= this.#limits.maxDeliveries) {
      this.#exhaust(entry, reason, now)
      return true
    }
    this.#land(entry)
    entry.lease = 0
    entry.before = undefined
    entry.reason = reason
    entry.delayMs = delayMs
    entry.dueWallMs = delayMs > 0 ? Math.ceil(now.wallMs + delayMs) : 0
    this.#ledger.touch(entry)
    if (delayMs > 0) this.#delay(entry, delayMs, now)
    else this.#again.push(entry)
    return true
  }

  extend(entry: Entry<Event>, lease: number, visibilityMs: number, now: Now): boolean {
    if (!this.#owns(entry, lease)) return false
    const dueMs = now.monotonicMs + visibilityMs
    if (entry.state === 'in-flight') this.#due.move(entry, dueMs)
    else this.#fly(entry, entry.holder, dueMs)
    return true
  }

  /** The consumer leaves what waits in its queue, which does not count; with `handedToo` what it had taken, which does. */
  release(holder: Holder, handedToo: boolean, now: Now): void {
    const left = [...this.#inFlight].filter((entry) => entry.holder === holder && (handedToo || !entry.handed))
    for (const entry of left.sort((a, b) => a.position - b.position)) this.#fail(entry, leftReason, now)
  }

  /** What is due is delivered again, or parked. */
  tick(now: Now): void {
    const { visibilityTimeoutMs } = this.#limits
    for (let entry = this.#due.first; entry && entry.dueMs <= now.monotonicMs; entry = this.#due.first) {
      if (entry.state === 'in-flight') {
        if (entry.holder) entry.holder.overdue = true
        this.#fail(entry, `not settled within ${visibilityTimeoutMs} ms`, now)
        continue
      }
      this.#due.remove(entry)
      this.#delayed--
      entry.state = 'waiting'
      this.#again.push(entry)
    }
  }

  /** When `tick` has something to do; undefined when nothing is due. */
  get wakeAtMs(): number | undefined {
    return this.#due.first?.dueMs
  }

  /** An event that was parked, to be delivered anew; without an event when there is none at its position any more. */
  revive(position: number, found: FetchedEvent<Event> | undefined): boolean {
    if (!this.discard(position) || !found) return false
    const known = this.#ledger.find(position)
    // `find` gives what the floor has not passed yet; it is settled, for it was parked.
    const entry = known ?? entryOf(found, freshDelivery)
    entry.event = found.event
    entry.key = found.key
    entry.state = 'waiting'
    entry.replayed = true
    entry.attempts = 0
    entry.dueWallMs = 0
    entry.delayMs = 0
    entry.reason = null
    if (known) this.#ledger.unsettle(entry)
    else this.#ledger.touch(entry)
    this.#held.add(entry)
    if (this.#mayGo(entry)) this.#again.push(entry)
    return true
  }

  /** Forgets a parked event; false when it is not parked. */
  discard(position: number): boolean {
    if (!this.#parked.delete(position)) return false
    this.#ledger.unpark(position)
    return true
  }

  /** Settles events that no longer exist and that nobody works on. */
  forget(isGone: (event: Event) => boolean): void {
    for (const entry of this.#held) {
      if ((entry.state === 'in-flight' && entry.handed) || entry.event === undefined || !isGone(entry.event)) continue
      if (entry.state === 'delayed') this.#delayed--
      entry.gone = true
      this.#settle(entry)
    }
  }

  /** What must be kept; see the ledger. */
  take(all?: boolean): GroupChanges | undefined {
    return this.#ledger.take(all)
  }

  get counts(): GroupCounts {
    const [inFlight, delayed] = [this.#inFlight.size, this.#delayed]
    return { waiting: this.#held.size - inFlight - delayed, inFlight, delayed, parked: this.#parked.size }
  }

  /** Everything that matched up to here is settled, replays apart. */
  get checkpoint(): number {
    let checkpoint = this.#ledger.scanned
    for (const { position, replayed } of this.#held) if (!replayed && position <= checkpoint) checkpoint = position - 1
    for (const { position, replayed } of this.#recovering.values())
      if (!replayed && position <= checkpoint) checkpoint = position - 1
    return checkpoint
  }

  parked(): StoredParked[] {
    return [...this.#parked.values()].sort((a, b) => a.position - b.position)
  }

  /** The delivery came to nothing. */
  #fail(entry: Entry<Event>, reason: string, now: Now): void {
    if (entry.handed && entry.attempts >= this.#limits.maxDeliveries) return this.#exhaust(entry, reason, now)
    const line = this.#isolated === entry && !entry.handed ? this.#suspects : this.#again
    this.#land(entry)
    if (entry.handed) entry.reason = reason
    else entry.attempts--
    entry.dueWallMs = 0
    entry.delayMs = 0
    this.#ledger.touch(entry)
    line.push(entry)
  }

  /** Parks it after its last delivery. What failed before is told too, for a lost consumer says little. */
  #exhaust(entry: Entry<Event>, reason: string, now: Now): void {
    const before = entry.reason === null || entry.reason === reason ? '' : `; before that: ${entry.reason}`
    this.#park(entry, `${reason}${before}`.slice(0, reasonMax).toWellFormed(), now)
  }

  #park(entry: Entry<Event>, reason: string, now: Now): void {
    const { position, attempts } = entry
    const parked = { position, attempts, reason, atMs: Math.floor(now.wallMs) }
    this.#parked.set(position, parked)
    this.#ledger.park(parked)
    this.#settle(entry)
  }

  #delay(entry: Entry<Event>, delayMs: number, now: Now): void {
    entry.state = 'delayed'
    entry.dueMs = now.monotonicMs + delayMs
    this.#due.add(entry)
    this.#delayed++
  }

  /** Whoever had it last may still settle it, as long as nobody else has got it: a claim that waits in a queue is undone. */
  #owns(entry: Entry<Event>, lease: number): boolean {
    if (lease === 0 || (entry.state !== 'in-flight' && entry.state !== 'waiting')) return false
    const { before } = entry
    if (entry.lease === lease) return true
    if (before?.lease !== lease) return false
    if (entry.state === 'in-flight') {
      entry.attempts--
      this.#land(entry)
    }
    entry.lease = lease
    entry.holder = before.holder
    entry.handed = true
    entry.before = undefined
    return true
  }

  /** It is not in flight any more. */
  #land(entry: Entry<Event>): void {
    if (this.#isolated === entry) this.#isolated = undefined
    if (this.#inFlight.delete(entry) && entry.holder) entry.holder.inFlight--
    this.#due.remove(entry)
    entry.state = 'waiting'
  }

  #settle(entry: Entry<Event>): void {
    this.#land(entry)
    entry.state = 'settled'
    entry.event = undefined
    entry.lease = 0
    entry.before = undefined
    this.#held.delete(entry)
    this.#ledger.settle(entry)
    const next = this.#lanes.leave(entry)
    if (!next) return
    next.blocked = false
    ;(next.attempts > 0 ? this.#again : this.#fresh).push(next)
  }
}

const maxReason = 'it had been delivered as often as maxDeliveries now allows'
const lostReason = 'its consumer was lost with the process'
const leftReason = 'its consumer left without settling it'

function isWaiting(entry: Entry<unknown>): boolean {
  return entry.state === 'waiting' && !entry.blocked
}
