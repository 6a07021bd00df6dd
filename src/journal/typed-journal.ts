/**
 * What a typed journal is: the calls of the port with the types of its events known. Types only; `typed.ts` makes one. Unlike
 * the port, whose `data` is unknown, `event.type` narrows `event.data` here.
 */
import type { CloudEvent } from '../base/envelope.ts'
import type { Decider } from './decider.ts'
import type { EventDetail, EventOrigin } from './event-maker.ts'
import type { Executed, ExecuteOptions } from './execute.ts'
import type {
  AppendManyOptions,
  AppendOptions,
  Appended,
  BatchOption,
  Erased,
  ExpectedVersion,
  Filter,
  Journal,
  Position,
  ReadAllOptions,
  ReadBackwardOptions,
  ReadStreamOptions,
  StreamAppend,
  SubscribeJournalOptions,
} from './journal.ts'
import type { StandardSchema } from './schema.ts'
import type { Upcasters } from './upcast.ts'

/** The names of the types in `Events`, a record of their data: `{ 'account.opened': { owner: string }, ... }`. */
export type TypeOf<Events> = keyof Events & string

/** Type and data of each: what a decider for these events decides and evolves. */
export type EventOf<Events, Type extends TypeOf<Events> = TypeOf<Events>> = {
  [Each in Type]: { readonly type: Each; readonly data: Events[Each] }
}[Type]

/** A CloudEvent of one of the types. */
export type TypedEvent<Events, Type extends TypeOf<Events> = TypeOf<Events>> = {
  [Each in Type]: CloudEvent<Events[Each]> & { readonly type: Each }
}[Type]

/** What an event is made of: type and data, and what else is to stand in it. */
export type TypedInput<Events, Type extends TypeOf<Events> = TypeOf<Events>> = EventOf<Events, Type> & EventDetail

/** A whole event, kept as it is; or what one is made of, with an id and a time of now. */
export type Appendable<Events> = TypedEvent<Events> | TypedInput<Events>

export interface TypedRecorded<Events, Type extends TypeOf<Events> = TypeOf<Events>> {
  readonly stream: string
  readonly version: number
  readonly position: Position
  readonly event: TypedEvent<Events, Type>
}

export interface TypedBatch<Events, Type extends TypeOf<Events> = TypeOf<Events>> {
  readonly events: readonly TypedRecorded<Events, Type>[]
  readonly position: Position
  readonly caughtUp: boolean
}

/** As of the port, with names that there are; an event stored under an old type is found by the type it is read as. */
export interface TypedFilter<Type extends string> extends Omit<Filter, 'types'> {
  readonly types?: readonly Type[]
}

export interface TypedReadAllOptions<Type extends string> extends Omit<ReadAllOptions, 'filter'> {
  readonly filter?: TypedFilter<Type>
}

export interface TypedSubscribeOptions<Type extends string> extends Omit<SubscribeJournalOptions, 'filter'> {
  readonly filter?: TypedFilter<Type>
}

export interface TypedStreamAppend<Events> extends Omit<StreamAppend, 'events'> {
  readonly events: readonly Appendable<Events>[]
}

export interface TypedJournalOptions<Events> extends EventOrigin {
  /**
   * One for every type: a Standard Schema (standardschema.dev), or `true` for a type whose data are taken as they come. With
   * schemas the types are known while the program runs too, and no others are appended.
   */
  readonly schemas?: { readonly [Type in TypeOf<Events>]: StandardSchema<Events[Type]> | true }
  /** The types, known while the program runs, where there are no schemas. */
  readonly types?: readonly TypeOf<Events>[]
  /**
   * When schemas are asked. `append`: before anything is kept, and what the schema gives is what is kept. `both`: at reading
   * too, after the upcasters, and what the schema gives is what is read; it must take what it once gave. Default `append`.
   */
  readonly validate?: 'append' | 'both'
  /** Applied to everything that is read. */
  readonly upcasters?: Upcasters
  /**
   * What becomes of an event of another type in a stream that is read or executed on. `refuse`: `journal.unknown_event_type`,
   * since a history without it may mean something else. `skip`: it is left out. Default `refuse`. Reading over all streams
   * always leaves them out.
   */
  readonly unknown?: 'refuse' | 'skip'
}

export type TypedExecuteOptions = Omit<ExecuteOptions, 'upcasters'>

/** What a typed journal hands on to the port as it is. */
export type Delegated =
  | 'driver'
  | 'capabilities'
  | 'limits'
  | 'appended'
  | 'version'
  | 'stream'
  | 'streams'
  | 'head'
  | 'behind'
  | 'setMetadata'
  | 'truncate'
  | 'retain'
  | 'restore'
  | 'close'

/**
 * Whether an event of a type that is not in `Events` can come out of a reading:
 *
 * | | with `schemas` or `types` | without |
 * | --- | --- | --- |
 * | `read`, `readBackward`, `execute` | no: refused, or left out with `unknown: 'skip'` | yes, where others write to the stream: it is as the port gives it, and its type in TypeScript is not true |
 * | `readAll`, `subscribe` | no: left out | only without `filter.types` |
 *
 * That the data are what their type says is shown by the schemas with `validate: 'both'`; else it is taken on trust from
 * whoever appended them.
 */
export interface TypedJournal<Events> extends Pick<Journal, Delegated>, AsyncDisposable {
  /** The journal itself: everything, as it is stored. Its consumer groups and what takes a `Journal` are reached through it. */
  readonly port: Journal
  /** A CloudEvent of this input, of now. It is not validated before it is appended. */
  event<Type extends TypeOf<Events>>(input: TypedInput<Events, Type>): TypedEvent<Events, Type>
  /**
   * As of the port; rejects also with `journal.invalid_event` and the issues of the schema. Appends keep the order of the
   * calls, also where a schema is asynchronous.
   */
  append(stream: string, events: readonly Appendable<Events>[], options?: AppendOptions): Promise<Appended>
  appendMany(appends: readonly TypedStreamAppend<Events>[], options?: AppendManyOptions): Promise<readonly Appended[]>
  tombstone(
    stream: string,
    last: Appendable<Events>,
    options?: { readonly expectedVersion?: ExpectedVersion },
  ): Promise<Erased>
  /** Throws also `journal.upcast_failed`, `journal.unknown_event_type`, `journal.event_mismatch` (`validate: 'both'`). */
  read(stream: string, options?: ReadStreamOptions): AsyncIterable<TypedRecorded<Events>>
  readBackward(stream: string, options?: ReadBackwardOptions): AsyncIterable<TypedRecorded<Events>>
  /** `limit` counts what is given, not what is left out. */
  readAll<const Type extends TypeOf<Events> = TypeOf<Events>>(
    options: TypedReadAllOptions<Type> & BatchOption,
  ): AsyncIterable<TypedBatch<Events, Type>>
  readAll<const Type extends TypeOf<Events> = TypeOf<Events>>(
    options?: TypedReadAllOptions<Type>,
  ): AsyncIterable<TypedRecorded<Events, Type>>
  subscribe<const Type extends TypeOf<Events> = TypeOf<Events>>(
    options: TypedSubscribeOptions<Type> & BatchOption,
  ): AsyncIterable<TypedBatch<Events, Type>>
  subscribe<const Type extends TypeOf<Events> = TypeOf<Events>>(
    options?: TypedSubscribeOptions<Type>,
  ): AsyncIterable<TypedRecorded<Events, Type>>
  /**
   * `execute` of this journal: what is read is upcast, what is decided is validated. Any of the events may stand in the
   * stream, so `evolve` has to take them all.
   */
  execute<State, Command, Event extends EventOf<Events>>(
    stream: string,
    command: Command,
    decider: Decider<State, Command, Event> & { readonly evolve: (state: State, event: EventOf<Events>) => State },
    options?: TypedExecuteOptions,
  ): Promise<Executed<State, Event>>
}
