/**
 * What the commands of the log read from their arguments: which events, how many, which file. Errors name the option. Unlike
 * `command.ts` it knows what an option means.
 */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { messageOf } from '../base/error.ts'
import type { Filter, JournalLimits } from '../journal/journal.ts'
import { countOption } from './bus-arguments.ts'
import { UsageError, textOption, textOptions } from './command.ts'
import type { ParsedOptions } from './command.ts'
import type { LogWorld } from './log-world.ts'

export const filterOptions = {
  type: { type: 'string', multiple: true },
  stream: { type: 'string', multiple: true },
  correlation: { type: 'string' },
  since: { type: 'string' },
  until: { type: 'string' },
} as const

export const filterHelp = `  --type TYPE          only events of this type; may be given several times
  --stream NAME        only this stream, or those that start so with a * at the
                       end; several times
  --correlation ID     only what belongs to this conversation
  --since TIME         ISO 8601, as in 2026-01-31 or 2026-01-31T12:00:00Z;
                       without a zone it is UTC
  --until TIME
`

/** The filter of the options; undefined when none is given. Throws `cli.usage`. */
export function filterOf(values: ParsedOptions): Filter | undefined {
  const types = textOptions(values, 'type')
  const streams = textOptions(values, 'stream')
  const correlationid = textOption(values, 'correlation')
  const fromTimeMs = timeOption(values, 'since')
  const untilTimeMs = timeOption(values, 'until')
  for (const [name, texts] of Object.entries({ type: types, stream: streams, correlation: [correlationid] }))
    if (texts.includes('')) throw new UsageError(`--${name} must not be empty`)
  const filter = {
    ...(types.length > 0 && { types }),
    ...(streams.length > 0 && { streams }),
    ...(correlationid !== undefined && { correlationid }),
    ...(fromTimeMs !== undefined && { fromTimeMs }),
    ...(untilTimeMs !== undefined && { untilTimeMs }),
  }
  return Object.keys(filter).length === 0 ? undefined : filter
}

/** Milliseconds since the epoch. Throws `cli.usage`. */
export function timeOption(values: ParsedOptions, name: string): number | undefined {
  const text = textOption(values, name)
  if (text === undefined) return undefined
  const time = instantOf(text)
  if (time === undefined)
    throw new UsageError(`--${name} must be an ISO 8601 time, as in 2026-01-31T12:00:00Z; it is ${quoted(text)}`)
  return time
}

const instant =
  /^(\d{4})-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3})\d{0,6})?)?(Z|([+-])(\d\d):(\d\d))?)?)?$/

/** Strictly, unlike Date.parse, which takes the 31st of February for the 3rd of March, and a time for one of this place. */
function instantOf(text: string): number | undefined {
  const [
    ,
    year,
    month,
    day = '1',
    hour = '0',
    minute = '0',
    second = '0',
    fraction = '0',
    ,
    sign,
    zoneHour,
    zoneMinute,
  ] = instant.exec(text) ?? []
  if (year === undefined) return undefined
  const given = [Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)] as const
  const ms = Date.UTC(...given, Number(fraction.padEnd(3, '0')))
  const date = new Date(ms)
  const back = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes()]
  if ([...back, date.getUTCSeconds()].some((each, at) => each !== given[at])) return undefined
  const [zoneHours, zoneMinutes] = [Number(zoneHour ?? 0), Number(zoneMinute ?? 0)]
  if (zoneHours > 23 || zoneMinutes > 59) return undefined
  return ms - (sign === '-' ? -1 : 1) * (zoneHours * 60 + zoneMinutes) * 60_000
}

export const eventMaxOption = { 'event-max': { type: 'string' } } as const

/** The limit that a journal is opened with, where it had another when it was written. */
export function eventMaxOf(values: ParsedOptions): Partial<JournalLimits> {
  const eventMaxBytes = countOption(values, 'event-max', { max: 2 ** 28 })
  return eventMaxBytes === undefined ? {} : { eventMaxBytes, batchMaxBytes: 2 ** 29 }
}

/** The bytes of a file, or of stdin for `-`. Throws `cli.usage` when it cannot be read. */
export async function openInput(file: string, world: LogWorld): Promise<AsyncIterable<Uint8Array>> {
  if (file === '-') return world.stdin()
  try {
    if ((await stat(file)).isDirectory()) throw new Error('it is a folder')
  } catch (cause) {
    throw new UsageError(`${file} cannot be read: ${messageOf(cause)}`, { cause })
  }
  return createReadStream(file)
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 40))
}
