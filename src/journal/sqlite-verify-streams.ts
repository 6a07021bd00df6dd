/**
 * The procedures that hold the rows of streams and of idempotency keys against the events: each version from the first to
 * the last is there, positions rise with versions, a key leads to the event it ended at. Unlike the check of the events they
 * read no content. Each does a bounded piece of work on one snapshot, so that a writer meanwhile makes no false alarm.
 */
import { procedure } from '../store/procedure.ts'
import type { Procedure, Row, Transaction } from '../store/store.ts'
import type { Found } from './verify-finding.ts'

export interface StreamsQuery {
  /** The stream to go on with. */
  readonly id: number
  /** Where the last page ended inside it; null at its beginning. */
  readonly seen: { readonly version: number; readonly position: number } | null
}

export interface StreamsPage {
  readonly findings: readonly Found[]
  /** Null at the end. */
  readonly next: StreamsQuery | null
  /** That were gone through to their end. */
  readonly streams: number
}

const streamsMax = 64
const eventsMax = 4096

/** Goes through some streams by their number, not by its text, which has the same name. */
export const streamsPage: Procedure<StreamsQuery, StreamsPage> = procedure(
  import.meta.url,
  'streamsPage',
  (tx, { id, seen }) => {
    const rows = tx
      .sql(`SELECT ${columns} FROM journal_stream WHERE id >= ? ORDER BY journal_stream.id LIMIT ?`)
      .all(id, streamsMax)
    const findings: Found[] = []
    let left = eventsMax
    let streams = 0
    for (const row of rows) {
      // Beyond the safe integers no number tells the next one: what lies there is damaged in any case.
      if (!Number.isSafeInteger(Number(row['id']))) {
        findings.push({ kind: 'stream', ...nameOnly(row), message: 'its number makes no sense' })
        return { findings, next: null, streams }
      }
      const from = Number(row['id']) === id ? seen : null
      const walk = walkStream(tx, row, from, left)
      findings.push(...walk.findings)
      left -= walk.events
      if (walk.seen) return { findings, next: { id: Number(row['id']), seen: walk.seen }, streams }
      streams++
      if (left <= 0) break
    }
    const last = rows[streams - 1]
    const over = streams === rows.length && rows.length < streamsMax
    return { findings, next: over || !last ? null : { id: Number(last['id']) + 1, seen: null }, streams }
  },
)

function nameOnly(row: Row): Pick<Found, 'stream' | 'version' | 'position'> {
  return { stream: String(row['name']), version: 0, position: 0 }
}

const columns = ['id', 'version', 'first', 'erased', 'ended']
  .map((name) => `CAST(${name} AS TEXT) AS ${name}`)
  .concat('name', 'metadata')
  .join(', ')

interface StreamWalk {
  readonly findings: readonly Found[]
  readonly events: number
  /** Set when the stream goes on. */
  readonly seen: StreamsQuery['seen']
}

function walkStream(tx: Transaction, row: Row, seen: StreamsQuery['seen'], limit: number): StreamWalk {
  const stream = String(row['name'])
  const [id, version, first, erased] = ['id', 'version', 'first', 'erased'].map((name) => Number(row[name])) as [
    number,
    number,
    number,
    number,
  ]
  const findings: Found[] = []
  const find = (kind: Found['kind'], at: number, position: number, message: string) =>
    findings.push({ kind, stream, version: at, position, message })
  if (seen === null) {
    const fault = rowFault(row, { version, first, erased })
    if (fault !== undefined) find('stream', version, 0, fault)
    const leftover = leftoverOf(tx, id, first)
    if (leftover > 0)
      find(
        'leftover',
        first - 1,
        0,
        `${leftover >= leftoverMax ? 'many' : leftover} events below the first version ${first} are still in the file; retain erases them, unless nobody had truncated the stream`,
      )
  }
  let expected = Math.max(first, (seen?.version ?? 0) + 1)
  let before = seen?.position ?? 0
  const events = tx
    .sql(
      `SELECT CAST(version AS TEXT) AS version, CAST(position AS TEXT) AS position FROM journal_event
       WHERE stream = ? AND version >= ? ORDER BY journal_event.version LIMIT ?`,
    )
    .all(id, expected, limit)
  for (const event of events) {
    const [at, position] = [Number(event['version']), Number(event['position'])]
    if (at > version) {
      find('tail', at, position, `it lies beyond the stream's last version ${version}`)
      return { findings, events: events.length, seen: null }
    }
    if (at > expected) find('gap', expected, 0, missing(expected, at - 1))
    if (position <= before)
      find('order', at, position, `its position is not above ${before}, which an earlier version has`)
    expected = at + 1
    before = position
  }
  if (events.length === limit)
    return { findings, events: events.length, seen: { version: expected - 1, position: before } }
  if (expected <= version) find('tail', expected, 0, missing(expected, version))
  return { findings, events: events.length, seen: null }
}

function missing(from: number, until: number): string {
  return from === until ? 'it is missing' : `it is missing, with all up to version ${until}`
}

function rowFault(
  row: Row,
  { version, first, erased }: Record<'version' | 'first' | 'erased', number>,
): string | undefined {
  if (![version, first, erased].every(Number.isSafeInteger)) return 'its versions are no numbers'
  if (first < 1 || first > version + 1 || erased < 1 || erased > first)
    return `its versions make no sense: first ${first}, erased up to ${erased}, last ${version}`
  if (row['ended'] !== '0' && row['ended'] !== '1') return 'whether it ended is neither yes nor no'
  const { metadata } = row
  if (metadata === null) return undefined
  try {
    return typeof JSON.parse(String(metadata)) === 'object' ? undefined : 'its metadata are no object'
  } catch {
    return 'its metadata are no JSON'
  }
}

const leftoverMax = 1000

function leftoverOf(tx: Transaction, id: number, first: number): number {
  const text = `SELECT count(*) AS n FROM (SELECT 1 FROM journal_event WHERE stream = ? AND version < ? LIMIT ${leftoverMax})`
  return Number.isSafeInteger(first) ? Number(tx.sql(text).get(id, first)?.['n']) : 0
}

export interface KeysPage {
  readonly findings: readonly Found[]
  /** The last key of the page; null at the end. */
  readonly next: string | null
  readonly keys: number
}

const keysMax = 500

/** Goes through some idempotency keys by name. */
export const keysPage: Procedure<string, KeysPage> = procedure(import.meta.url, 'keysPage', (tx, after) => {
  const rows = tx
    .sql(
      `SELECT k.key, k.fingerprint, k.ends, CAST(k.version AS TEXT) AS version, s.name, CAST(s.version AS TEXT) AS last,
         (SELECT CAST(position AS TEXT) FROM journal_event e WHERE e.stream = k.stream AND e.version = k.version) AS position
       FROM journal_key k LEFT JOIN journal_stream s ON s.id = k.stream WHERE k.key > ? ORDER BY k.key LIMIT ?`,
    )
    .all(after, keysMax)
  const findings: Found[] = []
  for (const row of rows) {
    const fault = keyFault(row)
    if (fault === undefined) continue
    const place = {
      stream: String(row['name'] ?? ''),
      version: Number(row['version']),
      position: Number(row['position'] ?? 0),
    }
    findings.push({
      kind: 'key',
      ...place,
      message: `the idempotency key ${JSON.stringify(String(row['key']).slice(0, 80))} ${fault}`,
    })
  }
  const last = rows.at(-1)
  return { findings, next: rows.length < keysMax || !last ? null : String(last['key']), keys: rows.length }
})

function keyFault(row: Row): string | undefined {
  if (row['name'] === null) return 'is of a stream that is not there'
  if (row['position'] === null) return 'ends at an event that is not there'
  if (!/^[\w-]{43}$/.test(String(row['fingerprint']))) return 'has no fingerprint'
  try {
    const ends = JSON.parse(String(row['ends'])) as { readonly version?: unknown; readonly position?: unknown }[]
    const last = ends.at(-1)
    const fits = last?.version === Number(row['version']) && last?.position === Number(row['position'])
    return fits ? undefined : 'tells another place than that of its event'
  } catch {
    return 'tells no place'
  }
}
