/**
 * A consumer group at work: runs the machine of `core/group.ts` on the journal, a storage and a clock. There is one in a
 * process for a group, whoever opened it; unlike the handles of `group-registry.ts` it is never closed while one is left.
 *
 * One round of the pump: what is due, what consumers want, what was settled meanwhile, all in one write; then those who
 * settled are told and the claims are handed out. While a write is under way everything gathers for the next one.
 *
 * When a write fails, or the journal cannot be read, the group is broken: what memory says is no longer what is kept. All
 * consumers end with that error, and the next opening begins from what is kept.
 */
import type { Clock, Timer } from '../base/clock.ts'
import { toError } from '../base/error.ts'
import { deferred } from '../base/deferred.ts'
import type { Deferred } from '../base/deferred.ts'
import { GroupMachine } from './core/group.ts'
import type { FetchedEvent, Now } from './core/group.ts'
import { ConsumerExists, GroupTaken, JournalClosed, LeaseLost } from './error.ts'
import { GroupConsumer } from './group-consumer.ts'
import type { Claim, ConsumerHost } from './group-consumer.ts'
import { keyOf } from './group-options.ts'
import type { CheckedGroupOptions } from './group-options.ts'
import type { GroupStorage, OpenedGroup } from './group-storage.ts'
import type { Delivery, GroupStatus, ParkedEvent } from './group.ts'
import type { Batch, Journal } from './journal.ts'
import { positionNumber, positionOf } from './numbered-reading.ts'
import type { Recorded } from './recorded.ts'

export interface ConsumerGroupParts {
  readonly name: string
  readonly options: CheckedGroupOptions
  readonly journal: Pick<Journal, 'subscribe' | 'readAll' | 'behind'>
  readonly storage: GroupStorage
  readonly clock: Clock
  /** Called once when it can serve no more. */
  readonly onEnd: () => void
}

/** Streams told apart that lost events while a page is read; beyond that each page counts as too old, once. */
const erasedMax = 1024

export class RunningGroup implements ConsumerHost {
  readonly #parts: ConsumerGroupParts
  readonly #machine: GroupMachine<Recorded>
  readonly #epoch: number
  readonly #consumers = new Map<string, GroupConsumer>()
  #named = 0
  /** Who is told when the next write is kept. */
  #settling: Deferred<void> | undefined
  #pumping: Promise<void> | undefined
  #again = false
  #timer: { readonly timer: Timer; readonly atMs: number } | undefined
  #fetching: AbortController | undefined
  /** Streams that lost events since the fetching began, and from where on they are kept. */
  readonly #erased = new Map<string, number>()
  /** Resolved when more events should be fetched. */
  #hunger: Deferred<void> | undefined
  #turn = 0
  #failure: Error | undefined

  constructor(parts: ConsumerGroupParts, opened: OpenedGroup) {
    this.#parts = parts
    this.#epoch = opened.epoch
    this.#machine = new GroupMachine(parts.options.limits, opened.group)
  }

  get options(): CheckedGroupOptions {
    return this.#parts.options
  }

  /** Fetches what was neither settled nor new when the group was last kept. */
  async recover(): Promise<void> {
    const { journal, options } = this.#parts
    for (const position of this.#machine.stragglers)
      this.#machine.straggler(position, await this.#fetchedAt(position), this.#now())
    const filter = options.filter && { filter: options.filter }
    for (let more = true; more && this.#machine.recovering;) {
      more = false
      const from = positionOf(this.#machine.scanned)
      const batch = this.#machine.appetite
      for await (const arrived of journal.readAll({ from, batch, ...filter })) {
        this.#arrived(arrived)
        more = true
        if (!this.#machine.recovering || this.#machine.appetite !== batch) break
      }
    }
    await this.flush()
  }

  #now(): Now {
    const { clock } = this.#parts
    return { monotonicMs: clock.monotonicMs(), wallMs: clock.now() }
  }

  #arrived(batch: Batch): void {
    this.#machine.fetched(batch.events.map(this.#fetched), positionNumber(batch.position), this.#now())
  }

  readonly #fetched = (recorded: Recorded): FetchedEvent<Recorded> => ({
    position: positionNumber(recorded.position),
    key: keyOf(this.#parts.options.partitionBy, recorded),
    event: recorded,
  })

  async #read(position: number): Promise<Recorded | undefined> {
    for await (const recorded of this.#parts.journal.readAll({ from: positionOf(position - 1), limit: 1 }))
      return positionNumber(recorded.position) === position ? recorded : undefined
    return undefined
  }

  async #fetchedAt(position: number): Promise<FetchedEvent<Recorded> | undefined> {
    const recorded = await this.#read(position)
    return recorded && this.#fetched(recorded)
  }

  /** A consumer that begins now. Throws `journal.consumer_exists`. */
  consumer(given: string | undefined, prefetch: number, onLeft: () => void): GroupConsumer {
    this.#check()
    const { name: group } = this.#parts
    const name = given ?? this.#freeName()
    if (this.#consumers.has(name)) throw new ConsumerExists(group, name)
    const consumer = new GroupConsumer(this, name, prefetch, onLeft)
    this.#consumers.set(name, consumer)
    this.#expect()
    if (!this.#fetching) {
      const fetching = new AbortController()
      this.#fetching = fetching
      this.#fetch(fetching.signal).catch((error: unknown) => this.#fail(error))
    }
    return consumer
  }

  #expect(): void {
    const keyed = this.#parts.options.partitionBy !== undefined
    let deliveries = 0
    for (const { prefetch } of this.#consumers.values()) deliveries += prefetch
    this.#machine.expect(keyed ? Number.POSITIVE_INFINITY : deliveries)
  }

  #freeName(): string {
    let name = ''
    do name = `consumer-${++this.#named}`
    while (this.#consumers.has(name))
    return name
  }

  leave(consumer: GroupConsumer, handedToo: boolean): void {
    this.#machine.release(consumer, handedToo, this.#now())
    if (handedToo && this.#consumers.get(consumer.name) === consumer) {
      this.#consumers.delete(consumer.name)
      this.#expect()
    }
    if (this.#consumers.size === 0) {
      this.#fetching?.abort()
      this.#fetching = undefined
    }
    this.wake()
  }

  /** Fetches as long as there are consumers, when the machine is hungry. */
  async #fetch(signal: AbortSignal): Promise<void> {
    for (let more = true; more;) {
      await this.#hungry(signal)
      if (signal.aborted) return
      more = await this.#follow(this.#machine.appetite, signal)
    }
  }

  /** True when it should go on with batches of another size; false at the end of the journal's life or its own. */
  async #follow(size: number, signal: AbortSignal): Promise<boolean> {
    const { journal, options } = this.#parts
    const from = positionOf(this.#machine.scanned)
    const filter = options.filter && { filter: options.filter }
    this.#erased.clear()
    for await (const batch of journal.subscribe({ from, batch: size, signal, ...filter })) {
      if (signal.aborted) return false
      // Its page is older than that: it is read anew.
      if (batch.events.some(this.#isErased)) return true
      this.#arrived(batch)
      this.wake()
      await this.#hungry(signal)
      if (signal.aborted) return false
      if (this.#machine.appetite !== size) return true
    }
    return false
  }

  async #hungry(signal: AbortSignal): Promise<void> {
    while (!this.#machine.hungry && !signal.aborted) {
      const hunger = (this.#hunger ??= deferred())
      const onAbort = () => hunger.resolve()
      signal.addEventListener('abort', onAbort, { once: true })
      await hunger.promise
      signal.removeEventListener('abort', onAbort)
      if (this.#hunger === hunger) this.#hunger = undefined
    }
  }

  wake(): void {
    this.#again = true
    if (this.#pumping || this.#failure) return
    // What else happens in this turn is to be in the same write.
    this.#pumping = Promise.resolve().then(() => this.#pump())
  }

  /** Resolves when everything so far is kept. */
  async flush(): Promise<void> {
    const settled = this.#settled()
    await settled
  }

  async #pump(): Promise<void> {
    while (this.#again && !this.#failure) {
      this.#again = false
      const settling = this.#settling
      this.#settling = undefined
      try {
        await this.#round()
        settling?.resolve()
      } catch (error) {
        settling?.reject(this.#fail(error))
      }
    }
    this.#pumping = undefined
    this.#arm()
  }

  async #round(): Promise<void> {
    const { name, storage } = this.#parts
    const now = this.#now()
    this.#machine.tick(now)
    const claims = this.#claim(now)
    const changes = this.#machine.take(this.#consumers.size === 0)
    if (changes && !(await storage.save(name, this.#epoch, changes))) throw new GroupTaken(name)
    for (const [consumer, claimed] of claims) consumer.offer(claimed)
    if (this.#machine.hungry) this.#hunger?.resolve()
  }

  /** Shares what is there among those who want some, those that wait first; who was first is last the next time. */
  #claim(now: Now): [GroupConsumer, Claim[]][] {
    const wanting = [...this.#consumers.values()].filter((consumer) => consumer.wants > 0)
    if (wanting.length > 1) {
      wanting.push(...wanting.splice(0, this.#turn++ % wanting.length))
      wanting.sort((a, b) => Number(b.asks) - Number(a.asks))
    }
    const claims: [GroupConsumer, Claim[]][] = []
    for (const [at, consumer] of wanting.entries()) {
      const share = Math.ceil(this.#machine.counts.waiting / (wanting.length - at))
      const claimed = this.#machine.claim(consumer, Math.min(consumer.wants, Math.max(1, share)), now)
      if (claimed.length > 0) claims.push([consumer, claimed.map((entry) => ({ entry, lease: entry.lease }))])
    }
    return claims
  }

  /** One timer, for what is due first. Without a consumer nobody waits for it. */
  #arm(): void {
    const dueMs = this.#consumers.size === 0 || this.#failure ? undefined : this.#machine.wakeAtMs
    if (this.#timer && (dueMs === undefined || dueMs < this.#timer.atMs)) {
      this.#timer.timer.cancel()
      this.#timer = undefined
    }
    if (dueMs === undefined || this.#timer) return
    const { clock } = this.#parts
    const timer = clock.timer(Math.max(0, dueMs - clock.monotonicMs()), () => {
      this.#timer = undefined
      this.wake()
    })
    this.#timer = { timer, atMs: dueMs }
  }

  handOut({ entry, lease }: Claim): boolean {
    return this.#machine.handOut(entry, lease, this.#now())
  }

  ack(claim: Claim, delivery: Delivery): Promise<void> {
    return this.#settle(delivery, () => this.#machine.ack(claim.entry, claim.lease))
  }

  nack({ entry, lease }: Claim, delivery: Delivery, delayMs: number, reason: string): Promise<void> {
    return this.#settle(delivery, () => this.#machine.nack(entry, lease, delayMs, reason, this.#now()))
  }

  park({ entry, lease }: Claim, delivery: Delivery, reason: string): Promise<void> {
    return this.#settle(delivery, () => this.#machine.park(entry, lease, reason, this.#now()))
  }

  async extend({ entry, lease }: Claim, delivery: Delivery, visibilityMs: number | undefined): Promise<void> {
    this.#check()
    const { name, options } = this.#parts
    if (!this.#machine.extend(entry, lease, visibilityMs ?? options.limits.visibilityTimeoutMs, this.#now()))
      throw new LeaseLost(name, delivery.recorded.position, delivery.attempt)
    this.wake()
  }

  #settle({ recorded, attempt }: Delivery, work: () => boolean): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    if (!work()) return Promise.reject(new LeaseLost(this.#parts.name, recorded.position, attempt))
    return this.#settled()
  }

  #settled(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    if (!this.#settling) {
      this.#settling = deferred()
      // Whoever settles without awaiting it hears of a failed write from the loop.
      this.#settling.promise.catch(() => {})
    }
    this.wake()
    return this.#settling.promise
  }

  async status(): Promise<GroupStatus> {
    this.#check()
    const { journal } = this.#parts
    this.#machine.tick(this.#now())
    this.wake()
    const { waiting, inFlight, delayed, parked } = this.#machine.counts
    const scanned = positionOf(this.#machine.scanned)
    const consumers = [...this.#consumers.values()].map((consumer) => ({
      name: consumer.name,
      inFlight: consumer.inFlight,
    }))
    const checkpoint = positionOf(this.#machine.checkpoint)
    const unseen = await journal.behind(scanned)
    return { checkpoint, waiting, inFlight, delayed, parked, consumers, lag: unseen + waiting + inFlight + delayed }
  }

  async *parked(): AsyncGenerator<ParkedEvent, void> {
    this.#check()
    for (const { position, attempts, reason, atMs } of this.#machine.parked()) {
      this.#check()
      const recorded = await this.#read(position)
      yield { position: positionOf(position), recorded, attempts, reason, parkedAtMs: atMs }
    }
  }

  async replayParked(positions: readonly number[] | undefined): Promise<number> {
    this.#check()
    let replayed = 0
    for (const position of this.#selected(positions)) {
      const found = await this.#fetchedAt(position)
      this.#check()
      if (this.#machine.revive(position, found)) replayed++
      this.wake()
    }
    await this.flush()
    return replayed
  }

  async discardParked(positions: readonly number[] | undefined): Promise<number> {
    this.#check()
    const discarded = this.#selected(positions).filter((position) => this.#machine.discard(position)).length
    await this.flush()
    return discarded
  }

  #selected(positions: readonly number[] | undefined): readonly number[] {
    const parked = this.#machine.parked().map(({ position }) => position)
    if (positions === undefined) return parked
    const meant = new Set(positions)
    return parked.filter((position) => meant.has(position))
  }

  /** Retention has erased the events of a stream before a version. */
  erased(stream: string, first: number): void {
    this.#machine.forget((recorded) => recorded.stream === stream && recorded.version < first)
    if (this.#erased.size < erasedMax) this.#erased.set(stream, first)
    this.wake()
  }

  readonly #isErased = ({ stream, version }: Recorded): boolean =>
    this.#erased.size === erasedMax || version < (this.#erased.get(stream) ?? 0)

  async remove(): Promise<void> {
    this.#check()
    const { name, storage } = this.#parts
    const [consumer] = this.#consumers.keys()
    if (consumer !== undefined) throw new ConsumerExists(name, consumer)
    await this.flush()
    const removed = await storage.remove(name, this.#epoch)
    this.#fail(new GroupTaken(name))
    if (!removed) throw new GroupTaken(name)
  }

  /** Ends all consumers and keeps what was settled; what they had taken counts as a failed delivery. */
  async close(): Promise<void> {
    if (this.#failure) return
    for (const consumer of this.#consumers.values()) {
      consumer.end()
      this.leave(consumer, true)
    }
    try {
      await this.flush()
    } finally {
      this.#fail(new JournalClosed())
    }
  }

  #check(): void {
    if (this.#failure) throw this.#failure
  }

  #fail(thrown: unknown): Error {
    if (this.#failure) return this.#failure
    const error = toError(thrown)
    this.#failure = error
    this.#fetching?.abort()
    this.#fetching = undefined
    for (const consumer of this.#consumers.values()) consumer.end(error)
    this.#consumers.clear()
    this.#settling?.reject(error)
    this.#settling = undefined
    this.#arm()
    this.#parts.onEnd()
    return error
  }
}
