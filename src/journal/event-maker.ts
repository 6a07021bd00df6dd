/**
 * Makes CloudEvents of what was decided: id, time, source, and how the events of one command hang together. Unlike
 * `makeEvent` of `base/` it makes several for one occasion, so that without a cause they share the correlation of the first.
 */
import { makeEvent } from '../base/envelope.ts'
import type { CloudEvent, EventInput } from '../base/envelope.ts'
import type { IdSource } from '../base/id.ts'
import { systemClock } from '../base/system-clock.ts'
import { systemIds } from '../base/system-id.ts'
import type { Clock } from '../base/clock.ts'

/** Where ids and times of new events come from. For a run that can be repeated give both. */
export interface EventOrigin {
  /** URI reference of who speaks: `/<node>/<agent>`. Default `/colloquy`. */
  readonly source?: string
  /** Default: the system's. */
  readonly clock?: Pick<Clock, 'now'>
  /** Default: UUIDs of version 7, by the system's clock and entropy. */
  readonly id?: IdSource
}

/** What of a new event its maker may be told beside type and data. */
export type EventDetail = Partial<Omit<EventInput<unknown>, 'type' | 'data'>>

export interface EventBond {
  /** The event that was handled: the new ones name it as their cause and inherit its correlation. */
  readonly cause?: CloudEvent | undefined
  /** The conversation they belong to. Default: that of the cause, else the id of the first of them. */
  readonly correlation?: string | undefined
}

export function eventMaker(
  { source = '/colloquy', clock = systemClock, id = () => systemIds.next() }: EventOrigin,
  { cause, correlation }: EventBond = {},
): <Data>(input: { readonly type: string; readonly data: Data } & EventDetail) => CloudEvent<Data> {
  let shared = correlation
  return (input) => {
    const made = makeEvent({ source, ...(cause && { cause }), ...input }, { clock, id })
    shared ??= made.correlationid ?? made.id
    // A cause of its own brings a correlation of its own.
    return input.cause === undefined || correlation !== undefined ? { ...made, correlationid: shared } : made
  }
}
