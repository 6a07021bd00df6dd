/**
 * Troubles: what went wrong among rules, made into cases. A parked event is told by the choreography, a reply that is absent stands in the
 * journal. Unlike a case, which goes up the levels, a trouble is only recorded here, once, with where its way begins.
 */
import { codeOf } from '../base/error.ts'
import type { CloudEvent } from '../base/envelope.ts'
import type { Trouble } from '../choreography/choreography.ts'
import type { Recorded, StreamAppend } from '../journal/journal.ts'
import type { CaseTrouble, EventRef } from './coordination.ts'
import { decisionStream, escalatedType, troubleCase } from './event.ts'
import type { Opening } from './event.ts'
import type { HandOvers } from './hand-overs.ts'
import { eventOf, recordedAt } from './parts.ts'
import type { Parts } from './parts.ts'

export class Troubles {
  readonly #parts: Parts
  readonly #handOvers: HandOvers

  constructor(parts: Parts, handOvers: HandOvers) {
    this.#parts = parts
    this.#handOvers = handOvers
  }

  /** An event that a rule has parked; once for each time it was parked. */
  async parked(trouble: Trouble): Promise<void> {
    const { kind, code, reason, rule, key, event, stream, version, id, parkedAtMs, correlationid } = trouble
    const about: CaseTrouble = { kind, code, reason, rule, ...(key !== undefined && { key }) }
    // One that was erased is still known by where it stood.
    const told = event ?? erased(correlationid)
    const ref: EventRef = { stream, version, id: told.id, source: told.source, type: told.type }
    await this.#escalate(about, ref, told, [rule, stream, String(version), String(id), String(parkedAtMs)])
  }

  /** An event `agent.reply.absent`; what was waited on is what the case is about. */
  async absent({ event: told, stream, version }: Recorded): Promise<void> {
    const data = told.data as { rule?: unknown; key?: unknown; withinMs?: unknown; event?: Partial<EventRef> } | null
    const { stream: at, version: nth, id, source, type } = data?.event ?? {}
    if (at === undefined || nth === undefined || id === undefined || source === undefined || type === undefined) return
    const about: CaseTrouble = {
      kind: 'absent',
      code: 'coordination.absent',
      reason: `no reply came within ${String(data?.withinMs)} ms`,
      ...(typeof data?.rule === 'string' && { rule: data.rule }),
      ...(typeof data?.key === 'string' && { key: data.key }),
    }
    const ref: EventRef = { stream: at, version: nth, id, source, type }
    const waited = await recordedAt(this.#parts.journal, ref)
    await this.#escalate(about, ref, waited?.event ?? told, [stream, String(version)])
  }

  async #escalate(trouble: CaseTrouble, ref: EventRef, event: CloudEvent, facts: readonly string[]): Promise<void> {
    const { journal, name, escalation, routing, telemetry } = this.#parts
    if (!escalation.on.has(trouble.kind)) return
    const caseId = troubleCase(...facts)
    const level = routing.levels.levelOf(event)
    const { reason } = trouble
    const opening: Opening = { case: caseId, kind: 'trouble', level, reason, ref, trouble }
    const key = `coordination/${name}/trouble/${caseId}`
    const escalated = (data: Opening): StreamAppend => ({
      stream: decisionStream(name),
      events: [eventOf(this.#parts, escalatedType, data, event)],
    })
    if (await journal.appended(key)) return
    telemetry.count('colloquy.coordination.escalated', 1, { kind: trouble.kind })
    if (escalation.handOver.has(trouble.kind) && !(await this.#handOvers.of(event))) {
      const { append, options } = await this.#handOvers.appendOf(event, 'correlation', { case: caseId, level, reason })
      try {
        const data: Opening = { ...opening, takenOver: 'correlation' }
        await journal.appendMany([escalated(data), append], { ...options, idempotencyKey: key })
        return
      } catch (thrown) {
        // Somebody has the conversation already: then it goes up without it.
        if (codeOf(thrown) !== 'journal.wrong_version' && codeOf(thrown) !== 'journal.key_reused') throw thrown
      } finally {
        this.#handOvers.forget(event)
      }
      if (await journal.appended(key)) return
    }
    await journal.appendMany([escalated(opening)], { idempotencyKey: key })
  }
}

/** Of a conversation without the event that was parked. */
function erased(correlationid: string): CloudEvent {
  return { specversion: '1.0', id: correlationid, source: '/erased', type: 'erased', correlationid, data: undefined }
}
