/**
 * The memory driver: rows in an array, nothing kept when the process ends. Unlike the sqlite driver it needs no store and no
 * thread, and everything it does is settled in microtasks, so that a test or a simulated run is the same each time.
 */
import { deferred } from '../base/deferred.ts'
import { Aborted, assert, LimitExceeded } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import { meets } from './expectation.ts'
import { matcher } from './filter.ts'
import type { CheckedFilter } from './filter.ts'
import type { Journal, JournalLimits } from './journal.ts'
import { journalLimits, NumberedJournal } from './numbered.ts'
import type { AllPage, AllQuery, AppendOutcome, NumberedBackend, StreamPage, StreamQuery } from './numbered.ts'
import type { StoredEvent, StoredRow } from './stored-event.ts'

export interface MemoryJournalOptions {
  readonly limits?: Partial<JournalLimits>
  /** What all events may take, by estimate: their data and 512 bytes each. Beyond it an append gets `base.limit_exceeded`. Default 512 MiB. */
  readonly sizeMaxBytes?: number
}

/** A journal that lives and dies with this object. */
export function memoryJournal(options: MemoryJournalOptions = {}): Journal {
  const sizeMaxBytes = wholeNumber('sizeMaxBytes', options.sizeMaxBytes ?? 512 * 1024 * 1024, 1)
  return new NumberedJournal(new MemoryBackend(sizeMaxBytes), journalLimits(options.limits))
}

/** Rows that a page of a filtered reading looks at, so that a long stretch without a match does not hold the thread. */
const scanMax = 16_384
const attributesBytes = 512

class MemoryBackend implements NumberedBackend {
  readonly driver = 'memory'
  readonly durable = false
  readonly readonly = false
  readonly #sizeMaxBytes: number
  #sizeBytes = 0
  /** The row at index n has position n + 1. */
  #rows: StoredRow[] = []
  readonly #streams = new Map<string, StoredRow[]>()
  readonly #waiters = new Set<() => void>()
  /** The last filter compiled: a walk asks with the same one again and again. */
  #compiled: { readonly filter: CheckedFilter; readonly matches: (row: StoredRow) => boolean } | undefined

  constructor(sizeMaxBytes: number) {
    this.#sizeMaxBytes = sizeMaxBytes
  }

  async append(name: string, events: readonly StoredEvent[], expected: number): Promise<AppendOutcome> {
    const stream = this.#streams.get(name) ?? []
    if (!meets(expected, stream.length)) return { actual: stream.length }
    const addedBytes = events.reduce((sum, event) => sum + event.data.length + attributesBytes, 0)
    if (this.#sizeBytes + addedBytes > this.#sizeMaxBytes)
      throw new LimitExceeded('sizeMaxBytes', this.#sizeMaxBytes, this.#sizeBytes + addedBytes)
    this.#sizeBytes += addedBytes
    if (stream.length === 0) this.#streams.set(name, stream)
    for (const event of events) {
      const row = { ...event, stream: name, position: this.#rows.length + 1, version: stream.length + 1 }
      this.#rows.push(row)
      stream.push(row)
    }
    this.#wake()
    return { version: stream.length, position: this.#rows.length }
  }

  #wake(): void {
    if (this.#waiters.size === 0) return
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const wake of waiters) wake()
  }

  async version(stream: string): Promise<number> {
    return this.#streams.get(stream)?.length ?? 0
  }

  streamPage(query: StreamQuery): StreamPage {
    const rows = this.#streams.get(query.stream) ?? []
    const first = query.fromVersion - 1
    const end = Math.min(first + query.limit, query.untilVersion ?? rows.length)
    return { rows: rows.slice(first, Math.max(first, end)), version: rows.length }
  }

  allPage(query: AllQuery): AllPage {
    const { after, limit, filter } = query
    const head = this.#rows.length
    const until = Math.max(after, Math.min(query.until ?? head, head))
    if (filter === null) {
      const next = Math.min(after + limit, until)
      return { rows: this.#rows.slice(after, next), next, head }
    }
    const matches = this.#matcher(filter)
    const scanUntil = Math.min(after + scanMax, until)
    const rows: StoredRow[] = []
    let next = after
    while (next < scanUntil && rows.length < limit) {
      const row = this.#rows[next++]
      if (row && matches(row)) rows.push(row)
    }
    return { rows, next, head }
  }

  #matcher(filter: CheckedFilter): (row: StoredRow) => boolean {
    if (this.#compiled?.filter !== filter) this.#compiled = { filter, matches: matcher(filter) }
    return this.#compiled.matches
  }

  async data(row: StoredRow): Promise<string> {
    assert(row.data !== null, 'a row in memory has its data')
    return row.data
  }

  changed(signal: AbortSignal): Promise<void> {
    const change = deferred()
    if (signal.aborted) {
      change.reject(new Aborted('waiting for an event', { cause: signal.reason }))
      return change.promise
    }
    const onAbort = () => {
      this.#waiters.delete(wake)
      change.reject(new Aborted('waiting for an event', { cause: signal.reason }))
    }
    const wake = () => {
      signal.removeEventListener('abort', onAbort)
      change.resolve()
    }
    this.#waiters.add(wake)
    signal.addEventListener('abort', onAbort, { once: true })
    return change.promise
  }

  async close(): Promise<void> {
    this.#rows = []
    this.#streams.clear()
    for (const wake of this.#waiters) wake()
  }
}
