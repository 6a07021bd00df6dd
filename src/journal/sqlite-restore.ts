/**
 * The procedures of the sqlite driver that bring erased events back. What is staged stands below the first version of its
 * stream, where no reader looks and the next erasing would take it; one last step lowers that first version over all of it.
 * So a crash in the middle leaves what was there before, and something to erase.
 */
import { procedure } from '../store/procedure.ts'
import type { Procedure, Transaction } from '../store/store.ts'
import type { RestoreFault } from './restore-fault.ts'
import { headPosition } from './sqlite-filter.ts'
import { insertEvents } from './sqlite-insert.ts'

export interface StageArgs {
  readonly stream: string
  readonly from: number
  /** Of the events, one after the other. */
  readonly words: readonly unknown[]
  readonly positions: readonly number[]
}

/** Keeps events below the first version of their stream; null, or why they cannot be there. */
export const stage: Procedure<StageArgs, RestoreFault | null> = procedure(import.meta.url, 'stage', (tx, args) => {
  const { stream, from, words, positions } = args
  const found = tx.sql('SELECT id, first FROM journal_stream WHERE name = ?').get(stream)
  if (!found) return { version: from, why: 'no-stream' }
  const [id, first] = [Number(found['id']), Number(found['first'])]
  if (from + positions.length > first) return { version: Math.max(from, first), why: 'kept' }
  const fault = placeFault(tx, id, from, positions)
  if (fault) return fault
  insertEvents(tx, { id, words, at: 0, count: positions.length, firstVersion: from, positions })
  tx.sql('UPDATE journal_stream SET erased = min(erased, ?) WHERE id = ?').run(from, id)
  return null
})

/** Positions rise with versions, below those of what is kept, and no other event has them. */
function placeFault(tx: Transaction, id: number, from: number, positions: readonly number[]): RestoreFault | null {
  const at = (order: string, version: number) => {
    const text = `SELECT position FROM journal_event WHERE stream = ? AND version ${order} LIMIT 1`
    return tx.sql(text).get(id, version)?.['position']
  }
  let before = Number(at('< ? ORDER BY version DESC', from) ?? 0)
  const after = at('>= ? ORDER BY version', from)
  const head = headPosition(tx)
  const taken = tx.sql('SELECT 1 FROM journal_event WHERE position = ?')
  for (const [index, position] of positions.entries()) {
    const version = from + index
    if (position > head) return { version, why: 'position-beyond' }
    if (position <= before || (after !== undefined && position >= Number(after)))
      return { version, why: 'position-order' }
    if (taken.get(position)) return { version, why: 'position-taken' }
    before = position
  }
  return null
}

/** Readers see what was staged from this version on; null, or why not. */
export const reveal: Procedure<{ stream: string; from: number }, RestoreFault | null> = procedure(
  import.meta.url,
  'reveal',
  (tx, { stream, from }) => {
    const found = tx.sql('SELECT id, first FROM journal_stream WHERE name = ?').get(stream)
    if (!found) return { version: from, why: 'no-stream' }
    const [id, first] = [Number(found['id']), Number(found['first'])]
    const there = tx
      .sql(
        'SELECT count(*) AS n, max(version) AS last FROM journal_event WHERE stream = ? AND version >= ? AND version < ?',
      )
      .get(id, from, first)
    const last = Number(there?.['last'] ?? from - 1)
    if (Number(there?.['n']) !== last - from + 1) return { version: from, why: 'erased-again' }
    if (last !== first - 1) return { version: last, why: 'gap' }
    tx.sql('UPDATE journal_stream SET first = ?2, erased = ?2 WHERE id = ?1').run(id, from)
    return null
  },
)
