/**
 * What a driver whose events have one order, counted from 1, gives to `NumberedJournal`: rows, pages of rows, appends as
 * data. Types only. Unlike the port it knows no codec, no opaque position and no iterable.
 */
import type { CheckedFilter } from './filter.ts'
import type { GroupStorage } from './group-storage.ts'
import type { StreamMetadata } from './journal.ts'
import type { RestoreFault } from './restore-fault.ts'
import type { StoredEvent, StoredRow } from './stored-event.ts'

export interface StreamQuery {
  readonly stream: string
  /** The lowest version wanted. */
  readonly fromVersion: number
  /** The highest version wanted; null: the one the stream has now. */
  readonly untilVersion: number | null
  readonly limit: number
  /** The highest first. */
  readonly backward: boolean
}

export interface StreamPage {
  readonly rows: readonly StoredRow[]
  /** The version of the stream. */
  readonly version: number
}

export interface AllQuery {
  /** Positions above this one. */
  readonly after: number
  /** The last position wanted; null: the last there is. */
  readonly until: number | null
  readonly limit: number
  readonly filter: CheckedFilter | null
  /** From `until` down. */
  readonly backward: boolean
}

export interface AllPage {
  /** At most `limit`; may be empty though more follow, when a long stretch held no match. */
  readonly rows: readonly StoredRow[]
  /**
   * Forward: everything up to here was looked at; past `after`, unless `after` was the end. Backward: everything above here
   * was looked at.
   */
  readonly next: number
  /** The last position there ever was. */
  readonly head: number
}

export interface StreamRequest {
  readonly stream: string
  readonly events: readonly StoredEvent[]
  /** As `expectation` gives it. */
  readonly expected: number
  /** The last of these events ends the stream, and is all that is kept of it. */
  readonly ends: boolean
}

export interface AppendRequest {
  readonly appends: readonly StreamRequest[]
  readonly key: string | null
  /** Of what was asked under the key; empty without one. */
  readonly fingerprint: string
  /** No event after this position may match one of the filters; null as a filter is any event. */
  readonly unless: { readonly filters: readonly (CheckedFilter | null)[]; readonly after: number } | null
}

/** Where the events of one stream ended. */
export interface End {
  readonly version: number
  readonly position: number
}

export type AppendOutcome =
  | { readonly kind: 'appended'; readonly ends: readonly End[]; readonly duplicate: boolean }
  /** `at` counts the appends of the request. */
  | { readonly kind: 'wrong-version'; readonly at: number; readonly actual: number }
  | { readonly kind: 'ended'; readonly at: number }
  | { readonly kind: 'condition'; readonly position: number }
  | { readonly kind: 'key-reused' }
  | { readonly kind: 'beyond'; readonly head: number }

export interface StreamState {
  readonly version: number
  readonly first: number
  readonly ended: boolean
  readonly metadata: StreamMetadata
}

export interface StreamsQuery {
  /** Of the names wanted; may be empty. */
  readonly prefix: string
  /** Names after this one; empty: from the first. */
  readonly after: string
  readonly limit: number
}

export interface NamedState extends StreamState {
  readonly stream: string
}

/** Erased events of one stream on their way back. */
export interface StageRequest {
  readonly stream: string
  /** The version of the first of them. */
  readonly from: number
  readonly events: readonly StoredEvent[]
  /** One an event. */
  readonly positions: readonly number[]
}

export interface RetainQuery {
  /** Where the last page ended; 0 at first. */
  readonly after: number
  readonly nowMs: number
}

export interface RetainPage {
  /** Names of the streams that have something to erase now. */
  readonly streams: readonly string[]
  /** Null at the end. */
  readonly next: number | null
}

export interface NumberedBackend {
  readonly driver: string
  readonly durable: boolean
  readonly readonly: boolean
  readonly groups: GroupStorage
  append(request: AppendRequest): Promise<AppendOutcome>
  /** Where the append under this key ended; null when no such key is known. */
  keyEnds(key: string): Promise<readonly End[] | null>
  version(stream: string): Promise<number>
  state(stream: string): Promise<StreamState>
  head(): Promise<number>
  /** Which journal this is, for good; no other has it. */
  id(): Promise<string>
  streamPage(query: StreamQuery): Promise<StreamPage> | StreamPage
  allPage(query: AllQuery): Promise<AllPage> | AllPage
  /** The data of a row that came without; null when it has been erased since. */
  data(row: StoredRow): Promise<string | null>
  setMetadata(stream: string, metadata: StreamMetadata): Promise<void>
  /** From now on readers see nothing below `first`; false when that is beyond the last version plus one. */
  keepFrom(stream: string, first: number): Promise<boolean>
  /** Erases some of what readers no longer see of a stream; 0 when nothing was left. */
  eraseSome(stream: string): Promise<number>
  /** The next streams by name, `limit` at most. */
  streamsPage(query: StreamsQuery): Promise<readonly NamedState[]>
  /**
   * Keeps events below the first version of their stream, where readers do not see them; `eraseSome` drops them again.
   * Null, or why they cannot be there.
   */
  stage(request: StageRequest): Promise<RestoreFault | null>
  /** Shows readers what was staged from this version on; null, or why not. */
  reveal(stream: string, from: number): Promise<RestoreFault | null>
  /** Moves the first version of some streams to where their metadata say. */
  retainSome(query: RetainQuery): Promise<RetainPage>
  /** Resolves at the next append after the call; may wake without one. Rejects when aborted. */
  changed(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
