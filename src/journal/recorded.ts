/**
 * What every part of the journal's port speaks of: a position, an event in its place, a filter. Types only. They stand
 * apart from `journal.ts`, which hands them on, because the port of consumer groups needs them too.
 */
import type { CloudEvent } from '../base/envelope.ts'

/** Opaque text. `start` and the positions a driver hands out are valid on that journal only. */
export type Position = string

/** An event as it stands in the journal. */
export interface Recorded<Data = unknown> {
  readonly stream: string
  /** From 1, contiguous in its stream. */
  readonly version: number
  readonly position: Position
  readonly event: CloudEvent<Data>
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
