/**
 * Records: how persistent actors of one system reach the journal: the port, and who makes the events that go into it. Unlike
 * the journal it knows whose events they are; it keeps nothing itself.
 */
import type { Clock } from '../base/clock.ts'
import { isoTime } from '../base/envelope.ts'
import type { CloudEvent } from '../base/envelope.ts'
import { idSource } from '../base/id.ts'
import type { Random } from '../base/random.ts'
import type { Journal } from '../journal/journal.ts'

/** What an event is made of, beside what the system knows. */
export interface RecordInput {
  /** Type of the actor. */
  readonly actor: string
  readonly type: string
  readonly data: unknown
  readonly correlation: string | undefined
  /** Id of the command that led to it. */
  readonly command: string | undefined
}

/** Of the source of an event: who made it, on whatever node. */
export function sourceEnd(actor: string): string {
  return `/${encodeURIComponent(actor)}`
}

export interface Records {
  readonly journal: Journal
  event(input: RecordInput): CloudEvent
}

export function recordsOf(
  journal: Journal,
  options: { readonly node: string; readonly clock: Clock; readonly random: Random },
): Records {
  const { node, clock } = options
  const nextId = idSource(clock, options.random)
  return {
    journal,
    event({ actor, type, data, correlation, command }) {
      const id = nextId()
      return {
        specversion: '1.0',
        id,
        source: `/${encodeURIComponent(node)}${sourceEnd(actor)}`,
        type,
        time: isoTime(clock.now()),
        datacontenttype: 'application/json',
        correlationid: correlation ?? command ?? id,
        ...(command !== undefined && { causationid: command }),
        data,
      }
    },
  }
}
