/**
 * What the commands of the bus read from their arguments: counts, sizes, durations, headers and payloads, each within its
 * bounds. Unlike `command.ts` it knows what an option means; errors name the option.
 */
import { createReadStream } from 'node:fs'
import { parseDuration } from '../base/duration.ts'
import { Aborted, ColloquyError, LimitExceeded, messageOf } from '../base/error.ts'
import { utf8Bytes } from '../base/limit.ts'
import type { HeadersInput } from '../bus/bus.ts'
import { checkHeaders } from '../bus/header.ts'
import { UsageError, textOption, textOptions } from './command.ts'
import type { ParsedOptions } from './command.ts'
import type { BusWorld, Input } from './bus-world.ts'

/** No NATS server takes a larger message. */
export const payloadMaxBytes: number = 64 * 1024 * 1024

/** The whole number of an option. Throws `cli.usage`. */
export function countOption(
  values: ParsedOptions,
  name: string,
  { min = 1, max = Number.MAX_SAFE_INTEGER }: { readonly min?: number; readonly max?: number } = {},
): number | undefined {
  const text = textOption(values, name)
  if (text === undefined) return undefined
  const count = /^[\d_]{1,20}$/.test(text) ? Number(text.replaceAll('_', '')) : Number.NaN
  if (Number.isSafeInteger(count) && count >= min && count <= max) return count
  const most = max === Number.MAX_SAFE_INTEGER ? ` or more` : ` to ${max}`
  throw new UsageError(`--${name} must be a whole number of ${min}${most}; it is ${JSON.stringify(text.slice(0, 40))}`)
}

const unitBytes: Readonly<Record<string, number>> = { '': 1, b: 1, kib: 1024, mib: 1024 ** 2 }

/** Bytes: `128`, `4KiB`, `1MiB`. Throws `cli.usage`. */
export function sizeOption(values: ParsedOptions, name: string, max: number): number | undefined {
  const text = textOption(values, name)
  if (text === undefined) return undefined
  const [, digits = '', unit = ''] = /^(\d{1,12})(b|kib|mib)?$/i.exec(text) ?? []
  const bytes = digits === '' ? Number.NaN : Number(digits) * (unitBytes[unit.toLowerCase()] ?? Number.NaN)
  if (bytes >= 0 && bytes <= max) return bytes
  throw new UsageError(
    `--${name} must be like 128, 4KiB or 1MiB, ${max} bytes at most; it is ${JSON.stringify(text.slice(0, 40))}`,
  )
}

/** Milliseconds of a duration above nothing. Throws `cli.usage`. */
export function durationOption(values: ParsedOptions, name: string): number | undefined {
  const text = textOption(values, name)
  if (text === undefined) return undefined
  try {
    const ms = parseDuration(text)
    if (ms > 0) return ms
  } catch (error) {
    if (!(error instanceof ColloquyError)) throw error
  }
  throw new UsageError(`--${name} must be like 500ms, 5s or 2m; it is ${JSON.stringify(text.slice(0, 40))}`)
}

/** `--header Name=value`, several times. Throws `cli.usage` or `bus.invalid_header`. */
export function headersOption(values: ParsedOptions): HeadersInput | undefined {
  const given = textOptions(values, 'header')
  if (given.length === 0) return undefined
  const headers = Object.create(null) as Record<string, string[]>
  for (const each of given) {
    const at = each.indexOf('=')
    if (at < 1) throw new UsageError(`--header must be like Name=value; it is ${JSON.stringify(each.slice(0, 40))}`)
    ;(headers[each.slice(0, at)] ??= []).push(each.slice(at + 1))
  }
  checkHeaders(headers)
  return headers
}

/** What is to be sent: the argument, `-` for stdin, a file; nothing is an empty message. */
export async function payloadOf(
  data: string | undefined,
  values: ParsedOptions,
  world: BusWorld,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const file = textOption(values, 'file')
  if (file !== undefined && data !== undefined) throw new UsageError('give the data or --file, not both')
  if (file !== undefined) return readAll(createReadStream(file), `--file ${file}`, signal)
  if (data === '-') return readAll(world.stdin(), 'stdin', signal)
  return utf8Bytes(data ?? '')
}

/** All that comes, up to the bound. Rejects with `base.limit_exceeded`, `cli.usage` or `base.aborted`. */
export async function readAll(
  input: Input,
  what: string,
  signal: AbortSignal,
  maxBytes: number = payloadMaxBytes,
): Promise<Uint8Array> {
  const stop = () => void input.destroy()
  signal.addEventListener('abort', stop, { once: true })
  const parts: Uint8Array[] = []
  let bytes = 0
  try {
    signal.throwIfAborted()
    for await (const part of input) {
      const chunk = typeof part === 'string' ? utf8Bytes(part) : part
      bytes += chunk.length
      if (bytes > maxBytes) throw new LimitExceeded(`bytes of ${what}`, maxBytes, bytes)
      parts.push(chunk)
    }
    signal.throwIfAborted()
    return Buffer.concat(parts)
  } catch (error) {
    if (signal.aborted) throw new Aborted(`reading ${what}`, { cause: signal.reason })
    if (error instanceof ColloquyError) throw error
    throw new UsageError(`${what} cannot be read: ${messageOf(error)}`, { cause: error })
  } finally {
    signal.removeEventListener('abort', stop)
    input.destroy()
  }
}
