/**
 * Line: follows the journal for one generation, batch by batch, and decides what becomes of an event that its target cannot
 * take: tried again, parked, or the end. Unlike the runner above it, it knows nothing of versions, rebuilds or callers; unlike
 * the target below it, it knows nothing of states. It alone moves the checkpoint, and never past what was not kept.
 */
import { backoffAfter } from '../base/backoff.ts'
import { sleep } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { assert, codeOf, messageOf, toError } from '../base/error.ts'
import { scoped } from '../base/scope.ts'
import type { Store } from '../store/store.ts'
import { ParkedFull, ProjectionFailed, ProjectionTaken } from './error.ts'
import { dataEncoder } from './data-text.ts'
import type { Batch, Filter, Journal, Position, Recorded } from './journal.ts'
import { generation as generationOf, lastEvent } from './projection-generation.ts'
import type { Generation, Step } from './projection-generation.ts'
import { commitStates } from './projection-state.ts'
import { isParked, park } from './projection-parked.ts'
import { countUpTo, isPast } from './position-order.ts'

export type Applied =
  | { readonly kind: 'kept' }
  /** Another commit came between; nothing was kept. */
  | { readonly kind: 'taken' }
  /** The parked event that was to be taken up is parked no more; nothing was kept. */
  | { readonly kind: 'gone' }
  | {
      readonly kind: 'failed'
      /** So many events before the one that failed were kept, with a checkpoint, in one commit. */
      readonly kept: number
      /** Counted from the first given; undefined: one of them, and it is not known which. */
      readonly at: number | undefined
      readonly error: Error
    }

/** What a line drives. */
export interface LineTarget {
  /** Applies the events and stores the step in the same transaction. Rejects with what the store rejects with. */
  apply(events: readonly Recorded[], step: Step, signal: AbortSignal): Promise<Applied>
  /** Holds nothing any more that is not in the store. */
  forget(): void
}

export interface LineSettings {
  /** In errors. */
  readonly name: string
  readonly journal: Journal
  readonly store: Store
  readonly clock: Clock
  readonly filter: Filter
  readonly batch: number
  readonly retryMax: number
  readonly backoffMs: number
  readonly otherwise: 'park' | 'stop'
  readonly parkedMax: number
  /** Called after each commit, and at the end of the journal, with the events that were kept. */
  readonly moved: (line: Line, events: number) => void
  /** Called at each failure, retries included. */
  readonly failed: (error: Error, recorded: Recorded | undefined) => void
}

const backoffMaxMs = 30_000
/** Batches without an event that pass before their end is stored: it only saves a later look at the same stretch. */
const emptyMax = 64
const reasonMaxLength = 2000
const encodeEvent = dataEncoder(2 ** 28)

/** These say that going on is of no use. */
const finalCodes: ReadonlySet<string> = new Set([
  'base.aborted',
  'base.assertion_failed',
  'base.invalid_argument',
  'journal.closed',
  'journal.event_unreadable',
  'journal.invalid_position',
  'journal.parked_full',
  'journal.projection_failed',
  'journal.projection_taken',
  'store.closed',
  'store.failed',
  'store.readonly',
  'store.corrupt',
])

export class Line {
  /** True when the last batch was the end of the journal at the time. */
  caughtUp = false
  readonly #settings: LineSettings
  readonly #target: LineTarget
  #generation: Generation
  #empties = 0
  /** The event that failed last, and how often. */
  #failing: { readonly position: Position; tries: number; error: Error } | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #given = false
  /** Ends the subscription under way; another begins at the position. */
  #again = new AbortController()

  constructor(settings: LineSettings, target: LineTarget, generation: Generation) {
    this.#settings = settings
    this.#target = target
    this.#generation = generation
  }

  get id(): number {
    return this.#generation.id
  }

  get position(): Position {
    return this.#generation.position
  }

  get reached(): Position {
    return this.#generation.reached
  }

  get replaying(): boolean {
    return this.#generation.position !== this.#generation.reached
  }

  /** Runs work while no event is being applied; one after another. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => {})
    return turn
  }

  /** From now on it applies nothing any more; for whoever holds its turn. */
  giveUp(): void {
    this.#given = true
  }

  /**
   * Follows the journal until the signal is aborted; what is in hand then is finished. What the store or the journal
   * refuses is tried again from the stored checkpoint. Rejects with what cannot be mended by trying.
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted && !this.#given)
        await this.#patiently(signal, async () => {
          this.#again = new AbortController()
          const again = this.#again.signal
          await scoped(signal, (inner) => this.#follow(AbortSignal.any([inner, again])))
        })
    } catch (thrown) {
      if (!signal.aborted || codeOf(thrown) !== 'base.aborted') throw thrown
    }
  }

  /** Does work that goes on from the position, until it is done; what is refused for now is tried again from the store's checkpoint. */
  async #patiently(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    const { clock, retryMax } = this.#settings
    for (let failures = 0; ;) {
      const before = this.position
      try {
        return await work()
      } catch (thrown) {
        if (finalCodes.has(codeOf(thrown))) throw thrown
        failures = this.position === before ? failures + 1 : 1
        this.#settings.failed(toError(thrown), undefined)
        if (failures > retryMax) throw thrown
        await sleep(clock, this.#backoff(failures), signal)
        await this.exclusive(() => this.reload())
        if (this.position !== before) failures = 0
      }
    }
  }

  /** Stores a position that only stands in memory; for whoever holds the turn. */
  async settle(): Promise<void> {
    if (this.#empties === 0 || this.#given) return
    const to = this.position
    try {
      await this.#storePassed(this.#step(to, this.replaying))
    } catch (thrown) {
      await this.reload()
      if (this.position !== to) throw thrown
    }
  }

  /** Takes the checkpoint from the store: whether a write that was rejected has been kept after all stands there. */
  async reload(): Promise<void> {
    const stored = await this.#settings.store.read(generationOf, this.#generation.id)
    if (!stored) throw new ProjectionTaken(this.#settings.name)
    // A subscription under way is past what only stood in memory.
    if (stored.position !== this.position) this.#again.abort()
    this.#generation = stored
    this.#target.forget()
    this.#empties = 0
    this.#settings.moved(this, 0)
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { journal, filter, batch } = this.#settings
    const batches = journal.subscribe({ from: this.position, filter, batch, signal })[Symbol.asyncIterator]()
    const ahead = () => {
      const next = batches.next()
      // The loop may have been left by the time it comes.
      next.catch(() => {})
      return next
    }
    for (let next = ahead(); ;) {
      const step = await next
      if (step.done || this.#given || signal.aborted) break
      // The next page is read while the store keeps this one.
      next = ahead()
      const { value } = step
      await this.exclusive(() => this.#takeBatch(value, signal))
    }
    await this.exclusive(() => this.settle())
  }

  async #takeBatch({ events, position, caughtUp }: Batch, signal: AbortSignal): Promise<void> {
    if (this.#given || signal.aborted) return
    let fresh = events
    if (this.replaying) {
      const { journal } = this.#settings
      const { reached } = this
      const over = !(await isPast(journal, reached, position))
      const count = over ? await countUpTo(journal, events, reached) : events.length
      await this.#take(events.slice(0, count), over ? reached : position, true, signal)
      fresh = events.slice(count)
    }
    if (fresh.length > 0 || this.position !== position) await this.#take(fresh, position, false, signal)
    this.caughtUp = caughtUp
    this.#settings.moved(this, 0)
  }

  /**
   * Applies what lies up to and with a position, all of which was handled before, and stops there; `met` is told what it
   * found. Rejects as `run` does.
   */
  async fill(until: Position, signal: AbortSignal, met: (events: readonly Recorded[]) => void): Promise<void> {
    await this.#patiently(signal, () => this.#fill(until, signal, met))
  }

  async #fill(until: Position, signal: AbortSignal, met: (events: readonly Recorded[]) => void): Promise<void> {
    const { journal, filter, batch } = this.#settings
    if (until !== this.position)
      for await (const { events, position } of journal.readAll({ from: this.position, filter, batch, signal })) {
        const whole = await isPast(journal, until, position)
        const count = whole ? events.length : await countUpTo(journal, events, until)
        const to = whole ? position : until
        const part = events.slice(0, count)
        await this.exclusive(() => this.#take(part, to, true, signal))
        met(part)
        if (to === until) break
      }
    if (this.position !== until) await this.exclusive(() => this.#pass(until, true))
    await this.exclusive(() => this.settle())
  }

  /** Takes one event up again that had been parked; it moves no checkpoint. */
  async takeAgain(
    recorded: Recorded,
    parked: { id: number; replaying: boolean },
    signal: AbortSignal,
  ): Promise<Exclude<Applied, { kind: 'taken' }>> {
    const { store } = this.#settings
    // The commit checks it too, but by then a handler of a reactor has done what it does.
    if (!(await store.read(isParked, { generation: this.id, id: parked.id }))) return { kind: 'gone' }
    const step = { ...this.#step(this.position, parked.replaying), unparked: parked.id }
    const applied = await this.#apply([recorded], step, signal)
    if (applied.kind === 'failed') this.#target.forget()
    if (applied.kind === 'taken') throw new ProjectionTaken(this.#settings.name)
    return applied
  }

  /** Sends the line back: all after a position comes again, as replayed. For whoever holds its turn. */
  async rewind(to: Position, publishes: boolean, write: (step: Step) => Promise<boolean>): Promise<void> {
    await this.settle()
    const step = { ...this.#step(to, true), publishes }
    this.#again.abort()
    this.caughtUp = false
    try {
      if (!(await write(step))) throw new ProjectionTaken(this.#settings.name)
    } finally {
      await this.reload()
    }
  }

  async #take(events: readonly Recorded[], to: Position, replaying: boolean, signal: AbortSignal): Promise<void> {
    if (events.length === 0) return this.#pass(to, replaying)
    let rest = events
    let width = rest.length
    let known = true
    while (rest.length > 0) {
      const [first] = rest as [Recorded]
      if (this.#failing?.position === first.position && this.#failing.tries > this.#settings.retryMax) {
        const end = rest.length === 1 ? to : first.position
        await this.#giveUpOn(first, this.#failing.error, this.#step(end, replaying, first))
        rest = rest.slice(1)
        width = known ? rest.length : 1
        continue
      }
      const part = rest.slice(0, width)
      const end = part.at(-1) as Recorded
      const step = this.#step(part.length === rest.length ? to : end.position, replaying, end)
      const applied = await this.#apply(part, step, signal)
      if (applied.kind === 'kept') {
        rest = rest.slice(part.length)
        width = known ? rest.length : 1
        continue
      }
      if (applied.kind !== 'failed') throw new ProjectionTaken(this.#settings.name)
      rest = rest.slice(applied.kept)
      const at = applied.at === undefined && part.length === 1 ? 0 : applied.at
      if (at === undefined) {
        known = false
        width = 1
      } else width = await this.#afterFailure(rest, at - applied.kept, applied.error, signal)
      rest = await this.#anew(rest, signal)
    }
    // Where the last of them were erased meanwhile.
    if (this.position !== to) await this.#pass(to, replaying)
  }

  /**
   * The same events, read again: a handler may have changed what it was given, or have made a state of it that a later
   * handler has changed. Those that were erased meanwhile are not among them.
   */
  async #anew(events: readonly Recorded[], signal: AbortSignal): Promise<readonly Recorded[]> {
    const { journal, filter, batch } = this.#settings
    const wanted = new Set(events.map(({ position }) => position))
    const last = events.at(-1)?.position ?? this.position
    const found: Recorded[] = []
    for await (const page of journal.readAll({ from: this.position, filter, batch, signal })) {
      for (const recorded of page.events) if (wanted.has(recorded.position)) found.push(recorded)
      if (found.at(-1)?.position === last || (await isPast(journal, page.position, last))) break
    }
    return found
  }

  /** How many events to try next: those before the one that failed, or, after a wait, from that one on. */
  async #afterFailure(rest: readonly Recorded[], at: number, error: Error, signal: AbortSignal): Promise<number> {
    const recorded = rest[at] as Recorded
    const { clock, failed, retryMax } = this.#settings
    failed(error, recorded)
    if (this.#failing?.position !== recorded.position) this.#failing = { position: recorded.position, tries: 0, error }
    this.#failing.tries++
    this.#failing.error = error
    if (at > 0) return at
    if (this.#failing.tries <= retryMax) await sleep(clock, this.#backoff(this.#failing.tries), signal)
    return 1
  }

  #backoff(tries: number): number {
    return backoffAfter(this.#settings.backoffMs, backoffMaxMs, tries)
  }

  #step(to: Position, replaying: boolean, last?: Recorded): Step {
    const { id, revision, publishes } = this.#generation
    return { generation: id, revision, to, replaying, publishes, ...(last && { last: lastEvent(last) }) }
  }

  async #apply(events: readonly Recorded[], step: Step, signal: AbortSignal): Promise<Applied> {
    const applied = await this.#target.apply(events, step, signal)
    if (applied.kind === 'kept') this.#keptStep(step, events.length)
    else if (applied.kind === 'failed' && applied.kept > 0)
      this.#keptStep({ ...step, to: (events[applied.kept - 1] as Recorded).position }, applied.kept)
    if (applied.kind === 'failed' && signal.aborted && codeOf(applied.error) === 'base.aborted') throw applied.error
    return applied
  }

  #keptStep({ to, replaying, revision, unparked }: Step, events: number): void {
    const { reached } = this.#generation
    if (unparked !== undefined) {
      this.#generation = { ...this.#generation, revision: revision + 1 }
      this.#settings.moved(this, events)
      return
    }
    this.#generation = {
      ...this.#generation,
      position: to,
      reached: replaying ? reached : to,
      revision: revision + 1,
    }
    this.#empties = 0
    this.#settings.moved(this, events)
  }

  /** Goes past a stretch without an event for us. */
  async #pass(to: Position, replaying: boolean): Promise<void> {
    const ends = replaying && to === this.reached
    this.#empties++
    // The end of a replay is stored at once: what comes after it is new.
    if (this.#empties >= emptyMax || ends) return this.#storePassed(this.#step(to, replaying))
    this.#generation = { ...this.#generation, position: to, reached: replaying ? this.reached : to }
    this.#settings.moved(this, 0)
  }

  async #storePassed(step: Step): Promise<void> {
    if ((await this.#settings.store.write(commitStates, { step, states: [] })) !== 'kept')
      throw new ProjectionTaken(this.#settings.name)
    this.#keptStep(step, 0)
  }

  async #giveUpOn({ event, stream, version, position }: Recorded, cause: Error, step: Step): Promise<void> {
    const { name, store, clock, otherwise, parkedMax: max } = this.#settings
    if (otherwise === 'stop') throw new ProjectionFailed(name, { stream, version, position }, { cause })
    const row = {
      position,
      stream,
      version,
      event: encodeEvent(event).text,
      replaying: step.replaying,
      code: codeOf(cause),
      reason: messageOf(cause).slice(0, reasonMaxLength).toWellFormed(),
      timeMs: clock.now(),
    }
    const outcome = await store.write(park, { step, row, max })
    if (outcome === 'full') throw new ParkedFull(name, max, 'events', { cause })
    if (outcome === 'taken') throw new ProjectionTaken(name)
    assert(outcome === 'kept', 'an event is parked or not')
    this.#failing = undefined
    this.#target.forget()
    this.#keptStep(step, 1)
  }
}
