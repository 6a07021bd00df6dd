/**
 * How a run stands in the journal: one stream, one event for each turn of its machine. The type says the most telling thing of the turn,
 * so that others can follow the ends of sagas by type; the records are in the data. Unlike the records it has ids, times and causes.
 */
import { isRecord } from './core/record.ts'
import type { RunRecord } from './core/record.ts'
import { HistoryUnreadable } from './error.ts'

export type SagaEventType =
  | 'saga.started'
  | 'saga.advanced'
  | 'saga.reopened'
  | 'saga.taken'
  | 'saga.migrated'
  | 'saga.completed'
  | 'saga.compensated'
  | 'saga.needs_attention'

/** Those that say whether a run is open, and whose. */
export const openTypes: readonly SagaEventType[] = [
  'saga.started',
  'saga.reopened',
  'saga.taken',
  'saga.completed',
  'saga.compensated',
]

export interface Parent {
  readonly run: string
  readonly step: string
}

export interface StartedData {
  readonly saga: string
  readonly version: number
  readonly hash: string
  readonly input?: unknown
  readonly worker: string
  readonly parent?: Parent
  /** The run that its locks belong to. */
  readonly root?: string
  /** When the time until its pivot is over. */
  readonly dueMs?: number
  readonly records: readonly RunRecord[]
}

export interface TurnData {
  readonly records: readonly RunRecord[]
}

export interface TakenData extends TurnData {
  readonly worker: string
}

export interface MigratedData extends TurnData {
  readonly version: number
  readonly hash: string
}

export const runStreams = 'saga/'

export function runStream(run: string): string {
  return `${runStreams}${run}`
}

/** The stream of what a run's steps emit. */
export function emitStream(run: string): string {
  return `saga-event/${run}`
}

export function lockStream(lock: string): string {
  return `saga-lock/${lock}`
}

/** What the turn is called: by the last record that says how the run stands. */
export function turnType(records: readonly RunRecord[]): SagaEventType {
  for (let at = records.length - 1; at >= 0; at--) {
    const { is } = records[at] as RunRecord
    if (is === 'completed') return 'saga.completed'
    if (is === 'compensated') return 'saga.compensated'
    if (is === 'attention') return 'saga.needs_attention'
  }
  return 'saga.advanced'
}

/** The records of an event. Throws `workflow.history_unreadable`. */
export function recordsOf(run: string, data: unknown): readonly RunRecord[] {
  const records: unknown = typeof data === 'object' && data !== null && 'records' in data ? data.records : undefined
  if (!Array.isArray(records)) throw new HistoryUnreadable(run, 'an event of it has no records')
  const bad = records.findIndex((record) => !isRecord(record))
  if (bad !== -1)
    throw new HistoryUnreadable(
      run,
      `it holds ${JSON.stringify(records[bad]).slice(0, 100)}, which this version does not know`,
    )
  return records as readonly RunRecord[]
}

/** The data of the first event. Throws `workflow.history_unreadable`. */
export function startedOf(run: string, data: unknown): StartedData {
  const records = recordsOf(run, data)
  const given = data as Partial<StartedData>
  if (typeof given.saga !== 'string' || !Number.isSafeInteger(given.version) || typeof given.hash !== 'string')
    throw new HistoryUnreadable(run, 'its first event names no saga')
  return { ...(given as StartedData), records }
}
