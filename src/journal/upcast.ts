/**
 * Upcasters: events as they were written once, read as they are written now. Unlike a migration nothing stored changes: the
 * event keeps its place, its id and its checksum, and only who reads through here sees the new form. One event becomes one
 * event.
 *
 * They are chained: what an upcaster gives goes to the upcaster of its type, and so on. One that gives its own type ends the
 * chain, so that it may also complete events that kept their name.
 */
import type { CloudEvent } from '../base/envelope.ts'
import { ColloquyError, InvalidArgument, messageOf } from '../base/error.ts'
import type { DomainEvent } from './decider.ts'
import { UpcastFailed } from './error.ts'
import type { Recorded } from './journal.ts'
import { unheard } from './synchronous.ts'
import { isThenable } from './thenable.ts'

/** By the type as it is stored, such as `account.opened.v1`: pure functions. Only type and data of what they give are taken. */
export type Upcasters = Readonly<Record<string, (event: CloudEvent) => DomainEvent>>

/** Steps of one event's way; what takes more has no end. */
const stepsMax = 64

/**
 * Makes the reader of old events. It throws `journal.upcast_failed`; what an upcaster throws as an error of the house goes on
 * as that error's cause. Throws `base.invalid_argument` where an upcaster is no function.
 */
export function upcasting(upcasters: Upcasters | undefined): (recorded: Recorded) => Recorded {
  const known = new Map(Object.entries(upcasters ?? {}))
  for (const [type, upcast] of known)
    if (typeof upcast !== 'function') throw new InvalidArgument(`upcasters.${type}`, 'must be a function')
  if (known.size === 0) return (recorded) => recorded
  return (recorded) => {
    let { event } = recorded
    for (let steps = 0; ; steps++) {
      const upcast = known.get(event.type)
      if (!upcast) break
      if (steps === stepsMax)
        throw new UpcastFailed(
          recorded.stream,
          recorded.version,
          event.type,
          `more than ${stepsMax} steps follow each other`,
        )
      const { type } = event
      event = step(recorded, event, upcast)
      if (event.type === type) break
    }
    return event === recorded.event ? recorded : { ...recorded, event }
  }
}

function step(
  { stream, version }: Recorded,
  event: CloudEvent,
  upcast: (event: CloudEvent) => DomainEvent,
): CloudEvent {
  let given: unknown
  try {
    given = upcast(event)
  } catch (cause) {
    const why = cause instanceof ColloquyError ? `${cause.code}, ${cause.message}` : messageOf(cause)
    throw new UpcastFailed(stream, version, event.type, why, { cause })
  }
  if (isThenable(given)) {
    unheard(given)
    throw new UpcastFailed(stream, version, event.type, 'it must not be async, and gave a promise')
  }
  if (typeof given !== 'object' || given === null || !('data' in given) || !('type' in given))
    throw new UpcastFailed(stream, version, event.type, 'it gave no event with type and data')
  const { type, data } = given
  if (typeof type !== 'string' || type === '')
    throw new UpcastFailed(stream, version, event.type, 'it gave an event whose type is no text')
  return { ...event, type, data }
}
