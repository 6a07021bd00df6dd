/**
 * Headers: the checks and the form they have on the way. A name is printable ASCII without colon and space, a value is
 * text on one line; both bounded. Pure. What NATS would change on the way (white space at a value's ends) is refused
 * instead, so that a header reads the same behind every driver.
 */
import { utf8Bytes } from '../base/limit.ts'
import { InvalidHeader } from './error.ts'
import type { HeadersInput, MessageHeaders } from './bus.ts'

/** Values in all, over all names. */
export const headersMax = 256
/** Bytes of all names and values as NATS writes them. */
export const headersMaxBytes: number = 64 * 1024

export interface CheckedHeaders {
  /** Frozen, without a prototype: a name such as `constructor` is only there if it was sent. Absent when nothing was. */
  readonly headers?: MessageHeaders
  /** Size in a NATS message, where it counts towards the payload's bound. 0 without headers. */
  readonly bytes: number
}

const none: CheckedHeaders = { bytes: 0 }

/** The headers as they are delivered, and their size. Throws `bus.invalid_header`. */
export function checkHeaders(input: HeadersInput): CheckedHeaders {
  const headers = Object.create(null) as Record<string, readonly string[]>
  let count = 0
  let bytes = blockBytes
  for (const name of Object.keys(input)) {
    const given = input[name]
    if (given === undefined) continue
    if (typeof given !== 'string' && !Array.isArray(given)) throw new InvalidHeader(name, notText)
    const values = Object.freeze(typeof given === 'string' ? [given] : [...given])
    if (values.length === 0) continue
    if (!namePattern.test(name))
      throw new InvalidHeader(name, 'must be named in printable ASCII without colon and space')
    count += values.length
    if (count > headersMax) throw new InvalidHeader(name, `is beyond the ${headersMax} values that a message may have`)
    for (const value of values) bytes += name.length + valueBytes(name, value) + lineBytes
    if (bytes > headersMaxBytes)
      throw new InvalidHeader(name, `is beyond the ${headersMaxBytes} bytes of headers; put it into the payload`)
    headers[name] = values
  }
  return count === 0 ? none : { headers: Object.freeze(headers), bytes }
}

/** `NATS/1.0`, a line end, and the empty line that closes the block. */
const blockBytes = 12
/** Colon, space and line end. */
const lineBytes = 4
const notText = 'must have text, or a list of texts, as its value'
const namePattern = /^[!-9;-~]+$/

function valueBytes(name: string, value: string): number {
  if (typeof value !== 'string') throw new InvalidHeader(name, notText)
  if (value.length > headersMaxBytes) throw new InvalidHeader(name, 'is too long; put it into the payload')
  if (/[\r\n]/.test(value)) throw new InvalidHeader(name, 'must have a value without line ends; encode them')
  if (value !== value.trim())
    throw new InvalidHeader(name, 'must have a value that neither begins nor ends with white space')
  if (!value.isWellFormed()) throw new InvalidHeader(name, 'holds half of a surrogate pair, which has no UTF-8 form')
  return utf8Bytes(value).length
}
