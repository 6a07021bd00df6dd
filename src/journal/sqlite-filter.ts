/**
 * The search of the sqlite driver: which events of a stretch a filter lets pass, by the indexes where they help. Part of the
 * procedures that read and of the one that appends under a condition; like them it sees a transaction and nothing else.
 */
import type { Row, SqlValue, Transaction } from '../store/store.ts'
import type { CheckedFilter } from './filter.ts'
import { joined, rowsOf } from './sqlite-rows.ts'
import type { StoredRow } from './stored-event.ts'

/** The last position there ever was: of an event, or of one that was erased. */
export function headPosition(tx: Transaction): number {
  const found = tx
    .sql(
      `SELECT max(coalesce((SELECT max(position) FROM journal_event), 0), (SELECT position FROM journal_floor)) AS head`,
    )
    .get()
  return Number(found?.['head'])
}

/** Positions above `after`, up to and with `until`; backward from there down. */
interface Stretch {
  readonly after: number
  readonly until: number
  readonly limit: number
  readonly backward: boolean
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

/** As `AllPage` without its head. */
export function filteredPage(
  tx: Transaction,
  stretch: Stretch,
  filter: CheckedFilter,
): { readonly rows: readonly StoredRow[]; readonly next: number } {
  const { after, until, limit, backward } = stretch
  const values = valuesOf(filter)
  const arms = armsOf(tx, stretch, filter)
  let next: number
  let rows: StoredRow[]
  if (arms === undefined) {
    next = backward ? Math.max(until - scanMax, after) : Math.min(after + scanMax, until)
    rows = rowsOf(
      tx,
      `journal_event e ${joined} WHERE e.position > ?7 AND e.position <= ?8 AND ${conditions}
       ORDER BY e.position ${backward ? 'DESC' : 'ASC'} LIMIT ?9`,
      [...values, backward ? next : after, backward ? until : next, limit],
    )
  } else {
    const found = merged(arms, stretch)
    next = found.next
    if (found.positions.length === 0) return { rows: [], next }
    rows = rowsOf(
      tx,
      `json_each(?7) c CROSS JOIN journal_event e ON e.position = c.value ${joined} WHERE ${conditions} LIMIT ?8`,
      [...values, JSON.stringify(found.positions), limit],
    )
  }
  const last = rows.at(-1)
  if (rows.length < limit || !last) return { rows, next }
  return { rows, next: backward ? last.position - 1 : last.position }
}

/**
 * The position of the first event in (after, until] that the filter lets pass; null as a filter is any event. One statement a
 * stream or type, which leaves off at the first match.
 */
export function firstMatch(
  tx: Transaction,
  after: number,
  until: number,
  filter: CheckedFilter | null,
): number | undefined {
  const found = (arm: string, values: readonly SqlValue[], order: string) =>
    tx.sql(`SELECT e.position FROM journal_event e ${joined} WHERE ${arm} ORDER BY ${order} LIMIT 1`).get(...values)?.[
      'position'
    ]
  if (filter === null) return positionFound([found('e.position > ? AND e.position <= ?', [after, until], 'e.position')])
  const rest = `${conditions} AND e.position > ?7 AND e.position <= ?8`
  const values = [...valuesOf(filter), after, until]
  if (filter.correlationid !== null)
    return positionFound([found(`e.correlationid = ?9 AND ${rest}`, [...values, filter.correlationid], 'e.position')])
  const streams = streamsOf(tx, filter)
  if (streams)
    return positionFound(
      streams.map((id) =>
        found(
          `e.stream = ?9 AND e.version >= ?10 AND ${rest}`,
          [...values, id, versionAfter(tx, id, after)],
          'e.version',
        ),
      ),
    )
  if (filter.types && filter.types.length <= armsMax)
    return positionFound(filter.types.map((type) => found(`e.type = ?9 AND ${rest}`, [...values, type], 'e.position')))
  return positionFound([found(rest, values, 'e.position')])
}

/** The first of them that are there. */
function positionFound(positions: readonly (SqlValue | undefined)[]): number | undefined {
  const there = positions.filter((position) => position !== undefined).map(Number)
  return there.length === 0 ? undefined : Math.min(...there)
}

function valuesOf(filter: CheckedFilter): SqlValue[] {
  const { types, correlationid, fromTimeMs, untilTimeMs, streams, prefixes } = filter
  return [json(types), correlationid, fromTimeMs, untilTimeMs, json(streams), json(prefixes)]
}

function json(list: readonly string[] | null): string | null {
  return list && JSON.stringify(list)
}

/** The next positions of one stream, type or correlation, in the order of the reading; `size` at most. */
type Arm = (size: number) => number[]

/** The indexed ways to everything that can match, by the condition that is likely to be the narrowest. */
function armsOf(tx: Transaction, stretch: Stretch, filter: CheckedFilter): Arm[] | undefined {
  const { after, until, backward } = stretch
  const byIndex = (column: 'type' | 'correlationid', value: string): Arm => {
    const text = `SELECT position FROM journal_event
      WHERE ${column} = ? AND position > ? AND position <= ? ORDER BY position ${backward ? 'DESC' : 'ASC'} LIMIT ?`
    return (size) => numbers(tx.sql(text).all(value, after, until, size), 'position')
  }
  if (filter.correlationid !== null) return [byIndex('correlationid', filter.correlationid)]
  const streams = streamsOf(tx, filter)
  if (streams) return streams.map((id) => streamArm(tx, id, stretch))
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

function streamArm(tx: Transaction, id: number, { after, until, backward }: Stretch): Arm {
  return (size) => {
    if (backward) {
      const text = `SELECT position FROM journal_event WHERE stream = ? AND version < ? ORDER BY version DESC LIMIT ?`
      // Backward a reading goes to the beginning, so nothing of it lies before `after`.
      return numbers(tx.sql(text).all(id, versionAfter(tx, id, until), size), 'position')
    }
    const text = `SELECT position FROM journal_event WHERE stream = ? AND version >= ? ORDER BY version LIMIT ?`
    const found = numbers(tx.sql(text).all(id, versionAfter(tx, id, after), size), 'position')
    return found.filter((position) => position <= until)
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
 * The next positions of all arms together. An arm that gave as many as it was asked for may have more after its last, so
 * nothing beyond the first such end is taken, and everything up to `next` has been looked at.
 */
function merged(arms: readonly Arm[], stretch: Stretch): { positions: number[]; next: number } {
  const { after, until, backward } = stretch
  const size = Math.max(32, Math.ceil((2 * candidatesMax) / Math.max(1, arms.length)))
  const found = arms.map((arm) => arm(size))
  const lasts = found.filter(({ length }) => length === size).map((positions) => positions[size - 1] as number)
  const next = backward ? Math.max(after, ...lasts.map((last) => last - 1)) : Math.min(until, ...lasts)
  const all = found
    .flat()
    .filter((position) => (backward ? position > next : position <= next))
    .sort((a, b) => (backward ? b - a : a - b))
  if (all.length <= candidatesMax) return { positions: all, next }
  const positions = all.slice(0, candidatesMax)
  const last = positions[candidatesMax - 1] as number
  return { positions, next: backward ? last - 1 : last }
}

function numbers(rows: readonly Row[], column: string): number[] {
  return rows.map((row) => Number(row[column]))
}
