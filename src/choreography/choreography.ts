/**
 * Choreography: rules that act on events, with nobody in the middle. Each rule watches the journal for the events of its pattern; what its
 * action says goes back into the journal, where other rules find it. Unlike a reactor, which has handlers by type, many rules share one
 * reading of the journal, each with its own order, retries and parked events; unlike a saga nobody knows the whole. Interfaces only.
 *
 * | promise | |
 * | --- | --- |
 * | an event that fits a rule | is taken in together with the place in the journal, then acted on until that is recorded, or parked |
 * | the same event again (same `source` and `id`) | is not acted on again, over restarts too, as long as the record of its action is kept |
 * | an action | runs at least once: a crash after it and before its record runs it again, with the same `idempotencyKey` |
 * | what an action emits | is appended together with its record `agent.action.completed`, or not at all; once |
 * | order | of one key of a rule, that of the journal; while an event is tried again its key waits; when it is parked its key goes on |
 * | an attempt that fails | is kept with its reason, and tried again when its time has come, over restarts too |
 * | after the last attempt | `agent.action.failed` is appended and the event is parked for this rule, until it is replayed or discarded |
 * | causation | correlation, cause, hop and path of what is emitted are those of the event, whatever the action says |
 * | a chain too long, a correlation too large, a cycle | the event is parked for this rule without being acted on, and without an event about it |
 * | a reply that does not come in time | is told at its time or later, once, after all that was appended before has been looked at |
 */
import type { CloudEvent, Criticality } from '../base/envelope.ts'
import type { Clock } from '../base/clock.ts'
import type { IdSource } from '../base/id.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Telemetry } from '../base/telemetry.ts'
import type { AppendCondition, Journal, Position, Recorded } from '../journal/journal.ts'
import type { Store } from '../store/store.ts'
import type { Explanation } from './core/explain.ts'
import type { EventFilter } from './core/filter.ts'
import type { EventPattern } from './core/pattern.ts'

/** A pattern, or filters of CloudEvents that must all be true. */
export type RulePattern = EventPattern | { readonly filters: readonly EventFilter[] }

/**
 * The value that events have in common: the name of an attribute (`subject`), a JSON Pointer into the event (`/data/order`), or a
 * function. Text, a number or a boolean is a key; whatever else is none.
 */
export type KeyOf = string | ((event: CloudEvent) => string | number | boolean | undefined)

export interface EmitOptions {
  readonly subject?: string | undefined
  readonly domain?: string | undefined
  readonly criticality?: Criticality | undefined
  /** Where it is appended. Default: the stream of the rule, `choreography/<choreography>/<rule>`. */
  readonly stream?: string
}

export interface ActionContext {
  readonly rule: string
  /** Of the event for this rule; undefined where it has none. */
  readonly key: string | undefined
  /** From 1; a replay begins anew. */
  readonly attempt: number
  /** True when somebody replayed it after it was parked. */
  readonly replayed: boolean
  /** The same for every attempt at this event by this rule, and for no other: for whoever is told to do something once. */
  readonly idempotencyKey: string
  /** Where the event stands: its stream, version and position. */
  readonly recorded: Recorded
  /** Aborted at the deadline of the attempt, or when the choreography closes. */
  readonly signal: AbortSignal
  /**
   * Appends an event together with the record of the action, if it completes. Data are copied now. Throws `base.envelope_invalid`, the
   * codec's errors, `journal.event_too_large`, `base.limit_exceeded`, and `base.invalid_argument` after the action has ended.
   */
  readonly emit: (type: string, data: unknown, options?: EmitOptions) => void
}

/** What it returns stands in the record `agent.action.completed`. */
export type Action<Data = unknown> = (event: CloudEvent<Data>, context: ActionContext) => unknown
/** Of a sequence: the first event and the one that followed. Of a window: by the order of its patterns. */
export type PairAction<One = unknown, Other = unknown> = (
  events: readonly [CloudEvent<One>, CloudEvent<Other>],
  context: ActionContext,
) => unknown

export interface RetryPolicy {
  /** Attempts in all. Default 5; 1 to 1000. */
  readonly attemptsMax?: number
  /** Before the second attempt; each later one waits twice as long. Default 500. */
  readonly backoffMs?: number
  /** The longest wait. Default 60,000. */
  readonly backoffMaxMs?: number
  /** How much of a wait is left to chance, 0 to 1. Default 0.5: between half of it and all of it. */
  readonly jitter?: number
}

export interface ActingOptions {
  readonly retry?: RetryPolicy
  /** Of one attempt; then its signal is aborted and it has failed with `base.timeout`. Default 30,000. */
  readonly timeoutMs?: number
  /** Actions of this rule under way at one time. Default 16; 1 to 1024. */
  readonly concurrency?: number
  /**
   * Where a rule that is new begins: events after this position; `start` of `colloquy/journal` for all. Default: where the choreography
   * stands. Counts only when the rule is new.
   */
  readonly from?: Position
}

export interface RuleOptions extends ActingOptions {
  /** Events of one key are acted on one after another. Default `subject`. Events without a key wait for no other. */
  readonly key?: KeyOf
}

export interface Joined {
  /** What the two events have in common. An event that has no such value is not for the rule. */
  readonly same: KeyOf
  /** Between the times of the events; up to 365 days. */
  readonly withinMs: number
}

export interface Absence extends Joined {
  /** Opens the wait. */
  readonly pattern: RulePattern
  /** Ends all waits of its key that were open before it. */
  readonly answer: RulePattern
}

export interface Sequence extends Joined {
  readonly first: RulePattern
  /** Takes the oldest first event of its key that is not taken yet. */
  readonly next: RulePattern
}

export interface Window extends Joined {
  /** An event of the one and an event of the other, in any order; each is taken once. */
  readonly patterns: readonly [RulePattern, RulePattern]
}

export type TroubleKind = 'dead' | 'timeout' | 'cycle' | 'hops' | 'events' | 'open'

/** An event that a rule does not act on any more by itself. */
export interface Parked {
  readonly id: number
  readonly rule: string
  readonly key: string | undefined
  /**
   * `dead`: its attempts are used up, or it can never succeed; `timeout`: the same, and the last attempt met its deadline; `cycle`, `hops`,
   * `events`: a cap was met and nothing was tried; `open`: there was no room to wait for its answer.
   */
  readonly kind: TroubleKind
  readonly code: string
  readonly reason: string
  readonly attempts: number
  /** Milliseconds since the epoch. */
  readonly parkedAtMs: number
  readonly stream: string
  readonly version: number
  readonly correlationid: string
}

/** A parked event as it is told to `onTrouble`. */
export interface Trouble extends Parked {
  /** Undefined when the event has been erased since. */
  readonly event: CloudEvent | undefined
}

/** Of the parked events those that are meant; both where both are given. Default: all. */
export interface ParkedSelection {
  readonly rule?: string
  readonly ids?: readonly number[]
}

export interface WaitOptions {
  readonly signal?: AbortSignal
  /** Default 30,000. */
  readonly timeoutMs?: number
}

export interface ReadParkedOptions {
  readonly rule?: string
  readonly signal?: AbortSignal
}

export type RuleKind = 'rule' | 'absent' | 'sequence' | 'window'

export interface RuleStatus {
  readonly name: string
  readonly kind: RuleKind
  /**
   * `acting`; `catching-up`: it reads what lies between its own place and that of the choreography; `missing`: known from before and not
   * given since the start: its events wait for it.
   */
  readonly state: 'acting' | 'catching-up' | 'missing'
}

export interface ChoreographyStatus {
  /** Everything up to here has been taken in for all rules that are acting. */
  readonly checkpoint: Position
  /** Events at most that have not been looked at. */
  readonly lag: number
  /** Taken in, and neither recorded nor parked. */
  readonly waiting: number
  readonly running: number
  readonly parked: number
  /** Events that wait for an answer or a partner. */
  readonly open: number
  /** True when no event is taken in: so many are parked that the others might find no place. */
  readonly full: boolean
  /** What it stopped with, if it did. */
  readonly error: Error | undefined
}

export interface RuleExplanation {
  readonly rule: string
  /** Which pattern of the rule: `pattern`; of an absence also `answer`; of a sequence `first` and `next`; of a window `0` and `1`. */
  readonly part: string
  readonly explanation: Explanation
}

export interface ChoreographyOptions {
  readonly journal: Journal
  /** Opened with `choreographySchema` among its schemas. */
  readonly store: Store
  /** Default `main`: the place in the journal, parked events and counts are kept under it. Up to 64 of letters, digits, `.`, `_`, `-`. */
  readonly name?: string
  /** Of what is emitted. Default `/choreography/<name>`. */
  readonly source?: string
  readonly clock?: Clock
  /** For the jitter. Default: seeded by the machine's entropy. */
  readonly random?: Random
  /** Default: made of clock and random. */
  readonly id?: IdSource
  readonly logger?: Logger
  readonly telemetry?: Telemetry
  /** Causes behind an event at most. Default 16; 1 to 1000. */
  readonly maxHops?: number
  /** Events of one correlation that rules act on. Default 500; 1 to 1,000,000. */
  readonly maxEventsPerCorrelation?: number
  /** How often one rule acts on one key within one correlation. Default 3; 1 to 1,000,000. */
  readonly cycleMax?: number
  /** The last actions whose correlations and keys are remembered for the two caps. Default 100,000; 100 to 10,000,000. */
  readonly countedMax?: number
  /** Actions of all rules under way at one time. Default 256; 1 to 4096. */
  readonly runningMax?: number
  /** Events in memory that are taken in and not settled; then no more are read. Default 1024; 1 to 100,000. */
  readonly heldMax?: number
  /** Parked events; with room for those that are held. When they are so many, none is taken in. Default 10,000; 1 to 1,000,000. */
  readonly parkedMax?: number
  /** Events that wait for an answer or a partner, of all rules. One more is parked. Default 10,000; 1 to 1,000,000. */
  readonly openMax?: number
  /**
   * After a start: how long the rules that are known from before are waited for, so that all read the journal once. It begins when the
   * last of them was given. A rule that comes later catches up by itself. Default 5000.
   */
  readonly gatherMs?: number
  /** Told of each event that was parked, one after another, at least once: again after a failure, after 30 s, and after a restart. */
  readonly onTrouble?: (trouble: Trouble) => Promise<void> | void
  /**
   * Asked for each event that fits a rule, before it is taken in: false, and no rule acts on it; as an answer it counts all the same. When
   * it throws, or takes 30 s, the choreography stops.
   */
  readonly admits?: (recorded: Recorded) => Promise<boolean> | boolean
  /**
   * Asked before each attempt: false, and the action does not run; somebody else has taken over, and `agent.action.fenced` says so. When
   * it throws, or takes 30 s, the choreography stops.
   */
  readonly mayAct?: (event: CloudEvent) => Promise<boolean> | boolean
  /**
   * What must not have happened for an action on this event to be recorded (`unless` of the journal). Where it has, the action leaves
   * neither record nor emission, only `agent.action.fenced` with `ran: true`. What it throws stops the choreography.
   */
  readonly fence?: (event: CloudEvent) => Promise<AppendCondition | undefined> | AppendCondition | undefined
}

/** Calls reject with `choreography.stopped` when it met an error of journal or store, and with `base.closed` after `close`. */
export interface Choreography extends AsyncDisposable {
  readonly name: string
  /**
   * Adds a rule, or changes the one of this name: events that are taken in and not begun go to the new action, what is under way ends with
   * the old. Resolves when the rule is kept: events appended from then on are not missed, over restarts, once it is given again. Rejects
   * with `choreography.pattern_invalid`, `base.invalid_argument`, `journal.invalid_position`.
   */
  rule<Data = unknown>(name: string, pattern: RulePattern, action: Action<Data>, options?: RuleOptions): Promise<void>
  /** Acts when no answer came in time, caused by the event that opened the wait. Without an action it emits `agent.reply.absent`. */
  absent<Data = unknown>(name: string, absence: Absence, action?: Action<Data>, options?: ActingOptions): Promise<void>
  sequence<First = unknown, Next = unknown>(
    name: string,
    sequence: Sequence,
    action: PairAction<First, Next>,
    options?: ActingOptions,
  ): Promise<void>
  window<One = unknown, Other = unknown>(
    name: string,
    window: Window,
    action: PairAction<One, Other>,
    options?: ActingOptions,
  ): Promise<void>
  /**
   * Forgets a rule, with what waits for it, what it has parked and what it waits for; what is under way ends and is recorded. False when
   * there was none.
   */
  remove(name: string): Promise<boolean>
  rules(): readonly RuleStatus[]
  /** Which rules the event fits, and where it does not, which field failed. Rules that are missing are left out. */
  explain(event: CloudEvent): readonly RuleExplanation[]
  status(): Promise<ChoreographyStatus>
  /** In the order in which they were parked. */
  parked(options?: ReadParkedOptions): AsyncIterable<Parked>
  /** Acts on parked events again, with fresh attempts, before what waits of their keys; caps do not hold them. Returns how many. */
  replayParked(selection?: ParkedSelection): Promise<number>
  /** Appends `agent.action.discarded` for each, which is then never acted on. Returns how many. */
  discardParked(selection?: ParkedSelection): Promise<number>
  /** Reads without waiting any longer for rules known from before. */
  start(): void
  /** Resolves when all that was in the journal at the call is acted on or parked. Rejects with `base.timeout`, `base.aborted`. */
  caughtUp(options?: WaitOptions): Promise<void>
  /** Resolves when nothing is left to do, what was emitted meanwhile included; open waits are none. Rejects as `caughtUp` does. */
  idle(options?: WaitOptions): Promise<void>
  /** Ends it: what is under way is told by its signal, has what is left of its time, and is recorded if it completes. Idempotent. */
  close(): Promise<void>
}
