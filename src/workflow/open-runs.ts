/** Which runs a worker left open, found in the journal after a position. It reads the beginnings and ends of runs, not their turns. */
import type { Journal, Position } from '../journal/journal.ts'
import { openTypes } from './event.ts'

/** The open runs that this worker was the last to work on, the oldest first. */
export async function openRunsOf(journal: Journal, worker: string, from: Position): Promise<string[]> {
  const open = new Map<string, string>()
  for await (const { event } of journal.readAll({ from, filter: { types: openTypes } })) {
    const { subject: run, type } = event
    if (run === undefined) continue
    if (type === 'saga.completed' || type === 'saga.compensated') open.delete(run)
    else if (type === 'saga.reopened') open.set(run, open.get(run) ?? worker)
    else open.set(run, (event.data as { readonly worker?: string }).worker ?? '')
  }
  return [...open].flatMap(([run, owner]) => (owner === worker ? [run] : []))
}
