/**
 * The procedure of the sqlite driver that appends, with its expectations, conditions and keys. The store runs it in its
 * worker thread and imports this module there; it holds no state, imports little, and knows neither codec nor cursor.
 */
import { procedure } from '../store/procedure.ts'
import type { Procedure, Transaction } from '../store/store.ts'
import { meets } from './expectation.ts'
import type { AppendOutcome, AppendRequest, End } from './numbered-backend.ts'
import { firstMatch, headPosition } from './sqlite-filter.ts'
import { insertEvents } from './sqlite-insert.ts'
import type { EventValues } from './sqlite-insert.ts'

export interface StreamArgs {
  readonly stream: string
  readonly expected: number
  readonly ends: boolean
  /** One array an event. */
  readonly events: readonly EventValues[]
  /** Of the content of each event. */
  readonly checksums: readonly number[]
}

export interface AppendArgs extends Omit<AppendRequest, 'appends'> {
  readonly appends: readonly StreamArgs[]
}

/** A stream before the append. Without an id it does not exist. */
interface Known {
  readonly id: number | undefined
  readonly version: number
}

/** A key is known as long as readers see the last event of its append; its row is erased a little later. */
const keyKept = `SELECT k.fingerprint, k.ends FROM journal_key k
  JOIN journal_stream s ON s.id = k.stream AND k.version >= s.first WHERE k.key = ?`

/** Appends events to streams if all is as expected. The refusal is a result: it leaves nothing to undo. */
export const append: Procedure<AppendArgs, AppendOutcome> = procedure(import.meta.url, 'append', (tx, args) => {
  const { appends, key, fingerprint, unless } = args
  if (key !== null) {
    const before = tx.sql(keyKept).get(key)
    if (before && before['fingerprint'] !== fingerprint) return { kind: 'key-reused' }
    if (before) return { kind: 'appended', ends: JSON.parse(String(before['ends'])) as End[], duplicate: true }
  }
  const found: Known[] = []
  for (const [at, { stream, expected }] of appends.entries()) {
    const row = tx.sql('SELECT id, version, ended FROM journal_stream WHERE name = ?').get(stream)
    const version = Number(row?.['version'] ?? 0)
    if (row?.['ended'] === 1) return { kind: 'ended', at }
    if (!meets(expected, version)) return { kind: 'wrong-version', at, actual: version }
    found.push({ id: row && Number(row['id']), version })
  }
  let position = headPosition(tx)
  if (unless !== null) {
    if (unless.after > position) return { kind: 'beyond', head: position }
    for (const filter of unless.filters) {
      const match = firstMatch(tx, unless.after, position, filter)
      if (match !== undefined) return { kind: 'condition', position: match }
    }
  }
  const ends: End[] = []
  for (const [at, stream] of appends.entries()) {
    const end = appendOne(tx, stream, found[at] as Known, position)
    position = end.position
    ends.push(end)
  }
  if (key !== null) keepKey(tx, args, key, ends)
  return { kind: 'appended', ends, duplicate: false }
})

/** Where the append under this key ended; null when no such key is known. */
export const keyEnds: Procedure<string, readonly End[] | null> = procedure(import.meta.url, 'keyEnds', (tx, key) => {
  const before = tx.sql(keyKept).get(key)
  return before ? (JSON.parse(String(before['ends'])) as End[]) : null
})

function appendOne(tx: Transaction, args: StreamArgs, known: Known, after: number): End {
  const { stream, events, checksums, ends } = args
  const version = known.version + events.length
  const id =
    known.id ?? tx.sql('INSERT INTO journal_stream (name, version) VALUES (?, ?)').run(stream, version).lastInsertRowid
  if (known.id !== undefined) tx.sql('UPDATE journal_stream SET version = ? WHERE id = ?').run(version, id)
  insertEvents(tx, { id, events, checksums, firstVersion: known.version + 1, positions: after + 1 })
  if (ends) tx.sql('UPDATE journal_stream SET ended = 1, first = version WHERE id = ?').run(id)
  return { version, position: after + events.length }
}

function keepKey(tx: Transaction, { appends, fingerprint }: AppendArgs, key: string, ends: readonly End[]): void {
  const { version } = ends.at(-1) as End
  tx.sql(
    `INSERT OR REPLACE INTO journal_key (key, fingerprint, ends, stream, version)
     VALUES (?, ?, ?, (SELECT id FROM journal_stream WHERE name = ?), ?)`,
  ).run(key, fingerprint, JSON.stringify(ends), appends.at(-1)?.stream ?? '', version)
}
