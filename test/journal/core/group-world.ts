/**
 * A world around the machine of a consumer group, for its properties: a journal that grows and loses events, a store that
 * takes what is saved, and beside them a model that keeps the state of every single event. The model shares no code with
 * what it judges but the types.
 */
import assert from 'node:assert/strict'
import { GroupMachine } from '../../../src/journal/core/group.ts'
import type { Entry, FetchedEvent, GroupLimits, Holder, Now } from '../../../src/journal/core/group.ts'
import { deliveryAt, freshGroup } from '../../../src/journal/core/group-state.ts'
import type { StoredDelivery, StoredGroup, StoredParked } from '../../../src/journal/core/group-state.ts'

export interface Known {
  readonly position: number
  readonly key: string | undefined
  state: 'waiting' | 'in-flight' | 'delayed' | 'settled' | 'parked' | 'gone'
  attempts: number
  dueWallMs: number | null
  delayMs: number
  replayed: boolean
  holder: number
  handed: boolean
  dueMs: number
}

export interface Out {
  readonly entry: Entry<number>
  readonly lease: number
  readonly known: Known
}

const open = new Set<Known['state']>(['waiting', 'in-flight', 'delayed'])

export class GroupWorld {
  readonly limits: GroupLimits
  machine: GroupMachine<number>
  now: Now = { monotonicMs: 0, wallMs: 1_000_000 }
  /** What the store holds, as a driver would. */
  store: StoredGroup = freshGroup(0)
  /** The state of every matching event, now and as of the last save. */
  known = new Map<number, Known>()
  saved = new Map<number, Known>()
  readonly erased = new Set<number>()
  head = 0
  holders: Holder[] = []
  out: Out[] = []
  /** Positions that were ever given to a consumer after which their first order counts no more. */
  readonly claimed = new Set<number>()

  constructor(limits: GroupLimits) {
    this.limits = limits
    this.machine = new GroupMachine(limits, this.store)
    this.holders = [{ inFlight: 0 }, { inFlight: 0 }, { inFlight: 0 }]
  }

  append(keys: readonly (string | undefined | null)[]): void {
    for (const key of keys) {
      const position = ++this.head
      // Null is an event that the filter leaves out.
      if (key !== null) for (const all of [this.known, this.saved]) all.set(position, fresh(position, key))
    }
  }

  fetch(size: number): void {
    const { machine } = this
    const events: FetchedEvent<number>[] = []
    let upTo = machine.scanned
    while (upTo < this.head && events.length < size) {
      const known = this.known.get(++upTo)
      if (known && !this.erased.has(upTo)) events.push({ position: upTo, key: known.key, event: upTo })
    }
    machine.fetched(events, upTo, this.now)
  }

  claim(who: number, max: number): void {
    this.#tick()
    const claimed = this.machine.claim(this.holders[who] as Holder, max, this.now)
    assert.ok(claimed.length <= max)
    for (const entry of claimed) {
      const known = this.#knownOf(entry.position)
      assert.equal(known.state, 'waiting', `${entry.position} was handed out while ${known.state}`)
      this.#checkOrder(known)
      known.state = 'in-flight'
      known.attempts++
      known.dueWallMs = null
      known.holder = who
      known.handed = false
      known.dueMs = this.now.monotonicMs + this.limits.visibilityTimeoutMs
      assert.ok(known.attempts <= this.limits.maxDeliveries)
      assert.equal(entry.attempts, known.attempts)
    }
    this.save()
    for (const entry of claimed) this.out.push({ entry, lease: entry.lease, known: this.#knownOf(entry.position) })
  }

  #checkOrder(claimed: Known): void {
    for (const other of this.known.values()) {
      if (other === claimed || other.position > this.machine.scanned) continue
      const sameKey = claimed.key !== undefined && other.key === claimed.key
      if (sameKey) assert.notEqual(other.state, 'in-flight', `two of ${claimed.key} in flight`)
      if (other.position > claimed.position || other.replayed || !open.has(other.state)) continue
      assert.ok(!sameKey, `${claimed.position} overtook ${other.position} of ${claimed.key}`)
      const bothNew = claimed.key === undefined && other.key === undefined && !this.claimed.has(claimed.position)
      if (bothNew) assert.ok(this.claimed.has(other.position), `${claimed.position} overtook ${other.position}`)
    }
    this.claimed.add(claimed.position)
  }

  #knownOf(position: number): Known {
    const known = this.known.get(position)
    assert.ok(known, `${position} does not match`)
    return known
  }

  handOut({ entry, lease, known }: Out): void {
    const own = this.#isOwn(entry, lease) && known.state === 'in-flight'
    assert.equal(this.machine.handOut(entry, lease, this.now), own)
    if (!own) return
    known.handed = true
    known.dueMs = this.now.monotonicMs + this.limits.visibilityTimeoutMs
  }

  #isOwn(entry: Entry<number>, lease: number): boolean {
    return entry.lease === lease
  }

  /** True when the delivery still counts; one that was claimed again, but not taken, is as it was before that claim. */
  #owns({ entry, lease, known }: Out): boolean {
    if (known.state !== 'in-flight' && known.state !== 'waiting') return false
    if (this.#isOwn(entry, lease)) return true
    if (entry.before?.lease !== lease) return false
    if (known.state === 'in-flight') known.attempts--
    known.handed = true
    return true
  }

  /** Settles a delivery in some way; what it gives must be what the model says. */
  settle(out: Out, way: 'ack' | 'nack' | 'park', delayMs: number): void {
    const { entry, lease, known } = out
    const may = this.#owns(out)
    const { machine, now } = this
    const last = known.attempts >= this.limits.maxDeliveries
    const did = {
      ack: () => machine.ack(entry, lease),
      park: () => machine.park(entry, lease, 'parked', now),
      nack: () => machine.nack(entry, lease, delayMs, 'nacked', now),
    }[way]()
    assert.equal(did, may)
    if (!did) return
    if (way === 'ack') known.state = 'settled'
    else if (way === 'park' || last) known.state = 'parked'
    else {
      known.state = delayMs > 0 ? 'delayed' : 'waiting'
      known.delayMs = delayMs
      known.dueWallMs = delayMs > 0 ? now.wallMs + delayMs : 0
      known.dueMs = now.monotonicMs + delayMs
    }
  }

  extend(out: Out, visibilityMs: number): void {
    const { entry, lease, known } = out
    const may = this.#owns(out)
    assert.equal(this.machine.extend(entry, lease, visibilityMs, this.now), may)
    if (!may) return
    known.state = 'in-flight'
    known.dueWallMs = null
    known.dueMs = this.now.monotonicMs + visibilityMs
  }

  pass(ms: number): void {
    this.now = { monotonicMs: this.now.monotonicMs + ms, wallMs: this.now.wallMs + ms }
  }

  tick(): void {
    this.machine.tick(this.now)
    this.#tick()
  }

  #tick(): void {
    for (const known of this.known.values()) {
      if (known.dueMs > this.now.monotonicMs) continue
      if (known.state === 'in-flight') this.#failed(known)
      else if (known.state === 'delayed') known.state = 'waiting'
    }
  }

  #failed(known: Known): void {
    if (known.handed && known.attempts >= this.limits.maxDeliveries) {
      known.state = 'parked'
      return
    }
    known.state = 'waiting'
    known.dueWallMs = 0
    known.delayMs = 0
    if (!known.handed) known.attempts--
  }

  release(who: number, handedToo: boolean): void {
    this.machine.release(this.holders[who] as Holder, handedToo, this.now)
    for (const known of this.known.values())
      if (known.state === 'in-flight' && known.holder === who && (handedToo || !known.handed)) this.#failed(known)
  }

  replay(position: number): void {
    const known = this.known.get(position)
    const parked = known?.state === 'parked'
    const exists = !this.erased.has(position)
    const found = known && exists ? { position, key: known.key, event: position } : undefined
    assert.equal(this.machine.revive(position, found), parked && exists)
    if (!parked) return
    if (!exists) known.state = 'gone'
    else Object.assign(known, { state: 'waiting', attempts: 0, dueWallMs: 0, delayMs: 0, replayed: true })
  }

  discard(position: number): void {
    const known = this.known.get(position)
    assert.equal(this.machine.discard(position), known?.state === 'parked')
    if (known?.state === 'parked') known.state = 'settled'
  }

  /** Of one of some streams the events up to a position. */
  erase(upTo: number, stream: number): void {
    for (const { position } of this.known.values())
      if (position <= upTo && (stream === 0 || position % 3 === stream)) this.erased.add(position)
    this.machine.forget((position) => this.erased.has(position))
    for (const known of this.known.values()) {
      const worked = known.state === 'in-flight' && known.handed
      if (this.erased.has(known.position) && open.has(known.state) && !worked) known.state = 'gone'
    }
  }

  /** What is settled or parked comes back; what was erased unsettled stays away, for nobody waits for it any more. */
  restore(): void {
    for (const position of this.erased) {
      const state = this.known.get(position)?.state
      if (state === 'settled' || state === 'parked') this.erased.delete(position)
    }
  }

  save(all = false): void {
    const changes = this.machine.take(all)
    if (changes) {
      const deliveries = new Map(this.store.deliveries.map((entry) => [entry.position, entry]))
      const parked = new Map(this.store.parked.map((entry) => [entry.position, entry]))
      for (const position of changes.drop) deliveries.delete(position)
      for (const entry of changes.put) deliveries.set(entry.position, entry)
      for (const position of changes.unpark) parked.delete(position)
      for (const entry of changes.park) parked.set(entry.position, entry)
      const { floor, reached } = changes
      this.store = { floor, reached, deliveries: [...deliveries.values()], parked: [...parked.values()] }
    }
    this.saved = copy(this.known)
    this.#checkStore()
  }

  /** The store, read as it is to be read, tells of each event what the model kept in full. */
  #checkStore(): void {
    const rows = new Map<number, StoredDelivery>(this.store.deliveries.map((entry) => [entry.position, entry]))
    const parked = new Map<number, StoredParked>(this.store.parked.map((entry) => [entry.position, entry]))
    for (const known of this.known.values()) {
      const { position, state, attempts, dueWallMs, delayMs, replayed } = known
      assert.equal(parked.has(position), state === 'parked', `${position} is ${state}`)
      if (state === 'gone' || position > this.machine.scanned) continue
      if (this.erased.has(position) && open.has(state)) continue
      const told = deliveryAt(this.store, rows.get(position), position)
      if (!open.has(state)) {
        // What is settled while nothing was worth a write is found settled again, or looked at again by nobody. That it is
        // erased changes nothing: it may be restored.
        assert.equal(told, 'settled', `${position} is ${state}`)
        continue
      }
      assert.notEqual(told, 'settled', `${position} is ${state} and the store has lost it`)
      const { dueMs, ...rest } = told as StoredDelivery
      assert.deepEqual({ ...rest, reason: null }, { position, attempts, delayMs, reason: null, replayed })
      assert.equal(dueMs, dueWallMs, `${position} is ${state}`)
    }
  }

  /** The process ends and begins anew from what was saved; the wall clock may have been set meanwhile. */
  crash(wallShiftMs: number, pageSize: number): void {
    this.known = copy(this.saved)
    this.out = []
    this.holders = [{ inFlight: 0 }, { inFlight: 0 }, { inFlight: 0 }]
    this.now = { monotonicMs: 0, wallMs: Math.max(0, this.now.wallMs + wallShiftMs) }
    this.machine = new GroupMachine(this.limits, this.store)
    for (const position of this.machine.stragglers) {
      const known = this.known.get(position)
      const found = known && !this.erased.has(position) ? { position, key: known.key, event: position } : undefined
      this.machine.straggler(position, found, this.now)
    }
    while (this.machine.recovering) {
      const before = this.machine.scanned
      this.fetch(pageSize)
      assert.ok(this.machine.scanned > before, 'the recovery comes to an end')
    }
    this.#recover()
    this.save()
  }

  #recover(): void {
    const keys = new Set<string>()
    for (const known of this.known.values()) {
      if (!open.has(known.state)) continue
      if (this.erased.has(known.position)) {
        known.state = 'gone'
        continue
      }
      if (known.attempts >= this.limits.maxDeliveries) {
        known.state = 'parked'
        continue
      }
      const behind = known.key !== undefined && keys.has(known.key)
      if (known.key !== undefined) keys.add(known.key)
      const restMs = Math.min((known.dueWallMs ?? 0) - this.now.wallMs, known.delayMs)
      known.state = restMs > 0 && !behind ? 'delayed' : 'waiting'
      known.dueMs = restMs
    }
  }

  /** What the machine counts is what the model counts. */
  checkCounts(): void {
    const counts = { waiting: 0, inFlight: 0, delayed: 0, parked: 0 }
    let checkpoint = this.machine.scanned
    for (const { state, position, replayed } of this.known.values()) {
      if (state === 'parked') counts.parked++
      if (position > this.machine.scanned || !open.has(state)) continue
      counts[state === 'in-flight' ? 'inFlight' : (state as 'waiting' | 'delayed')]++
      if (!replayed) checkpoint = Math.min(checkpoint, position - 1)
    }
    assert.deepEqual(this.machine.counts, counts)
    assert.equal(this.machine.checkpoint, checkpoint)
  }

  /** Acknowledges everything; afterwards nothing may be open. */
  drain(): void {
    for (let idle = 0; idle < 3;) {
      this.fetch(1000)
      const before = this.out.length
      this.claim(0, 1000)
      if (this.out.length === before) idle++
      for (const out of this.out.splice(0)) {
        if (out.known.state !== 'in-flight') continue
        this.handOut(out)
        this.settle(out, 'ack', 0)
      }
      this.save(true)
      this.pass(1e9)
      this.tick()
    }
    for (const { position, state } of this.known.values())
      assert.ok(!open.has(state) || this.erased.has(position), `${position} is left ${state}`)
    assert.equal(this.machine.checkpoint, this.head)
    // With nothing open the store needs nothing but its two positions and what is parked.
    assert.deepEqual({ ...this.store, parked: [] }, { ...freshGroup(this.head), parked: [] })
  }
}

function fresh(position: number, key: string | undefined): Known {
  return {
    position,
    key,
    state: 'waiting',
    attempts: 0,
    dueWallMs: 0,
    delayMs: 0,
    replayed: false,
    holder: 0,
    handed: false,
    dueMs: Number.POSITIVE_INFINITY,
  }
}

function copy(all: ReadonlyMap<number, Known>): Map<number, Known> {
  return new Map([...all].map(([position, known]) => [position, { ...known }]))
}
