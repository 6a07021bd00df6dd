/**
 * History: one stream read into something that has come to a version of it, such as a state. Unlike a plain reading it does
 * not pass over what is missing: events that are erased and that nothing stands for are an error, never a wrong state.
 */
import { Aborted, assert } from '../base/error.ts'
import { HistoryErased, StreamEnded } from './error.ts'
import type { Journal, Recorded } from './journal.ts'

export interface HistoryReading {
  readonly journal: Journal
  readonly stream: string
  /** The last version to be taken. Default: the last there is. */
  readonly until?: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Begins somewhere, at the initial state or at a snapshot, and takes every event after that in order. `take` must leave
 * `begun.version` at the version it was given; it may be asynchronous. `begin` is asked again when events behind where it
 * began were erased meanwhile: by then there may be a younger snapshot. Throws `journal.history_erased`,
 * `journal.stream_ended` when a tombstone is what is left, and what reading throws.
 */
export async function replayed<Begun extends { readonly version: number }>(
  reading: HistoryReading,
  begin: (attempt: number) => Promise<Begun>,
  take: (begun: Begun, recorded: Recorded) => void | Promise<void>,
): Promise<Begun> {
  for (let attempt = 0, last = -1; ; attempt++) {
    const begun = await begin(attempt)
    const { version } = begun
    try {
      await readInto(reading, begun, take)
      return begun
    } catch (error) {
      // Each try begins later than the one before it, or is the last.
      if (!(error instanceof HistoryErased) || version <= last) throw error
      last = version
    }
  }
}

async function readInto<Begun extends { readonly version: number }>(
  { journal, stream, until = Number.POSITIVE_INFINITY, signal }: HistoryReading,
  begun: Begun,
  take: (begun: Begun, recorded: Recorded) => void | Promise<void>,
): Promise<void> {
  const first = begun.version + 1
  if (first > until) return
  // Asked before anything is read: a reading ends early, and without a word, when what lies ahead of it is erased.
  const head = Math.min(until, await journal.version(stream))
  if (signal?.aborted) throw new Aborted('reading a history', { cause: signal.reason })
  if (head < first) return
  let next = first
  for await (const recorded of journal.read(stream, { fromVersion: first, ...(signal && { signal }) })) {
    const { version } = recorded
    if (version > until) break
    if (version !== next) throw await missing(journal, stream, next)
    const taken = take(begun, recorded)
    if (taken) await taken
    assert(begun.version === version, `a history of ${stream} stands at ${begun.version} after event ${version}`)
    next++
  }
  if (next <= head) throw await missing(journal, stream, next)
}

async function missing(journal: Journal, stream: string, version: number): Promise<HistoryErased | StreamEnded> {
  const { firstVersion, ended } = await journal.stream(stream)
  return ended ? new StreamEnded(stream) : new HistoryErased(stream, version, firstVersion)
}
