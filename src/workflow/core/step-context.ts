/**
 * What the functions of a step are handed: who they work for, until when, and how what they do is known again. Types only. What is said
 * with it is stamped by the runtime; a step cannot say that something else caused its events.
 */
import type { CloudEvent, Criticality } from '../../base/envelope.ts'

/**
 * The order that a step carries out, plain data: an actor or a service that gets it can tell repeated work, and work that comes too
 * late.
 */
export interface StepOrder {
  readonly saga: string
  readonly run: string
  readonly step: string
  readonly kind: 'do' | 'undo'
  /** `<run>:<step>:do` or `:undo`, the same over retries and restarts. A step that is done anew after an undo has another. */
  readonly key: string
  /**
   * Fencing token: of one step in one run, every undo has a higher one than the `do` that it undoes. Whoever has seen a higher one
   * refuses a lower (Kleppmann, How to do distributed locking, 2016); `fence.ts` does that.
   */
  readonly token: number
}

export interface EmitOptions {
  readonly subject?: string
  readonly domain?: string
  readonly criticality?: Criticality
}

export interface StepContext {
  readonly order: StepOrder
  /** The idempotency key: `order.key`. */
  readonly key: string
  /** From 1. */
  readonly attempt: number
  /** Aborted at the deadline of the attempt, when the saga gives up, and when the worker stops. */
  readonly signal: AbortSignal
  /** What made the run begin or is its first event: the cause of what is said on its behalf. */
  readonly cause: CloudEvent
  /** Tells that it goes on, with details for the attempt after this one; only asked for where the step has `heartbeatMs`. */
  readonly heartbeat: (details?: unknown) => void
  /** What the last attempt said with its last heartbeat, in this process. */
  readonly lastHeartbeat: unknown
  /** An event that is appended together with the result of this step, or not at all. Throws `base.limit_exceeded` past 100. */
  readonly emit: (type: string, data: unknown, options?: EmitOptions) => void
}
