/**
 * The history of a run turn by turn, and each record in words. Unlike `readHistory`, from which the machine is rebuilt, it keeps the times,
 * and is for people. It knows no definition.
 */
import type { Journal, Recorded } from '../journal/journal.ts'
import type { Fault, RunRecord, Why } from './core/record.ts'
import { recordsOf, runStream, startedOf } from './event.ts'
import type { MigratedData, TakenData } from './event.ts'

/** What was written at once. */
export interface Turn {
  readonly run: string
  /** Of the run's stream, from 1. */
  readonly version: number
  readonly time?: string
  readonly type: string
  /** Who works on it from here on. */
  readonly worker?: string
  /** The version of the saga that it is pinned to from here on. */
  readonly sagaVersion?: number
  readonly records: readonly RunRecord[]
}

/** All turns, the first first. Throws `workflow.history_unreadable`. */
export async function* turnsOf(journal: Journal, run: string): AsyncGenerator<Turn, void> {
  for await (const recorded of journal.read(runStream(run))) yield turnOf(run, recorded)
}

/** One event of a run's stream. Throws `workflow.history_unreadable`. */
export function turnOf(run: string, { version, event }: Pick<Recorded, 'version' | 'event'>): Turn {
  const { type, time, data } = event
  const turn = { run, version, type, ...(time !== undefined && { time }), records: recordsOf(run, data) }
  switch (type) {
    case 'saga.started': {
      const { worker, version: sagaVersion } = startedOf(run, data)
      return { ...turn, worker, sagaVersion }
    }
    case 'saga.taken':
      return { ...turn, worker: (data as TakenData).worker }
    case 'saga.migrated':
      return { ...turn, sagaVersion: (data as MigratedData).version }
    default:
      return turn
  }
}

/** What a turn says beside its records; undefined for one that says nothing. */
export function turnText({ type, worker = '', sagaVersion = 0 }: Turn): string | undefined {
  switch (type) {
    case 'saga.started':
      return `started by the worker ${worker}, in version ${sagaVersion}`
    case 'saga.taken':
      return `taken up by the worker ${worker}`
    case 'saga.migrated':
      return `moved to version ${sagaVersion}`
    case 'saga.reopened':
      return 'goes on although it had ended, because its parent is undone'
    default:
      return undefined
  }
}

export function recordText(record: RunRecord): string {
  switch (record.is) {
    case 'begun':
      return `${record.step} began${record.untilMs === undefined ? '' : `, until ${timeText(record.untilMs)}`}`
    case 'done':
      return `${record.step} is done${record.signal === undefined ? '' : `, by the signal of the id ${record.signal}`}`
    case 'tried':
    case 'undoTried': {
      const what = record.is === 'tried' ? record.step : `the undo of ${record.step}`
      return `${what} failed in attempt ${record.attempt}, again at ${timeText(record.atMs)}: ${faultText(record.fault)}`
    }
    case 'failed':
      return `${record.step} failed for good${record.clean ? ', leaving nothing' : ''}: ${faultText(record.fault)}`
    case 'stopped':
      return `${record.step} was given up; whether it had its effect is not known`
    case 'held':
      return `${record.step}: its child rests for an operator: ${faultText(record.fault)}`
    case 'chosen':
      return `${record.step} goes the way ${record.case}`
    case 'spread':
      return `${record.step} has ${record.items.length} items`
    case 'verdict':
      return `${whys[record.why]}${record.undo ? 'it goes back' : 'it stops where it is'}: ${faultText(record.fault)}`
    case 'undoing':
      return `undoes ${record.steps.join(', ')}`
    case 'undone':
      return `${record.step} is undone`
    case 'undoFailed':
      return `the undo of ${record.step} failed for good: ${faultText(record.fault)}`
    case 'signalled':
      return `the signal ${record.signal} came, its id ${record.id}`
    case 'resolved':
      return `${record.by ?? 'an operator'} said ${record.how} of ${record.step}${record.note === undefined ? '' : `: ${record.note}`}`
    case 'locked':
    case 'freed':
    case 'lost':
    case 'attention':
    case 'completed':
    case 'compensated':
      return wholeText(record)
    default:
      return record satisfies never
  }
}

/** Those that are of the run and of none of its steps. */
function wholeText(
  record: Extract<RunRecord, { is: 'locked' | 'freed' | 'lost' | 'attention' | 'completed' | 'compensated' }>,
): string {
  switch (record.is) {
    case 'locked':
      return `holds ${record.names.join(', ')}`
    case 'freed':
      return `freed ${record.names.join(', ')}`
    case 'lost':
      return 'whoever worked on it was lost; what was in flight begins anew'
    case 'attention':
      return 'rests for an operator'
    case 'completed':
      return `completed${record.fault ? `; its output could not be made: ${faultText(record.fault)}` : ''}`
    case 'compensated':
      return 'compensated: all that could be undone is undone'
    default:
      return record satisfies never
  }
}

const whys: Readonly<Record<Why, string>> = {
  failed: 'a step failed, ',
  cancelled: 'it was cancelled, ',
  deadline: 'its time was over, ',
  parent: 'its parent is undone, ',
}

export function faultText({ name, code, message }: Fault): string {
  return `${message} (${code === '' || code === 'unknown' ? name : code})`
}

export function timeText(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms)
}
