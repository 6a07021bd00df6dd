/**
 * The journal over numbered events: what the memory and the sqlite driver share. A backend keeps rows in one order, counted
 * from 1, and gives pages of them; this shell checks, encodes, and hands out the readings. Unlike a driver it keeps no
 * event. A backend whose order is no single number needs a shell of its own.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { CloudEvent } from '../base/envelope.ts'
import { assert, InvalidArgument, LimitExceeded } from '../base/error.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'
import { systemClock } from '../base/system-clock.ts'
import { Batches } from './batches.ts'
import { Cursor } from './cursor.ts'
import type { CursorSource } from './cursor.ts'
import {
  ConditionFailed,
  InvalidPosition,
  JournalClosed,
  JournalReadonly,
  KeyReused,
  StreamEnded,
  WrongVersion,
} from './error.ts'
import { expectation } from './expectation.ts'
import { checkFilter } from './filter.ts'
import type { ConsumerGroup, GroupOptions } from './group.ts'
import { GroupRegistry } from './group-registry.ts'
import type {
  AppendCondition,
  AppendManyOptions,
  AppendOptions,
  Appended,
  Batch,
  BatchOption,
  Erased,
  ExpectedVersion,
  Filter,
  Journal,
  JournalCapabilities,
  JournalLimits,
  Position,
  ReadAllOptions,
  ReadBackwardOptions,
  ReadStreamOptions,
  Recorded,
  Restored,
  Retained,
  StreamAppend,
  StreamInfo,
  StreamMetadata,
  StreamsOptions,
  SubscribeJournalOptions,
} from './journal.ts'
import { checkMetadata } from './metadata.ts'
import type { AppendOutcome, AppendRequest, NumberedBackend, RetainPage } from './numbered-backend.ts'
import {
  AllReading,
  finite,
  Following,
  positionNumber,
  positionOf,
  StreamReading,
  streamsOf,
} from './numbered-reading.ts'
import { restoring } from './restoring.ts'
import { eventEncoder } from './stored-event.ts'
import type { StoredEvent } from './stored-event.ts'

const limitDefaults: JournalLimits = {
  eventMaxBytes: 1024 * 1024,
  batchMax: 10_000,
  batchMaxBytes: 64 * 1024 * 1024,
  streamMaxLength: 512,
}
const keyMaxLength = 256
const filtersMax = 16

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
  /** What must end before the backend may close. */
  readonly #works = new Set<Promise<unknown>>()
  readonly #groups: GroupRegistry
  readonly #stopping = new AbortController()
  #closing: Promise<void> | undefined

  constructor(backend: NumberedBackend, limits: JournalLimits, clock: Clock = systemClock) {
    this.driver = backend.driver
    this.capabilities = {
      durable: backend.durable,
      expectedVersion: true,
      totalOrder: true,
      readStream: true,
      readBackward: true,
      atomicStreams: true,
      conditions: true,
      erase: true,
      restore: true,
      groups: true,
      idempotencyWindowMs: Number.POSITIVE_INFINITY,
    }
    this.limits = limits
    this.#backend = backend
    this.#encode = eventEncoder(limits)
    this.#groups = new GroupRegistry({ journal: this, storage: backend.groups, clock })
  }

  async append(stream: string, events: readonly CloudEvent[], options: AppendOptions = {}): Promise<Appended> {
    checkKeys('options', options, ['expectedVersion', 'idempotencyKey', 'unless'])
    this.#checkWritable()
    const { expectedVersion = 'any' } = options
    const [appended] = await this.#append([this.#asked(stream, events, expectedVersion)], options, false)
    return appended as Appended
  }

  async appendMany(appends: readonly StreamAppend[], options: AppendManyOptions = {}): Promise<readonly Appended[]> {
    checkKeys('options', options, ['idempotencyKey', 'unless'])
    if (!Array.isArray(appends) || appends.length === 0)
      throw new InvalidArgument('appends', 'must be a list of at least one stream and its events')
    this.#checkWritable()
    const asked = appends.map((append) => {
      checkKeys('append', append, ['stream', 'events', 'expectedVersion'])
      const { stream, events, expectedVersion = 'any' } = append
      return this.#asked(stream, events, expectedVersion)
    })
    if (new Set(asked.map(({ stream }) => stream)).size < asked.length)
      throw new InvalidArgument('appends', 'must name a stream once; put its events together')
    return this.#append(asked, options, false)
  }

  /** A copy: what the caller does to its lists meanwhile changes neither what is kept nor what is told. */
  #asked(stream: string, events: readonly CloudEvent[], expectedVersion: ExpectedVersion): Required<StreamAppend> {
    this.#checkStream(stream)
    if (!Array.isArray(events) || events.length === 0)
      throw new InvalidArgument('events', 'must be a list of at least one event')
    // A hole becomes an undefined, which is refused as no event.
    return { stream, events: [...(events as readonly CloudEvent[])], expectedVersion }
  }

  async #append(
    asked: readonly Required<StreamAppend>[],
    options: AppendManyOptions,
    ends: boolean,
  ): Promise<readonly Appended[]> {
    const request = this.#requestOf(asked, options, ends)
    const work = this.#backend.append(request)
    this.#works.add(work)
    try {
      return appendedOf(asked, request, await work)
    } finally {
      this.#works.delete(work)
    }
  }

  #requestOf(appends: readonly Required<StreamAppend>[], options: AppendManyOptions, ends: boolean): AppendRequest {
    const { idempotencyKey, unless } = options
    const { batchMax } = this.limits
    const all = appends.length === 1 ? appends[0]!.events : appends.flatMap(({ events }) => events)
    if (all.length > batchMax) throw new LimitExceeded('batchMax', batchMax, all.length)
    const encoded = this.#encode(all)
    let first = 0
    const requests = appends.map(({ stream, events, expectedVersion }) => ({
      stream,
      expected: expectation(expectedVersion),
      events: encoded.slice(first, (first += events.length)),
      ends,
    }))
    return {
      appends: requests,
      key: idempotencyKey === undefined ? null : plainKey(idempotencyKey),
      fingerprint: idempotencyKey === undefined ? '' : fingerprintOf(appends),
      unless: unless === undefined ? null : conditionOf(unless),
    }
  }

  /** Holds the closing until this has ended. */
  async #until<T>(work: Promise<T>): Promise<T> {
    this.#works.add(work)
    try {
      return await work
    } finally {
      this.#works.delete(work)
    }
  }

  async appended(idempotencyKey: string): Promise<readonly Appended[] | undefined> {
    this.#checkOpen()
    const ends = await this.#backend.keyEnds(plainKey(idempotencyKey))
    return ends?.map(({ version, position }) => ({ version, position: positionOf(position) }))
  }

  async version(stream: string): Promise<number> {
    this.#checkOpen()
    this.#checkStream(stream)
    return this.#backend.version(stream)
  }

  async stream(stream: string): Promise<StreamInfo> {
    this.#checkOpen()
    this.#checkStream(stream)
    const { version, first, ended, metadata } = await this.#backend.state(stream)
    return { stream, version, firstVersion: first, ended, metadata }
  }

  streams(options: StreamsOptions = {}): AsyncIterable<StreamInfo> {
    const cut = finite('listing the streams', this.#checkOpen, options.signal)
    const check = () => checkStreams(options, this.limits.streamMaxLength)
    return { [Symbol.asyncIterator]: () => streamsOf(this.#backend, options, cut, check) }
  }

  async id(): Promise<string> {
    this.#checkOpen()
    return this.#backend.id()
  }

  async head(): Promise<Position> {
    this.#checkOpen()
    return positionOf(await this.#backend.head())
  }

  async behind(position: Position): Promise<number> {
    this.#checkOpen()
    const after = positionNumber(position)
    const head = await this.#backend.head()
    if (after > head) throw new InvalidPosition(position)
    return head - after
  }

  read(stream: string, options: ReadStreamOptions = {}): AsyncIterable<Recorded> {
    return this.#readStream(stream, { ...options, backward: false })
  }

  readBackward(stream: string, options: ReadBackwardOptions = {}): AsyncIterable<Recorded> {
    return this.#readStream(stream, { ...options, backward: true })
  }

  #readStream(
    stream: string,
    options: (ReadStreamOptions | ReadBackwardOptions) & { readonly backward: boolean },
  ): AsyncIterable<Recorded> {
    const cut = finite('reading a stream', this.#checkOpen, options.signal)
    return iterable(() => new StreamReading(this.#backend, cut, stream, options, this.#checkStream))
  }

  readAll(options: ReadAllOptions & BatchOption): AsyncIterable<Batch>
  readAll(options?: ReadAllOptions): AsyncIterable<Recorded>
  readAll(options: ReadAllOptions & Partial<BatchOption> = {}): AsyncIterable<Recorded> | AsyncIterable<Batch> {
    const cut = finite('reading the journal', this.#checkOpen, options.signal)
    const open = () => new AllReading(this.#backend, cut, options)
    const { batch, backward } = options
    if (batch === undefined) return iterable(open)
    return { [Symbol.asyncIterator]: () => new Batches(open(), batch, backward ?? false) }
  }

  subscribe(options: SubscribeJournalOptions & BatchOption): AsyncIterable<Batch>
  subscribe(options?: SubscribeJournalOptions): AsyncIterable<Recorded>
  subscribe(
    options: SubscribeJournalOptions & Partial<BatchOption> = {},
  ): AsyncIterable<Recorded> | AsyncIterable<Batch> {
    const open = () => new Following(this.#backend, this.#checkOpen, this.#stops, options)
    const { batch } = options
    if (batch === undefined) return iterable(open)
    return { [Symbol.asyncIterator]: () => new Batches(open(), batch, false) }
  }

  async group(name: string, options: GroupOptions = {}): Promise<ConsumerGroup> {
    this.#checkWritable()
    return this.#groups.open(name, options)
  }

  async setMetadata(stream: string, metadata: StreamMetadata): Promise<void> {
    this.#checkWritable()
    this.#checkStream(stream)
    await this.#until(this.#backend.setMetadata(stream, checkMetadata(metadata)))
  }

  async truncate(stream: string, before: number): Promise<Erased> {
    this.#checkWritable()
    this.#checkStream(stream)
    wholeNumber('before', before, 1)
    return this.#until(this.#truncate(stream, before))
  }

  async #truncate(stream: string, before: number): Promise<Erased> {
    if (!(await this.#backend.keepFrom(stream, before)))
      throw new InvalidArgument('before', `must not lie beyond the last version of ${stream} plus one; it is ${before}`)
    return { events: await this.#erase(stream) }
  }

  /** In small steps, so that appends go on meanwhile; what a crash leaves is invisible, and gone after the next `retain`. */
  async #erase(stream: string): Promise<number> {
    await this.#groups.erased(stream, async () => (await this.#backend.state(stream)).first)
    let erased = 0
    for (;;) {
      const some = await this.#backend.eraseSome(stream)
      if (some === 0) return erased
      erased += some
    }
  }

  async tombstone(
    stream: string,
    last: CloudEvent,
    options: { readonly expectedVersion?: ExpectedVersion } = {},
  ): Promise<Erased> {
    checkKeys('options', options, ['expectedVersion'])
    this.#checkWritable()
    const { expectedVersion = 'any' } = options
    return this.#until(this.#tombstone(this.#asked(stream, [last], expectedVersion)))
  }

  async #tombstone(last: Required<StreamAppend>): Promise<Erased> {
    await this.#append([last], {}, true)
    return { events: await this.#erase(last.stream) }
  }

  async retain(options: { readonly nowMs: number; readonly signal?: AbortSignal }): Promise<Retained> {
    this.#checkWritable()
    checkKeys('options', options, ['nowMs', 'signal'])
    const { nowMs, signal } = options
    if (typeof nowMs !== 'number' || !Number.isFinite(nowMs))
      throw new InvalidArgument('nowMs', 'must be the time now in milliseconds')
    return this.#until(this.#retain(Math.floor(nowMs), finite('the retention', this.#checkOpen, signal)))
  }

  async #retain(nowMs: number, cut: () => boolean): Promise<Retained> {
    const total = { events: 0, streams: 0 }
    let after: number | null = 0
    while (after !== null) {
      cut()
      const page: RetainPage = await this.#backend.retainSome({ after, nowMs })
      for (const stream of page.streams) {
        cut()
        const events = await this.#erase(stream)
        total.events += events
        if (events > 0) total.streams++
      }
      after = page.next
    }
    return total
  }

  async restore(
    stream: string,
    events: AsyncIterable<Recorded> | Iterable<Recorded>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Restored> {
    this.#checkWritable()
    this.#checkStream(stream)
    checkKeys('options', options, ['signal'])
    const { signal } = options
    if (typeof events !== 'object' || events === null)
      throw new InvalidArgument('events', 'must be what `read` gives: records, in order')
    const cut = finite('the restoring', this.#checkOpen, signal)
    cut()
    const ends = signal ? AbortSignal.any([signal, this.#stopping.signal]) : this.#stopping.signal
    return this.#until(this.#restore(stream, events, cut, ends))
  }

  async #restore(
    stream: string,
    events: AsyncIterable<Recorded> | Iterable<Recorded>,
    cut: () => boolean,
    signal: AbortSignal,
  ): Promise<Restored> {
    // What an earlier try left would stand in the way.
    await this.#erase(stream)
    try {
      return await restoring({ backend: this.#backend, stream, encode: this.#encode, cut, signal }, events)
    } catch (error) {
      await this.#erase(stream)
      throw error
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#stopping.abort()
    for (const stop of this.#stops) stop()
    await this.#groups.close()
    await Promise.allSettled(this.#works)
    await this.#backend.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  readonly #checkStream = (stream: string): void => {
    plainName('stream', stream, this.limits.streamMaxLength)
    if (!stream.isWellFormed()) throw new InvalidArgument('stream', 'must be well-formed text')
  }

  readonly #checkOpen = (): void => {
    if (this.#closing) throw new JournalClosed()
  }

  #checkWritable(): void {
    this.#checkOpen()
    if (this.#backend.readonly) throw new JournalReadonly()
  }
}

function checkStreams({ prefix = '', after = '', limit = 0 }: StreamsOptions, maxLength: number): void {
  wholeNumber('limit', limit, 0)
  for (const [name, text] of Object.entries({ prefix, after }))
    if (typeof text !== 'string' || text.length > maxLength || !text.isWellFormed())
      throw new InvalidArgument(name, `must be well-formed text of ${maxLength} characters at most`)
}

function iterable<Row>(source: () => CursorSource<Row>): AsyncIterable<Recorded> {
  return { [Symbol.asyncIterator]: () => new Cursor(source()) }
}

function plainKey(key: string): string {
  plainName('idempotencyKey', key, keyMaxLength)
  if (!key.isWellFormed()) throw new InvalidArgument('idempotencyKey', 'must be well-formed text')
  return key
}

/** What makes a second append under a key the same as the first. Ids and times are new at each try, so they do not. */
function fingerprintOf(appends: readonly StreamAppend[]): string {
  const asked = appends.map(({ stream, events }) => [stream, events.map(({ type }) => type)])
  return createHash('sha256').update(JSON.stringify(asked)).digest('base64url')
}

function conditionOf(unless: AppendCondition): AppendRequest['unless'] {
  checkKeys('unless', unless, ['filter', 'after'])
  const { filter, after = '' } = unless
  const filters = Array.isArray(filter) ? (filter as readonly unknown[]) : [filter]
  if (filters.length === 0 || filters.length > filtersMax)
    throw new InvalidArgument('unless.filter', `must be a filter, or a list of 1 to ${filtersMax}`)
  return {
    filters: filters.map((each) => {
      if (each === undefined) throw new InvalidArgument('unless.filter', 'must be a filter; an empty one is any event')
      return checkFilter(each as Filter) ?? null
    }),
    after: positionNumber(after),
  }
}

function appendedOf(
  appends: readonly Required<StreamAppend>[],
  { key }: AppendRequest,
  outcome: AppendOutcome,
): readonly Appended[] {
  const at = (index: number) => appends[index] as Required<StreamAppend>
  switch (outcome.kind) {
    case 'appended':
      return outcome.ends.map(({ version, position }) => ({
        version,
        position: positionOf(position),
        ...(outcome.duplicate && { duplicate: true as const }),
      }))
    case 'wrong-version':
      throw new WrongVersion(at(outcome.at).stream, at(outcome.at).expectedVersion, outcome.actual)
    case 'ended':
      throw new StreamEnded(at(outcome.at).stream)
    case 'condition':
      throw new ConditionFailed(positionOf(outcome.position))
    case 'beyond':
      throw new InvalidPosition(`beyond ${positionOf(outcome.head)}`)
    case 'key-reused':
    default:
      assert(key !== null, 'an append without a key met one')
      throw new KeyReused(key)
  }
}
