/**
 * The procedure of the sqlite driver that appends, with its expectations, conditions and keys. The store runs it in its
 * worker thread and imports this module there; it holds no state, imports little, and knows neither codec nor cursor.
 */
import { procedure } from '../store/procedure.ts'
import type { Procedure, Transaction } from '../store/store.ts'
import { meets } from './expectation.ts'
import type { AppendOutcome, AppendRequest, End } from './numbered-backend.ts'
import { firstMatch, headPosition } from './sqlite-filter.ts'
import { insertEvents, pushEvent, wordsPerEvent } from './sqlite-insert.ts'

/** A key is known as long as readers see the last event of its append; its row is erased a little later. */
const keyKept = `SELECT k.fingerprint, k.ends FROM journal_key k
  JOIN journal_stream s ON s.id = k.stream AND k.version >= s.first WHERE k.key = ?`

/**
 * An append as it crosses to the worker, in one flat list, which goes through a structured clone in a third of the time: the
 * key, the fingerprint, the condition; then for each stream its name, what is expected, whether it ends, how many events,
 * and the words of those.
 */
export type AppendArgs = readonly unknown[]

export function appendArgs({ key, fingerprint, unless, appends }: AppendRequest): AppendArgs {
  const words: unknown[] = [key, fingerprint, unless]
  for (const { stream, expected, ends, events } of appends) {
    words.push(stream, expected, ends, events.length)
    for (const event of events) pushEvent(words, stream, event)
  }
  return words
}

/** A stream of the append, as the worker finds it. */
interface Found {
  readonly stream: string
  /** Of its row; undefined where there is none. */
  readonly id: number | undefined
  readonly version: number
  readonly ends: boolean
  readonly count: number
  /** Where the words of its events begin. */
  readonly at: number
}

/** Version and position of each end in turn, the most of all answers; else what happened instead. */
export type AppendResult = readonly number[] | AppendOutcome

export function outcomeOf(result: AppendResult): AppendOutcome {
  return isList(result) ? { kind: 'appended', ends: endsOf(result), duplicate: false } : result
}

function endsOf(numbers: readonly number[]): End[] {
  const ends: End[] = []
  for (let at = 0; at < numbers.length; at += 2)
    ends.push({ version: numbers[at] as number, position: numbers[at + 1] as number })
  return ends
}

function isList(result: AppendResult): result is readonly number[] {
  return Array.isArray(result)
}

/** Appends events to streams if all is as expected. The refusal is a result: it leaves nothing to undo. */
export const append: Procedure<AppendArgs, AppendResult> = procedure(import.meta.url, 'append', (tx, args) => {
  const [key, fingerprint, unless] = args as readonly [string | null, string, AppendRequest['unless']]
  if (key !== null) {
    const before = tx.sql(keyKept).get(key)
    if (before && before['fingerprint'] !== fingerprint) return { kind: 'key-reused' }
    if (before) return { kind: 'appended', ends: JSON.parse(String(before['ends'])) as End[], duplicate: true }
  }
  const found: Found[] = []
  for (let at = 3; at < args.length;) {
    const [stream, expected, ends, count] = [args[at], args[at + 1], args[at + 2], args[at + 3]] as Head
    const row = tx.sql('SELECT id, version, ended FROM journal_stream WHERE name = ?').get(stream)
    const version = row === undefined ? 0 : Number(row['version'])
    if (row?.['ended'] === 1) return { kind: 'ended', at: found.length }
    if (!meets(expected, version)) return { kind: 'wrong-version', at: found.length, actual: version }
    found.push({ stream, id: row && Number(row['id']), version, ends, count, at: at + 4 })
    at += 4 + count * wordsPerEvent
  }
  let position = headPosition(tx)
  const refusal = unless === null ? undefined : refusalOf(tx, unless, position)
  if (refusal) return refusal
  const ends: number[] = []
  for (const stream of found) {
    const version = appendOne(tx, stream, args, position)
    position += stream.count
    ends.push(version, position)
  }
  if (key !== null) keepKey(tx, key, fingerprint, found, ends)
  return ends
})

type Head = readonly [stream: string, expected: number, ends: boolean, count: number]

function refusalOf(
  tx: Transaction,
  unless: NonNullable<AppendRequest['unless']>,
  head: number,
): AppendOutcome | undefined {
  if (unless.after > head) return { kind: 'beyond', head }
  for (const filter of unless.filters) {
    const position = firstMatch(tx, unless.after, head, filter)
    if (position !== undefined) return { kind: 'condition', position }
  }
  return undefined
}

/** Where the append under this key ended; null when no such key is known. */
export const keyEnds: Procedure<string, readonly End[] | null> = procedure(import.meta.url, 'keyEnds', (tx, key) => {
  const before = tx.sql(keyKept).get(key)
  return before ? (JSON.parse(String(before['ends'])) as End[]) : null
})

/** Returns the new version of the stream. */
function appendOne(tx: Transaction, found: Found, words: AppendArgs, after: number): number {
  const { stream, count, at, ends } = found
  const version = found.version + count
  const id =
    found.id ?? tx.sql('INSERT INTO journal_stream (name, version) VALUES (?, ?)').run(stream, version).lastInsertRowid
  // `get` as in `insertEvents`.
  if (found.id !== undefined) tx.sql('UPDATE journal_stream SET version = ? WHERE id = ?').get(version, id)
  insertEvents(tx, { id, words, at, count, firstVersion: found.version + 1, positions: after + 1 })
  if (ends) tx.sql('UPDATE journal_stream SET ended = 1, first = version WHERE id = ?').run(id)
  return version
}

function keepKey(
  tx: Transaction,
  key: string,
  fingerprint: string,
  found: readonly Found[],
  ends: readonly number[],
): void {
  tx.sql(
    `INSERT OR REPLACE INTO journal_key (key, fingerprint, ends, stream, version)
     VALUES (?, ?, ?, (SELECT id FROM journal_stream WHERE name = ?), ?)`,
  ).run(key, fingerprint, JSON.stringify(endsOf(ends)), found.at(-1)?.stream ?? '', ends.at(-2) ?? 0)
}
