/**
 * What both drivers of the LogStore hold in memory: the core's storage, which has what is kept, and ahead of it what was accepted
 * to be kept. Unlike the storage, which is told of a save once it is done, the accepted state decides which save may come next.
 * It writes nothing.
 */
import { InvalidArgument } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import type { MemoryStorage } from './core/memory-storage.ts'
import type { HardState, Snapshot, SnapshotMetadata } from './core/message.ts'
import { SnapshotReplaced } from './error.ts'
import type { Compaction } from './log-codec.ts'
import type { SaveRequest } from './log-store.ts'

export class LogState {
  readonly storage: MemoryStorage
  /** Of the newest save that was accepted. */
  hardState: HardState
  snapshot: Snapshot | undefined
  compaction: Compaction
  #lastIndex: number

  constructor(storage: MemoryStorage, snapshot: Snapshot | undefined, compaction: Compaction) {
    this.storage = storage
    this.snapshot = snapshot
    this.compaction = compaction
    this.hardState = storage.initialState().hardState
    this.#lastIndex = storage.lastIndex()
  }

  /** Throws `base.invalid_argument`, and then nothing is accepted. */
  accept({ hardState, entries = [], snapshot }: SaveRequest): void {
    if (hardState)
      for (const name of ['term', 'vote', 'commit'] as const) wholeNumber(`hardState.${name}`, hardState[name], 0)
    if (snapshot) this.#checkInstall(snapshot)
    const base = snapshot?.metadata.index ?? this.#lastIndex
    const [first] = entries
    if (first) {
      wholeNumber('the index of the first entry', first.index, 1, base + 1)
      let expected = first.index
      for (const { index, term } of entries) {
        if (index !== expected++) throw new InvalidArgument('entries', `must be contiguous; ${index} is not`)
        wholeNumber('the term of an entry', term, 0)
      }
    }
    if (hardState) this.hardState = hardState
    if (snapshot) {
      this.snapshot = snapshot
      this.compaction = { index: snapshot.metadata.index, term: snapshot.metadata.term }
      this.#lastIndex = snapshot.metadata.index
    }
    const last = entries.at(-1)
    // Entries that are compacted already change nothing.
    if (last && last.index > this.compaction.index) this.#lastIndex = last.index
  }

  #checkInstall({ metadata }: Snapshot): void {
    wholeNumber('snapshot.metadata.index', metadata.index, this.snapshot ? this.snapshot.metadata.index + 1 : 0)
    wholeNumber('snapshot.metadata.term', metadata.term, 0)
  }

  /** The save is done: now the core sees it. */
  apply({ hardState, entries, snapshot }: SaveRequest): void {
    if (snapshot) this.storage.applySnapshot(snapshot)
    if (entries) this.storage.append(entries)
    if (hardState) this.storage.setHardState(hardState)
  }

  /** A snapshot of the own making is at an entry that is kept, and newer than the last; throws `raft.snapshot_replaced` otherwise. */
  checkMade({ index, term }: SnapshotMetadata): void {
    // A newer one may be on its way into the log, of which its user cannot know yet.
    if (this.snapshot !== undefined && index <= this.snapshot.metadata.index) throw new SnapshotReplaced(index)
    wholeNumber('metadata.index', index, 1, this.storage.lastIndex())
    if (this.storage.term(index) !== term)
      throw new InvalidArgument('metadata.term', `must be that of the entry at ${index}; it is ${term}`)
  }

  /** What a compaction up to `index` comes to; undefined when that much is compacted already. */
  compactionAt(index: number): Compaction | undefined {
    wholeNumber('index', index, 0, this.snapshot?.metadata.index ?? 0)
    const term = this.storage.term(index)
    return index <= this.compaction.index || typeof term !== 'number' ? undefined : { index, term }
  }

  compact({ index }: Compaction): void {
    this.storage.compact(index)
  }
}

/** The refusal of a snapshot whose content is not there. */
export function notReceived({ index }: SnapshotMetadata): InvalidArgument {
  return new InvalidArgument('snapshot', `must be received first; that at ${index} was not`)
}
