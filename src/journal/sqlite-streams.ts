/**
 * The procedures of the sqlite driver around a stream as a whole: what is known of it, what of it is no longer kept. They
 * erase in small steps, so that appends of others find their place between them.
 */
import { procedure } from '../store/procedure.ts'
import type { Procedure, Row, Transaction } from '../store/store.ts'
import type { StreamMetadata } from './journal.ts'
import type { NamedState, RetainPage, RetainQuery, StreamsQuery, StreamState } from './numbered-backend.ts'
import { successor } from './sqlite-filter.ts'

export const state: Procedure<string, StreamState> = procedure(import.meta.url, 'state', (tx, stream) => {
  const found = tx.sql('SELECT version, first, ended, metadata FROM journal_stream WHERE name = ?').get(stream)
  return found ? stateOf(found) : { version: 0, first: 1, ended: false, metadata: {} }
})

/** The next streams by name. SQLite compares texts by their bytes in UTF-8, which is the order of code points. */
export const streamsPage: Procedure<StreamsQuery, NamedState[]> = procedure(
  import.meta.url,
  'streamsPage',
  (tx, { prefix, after, limit }) => {
    const columns = 'name, version, first, ended, metadata'
    const end = successor(prefix)
    const rows =
      end === undefined
        ? tx
            .sql(`SELECT ${columns} FROM journal_stream WHERE name > ? AND name >= ? ORDER BY name LIMIT ?`)
            .all(after, prefix, limit)
        : tx
            .sql(
              `SELECT ${columns} FROM journal_stream WHERE name > ? AND name >= ? AND name < ? ORDER BY name LIMIT ?`,
            )
            .all(after, prefix, end, limit)
    return rows.map((row) => ({ stream: String(row['name']), ...stateOf(row) }))
  },
)

function stateOf(row: Row): StreamState {
  const { version, first, ended } = row
  return { version: Number(version), first: Number(first), ended: ended === 1, metadata: metadataOf(row) }
}

function metadataOf({ metadata }: Row): StreamMetadata {
  return metadata === null || metadata === undefined ? {} : (JSON.parse(String(metadata)) as StreamMetadata)
}

export const setMetadata: Procedure<{ stream: string; metadata: string | null }, void> = procedure(
  import.meta.url,
  'setMetadata',
  (tx, { stream, metadata }) => {
    tx.sql(
      `INSERT INTO journal_stream (name, version, metadata) VALUES (?, 0, ?)
       ON CONFLICT (name) DO UPDATE SET metadata = excluded.metadata`,
    ).run(stream, metadata)
  },
)

/** Readers see nothing below `first` any more; false when that is beyond the last version plus one. */
export const keepFrom: Procedure<{ stream: string; first: number }, boolean> = procedure(
  import.meta.url,
  'keepFrom',
  (tx, { stream, first }) => {
    const found = tx.sql('SELECT id, version FROM journal_stream WHERE name = ?').get(stream)
    if (first > Number(found?.['version'] ?? 0) + 1) return false
    if (found) raiseFirst(tx, Number(found['id']), first)
    return true
  },
)

function raiseFirst(tx: Transaction, id: number, first: number): void {
  tx.sql('UPDATE journal_stream SET first = ?2 WHERE id = ?1 AND first < ?2').run(id, first)
}

/** Events of one step: some milliseconds. */
const stepMax = 500

/** Erases the oldest events that readers no longer see; returns how many, 0 at the end. */
export const eraseSome: Procedure<string, number> = procedure(import.meta.url, 'eraseSome', (tx, stream) => {
  const found = tx.sql('SELECT id, first, erased FROM journal_stream WHERE name = ?').get(stream)
  const [id, first, erased] = [Number(found?.['id']), Number(found?.['first']), Number(found?.['erased'])]
  if (!found || erased >= first) return 0
  const until = Math.min(first, erased + stepMax)
  const range = [id, erased, until] as const
  const highest = tx
    .sql('SELECT max(position) AS position FROM journal_event WHERE stream = ? AND version >= ? AND version < ?')
    .get(...range)?.['position']
  const { changes } = tx
    .sql('DELETE FROM journal_event WHERE stream = ? AND version >= ? AND version < ?')
    .run(...range)
  tx.sql('DELETE FROM journal_key WHERE stream = ? AND version >= ? AND version < ?').run(...range)
  tx.sql('UPDATE journal_floor SET position = max(position, ?)').run(Number(highest ?? 0))
  tx.sql('UPDATE journal_stream SET erased = ? WHERE id = ?').run(until, id)
  return changes
})

/** Streams of one page. */
const streamsMax = 64

/** Moves the first version of some streams to where their metadata say. */
export const retainSome: Procedure<RetainQuery, RetainPage> = procedure(
  import.meta.url,
  'retainSome',
  (tx, { after, nowMs }) => {
    const found = tx
      .sql(
        `SELECT id, name, version, first, erased, metadata FROM journal_stream
         WHERE (metadata IS NOT NULL OR erased < first) AND id > ? ORDER BY id LIMIT ?`,
      )
      .all(after, streamsMax)
    const streams: string[] = []
    for (const row of found) {
      const first = firstKept(tx, row, nowMs)
      raiseFirst(tx, Number(row['id']), first)
      if (Number(row['erased']) < first) streams.push(String(row['name']))
    }
    const last = found.length < streamsMax ? undefined : found.at(-1)
    return { streams, next: last ? Number(last['id']) : null }
  },
)

function firstKept(tx: Transaction, row: Row, nowMs: number): number {
  const { maxCount, maxAgeMs } = metadataOf(row)
  const version = Number(row['version'])
  const first = Math.max(Number(row['first']), maxCount === undefined ? 1 : version - maxCount + 1)
  if (maxAgeMs === undefined) return first
  const young = tx
    .sql(
      `SELECT version FROM journal_event WHERE stream = ? AND version >= ? AND (time IS NULL OR time >= ?)
       ORDER BY version LIMIT 1`,
    )
    .get(Number(row['id']), first, nowMs - maxAgeMs)
  return young ? Number(young['version']) : version + 1
}
