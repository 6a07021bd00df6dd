/**
 * How events enter their table, several a statement: what a statement costs besides its rows is paid once for all of
 * them. Unlike the procedures that use it, it decides no versions and no positions. It runs in the store's worker.
 */
import type { SqlValue, Transaction } from '../store/store.ts'
import { placedChecksum } from './checksum.ts'

/** The columns of an event that come from it, in the order in which `EventValues` has them. */
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

export interface Rows {
  /** The stream's row. */
  readonly id: number | bigint
  readonly events: readonly EventValues[]
  /** Of the content of each event. */
  readonly checksums: readonly number[]
  /** Of the first event; the others follow. */
  readonly firstVersion: number
  /** Of each event, or of the first when the others follow. */
  readonly positions: number | readonly number[]
}

/** Measured: 3.6 us of CPU an event with one row a statement, 2.7 with 32, 2.5 with 100. */
const rowsMax = 32
const row = `(?, ?, ?, ?, ${eventColumns.map(() => '?').join(', ')})`
const into = `INSERT INTO journal_event (position, stream, version, checksum, ${eventColumns.join(', ')}) VALUES`
const one = `${into} ${row}`
const many = `${into} ${Array.from({ length: rowsMax }, () => row).join(', ')}`

export function insertEvents(tx: Transaction, rows: Rows): void {
  const { length } = rows.events
  let at = 0
  for (; at + rowsMax <= length; at += rowsMax) insert(tx, many, rows, at, at + rowsMax)
  for (; at < length; at++) insert(tx, one, rows, at, at + 1)
}

function insert(tx: Transaction, sql: string, rows: Rows, from: number, to: number): void {
  const { id, events, checksums, firstVersion, positions } = rows
  const values: SqlValue[] = []
  for (let at = from; at < to; at++) {
    const version = firstVersion + at
    const position = typeof positions === 'number' ? positions + at : (positions[at] as number)
    const checksum = placedChecksum(checksums[at] as number, version, position)
    values.push(position, id, version, checksum, ...(events[at] as EventValues))
  }
  tx.sql(sql).run(...values)
}
