/**
 * A filter after its checks, in the form that both drivers and the worker thread take: plain lists, the prefixes apart from
 * the exact names. Unlike the patterns of choreography it looks at attributes alone, never into the data.
 */
import { InvalidArgument, LimitExceeded } from '../base/error.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'
import type { Filter } from './journal.ts'
import type { StoredRow } from './stored-event.ts'

/** Alternatives of one list. */
const alternativesMax = 1000

const conditionNames = ['types', 'streams', 'correlationid', 'fromTimeMs', 'untilTimeMs'] as const

export interface CheckedFilter {
  readonly types: readonly string[] | null
  /** Null when streams do not matter; else `prefixes` is a list too, and a stream has to fit one of either. */
  readonly streams: readonly string[] | null
  readonly prefixes: readonly string[] | null
  readonly correlationid: string | null
  readonly fromTimeMs: number | null
  readonly untilTimeMs: number | null
}

/** The filter, if its conditions make sense; undefined when there is none. Throws `base.invalid_argument`. */
export function checkFilter(filter: Filter | undefined): CheckedFilter | undefined {
  if (filter === undefined) return undefined
  checkKeys('filter', filter, conditionNames)
  if (Object.values(filter).every((condition) => condition === undefined)) return undefined
  const types = alternatives('filter.types', filter.types)
  const streams = alternatives('filter.streams', filter.streams)
  const { correlationid } = filter
  if (correlationid !== undefined) plainText('filter.correlationid', correlationid)
  return {
    types,
    streams: streams && streams.filter((name) => !name.endsWith('*')),
    prefixes: streams && streams.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1)),
    correlationid: correlationid ?? null,
    fromTimeMs: timeBound('filter.fromTimeMs', filter.fromTimeMs),
    untilTimeMs: timeBound('filter.untilTimeMs', filter.untilTimeMs),
  }
}

function alternatives(name: string, list: readonly string[] | undefined): readonly string[] | null {
  if (list === undefined) return null
  if (!Array.isArray(list) || list.length === 0)
    throw new InvalidArgument(name, 'must be a list of at least one text, or be left out')
  if (list.length > alternativesMax) throw new LimitExceeded(`${name}.length`, alternativesMax, list.length)
  for (const item of list) plainText(name, item)
  return [...new Set(list)]
}

/** What is not well-formed is in no event, and SQL would compare it changed. */
function plainText(name: string, text: unknown): void {
  if (typeof text !== 'string' || text === '' || !text.isWellFormed())
    throw new InvalidArgument(name, 'must be well-formed text, not empty')
}

function timeBound(name: string, timeMs: number | undefined): number | null {
  return timeMs === undefined ? null : wholeNumber(name, timeMs, Number.MIN_SAFE_INTEGER)
}

/** The filter as a test of one row. */
export function matcher(filter: CheckedFilter | undefined): (row: StoredRow) => boolean {
  if (filter === undefined) return () => true
  const { correlationid } = filter
  const types = filter.types && new Set(filter.types)
  const streams = filter.streams && new Set(filter.streams)
  const prefixes = filter.prefixes ?? []
  const timed = filter.fromTimeMs !== null || filter.untilTimeMs !== null
  const fromTimeMs = filter.fromTimeMs ?? Number.NEGATIVE_INFINITY
  const untilTimeMs = filter.untilTimeMs ?? Number.POSITIVE_INFINITY
  return (row) =>
    (types === null || types.has(row.type)) &&
    (correlationid === null || row.correlationid === correlationid) &&
    (!timed || (row.time !== null && row.time >= fromTimeMs && row.time <= untilTimeMs)) &&
    (streams === null || streams.has(row.stream) || prefixes.some((prefix) => row.stream.startsWith(prefix)))
}
