/**
 * A message as people and as programs read it. Text from outside passes `printable`, and a body of several lines is
 * indented, so that no message can pass for two; what is no text is told as bytes. The JSON holds nothing that a terminal
 * would obey either.
 */
import { isUtf8 } from 'node:buffer'
import type { Message } from '../bus/bus.ts'
import type { Paint } from './terminal.ts'
import { printable } from './terminal.ts'

const hexShownMax = 24

/** `subject  data` on one line; where there are headers or more lines, these below it. */
export function messageText(message: Message, paint: Paint): string {
  const { subject, reply, headers = {} } = message
  const head = [paint('cyan', printable(subject))]
  if (reply !== undefined) head.push(paint('dim', `(reply to ${printable(reply)})`))
  const fields = Object.entries(headers).flatMap(([name, values]) =>
    values.map((value) => paint('dim', `  ${printable(name)}: ${printable(value)}`)),
  )
  const body = dataText(message.data).split('\n')
  if (fields.length === 0 && body.length === 1) return `${[...head, ...body].join('  ')}\n`
  return `${[head.join('  '), ...fields, ...body.map((line) => `  | ${line}`)].join('\n')}\n`
}

/** The data alone, for people. */
export function dataText(data: Uint8Array): string {
  if (data.length === 0) return '(empty)'
  if (isText(data)) return printable(textOf(data))
  const shown = Buffer.from(data.buffer, data.byteOffset, Math.min(data.length, hexShownMax))
  const hex = shown.toString('hex').replace(/..(?!$)/g, '$& ')
  return `(binary, ${data.length} bytes: ${hex}${data.length > hexShownMax ? ' ...' : ''})`
}

/** One JSON object on one line: `data` is text, or base64 where `base64` is true. */
export function messageJson({ subject, reply, headers, data }: Message): string {
  const text = isUtf8(data)
  return jsonLine({
    subject,
    ...(reply !== undefined && { reply }),
    ...(headers && { headers }),
    data: text ? textOf(data) : bufferOf(data).toString('base64'),
    ...(!text && { base64: true }),
  })
}

// JSON.stringify escapes the C0 controls only; DEL, C1 and what reorders or hides text would reach the terminal.
const unsafe = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** JSON with everything escaped that a terminal could obey. */
export function jsonLine(value: object): string {
  return `${safeJson(JSON.stringify(value))}\n`
}

/** The same of a text that is JSON already. */
export function safeJson(json: string): string {
  return json.replace(unsafe, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function isText(data: Uint8Array): boolean {
  return isUtf8(data) && !data.includes(0)
}

function textOf(data: Uint8Array): string {
  return bufferOf(data).toString('utf8')
}

function bufferOf(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}
