/**
 * Coordination: who answers for an event: a saga that is in charge, or rules with nobody in the middle. Unlike a workflow it runs no step and
 * unlike choreography it runs no rule: it decides which of the two gets an event, says why, and carries what went wrong up a hierarchy of
 * domains. Interfaces only; `createCoordinator` in create.ts makes it.
 *
 * | promise | |
 * | --- | --- |
 * | a decision | is in the journal with its reason before it takes effect; once for an event (`source` and `id`), over restarts and changed rules |
 * | an event of a domain | goes one way: rules see it, or a saga begins for it, or it waits for whoever took its conversation over |
 * | a saga | is started once for a case and a level, under an id that follows from them; a crash in between starts it again, which is the same run |
 * | an unknown domain, a parked event, a reply that is absent | goes up: to the domain, its parents, the root; each level once; a handler at least once |
 * | nobody could settle it | `coordination.unescalated` is in the journal, and `unescalated()` lists it |
 * | a hand-over | has one winner (expected version); what rules had not recorded by then is never recorded, what they had is in the case |
 * | a crash of the process | loses no event that the coordinator had to decide on, and no case |
 */
import type { CloudEvent, Criticality } from '../base/envelope.ts'
import type { Clock } from '../base/clock.ts'
import type { IdSource } from '../base/id.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Telemetry } from '../base/telemetry.ts'
import type { ChoreographyOptions, RulePattern, TroubleKind } from '../choreography/choreography.ts'
import type { Journal, Position, Recorded } from '../journal/journal.ts'
import type { Fault } from '../workflow/core/record.ts'
import type { AnySaga } from '../workflow/saga.ts'
import type { Workflow } from '../workflow/workflow.ts'
import type { Decision } from './core/decide.ts'

/** What a rule says of an event, in place of what its sender says. */
export interface Says {
  readonly criticality?: Criticality
  /** Whether its effects can be taken back. */
  readonly irreversible?: boolean
  /** The domains that it touches beside its own. */
  readonly domains?: readonly string[]
}

/** A rule says something of an event (`says`), or where it goes (`to`). */
export interface RouteRule {
  /** Once in its domain; 1 to 100 of letters, digits, `.`, `_`, `-`. */
  readonly name: string
  /**
   * With `says` it is asked of the event as it came. With `to` of the event as it was judged: `domain`, `criticality`, `irreversible`,
   * `domains` (a list) and `touched` (their number) are what the rules made of them.
   */
  readonly when: RulePattern
  /** For people, in the journal with each decision. */
  readonly reason: string
  readonly says?: Says
  readonly to?: 'saga' | 'choreography'
  /** With `to: 'saga'`: the saga takes over the whole conversation (`correlation`), or what of it has the subject of the event (`subject`). */
  readonly handOver?: HandOverScope
}

export type HandOverScope = 'correlation' | 'subject'

/** Somebody who answers for a domain; at most one of `saga` and `handler`. */
export interface Responsible {
  /** Whom people turn to: stands in the events about it. */
  readonly owner?: string
  /** Or the name of one that the workflow has. It starts with the case as its input, or with what `input` makes of it. */
  readonly saga?: AnySaga | string
  readonly input?: (about: Case) => unknown
  /** Done when it resolves; tried again when it throws. At least once: `context.key` tells what was done before. */
  readonly handler?: (about: Case, context: HandlerContext) => unknown
}

export interface Domain extends Responsible {
  /** Default: the root. */
  readonly parent?: string
  /** Events that are its own, whatever domain they say; of several domains the first that is given. */
  readonly events?: RulePattern
  /** Asked in their order, and before those of its parents: the first that fits counts. */
  readonly rules?: readonly RouteRule[]
}

export interface HandlerContext {
  readonly level: string
  /** The same for every attempt at this case on this level, and for no other. */
  readonly key: string
  /** From 1; it begins anew after a restart. */
  readonly attempt: number
  readonly signal: AbortSignal
}

/** Where an event stands. */
export interface EventRef {
  readonly stream: string
  readonly version: number
  readonly id: string
  readonly source: string
  readonly type: string
}

/** What a rule had done, and recorded, before somebody took over. */
export interface DoneAction {
  readonly rule: string
  readonly key?: string
  /** `fenced`: it may have run, and was not recorded; outside it may have had its effect. */
  readonly ended: 'completed' | 'failed' | 'fenced'
  readonly event: EventRef
  readonly result?: unknown
  readonly error?: { readonly code: string; readonly message: string }
}

/** Why it went up, where it did. */
export interface CaseTrouble {
  /** `absent`: a reply did not come; the others are those of choreography. */
  readonly kind: EscalationKind
  readonly code: string
  readonly reason: string
  readonly rule?: string
  readonly key?: string
}

/** What somebody is asked to take care of. Plain data. */
export interface Case {
  readonly id: string
  readonly kind: CaseKind
  /** Where it began, and where it is now: a domain, or `root`. */
  readonly from: string
  readonly level: string
  readonly reason: string
  readonly ref: EventRef
  /** Absent when it was erased since. */
  readonly event?: CloudEvent
  readonly trouble?: CaseTrouble
  /** What of the conversation no rule acts on any more. */
  readonly takenOver?: HandOverScope
  /** What rules did in this conversation before the case began, in order; the last `doneMax`. */
  readonly done: readonly DoneAction[]
  /** Actions before those in `done`. */
  readonly omitted: number
  /** The levels below that had it before, and why they did not settle it. */
  readonly before: readonly { readonly level: string; readonly error: Fault }[]
}

/** `route`: a decision; `unknown`: of an unknown domain; `trouble`: something went wrong among rules; `hand-over`: somebody asked for it. */
export type CaseKind = 'route' | 'unknown' | 'trouble' | 'hand-over'

/** What goes up: see `TroubleKind` of choreography; `absent`, a reply that did not come; `attention`, a saga that rests in needs-attention. */
export type EscalationKind = TroubleKind | 'absent' | 'attention'

export interface EscalateOptions {
  /** Default: all. */
  readonly on?: readonly EscalationKind[]
  /** Kinds with which the whole conversation is taken over, so that no rule acts in it any more. Default `cycle`, `hops` and `events`. */
  readonly handOver?: readonly EscalationKind[]
  /** Calls of a handler, and starts that find no room, before the next level. Default 3; 1 to 100. */
  readonly attemptsMax?: number
  /** Before the second call; each later one waits twice as long, a minute at most. Default 1000. */
  readonly backoffMs?: number
  /** Of one call. Default 30,000. */
  readonly timeoutMs?: number
}

export interface Routing {
  readonly domains: Readonly<Record<string, Domain>>
  /** Those of the root, asked after those of the domains. */
  readonly rules?: readonly RouteRule[]
}

export interface CoordinatorOptions extends Routing {
  readonly journal: Journal
  readonly workflow: Workflow
  /** Default `main`: its streams and its place in the journal are kept under it. Up to 64 of letters, digits, `_`, `-`. */
  readonly name?: string
  /** Who answers in the end. Default: nobody; then it rests. */
  readonly root?: Responsible
  readonly escalate?: EscalateOptions
  /** Of its events. Default `/coordination/<name>`. */
  readonly source?: string
  /** Where a new one begins: events after this position. Default: those that come. */
  readonly from?: Position
  /** Causes behind an event at most for which a case begins; beyond, it rests at once. Default 32; 1 to 1000. */
  readonly maxHops?: number
  /** Levels that were asked in one correlation; beyond, a case rests at once. Default 100; 1 to 100,000. */
  readonly maxCasesPerCorrelation?: number
  /** Actions in a case. Default 100; 0 to 10,000. */
  readonly doneMax?: number
  /** Cases in hand at a time; then the journal is not read on. Default 64; 1 to 4096. */
  readonly casesMax?: number
  /** Decisions and hand-overs that are remembered; others are read again. Default 10,000; 100 to 1,000,000. */
  readonly rememberedMax?: number
  readonly clock?: Clock
  /** Default: seeded by the machine's entropy. */
  readonly random?: Random
  /** Default: made of clock and random. */
  readonly id?: IdSource
  readonly logger?: Logger
  readonly telemetry?: Telemetry
}

/** What a choreography is given, so that it keeps to the decisions: `createChoreography({ journal, store, ...coordinator.hooks })`. */
export type CoordinatorHooks = Required<Pick<ChoreographyOptions, 'admits' | 'mayAct' | 'fence' | 'onTrouble'>>

export interface HandOverOptions {
  readonly reason: string
  /** Default `correlation`. */
  readonly scope?: HandOverScope
  /** Where it begins. Default: the domain of the event. */
  readonly level?: string
  /** Who asked. */
  readonly by?: string
}

export interface WaitOptions {
  readonly signal?: AbortSignal
  /** Default 30,000. */
  readonly timeoutMs?: number
}

/** A case that nobody settled. */
export interface Unescalated {
  readonly case: string
  readonly kind: CaseKind
  readonly ref: EventRef
  readonly correlationid: string
  readonly why: Fault
  /** Milliseconds since the epoch. */
  readonly restedAtMs: number
}

export interface ReplayOptions extends Partial<Routing> {
  /** Decisions after this position. Default: the first. */
  readonly from?: Position
  /** Decisions up to this position. Default: the last. */
  readonly to?: Position
  readonly signal?: AbortSignal
}

/** A decision that would have been another. */
export interface Difference {
  readonly ref: EventRef
  readonly was: Pick<Decision, 'route' | 'level' | 'rule' | 'reason'>
  readonly would: Pick<Decision, 'route' | 'level' | 'rule' | 'reason'>
}

export interface CoordinatorStatus {
  /** All that was to be decided up to here is decided, and its cases have begun. */
  readonly place: Position
  /** Events at most that have not been looked at. */
  readonly lag: number
  /** Cases in hand. */
  readonly cases: number
  /** What it stopped with, if it did. */
  readonly error: Error | undefined
}

/** Calls reject with `coordination.stopped` when it met an error of the journal or the workflow, and with `base.closed` after `close`. */
export interface Coordinator extends AsyncDisposable {
  readonly name: string
  readonly hooks: CoordinatorHooks
  /** What would be decided of an event, if nobody has taken its conversation over; undefined when it belongs to no domain. */
  explain(event: CloudEvent): Decision | undefined
  /** What was decided of an event; undefined when nothing was. */
  decided(event: Pick<CloudEvent, 'source' | 'id'>): Promise<Decision | undefined>
  /**
   * A saga takes over the conversation that an event belongs to. Resolves with its case when that is in the journal: from then on no action
   * of a rule is recorded in it. Rejects with `coordination.handed_over` when somebody else was quicker, `base.invalid_argument`.
   */
  handOver(recorded: Recorded, options: HandOverOptions): Promise<{ readonly case: string }>
  /** The decisions that other rules would have made otherwise. What is not given stays as it is. Throws `coordination.config_invalid`. */
  replay(options: ReplayOptions): AsyncIterable<Difference>
  /** Cases that nobody settled, the oldest first. */
  unescalated(options?: { readonly signal?: AbortSignal }): AsyncIterable<Unescalated>
  /**
   * What an operator says of a case that nobody settled: `retry` begins it anew where it began; `done`. Rejects with
   * `coordination.case_unknown`, `coordination.case_settled`.
   */
  resolve(
    caseId: string,
    how: 'retry' | 'done',
    options?: { readonly by?: string; readonly note?: string },
  ): Promise<void>
  /** Resolves when all that was in the journal at the call is decided and its cases have begun, handlers included. Rejects with `base.timeout`, `base.aborted`. */
  caughtUp(options?: WaitOptions): Promise<void>
  status(): Promise<CoordinatorStatus>
  /** Ends it; what is in hand goes on at the next start. Idempotent. */
  close(): Promise<void>
}
