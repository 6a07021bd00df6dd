/**
 * Execution: one command from its first reading to its end. Unlike `execute`, which checks what it is asked and waits for its
 * turn, this is the loop itself: load, decide, append, and again where somebody else was first. It appends at most once.
 */
import type { CloudEvent } from '../base/envelope.ts'
import { codeOf, InvalidArgument, LimitExceeded, messageOf } from '../base/error.ts'
import type { Logger } from '../base/logger.ts'
import { decodeData } from './data-text.ts'
import type { Decider, DomainEvent } from './decider.ts'
import { Contention, HistoryErased, KeyReused } from './error.ts'
import { eventMaker } from './event-maker.ts'
import type { EventOrigin } from './event-maker.ts'
import { replayed } from './history.ts'
import type { AppendCondition, Appended, Journal, Position, Recorded } from './journal.ts'
import { isSnapshotData, keepSnapshot, lastSnapshot, snapshotStream } from './snapshot.ts'
import type { SnapshotData } from './snapshot.ts'
import { eventEncoder } from './stored-event.ts'
import { synchronous } from './synchronous.ts'

export interface Executed<State, Event> {
  /** Of the stream after these events; without events, the version that was decided on. */
  readonly version: number
  /** Of the last of these events. */
  readonly position?: Position
  /** As the journal gives them back. */
  readonly events: readonly Event[]
  /** After these events; of a duplicate, as it is now. */
  readonly state: State
  /** How often others were first. */
  readonly retries: number
  /** There, and true, when the key had come before: nothing was appended now. */
  readonly duplicate?: true
}

/** What a typed journal does to events on their way in and out. */
export interface ExecutionHooks {
  /** Undefined: the event is left out of the state. */
  readonly arrive: (recorded: Recorded) => Recorded | undefined | Promise<Recorded | undefined>
  readonly depart: (events: readonly CloudEvent[]) => readonly CloudEvent[] | Promise<readonly CloudEvent[]>
}

export interface ExecutionPlan<State, Command, Event extends DomainEvent> {
  readonly journal: Journal
  readonly stream: string
  readonly command: Command
  readonly decider: Decider<State, Command, Event>
  readonly retriesMax: number
  readonly idempotencyKey: string | undefined
  readonly unless: AppendCondition | undefined
  readonly signal: AbortSignal | undefined
  readonly logger: Logger
  readonly hooks: ExecutionHooks
  /** One for each try. */
  readonly maker: () => (decided: DomainEvent) => CloudEvent
  readonly origin: EventOrigin
}

interface Loaded<State> {
  state: State
  /** Of the last event in the state. */
  version: number
  /** Of the last event in the snapshot that it began with; 0 without one. */
  readonly snapshotVersion: number
  /** Of the stream of the snapshots. */
  readonly snapshotsAt: number
}

const snapshotType = 'colloquy.decider.snapshot'

export class Execution<State, Command, Event extends DomainEvent> {
  readonly #plan: ExecutionPlan<State, Command, Event>

  constructor(plan: ExecutionPlan<State, Command, Event>) {
    this.#plan = plan
  }

  async run(): Promise<Executed<State, Event>> {
    const { stream, retriesMax, idempotencyKey } = this.#plan
    let loaded: Loaded<State> | undefined
    let conflict: unknown
    let doubles = 0
    for (let retries = 0; ;) {
      const over = retries > retriesMax
      if (over && idempotencyKey === undefined) break
      loaded = await this.#load(loaded)
      // Only now: an append under the key that came later cannot be in the state, and meets the append below.
      const before = idempotencyKey === undefined ? undefined : await this.#before(idempotencyKey, loaded, retries)
      if (before) return before
      if (over) break
      const outcome = await this.#attempt(loaded, retries)
      if ('events' in outcome) return outcome
      conflict = outcome.conflict
      // This very command, said somewhere else, is nobody else who was first: it is found under its key.
      if (conflict !== undefined || ++doubles > 1) retries++
    }
    throw new Contention(stream, retriesMax + 1, { cause: conflict })
  }

  /** From a snapshot or the beginning; or on from where it was. */
  #load(previous?: Loaded<State>): Promise<Loaded<State>> {
    const { journal, stream, signal, hooks } = this.#plan
    return replayed<Loaded<State>>(
      { journal, stream, signal },
      async (attempt) => (previous && attempt === 0 ? { ...previous } : this.#begin()),
      (loaded, recorded) => {
        const arrived = hooks.arrive(recorded)
        const take = (arrived: Recorded | undefined): void => {
          if (arrived) loaded.state = this.#evolved(loaded.state, domainEvent(arrived.event) as Event)
          loaded.version = recorded.version
        }
        return arrived instanceof Promise ? arrived.then(take) : take(arrived)
      },
    )
  }

  #evolved(state: State, event: Event): State {
    return synchronous('evolve', this.#plan.decider.evolve(state, event))
  }

  async #begin(): Promise<Loaded<State>> {
    const { journal, stream, signal, decider, logger } = this.#plan
    const { name, version: definition } = decider
    const fresh = { state: synchronous('initial', decider.initial()), version: 0, snapshotVersion: 0, snapshotsAt: 0 }
    if (name === undefined) return fresh
    const source = snapshotSource(name)
    const { at, data } = await lastSnapshot<SnapshotData>({
      journal,
      stream,
      snapshots: this.#snapshots(name),
      definition,
      accepts: (event): event is CloudEvent<SnapshotData> =>
        event.type === snapshotType && event.source === source && isSnapshotData(event.data),
      logger,
      signal,
    })
    if (!data) return { ...fresh, snapshotsAt: at }
    const { version, state } = data
    return { state: state as State, version, snapshotVersion: version, snapshotsAt: at }
  }

  #snapshots(name: string): string {
    const { journal, stream } = this.#plan
    const snapshots = snapshotStream(stream, name)
    const { streamMaxLength } = journal.limits
    if (snapshots.length > streamMaxLength)
      throw new LimitExceeded('streamMaxLength', streamMaxLength, snapshots.length)
    return snapshots
  }

  /** What was appended under the key, if anything was. */
  async #before(key: string, loaded: Loaded<State>, retries: number): Promise<Executed<State, Event> | undefined> {
    const { journal } = this.#plan
    const before = await journal.appended(key)
    if (!before) return undefined
    const [end] = before
    const events = before.length === 1 && end ? await this.#eventsUnder(key, end.version) : []
    if (!end || events.length === 0) throw new KeyReused(key)
    const { version, position } = end
    const { state } = loaded.version < version ? await this.#load(loaded) : loaded
    return { version, position, events, state, retries, duplicate: true }
  }

  /** The events of one command lie side by side, the last of them at this version. */
  async #eventsUnder(key: string, last: number): Promise<readonly Event[]> {
    const { journal, stream, signal, hooks } = this.#plan
    const events: Event[] = []
    let oldest = last + 1
    let begun = false
    const reading = journal.readBackward(stream, { fromVersion: last, ...(signal && { signal }) })
    for await (const recorded of reading) {
      const { idempotencykey, idempotencyindex }: Marked = recorded.event
      if (idempotencykey !== key) break
      oldest = recorded.version
      const arrived = await hooks.arrive(recorded)
      if (arrived) events.unshift(domainEvent(arrived.event) as Event)
      begun = idempotencyindex === 1
      if (begun) break
    }
    // A part must not pass for all of it.
    if (!begun && oldest <= last) throw new HistoryErased(stream, oldest - 1, oldest)
    return events
  }

  async #attempt(
    loaded: Loaded<State>,
    retries: number,
  ): Promise<Executed<State, Event> | { readonly conflict: unknown }> {
    const { decider, command } = this.#plan
    const decided: unknown = synchronous('decide', decider.decide(command, loaded.state))
    if (!Array.isArray(decided)) throw new InvalidArgument('decide', 'must return a list of events')
    if (decided.length === 0) return { version: loaded.version, events: [], state: loaded.state, retries }
    const made = await this.#eventsOf(decided as readonly Event[])
    const events = this.#asStored(made)
    const state = events.reduce((state, event) => this.#evolved(state, event), loaded.state)
    try {
      const { version, position, duplicate } = await this.#append(made, loaded.version)
      // The first time of this command has come after all.
      if (duplicate) return { conflict: undefined }
      await this.#snapshot(loaded, state, version)
      return { version, position, events, state, retries }
    } catch (error) {
      if (isConflict(error)) return { conflict: error }
      throw error
    }
  }

  async #eventsOf(decided: readonly Event[]): Promise<readonly CloudEvent[]> {
    const { maker, hooks, idempotencyKey } = this.#plan
    const make = maker()
    const made = decided.map((each) => {
      if (typeof each !== 'object' || each === null || typeof each.type !== 'string')
        throw new InvalidArgument('decide', 'must return events with a type and data')
      return make(each)
    })
    const departing = await hooks.depart(made)
    if (idempotencyKey === undefined) return departing
    // With its place, so that of what is kept later it can be told whether it is the whole.
    return departing.map((event, at) => ({ ...event, idempotencykey: idempotencyKey, idempotencyindex: at + 1 }))
  }

  /** Refused as the journal would refuse it, and each with data of its own, as the journal will give them back. */
  #asStored(events: readonly CloudEvent[]): readonly Event[] {
    const encode = eventEncoder(this.#plan.journal.limits)
    return encode(events).map(({ type, data }) => ({ type, data: decodeData(data) }) as Event)
  }

  #append(events: readonly CloudEvent[], expectedVersion: number): Promise<Appended> {
    const { journal, stream, idempotencyKey, unless } = this.#plan
    return journal.append(stream, events, {
      expectedVersion,
      ...(idempotencyKey !== undefined && { idempotencyKey }),
      ...(unless !== undefined && { unless }),
    })
  }

  /** The command has succeeded by now: a snapshot that cannot be kept costs the next reading time, nothing else. */
  async #snapshot(loaded: Loaded<State>, state: State, version: number): Promise<void> {
    const { decider, journal, stream, logger, origin } = this.#plan
    const { name, snapshotEvery, version: definition } = decider
    if (name === undefined || snapshotEvery === 0 || version - loaded.snapshotVersion < snapshotEvery) return
    try {
      const { clock, id } = origin
      const make = eventMaker({ source: snapshotSource(name), ...(clock && { clock }), ...(id && { id }) })
      const event = make({ type: snapshotType, data: { version, definition, state } })
      await keepSnapshot({ journal, snapshots: this.#snapshots(name) }, event, loaded.snapshotsAt)
    } catch (error) {
      logger.warn({ stream, version, error: messageOf(error) }, 'a snapshot could not be kept')
    }
  }
}

function snapshotSource(name: string): string {
  return `/colloquy/decider/${encodeURIComponent(name)}`
}

function domainEvent({ type, data }: CloudEvent): DomainEvent {
  return { type, data }
}

/** What a command with a key leaves in each of its events. */
interface Marked extends CloudEvent {
  readonly idempotencykey?: unknown
  /** From 1, within the command. */
  readonly idempotencyindex?: unknown
}

/** Somebody was first: the same command, or any other. */
function isConflict(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'journal.wrong_version' || code === 'journal.key_reused'
}
