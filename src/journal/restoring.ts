/**
 * One restoring of erased events, over a backend: takes them in order, checks that they follow each other, stages them in
 * pieces and shows them all at once. Unlike the backend it knows records and their encoding; it decides nothing about
 * which events come back.
 */
import type { CloudEvent } from '../base/envelope.ts'
import { InvalidArgument } from '../base/error.ts'
import { RestoreConflict } from './error.ts'
import type { Recorded, Restored } from './journal.ts'
import type { NumberedBackend } from './numbered-backend.ts'
import type { Cut } from './numbered-reading.ts'
import { positionNumber } from './numbered-reading.ts'
import { restoreFaults } from './restore-fault.ts'
import type { RestoreFault } from './restore-fault.ts'
import type { StoredEvent } from './stored-event.ts'

/** Events and bytes of one piece, about: each is one transaction. */
const pieceMax = 500
const pieceMaxBytes = 4 * 1024 * 1024

export interface RestoringParts {
  readonly backend: Pick<NumberedBackend, 'stage' | 'reveal'>
  readonly stream: string
  readonly encode: (events: readonly CloudEvent[]) => StoredEvent[]
  readonly cut: Cut
  /** Aborted when nobody waits for it any more; `cut` then says why. */
  readonly signal: AbortSignal
}

/** Stages all of them and shows them; rejects with `journal.restore_conflict`, and then something may be left to erase. */
export async function restoring(
  parts: RestoringParts,
  source: AsyncIterable<Recorded> | Iterable<Recorded>,
): Promise<Restored> {
  const { backend, stream, encode, cut, signal } = parts
  let first: number | undefined
  let next = 0
  let events: StoredEvent[] = []
  let positions: number[] = []
  let bytes = 0
  const flush = async () => {
    if (events.length === 0) return
    const from = next - events.length
    refuse(stream, await backend.stage({ stream, from, events, positions }))
    events = []
    positions = []
    bytes = 0
  }
  for await (const recorded of untilAborted(source, signal)) {
    cut()
    if (typeof recorded !== 'object' || recorded === null)
      throw new InvalidArgument('events', 'must be records as `read` gives them')
    if (recorded.stream !== stream)
      throw new InvalidArgument('events', `must be of ${stream}; one is of another stream`)
    const { version } = recorded
    if (!Number.isSafeInteger(version) || version < 1) throw new InvalidArgument('events', 'must have versions from 1')
    if (first !== undefined && version !== next)
      throw new RestoreConflict(stream, version, 'does not follow the one before')
    first ??= version
    const [event] = encode([recorded.event])
    if (event === undefined) continue
    events.push(event)
    positions.push(positionNumber(recorded.position))
    next = version + 1
    bytes += event.data.length
    if (events.length >= pieceMax || bytes >= pieceMaxBytes) await flush()
  }
  cut()
  if (first === undefined) return { events: 0 }
  await flush()
  refuse(stream, await backend.reveal(stream, first))
  return { events: next - first }
}

/** The items of a source that may stall: an abort ends them, whatever the source waits for. */
async function* untilAborted<T>(source: AsyncIterable<T> | Iterable<T>, signal: AbortSignal): AsyncGenerator<T, void> {
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  const stopped = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  try {
    while (!signal.aborted) {
      const step = await Promise.race([iterator.next(), stopped])
      if (step === undefined || step.done === true) return
      yield step.value
    }
  } finally {
    // Nobody waits for a source that stalls, nor for what it says about being left.
    void (async () => iterator.return?.())().catch(() => {})
  }
}

function refuse(stream: string, fault: RestoreFault | null): void {
  if (fault) throw new RestoreConflict(stream, fault.version, restoreFaults[fault.why])
}
