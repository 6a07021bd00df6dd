/**
 * Envelope: every event of the house is a CloudEvents 1.0 event (CNCF, specification 1.0.2) with the extensions that tie
 * a conversation together. What an agent says while it handles another message is `caused` by it: it inherits
 * `correlationid` and sets `causationid`, so that anyone can draw the conversation from the events alone.
 *
 * On a bus the attributes ride as `ce-` headers and the data as the payload (CNCF NATS protocol binding, binary mode).
 */
import type { Clock } from './clock.ts'
import type { Codec } from './codec.ts'
import { ColloquyError } from './error.ts'
import type { IdSource } from './id.ts'
import { isCleanText } from './limit.ts'

export type Criticality = 'low' | 'normal' | 'high' | 'critical'

export interface CloudEvent<Data = unknown> {
  readonly specversion: '1.0'
  /** UUIDv7 when made here; any text from outside. */
  readonly id: string
  /** Node and agent: `/<node>/<agent>`; a URI reference. */
  readonly source: string
  readonly type: string
  readonly subject?: string
  /** RFC 3339, UTC. */
  readonly time?: string
  readonly datacontenttype?: string
  readonly dataschema?: string
  readonly correlationid?: string
  readonly causationid?: string
  /** How many causes lie before this event; 0 for the first. */
  readonly hop?: number
  /** The rules and sagas that this event came through, the first first, divided by spaces; see `pathThrough`. */
  readonly path?: string
  readonly domain?: string
  readonly criticality?: Criticality
  /** W3C Trace Context. */
  readonly traceparent?: string
  readonly data: Data
}

/** Limits on every event, from outside or ours. */
export const envelopeLimits: { readonly attributeMaxLength: number; readonly attributesMax: number } = {
  attributeMaxLength: 1024,
  attributesMax: 64,
}

/** An event from outside breaks CloudEvents 1.0 or a bound. */
export class EnvelopeInvalid extends ColloquyError {
  override readonly code = 'base.envelope_invalid'
  readonly attribute: string
  constructor(attribute: string, mend: string) {
    super(`the event's ${attribute} ${mend}`)
    this.attribute = attribute
  }
}

export interface EventInput<Data> {
  readonly type: string
  readonly source: string
  readonly data: Data
  readonly subject?: string
  readonly domain?: string
  readonly criticality?: Criticality
  readonly traceparent?: string
  /** The message that was handled when this one was made. */
  readonly cause?: CloudEvent
  /** Who handled it, where that is a rule or a saga: `rule:refund`. It becomes the last of the path. */
  readonly via?: string
}

export interface EventSource {
  readonly clock: Pick<Clock, 'now'>
  readonly id: IdSource
}

/** Makes an event with a fresh id and the current time, tied to its cause if there is one. */
export function makeEvent<Data>(input: EventInput<Data>, from: EventSource): CloudEvent<Data> {
  const { cause, subject, domain, criticality, traceparent, via } = input
  const id = from.id()
  const path = pathThrough(cause?.path, via)
  return {
    specversion: '1.0',
    id,
    source: input.source,
    type: input.type,
    ...(subject !== undefined && { subject }),
    time: isoTime(from.clock.now()),
    datacontenttype: 'application/json',
    correlationid: cause?.correlationid ?? cause?.id ?? id,
    ...(cause && { causationid: cause.id }),
    hop: cause ? (cause.hop ?? 0) + 1 : 0,
    ...(path !== undefined && { path }),
    ...(domain !== undefined && { domain }),
    ...(criticality !== undefined && { criticality }),
    ...(traceparent !== undefined && { traceparent }),
    data: input.data,
  }
}

/** The path with one more at its end. Where it would be longer than an attribute may be, the oldest give way to `...`. */
export function pathThrough(path: string | undefined, via: string | undefined): string | undefined {
  if (via === undefined) return path
  let longer = path === undefined ? via : `${path} ${via}`
  while (longer.length > envelopeLimits.attributeMaxLength) {
    const rest = longer.startsWith('... ') ? longer.slice(4) : longer
    const next = rest.indexOf(' ')
    if (next === -1) return rest.slice(-envelopeLimits.attributeMaxLength)
    longer = `... ${rest.slice(next + 1)}`
  }
  return longer
}

/** RFC 3339 in UTC with milliseconds. */
export function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString()
}

/** An event as binary-mode headers and payload; throws `base.envelope_invalid`, or the codec's errors. */
export function toBinary(
  event: CloudEvent,
  codec: Codec,
): { headers: Record<string, string>; data: Uint8Array<ArrayBuffer> } {
  // What the other side would refuse is refused here, where the sender can still mend it.
  checkEvent(event)
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(event)) {
    if (name === 'data' || name === 'datacontenttype' || value === undefined) continue
    headers[`ce-${name}`] = percentEncode(String(value))
  }
  headers['content-type'] = codec.contentType
  return { headers, data: codec.encode(event.data) }
}

/** The event of binary-mode headers and payload; throws `base.envelope_invalid`, or the codec's errors. */
export function fromBinary(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  data: Uint8Array,
  codec: Codec,
): CloudEvent {
  // Without a prototype, so that a header `ce-__proto__` is a name like any other and is refused as one.
  const attributes = Object.create(null) as Record<string, unknown>
  for (const [header, values] of Object.entries(headers)) {
    const value = typeof values === 'string' ? values : values?.[0]
    const name = header.toLowerCase()
    if (value === undefined) continue
    if (name.startsWith('ce-')) attributes[name.slice(3)] = percentDecode(value)
    else if (name === 'content-type') attributes['datacontenttype'] = value
  }
  const { hop } = attributes
  if (typeof hop === 'string' && /^\d{1,16}$/.test(hop)) attributes['hop'] = Number(hop)
  return checkEvent({ ...attributes, data: codec.decode(data) })
}

const criticalities: ReadonlySet<unknown> = new Set<Criticality>(['low', 'normal', 'high', 'critical'])
const required = ['id', 'source', 'type'] as const
const attributeName = /^[a-z0-9]{1,20}$/
const knownNames: ReadonlySet<string> = new Set([
  'specversion',
  ...required,
  'subject',
  'time',
  'datacontenttype',
  'dataschema',
  'correlationid',
  'causationid',
  'hop',
  'path',
  'domain',
  'criticality',
  'traceparent',
])
const rfc3339 =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/

/**
 * A copy of the value as an event, if it is one: required attributes present, every attribute within bounds. Extension
 * attributes we do not know are kept. What is checked is what is given back, whatever getters the value has. Throws
 * `base.envelope_invalid`.
 */
export function checkEvent(value: unknown): CloudEvent {
  if (typeof value !== 'object' || value === null) throw new EnvelopeInvalid('form', 'must be an object')
  const event: Record<string, unknown> = { ...value }
  if (Object.getPrototypeOf(value) !== Object.prototype) refuseInherited(value)
  if (event['specversion'] !== '1.0') throw new EnvelopeInvalid('specversion', 'must be "1.0"')
  for (const name of required)
    if (typeof event[name] !== 'string' || event[name] === '')
      throw new EnvelopeInvalid(name, 'must be text, not empty')
  const names = Object.keys(event)
  if (names.length > envelopeLimits.attributesMax)
    throw new EnvelopeInvalid('form', `must have ${envelopeLimits.attributesMax} attributes at most`)
  for (const name of names) {
    const value = event[name]
    if (value !== undefined) checkAttribute(name, value)
  }
  if (!('data' in event)) event['data'] = undefined
  return event as unknown as CloudEvent
}

/** An attribute that an event has by its class is no property of it, and would be left behind in silence. */
function refuseInherited(event: object): void {
  for (const name of [...knownNames, 'data'])
    if (name in event && !Object.hasOwn(event, name))
      throw new EnvelopeInvalid(name, 'must be a property of the event itself, not of its class')
}

function checkAttribute(name: string, value: unknown): void {
  switch (name) {
    case 'data':
      return
    case 'hop':
      if (!Number.isSafeInteger(value) || (value as number) < 0)
        throw new EnvelopeInvalid(name, 'must be a whole number of 0 or more')
      return
    case 'time':
      if (!rfc3339.test(checkText(name, value))) throw new EnvelopeInvalid(name, 'must be an RFC 3339 time')
      return
    case 'criticality':
      if (!criticalities.has(checkText(name, value)))
        throw new EnvelopeInvalid(name, 'must be low, normal, high or critical')
      return
    case 'specversion':
    case 'id':
    case 'source':
    case 'type':
    case 'subject':
    case 'datacontenttype':
    case 'dataschema':
    case 'correlationid':
    case 'causationid':
    case 'path':
    case 'domain':
    case 'traceparent':
      checkText(name, value)
      return
    default:
      checkExtension(name, value)
  }
}

function checkExtension(name: string, value: unknown): void {
  if (!attributeName.test(name)) throw new EnvelopeInvalid('attributes', 'must have names of 1 to 20 of a-z and 0-9')
  // CloudEvents types: an extension may also be a Boolean or an Integer of 32 bits; ours are all text.
  if (typeof value === 'boolean' || (typeof value === 'number' && value === (value | 0))) return
  checkText(name, value)
}

function checkText(name: string, value: unknown): string {
  const { attributeMaxLength } = envelopeLimits
  if (typeof value !== 'string' || value.length > attributeMaxLength || !isCleanText(value))
    throw new EnvelopeInvalid(
      name,
      `must be well-formed text of ${attributeMaxLength} characters at most without control characters`,
    )
  return value
}

/** CloudEvents HTTP binding 3.1.3.2: space, quote, percent and all outside printable ASCII are percent-encoded. */
function percentEncode(text: string): string {
  return text.replace(/[^\u0021\u0023\u0024\u0026-\u007e]+/g, (run) =>
    Array.from(new TextEncoder().encode(run), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(
      '',
    ),
  )
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A stray percent sign from a careless producer is data, not an error.
    return text
  }
}
