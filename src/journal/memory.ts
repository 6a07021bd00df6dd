/**
 * The memory driver: rows in an array, nothing kept when the process ends. Unlike the sqlite driver it needs no store and no
 * thread, and everything it does is settled in microtasks, so that a test or a simulated run is the same each time.
 */
import { systemEntropy } from '../base/entropy.ts'
import type { Clock } from '../base/clock.ts'
import { deferred } from '../base/deferred.ts'
import { Aborted, assert, LimitExceeded } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import { compareCodePoints } from './code-point-order.ts'
import { JournalUnsupported } from './error.ts'
import { meets } from './expectation.ts'
import { matcher } from './filter.ts'
import type { CheckedFilter } from './filter.ts'
import type { Journal, JournalLimits, StreamMetadata } from './journal.ts'
import { MemoryGroups } from './memory-groups.ts'
import { journalLimits, NumberedJournal } from './numbered.ts'
import type {
  AllPage,
  AllQuery,
  AppendOutcome,
  AppendRequest,
  End,
  NamedState,
  NumberedBackend,
  RetainPage,
  RetainQuery,
  StageRequest,
  StreamPage,
  StreamQuery,
  StreamRequest,
  StreamsQuery,
  StreamState,
} from './numbered-backend.ts'
import type { RestoreFault } from './restore-fault.ts'
import type { StoredRow } from './stored-event.ts'

export interface MemoryJournalOptions {
  readonly limits?: Partial<JournalLimits>
  /** What all events may take, by estimate: their data and 512 bytes each. Beyond it an append gets `base.limit_exceeded`. Default 512 MiB. */
  readonly sizeMaxBytes?: number
  /** Measures what consumer groups wait for. Default: the machine's. */
  readonly clock?: Clock
  /** Not here: `journal.unsupported`. For a node in memory take `storeJournal` over a memory store. */
  readonly inline?: readonly unknown[]
}

/** A journal that lives and dies with this object. */
export function memoryJournal(options: MemoryJournalOptions = {}): Journal {
  if (options.inline && options.inline.length > 0)
    throw new JournalUnsupported('memory', 'inline projections', ['sqlite', 'storeJournal over a memory store'])
  const sizeMaxBytes = wholeNumber('sizeMaxBytes', options.sizeMaxBytes ?? 512 * 1024 * 1024, 1)
  return new NumberedJournal(new MemoryBackend(sizeMaxBytes), journalLimits(options.limits), options.clock)
}

/** Rows that a page of a filtered reading looks at, so that a long stretch without a match does not hold the thread. */
const scanMax = 16_384
const attributesBytes = 512

interface Stream {
  /** The row at index n has version `first` + n. */
  rows: StoredRow[]
  first: number
  version: number
  ended: boolean
  metadata: StreamMetadata
  /** Idempotency keys by the version at which their append ended. */
  readonly keys: Map<number, string>
}

interface KeyEntry {
  readonly fingerprint: string
  readonly ends: readonly End[]
}

class MemoryBackend implements NumberedBackend {
  readonly driver = 'memory'
  readonly durable = false
  readonly readonly = false
  readonly groups = new MemoryGroups()
  readonly #id = Buffer.from(systemEntropy.bytes(16)).toString('hex')
  readonly #sizeMaxBytes: number
  #sizeBytes = 0
  /** The row at index n has position n + 1; undefined where it was erased. */
  #rows: (StoredRow | undefined)[] = []
  readonly #streams = new Map<string, Stream>()
  readonly #keys = new Map<string, KeyEntry>()
  /** All names in order, as of the last listing. */
  #sorted: string[] = []
  /** Of streams by name, what is on its way back: in order of version, seen by no reader. */
  readonly #staged = new Map<string, StoredRow[]>()
  /** Events that are gone and that `eraseSome` has not told yet. */
  readonly #erased = new Map<Stream, number>()
  readonly #waiters = new Set<() => void>()
  /** The last filter compiled: a walk asks with the same one again and again. */
  #compiled: { readonly filter: CheckedFilter; readonly matches: (row: StoredRow) => boolean } | undefined

  constructor(sizeMaxBytes: number) {
    this.#sizeMaxBytes = sizeMaxBytes
  }

  async append(request: AppendRequest): Promise<AppendOutcome> {
    const refusal = this.#refusal(request)
    if (refusal) return refusal
    const addedBytes = request.appends.reduce((sum, { events }) => sum + sizeOf(events), 0)
    if (this.#sizeBytes + addedBytes > this.#sizeMaxBytes)
      throw new LimitExceeded('sizeMaxBytes', this.#sizeMaxBytes, this.#sizeBytes + addedBytes)
    this.#sizeBytes += addedBytes
    const ends = request.appends.map((append) => this.#take(append))
    const { key, fingerprint, appends } = request
    if (key !== null) {
      this.#keys.set(key, { fingerprint, ends })
      const last = appends.at(-1) as StreamRequest
      this.#streams.get(last.stream)?.keys.set((ends.at(-1) as End).version, key)
    }
    this.#wake()
    return { kind: 'appended', ends, duplicate: false }
  }

  /** Why nothing is appended; undefined when it is to be. */
  #refusal({ appends, key, fingerprint, unless }: AppendRequest): AppendOutcome | undefined {
    const before = key === null ? undefined : this.#keys.get(key)
    if (before)
      return before.fingerprint === fingerprint
        ? { kind: 'appended', ends: before.ends, duplicate: true }
        : { kind: 'key-reused' }
    for (const [at, { stream, expected }] of appends.entries()) {
      const known = this.#streams.get(stream)
      if (known?.ended) return { kind: 'ended', at }
      const actual = known?.version ?? 0
      if (!meets(expected, actual)) return { kind: 'wrong-version', at, actual }
    }
    if (unless === null) return undefined
    if (unless.after > this.#rows.length) return { kind: 'beyond', head: this.#rows.length }
    const matches = unless.filters.map((filter) => matcher(filter ?? undefined))
    for (let at = unless.after; at < this.#rows.length; at++) {
      const row = this.#rows[at]
      if (row && matches.some((match) => match(row))) return { kind: 'condition', position: row.position }
    }
    return undefined
  }

  #take({ stream: name, events, ends }: StreamRequest): End {
    const stream = this.#stream(name)
    for (const event of events) {
      const row = { ...event, stream: name, position: this.#rows.length + 1, version: ++stream.version }
      this.#rows.push(row)
      stream.rows.push(row)
    }
    if (ends) {
      stream.ended = true
      this.#keepFrom(stream, stream.version)
    }
    return { version: stream.version, position: this.#rows.length }
  }

  #stream(name: string): Stream {
    let stream = this.#streams.get(name)
    if (!stream) {
      stream = { rows: [], first: 1, version: 0, ended: false, metadata: {}, keys: new Map() }
      this.#streams.set(name, stream)
    }
    return stream
  }

  #keepFrom(stream: Stream, first: number): void {
    if (first <= stream.first) return
    const gone = stream.rows.splice(0, first - stream.first)
    this.#sizeBytes -= sizeOf(gone)
    for (const { position, version } of gone) {
      this.#rows[position - 1] = undefined
      const key = stream.keys.get(version)
      if (key === undefined) continue
      stream.keys.delete(version)
      this.#keys.delete(key)
    }
    stream.first = first
    this.#erased.set(stream, (this.#erased.get(stream) ?? 0) + gone.length)
  }

  #wake(): void {
    if (this.#waiters.size === 0) return
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const wake of waiters) wake()
  }

  async keyEnds(key: string): Promise<readonly End[] | null> {
    return this.#keys.get(key)?.ends ?? null
  }

  async version(stream: string): Promise<number> {
    return this.#streams.get(stream)?.version ?? 0
  }

  async state(name: string): Promise<StreamState> {
    const stream = this.#streams.get(name)
    if (!stream) return { version: 0, first: 1, ended: false, metadata: {} }
    const { version, first, ended, metadata } = stream
    return { version, first, ended, metadata: structuredClone(metadata) }
  }

  async id(): Promise<string> {
    return this.#id
  }

  async head(): Promise<number> {
    return this.#rows.length
  }

  streamPage(query: StreamQuery): StreamPage {
    const stream = this.#streams.get(query.stream)
    if (!stream) return { rows: [], version: 0 }
    const { rows, first, version } = stream
    const from = Math.max(query.fromVersion, first)
    const until = Math.min(query.untilVersion ?? version, version)
    const at = query.backward ? Math.max(from, until - query.limit + 1) : from
    const end = query.backward ? until : Math.min(until, from + query.limit - 1)
    const found = rows.slice(at - first, Math.max(at - first, end - first + 1))
    return { rows: query.backward ? found.reverse() : found, version }
  }

  allPage(query: AllQuery): AllPage {
    const { after, limit, filter, backward } = query
    const head = this.#rows.length
    const until = Math.max(after, Math.min(query.until ?? head, head))
    const matches = filter === null ? () => true : this.#matcher(filter)
    const rows: StoredRow[] = []
    const edge = backward ? Math.max(after, until - scanMax) : Math.min(after + scanMax, until)
    let next = backward ? until : after
    while (next !== edge && rows.length < limit) {
      const row = this.#rows[backward ? --next : next++]
      if (row && matches(row)) rows.push(row)
    }
    return { rows, next, head }
  }

  #matcher(filter: CheckedFilter): (row: StoredRow) => boolean {
    if (this.#compiled?.filter !== filter) this.#compiled = { filter, matches: matcher(filter) }
    return this.#compiled.matches
  }

  async data(row: StoredRow): Promise<string | null> {
    assert(row.data !== null, 'a row in memory has its data')
    return row.data
  }

  async setMetadata(stream: string, metadata: StreamMetadata): Promise<void> {
    this.#stream(stream).metadata = metadata
  }

  async keepFrom(name: string, first: number): Promise<boolean> {
    const stream = this.#streams.get(name)
    if (first > (stream?.version ?? 0) + 1) return false
    if (stream) this.#keepFrom(stream, first)
    return true
  }

  async eraseSome(name: string): Promise<number> {
    const stream = this.#streams.get(name)
    const erased = stream && this.#erased.get(stream)
    if (stream) this.#erased.delete(stream)
    const staged = this.#staged.get(name) ?? []
    this.#sizeBytes -= sizeOf(staged)
    this.#staged.delete(name)
    return erased ?? staged.length
  }

  async streamsPage({ prefix, after, limit }: StreamsQuery): Promise<readonly NamedState[]> {
    // No stream ever goes, so as many names are the same names.
    if (this.#sorted.length !== this.#streams.size) this.#sorted = [...this.#streams.keys()].sort(compareCodePoints)
    const page: string[] = []
    let at = after === '' ? 0 : firstAfter(this.#sorted, after)
    for (; at < this.#sorted.length && page.length < limit; at++) {
      const name = this.#sorted[at] as string
      if (name.startsWith(prefix)) page.push(name)
    }
    return Promise.all(page.map(async (stream) => ({ stream, ...(await this.state(stream)) })))
  }

  async stage({ stream: name, from, events, positions }: StageRequest): Promise<RestoreFault | null> {
    const stream = this.#streams.get(name)
    if (!stream) return { version: from, why: 'no-stream' }
    if (from + events.length > stream.first) return { version: Math.max(from, stream.first), why: 'kept' }
    const staged = this.#staged.get(name) ?? []
    const fault = this.#placeFault(stream, staged, from, positions)
    if (fault) return fault
    const addedBytes = sizeOf(events)
    if (this.#sizeBytes + addedBytes > this.#sizeMaxBytes)
      throw new LimitExceeded('sizeMaxBytes', this.#sizeMaxBytes, this.#sizeBytes + addedBytes)
    this.#sizeBytes += addedBytes
    for (const [at, event] of events.entries())
      staged.push({ ...event, stream: name, position: positions[at] as number, version: from + at })
    this.#staged.set(name, staged)
    return null
  }

  #placeFault(
    stream: Stream,
    staged: readonly StoredRow[],
    from: number,
    positions: readonly number[],
  ): RestoreFault | null {
    let before = staged.at(-1)?.position ?? 0
    const after = stream.rows[0]?.position ?? Number.POSITIVE_INFINITY
    const others = new Set([...this.#staged.values()].flatMap((rows) => rows.map(({ position }) => position)))
    for (const [at, position] of positions.entries()) {
      const version = from + at
      if (position > this.#rows.length) return { version, why: 'position-beyond' }
      if (position <= before || position >= after) return { version, why: 'position-order' }
      if (this.#rows[position - 1] || others.has(position)) return { version, why: 'position-taken' }
      before = position
    }
    return null
  }

  async reveal(name: string, from: number): Promise<RestoreFault | null> {
    const stream = this.#streams.get(name)
    const staged = this.#staged.get(name) ?? []
    if (!stream) return { version: from, why: 'no-stream' }
    if (staged[0]?.version !== from) return { version: from, why: 'erased-again' }
    const last = (staged.at(-1) as StoredRow).version
    if (last !== stream.first - 1) return { version: last, why: 'gap' }
    this.#staged.delete(name)
    for (const row of staged) this.#rows[row.position - 1] = row
    stream.rows = [...staged, ...stream.rows]
    stream.first = from
    return null
  }

  async retainSome({ nowMs }: RetainQuery): Promise<RetainPage> {
    const streams: string[] = []
    for (const [name, stream] of this.#streams) {
      const { maxCount, maxAgeMs } = stream.metadata
      let first = Math.max(stream.first, maxCount === undefined ? 1 : stream.version - maxCount + 1)
      if (maxAgeMs !== undefined) {
        const young = stream.rows.find(
          ({ version, time }) => version >= first && (time === null || time >= nowMs - maxAgeMs),
        )
        first = young?.version ?? stream.version + 1
      }
      this.#keepFrom(stream, first)
      if (this.#erased.has(stream)) streams.push(name)
    }
    return { streams, next: null }
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
    this.#keys.clear()
    this.#staged.clear()
    for (const wake of this.#waiters) wake()
  }
}

/** Where the first name stands that comes after this one. */
function firstAfter(sorted: readonly string[], name: string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (compareCodePoints(sorted[middle] as string, name) > 0) high = middle
    else low = middle + 1
  }
  return low
}

function sizeOf(events: readonly { readonly data: string | null }[]): number {
  return events.reduce((sum, { data }) => sum + (data?.length ?? 0) + attributesBytes, 0)
}
