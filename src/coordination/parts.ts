/** What the parts of one running coordinator share: its ports, its rules, and how its events are made. Types and small helpers. */
import type { Clock } from '../base/clock.ts'
import { makeEvent } from '../base/envelope.ts'
import type { CloudEvent } from '../base/envelope.ts'
import type { IdSource } from '../base/id.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Telemetry } from '../base/telemetry.ts'
import type { Journal, Recorded } from '../journal/journal.ts'
import type { Workflow } from '../workflow/workflow.ts'
import type { Answering, CompiledRouting } from './config.ts'
import type { EscalationKind, Routing } from './coordination.ts'
import type { Place } from './event.ts'

export interface Escalation {
  readonly on: ReadonlySet<EscalationKind>
  readonly handOver: ReadonlySet<EscalationKind>
  readonly attemptsMax: number
  readonly backoffMs: number
  readonly timeoutMs: number
}

export interface Parts {
  readonly name: string
  readonly source: string
  readonly journal: Journal
  readonly workflow: Workflow
  readonly routing: CompiledRouting
  /** What it was compiled from. */
  readonly given: Routing
  readonly answering: Answering
  readonly escalation: Escalation
  readonly hopsMax: number
  readonly casesPerCorrelationMax: number
  readonly doneMax: number
  readonly casesMax: number
  readonly rememberedMax: number
  readonly clock: Clock
  readonly random: Random
  readonly id: IdSource
  readonly logger: Logger
  readonly telemetry: Telemetry
  /** Aborted when it closes or has failed. */
  readonly stop: AbortSignal
  /** What comes after the first, or after it was closed, changes nothing. */
  readonly fail: (error: unknown) => void
}

/** An event of the coordinator, of the conversation of its cause. */
export function eventOf(parts: Parts, type: string, data: unknown, cause: CloudEvent): CloudEvent {
  const { source, clock, id } = parts
  const { subject, traceparent } = cause
  const about = { ...(subject !== undefined && { subject }), ...(traceparent !== undefined && { traceparent }) }
  return makeEvent({ type, source, data, cause, ...about }, { clock, id })
}

/** The event at a place, unless it was erased; where its id is told, no other that stands there since. */
export async function recordedAt(
  journal: Pick<Journal, 'read'>,
  { stream, version, id }: Place & { readonly id?: string },
): Promise<Recorded | undefined> {
  for await (const recorded of journal.read(stream, { fromVersion: version, limit: 1 }))
    return recorded.version === version && (id === undefined || recorded.event.id === id) ? recorded : undefined
  return undefined
}

/** A map that forgets what was used longest ago. */
export class Remembered<Value> {
  readonly #max: number
  readonly #values = new Map<string, Value>()

  constructor(max: number) {
    this.#max = max
  }

  get(key: string): Value | undefined {
    const value = this.#values.get(key)
    if (value === undefined) return undefined
    this.#values.delete(key)
    this.#values.set(key, value)
    return value
  }

  set(key: string, value: Value): void {
    this.#values.delete(key)
    this.#values.set(key, value)
    if (this.#values.size > this.#max) this.#values.delete(this.#values.keys().next().value as string)
  }

  delete(key: string): void {
    this.#values.delete(key)
  }
}
