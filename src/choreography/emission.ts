/**
 * What one attempt emits. Unlike the outbox of a reactor it is kept nowhere by itself: it is appended together with the record of the
 * action, or dropped with the attempt. The envelope is made here, so that an action cannot say another cause, hop or path than its own.
 */
import { checkEvent, makeEvent } from '../base/envelope.ts'
import type { CloudEvent, EventInput } from '../base/envelope.ts'
import { CodecTooLarge } from '../base/codec.ts'
import { InvalidArgument, LimitExceeded } from '../base/error.ts'
import { checkKeys, plainName } from '../base/limit.ts'
import { decodeData } from '../journal/data-text.ts'
import { EventTooLarge } from '../journal/error.ts'
import type { StreamAppend } from '../journal/journal.ts'
import type { EmitOptions } from './choreography.ts'
import type { Parts } from './parts.ts'

/** Events of one attempt. */
const emissionsMax = 1000

type Attributes = Pick<EventInput<unknown>, 'subject' | 'domain' | 'criticality'>

export class Emission {
  readonly #parts: Parts
  readonly #rule: string
  readonly #cause: CloudEvent
  readonly #traceparent: string | undefined
  readonly #streams = new Map<string, CloudEvent[]>()
  count = 0
  /** The attempt has ended. */
  over = false

  constructor(parts: Parts, rule: string, cause: CloudEvent, traceparent: string | undefined) {
    this.#parts = parts
    this.#rule = rule
    this.#cause = cause
    this.#traceparent = traceparent ?? cause.traceparent
  }

  readonly emit = (type: string, data: unknown, options: EmitOptions = {}): void => {
    if (this.over) throw new InvalidArgument('emit', 'must not be called after its action has ended')
    checkKeys('options', options, ['subject', 'domain', 'criticality', 'stream'])
    if (this.count >= emissionsMax) throw new LimitExceeded('events of one action', emissionsMax, this.count + 1)
    const { stream = streamOf(this.#parts.name, this.#rule), subject, domain, criticality } = options
    const attributes = {
      ...(subject !== undefined && { subject }),
      ...(domain !== undefined && { domain }),
      ...(criticality !== undefined && { criticality }),
    }
    plainName('stream', stream, this.#parts.journal.limits.streamMaxLength)
    this.#add(stream, checkEvent(this.#event(type, this.#copied(type, data), attributes)))
    this.count++
  }

  /** What was done, by its own words: it is appended at once, and the journal checks and copies it then. */
  record(type: string, data: object): StreamAppend[] {
    const { subject } = this.#cause
    this.#add(streamOf(this.#parts.name, this.#rule), this.#event(type, data, subject === undefined ? {} : { subject }))
    return Array.from(this.#streams, ([stream, events]) => ({ stream, events }))
  }

  #event(type: string, data: unknown, attributes: Attributes): CloudEvent {
    const traceparent = this.#traceparent === undefined ? {} : { traceparent: this.#traceparent }
    const { source, clock, id } = this.#parts
    const via = `rule:${this.#rule}`
    const given = { type, source, data, cause: this.#cause, via, ...attributes, ...traceparent }
    return makeEvent(given, { clock, id })
  }

  #add(stream: string, event: CloudEvent): void {
    const events = this.#streams.get(stream)
    if (events) events.push(event)
    else this.#streams.set(stream, [event])
  }

  /** As they will be read: what the action changes later changes nothing. */
  #copied(type: string, data: unknown): unknown {
    try {
      return decodeData(this.#parts.encode(data).text)
    } catch (error) {
      const { eventMaxBytes } = this.#parts.journal.limits
      if (error instanceof CodecTooLarge) throw new EventTooLarge(type, eventMaxBytes, { cause: error })
      throw error
    }
  }
}

/** Where a rule's records are, and by default what it emits. */
export function streamOf(choreography: string, rule: string): string {
  return `choreography/${choreography}/${rule}`
}
