/**
 * The history of one run, read from its stream: what the machine is rebuilt from, whoever worked on it last. It changes nothing and knows no
 * definition.
 */
import type { CloudEvent } from '../base/envelope.ts'
import type { Journal, Position } from '../journal/journal.ts'
import type { RunRecord } from './core/record.ts'
import { HistoryUnreadable } from './error.ts'
import { recordsOf, runStream, startedOf } from './event.ts'
import type { MigratedData, StartedData, TakenData } from './event.ts'

export interface History {
  readonly run: string
  readonly started: CloudEvent
  readonly data: StartedData
  /** Those of all turns, in order. */
  readonly records: readonly RunRecord[]
  /** Of the stream. */
  readonly version: number
  readonly worker: string
  /** Where its first event is. */
  readonly position: Position
  /** The definition that it is pinned to by now. */
  readonly pinned: { readonly version: number; readonly hash: string }
}

/** Undefined when there is no such run. Throws `workflow.history_unreadable`. */
export async function readHistory(journal: Journal, run: string): Promise<History | undefined> {
  let first: { readonly event: CloudEvent; readonly data: StartedData; readonly position: Position } | undefined
  let version = 0
  let worker = ''
  let pinned = { version: 0, hash: '' }
  const records: RunRecord[] = []
  for await (const recorded of journal.read(runStream(run))) {
    const { event } = recorded
    version = recorded.version
    if (!first) {
      if (event.type !== 'saga.started')
        throw new HistoryUnreadable(run, `it begins with ${event.type}; its beginning was erased`)
      const data = startedOf(run, event.data)
      first = { event, data, position: recorded.position }
      worker = data.worker
      pinned = { version: data.version, hash: data.hash }
      records.push(...data.records)
      continue
    }
    records.push(...recordsOf(run, event.data))
    if (event.type === 'saga.taken') worker = (event.data as TakenData).worker
    if (event.type === 'saga.migrated') {
      const { version: to, hash } = event.data as MigratedData
      pinned = { version: to, hash }
    }
  }
  if (!first) return undefined
  return { run, started: first.event, data: first.data, records, version, worker, position: first.position, pinned }
}

/** True when it has ended, and not only rests. */
export function isOver({ records }: History): boolean {
  const last = records.at(-1)?.is
  return last === 'completed' || last === 'compensated'
}
