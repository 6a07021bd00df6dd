/**
 * Header blocks: headers as they are on a NATS connection, `NATS/1.0`, one line a value, an empty line. Unlike `header.ts`,
 * which refuses what we must not send, reading is tolerant: another client's odd line is skipped, never an error. Pure.
 *
 * The form is that of the NATS client protocol (HPUB and HMSG) and of ADR-4 of the NATS architecture.
 */
import { utf8Bytes } from '../base/limit.ts'
import type { MessageHeaders } from './bus.ts'

/** Headers that have passed `checkHeaders`, as a block. */
export function encodeHeaders(headers: MessageHeaders): Uint8Array {
  let text = 'NATS/1.0\r\n'
  for (const name of Object.keys(headers)) for (const value of headers[name] ?? []) text += `${name}: ${value}\r\n`
  return utf8Bytes(`${text}\r\n`)
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * The headers of a block; undefined when it has none. White space around a value goes, as NATS clients do; lines without a
 * name are skipped.
 */
export function decodeHeaders(block: Uint8Array): MessageHeaders | undefined {
  const headers = Object.create(null) as Record<string, string[]>
  let found = false
  const lines = decoder.decode(block).split('\r\n')
  for (let at = 1; at < lines.length; at++) {
    const line = lines[at] ?? ''
    const colon = line.indexOf(':')
    if (colon < 1) continue
    const name = line.slice(0, colon)
    const value = line.slice(colon + 1).trim()
    const values = headers[name]
    if (values) values.push(value)
    else headers[name] = [value]
    found = true
  }
  if (!found) return undefined
  for (const name of Object.keys(headers)) Object.freeze(headers[name])
  return Object.freeze(headers)
}
