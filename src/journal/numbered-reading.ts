/**
 * The ways through a journal over numbered events: one stream, all streams, all streams and then live. Read event by event
 * (`cursor.ts`) or in batches (`batches.ts`). Unlike the journal's shell they check only what they were asked for, and unlike a backend they keep no event but
 * those of the page they are on.
 *
 * How a subscription turns live without a gap or a double: it asks to be woken at the next change first, then reads from
 * its position, and only waits when that page came empty. Its position is where the last page ended, so what is appended
 * meanwhile is either on this page or has woken it, and is then on the next.
 */
import { Aborted, InvalidArgument } from '../base/error.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'
import type { CursorSource } from './cursor.ts'
import { InvalidPosition } from './error.ts'
import { checkFilter } from './filter.ts'
import type { CheckedFilter } from './filter.ts'
import type {
  Filter,
  Position,
  ReadAllOptions,
  ReadBackwardOptions,
  ReadStreamOptions,
  Recorded,
  StreamInfo,
  StreamsOptions,
  SubscribeJournalOptions,
} from './journal.ts'
import type { AllPage, NumberedBackend } from './numbered-backend.ts'
import { fromStored } from './stored-event.ts'
import type { StoredRow } from './stored-event.ts'

/** Events of a page: enough to spread the cost of fetching it, few enough that a page never holds the event loop long. */
const pageMax = 512

const positionForm = /^[1-9]\d{0,15}$/

/** The number of a position, 0 for `start`. Throws `journal.invalid_position`. */
export function positionNumber(position: Position): number {
  if (position === '') return 0
  const number = positionForm.test(position) ? Number(position) : Number.NaN
  if (!Number.isSafeInteger(number)) throw new InvalidPosition(position)
  return number
}

export function positionOf(number: number): Position {
  return number === 0 ? '' : String(number)
}

/** Throws `base.invalid_argument` on what cannot end anything. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined || (typeof signal === 'object' && signal !== null && 'throwIfAborted' in signal)) return
  throw new InvalidArgument('signal', 'must be an AbortSignal')
}

/** What a reading asks of its journal before each event: true or a throw ends it. */
export type Cut = () => boolean

/** The event of a row; undefined when its data had to be fetched for themselves and were erased meanwhile. */
function record(backend: NumberedBackend, row: StoredRow): Promise<Recorded | undefined> | Recorded {
  if (row.data !== null) return fromStored(row, row.data)
  return backend.data(row).then((data) => (data === null ? undefined : fromStored(row, data)))
}

function limitOf(limit: number | undefined): number {
  return limit === undefined ? Number.MAX_SAFE_INTEGER : wholeNumber('limit', limit, 0)
}

/** One way through one stream, up to the version that it has at the first page. */
export class StreamReading implements CursorSource<StoredRow> {
  readonly cut: Cut
  readonly #backend: NumberedBackend
  readonly #stream: string
  readonly #options: (ReadStreamOptions | ReadBackwardOptions) & { readonly backward: boolean }
  readonly #checkStream: (stream: string) => void
  #begun = false
  #from = 1
  #until: number | null = null
  #left = 0

  constructor(
    backend: NumberedBackend,
    cut: Cut,
    stream: string,
    options: (ReadStreamOptions | ReadBackwardOptions) & { readonly backward: boolean },
    checkStream: (stream: string) => void,
  ) {
    this.#backend = backend
    this.cut = cut
    this.#stream = stream
    this.#options = options
    this.#checkStream = checkStream
  }

  async page(): Promise<readonly StoredRow[] | undefined> {
    if (!this.#begun) this.#begin()
    if (this.#left === 0 || (this.#until !== null && this.#from > this.#until)) return undefined
    const { backward } = this.#options
    const { rows, version } = await this.#backend.streamPage({
      stream: this.#stream,
      fromVersion: this.#from,
      untilVersion: this.#until,
      limit: Math.min(pageMax, this.#left),
      backward,
    })
    this.#until = Math.min(this.#until ?? version, version)
    this.#left -= rows.length
    const last = rows.at(-1)
    if (last && backward) this.#until = last.version - 1
    else if (last) this.#from = last.version + 1
    return rows
  }

  #begin(): void {
    checkKeys('options', this.#options, ['fromVersion', 'limit', 'signal', 'backward'])
    const { fromVersion, limit, backward } = this.#options
    this.#checkStream(this.#stream)
    this.#begun = true
    const given = fromVersion === undefined ? undefined : wholeNumber('fromVersion', fromVersion, 1)
    if (backward) this.#until = given ?? null
    else this.#from = given ?? 1
    this.#left = limitOf(limit)
  }

  record(row: StoredRow): Promise<Recorded | undefined> | Recorded {
    return record(this.#backend, row)
  }

  leave(): void {}
}

/** What the readings over all streams have in common: where they are in the order, and what they look for. */
class Walk {
  readonly #backend: NumberedBackend
  readonly #filter: CheckedFilter | null
  readonly #backward: boolean
  /** Forward, everything up to here was looked at. */
  after: number
  /** The last position wanted; null: whatever there is. Backward, everything above was looked at. */
  until: number | null
  /** What the reader gave, until it has been held against the journal. */
  #given: number

  constructor(backend: NumberedBackend, from: Position | undefined, filter: Filter | undefined, backward = false) {
    this.#backend = backend
    this.#backward = backward
    this.#given = positionNumber(from ?? '')
    this.after = backward ? 0 : this.#given
    // Before the start there is nothing; without a position the reading begins at the end.
    this.until = backward && from !== undefined ? Math.max(0, this.#given - 1) : null
    this.#filter = checkFilter(filter) ?? null
  }

  get over(): boolean {
    return this.until !== null && this.after >= this.until
  }

  async page(limit: number): Promise<AllPage> {
    const { after, until } = this
    const page = await this.#backend.allPage({ after, until, limit, filter: this.#filter, backward: this.#backward })
    if (this.#given > page.head) throw new InvalidPosition(String(this.#given))
    this.#given = 0
    if (this.#backward) this.until = page.next
    else this.after = page.next
    return page
  }
}

/** One way through all streams, up to the position that is last at the first page. */
export class AllReading implements CursorSource<StoredRow> {
  readonly cut: Cut
  readonly #backend: NumberedBackend
  readonly #options: ReadAllOptions
  #walk: Walk | undefined
  #left = 0

  constructor(backend: NumberedBackend, cut: Cut, options: ReadAllOptions) {
    this.#backend = backend
    this.cut = cut
    this.#options = options
  }

  async page(): Promise<readonly StoredRow[] | undefined> {
    for (;;) {
      const page = await this.next(pageMax)
      if (page === undefined || page.rows.length > 0) return page?.rows
      this.cut()
    }
  }

  /** The next page of this size, which may be empty; undefined at the end. */
  async next(size: number): Promise<AllPage | undefined> {
    const walk = (this.#walk ??= this.#begin())
    if (this.#left === 0 || walk.over) return undefined
    const page = await walk.page(Math.min(size, this.#left))
    walk.until ??= page.head
    this.#left -= page.rows.length
    return page
  }

  get over(): boolean {
    return this.#walk?.over ?? false
  }

  #begin(): Walk {
    checkKeys('options', this.#options, ['from', 'filter', 'backward', 'limit', 'signal', 'batch'])
    const { from, filter, limit, backward } = this.#options
    if (backward !== undefined && typeof backward !== 'boolean')
      throw new InvalidArgument('backward', 'must be true or false')
    this.#left = limitOf(limit)
    return new Walk(this.#backend, from, filter, backward)
  }

  record(row: StoredRow): Promise<Recorded | undefined> | Recorded {
    return record(this.#backend, row)
  }

  leave(): void {}
}

/** One subscription: what is there, then what comes. */
export class Following implements CursorSource<StoredRow> {
  readonly #backend: NumberedBackend
  readonly #checkOpen: () => void
  readonly #stops: Set<() => void>
  readonly #options: SubscribeJournalOptions
  readonly #stopping = new AbortController()
  readonly #stop = (): void => this.#stopping.abort()
  #walk: Walk | undefined
  #change: Promise<void> | undefined

  constructor(
    backend: NumberedBackend,
    checkOpen: () => void,
    stops: Set<() => void>,
    options: SubscribeJournalOptions,
  ) {
    this.#backend = backend
    this.#checkOpen = checkOpen
    this.#stops = stops
    this.#options = options
  }

  cut(): boolean {
    return this.#stopping.signal.aborted || (this.#options.signal?.aborted ?? false)
  }

  async page(): Promise<readonly StoredRow[] | undefined> {
    for (;;) {
      const page = await this.next(pageMax)
      if (page === undefined || page.rows.length > 0) return page?.rows
    }
  }

  /** The next page of this size that looked at something; waits at the end. Undefined when it is cut off. */
  async next(size: number): Promise<AllPage | undefined> {
    const walk = (this.#walk ??= this.#begin())
    while (!this.cut()) {
      this.#change ??= this.#nextChange()
      const before = walk.after
      const page = await walk.page(size)
      if (page.rows.length > 0 || page.next > before) return page
      await this.#change
      this.#change = undefined
    }
    return undefined
  }

  #begin(): Walk {
    this.#checkOpen()
    checkKeys('options', this.#options, ['from', 'filter', 'signal', 'batch'])
    checkSignal(this.#options.signal)
    const walk = new Walk(this.#backend, this.#options.from, this.#options.filter)
    this.#stops.add(this.#stop)
    this.#options.signal?.addEventListener('abort', this.#stop, { once: true })
    return walk
  }

  #nextChange(): Promise<void> {
    const change = this.#backend.changed(this.#stopping.signal)
    // It may be left behind when the reader goes, or while a page is read.
    change.catch(() => {})
    return change
  }

  record(row: StoredRow): Promise<Recorded | undefined> | Recorded {
    return record(this.#backend, row)
  }

  leave(): void {
    this.#stops.delete(this.#stop)
    // Before it has begun nothing listens to the signal, which may be none.
    if (this.#walk) this.#options.signal?.removeEventListener('abort', this.#stop)
    this.#stop()
  }
}

/** The streams by name, a page at a time. */
export async function* streamsOf(
  backend: NumberedBackend,
  { prefix = '', after = '', limit = Number.MAX_SAFE_INTEGER }: StreamsOptions,
  cut: Cut,
  check: () => void,
): AsyncGenerator<StreamInfo, void> {
  cut()
  check()
  let left = limit
  let last = after
  while (left > 0) {
    const page = await backend.streamsPage({ prefix, after: last, limit: Math.min(pageMax, left) })
    for (const { stream, version, first, ended, metadata } of page) {
      cut()
      yield { stream, version, firstVersion: first, ended, metadata }
    }
    const end = page.at(-1)
    if (end === undefined || page.length < pageMax) return
    last = end.stream
    left -= page.length
  }
}

/** What a finite reading asks before each event: nobody may take a part for the whole. */
export function finite(what: string, checkOpen: () => void, signal: AbortSignal | undefined): Cut {
  return () => {
    checkSignal(signal)
    checkOpen()
    if (signal?.aborted) throw new Aborted(what, { cause: signal.reason })
    return false
  }
}
