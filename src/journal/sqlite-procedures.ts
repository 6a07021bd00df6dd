/**
 * The procedures of the sqlite driver: all the SQL of the journal. The store runs the writing ones in its worker thread and
 * imports this module there; it holds no state, imports little, and knows neither codec nor cursor.
 *
 * One row an event. A stream's name is kept once, with its version, so that an append finds both in one place, whatever
 * becomes of old events. Each index costs every append, so there are three: the order inside a stream, types and
 * correlations. A filter by time alone, or by more than `armsMax` streams or types, looks at every event of a stretch.
 */
import { procedure } from '../store/procedure.ts'
import type { Procedure, SqlValue, Transaction } from '../store/store.ts'
import { meets } from './expectation.ts'
import type { CheckedFilter } from './filter.ts'
import type { AllPage, AllQuery, AppendOutcome, StreamPage, StreamQuery } from './numbered.ts'
import type { StoredRow } from './stored-event.ts'

/** The schema's steps; a step once released is never changed. No foreign key: the check would cost every event a look-up. */
export const migrations: readonly string[] = [
  `CREATE TABLE journal_stream (
     id INTEGER PRIMARY KEY,
     name TEXT NOT NULL UNIQUE,
     version INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE journal_event (
     position INTEGER PRIMARY KEY,
     stream INTEGER NOT NULL,
     version INTEGER NOT NULL,
     type TEXT NOT NULL,
     id TEXT NOT NULL,
     source TEXT NOT NULL,
     subject TEXT,
     time INTEGER,
     correlationid TEXT,
     causationid TEXT,
     hop INTEGER,
     extra TEXT,
     data TEXT NOT NULL
   ) STRICT;
   CREATE UNIQUE INDEX journal_event_version ON journal_event (stream, version);
   CREATE INDEX journal_event_type ON journal_event (type);
   CREATE INDEX journal_event_correlation ON journal_event (correlationid) WHERE correlationid IS NOT NULL;`,
]

/** The columns of an event, in the order in which `AppendArgs.events` has them, one array an event. */
const eventColumns = [
  'type',
  'id',
  'source',
  'subject',
  'time',
  'correlationid',
  'causationid',
  'hop',
  'extra',
  'data',
] as const

export type EventValues = [
  type: string,
  id: string,
  source: string,
  subject: string | null,
  time: number | null,
  correlationid: string | null,
  causationid: string | null,
  hop: number | null,
  extra: string | null,
  data: string,
]

export interface AppendArgs {
  readonly stream: string
  /** As `expectation` gives it. */
  readonly expected: number
  readonly events: readonly EventValues[]
}

const insertEvent = `INSERT INTO journal_event (position, stream, version, ${eventColumns.join(', ')})
  VALUES (?, ?, ?, ${eventColumns.map(() => '?').join(', ')})`

/** Appends events to a stream if it is as expected. The refusal is a result: it leaves nothing to undo. */
export const append: Procedure<AppendArgs, AppendOutcome> = procedure(import.meta.url, 'append', (tx, args) => {
  const { stream, expected, events } = args
  const known = tx.sql('SELECT id, version FROM journal_stream WHERE name = ?').get(stream)
  let version = Number(known?.['version'] ?? 0)
  if (!meets(expected, version)) return { actual: version }
  let position = headPosition(tx)
  const after = version + events.length
  const id = known
    ? Number(known['id'])
    : tx.sql('INSERT INTO journal_stream (name, version) VALUES (?, ?)').run(stream, after).lastInsertRowid
  if (known) tx.sql('UPDATE journal_stream SET version = ? WHERE id = ?').run(after, id)
  const insert = tx.sql(insertEvent)
  for (const values of events) insert.run(++position, id, ++version, ...values)
  return { version, position }
})

function headPosition(tx: Transaction): number {
  return Number(tx.sql('SELECT max(position) AS position FROM journal_event').get()?.['position'] ?? 0)
}

/** The version of a stream, 0 if it does not exist. */
export const version: Procedure<string, number> = procedure(import.meta.url, 'version', (tx, stream) =>
  Number(tx.sql('SELECT version FROM journal_stream WHERE name = ?').get(stream)?.['version'] ?? 0),
)

/**
 * Data beyond this many bytes are not read with their page but one by one as the reader comes to them, so that a page of
 * large events takes no more memory than one of small ones. SQLite tells the length without reading the data.
 */
const inlineMaxBytes = 8192

/**
 * A row costs less to read than to make an object of: a column more is a property more in a dictionary. So all but the
 * position and the data come as one text, parted by control characters, which none of them can hold: measured, that is
 * 1.4 us an event instead of 2.2.
 */
const separator = '\u001f'
const absent = '\u001e'
const packed = ['s.name', 'e.version', 'e.type', 'e.id', 'e.source']
const packedOrAbsent = ['e.subject', 'e.time', 'e.correlationid', 'e.causationid', 'e.hop', 'e.extra']
const selected = `e.position, CASE WHEN octet_length(e.data) <= ${inlineMaxBytes} THEN e.data END AS data,
  concat_ws(char(31), ${packed.join(', ')}, ${packedOrAbsent.map((name) => `coalesce(${name}, char(30))`).join(', ')})
  AS rest`
const joined = 'CROSS JOIN journal_stream s ON s.id = e.stream'

type Rows = readonly Readonly<Record<string, SqlValue>>[]

function toRow(row: Rows[number]): StoredRow {
  const { position, data, rest } = row
  const fields = String(rest).split(separator)
  const text = (at: number) => fields[at] ?? ''
  const textOrNull = (at: number) => (fields[at] === absent ? null : text(at))
  const numberOrNull = (at: number) => (fields[at] === absent ? null : Number(fields[at]))
  return {
    position: Number(position),
    stream: text(0),
    version: Number(fields[1]),
    type: text(2),
    id: text(3),
    source: text(4),
    subject: textOrNull(5),
    time: numberOrNull(6),
    correlationid: textOrNull(7),
    causationid: textOrNull(8),
    hop: numberOrNull(9),
    extra: textOrNull(10),
    data: typeof data === 'string' ? data : null,
  }
}

/** Events of one stream by version. */
export const streamPage: Procedure<StreamQuery, StreamPage> = procedure(
  import.meta.url,
  'streamPage',
  (tx, { stream, fromVersion, untilVersion, limit }) => {
    const known = tx.sql('SELECT id, version FROM journal_stream WHERE name = ?').get(stream)
    if (!known) return { rows: [], version: 0 }
    const version = Number(known['version'])
    const rows = tx
      .sql(
        `SELECT ${selected} FROM journal_event e ${joined}
         WHERE e.stream = ? AND e.version BETWEEN ? AND ? ORDER BY e.version LIMIT ?`,
      )
      .all(Number(known['id']), fromVersion, untilVersion ?? version, limit)
    return { rows: rows.map(toRow), version }
  },
)

/** The data of one event, whole. */
export const eventData: Procedure<number, string> = procedure(import.meta.url, 'eventData', (tx, position) => {
  const data = tx.sql('SELECT data FROM journal_event WHERE position = ?').get(position)?.['data']
  if (typeof data !== 'string') throw new Error(`the journal has no event at ${position}`)
  return data
})

/** Events of all streams by position. */
export const allPage: Procedure<AllQuery, AllPage> = procedure(import.meta.url, 'allPage', (tx, args) => {
  const { after, limit, filter } = args
  const head = headPosition(tx)
  const until = Math.min(args.until ?? head, head)
  if (until <= after) return { rows: [], next: after, head }
  if (filter === null) {
    const rows = tx
      .sql(
        `SELECT ${selected} FROM journal_event e ${joined}
         WHERE e.position > ? AND e.position <= ? ORDER BY e.position LIMIT ?`,
      )
      .all(after, until, limit)
    return { rows: rows.map(toRow), next: rows.length < limit ? until : lastPosition(rows), head }
  }
  const { rows, next } = filteredPage(tx, { after, until, limit }, filter)
  return { rows: rows.map(toRow), next: rows.length < limit ? next : lastPosition(rows), head }
})

interface Stretch {
  readonly after: number
  readonly until: number
  readonly limit: number
}

function lastPosition(rows: Rows): number {
  return Number(rows.at(-1)?.['position'])
}

/** Positions that a filtered page looks at, at most. */
const candidatesMax = 512
const scanMax = 4096
/** Streams or types that are followed each by its index; more than these, and a look at every event is no slower. */
const armsMax = 16

/** What every condition of a filter says of one event; those that were not given are null and true. */
const conditions = `(?1 IS NULL OR e.type IN (SELECT value FROM json_each(?1)))
  AND (?2 IS NULL OR e.correlationid = ?2)
  AND (?3 IS NULL OR e.time >= ?3)
  AND (?4 IS NULL OR e.time <= ?4)
  AND (?5 IS NULL OR s.name IN (SELECT value FROM json_each(?5))
    OR EXISTS (SELECT 1 FROM json_each(?6) p WHERE substr(s.name, 1, length(p.value)) = p.value))`

function filteredPage(tx: Transaction, stretch: Stretch, filter: CheckedFilter): { rows: Rows; next: number } {
  const values = [
    json(filter.types),
    filter.correlationid,
    filter.fromTimeMs,
    filter.untilTimeMs,
    json(filter.streams),
    json(filter.prefixes),
  ]
  const arms = armsOf(tx, stretch, filter)
  if (arms === undefined) {
    const next = Math.min(stretch.after + scanMax, stretch.until)
    const rows = tx
      .sql(
        `SELECT ${selected} FROM journal_event e ${joined}
         WHERE e.position > ?7 AND e.position <= ?8 AND ${conditions} ORDER BY e.position LIMIT ?9`,
      )
      .all(...values, stretch.after, next, stretch.limit)
    return { rows, next }
  }
  const { positions, next } = merged(arms, stretch.until)
  if (positions.length === 0) return { rows: [], next }
  const rows = tx
    .sql(
      `SELECT ${selected} FROM json_each(?7) c CROSS JOIN journal_event e ON e.position = c.value ${joined}
       WHERE ${conditions} LIMIT ?8`,
    )
    .all(...values, JSON.stringify(positions), stretch.limit)
  return { rows, next }
}

function json(list: readonly string[] | null): string | null {
  return list && JSON.stringify(list)
}

/** The next positions of one stream, type or correlation, rising; `size` at most. */
type Arm = (size: number) => number[]

/** The indexed ways to everything that can match, by the condition that is likely to be the narrowest. */
function armsOf(tx: Transaction, { after, until }: Stretch, filter: CheckedFilter): Arm[] | undefined {
  const byIndex = (column: 'type' | 'correlationid', value: string): Arm => {
    const text = `SELECT position FROM journal_event
      WHERE ${column} = ? AND position > ? AND position <= ? ORDER BY position LIMIT ?`
    return (size) => numbers(tx.sql(text).all(value, after, until, size), 'position')
  }
  if (filter.correlationid !== null) return [byIndex('correlationid', filter.correlationid)]
  const streams = streamsOf(tx, filter)
  if (streams) return streams.map((id) => streamArm(tx, id, after, until))
  if (filter.types && filter.types.length <= armsMax) return filter.types.map((type) => byIndex('type', type))
  return undefined
}

/** The ids of the streams that the filter names; undefined when it names none or too many. */
function streamsOf(tx: Transaction, { streams, prefixes }: CheckedFilter): number[] | undefined {
  if (streams === null || prefixes === null) return undefined
  if (streams.length > armsMax || prefixes.length > armsMax) return undefined
  const ids = new Set<number>()
  for (const name of streams)
    for (const id of numbers(tx.sql('SELECT id FROM journal_stream WHERE name = ?').all(name), 'id')) ids.add(id)
  for (const prefix of prefixes) {
    const end = successor(prefix)
    const found =
      end === undefined
        ? tx.sql('SELECT id FROM journal_stream LIMIT ?').all(armsMax + 1)
        : tx.sql('SELECT id FROM journal_stream WHERE name >= ? AND name < ? LIMIT ?').all(prefix, end, armsMax + 1)
    for (const id of numbers(found, 'id')) ids.add(id)
    if (ids.size > armsMax) return undefined
  }
  return [...ids]
}

/** The first text, in the order of code points, after all that start with the prefix; undefined when there is none. */
export function successor(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) as number)
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10ffff) continue
    // Surrogates are no code points of a well-formed text.
    const next = last + 1 === 0xd800 ? 0xe000 : last + 1
    return String.fromCodePoint(...points, next)
  }
  return undefined
}

function streamArm(tx: Transaction, id: number, after: number, until: number): Arm {
  return (size) => {
    const fromVersion = versionAfter(tx, id, after)
    const text = `SELECT position FROM journal_event WHERE stream = ? AND version >= ? ORDER BY version LIMIT ?`
    return numbers(tx.sql(text).all(id, fromVersion, size), 'position').filter((position) => position <= until)
  }
}

/** The first version of a stream after a position. Both rise together, so it is found by halving; no index is needed. */
function versionAfter(tx: Transaction, id: number, after: number): number {
  const at = tx.sql('SELECT position FROM journal_event WHERE stream = ? AND version = ?')
  // One subquery each: both in one would look at the whole stream.
  const range = tx
    .sql(
      `SELECT (SELECT min(version) FROM journal_event WHERE stream = ?1) AS low,
         (SELECT max(version) FROM journal_event WHERE stream = ?1) AS high`,
    )
    .get(id)
  let low = Number(range?.['low'] ?? 1)
  let high = Number(range?.['high'] ?? 0) + 1
  // Whoever follows live is at the end or a step before it.
  if (high > low && Number(at.get(id, high - 1)?.['position']) <= after) return high
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (Number(at.get(id, middle)?.['position']) > after) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * The first positions of all arms together. An arm that gave as many as it was asked for may have more after its last, so
 * nothing beyond the first such end is taken, and everything up to `next` has been looked at.
 */
function merged(arms: readonly Arm[], until: number): { positions: number[]; next: number } {
  const size = Math.max(32, Math.ceil((2 * candidatesMax) / Math.max(1, arms.length)))
  const found = arms.map((arm) => arm(size))
  let next = until
  for (const positions of found) if (positions.length === size) next = Math.min(next, positions[size - 1] as number)
  const all = found
    .flat()
    .filter((position) => position <= next)
    .sort((a, b) => a - b)
  if (all.length <= candidatesMax) return { positions: all, next }
  const positions = all.slice(0, candidatesMax)
  return { positions, next: positions[candidatesMax - 1] as number }
}

function numbers(rows: Rows, column: string): number[] {
  return rows.map((row) => Number(row[column]))
}
