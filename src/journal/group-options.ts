/**
 * The options of a consumer group and of its consumers after their checks, with their defaults. Unlike the port it knows
 * the bounds; it opens nothing.
 */
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'
import { reasonMax } from './core/group.ts'
import type { GroupLimits } from './core/group.ts'
import { checkFilter } from './filter.ts'
import type { ConsumeOptions, GroupOptions, NackOptions } from './group.ts'
import type { Filter, Position, Recorded } from './recorded.ts'
import { synchronous } from './synchronous.ts'

export interface CheckedGroupOptions {
  readonly from: Position
  readonly filter: Filter | undefined
  /** The same text for the same filter, whatever the order of its lists. */
  readonly filterText: string
  readonly partitionBy: ((recorded: Recorded) => string | undefined) | undefined
  readonly limits: GroupLimits
  /** The limits that were given, apart from the defaults. */
  readonly given: readonly (keyof GroupLimits)[]
}

const known = [
  'from',
  'filter',
  'partitionBy',
  'visibilityTimeoutMs',
  'maxDeliveries',
  'inFlightMax',
  'heldMax',
  'parkedMax',
] as const
const visibility = { min: 10, max: 43_200_000 } as const
const delayMsMax = 604_800_000

/** Throws `base.invalid_argument`. */
export function checkGroup(name: string, options: GroupOptions): CheckedGroupOptions {
  plainName('name', name, 128)
  if (!name.isWellFormed()) throw new InvalidArgument('name', 'must be well-formed text')
  checkKeys('options', options, known)
  const { from = '', filter, partitionBy } = options
  if (partitionBy !== undefined && typeof partitionBy !== 'function')
    throw new InvalidArgument('partitionBy', 'must be a function from an event to its key')
  const inFlightMax = wholeNumber('inFlightMax', options.inFlightMax ?? 4096, 1, 65_536)
  const limits = {
    visibilityTimeoutMs: visibilityOf(options.visibilityTimeoutMs ?? 30_000),
    maxDeliveries: wholeNumber('maxDeliveries', options.maxDeliveries ?? 5, 1, 1000),
    inFlightMax,
    heldMax: wholeNumber('heldMax', options.heldMax ?? Math.max(8192, inFlightMax), inFlightMax, 1_048_576),
    parkedMax: wholeNumber('parkedMax', options.parkedMax ?? 10_000, 1, 100_000),
  }
  const given = (Object.keys(limits) as (keyof GroupLimits)[]).filter((limit) => options[limit] !== undefined)
  return { from, filter: filter && structuredClone(filter), filterText: textOf(filter), partitionBy, limits, given }
}

function textOf(filter: Filter | undefined): string {
  const checked = checkFilter(filter)
  if (!checked) return ''
  return JSON.stringify(checked, (_key, value: unknown) =>
    Array.isArray(value) ? (value as string[]).toSorted(byText) : value,
  )
}

function byText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

export function visibilityOf(timeoutMs: number): number {
  return wholeNumber('visibilityTimeoutMs', timeoutMs, visibility.min, visibility.max)
}

export function prefetchOf({ prefetch = 64 }: ConsumeOptions): number {
  return wholeNumber('prefetch', prefetch, 1, 4096)
}

export function consumerName(name: string): string {
  return plainName('name', name, 128)
}

export function checkNack(options: NackOptions): { readonly delayMs: number; readonly reason: string } {
  checkKeys('options', options, ['delayMs', 'reason'])
  const { delayMs = 0, reason } = options
  return {
    delayMs: wholeNumber('delayMs', delayMs, 0, delayMsMax),
    reason: reason === undefined ? 'no reason was given' : reasonOf(reason),
  }
}

/** What of a reason is kept. An error's message may be long, and must not make its report fail. */
export function reasonOf(reason: string): string {
  if (typeof reason !== 'string') throw new InvalidArgument('reason', 'must be text')
  return reason.slice(0, reasonMax).toWellFormed()
}

/** The key of an event. */
export function keyOf(partitionBy: CheckedGroupOptions['partitionBy'], recorded: Recorded): string | undefined {
  const key = synchronous('partitionBy', partitionBy?.(recorded))
  if (key === undefined || (typeof key === 'string' && key !== '' && key.length <= 512)) return key
  throw new InvalidArgument('partitionBy', 'must give text of 1 to 512 characters, or undefined')
}
