/**
 * Restore: brings the events of an archive back in front of their streams, at their old versions and positions. Unlike an
 * import it appends nothing, and it works only on the journal that the archive came from. It can be cut off anywhere and
 * done again: what is back already is compared and left.
 */
import { checkKeys } from '../base/limit.ts'
import { InvalidArgument } from '../base/error.ts'
import { JournalUnsupported, RestoreConflict, RestoreForeign } from './error.ts'
import type { Journal, Recorded } from './journal.ts'
import { StreamComparison } from './stream-comparison.ts'
import type { Placed } from './transfer-line.ts'
import { ownElementMaxBytes, readTransfer } from './transfer-reader.ts'
import type { Transferred } from './transfer-reader.ts'

export interface RestoreProgress {
  /** That are back. */
  readonly events: number
  /** That were there already. */
  readonly skipped: number
  /** Of the archive, unpacked. */
  readonly bytes: number
}

export interface RestoreOptions {
  readonly onProgress?: (progress: RestoreProgress) => void
  /** Ends it with `base.aborted`; do it again to go on. */
  readonly signal?: AbortSignal
}

/**
 * Restores an archive, stream after stream. Rejects with `journal.restore_foreign` (the archive of
 * another journal), `journal.restore_conflict`, `journal.transfer_broken`,
 * `journal.readonly`, `journal.unsupported`, `base.invalid_argument`, `base.aborted`, or what the source throws. The
 * streams before the one that failed are back then, that one and those after it are as they were.
 */
export async function restoreEvents(
  journal: Journal,
  source: AsyncIterable<Uint8Array>,
  options: RestoreOptions = {},
): Promise<RestoreProgress> {
  checkKeys('options', options, ['onProgress', 'signal'])
  if (!journal.capabilities.restore) throw new JournalUnsupported(journal.driver, 'restore', ['memory', 'sqlite'])
  const { signal, onProgress } = options
  const file = new Peekable(readTransfer(source, { elementMaxBytes: ownElementMaxBytes, signal }))
  const progress = { events: 0, skipped: 0, bytes: 0 }
  try {
    const first = await file.peek()
    if (first?.kind === 'own') {
      const id = await journal.id()
      if (first.journal !== id) throw new RestoreForeign(id, first.journal)
    }
    for (let next = first; next; next = await file.peek()) {
      const { stream, version } = placedIn(next).recorded
      const { firstVersion } = await journal.stream(stream)
      const below = version < firstVersion
      if (below) {
        const { events } = await journal.restore(
          stream,
          belowFirst(file, stream, firstVersion),
          signal ? { signal } : {},
        )
        progress.events += events
      }
      progress.skipped += await compareRest(journal, file, stream)
      progress.bytes = file.bytes
      onProgress?.({ ...progress })
    }
  } finally {
    await file.close()
  }
  return progress
}

async function* belowFirst(file: Peekable, stream: string, first: number): AsyncGenerator<Recorded> {
  for (let next = await file.peek(); next; next = await file.peek()) {
    const { recorded } = placedIn(next)
    if (recorded.stream !== stream || recorded.version >= first) return
    file.take()
    yield recorded
  }
}

/** What the stream has already must be what the archive has. */
async function compareRest(journal: Journal, file: Peekable, stream: string): Promise<number> {
  let comparison: StreamComparison | undefined
  let count = 0
  try {
    for (let next = await file.peek(); next; next = await file.peek()) {
      const placed = placedIn(next)
      const { recorded } = placed
      if (recorded.stream !== stream) return count
      comparison ??= new StreamComparison(journal, stream, recorded.version)
      if ((await comparison.compare(placed)) !== 'same')
        throw new RestoreConflict(stream, recorded.version, 'is another one here')
      file.take()
      count++
    }
    return count
  } finally {
    await comparison?.[Symbol.asyncDispose]()
  }
}

function placedIn(each: Transferred): Placed {
  if (each.kind === 'foreign')
    throw new InvalidArgument('source', 'must be an archive: its events have no place in a journal')
  return each.placed
}

/** A reading that can be looked at before it is taken. */
class Peekable {
  readonly #source: AsyncIterator<Transferred>
  #next: Transferred | undefined
  #over = false
  bytes = 0

  constructor(source: AsyncIterable<Transferred>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  async peek(): Promise<Transferred | undefined> {
    if (this.#next === undefined && !this.#over) {
      const next = await this.#source.next()
      if (next.done === true) this.#over = true
      else this.#next = next.value
    }
    return this.#next
  }

  take(): void {
    this.bytes = this.#next?.bytes ?? this.bytes
    this.#next = undefined
  }

  async close(): Promise<void> {
    await this.#source.return?.()
  }
}
