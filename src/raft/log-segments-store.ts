/**
 * SegmentsLog: one member's open log on its segments, the part of the driver that lives as long as the member. Unlike
 * log-segments.ts, which opens it, it is told what was found; what records come to is log-replay.ts.
 *
 * Removal of segments: identity, hard state, snapshot and compaction are written once more at the end, synced, and only then go
 * the segments in which no entry is needed.
 */
import { Closed, toError } from '../base/error.ts'
import { LogCorrupt as StoreLogCorrupt, LogFailed as StoreLogFailed } from '../store/error.ts'
import type { LogRecord, SegmentLog } from '../store/segment-log.ts'
import type { Snapshot, SnapshotMetadata } from './core/message.ts'
import type { Storage } from './core/storage.ts'
import { LogCorrupt, LogFailed } from './error.ts'
import { decodeRecord, decodeSnapshotContent, encodeRecord, encodeSnapshotContent } from './log-codec.ts'
import { type LogReplay, noteRange, storageOf } from './log-replay.ts'
import type { Replayed, SegmentRange } from './log-replay.ts'
import type { SnapshotFiles } from './log-segments-snapshot.ts'
import { LogState, notReceived } from './log-state.ts'
import type { LogIdentity, LogStore, SaveRequest, SnapshotContent, StoredSnapshot } from './log-store.ts'

/** Takes a record into the replay, or throws `raft.log_corrupt`. */
export function takeRecord(replay: LogReplay, record: LogRecord, segment: number): void {
  const file = `segment ${segment}`
  let fault: string | undefined
  try {
    fault = replay.take(decodeRecord(record), segment)
  } catch (cause) {
    throw new LogCorrupt(file, 0, `a record cannot be read: ${toError(cause).message}`, { cause })
  }
  if (fault !== undefined) throw new LogCorrupt(file, 0, fault)
}

export function resultOf(replay: LogReplay, folder: string): Replayed {
  const result = replay.result()
  if (typeof result === 'string') throw new LogCorrupt(folder || 'the log', 0, result)
  return result
}

/** That the snapshot of the log is there, of its length. Its content is checked whenever it is read. */
export async function checkSnapshot(files: SnapshotFiles, { snapshot }: Replayed, folder: string): Promise<void> {
  const content = contentOf(snapshot)
  if (snapshot === undefined || content === undefined || (await files.has(snapshot.metadata, content))) return
  throw new LogCorrupt(folder || 'the log', 0, `the snapshot at ${snapshot.metadata.index} is missing or cut off`)
}

export function contentOf(snapshot: Snapshot | undefined): SnapshotContent | undefined {
  return snapshot?.data && decodeSnapshotContent(snapshot.data)
}

/** The store's words for what went wrong, in those of this room. */
export function rethrown(error: unknown): never {
  if (error instanceof StoreLogCorrupt) throw new LogCorrupt(error.file, error.offset, error.problem, { cause: error })
  if (error instanceof StoreLogFailed) throw new LogFailed({ cause: error })
  throw error
}

export class SegmentsLog implements LogStore {
  readonly driver = 'segments'
  readonly durable = true
  readonly identity: LogIdentity
  readonly #log: SegmentLog
  readonly #files: SnapshotFiles
  readonly #state: LogState
  readonly #ranges: SegmentRange[]
  #stored: StoredSnapshot | undefined
  #failure: LogFailed | undefined
  #sweeping: Promise<void> = Promise.resolve()
  #closed = false

  constructor(log: SegmentLog, files: SnapshotFiles, replayed: Replayed) {
    this.identity = replayed.identity
    this.#log = log
    this.#files = files
    this.#state = new LogState(storageOf(replayed), replayed.snapshot, replayed.compaction)
    this.#ranges = [...replayed.ranges]
    this.#keep(this.#storedOf(replayed.snapshot))
  }

  get storage(): Storage {
    return this.#state.storage
  }
  get sizeBytes(): number {
    return this.#log.sizeBytes
  }

  async save(request: SaveRequest): Promise<void> {
    this.#check()
    const { snapshot, hardState, entries = [], sync } = request
    if (snapshot) this.#checkReceived(snapshot)
    this.#state.accept(request)
    const records: LogRecord[] = []
    // The snapshot goes before the hard state that tells of it, the hard state before the entries of its term.
    if (snapshot) records.push(encodeRecord({ type: 'installed', snapshot }))
    if (hardState) records.push(encodeRecord({ type: 'hard-state', hardState }))
    for (const entry of entries) records.push(encodeRecord({ type: 'entry', entry }))
    if (records.length === 0 && !sync) return
    const segment = await this.#append(records, sync)
    const last = entries.at(-1)
    if (last) noteRange(this.#ranges, segment, last.index)
    this.#state.apply(request)
    if (!snapshot) return
    this.#keep(this.#storedOf(snapshot))
    this.#files.installedAt(snapshot.metadata)
    // Nobody waits for it: a save resolves before those that were asked for after it.
    this.#sweeping = this.#sweeping.then(() => this.sweep())
  }

  #checkReceived({ metadata, data }: Snapshot): void {
    if (data === undefined || this.#files.wasReceived(metadata, decodeSnapshotContent(data))) return
    throw notReceived(metadata)
  }

  async makeSnapshot(metadata: SnapshotMetadata, content: AsyncIterable<Uint8Array>): Promise<StoredSnapshot> {
    this.#check()
    this.#state.checkMade(metadata)
    const found = await this.#files.write(metadata, content)
    try {
      // Another one may have come meanwhile.
      this.#check()
      this.#state.checkMade(metadata)
      const snapshot: Snapshot = { metadata, data: encodeSnapshotContent(found) }
      this.#state.snapshot = snapshot
      await this.#append([encodeRecord({ type: 'made', snapshot })], true)
      this.#state.storage.createSnapshot(metadata.index, metadata.confState, snapshot.data)
      const stored = this.#files.stored(metadata, found)
      if (this.#state.snapshot === snapshot) this.#keep(stored)
      return stored
    } finally {
      // What a failed append was to tell of may be in the log all the same: then it is needed at the next opening.
      if (this.#failure === undefined) {
        this.#files.madeOver(metadata, found)
        await this.sweep()
      }
    }
  }

  async receiveSnapshot(
    metadata: SnapshotMetadata,
    expected: SnapshotContent,
    content: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    this.#check()
    await this.#files.write(metadata, content, expected)
  }

  snapshot(): StoredSnapshot | undefined {
    return this.#stored
  }

  async compact(index: number): Promise<void> {
    this.#check()
    const compaction = this.#state.compactionAt(index)
    if (compaction === undefined) return
    this.#state.compaction = compaction
    await this.#append([encodeRecord({ type: 'compacted', compaction })], true)
    this.#state.compact(compaction)
    await this.#shed()
  }

  /** Removes the segments that hold nothing but what is compacted. */
  async #shed(): Promise<void> {
    if (this.#firstNeeded() <= this.#log.firstSegment) return
    const { hardState, snapshot, compaction } = this.#state
    const records = [
      encodeRecord({ type: 'identity', identity: this.identity }),
      encodeRecord({ type: 'hard-state', hardState }),
      ...(snapshot ? [encodeRecord({ type: 'made', snapshot })] : []),
      encodeRecord({ type: 'compacted', compaction }),
    ]
    const written = await this.#append(records, true)
    // All that was asked for before these records has told its segment by now, and what comes later stands behind them.
    const before = Math.min(this.#firstNeeded(), written)
    await this.#log.removeBefore(before).catch(rethrown)
    while ((this.#ranges[0]?.segment ?? before) < before) this.#ranges.shift()
  }

  #firstNeeded(): number {
    const { index } = this.#state.compaction
    return this.#ranges.find(({ lastIndex }) => lastIndex > index)?.segment ?? this.#log.activeSegment
  }

  #keep(stored: StoredSnapshot | undefined): void {
    this.#stored = stored
    this.#files.keep(stored?.metadata, stored?.content)
  }

  async sweep(): Promise<void> {
    if (this.#failure === undefined) await this.#files.sweep()
  }

  #storedOf(snapshot: Snapshot | undefined): StoredSnapshot | undefined {
    const content = contentOf(snapshot)
    return snapshot && content && this.#files.stored(snapshot.metadata, content)
  }

  async #append(records: readonly LogRecord[], sync: boolean): Promise<number> {
    try {
      return await this.#log.append(records, { sync })
    } catch (cause) {
      // What was accepted is not in the log: whatever came after it would leave a gap.
      this.#failure ??=
        cause instanceof StoreLogFailed ? new LogFailed({ cause: cause.cause }) : new LogFailed({ cause })
      throw this.#failure
    }
  }

  #check(): void {
    if (this.#closed) throw new Closed('the log')
    if (this.#failure) throw this.#failure
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#log.close().catch(rethrown)
    await this.#sweeping
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
