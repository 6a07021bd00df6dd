/**
 * What is said of a step, as types: exactly one of the ways in which it is undone, or need not be. Types only; what they cannot say is
 * checked in `step-node.ts` and `check-flow.ts`.
 */
import type { StepContext } from './core/step-context.ts'

/** What came before, with its types. */
export interface Known<Input, Out> {
  readonly input: Input
  readonly out: Out
}

export interface RetryOptions {
  /** Attempts in all, 1 to 10,000. Default 3; 20 behind the pivot and for undos, which have no other way. */
  readonly max?: number
  /** Before the second attempt, in ms. Default 100. */
  readonly backoffMs?: number
  /** Each later wait is so many times the one before. Default 2. */
  readonly factor?: number
  /** Longest wait. Default 30,000. */
  readonly backoffMaxMs?: number
  /** Part of each wait that chance takes away, 0 to 1. Default 0.5. */
  readonly jitter?: number
  /** True for errors that no attempt can mend; `Unretryable` is one by itself. */
  readonly unless?: (error: unknown) => boolean
}

export interface Work<Input, StepInput, Output> {
  /** Derived from what came before, written down before the step begins. Default: the input of the saga. */
  readonly input?: (before: Input) => StepInput
  readonly do: (input: StepInput, context: StepContext) => Output | Promise<Output>
  readonly retry?: RetryOptions
  /** Of one attempt, in ms. Default 30,000. */
  readonly timeoutMs?: number
  /** Longest silence between two calls of `context.heartbeat`, in ms. Default: none are asked for. */
  readonly heartbeatMs?: number
}

/** `output` is undefined where the step began and never finished: it may have had its effect or not. */
type Undoing<StepInput, Output> = (input: StepInput, output: Output | undefined, context: StepContext) => unknown

interface UndoOptions {
  readonly undoRetry?: RetryOptions
  /** Of one attempt, in ms. Default 30,000. */
  readonly undoTimeoutMs?: number
}

export interface Undoable<StepInput, Output> extends UndoOptions {
  readonly undo: Undoing<StepInput, Output>
  readonly pivot?: never
  readonly readOnly?: never
  readonly irreversible?: never
  readonly retriable?: never
}

export interface ReadOnly {
  /** It changes nothing, so there is nothing to undo. */
  readonly readOnly: true
  readonly undo?: never
  readonly pivot?: never
  readonly irreversible?: never
  readonly retriable?: never
}

export interface Pivot<StepInput, Output> extends UndoOptions {
  /** Once it is done the saga only goes forward. */
  readonly pivot: true
  /** For a pivot that began and never finished. */
  readonly undo?: Undoing<StepInput, Output>
  readonly readOnly?: never
  readonly irreversible?: never
  readonly retriable?: never
}

export interface Irreversible {
  /** It cannot be undone: what stays behind when the saga is undone. The result lists it. */
  readonly irreversible: { readonly leaves: string }
  readonly undo?: never
  readonly pivot?: never
  readonly readOnly?: never
  readonly retriable?: never
}

export interface Retriable {
  /** It stands behind the pivot and is tried until it succeeds, or an operator decides. */
  readonly retriable: true
  readonly undo?: never
  readonly pivot?: never
  readonly readOnly?: never
  readonly irreversible?: never
}

type Declared<StepInput, Output, Past> = Past extends true
  ? Undoable<StepInput, Output> | ReadOnly | Pivot<StepInput, Output> | Retriable
  : Undoable<StepInput, Output> | ReadOnly | Pivot<StepInput, Output> | Irreversible

export type StepOptions<Input, Out, StepInput, Output, Past = false> = Work<Known<Input, Out>, StepInput, Output> &
  Declared<StepInput, Output, Past>

/** Members of a parallel group are steps without a pivot: what else runs could not be undone behind it. */
export type MemberOptions<Input, Out, StepInput, Output, Past = false> = Work<Known<Input, Out>, StepInput, Output> &
  (Past extends true
    ? Undoable<StepInput, Output> | ReadOnly | Retriable
    : Undoable<StepInput, Output> | ReadOnly | Irreversible)
