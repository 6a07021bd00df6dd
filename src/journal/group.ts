/**
 * Consumer groups: several consumers share the events of a journal, and each event is worked on until it is settled. Unlike
 * a subscription, whose reader keeps its own position, a group keeps for all of them what is settled. Interfaces only.
 *
 * | promise | |
 * | --- | --- |
 * | delivery | at least once: every event that matches, until it is acknowledged, parked, or erased by retention |
 * | `ack`, `nack`, `park` resolve | when that is as durable as an append |
 * | an event whose `ack` resolved | is never delivered again, whatever crashes |
 * | an attempt | is durable before the event is handed out, so that one which ends the process is counted too |
 * | not settled within `visibilityTimeoutMs` | delivered again, to whoever asks, with the next attempt |
 * | after `maxDeliveries` deliveries | parked, with its reason; it waits for `replayParked` or `discardParked` |
 * | order without `partitionBy` | handed out in the order of the journal; what failed comes again when it is due |
 * | order with `partitionBy` | one event of a key at a time, in the order of the journal; a failed one holds back its key until it is settled; parking it lets the key go on |
 *
 * One write of the store carries whatever is claimed and settled meanwhile, so a durable attempt costs a write a batch, not
 * one an event. The effect of a handler and its `ack` are two things: a crash between them delivers the event again.
 *
 * The ways in which a delivery fails: its `nack`, the end of its visibility, a consumer that leaves its loop without
 * settling it, the end of the process. All count alike (KurrentDB and SQS count so too). What had been claimed for a
 * consumer but not yet taken by its loop counts as never delivered, but for the end of the process, which cannot tell.
 *
 * The model is that of persistent subscriptions in KurrentDB (https://docs.kurrent.io), with the visibility timeout of
 * Amazon SQS (https://docs.aws.amazon.com/AWSSimpleQueueService).
 */
import type { Filter, Position, Recorded } from './recorded.ts'

export interface GroupOptions {
  /** Events after this position. Default `start`. Counts only when the group is made: later its own progress does. */
  readonly from?: Position
  /** What the group is for. It stays: the same group with another filter is `journal.group_conflict`. Default: everything. */
  readonly filter?: Filter
  /**
   * The key of an event, 1 to 512 characters: events of one key are worked on one after another. Undefined: the event
   * waits for no other. It must give the same key for the same event at all times. What it throws ends the consumers.
   */
  readonly partitionBy?: (recorded: Recorded) => string | undefined
  /** From when a consumer's loop takes an event until it counts as failed. Default 30,000; 10 to 43,200,000 (12 hours). */
  readonly visibilityTimeoutMs?: number
  /** Deliveries of an event before it is parked. Default 5; 1 to 1000. With 1 nothing is ever delivered twice. */
  readonly maxDeliveries?: number
  /** Deliveries under way at one time, of all consumers together. Default 4096; 1 to 65,536. */
  readonly inFlightMax?: number
  /**
   * Events held in memory that are not settled: in flight, delayed, or waiting, for instance behind their key. Default
   * 8192; `inFlightMax` to 1,048,576. When so many wait no more are fetched. Without `partitionBy` five times what the
   * consumers prefetch are held at most: a small `prefetch` keeps large events out of memory.
   */
  readonly heldMax?: number
  /**
   * Parked events, with room for those in flight that may become so. Default 10,000; 1 to 100,000. When it is full, nothing
   * is handed out until some were replayed or discarded.
   */
  readonly parkedMax?: number
}

export interface ConsumeOptions {
  /** Unique among the consumers of the group at one time; 1 to 128 characters. Default `consumer-1` and so on. */
  readonly name?: string
  /**
   * Deliveries that this consumer may have unsettled, those in its queue counted. Default 64; 1 to 4096. One for slow work,
   * hundreds for throughput: claims and acknowledgements then share writes.
   */
  readonly prefetch?: number
  /** Ends the loop, without an error, after the delivery it is on. */
  readonly signal?: AbortSignal
}

export interface NackOptions {
  /** How long it waits before it is delivered again. Default 0; up to 604,800,000 (7 days). */
  readonly delayMs?: number
  /** Why, for whoever looks at parked events; what is beyond 1024 characters is cut off. */
  readonly reason?: string
}

/**
 * One delivery of an event. It is settled once: `ack`, `nack` and `park` reject with `journal.lease_lost` when it was settled
 * before or the event has been delivered again, and with the store's error when that could not be kept. A settlement that
 * comes late, but before the event was delivered again, counts.
 */
export interface Delivery<Data = unknown> {
  readonly recorded: Recorded<Data>
  /** 1 at the first delivery. */
  readonly attempt: number
  /** Done: it is never delivered again. */
  ack(): Promise<void>
  /** Failed: it is delivered again, or parked if this was the last delivery. */
  nack(options?: NackOptions): Promise<void>
  /** Not to be tried again: it is set aside with this reason, and its key goes on. */
  park(reason: string): Promise<void>
  /** Its visibility begins anew, for `visibilityTimeoutMs` of the group or as long as is said. Nothing is written. */
  extend(visibilityTimeoutMs?: number): Promise<void>
}

export interface GroupStatus {
  /** Everything that matches up to here is settled; what was replayed is not counted. */
  readonly checkpoint: Position
  /** Fetched and free to be handed out, or waiting behind their key. */
  readonly waiting: number
  /** Claimed by a consumer and not settled. */
  readonly inFlight: number
  /** Given back with a delay that is not over. */
  readonly delayed: number
  readonly parked: number
  readonly consumers: readonly { readonly name: string; readonly inFlight: number }[]
  /** Events at most that are not settled: those it holds, and all that it has not looked at. */
  readonly lag: number
}

export interface ParkedEvent {
  readonly position: Position
  /** Undefined when the event has been erased since. */
  readonly recorded: Recorded | undefined
  readonly attempts: number
  readonly reason: string
  /** Milliseconds since the epoch. */
  readonly parkedAtMs: number
}

export interface ParkedSelection {
  /** Of the parked events that are meant; others are passed over. Default: all. */
  readonly positions?: readonly Position[]
}

/** A handle on a group. Calls reject with `journal.closed` after `close`, and with what broke the group if something did. */
export interface ConsumerGroup extends AsyncDisposable {
  readonly name: string
  /**
   * The deliveries for one consumer, without an end until the signal is aborted, the loop is left or the journal closes.
   * Begins at the first step, which rejects with `journal.consumer_exists`, `base.invalid_argument` or `journal.closed`.
   * When the loop is left, what it had not settled is delivered to others at once.
   */
  consume(options?: ConsumeOptions): AsyncIterable<Delivery>
  status(): Promise<GroupStatus>
  /** The parked events at the time of the first step, in the order of the journal. */
  parked(): AsyncIterable<ParkedEvent>
  /** Delivers parked events again, with a fresh count; with `partitionBy`, before what waits of their key. Returns how many. */
  replayParked(selection?: ParkedSelection): Promise<number>
  /** Forgets parked events; returns how many. */
  discardParked(selection?: ParkedSelection): Promise<number>
  /** Forgets the group for good, its checkpoint and parked events too. Rejects with `journal.consumer_exists` while it has a consumer. */
  remove(): Promise<void>
  /** Ends the consumers of this handle and resolves when what was settled is kept. Idempotent. */
  close(): Promise<void>
}
