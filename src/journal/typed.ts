/**
 * journal(): a journal whose events have types. Unlike a driver it keeps nothing: it makes events, asks schemas, and sees old
 * events through upcasters, over any port. What is stored is what the port stores; another program reads it without this.
 */
import type { CloudEvent } from '../base/envelope.ts'
import { CodecTooLarge } from '../base/codec.ts'
import { InvalidArgument, messageOf } from '../base/error.ts'
import { checkKeys } from '../base/limit.ts'
import { dataEncoder, decodeData } from './data-text.ts'
import type { Decider, DomainEvent } from './decider.ts'
import { EventMismatch, EventTooLarge, InvalidEvent, UnknownEventType } from './error.ts'
import { eventMaker } from './event-maker.ts'
import type { EventDetail, EventOrigin } from './event-maker.ts'
import { executeWith } from './execute.ts'
import type { Executed } from './execute.ts'
import type {
  AppendManyOptions,
  AppendOptions,
  Appended,
  Batch,
  BatchOption,
  Erased,
  ExpectedVersion,
  Filter,
  Journal,
  JournalCapabilities,
  JournalLimits,
  Position,
  ReadAllOptions,
  ReadBackwardOptions,
  ReadStreamOptions,
  Recorded,
  Restored,
  Retained,
  StreamInfo,
  StreamMetadata,
  StreamsOptions,
  SubscribeJournalOptions,
} from './journal.ts'
import { checkedBy, isSchema, issuesText } from './schema.ts'
import type { Checked, StandardSchema } from './schema.ts'
import type { TypedExecuteOptions, TypedJournal, TypedJournalOptions } from './typed-journal.ts'
import { batchesThrough, recordsThrough } from './typed-reading.ts'
import type { Arrive } from './typed-reading.ts'
import { upcasting } from './upcast.ts'

/**
 * The journal with the types of its events: of the type argument, or of the schemas. Throws `base.invalid_argument`.
 *
 *     interface AccountEvents {
 *       'account.opened': { owner: string }
 *       'account.deposited': { amount: number }
 *     }
 *     const accounts = journal<AccountEvents>(node.journal)
 *     await accounts.append('account/alice', [{ type: 'account.opened', data: { owner: 'alice' } }])
 *     for await (const { event } of accounts.read('account/alice'))
 *       if (event.type === 'account.deposited') console.log(event.data.amount)
 */
export function journal<Events extends object>(
  port: Journal,
  options: TypedJournalOptions<Events> = {},
): TypedJournal<Events> {
  // Inside, an event is a CloudEvent whose data are unknown; the types are what the interface says of it.
  return new TypedShell(port, options as unknown as TypedJournalOptions<object>) as unknown as TypedJournal<Events>
}

type AnyAppendable = CloudEvent | (DomainEvent & EventDetail)
type Events = readonly CloudEvent[]

class TypedShell {
  readonly port: Journal
  readonly #origin: EventOrigin
  readonly #schemas: ReadonlyMap<string, StandardSchema>
  /** Undefined: not known while the program runs. */
  readonly #types: ReadonlySet<string> | undefined
  readonly #both: boolean
  readonly #skips: boolean
  readonly #upcast: (recorded: Recorded) => Recorded
  /** The types that upcasters take: under any of them an event of any type may be stored. */
  readonly #oldTypes: readonly string[]
  readonly #copy: (data: unknown) => unknown
  /** When the last append that waits for a schema has reached the port. */
  #line: Promise<unknown> | undefined

  constructor(port: Journal, options: TypedJournalOptions<object>) {
    const known = ['schemas', 'types', 'validate', 'upcasters', 'unknown', 'source', 'clock', 'id']
    checkKeys('options', options, known)
    const { schemas, types, validate = 'append', unknown = 'refuse', upcasters, ...origin } = options
    const given = Object.entries<unknown>(schemas ?? {})
    for (const [type, schema] of given)
      if (schema !== true && !isSchema(schema))
        throw new InvalidArgument(`schemas.${type}`, 'must be a Standard Schema, or true')
    if (types !== undefined && !(Array.isArray(types) && types.every((type) => typeof type === 'string')))
      throw new InvalidArgument('types', 'must be a list of types')
    if (validate !== 'append' && validate !== 'both') throw new InvalidArgument('validate', 'must be append or both')
    if (unknown !== 'refuse' && unknown !== 'skip') throw new InvalidArgument('unknown', 'must be refuse or skip')
    this.port = port
    this.#origin = origin
    this.#schemas = new Map(given.filter((entry): entry is [string, StandardSchema] => isSchema(entry[1])))
    this.#types = schemas || types ? new Set([...given.map(([type]) => type), ...(types ?? [])]) : undefined
    this.#both = validate === 'both'
    this.#skips = unknown === 'skip'
    this.#upcast = upcasting(upcasters)
    this.#oldTypes = Object.keys(upcasters ?? {})
    const encode = dataEncoder(port.limits.eventMaxBytes)
    this.#copy = (data) => decodeData(encode(data).text)
  }

  event(input: AnyAppendable): CloudEvent {
    return this.#made([input])[0] as CloudEvent
  }

  append(stream: string, events: readonly AnyAppendable[], options?: AppendOptions): Promise<Appended> {
    const own = ownCopy(options)
    return this.#depart(events, (checked) => this.port.append(stream, checked, own))
  }

  async appendMany(
    appends: readonly { readonly stream: string; readonly events: readonly AnyAppendable[] }[],
    options?: AppendManyOptions,
  ): Promise<readonly Appended[]> {
    if (!isListOfAppends(appends)) throw new InvalidArgument('appends', 'must be a list of streams and their events')
    const own = ownCopy(options)
    const all: AnyAppendable[] = []
    const parts = appends.map(({ events, ...rest }) => {
      const first = all.length
      for (const event of events) all.push(event)
      return { ...rest, first, end: all.length }
    })
    return this.#depart(all, (checked) => {
      const split = parts.map(({ first, end, ...rest }) => ({ ...rest, events: checked.slice(first, end) }))
      return this.port.appendMany(split, own)
    })
  }

  tombstone(
    stream: string,
    last: AnyAppendable,
    options?: { readonly expectedVersion?: ExpectedVersion },
  ): Promise<Erased> {
    const own = ownCopy(options)
    return this.#depart([last], ([event]) => this.port.tombstone(stream, event as CloudEvent, own))
  }

  /** Those of one call belong together, as those of one command do. */
  #made(events: readonly AnyAppendable[]): Events {
    const make = eventMaker(this.#origin)
    if (!Array.isArray(events)) throw new InvalidArgument('events', 'must be a list of events')
    return Array.from(events as readonly AnyAppendable[], (event) => {
      if (typeof event !== 'object' || event === null) throw new InvalidEvent('an event must be an object')
      return 'specversion' in event ? event : make(event)
    })
  }

  /** Calls the port before it returns, where no schema is waited for; else in the order of the calls. */
  async #depart<Done>(events: readonly AnyAppendable[], append: (checked: Events) => Promise<Done>): Promise<Done> {
    const before = this.#line
    const checked = this.#validated(this.#made(events), before !== undefined)
    if (!(checked instanceof Promise) && !before) return append(checked)
    const reached = Promise.allSettled([checked, before]).then(async () => ({ done: append(await checked) }))
    const line = reached.catch(() => {})
    this.#line = line
    try {
      const { done } = await reached
      return await done
    } finally {
      if (this.#line === line) this.#line = undefined
    }
  }

  /** Throws or rejects with `journal.invalid_event`, or `journal.event_too_large`. */
  #validated(events: Events, waitsAnyway: boolean): Events | Promise<Events> {
    const checked = events.map((event) => soon(() => this.#outgoing(event)))
    const waits = checked.some((each) => each instanceof Promise)
    if (!waits && !waitsAnyway) return checked as CloudEvent[]
    // What the caller changes while it waits changes nothing; a schema was given a copy already.
    const own = checked.map((each) => {
      if (each instanceof Promise || this.#schemas.has(each.type)) return each
      return soon(() => ({ ...each, data: this.#copied(each.type, each.data) }))
    })
    return own.some((each) => each instanceof Promise) ? allOf(own) : (own as CloudEvent[])
  }

  #outgoing(event: CloudEvent): CloudEvent | Promise<CloudEvent> {
    const { type, data } = event
    if (this.#types && !this.#types.has(type))
      throw new InvalidEvent(
        `${type} is no type of this typed journal; add it to the types, or append through its port`,
      )
    const schema = this.#schemas.get(type)
    if (!schema) return event
    // Copies: what the caller changes while a schema takes its time changes nothing.
    const whole = { ...event }
    const checked = checkedBy(schema, this.#copied(type, data))
    const outcome = (result: Checked): CloudEvent => {
      if (result.ok) return { ...whole, data: result.value }
      const { issues, cause } = result
      const message = `the data of an event of type ${type} are not what its schema takes: ${issuesText(issues)}`
      throw new InvalidEvent(message, { issues, ...(cause !== undefined && { cause }) })
    }
    return checked instanceof Promise ? checked.then(outcome) : outcome(checked)
  }

  #copied(type: string, data: unknown): unknown {
    try {
      return this.#copy(data)
    } catch (cause) {
      if (cause instanceof CodecTooLarge) throw new EventTooLarge(type, this.port.limits.eventMaxBytes, { cause })
      throw new InvalidEvent(`the data of an event of type ${type} cannot be encoded: ${messageOf(cause)}`, { cause })
    }
  }

  read(stream: string, options: ReadStreamOptions = {}): AsyncIterable<Recorded> {
    return this.#readStream(options, (options) => this.port.read(stream, options))
  }

  readBackward(stream: string, options: ReadBackwardOptions = {}): AsyncIterable<Recorded> {
    return this.#readStream(options, (options) => this.port.readBackward(stream, options))
  }

  #readStream<Options extends { readonly limit?: number }>(
    options: Options,
    open: (options: Options) => AsyncIterable<Recorded>,
  ): AsyncIterable<Recorded> {
    const { limit, ...rest } = options
    if (!this.#skips) return recordsThrough(() => open(options), this.#arriveInStream, undefined)
    return recordsThrough(() => open(rest as Options), this.#arriveInStream, limit)
  }

  readAll(options: ReadAllOptions & Partial<BatchOption> = {}): AsyncIterable<Recorded> | AsyncIterable<Batch> {
    const { limit, ...rest } = options
    const { filter, arrive, exact } = this.#throughAll(options.filter)
    const asked = { ...(exact ? options : rest), ...(filter && { filter }) }
    const counted = exact ? undefined : limit
    const { batch } = options
    return batch === undefined
      ? recordsThrough(() => this.port.readAll(asked), arrive, counted)
      : batchesThrough(() => this.port.readAll({ ...asked, batch }), arrive, counted)
  }

  subscribe(
    options: SubscribeJournalOptions & Partial<BatchOption> = {},
  ): AsyncIterable<Recorded> | AsyncIterable<Batch> {
    const { filter, arrive } = this.#throughAll(options.filter)
    const asked = { ...options, ...(filter && { filter }) }
    const { batch } = options
    return batch === undefined
      ? recordsThrough(() => this.port.subscribe(asked), arrive, undefined)
      : batchesThrough(() => this.port.subscribe({ ...asked, batch }), arrive, undefined)
  }

  /** The port finds what may be of the types that are meant, and what comes out under another type is left out. */
  #throughAll(filter: Filter | undefined): { filter?: Filter; arrive: Arrive; exact: boolean } {
    const given = filter?.types
    const wanted = Array.isArray(given) ? new Set<string>(given) : this.#types
    if (!wanted || (given !== undefined && !Array.isArray(given)))
      return { ...(filter && { filter }), arrive: this.#arriveAnywhere, exact: true }
    const types = given?.length === 0 ? [] : [...new Set([...wanted, ...this.#oldTypes])]
    const arrive = this.#through((type) => wanted.has(type))
    return { filter: { ...filter, types }, arrive, exact: this.#oldTypes.length === 0 }
  }

  readonly #arriveAnywhere: Arrive = this.#through(() => true)

  readonly #arriveInStream: Arrive = this.#through((type, recorded) => {
    if (!this.#types || this.#types.has(type)) return true
    if (this.#skips) return false
    throw new UnknownEventType(recorded.stream, recorded.version, type)
  })

  /** Upcast, of a type that is meant, and what its schema takes. */
  #through(meant: (type: string, recorded: Recorded) => boolean): Arrive {
    return (recorded) => {
      const upcast = this.#upcast(recorded)
      const { event } = upcast
      if (!meant(event.type, recorded)) return undefined
      const schema = this.#both ? this.#schemas.get(event.type) : undefined
      if (!schema) return upcast
      const outcome = (result: Checked): Recorded => {
        if (result.ok) return { ...upcast, event: { ...event, data: result.value } }
        const { issues, cause } = result
        const at = { stream: recorded.stream, version: recorded.version, type: event.type }
        throw new EventMismatch(at, issuesText(issues), { issues, ...(cause !== undefined && { cause }) })
      }
      const checked = checkedBy(schema, event.data)
      return checked instanceof Promise ? checked.then(outcome) : outcome(checked)
    }
  }

  execute<State, Command, Event extends DomainEvent>(
    stream: string,
    command: Command,
    decider: Decider<State, Command, Event>,
    options: TypedExecuteOptions = {},
  ): Promise<Executed<State, Event>> {
    const depart = (events: Events) => this.#validated(events, false)
    const hooks = { arrive: this.#arriveInStream, depart }
    return executeWith(this.port, stream, command, decider, { ...this.#origin, ...options }, hooks)
  }

  get driver(): string {
    return this.port.driver
  }

  get capabilities(): JournalCapabilities {
    return this.port.capabilities
  }

  get limits(): JournalLimits {
    return this.port.limits
  }

  appended(idempotencyKey: string): Promise<readonly Appended[] | undefined> {
    return this.port.appended(idempotencyKey)
  }

  version(stream: string): Promise<number> {
    return this.port.version(stream)
  }

  stream(stream: string): Promise<StreamInfo> {
    return this.port.stream(stream)
  }

  streams(options?: StreamsOptions): AsyncIterable<StreamInfo> {
    return this.port.streams(options)
  }

  head(): Promise<Position> {
    return this.port.head()
  }

  behind(position: Position): Promise<number> {
    return this.port.behind(position)
  }

  setMetadata(stream: string, metadata: StreamMetadata): Promise<void> {
    return this.port.setMetadata(stream, metadata)
  }

  truncate(stream: string, before: number): Promise<Erased> {
    return this.port.truncate(stream, before)
  }

  retain(options: { readonly nowMs: number; readonly signal?: AbortSignal }): Promise<Retained> {
    return this.port.retain(options)
  }

  restore(
    stream: string,
    events: AsyncIterable<Recorded> | Iterable<Recorded>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<Restored> {
    return this.port.restore(stream, events, options)
  }

  close(): Promise<void> {
    return this.port.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function isListOfAppends(appends: readonly unknown[]): boolean {
  return (
    Array.isArray(appends) &&
    appends.every((each) => typeof each === 'object' && each !== null && 'events' in each && Array.isArray(each.events))
  )
}

/** Deeper than any option of an append lies. */
const optionDepth = 8

/**
 * Lists and plain objects anew, so that what the caller changes while a schema takes its time changes nothing. What is
 * neither is taken as it is: a copy could lack what its class says.
 */
function ownCopy<Value>(value: Value, depth: number = optionDepth): Value {
  if (depth === 0 || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item: unknown) => ownCopy(item, depth - 1)) as Value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  const entries = Object.entries(value).map(([key, item]: [string, unknown]) => [key, ownCopy(item, depth - 1)])
  return Object.fromEntries(entries) as Value
}

/** What is refused at once is refused like what is refused later, so that whoever waits for all of them hears of each. */
function soon(work: () => CloudEvent | Promise<CloudEvent>): CloudEvent | Promise<CloudEvent> {
  try {
    return work()
  } catch (error) {
    return Promise.reject(error)
  }
}

/** When all are settled: the first in order that is refused says why. */
async function allOf(events: readonly (CloudEvent | Promise<CloudEvent>)[]): Promise<CloudEvent[]> {
  const outcomes = await Promise.allSettled(events.map(async (event) => event))
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
}
