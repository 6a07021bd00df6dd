/**
 * One event as it leaves a journal and comes into another: a CloudEvent in the JSON format (CNCF CloudEvents, JSON Event
 * Format 1.0.2) on one line, with its place and a checksum as extension attributes. Unlike the codec it writes what any
 * reader of CloudEvents takes; what JSON lacks is in the data, tagged as the codec of `base/` does.
 *
 * | attribute | what |
 * | --- | --- |
 * | `clqstream` | its stream |
 * | `clqversion`, `clqposition` | its place, as texts: CloudEvents knows no integer beyond 32 bits |
 * | `clqsum` | CRC-32 over content, with the attributes in order of their names, and place; eight hexadecimal digits |
 * | `clqjournal` | the id of the journal, in the first event |
 * | `clqx...` | an attribute of the event itself whose name begins with `clq` |
 *
 * The last event of an export is of the type `colloquy.journal.export.completed` and tells how many came before it,
 * their digest and the journal, so that a file that was cut off is no whole one. The attributes of an event may stand in any order; the keys of
 * an object in its data may not: another order is another event.
 */
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { checkEvent } from '../base/envelope.ts'
import type { CloudEvent } from '../base/envelope.ts'
import { contentChecksum, contentText, placedChecksum } from './checksum.ts'
import { decodeData } from './data-text.ts'
import type { Recorded } from './journal.ts'
import { base64Bytes, foreignEvent } from './foreign-event.ts'
import { eventEncoder } from './stored-event.ts'
import type { StoredEvent } from './stored-event.ts'

export const completedType = 'colloquy.journal.export.completed'
const own = 'clq'
const escape = 'clqx'
const journalName = 'clqjournal'
const placeNames = ['clqstream', 'clqversion', 'clqposition', 'clqsum'] as const

/** As wide as any journal may be: the limits of the one that takes an event are checked when it takes it. */
const encode = eventEncoder({
  eventMaxBytes: 2 ** 28,
  batchMax: 1,
  batchMaxBytes: Number.MAX_SAFE_INTEGER,
  streamMaxLength: 4096,
})

/** An event with what tells it from every other. */
export interface Placed {
  readonly recorded: Recorded
  readonly stored: StoredEvent
  /** Of content and place. */
  readonly checksum: number
}

/** Throws `journal.invalid_event`. */
export function placedOf(recorded: Recorded): Placed {
  const [stored] = encode([inOrder(recorded.event)]) as [StoredEvent]
  const { stream, version, position } = recorded
  return { recorded, stored, checksum: placedChecksum(contentChecksum(stream, stored), version, position) }
}

/** Attributes have no order (CloudEvents 1.0.2, section 3), and the text of those without a field of their own has one. */
function inOrder(event: CloudEvent): CloudEvent {
  const sorted: Record<string, unknown> = {}
  for (const name of Object.keys(event).sort()) sorted[name] = (event as unknown as Record<string, unknown>)[name]
  return sorted as unknown as CloudEvent
}

/** The line of an event, without its end. `journal`: the id of the one it is from, for the first. */
export function lineOf({ recorded, stored, checksum }: Placed, journal?: string): string {
  const { stream, version, position, event } = recorded
  const attributes: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(event))
    if (name !== 'data') attributes[name.startsWith(own) ? `${escape}${name}` : name] = value
  attributes['clqstream'] = stream
  attributes['clqversion'] = String(version)
  attributes['clqposition'] = position
  attributes['clqsum'] = checksum.toString(16).padStart(8, '0')
  if (journal !== undefined) attributes[journalName] = journal
  const { data } = event
  if (data instanceof Uint8Array)
    attributes['data_base64'] = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')
  const head = JSON.stringify(attributes)
  return data === undefined || data instanceof Uint8Array ? head : `${head.slice(0, -1)},"data":${stored.data}}`
}

/** What a line turned out to be. */
export type Parsed =
  | { readonly kind: 'own'; readonly placed: Placed; readonly journal: string | undefined }
  | { readonly kind: 'foreign'; readonly event: CloudEvent }
  | { readonly kind: 'completed'; readonly events: number; readonly digest: string; readonly journal: string }
  | { readonly kind: 'broken'; readonly why: string }

/** Reads one line; throws what JSON, the codec and CloudEvents throw. */
export function parseLine(text: string): Parsed {
  const value = JSON.parse(text) as Record<string, unknown>
  if (placeNames.some((name) => Object.hasOwn(value, name))) return ownLine(value, text.includes('"$'))
  if (value['type'] === completedType) return completedLine(value)
  return { kind: 'foreign', event: foreignEvent(text) }
}

function ownLine(value: Record<string, unknown>, tagged: boolean): Parsed {
  const [stream, version, position, sum] = placeNames.map((name) => value[name])
  if (typeof stream !== 'string' || typeof position !== 'string' || !/^[1-9]\d{0,15}$/.test(String(version)))
    return { kind: 'broken', why: 'has an event without its place' }
  const event: Record<string, unknown> = {}
  for (const [name, each] of Object.entries(value)) {
    if (name === 'data' || name === 'data_base64') continue
    if (!name.startsWith(own)) event[name] = each
    else if (name.startsWith(escape)) event[name.slice(escape.length)] = each
  }
  if (value['data_base64'] !== undefined && Object.hasOwn(value, 'data'))
    return { kind: 'broken', why: 'has an event with data and data_base64: it was changed' }
  if (value['data_base64'] !== undefined) event['data'] = base64Bytes(value['data_base64'])
  else if (Object.hasOwn(value, 'data'))
    event['data'] = tagged ? decodeData(JSON.stringify(value['data'])) : value['data']
  const recorded = { stream, version: Number(version), position, event: checkEvent(event) }
  const placed = placedOf(recorded)
  return placed.checksum.toString(16).padStart(8, '0') === sum
    ? { kind: 'own', placed, journal: textOf(value[journalName]) }
    : { kind: 'broken', why: 'has an event whose checksum does not fit: it was changed' }
}

function completedLine(value: Record<string, unknown>): Parsed {
  const { events, digest, journal } = (value['data'] ?? {}) as Record<string, unknown>
  if (!Number.isSafeInteger(events) || typeof digest !== 'string' || typeof journal !== 'string')
    return { kind: 'broken', why: 'has a last line that does not tell count, digest and journal' }
  return { kind: 'completed', events: events as number, digest, journal }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** Count and SHA-256 of the events of one export, in their order. */
export class TransferDigest {
  readonly #hash: Hash = createHash('sha256')
  #events = 0

  get events(): number {
    return this.#events
  }

  add({ recorded, stored }: Placed): void {
    const { stream, version, position } = recorded
    this.#hash.update(`${contentText(stream, stored)}\n${version}@${position}\n`)
    this.#events++
  }

  text(): string {
    return this.#hash.copy().digest('hex')
  }

  /** The last line. The same events of one journal give the same line: it has no time. */
  line(journal: string): string {
    const digest = this.text()
    const event: CloudEvent = {
      specversion: '1.0',
      id: digest,
      source: '/colloquy/journal',
      type: completedType,
      datacontenttype: 'application/json',
      data: { events: this.#events, digest, journal },
    }
    return JSON.stringify(event)
  }
}
