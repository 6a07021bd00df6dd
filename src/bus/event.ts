/**
 * Events over messages: a CloudEvent as the headers and payload of a message, and back (CNCF NATS protocol binding 1.0.3,
 * binary mode; structured mode is read too). Unlike a codec it looks at a whole message, and takes what other languages
 * send: header names in any case, any media type. A message that claims to be no event is plain data, never an error.
 *
 * | attribute | header | why |
 * | --- | --- | --- |
 * | each | `ce-<name>`, percent-encoded | the binding |
 * | `datacontenttype` | `ce-datacontenttype` and `content-type` | the binding names the first; SDKs of other languages the second |
 * | `traceparent` | `ce-traceparent` and `traceparent` | the trace in which the event was made, for events; the same for tools that know only W3C Trace Context |
 */
import { CodecMalformed, jsonCodec } from '../base/codec.ts'
import type { Codec } from '../base/codec.ts'
import { EnvelopeInvalid, checkEvent, fromBinary, toBinary } from '../base/envelope.ts'
import type { CloudEvent } from '../base/envelope.ts'
import { InvalidArgument, messageOf } from '../base/error.ts'
import { utf8Text } from '../base/limit.ts'
import type { Bus, HeadersInput, Message } from './bus.ts'
import { checkSubject, isToken } from './subject.ts'

export interface PublishEventOptions {
  /** Encodes the data and names its media type. Default JSON with tags, `base/codec.ts`. */
  readonly codec?: Codec
  /** A subject for answers. */
  readonly reply?: string
}

export interface EventOfOptions {
  /** Decodes data of its own media type, and all JSON if it is a JSON codec. Default: see `eventOf`. */
  readonly codec?: Codec
}

/**
 * Where events of a type are announced: `clq.<realm>.event.<type>`. Throws `base.invalid_argument` when the realm is no
 * single token, `bus.invalid_subject` when the type has no place in a subject.
 */
export function eventSubject(realm: string, type: string): string {
  if (!isToken(realm)) throw new InvalidArgument('realm', 'must be one token of a subject: no dot, space or wildcard')
  const subject = `clq.${realm}.event.${type}`
  checkSubject(subject)
  return subject
}

/**
 * Publishes an event in binary mode; without data (`undefined`) the payload is empty. Its media type becomes the codec's.
 * Throws `base.envelope_invalid`, the codec's errors, and what `publish` throws.
 */
export function publishEvent(
  bus: Pick<Bus, 'publish'>,
  subject: string,
  event: CloudEvent,
  options: PublishEventOptions = {},
): void {
  const { codec = json, reply } = options
  const { headers, data } = toBinary(event, event.data === undefined ? noData : codec)
  if (event.data === undefined) delete headers['content-type']
  else headers['ce-datacontenttype'] = codec.contentType
  if (event.traceparent !== undefined) headers['traceparent'] = event.traceparent
  bus.publish(subject, data, { headers, ...(reply !== undefined && { reply }) })
}

/**
 * The event that a message carries; undefined when it claims to be none, by any of the `ce-` headers of the required
 * attributes or by the content type `application/cloudevents+json`. Throws `base.envelope_invalid` for one that breaks
 * CloudEvents 1.0 or whose data is not what its media type says, and `base.codec_too_large` at the codec's bounds.
 *
 * | media type of the data | data |
 * | --- | --- |
 * | that of `options.codec` | what it decodes |
 * | `application/json`, `text/json`, `*+json` | the JSON value; tags of our codec are revived, unless the text holds others that start with `$` |
 * | none | the JSON value if it is one, else the bytes |
 * | `text/*` in UTF-8 | text |
 * | any other | the bytes |
 *
 * Without a payload there is no data (`undefined`), where the media type is JSON or absent.
 */
export function eventOf(
  message: Pick<Message, 'headers' | 'data'>,
  options: EventOfOptions = {},
): CloudEvent | undefined {
  if (!message.headers) return undefined
  const found = ownHeaders(message.headers)
  const contentType = found.get('content-type')?.[0]
  const { essence } = mediaType(contentType)
  if (essence.startsWith(structuredType)) return structuredEvent(essence, message.data, options.codec)
  if (!required.some((name) => found.has(name))) return undefined
  const headers: Record<string, string> = {}
  for (const [name, values] of found) {
    const [value, second] = values
    if (value === undefined) continue
    if (second !== undefined) throw new EnvelopeInvalid(name, 'must stand once among the headers')
    headers[name] = unquoted(value)
  }
  const type = headers['ce-datacontenttype'] ?? headers['content-type']
  if (type !== undefined) headers['content-type'] = type
  delete headers['ce-datacontenttype']
  return fromBinary(headers, message.data, { ...json, decode: (bytes) => decodeData(type, bytes, options.codec) })
}

/**
 * The W3C trace context that a message carries: its header `traceparent`, that of the hop, else the one of its event
 * (`ce-traceparent`), that of its beginning. Undefined when neither is there and well formed.
 */
export function traceparentOf(message: Pick<Message, 'headers'>): string | undefined {
  const ofHop = headerOf(message.headers, 'traceparent')
  if (isTraceparent(ofHop)) return ofHop
  const ofEvent = headerOf(message.headers, 'ce-traceparent')
  return isTraceparent(ofEvent) ? ofEvent : undefined
}

/** For other files of the room: the first value of a header whose name is given in lower case, in whatever case it came. */
export function headerOf(headers: HeadersInput | undefined, name: string): string | undefined {
  if (!headers) return undefined
  const key = Object.hasOwn(headers, name) ? name : Object.keys(headers).find((each) => each.toLowerCase() === name)
  const value = key === undefined ? undefined : headers[key]
  return typeof value === 'string' ? value : value?.[0]
}

/** For other files of the room: W3C Trace Context, version 00, neither id all zeros. */
export function isTraceparent(text: string | undefined): text is string {
  return text !== undefined && traceparentForm.test(text)
}

const traceparentForm = /^00-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/
const json = jsonCodec()
const noData: Codec = { contentType: '', encode: () => new Uint8Array(0), decode: () => undefined }
const required = ['ce-specversion', 'ce-id', 'ce-source', 'ce-type'] as const
const structuredType = 'application/cloudevents'

/** The headers that speak of an event, by lower-case name. */
function ownHeaders(headers: NonNullable<Message['headers']>): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>()
  for (const given of Object.keys(headers)) {
    const name = given.toLowerCase()
    if (!name.startsWith('ce-') && name !== 'content-type') continue
    found.set(name, [...(found.get(name) ?? []), ...(headers[given] ?? [])])
  }
  return found
}

/** The binding asks to read the quoted form of its older versions; percent-decoding comes after. */
function unquoted(value: string): string {
  return /^"(?:[^"\\]|\\.)*"$/.test(value) ? value.slice(1, -1).replaceAll(/\\(.)/g, '$1') : value
}

interface MediaType {
  /** Lower case, without parameters; empty when there is none. */
  readonly essence: string
  readonly utf8: boolean
}

function mediaType(text = ''): MediaType {
  const [essence = '', ...parameters] = text.toLowerCase().split(';')
  const charset = parameters.map((each) => /^\s*charset\s*=\s*"?([^\s"]*)/.exec(each)?.[1]).find((each) => each)
  return { essence: essence.trim(), utf8: charset === undefined || /^(?:utf-?8|us-ascii)$/.test(charset) }
}

function isJson(essence: string): boolean {
  return essence === 'application/json' || essence === 'text/json' || essence.endsWith('+json')
}

function decodeData(type: string | undefined, bytes: Uint8Array, codec: Codec | undefined): unknown {
  const { essence, utf8 } = mediaType(type)
  try {
    if (codec && essence !== '' && mediaType(codec.contentType).essence === essence) return codec.decode(bytes)
    if (essence === '') return bytes.length === 0 ? undefined : jsonOrBytes(bytes, codec)
    if (isJson(essence)) {
      if (!utf8) throw new EnvelopeInvalid('data', 'must be JSON in UTF-8')
      return bytes.length === 0 ? undefined : decodeJson(bytes, codec)
    }
    return essence.startsWith('text/') && utf8 ? utf8Text('data', bytes) : bytes
  } catch (error) {
    if (!isMalformed(error)) throw error
    throw new EnvelopeInvalid('data', `is not ${essence} (${messageOf(error).slice(0, 200)})`)
  }
}

function jsonOrBytes(bytes: Uint8Array, codec: Codec | undefined): unknown {
  try {
    return decodeJson(bytes, codec)
  } catch (error) {
    if (isMalformed(error)) return bytes
    throw error
  }
}

/** Said by the codec of bytes that are not its own, and by the check of UTF-8. */
function isMalformed(error: unknown): boolean {
  return error instanceof CodecMalformed || error instanceof InvalidArgument
}

/** By the caller's codec if it is one for JSON; else by ours, or, where `$` means something else than our tags, as it stands. */
function decodeJson(bytes: Uint8Array, codec: Codec | undefined): unknown {
  if (codec && isJson(mediaType(codec.contentType).essence)) return codec.decode(bytes)
  try {
    return json.decode(bytes)
  } catch (error) {
    const plain = isMalformed(error) ? parsed(bytes) : undefined
    if (!plain) throw error
    if (!isShallow(plain.value, foreignDepthMax)) throw error
    return plain.value
  }
}

/** As deep as our codec goes by default; the size was checked by it before. */
const foreignDepthMax = 128

function parsed(bytes: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(utf8Text('data', bytes)) as unknown }
  } catch {
    return undefined
  }
}

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return depth > 0 && Object.values(value).every((inner) => isShallow(inner, depth - 1))
}

/** CloudEvents JSON event format: attributes and `data` or `data_base64` in one object. */
function structuredEvent(essence: string, bytes: Uint8Array, codec: Codec | undefined): CloudEvent {
  if (essence !== structuredType && essence !== `${structuredType}+json`)
    throw new EnvelopeInvalid('form', 'must be one event in the JSON format or in binary mode; no other is read')
  const document = decodeData('application/json', bytes, codec)
  const isObject = typeof document === 'object' && document !== null && !Array.isArray(document)
  if (!isObject) throw new EnvelopeInvalid('form', 'must be a JSON object')
  const { data, data_base64: base64, ...rest } = document as Record<string, unknown>
  // The format allows null for an attribute that is not set.
  const attributes = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null))
  const { hop, datacontenttype } = attributes
  // A gateway that got it in binary mode, where all is text, does not know that it was a number.
  if (typeof hop === 'string' && /^\d{1,16}$/.test(hop)) attributes['hop'] = Number(hop)
  if (base64 === undefined || base64 === null) return checkEvent({ ...attributes, data })
  if (data !== undefined) throw new EnvelopeInvalid('data', 'must stand once, as data or as data_base64')
  const type = typeof datacontenttype === 'string' ? datacontenttype : 'application/octet-stream'
  return checkEvent({ ...attributes, data: decodeData(type, bytesOf(base64), codec) })
}

function bytesOf(base64: unknown): Uint8Array {
  const bytes = Buffer.from(typeof base64 === 'string' ? base64 : '', 'base64')
  // `Buffer` skips what is no base64; bytes that came damaged must not pass for others.
  if (bytes.toString('base64') !== base64) throw new EnvelopeInvalid('data', 'must be base64 in data_base64')
  return new Uint8Array(bytes)
}
