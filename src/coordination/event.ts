/**
 * How a coordinator stands in the journal: its streams, the types and data of its events, the names of cases and runs. Unlike the machine of a
 * case, events have ids, times and causes.
 */
import { hash } from 'node:crypto'
import type { CloudEvent } from '../base/envelope.ts'
import type { Recorded } from '../journal/journal.ts'
import type { Fault } from '../workflow/core/record.ts'
import type { CaseKind, CaseTrouble, EventRef, HandOverScope } from './coordination.ts'
import type { CaseRecord, Outcome } from './core/case.ts'
import type { Decision } from './core/decide.ts'

export const decidedType = 'coordination.decided'
export const escalatedType = 'coordination.escalated'
export const handedOverType = 'coordination.handed_over'
export const assignedType = 'coordination.assigned'
export const unescalatedType = 'coordination.unescalated'
export const absentType = 'agent.reply.absent'

/** Types that say how decisions, actions and sagas went: they are nobody's to route. */
const own = ['coordination.', 'saga.', 'agent.action.'] as const

export function isOwn(type: string): boolean {
  return type === absentType || own.some((prefix) => type.startsWith(prefix))
}

export interface Place {
  readonly stream: string
  readonly version: number
}

/** What a case is about: it stands in the event that opens it. */
export interface Opening {
  readonly case: string
  readonly kind: CaseKind
  readonly level: string
  readonly reason: string
  readonly ref: EventRef
  readonly trouble?: CaseTrouble
  readonly takenOver?: HandOverScope
}

export interface DecidedData extends Decision {
  readonly ref: EventRef
  /** Of the rules by which it was decided. */
  readonly rules: string
  /** The case that is opened by it, or that has taken the conversation over. */
  readonly case?: string
}

export interface HandedOverData {
  readonly case: string
  readonly scope: HandOverScope
  /** Sagas of the levels that may answer: what comes through them is not withheld. */
  readonly through: readonly string[]
  readonly reason: string
  readonly by?: string
  /** Where it opens the case by itself. */
  readonly opening?: Opening
}

export interface AssignedData {
  readonly case: string
  readonly level: string
  readonly owner?: string
  readonly by: 'saga' | 'handler'
  readonly run?: string
  /** Where the case was opened. */
  readonly opened: Place
}

export interface RestedData {
  readonly case: string
  readonly kind: CaseKind
  readonly ref: EventRef
  readonly why: Fault
  readonly before: readonly { readonly level: string; readonly error: Fault }[]
  readonly opened: Place
}

export function decisionStream(name: string): string {
  return `coordination/${name}/decisions`
}

export function caseStream(name: string, caseId: string): string {
  return `coordination/${name}/case/${caseId}`
}

/** Of a whole conversation, or of what in it has one subject. */
export function handOverStream(name: string, correlation: string, subject?: string): string {
  const whole = `coordination/${name}/hand-over/${digest(correlation)}`
  return subject === undefined ? whole : `${whole}/${digest(subject)}`
}

function digest(...texts: readonly string[]): string {
  return hash('sha256', JSON.stringify(texts), 'base64url')
}

export function eventKey({ source, id }: Pick<CloudEvent, 'source' | 'id'>): string {
  return digest(source, id)
}

export function decisionKey(name: string, key: string): string {
  return `coordination/${name}/decision/${key}`
}

export function routeCase(key: string): string {
  return `r-${key}`
}

export function troubleCase(...facts: readonly string[]): string {
  return `t-${digest(...facts)}`
}

export function handOverCase(stream: string): string {
  return `h-${digest(stream)}`
}

export function runId(name: string, caseId: string, nth: number): string {
  return `coordination.${name}.${caseId}.${nth}`
}

/** The case whose run this is. */
export function caseOfRun(name: string, run: string): string | undefined {
  const prefix = `coordination.${name}.`
  if (!run.startsWith(prefix)) return undefined
  const [caseId, nth, ...more] = run.slice(prefix.length).split('.')
  return caseId === undefined || nth === undefined || more.length > 0 ? undefined : caseId
}

export function refOf({ stream, version, event: { id, source, type } }: Recorded): EventRef {
  return { stream, version, id, source, type }
}

export function correlationOf({ correlationid, id }: CloudEvent): string {
  return correlationid ?? id
}

/** What an event of a case's stream says to its machine; undefined for types that later versions may add. */
export function recordOf({ type, data }: CloudEvent): CaseRecord | undefined {
  switch (type) {
    case assignedType: {
      const { level, by, run } = data as AssignedData
      return { is: 'assigned', level, by, ...(run !== undefined && { run }) }
    }
    case 'coordination.failed': {
      const { level, error } = data as { readonly level: string; readonly error: Fault }
      return { is: 'failed', level, error }
    }
    case 'coordination.settled': {
      const { level, outcome } = data as { readonly level: string; readonly outcome: Outcome }
      return { is: 'settled', level, outcome }
    }
    case unescalatedType:
      return { is: 'rested', why: (data as RestedData).why }
    case 'coordination.reopened':
      return { is: 'reopened' }
    default:
      return undefined
  }
}

/** The opening of a case, in whichever event it stands; undefined when the event opens none. */
export function openingOf({ type, data }: CloudEvent): Opening | undefined {
  switch (type) {
    case decidedType: {
      const { route, case: caseId, level, reason, ref, handOver } = data as DecidedData
      if (caseId === undefined || (route !== 'saga' && route !== 'escalation')) return undefined
      const kind = route === 'saga' ? 'route' : 'unknown'
      return { case: caseId, kind, level, reason, ref, ...(handOver && { takenOver: handOver }) }
    }
    case escalatedType:
      return data as Opening
    case handedOverType:
      return (data as HandedOverData).opening
    default:
      return undefined
  }
}
