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
 * | order in a stream | version | version |
 * | order over streams (`totalOrder`) | yes, order of commit, without gaps | the same |
 * | `expectedVersion` | yes | yes |
 * | a subscriber sees | every event after its position, once, in order | the same |
 * | lost in a crash of the process or the machine | everything | nothing that resolved |
 */
import type { CloudEvent } from '../base/envelope.ts'

/** Opaque text. `start` and the positions a driver hands out are valid on that journal only. */
export type Position = string
/** Before the first event of any journal. */
export const start: Position = ''

/** An event as it stands in the journal. */
export interface Recorded<Data = unknown> {
  readonly stream: string
  /** From 1, contiguous in its stream. */
  readonly version: number
  readonly position: Position
  readonly event: CloudEvent<Data>
}

/** What the stream must look like for an append to be taken: its exact version, absent, present, or anything. */
export type ExpectedVersion = number | 'none' | 'exists' | 'any'

export interface AppendOptions {
  /** Default `any`. 0 is the same as `none`. */
  readonly expectedVersion?: ExpectedVersion
}

export interface Appended {
  /** Version of the last event appended. */
  readonly version: number
  /** Position of the last event appended. */
  readonly position: Position
}

export interface ReadStreamOptions {
  /** First version to read. Default 1. */
  readonly fromVersion?: number
  /** Events at most. Default: all. */
  readonly limit?: number
  /** Ends the reading with `base.aborted`: half a history must not pass for the whole. */
  readonly signal?: AbortSignal
}

/** All given conditions must hold; a list is an alternative, of 1 to 1,000 texts. */
export interface Filter {
  readonly types?: readonly string[]
  /** Exact names, or a prefix when it ends with `*`: `convene/*`. */
  readonly streams?: readonly string[]
  readonly correlationid?: string
  /**
   * RFC 3339 times of the events themselves, inclusive; milliseconds since the epoch, what is finer is cut off. An event
   * without a time is in no range.
   */
  readonly fromTimeMs?: number
  readonly untilTimeMs?: number
}

export interface ReadAllOptions {
  /** Events after this position. Default `start`. */
  readonly from?: Position
  readonly filter?: Filter
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

export interface JournalCapabilities {
  readonly durable: boolean
  readonly expectedVersion: boolean
  readonly totalOrder: boolean
  readonly readStream: boolean
}

/** Limits of every driver; a driver may hold less and says so in `limits`. */
export interface JournalLimits {
  /** Encoded data of one event. Default 1 MiB. */
  readonly eventMaxBytes: number
  /** Events of one append. Default 10,000. */
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
   * `journal.wrong_version` (with the actual one), `journal.event_too_large`, `journal.invalid_event`,
   * `base.limit_exceeded` (batch), `base.invalid_argument` (stream, no events), `journal.readonly`, `journal.closed`, or
   * the store's errors.
   */
  append(stream: string, events: readonly CloudEvent[], options?: AppendOptions): Promise<Appended>
  /** The events of a stream by version, up to what is there at the first step; none if it does not exist. */
  read(stream: string, options?: ReadStreamOptions): AsyncIterable<Recorded>
  /** The version of a stream's last event, 0 if it does not exist. */
  version(stream: string): Promise<number>
  /** Events of all streams after a position, up to what is there at the first step. */
  readAll(options?: ReadAllOptions): AsyncIterable<Recorded>
  /** As `readAll`, then live, without a gap or a double, until the signal is aborted, the loop is left or the journal closes. */
  subscribe(options?: SubscribeJournalOptions): AsyncIterable<Recorded>
  /** Ends the subscriptions, waits for the appends under way. Idempotent. A reading under way fails with `journal.closed`. */
  close(): Promise<void>
}
