/**
 * The journal over numbered events: what the memory and the sqlite driver share. A backend keeps rows in one order, counted
 * from 1 without gaps, and gives pages of them; this shell checks, encodes, walks and waits. Unlike a driver it keeps no
 * event. A backend whose order is no single number needs a shell of its own.
 *
 * How a subscription turns live without a gap or a double: it asks to be woken at the next change first, then reads from
 * its position, and only waits when that page came empty. Its position is where the last page ended, so what is appended
 * meanwhile is either on this page or has woken it, and is then on the next.
 */
import { Aborted, InvalidArgument, LimitExceeded } from '../base/error.ts'
import { plainName, wholeNumber } from '../base/limit.ts'
import { Cursor } from './cursor.ts'
import type { CursorSource } from './cursor.ts'
import { InvalidPosition, JournalClosed, JournalReadonly, WrongVersion } from './error.ts'
import { expectation } from './expectation.ts'
import { checkFilter } from './filter.ts'
import type { CheckedFilter } from './filter.ts'
import type {
  AppendOptions,
  Appended,
  Filter,
  Journal,
  JournalCapabilities,
  JournalLimits,
  Position,
  ReadAllOptions,
  ReadStreamOptions,
  Recorded,
  SubscribeJournalOptions,
} from './journal.ts'
import { eventEncoder, fromStored } from './stored-event.ts'
import type { StoredEvent, StoredRow } from './stored-event.ts'
import type { CloudEvent } from '../base/envelope.ts'

export interface StreamQuery {
  readonly stream: string
  readonly fromVersion: number
  /** The last version wanted; null: the one the stream has now. */
  readonly untilVersion: number | null
  readonly limit: number
}

export interface StreamPage {
  readonly rows: readonly StoredRow[]
  /** The version of the stream. */
  readonly version: number
}

export interface AllQuery {
  readonly after: number
  /** The last position wanted; null: the last there is. */
  readonly until: number | null
  readonly limit: number
  readonly filter: CheckedFilter | null
}

export interface AllPage {
  /** At most `limit`; may be empty though more follow, when a long stretch held no match. */
  readonly rows: readonly StoredRow[]
  /** Everything up to here was looked at. Past `after`, unless `after` was the end. */
  readonly next: number
  /** The last position there is. */
  readonly head: number
}

export type AppendOutcome = { readonly version: number; readonly position: number } | { readonly actual: number }

export interface NumberedBackend {
  readonly driver: string
  readonly durable: boolean
  readonly readonly: boolean
  /** `expected` as `expectation` gives it. */
  append(stream: string, events: readonly StoredEvent[], expected: number): Promise<AppendOutcome>
  version(stream: string): Promise<number>
  streamPage(query: StreamQuery): Promise<StreamPage> | StreamPage
  allPage(query: AllQuery): Promise<AllPage> | AllPage
  /** The data of a row that came without. */
  data(row: StoredRow): Promise<string>
  /** Resolves at the next append after the call; may wake without one. Rejects when aborted. */
  changed(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** Events of a page: enough to spread the cost of fetching it, few enough that a page never holds the event loop long. */
const pageMax = 512

const limitDefaults: JournalLimits = {
  eventMaxBytes: 1024 * 1024,
  batchMax: 10_000,
  batchMaxBytes: 64 * 1024 * 1024,
  streamMaxLength: 512,
}

/** The limits with their defaults. Throws `base.invalid_argument` on what is out of range. */
export function journalLimits(given: Partial<JournalLimits> = {}): JournalLimits {
  const limit = (name: keyof JournalLimits, max: number) =>
    wholeNumber(`limits.${name}`, given[name] ?? limitDefaults[name], 1, max)
  return {
    eventMaxBytes: limit('eventMaxBytes', 2 ** 28),
    batchMax: limit('batchMax', 1_000_000),
    batchMaxBytes: limit('batchMaxBytes', 2 ** 29),
    streamMaxLength: limit('streamMaxLength', 4096),
  }
}

export class NumberedJournal implements Journal {
  readonly driver: string
  readonly capabilities: JournalCapabilities
  readonly limits: JournalLimits
  readonly #backend: NumberedBackend
  readonly #encode: (events: readonly CloudEvent[]) => StoredEvent[]
  /** Each ends one subscription. */
  readonly #stops = new Set<() => void>()
  readonly #appends = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  constructor(backend: NumberedBackend, limits: JournalLimits) {
    this.driver = backend.driver
    this.capabilities = { durable: backend.durable, expectedVersion: true, totalOrder: true, readStream: true }
    this.limits = limits
    this.#backend = backend
    this.#encode = eventEncoder(limits)
  }

  async append(stream: string, events: readonly CloudEvent[], options: AppendOptions = {}): Promise<Appended> {
    this.#checkOpen()
    if (this.#backend.readonly) throw new JournalReadonly()
    this.#checkStream(stream)
    const expected = expectation(options.expectedVersion ?? 'any')
    if (events.length === 0) throw new InvalidArgument('events', 'must hold at least one event')
    const { batchMax } = this.limits
    if (events.length > batchMax) throw new LimitExceeded('batchMax', batchMax, events.length)
    const appending = this.#backend.append(stream, this.#encode(events), expected)
    this.#appends.add(appending)
    try {
      const outcome = await appending
      if ('actual' in outcome) throw new WrongVersion(stream, options.expectedVersion ?? 'any', outcome.actual)
      return { version: outcome.version, position: String(outcome.position) }
    } finally {
      this.#appends.delete(appending)
    }
  }

  async version(stream: string): Promise<number> {
    this.#checkOpen()
    this.#checkStream(stream)
    return this.#backend.version(stream)
  }

  read(stream: string, options: ReadStreamOptions = {}): AsyncIterable<Recorded> {
    return iterable(
      () =>
        new StreamReading(
          this.#backend,
          this.#guard('reading a stream', options.signal),
          stream,
          options,
          this.#checkStream,
        ),
    )
  }

  readAll(options: ReadAllOptions = {}): AsyncIterable<Recorded> {
    return iterable(() => new AllReading(this.#backend, this.#guard('reading the journal', options.signal), options))
  }

  subscribe(options: SubscribeJournalOptions = {}): AsyncIterable<Recorded> {
    return iterable(() => new Following(this.#backend, () => this.#checkOpen(), this.#stops, options))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    for (const stop of this.#stops) stop()
    await Promise.allSettled(this.#appends)
    await this.#backend.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  readonly #checkStream = (stream: string): void => {
    plainName('stream', stream, this.limits.streamMaxLength)
    if (!stream.isWellFormed()) throw new InvalidArgument('stream', 'must be well-formed text')
  }

  #checkOpen(): void {
    if (this.#closing) throw new JournalClosed()
  }

  /** What a finite reading asks before each event: nobody may take a part for the whole. */
  #guard(what: string, signal: AbortSignal | undefined): () => boolean {
    return () => {
      this.#checkOpen()
      if (signal?.aborted) throw new Aborted(what, { cause: signal.reason })
      return false
    }
  }
}

function iterable<Row>(source: () => CursorSource<Row>): AsyncIterable<Recorded> {
  return { [Symbol.asyncIterator]: () => new Cursor(source()) }
}

function record(backend: NumberedBackend, row: StoredRow): Promise<Recorded> | Recorded {
  if (row.data !== null) return fromStored(row, row.data)
  return backend.data(row).then((data) => fromStored(row, data))
}

/** One way through one stream, up to the version that it has at the first page. */
class StreamReading implements CursorSource<StoredRow> {
  readonly cut: () => boolean
  readonly #backend: NumberedBackend
  readonly #stream: string
  readonly #options: ReadStreamOptions
  readonly #checkStream: (stream: string) => void
  #fromVersion = 0
  #untilVersion: number | null = null
  #left = 0

  constructor(
    backend: NumberedBackend,
    cut: () => boolean,
    stream: string,
    options: ReadStreamOptions,
    checkStream: (stream: string) => void,
  ) {
    this.#backend = backend
    this.cut = cut
    this.#stream = stream
    this.#options = options
    this.#checkStream = checkStream
  }

  async page(): Promise<readonly StoredRow[] | undefined> {
    if (this.#fromVersion === 0) this.#begin()
    const untilVersion = this.#untilVersion
    if (this.#left === 0 || (untilVersion !== null && this.#fromVersion > untilVersion)) return undefined
    const page = await this.#backend.streamPage({
      stream: this.#stream,
      fromVersion: this.#fromVersion,
      untilVersion,
      limit: Math.min(pageMax, this.#left),
    })
    this.#untilVersion ??= page.version
    this.#left -= page.rows.length
    const last = page.rows.at(-1)
    if (last) this.#fromVersion = last.version + 1
    return page.rows
  }

  #begin(): void {
    const { fromVersion, limit } = this.#options
    this.#checkStream(this.#stream)
    this.#fromVersion = wholeNumber('fromVersion', fromVersion ?? 1, 1)
    this.#left = limit === undefined ? Number.MAX_SAFE_INTEGER : wholeNumber('limit', limit, 0)
  }

  record(row: StoredRow): Promise<Recorded> | Recorded {
    return record(this.#backend, row)
  }

  leave(): void {}
}

/** What `readAll` and `subscribe` have in common: where they are in the order, and what they look for. */
class Walk {
  readonly #backend: NumberedBackend
  readonly #filter: CheckedFilter | null
  /** Everything up to here was looked at. */
  after: number
  #begun = false

  constructor(backend: NumberedBackend, from: Position | undefined, filter: Filter | undefined) {
    this.#backend = backend
    this.after = positionNumber(from ?? '')
    this.#filter = checkFilter(filter) ?? null
  }

  async page(until: number | null, limit: number): Promise<AllPage> {
    const page = await this.#backend.allPage({ after: this.after, until, limit, filter: this.#filter })
    if (!this.#begun && this.after > page.head) throw new InvalidPosition(String(this.after))
    this.#begun = true
    this.after = page.next
    return page
  }
}

const positionForm = /^[1-9]\d{0,15}$/

function positionNumber(position: Position): number {
  if (position === '') return 0
  const number = positionForm.test(position) ? Number(position) : Number.NaN
  if (!Number.isSafeInteger(number)) throw new InvalidPosition(position)
  return number
}

/** One way through all streams, up to the position that is last at the first page. */
class AllReading implements CursorSource<StoredRow> {
  readonly cut: () => boolean
  readonly #backend: NumberedBackend
  readonly #options: ReadAllOptions
  #walk: Walk | undefined
  #until: number | null = null
  #left = 0

  constructor(backend: NumberedBackend, cut: () => boolean, options: ReadAllOptions) {
    this.#backend = backend
    this.cut = cut
    this.#options = options
  }

  async page(): Promise<readonly StoredRow[] | undefined> {
    const walk = (this.#walk ??= this.#begin())
    while (this.#left > 0 && (this.#until === null || walk.after < this.#until)) {
      const page = await walk.page(this.#until, Math.min(pageMax, this.#left))
      this.#until ??= page.head
      this.#left -= page.rows.length
      if (page.rows.length > 0) return page.rows
      this.cut()
    }
    return undefined
  }

  #begin(): Walk {
    const { from, filter, limit } = this.#options
    this.#left = limit === undefined ? Number.MAX_SAFE_INTEGER : wholeNumber('limit', limit, 0)
    return new Walk(this.#backend, from, filter)
  }

  record(row: StoredRow): Promise<Recorded> | Recorded {
    return record(this.#backend, row)
  }

  leave(): void {}
}

/** One subscription: what is there, then what comes. */
class Following implements CursorSource<StoredRow> {
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
    const walk = (this.#walk ??= this.#begin())
    while (!this.cut()) {
      this.#change ??= this.#nextChange()
      const page = await walk.page(null, pageMax)
      if (page.rows.length > 0) return page.rows
      if (page.next < page.head) continue
      await this.#change
      this.#change = undefined
    }
    return undefined
  }

  #begin(): Walk {
    this.#checkOpen()
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

  record(row: StoredRow): Promise<Recorded> | Recorded {
    return record(this.#backend, row)
  }

  leave(): void {
    this.#stops.delete(this.#stop)
    this.#options.signal?.removeEventListener('abort', this.#stop)
    this.#stop()
  }
}
