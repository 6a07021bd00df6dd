/**
 * In which order a saga is undone (Garcia-Molina and Salem, Sagas, 1987; Cloudflare Workflows for steps without an end): first what began and
 * never finished, whose outputs are not known, then what is done in the reverse of the order in which it was done, what ran in
 * parallel together. Pure.
 */
import { isFinished, isUndoable } from './entry.ts'
import type { Entry } from './entry.ts'

/** The keys to undo next, at once; none when nothing is left that can be undone by itself. */
export function nextUndo(entries: Iterable<Entry>): string[] {
  const units = new Map<string, { order: number; keys: string[] }>()
  const unfinished: string[] = []
  for (const entry of entries) {
    if (!isUndoable(entry) || entry.status === 'undoFailed') continue
    if (!isFinished(entry)) {
      unfinished.push(entry.key)
      continue
    }
    const unit = units.get(entry.unit)
    if (!unit) units.set(entry.unit, { order: entry.order, keys: [entry.key] })
    else {
      unit.order = Math.max(unit.order, entry.order)
      unit.keys.push(entry.key)
    }
  }
  if (unfinished.length > 0) return unfinished
  let last: { order: number; keys: string[] } | undefined
  for (const unit of units.values()) if (!last || unit.order > last.order) last = unit
  return last?.keys ?? []
}
