/**
 * LogStore: what one member of a group keeps: its identity, hard state, log, and newest snapshot. Unlike the Store it is
 * written in one order by one owner, and nothing else shares its sync. Unlike the core's `Storage`, which it serves, it
 * also writes. Interfaces only; drivers are `log-memory.ts` and `log-segments.ts`, and `conformance-log.ts` holds them to
 * this page.
 *
 * | what | promise |
 * | --- | --- |
 * | `save` resolved | hard state, entries and installed snapshot of this call and of all calls before it survive kill -9 and loss of power (`memory`: nothing survives the process) |
 * | `save` not resolved | all of it, or a prefix of its entries, or nothing; never an entry without those before it |
 * | order | calls take effect in the order they were made; those that wait share one sync |
 * | a torn tail | is cut at the opening where it cannot have been acknowledged: only after the last record that a sync covered |
 * | damage before it | `raft.log_corrupt` at the opening, with file and offset; nothing is cut, nothing is served |
 * | a failed write or sync | `raft.log_failed` for this call and every later one: the member must stop, and reopen from what is on disk |
 * | `storage` | gives what a resolved `save` has kept, at once: entries since the last compaction are in memory |
 */
import type { Entry, HardState, Snapshot, SnapshotMetadata } from './core/message.ts'
import type { Storage } from './core/storage.ts'

/** Who this store belongs to; written once, before the first vote, and never changed. */
export interface LogIdentity {
  readonly group: string
  readonly member: string
  /** 32 hex digits drawn at random when the store was made: a lost store shows by its new token. */
  readonly token: string
}

export interface SaveRequest {
  readonly hardState?: HardState | undefined
  /** Contiguous. From their first index on they replace what is there, which is never committed. */
  readonly entries?: readonly Entry[]
  /** Takes the place of the whole log; its content must have been received before (`receiveSnapshot`). */
  readonly snapshot?: Snapshot | undefined
  /** False for what may wait for the next sync: then it resolves when it is written. */
  readonly sync: boolean
}

/** The content of a snapshot: what the core carries about it is this, as the data of its Snapshot. */
export interface SnapshotContent {
  readonly sizeBytes: number
  /** SHA-256 over the content, hex. */
  readonly sha256: string
}

export interface StoredSnapshot {
  readonly metadata: SnapshotMetadata
  readonly content: SnapshotContent
  /** In chunks of 64 KiB at most; rejects with `raft.log_corrupt` when the content is not what was kept. */
  chunks(): AsyncIterable<Uint8Array>
}

export interface LogStore extends AsyncDisposable {
  /** Of the driver: `memory`, `segments`. */
  readonly driver: string
  /** Whether a resolved `save` survives the process. */
  readonly durable: boolean
  readonly identity: LogIdentity
  /** What the core reads. */
  readonly storage: Storage
  /** Resolves once it is kept, and never before a save that was asked for earlier. */
  save(request: SaveRequest): Promise<void>
  /**
   * Keeps a snapshot of this member's own making at `metadata`, durable before it resolves, and then forgets all older ones.
   * Entries stay until `compact`. Rejects with `raft.snapshot_replaced` when there is one at that index or above, also one that is
   * being installed right now.
   */
  makeSnapshot(metadata: SnapshotMetadata, content: AsyncIterable<Uint8Array>): Promise<StoredSnapshot>
  /**
   * Keeps the content of somebody else's snapshot beside what is there, durable before it resolves, to be installed by `save`.
   * Rejects with `raft.snapshot_damaged` when size or hash differ; what was received is then removed.
   */
  receiveSnapshot(
    metadata: SnapshotMetadata,
    expected: SnapshotContent,
    content: AsyncIterable<Uint8Array>,
  ): Promise<void>
  /** The newest snapshot that was made or installed. */
  snapshot(): StoredSnapshot | undefined
  /** Forgets the entries up to and with `index`, which a snapshot must cover; their files go when no entry of them is needed. */
  compact(index: number): Promise<void>
  /** Bytes of the log's records on disk or in memory, without snapshots. */
  readonly sizeBytes: number
  /** Waits for what was asked for. Idempotent. */
  close(): Promise<void>
}
