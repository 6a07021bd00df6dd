/**
 * Workflow: sagas that end whole or undone, over one journal. Unlike choreography, where rules answer events, somebody here is in charge
 * of each run; unlike an actor a run survives whoever works on it. Interfaces only; `createWorkflow` in create-workflow.ts makes it.
 *
 * | promise | memory | sqlite |
 * | --- | --- | --- |
 * | `start`, `signal`, `cancel`, `resolve` resolve | when it is in the journal | when it is synced to disk |
 * | a run ends | `completed`, `compensated`, or rests in `needs-attention`; never without a word | the same, over restarts too |
 * | a step runs | at least once; its intent is in the journal before | the same |
 * | a result is recorded | at most once for an idempotency key | the same |
 * | an event of `context.emit` | is in the journal if and only if the result of its step is | the same |
 * | two workers on one journal | one works on a run; who was slow and comes back cannot record (expected version) | the same |
 * | order of undo | unfinished first, then the reverse of the order of completion, groups together | the same |
 * | a lock | is held by one saga at a time, from before its first step to its end | the same, over restarts too |
 * | lost in a crash of the process or the machine | everything | nothing that resolved; a step in flight runs again |
 *
 * What a repeated or late order does to others, and how to refuse it: `docs/guide/sagas.md`, "What may happen twice".
 */
import type { CloudEvent, Criticality } from '../base/envelope.ts'
import type { Definition } from './core/definition.ts'
import type { Fault, Resolution } from './core/record.ts'
import type { Phase } from './core/run-state.ts'
import type { Status } from './core/entry.ts'
import type { AnySaga, SagaBuilder } from './saga.ts'

export type RunStatus = 'completed' | 'compensated' | 'needs-attention'

/** An effect that stands although the saga was undone. */
export interface Left {
  readonly step: string
  /** Of an irreversible step what it said; else who said that it stays. */
  readonly why: string
}

export interface RunResult<Output = unknown> {
  readonly run: string
  readonly status: RunStatus
  /** Of a run that is completed. */
  readonly output?: Output
  /** Why it went back, rests, or could not make its output. */
  readonly error?: Fault
  /** Undos that failed for good, beside the first error. */
  readonly undoErrors: readonly { readonly step: string; readonly error: Fault }[]
  /** The steps that it rests for. */
  readonly unresolved: readonly string[]
  readonly leaves: readonly Left[]
  /** The correlation of its events: with it the whole conversation can be drawn. */
  readonly trace: string
}

export interface StepView {
  readonly step: string
  readonly kind: 'step' | 'child' | 'wait' | 'sleep' | 'branch' | 'each'
  readonly status: Status
  /** Attempts that failed, of what runs now. */
  readonly attempts: number
  readonly error?: Fault
  readonly undoError?: Fault
  /** What it waits for, in milliseconds since the epoch. */
  readonly untilMs?: number
}

/** How a run stands, as far as its journal says. */
export interface RunView {
  readonly run: string
  readonly saga: string
  readonly version: number
  readonly phase: Phase
  /** Not begun yet: it waits for locks, or for its turn. */
  readonly waiting: boolean
  readonly parent?: string
  readonly steps: readonly StepView[]
  readonly locks: readonly string[]
  readonly error?: Fault
  readonly startedAtMs: number
  /** Why nobody can work on it, such as a definition that is not there. */
  readonly held?: Fault
}

export interface RunSummary {
  readonly run: string
  readonly saga: string
  readonly version: number
  readonly status: 'open' | RunStatus
  readonly parent?: string
  readonly startedAtMs: number
}

export interface WaitOptions {
  readonly signal?: AbortSignal
  /** Default: none. */
  readonly timeoutMs?: number
}

export interface StartOptions {
  /** 1 to 200 characters; the same id again is the same run, if saga and input are the same. Default: a new one. */
  readonly id?: string
  /** What made it begin: its events belong to that conversation. */
  readonly cause?: CloudEvent
  readonly domain?: string
  readonly criticality?: Criticality
}

export interface Run<Output = unknown> {
  readonly id: string
  readonly saga: string
  /**
   * How it ended, or that it rests in `needs-attention`. Rejects with `base.timeout`, `base.aborted`, `base.closed`; with
   * `workflow.definition_missing` and `workflow.definition_changed` when nobody can work on it.
   */
  result(options?: WaitOptions): Promise<RunResult<Output>>
  view(): Promise<RunView>
  /**
   * Hands it a signal, once an id; one that comes before its step is kept. Rejects with `workflow.signal_unknown`,
   * `workflow.signals_full`, `workflow.input_invalid`, `workflow.run_ended`, `base.closed`.
   */
  signal(name: string, data?: unknown, options?: { readonly id?: string }): Promise<void>
  /**
   * Goes back instead of on; without `undo` (default true) it rests for an operator, with everything as it is. An undo under way goes on
   * whatever is said. Rejects with `workflow.past_pivot`, `workflow.run_ended`.
   */
  cancel(options?: { readonly undo?: boolean; readonly reason?: string }): Promise<void>
  /**
   * Has it worked on in this process from here on: for who knows that the worker of another is gone and does not wait for its lease. Where
   * a workflow of this process works on it already, that one goes on. Rejects with `workflow.run_ended`, `workflow.definition_missing`,
   * `workflow.definition_changed`, `base.closed` when another worker was quicker, or the journal's errors.
   */
  takeUp(): Promise<void>
  /** What it is pinned to. Rejects with `workflow.definition_missing`, `workflow.definition_changed`. */
  definition(): Promise<Definition>
}

export interface ResolveOptions {
  /** With `done`: what the step gave. */
  readonly output?: unknown
  /** Who decided, and why: kept with it. */
  readonly by?: string
  readonly note?: string
}

export interface ScheduleOptions<Input> {
  /** Five or six fields, as cron has them: `0 9 * * 1-5`. */
  readonly cron: string
  /** IANA name. Default UTC. */
  readonly timezone?: string
  /** A time whose input cannot be made, or does not fit the saga, is logged as an error and passed over. */
  readonly input: Input | ((at: Date) => Input)
  /** What missed times mean, such as when nobody ran: `one` (default) run for all of them, or `none`. */
  readonly missed?: 'one' | 'none'
}

export interface Schedule extends AsyncDisposable {
  readonly name: string
  /** Milliseconds since the epoch; undefined when it never comes again. */
  nextAtMs(): number | undefined
  /** Idempotent. What it has started goes on. */
  stop(): Promise<void>
}

export interface WorkflowStatus {
  readonly worker: string
  /** Runs that this worker is in charge of. */
  readonly open: number
  /** Of them, those that rest for an operator. */
  readonly attention: number
  /** Of them, those that have not begun. */
  readonly waiting: number
  /** Attempts under way. */
  readonly attempts: number
  /** Runs whose definition is not there. */
  readonly held: number
}

export interface Workflow extends AsyncDisposable {
  /** Takes one more saga, or version of one. Throws `base.invalid_argument` when another of that name and version is there. */
  register(saga: AnySaga): void
  /**
   * Begins a run. Rejects with `workflow.input_invalid`, `workflow.run_conflict`, `workflow.backlog_full`, `base.invalid_argument`
   * (id), `base.closed`, or the journal's errors.
   */
  start<Input, Out, Past, Result>(
    saga: SagaBuilder<Input, Out, Past, Result>,
    input: Input,
    options?: StartOptions,
  ): Promise<Run<Result>>
  /** The same by the saga's name; the newest version that is registered. Rejects with `base.invalid_argument` for an unknown one. */
  startByName(saga: string, input: unknown, options?: StartOptions): Promise<Run>
  /** A run that was started at any time. Rejects with `workflow.run_unknown`. */
  run(id: string): Promise<Run>
  /** The runs of the journal, the oldest first, children too. */
  runs(options?: { readonly saga?: string; readonly signal?: AbortSignal }): AsyncIterable<RunSummary>
  /**
   * What an operator says of a step that a run rests for: `retry`; `skip` leaves it as it is; `done` it was done by hand; `forward` (of a
   * failed undo) the saga goes on instead of back. Rejects with `workflow.resolution_refused`, `workflow.run_unknown`, `workflow.run_ended`.
   */
  resolve(run: string, step: string, how: Resolution, options?: ResolveOptions): Promise<void>
  /** Moves a run to another version of its saga, which has all the steps that it has begun. Rejects with `workflow.migration_refused`. */
  migrate(run: string, version: number): Promise<void>
  /** Starts a saga at the times of a cron line, once for each time, whatever restarts. Rejects with `base.invalid_argument`. */
  schedule<Input, Out, Past, Result>(
    name: string,
    saga: SagaBuilder<Input, Out, Past, Result>,
    options: ScheduleOptions<Input>,
  ): Promise<Schedule>
  /** Resolves when no run of this worker has anything to do at once: each has ended, rests, or waits. */
  idle(options?: WaitOptions): Promise<void>
  status(): WorkflowStatus
  /** Takes nothing more, lets attempts end within the deadline (default 10,000 ms), then gives them up: they run again elsewhere. */
  close(options?: { readonly deadlineMs?: number }): Promise<void>
}
