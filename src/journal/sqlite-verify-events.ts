/**
 * The procedure that holds every event of a page against its checksum. Unlike the procedures that read it trusts no column:
 * numbers come as texts, so that one that a stray bit has made too large is a finding and not an error.
 */
import { procedure } from '../store/procedure.ts'
import type { Procedure, Row, Transaction } from '../store/store.ts'
import { contentChecksum, placedChecksum } from './checksum.ts'
import { fromStored } from './stored-event.ts'
import type { StoredEvent } from './stored-event.ts'
import type { Found } from './verify-finding.ts'

export interface EventsQuery {
  /** Positions after this one. */
  readonly after: number
  /** Up to and with this one. */
  readonly until: number
  /** An event with a checksum came before. */
  readonly checked: boolean
}

export interface EventsPage {
  readonly findings: readonly Found[]
  /** Null at the end. */
  readonly next: number | null
  readonly events: number
  readonly bytes: number
  /** From before there were checksums. */
  readonly unchecked: number
  readonly checked: boolean
}

const rowsMax = 256
const inlineMaxBytes = 65_536
/** After so much the page ends, whatever rows are left. */
const pageMaxBytes = 8 * 1024 * 1024

const numbers = ['e.position', 'e.stream', 'e.version', 'e.time', 'e.hop', 'e.checksum']
const texts = ['e.type', 'e.id', 'e.source', 'e.subject', 'e.correlationid', 'e.causationid', 'e.extra']
const columns = [
  ...numbers.map((name) => `CAST(${name} AS TEXT) AS ${name.slice(2)}`),
  ...texts,
  's.name',
  `octet_length(e.data) AS size`,
  `CASE WHEN octet_length(e.data) <= ${inlineMaxBytes} THEN e.data END AS data`,
].join(', ')

export const eventsPage: Procedure<EventsQuery, EventsPage> = procedure(
  import.meta.url,
  'eventsPage',
  (tx, { after, until, checked: checkedBefore }) => {
    const rows = tx
      .sql(
        `SELECT ${columns} FROM journal_event e LEFT JOIN journal_stream s ON s.id = e.stream
         WHERE e.position > ? AND e.position <= ? ORDER BY e.position LIMIT ?`,
      )
      .all(after, until, rowsMax)
    const findings: Found[] = []
    let [bytes, unchecked, events, next] = [0, 0, 0, after]
    let checked = checkedBefore
    for (const row of rows) {
      bytes += Number(row['size'])
      events++
      next = Number(row['position'])
      if (row['checksum'] === null) unchecked++
      const found = judge(tx, row, checked)
      if (found) findings.push(found)
      checked ||= row['checksum'] !== null
      if (bytes > pageMaxBytes) break
    }
    const over = events === rows.length && rows.length < rowsMax
    return { findings, next: over ? null : next, events, bytes, unchecked, checked }
  },
)

function judge(tx: Transaction, row: Row, checkedBefore: boolean): Found | undefined {
  const stream = typeof row['name'] === 'string' ? row['name'] : undefined
  const place = { stream: stream ?? `#${String(row['stream'])}`, ...placeOf(row) }
  if (stream === undefined) return { kind: 'stream', ...place, message: 'its stream is not there' }
  const numbersFine = ['position', 'version', 'time', 'hop', 'checksum'].every((name) => isWhole(row[name]))
  const data = row['data'] ?? tx.sql('SELECT data FROM journal_event WHERE position = ?').get(place.position)?.['data']
  if (!numbersFine || typeof data !== 'string')
    return { kind: 'unreadable', ...place, message: 'it has no form of an event' }
  const event = eventOf(row, data)
  if (row['checksum'] === null) {
    const unreadable = readable(event, place)
    if (unreadable || !checkedBefore) return unreadable
    return { kind: 'unchecked', ...place, message: 'it has no checksum, and an event before it has one' }
  }
  const checksum = placedChecksum(contentChecksum(stream, event), place.version, place.position)
  return checksum === Number(row['checksum'])
    ? undefined
    : { kind: 'checksum', ...place, message: 'its checksum does not fit: content, attributes or place were changed' }
}

function readable(event: StoredEvent, place: Pick<Found, 'stream' | 'version' | 'position'>): Found | undefined {
  try {
    fromStored({ ...event, ...place }, event.data)
    return undefined
  } catch {
    return { kind: 'unreadable', ...place, message: 'it cannot be read, and has no checksum' }
  }
}

function placeOf(row: Row): Pick<Found, 'version' | 'position'> {
  return { version: Number(row['version']), position: Number(row['position']) }
}

/** Null counts: which columns may be null is in the checksum. */
function isWhole(text: unknown): boolean {
  return text === null || Number.isSafeInteger(Number(text))
}

function eventOf(row: Row, data: string): StoredEvent {
  const text = (name: string) => row[name] as string | null
  const number = (name: string) => (row[name] === null ? null : Number(row[name]))
  return {
    type: String(row['type']),
    id: String(row['id']),
    source: String(row['source']),
    subject: text('subject'),
    time: number('time'),
    correlationid: text('correlationid'),
    causationid: text('causationid'),
    hop: number('hop'),
    extra: text('extra'),
    data,
  }
}

export interface Totals {
  /** The last position there ever was. */
  readonly head: number
  /** What the versions of all streams add up to: an append raises both by one an event. */
  readonly versions: number
  /** Rows that tell the highest position that was erased: one. */
  readonly floors: number
}

export const totals: Procedure<null, Totals> = procedure(import.meta.url, 'totals', (tx) => {
  const number = (text: string) => Number(tx.sql(`SELECT CAST(coalesce((${text}), 0) AS TEXT) AS n`).get()?.['n'])
  return {
    head: Math.max(
      number('SELECT max(position) FROM journal_event'),
      number('SELECT max(position) FROM journal_floor'),
    ),
    versions: number('SELECT total(version) FROM journal_stream'),
    floors: number('SELECT count(*) FROM journal_floor'),
  }
})
