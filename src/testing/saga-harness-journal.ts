/**
 * A journal as one worker of the saga harness sees it: the shared one, until the worker is to die or to stall at a record of its own. Unlike a
 * faulty disk it never loses or damages what it has taken. Two workers with a journal of this kind each are two processes to the workflow:
 * they share what is written and nothing else.
 */
import type {
  Appended,
  AppendManyOptions,
  AppendOptions,
  Batch,
  BatchOption,
  Erased,
  ExpectedVersion,
  Journal,
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
} from '../journal/journal.ts'
import type { ConsumerGroup, GroupOptions } from '../journal/group.ts'
import type { CloudEvent } from '../base/envelope.ts'
import type { HarnessWorker } from './saga-harness-time.ts'

export interface WriteWatch {
  /** Before a record is written; gives its number. The worker may be dead or stalled after it. */
  before(): number
  /** It is written, and the worker does not know it yet. */
  after(record: number, appends: readonly StreamAppend[], appended: readonly Appended[]): void
}

const nothing = (): readonly Appended[] => []

export class WorkerJournal implements Journal {
  readonly #inner: Journal
  readonly #worker: HarnessWorker
  readonly #watch: WriteWatch

  constructor(inner: Journal, worker: HarnessWorker, watch: WriteWatch) {
    this.#inner = inner
    this.#worker = worker
    this.#watch = watch
  }

  get driver(): string {
    return this.#inner.driver
  }
  get capabilities(): Journal['capabilities'] {
    return this.#inner.capabilities
  }
  get limits(): Journal['limits'] {
    return this.#inner.limits
  }

  /** Reaches the journal, and gives what came of it, only while the worker works. */
  #call<T>(work: () => Promise<T>): Promise<T> {
    const worker = this.#worker
    if (worker.works) return worker.pass(work())
    return new Promise((resolve, reject) => {
      worker.through(() => void worker.pass(work()).then(resolve, reject))
    })
  }

  /** `appended`: what of its result is new in the streams. */
  #write<T>(
    appends: readonly StreamAppend[],
    work: () => Promise<T>,
    appended: (result: T) => readonly Appended[],
  ): Promise<T> {
    const record = this.#watch.before()
    return this.#call(async () => {
      const result = await work()
      this.#watch.after(record, appends, appended(result))
      return result
    })
  }

  async *#each<T>(open: () => AsyncIterable<T>): AsyncGenerator<T, void> {
    const iterator = open()[Symbol.asyncIterator]()
    try {
      for (;;) {
        const next = await this.#call(() => iterator.next())
        if (next.done) return
        yield next.value
      }
    } finally {
      await iterator.return?.()
    }
  }

  async append(stream: string, events: readonly CloudEvent[], options: AppendOptions = {}): Promise<Appended> {
    const { expectedVersion, ...others } = options
    const append = { stream, events, ...(expectedVersion !== undefined && { expectedVersion }) }
    const [appended] = await this.appendMany([append], others)
    return appended as Appended
  }

  appendMany(appends: readonly StreamAppend[], options?: AppendManyOptions): Promise<readonly Appended[]> {
    return this.#write(
      appends,
      () => this.#inner.appendMany(appends, options),
      (appended) => appended,
    )
  }

  tombstone(
    stream: string,
    last: CloudEvent,
    options?: { readonly expectedVersion?: ExpectedVersion },
  ): Promise<Erased> {
    return this.#write([], () => this.#inner.tombstone(stream, last, options), nothing)
  }

  truncate(stream: string, before: number): Promise<Erased> {
    return this.#write([], () => this.#inner.truncate(stream, before), nothing)
  }

  read(stream: string, options?: ReadStreamOptions): AsyncIterable<Recorded> {
    return this.#each(() => this.#inner.read(stream, options))
  }

  readBackward(stream: string, options?: ReadBackwardOptions): AsyncIterable<Recorded> {
    return this.#each(() => this.#inner.readBackward(stream, options))
  }

  streams(options?: StreamsOptions): AsyncIterable<StreamInfo> {
    return this.#each(() => this.#inner.streams(options))
  }

  readAll(options: ReadAllOptions & BatchOption): AsyncIterable<Batch>
  readAll(options?: ReadAllOptions): AsyncIterable<Recorded>
  readAll(options?: ReadAllOptions): AsyncIterable<Recorded> | AsyncIterable<Batch> {
    return this.#each(() => this.#inner.readAll(options))
  }

  subscribe(options: SubscribeJournalOptions & BatchOption): AsyncIterable<Batch>
  subscribe(options?: SubscribeJournalOptions): AsyncIterable<Recorded>
  subscribe(options?: SubscribeJournalOptions): AsyncIterable<Recorded> | AsyncIterable<Batch> {
    return this.#each(() => this.#inner.subscribe(options))
  }

  appended(key: string): Promise<readonly Appended[] | undefined> {
    return this.#call(() => this.#inner.appended(key))
  }
  version(stream: string): Promise<number> {
    return this.#call(() => this.#inner.version(stream))
  }
  stream(stream: string): Promise<StreamInfo> {
    return this.#call(() => this.#inner.stream(stream))
  }
  group(name: string, options?: GroupOptions): Promise<ConsumerGroup> {
    return this.#call(() => this.#inner.group(name, options))
  }
  id(): Promise<string> {
    return this.#call(() => this.#inner.id())
  }
  head(): Promise<Position> {
    return this.#call(() => this.#inner.head())
  }
  behind(position: Position): Promise<number> {
    return this.#call(() => this.#inner.behind(position))
  }
  setMetadata(stream: string, metadata: StreamMetadata): Promise<void> {
    return this.#call(() => this.#inner.setMetadata(stream, metadata))
  }
  retain(options: { readonly nowMs: number; readonly signal?: AbortSignal }): Promise<Retained> {
    return this.#call(() => this.#inner.retain(options))
  }
  restore(
    stream: string,
    events: AsyncIterable<Recorded> | Iterable<Recorded>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<Restored> {
    return this.#call(() => this.#inner.restore(stream, events, options))
  }

  /** The shared journal outlives its workers. */
  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
