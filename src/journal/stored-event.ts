/**
 * An event in the form in which it is kept: one flat row of texts and numbers, the same in memory and in SQL. Unlike a
 * CloudEvent it cannot be changed through a reference that a caller still holds, and whatever comes out of it is a fresh
 * copy; that both drivers keep this form is what makes them give the same values for the same input.
 *
 * The attributes that are filtered or nearly always there have a field each; the rest stand in `extra`, as the codec's JSON.
 */
import { checkEvent } from '../base/envelope.ts'
import type { CloudEvent } from '../base/envelope.ts'
import { CodecTooLarge } from '../base/codec.ts'
import { LimitExceeded, messageOf } from '../base/error.ts'
import { dataEncoder, decodeData } from './data-text.ts'
import type { DataText } from './data-text.ts'
import { exactTimeToMs, msToTime, timeToMs } from './event-time.ts'
import { EventTooLarge, EventUnreadable, InvalidEvent } from './error.ts'
import type { JournalLimits, Recorded } from './journal.ts'

export interface StoredEvent {
  readonly id: string
  readonly source: string
  readonly type: string
  readonly subject: string | null
  /** Milliseconds since the epoch. A time that is not written as `isoTime` writes it stands in `extra` too, verbatim. */
  readonly time: number | null
  readonly correlationid: string | null
  readonly causationid: string | null
  readonly hop: number | null
  /** The other attributes as a JSON object; null when there are none and `datacontenttype` is the usual one. */
  readonly extra: string | null
  readonly data: string
}

/** A stored event with its place. `data` is null when it is large and has to be fetched for itself. */
export interface StoredRow extends Omit<StoredEvent, 'data'> {
  readonly position: number
  readonly stream: string
  readonly version: number
  readonly data: string | null
  /** Bytes of the data, where `data` is null. */
  readonly apartBytes?: number
  /** What the data say, where the driver has parsed them for this reader alone. */
  readonly parsed?: unknown
}

const usualContentType = 'application/json'
/** `extra` never holds null as a value, so null there can say that the event came without a `datacontenttype`. */
const withoutContentType = null

/** Makes the function that turns the events of one append into rows, or throws what `Journal.append` says. */
export function eventEncoder(limits: JournalLimits): (events: readonly CloudEvent[]) => StoredEvent[] {
  const encodeData = dataEncoder(limits.eventMaxBytes)
  return (events) => {
    let batchBytes = 0
    return events.map((event) => {
      const checked = check(event)
      const data = encoded(checked, encodeData, limits.eventMaxBytes)
      batchBytes += data.bytes
      if (batchBytes > limits.batchMaxBytes) throw new LimitExceeded('batchMaxBytes', limits.batchMaxBytes, batchBytes)
      return toStored(checked, data.text)
    })
  }
}

function check(event: CloudEvent): CloudEvent {
  try {
    return checkEvent(event)
  } catch (cause) {
    throw new InvalidEvent(messageOf(cause), { cause })
  }
}

function encoded({ type, data }: CloudEvent, encode: (data: unknown) => DataText, maxBytes: number): DataText {
  try {
    return encode(data)
  } catch (cause) {
    if (cause instanceof CodecTooLarge) throw new EventTooLarge(type, maxBytes, { cause })
    throw new InvalidEvent(`the data of an event of type ${type} cannot be encoded: ${messageOf(cause)}`, { cause })
  }
}

function toStored(event: CloudEvent, data: string): StoredEvent {
  const { time } = event
  const exactMs = time === undefined ? undefined : exactTimeToMs(time)
  return {
    id: event.id,
    source: event.source,
    type: event.type,
    subject: event.subject ?? null,
    time: exactMs ?? (time === undefined ? null : timeToMs(time)),
    correlationid: event.correlationid ?? null,
    causationid: event.causationid ?? null,
    // Adding zero turns -0 into 0, which is all that SQL would keep of it.
    hop: event.hop === undefined ? null : event.hop + 0,
    extra: extraText(event, exactMs === undefined),
    data,
  }
}

const encodeExtra = dataEncoder(2 ** 20)

function extraText(event: CloudEvent, verbatimTime: boolean): string | null {
  let extra: Record<string, unknown> | undefined
  const { datacontenttype } = event
  if (datacontenttype !== usualContentType) extra = { datacontenttype: datacontenttype ?? withoutContentType }
  for (const name of Object.keys(event)) {
    if (hasField(name, verbatimTime)) continue
    const value = (event as unknown as Record<string, unknown>)[name]
    if (value !== undefined) (extra ??= {})[name] = value
  }
  return extra === undefined ? null : encodeExtra(extra).text
}

/** True for what stands in a field of its own, or is the same in every event. */
function hasField(name: string, verbatimTime: boolean): boolean {
  switch (name) {
    case 'specversion':
    case 'id':
    case 'source':
    case 'type':
    case 'subject':
    case 'datacontenttype':
    case 'correlationid':
    case 'causationid':
    case 'hop':
    case 'data':
      return true
    case 'time':
      return !verbatimTime
    default:
      return false
  }
}

/** The record of a row and its data. Throws `journal.event_unreadable`. */
export function fromStored(row: StoredRow, data: string): Recorded {
  const { stream, version } = row
  try {
    return {
      stream,
      version,
      position: String(row.position),
      event: toEvent(row, row.parsed === undefined ? decodeData(data) : row.parsed),
    }
  } catch (cause) {
    throw new EventUnreadable(stream, version, { cause })
  }
}

function toEvent(row: StoredRow, data: unknown): CloudEvent {
  const event: Record<string, unknown> = { specversion: '1.0', id: row.id, source: row.source, type: row.type }
  const extra = row.extra === null ? undefined : (decodeData(row.extra) as Record<string, unknown>)
  if (row.subject !== null) event['subject'] = row.subject
  const time = extra?.['time']
  if (time !== undefined) event['time'] = time
  else if (row.time !== null) event['time'] = msToTime(row.time)
  const contentType = extra?.['datacontenttype']
  if (contentType === undefined) event['datacontenttype'] = usualContentType
  else if (contentType !== withoutContentType) event['datacontenttype'] = contentType
  if (extra?.['dataschema'] !== undefined) event['dataschema'] = extra['dataschema']
  if (row.correlationid !== null) event['correlationid'] = row.correlationid
  if (row.causationid !== null) event['causationid'] = row.causationid
  if (row.hop !== null) event['hop'] = row.hop
  if (extra) addExtensions(event, extra)
  event['data'] = data
  return event as unknown as CloudEvent
}

const knownExtensions = ['domain', 'criticality', 'traceparent'] as const
const placed: ReadonlySet<string> = new Set(['time', 'datacontenttype', 'dataschema', ...knownExtensions])

function addExtensions(event: Record<string, unknown>, extra: Record<string, unknown>): void {
  for (const name of knownExtensions) if (extra[name] !== undefined) event[name] = extra[name]
  for (const name of Object.keys(extra)) if (!placed.has(name)) event[name] = extra[name]
}
