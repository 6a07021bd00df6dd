/**
 * An event of a journal as one line: for people, cut and without anything a terminal would obey; for programs, as an export
 * writes it. Also counts, sizes and lengths of time in words.
 */
import type { Recorded } from '../journal/journal.ts'
import { lineOf, placedOf } from '../journal/transfer-line.ts'
import { safeJson } from './bus-show.ts'
import type { Output } from './command.ts'
import { painter, printable } from './terminal.ts'
import type { Paint } from './terminal.ts'

const dataMax = 120

/** `time  type  stream@version  source  data` */
export function eventLine({ stream, version, position, event }: Recorded, paint: Paint): string {
  const data = printable(JSON.stringify(event.data, plainly) ?? '').replace(/\s+/g, ' ')
  const clipped = data.length > dataMax ? `${data.slice(0, dataMax - 1)}…` : data
  const place = paint('dim', `${oneLine(stream)}@${version} #${position}`)
  const time = event.time === undefined ? [] : [event.time]
  const fields = [...time, paint('cyan', oneLine(event.type)), place, oneLine(event.source), clipped]
  return `${fields.join('  ')}\n`
}

/** What JSON would drop or throw at is shown as what it is. */
function plainly(this: unknown, _key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [keyText(key), item]))
  if (value instanceof Set) return [...value]
  if (value instanceof Error) return `${value.name}: ${value.message}`
  return value instanceof Uint8Array ? `(${value.length} bytes)` : value
}

function keyText(key: unknown): string {
  return typeof key === 'object' && key !== null ? (JSON.stringify(key, plainly) ?? '') : String(key)
}

/** A CloudEvent with its place, as an export has it. */
export function eventJson(recorded: Recorded): string {
  return `${safeJson(lineOf(placedOf(recorded)))}\n`
}

export function oneLine(text: string): string {
  return printable(text).replace(/\s+/g, ' ')
}

/** Writes events as they come, at the pace of who reads them; how many were written. */
export async function writeEvents(
  events: AsyncIterable<Recorded>,
  json: boolean,
  { stdout, signal }: { readonly stdout: Output; readonly signal: AbortSignal },
  limit: number = Number.POSITIVE_INFINITY,
): Promise<number> {
  const paint = painter(stdout.colour)
  let shown = 0
  if (limit === 0) return 0
  for await (const recorded of events) {
    stdout.write(json ? eventJson(recorded) : eventLine(recorded, paint))
    if (++shown >= limit) break
    await stdout.room(signal)
    if (signal.aborted) break
  }
  return shown
}

export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

export function sizeText(bytes: number): string {
  let size = bytes
  let unit = 0
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024
    unit++
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`
}
