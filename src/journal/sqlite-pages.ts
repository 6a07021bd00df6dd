/**
 * The procedures of the sqlite driver that read: pages of one stream, pages of all, what is too large for a page. They run
 * on the reader's thread, so each does a bounded piece of work.
 */
import { procedure } from '../store/procedure.ts'
import type { Procedure } from '../store/store.ts'
import type { AllPage, AllQuery, StreamPage, StreamQuery } from './numbered-backend.ts'
import { filteredPage, headPosition } from './sqlite-filter.ts'
import { joined, rowsOf } from './sqlite-rows.ts'

/** The version of a stream, 0 if it does not exist. */
export const version: Procedure<string, number> = procedure(import.meta.url, 'version', (tx, stream) =>
  Number(tx.sql('SELECT version FROM journal_stream WHERE name = ?').get(stream)?.['version'] ?? 0),
)

/** The last position there ever was. */
export const head: Procedure<null, number> = procedure(import.meta.url, 'head', (tx) => headPosition(tx))

/** Events of one stream by version. */
export const streamPage: Procedure<StreamQuery, StreamPage> = procedure(
  import.meta.url,
  'streamPage',
  (tx, { stream, fromVersion, untilVersion, limit, backward }) => {
    const known = tx.sql('SELECT id, version FROM journal_stream WHERE name = ?').get(stream)
    if (!known) return { rows: [], version: 0 }
    const version = Number(known['version'])
    const rows = rowsOf(
      tx,
      `journal_event e ${joined} WHERE e.stream = ? AND e.version BETWEEN ? AND ?
       ORDER BY e.version ${backward ? 'DESC' : 'ASC'} LIMIT ?`,
      [Number(known['id']), fromVersion, untilVersion ?? version, limit],
    )
    return { rows, version }
  },
)

/** The data of one event, whole; null when readers see it no more. */
export const eventData: Procedure<number, string | null> = procedure(import.meta.url, 'eventData', (tx, position) => {
  const found = tx.sql(`SELECT e.data FROM journal_event e ${joined} WHERE e.position = ?`).get(position)
  return found ? String(found['data']) : null
})

/** Events of all streams by position. */
export const allPage: Procedure<AllQuery, AllPage> = procedure(import.meta.url, 'allPage', (tx, args) => {
  const { after, limit, filter, backward } = args
  const head = headPosition(tx)
  const until = Math.min(args.until ?? head, head)
  if (until <= after) return { rows: [], next: backward ? until : after, head }
  const stretch = { after, until, limit, backward }
  if (filter !== null) return { ...filteredPage(tx, stretch, filter), head }
  const rows = rowsOf(
    tx,
    `journal_event e ${joined} WHERE e.position > ? AND e.position <= ?
     ORDER BY e.position ${backward ? 'DESC' : 'ASC'} LIMIT ?`,
    [after, until, limit],
  )
  const last = rows.at(-1)
  if (rows.length < limit || !last) return { rows, next: backward ? after : until, head }
  return { rows, next: backward ? last.position - 1 : last.position, head }
})
