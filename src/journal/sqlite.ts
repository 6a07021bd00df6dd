/**
 * The sqlite driver: the journal in the node's store, as durable as the store is. Unlike the memory driver its appends
 * share transactions and syncs with everything else the node keeps, and another process may read the same folder while
 * this one writes. It only speaks to the Store port; its SQL stands in `sqlite-append.ts` and its neighbours, which the
 * store's worker imports.
 */
import type { Clock } from '../base/clock.ts'
import { storeCall } from '../store/procedure.ts'
import type { Schema, Store } from '../store/store.ts'
import type { Journal, JournalLimits, StreamMetadata } from './journal.ts'
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
  StreamPage,
  StageRequest,
  StreamQuery,
  StreamsQuery,
  StreamState,
} from './numbered-backend.ts'
import type { GroupStorage } from './group-storage.ts'
import { journalLimits, NumberedJournal } from './numbered.ts'
import { InlineAppends } from './projection-inline-appends.ts'
import type { InlineProjection } from './projection.ts'
import { append, appendArgs, keyEnds, outcomeOf } from './sqlite-append.ts'
import type { AppendResult } from './sqlite-append.ts'
import { pushEvent } from './sqlite-insert.ts'
import { StoreGroups } from './sqlite-groups.ts'
import { allPage, eventData, head, streamPage, version } from './sqlite-pages.ts'
import type { RestoreFault } from './restore-fault.ts'
import { identity } from './sqlite-identity.ts'
import { reveal, stage } from './sqlite-restore.ts'
import { migrations } from './sqlite-schema.ts'
import { eraseSome, keepFrom, retainSome, setMetadata, state, streamsPage } from './sqlite-streams.ts'
import type { StoredRow } from './stored-event.ts'

export { verifyJournal } from './sqlite-verify.ts'
export type { Finding, Verification, VerifyOptions, VerifyProgress, VerifySummary } from './sqlite-verify.ts'
export type { FindingKind } from './verify-finding.ts'

/** The tables of the journal: to be among the schemas with which the store is opened. */
export const journalSchema: Schema = { room: 'journal', migrations }

export interface StoreJournalOptions {
  readonly limits?: Partial<JournalLimits>
  /** `close` closes the store too. Default false: the store is the node's. */
  readonly ownsStore?: boolean
  /**
   * Projections whose effect commits with each append; the store needs `projectionSchema` too. Those that are new, or of a
   * raised version, catch up first, in small steps, and appends wait for that. A handler that throws refuses the append with
   * `journal.projection_failed`. Read them by `projectionView`.
   */
  readonly inline?: readonly InlineProjection[]
  /** Measures what consumer groups wait for. Default: the machine's. */
  readonly clock?: Clock
}

/** The journal in a store that was opened with `journalSchema`. Over a read-only store it reads and follows, and refuses to append. */
export function storeJournal(store: Store, options: StoreJournalOptions = {}): Journal {
  return new NumberedJournal(new StoreBackend(store, options), journalLimits(options.limits), options.clock)
}

/** Bytes of large data after which a reading steps aside: some milliseconds. */
const fetchMaxBytes = 512 * 1024

class StoreBackend implements NumberedBackend {
  readonly driver: string
  readonly durable: boolean
  readonly readonly: boolean
  readonly groups: GroupStorage
  readonly #store: Store
  readonly #ownsStore: boolean
  #fetchedBytes = 0
  readonly #inline: InlineAppends | undefined

  constructor(store: Store, { ownsStore = false, inline = [] }: StoreJournalOptions) {
    this.driver = store.driver
    this.durable = store.durable
    this.readonly = store.readonly
    this.groups = new StoreGroups(store)
    this.#store = store
    this.#ownsStore = ownsStore
    this.#inline = inline.length === 0 ? undefined : new InlineAppends(store, inline)
  }

  append(request: AppendRequest): Promise<AppendOutcome> {
    const args = appendArgs(request)
    if (!this.#inline) return this.#store.write(append, args).then(outcomeOf)
    const events = request.appends.reduce((sum, { events }) => sum + events.length, 0)
    return this.#inline.append<AppendResult>(storeCall(append, args), events).then(outcomeOf)
  }

  state(stream: string): Promise<StreamState> {
    return this.#store.read(state, stream)
  }

  head(): Promise<number> {
    return this.#store.read(head, null)
  }

  id(): Promise<string> {
    return this.#store.read(identity, null)
  }

  setMetadata(stream: string, metadata: StreamMetadata): Promise<void> {
    const text = Object.keys(metadata).length === 0 ? null : JSON.stringify(metadata)
    return this.#store.write(setMetadata, { stream, metadata: text })
  }

  keepFrom(stream: string, first: number): Promise<boolean> {
    return this.#store.write(keepFrom, { stream, first })
  }

  eraseSome(stream: string): Promise<number> {
    return this.#store.write(eraseSome, stream)
  }

  streamsPage(query: StreamsQuery): Promise<readonly NamedState[]> {
    return this.#store.read(streamsPage, query)
  }

  stage({ stream, from, events, positions }: StageRequest): Promise<RestoreFault | null> {
    const words: unknown[] = []
    for (const event of events) pushEvent(words, stream, event)
    return this.#store.write(stage, { stream, from, words, positions })
  }

  reveal(stream: string, from: number): Promise<RestoreFault | null> {
    return this.#store.write(reveal, { stream, from })
  }

  retainSome(query: RetainQuery): Promise<RetainPage> {
    return this.#store.write(retainSome, query)
  }

  keyEnds(key: string): Promise<readonly End[] | null> {
    return this.#store.read(keyEnds, key)
  }

  version(stream: string): Promise<number> {
    return this.#store.read(version, stream)
  }

  async streamPage(query: StreamQuery): Promise<StreamPage> {
    const page = await this.#store.read(streamPage, query)
    if (page.rows.length === query.limit) await nextTurn()
    return page
  }

  async allPage(query: AllQuery): Promise<AllPage> {
    const page = await this.#store.read(allPage, query)
    if (page.rows.length === query.limit || page.next < page.head) await nextTurn()
    return page
  }

  /** A page of large events is fetched one by one on this thread, which steps aside for others now and then. */
  async data(row: StoredRow): Promise<string | null> {
    this.#fetchedBytes += row.apartBytes ?? 0
    if (this.#fetchedBytes > fetchMaxBytes) {
      this.#fetchedBytes = 0
      await nextTurn()
    }
    return this.#store.read(eventData, row.position)
  }

  changed(signal: AbortSignal): Promise<void> {
    return this.#store.changed(signal)
  }

  async close(): Promise<void> {
    this.#inline?.close()
    if (this.#ownsStore) await this.#store.close()
  }
}

/** Pages come in microtasks, so a long reading would starve timers and sockets if it did not step aside between them. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
