/**
 * Journal: immutable events as the memory of the system. Unlike the bus it keeps what passes; unlike the store it knows
 * only events, in streams, and never changes one. Interfaces only. A consumer that must see every event reads here, from a
 * position it remembers.
 *
 * A stream is one thing's history: its events have contiguous versions from 1. The whole journal has one order where the
 * driver says `totalOrder`; a position in it is opaque: keep it, compare it for equality, hand it back, nothing else.
 *
 * What every driver promises (a capability that is false makes the call that needs it fail with `journal.unsupported`):
 *
 * | promise | memory | sqlite |
 * | --- | --- | --- |
 * | `append` resolves | when it can be read | when it is synced to disk and can be read |
 * | one append | all its events are kept, contiguous, or none | the same |
 * | several streams at once (`atomicStreams`) | all or none | the same |
 * | order in a stream | version | version |
 * | order over streams (`totalOrder`) | yes, order of commit | the same |
 * | `expectedVersion`, `conditions` | yes | yes |
 * | an idempotency key that comes again (`idempotencyWindowMs`) | appends nothing, as long as the last event of its append is kept | the same, over restarts too |
 * | a subscriber sees | every event after its position that is kept, once, in order | the same |
 * | erased by `truncate`, `tombstone`, `retain` | at once | at once for readers; the file gives the room to later events |
 * | `restore` | erased events back at their versions and positions, to readers all at once | the same |
 * | a consumer group (`groups`, see `group.ts`) | shares out every event, at least once | the same, over restarts too |
 * | lost in a crash of the process or the machine | everything | nothing that resolved |
 *
 * A driver without versions (Kafka) has `expectedVersion` false, and its records have version 0. A driver without one order
 * (Kafka again) has `totalOrder` false: its positions still let a reader go on where it was.
 */
import type { CloudEvent } from '../base/envelope.ts'
import type { ConsumerGroup, GroupOptions } from './group.ts'
import type { Filter, Position, Recorded } from './recorded.ts'

export type { Filter, Position, Recorded } from './recorded.ts'

/** Before the first event of any journal. */
export const start: Position = ''

/** What the stream must look like for an append to be taken: its exact version, absent, present, or anything. */
export type ExpectedVersion = number | 'none' | 'exists' | 'any'

/**
 * What must not have happened: an event that matches, after a position. Whoever decided on what was read up to there learns
 * that it has become untrue, whichever streams it concerned (dynamic consistency boundary, dcb.events). Only events that are
 * kept are looked at: one that was erased meets nothing. The search takes as long as the events are many that lie after the
 * position and pass the narrowest of its conditions, and other appends wait for it.
 */
export interface AppendCondition {
  /** Any of them. */
  readonly filter: Filter | readonly Filter[]
  /** Default `start`: no such event at all. */
  readonly after?: Position
}

export interface AppendManyOptions {
  /**
   * Names this append, 1 to 256 characters, in the whole journal: the same key again appends nothing and gives what the
   * first gave, so that whoever does not know how an append ended may say it again. It has to be for the same streams with
   * the same types of events; ids, times and data are those of the first.
   */
  readonly idempotencyKey?: string
  /** Refuses the append (`journal.condition_failed`) when there is such an event. */
  readonly unless?: AppendCondition
}

export interface AppendOptions extends AppendManyOptions {
  /** Default `any`. 0 is the same as `none`. */
  readonly expectedVersion?: ExpectedVersion
}

/** What one stream gets of an append over several. */
export interface StreamAppend {
  readonly stream: string
  readonly events: readonly CloudEvent[]
  /** Default `any`. */
  readonly expectedVersion?: ExpectedVersion
}

export interface Appended {
  /** Version of the last event appended. */
  readonly version: number
  /** Position of the last event appended. */
  readonly position: Position
  /** There, and true, when its idempotency key had come before: nothing was appended now. */
  readonly duplicate?: true
}

export interface ReadStreamOptions {
  /** First version to read. Default 1, or the first that is kept. */
  readonly fromVersion?: number
  /** Events at most. Default: all. */
  readonly limit?: number
  /** Ends the reading with `base.aborted`: half a history must not pass for the whole. */
  readonly signal?: AbortSignal
}

export interface ReadBackwardOptions {
  /** First version to read, then those before it. Default: the last. */
  readonly fromVersion?: number
  /** Events at most. Default: all. */
  readonly limit?: number
  /** Ends the reading with `base.aborted`. */
  readonly signal?: AbortSignal
}

export interface ReadAllOptions {
  /** Events after this position, or before it when the reading goes backward. Default: from the first, or from the last. */
  readonly from?: Position
  readonly filter?: Filter
  /** The last event first. Default false. */
  readonly backward?: boolean
  /** Events at most. Default: all. */
  readonly limit?: number
  /** Ends the reading with `base.aborted`. */
  readonly signal?: AbortSignal
}

export interface SubscribeJournalOptions {
  /** Events after this position. Default `start`. */
  readonly from?: Position
  readonly filter?: Filter
  /** Ends the stream, without an error. */
  readonly signal?: AbortSignal
}

/** Asks for the events in batches, which cost a fast reader less, and tell it how far it has come. */
export interface BatchOption {
  /** Events in a batch at most, 1 to 4096; fewer when their data pass 8 MiB together. */
  readonly batch: number
}

export interface Batch<Data = unknown> {
  /** Empty when a long stretch held no match: its end is told all the same, so that a checkpoint can go on. */
  readonly events: readonly Recorded<Data>[]
  /** Everything up to here was looked at: where to go on from. */
  readonly position: Position
  /** True when this was the end of the journal at the time. */
  readonly caughtUp: boolean
}

/** What is known of a stream beside its events. */
export interface StreamMetadata {
  /** `retain` erases all but the last so many events. */
  readonly maxCount?: number
  /** `retain` erases the events from the oldest to the first that is younger, by their own times; one without a time is young. */
  readonly maxAgeMs?: number
  /** Whatever the owner of the stream wants to keep with it: plain JSON of 64 KiB at most. */
  readonly custom?: unknown
}

export interface StreamInfo {
  readonly stream: string
  /** Of the last event ever appended; 0 if there was none. */
  readonly version: number
  /** Of the oldest event that is kept; one more than `version` when none is. */
  readonly firstVersion: number
  /** A tombstone ended it. */
  readonly ended: boolean
  readonly metadata: StreamMetadata
}

export interface StreamsOptions {
  /** Only streams whose names begin so. */
  readonly prefix?: string
  /** Only streams whose names come after this one. */
  readonly after?: string
  /** Streams at most. Default: all. */
  readonly limit?: number
  /** Ends the reading with `base.aborted`. */
  readonly signal?: AbortSignal
}

export interface Restored {
  /** Events that are back. */
  readonly events: number
}

export interface Erased {
  /** Events that are gone. */
  readonly events: number
}

export interface Retained extends Erased {
  /** Streams that lost events. */
  readonly streams: number
}

export interface JournalCapabilities {
  readonly durable: boolean
  readonly expectedVersion: boolean
  readonly totalOrder: boolean
  readonly readStream: boolean
  readonly readBackward: boolean
  /** `appendMany` over several streams. */
  readonly atomicStreams: boolean
  /** `unless`. */
  readonly conditions: boolean
  /** `truncate`, `tombstone`, `retain`, `setMetadata`. */
  readonly erase: boolean
  /** `group`. */
  readonly groups: boolean
  /** `restore`: erased events can come back to their versions and positions. */
  readonly restore: boolean
  /** How long an idempotency key is remembered: 0 not at all, Infinity as long as the events of its append are kept. */
  readonly idempotencyWindowMs: number
}

/** Limits of every driver; a driver may hold less and says so in `limits`. */
export interface JournalLimits {
  /** Encoded data of one event. Default 1 MiB. */
  readonly eventMaxBytes: number
  /** Events of one append, over all its streams. Default 10,000. */
  readonly batchMax: number
  /** Encoded data of one append, all its events together. Default 64 MiB. */
  readonly batchMaxBytes: number
  /** Characters of a stream's name. Default 512. */
  readonly streamMaxLength: number
}

/**
 * The reading calls hand out an iterable that opens nothing until a loop runs over it; each loop starts from the beginning
 * of what was asked. Bad arguments (`base.invalid_argument`, `journal.invalid_position`) and `journal.closed` come from its
 * first step. A slow loop costs no memory: events are fetched in pages as it asks. What is read is the reader's own copy:
 * data as the JSON codec of `base/` gives it back, attributes in the order of CloudEvents, extensions last.
 */
export interface Journal extends AsyncDisposable {
  /** Of the driver: `memory`, `sqlite`. */
  readonly driver: string
  readonly capabilities: JournalCapabilities
  readonly limits: JournalLimits
  /**
   * Appends one or more events to a stream. They are copied before the call returns; what the caller changes later changes
   * nothing. Appends of one caller are kept in the order of the calls, awaited or not. Rejects with
   * `journal.wrong_version` (with the actual one), `journal.condition_failed`, `journal.key_reused`,
   * `journal.stream_ended`, `journal.event_too_large`, `journal.invalid_event`, `base.limit_exceeded` (batch),
   * `base.invalid_argument` (stream, no events), `journal.readonly`, `journal.closed`, or the store's errors.
   */
  append(stream: string, events: readonly CloudEvent[], options?: AppendOptions): Promise<Appended>
  /**
   * Appends to several streams, each with its own expectation: everything is kept or nothing is. One result a stream, in
   * their order. A stream stands there once. Rejects as `append` does.
   */
  appendMany(appends: readonly StreamAppend[], options?: AppendManyOptions): Promise<readonly Appended[]>
  /** The events of a stream by version, up to what is there at the first step; none if it does not exist. */
  read(stream: string, options?: ReadStreamOptions): AsyncIterable<Recorded>
  /** The events of a stream from the last, or from a version, to the first. */
  readBackward(stream: string, options?: ReadBackwardOptions): AsyncIterable<Recorded>
  /**
   * What the append under this key gave; undefined when there was none, or its last event is no longer kept. Whoever asks
   * before it decides again need not be told by a refusal.
   */
  appended(idempotencyKey: string): Promise<readonly Appended[] | undefined>
  /** The version of a stream's last event, 0 if it does not exist. */
  version(stream: string): Promise<number>
  stream(stream: string): Promise<StreamInfo>
  /**
   * The streams that were ever appended to or have metadata, by name in the order of code points. One that comes into being
   * meanwhile is met if its name still lies ahead.
   */
  streams(options?: StreamsOptions): AsyncIterable<StreamInfo>
  /** Events of all streams after a position, up to what is there at the first step. */
  readAll(options: ReadAllOptions & BatchOption): AsyncIterable<Batch>
  readAll(options?: ReadAllOptions): AsyncIterable<Recorded>
  /** As `readAll`, then live, without a gap or a double, until the signal is aborted, the loop is left or the journal closes. */
  subscribe(options: SubscribeJournalOptions & BatchOption): AsyncIterable<Batch>
  subscribe(options?: SubscribeJournalOptions): AsyncIterable<Recorded>
  /**
   * A consumer group, made when there is none of that name (1 to 128 characters). Opened again in this process it is the
   * same group. Rejects with `base.invalid_argument`, `journal.invalid_position` (from), `journal.group_conflict` (another
   * filter, or other options than it was opened with before), `journal.readonly`, `journal.unsupported`, `journal.closed`.
   */
  group(name: string, options?: GroupOptions): Promise<ConsumerGroup>
  /**
   * Which journal this is: 32 hexadecimal digits, the same for good, also in its backups, and of no other journal. An archive
   * is restored into the journal that it names.
   */
  id(): Promise<string>
  /** The position of the last event: from there a subscriber sees only what comes. */
  head(): Promise<Position>
  /** How many events at most lie after a position. */
  behind(position: Position): Promise<number>
  /** Replaces what is known of a stream; the stream need not exist yet. Rejects with `base.invalid_argument`. */
  setMetadata(stream: string, metadata: StreamMetadata): Promise<void>
  /**
   * Erases the events of a stream before a version. Versions go on as before; whoever reads from further back gets what is
   * left. Idempotency keys of the erased appends are forgotten. Rejects with `base.invalid_argument` beyond the last version
   * plus one.
   */
  truncate(stream: string, before: number): Promise<Erased>
  /**
   * Ends a stream for ever: appends this last event, so that whoever follows learns of it, and erases all before it. A later
   * append is refused with `journal.stream_ended`. Rejects as `append` does.
   */
  tombstone(stream: string, last: CloudEvent, options?: { readonly expectedVersion?: ExpectedVersion }): Promise<Erased>
  /** Erases what the metadata of the streams say is not to be kept any more; `nowMs` is the time that ages are counted from. */
  retain(options: { readonly nowMs: number; readonly signal?: AbortSignal }): Promise<Retained>
  /**
   * Puts erased events of a stream back in front of those that are kept, at their old versions and positions: in order of
   * version, without a gap, the last of them directly before the first that is kept. Readers see all of them when this
   * resolves and none before; keys of their appends do not come back. Rejects with `journal.restore_conflict` when they do
   * not fit, with `base.aborted`, with what the source throws, or as `append` does; the stream is then as it was.
   */
  restore(
    stream: string,
    events: AsyncIterable<Recorded> | Iterable<Recorded>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<Restored>
  /** Ends the subscriptions, waits for the appends under way. Idempotent. A reading under way fails with `journal.closed`. */
  close(): Promise<void>
}
