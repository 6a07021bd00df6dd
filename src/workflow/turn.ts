/**
 * What one turn of a run appends: the event with its records, what its steps emitted, the locks that it takes or frees: all of it or
 * nothing. It makes the events and sends nothing.
 */
import type { CloudEvent, EventInput } from '../base/envelope.ts'
import { jsonCodec } from '../base/codec.ts'
import { codeOf, toError } from '../base/error.ts'
import type { JournalLimits, StreamAppend } from '../journal/journal.ts'
import type { Emission } from './attempt.ts'
import { faultOf } from './core/fault.ts'
import type { RunRecord } from './core/record.ts'
import type { SagaRun } from './core/run.ts'
import { OutputInvalid } from './error.ts'
import { emitStream, turnType } from './event.ts'

export interface EventMaking {
  /** An event of this workflow; source, id and time are its own. */
  readonly make: <Data>(input: Omit<EventInput<Data>, 'source'>) => CloudEvent<Data>
}

export function turnEvent(
  { make }: EventMaking,
  run: string,
  started: CloudEvent,
  records: readonly RunRecord[],
  reopened: boolean,
): CloudEvent {
  const type = reopened && turnType(records) === 'saga.advanced' ? 'saga.reopened' : turnType(records)
  return make({ type, subject: run, data: { records }, cause: started, ...scopeOf(started) })
}

/** What its steps emitted, in a stream of its own. */
export function emissions(
  { make }: EventMaking,
  run: string,
  started: CloudEvent,
  emitted: readonly Emission[],
): StreamAppend[] {
  if (emitted.length === 0) return []
  const events = emitted.map((emission) => make({ ...scopeOf(started), ...emission, cause: started }))
  return [{ stream: emitStream(run), events }]
}

function scopeOf({ domain, criticality }: CloudEvent): Pick<CloudEvent, 'domain' | 'criticality'> {
  return { ...(domain !== undefined && { domain }), ...(criticality !== undefined && { criticality }) }
}

const codec = jsonCodec()

const unkept: ReadonlySet<string> = new Set(['journal.event_too_large', 'journal.invalid_event', 'base.limit_exceeded'])

/** True when the journal refused what it was given for what it is: nothing of it is kept, nor ever will be. */
export function isUnkept(error: unknown): boolean {
  return unkept.has(codeOf(error))
}

/**
 * Has those steps fail whose input, output or list the journal did not take: the ones that cannot be encoded or are too large by
 * themselves, or else the largest.
 */
export function refuseUnkept(
  machine: SagaRun,
  records: readonly RunRecord[],
  error: unknown,
  limits: JournalLimits,
  at: { readonly nowMs: number; readonly chance: number },
): void {
  const sized = records.flatMap((record) => sizesOf(record))
  const tooLarge = sized.filter(({ bytes }) => bytes > limits.eventMaxBytes * 0.9)
  const [largest] = sized.toSorted((a, b) => b.bytes - a.bytes)
  const refused = tooLarge.length > 0 ? tooLarge : largest ? [largest] : []
  for (const { record, step } of refused) {
    const thrown = new OutputInvalid(step === '' ? 'the output' : step, { cause: toError(error) })
    if (record.is !== 'done') machine.refused.set(step, faultOf(thrown))
    else machine.errored(step, { thrown, final: true }, at)
  }
}

function sizesOf(record: RunRecord): { readonly record: RunRecord; readonly step: string; readonly bytes: number }[] {
  const { is } = record
  if (is === 'done' && 'output' in record) return [{ record, step: record.step, bytes: bytesOf(record.output) }]
  if (is === 'begun' && 'input' in record) return [{ record, step: record.step, bytes: bytesOf(record.input) }]
  if (is === 'spread') return [{ record, step: record.step, bytes: bytesOf(record.items) }]
  if (is === 'completed' && 'output' in record) return [{ record, step: '', bytes: bytesOf(record.output) }]
  return []
}

function bytesOf(value: unknown): number {
  try {
    return codec.encode(value).byteLength
  } catch {
    return Infinity
  }
}
