/**
 * StableImage: what a member's disk holds, as a log of records of which only those that were synced survive a crash for
 * certain. Of the others any number from the first on may, so that a batch can be torn in its middle; whole records only,
 * for a real log tells a torn record by its checksum. Entries stand before the hard state of their batch, as in etcd's log.
 */
import type { Random } from '../../../src/base/random.ts'
import { MemoryStorage } from '../../../src/raft/core/memory-storage.ts'
import { type Entry, type HardState, type Snapshot, emptyHardState } from '../../../src/raft/core/message.ts'
import { Violation } from './violation.ts'

export interface Batch {
  readonly entries: readonly Entry[]
  readonly hardState: HardState | undefined
  readonly snapshot: Snapshot | undefined
}

type Change = (image: StableImage) => void

/** What becomes of records that were not synced when the power went. */
export type UnsyncedFate = 'lost' | 'kept' | 'torn'

export class StableImage {
  hardState: HardState = emptyHardState
  snapshot: Snapshot | undefined
  /** From the one after the compacted ones. */
  #entries: Entry[] = []
  #firstIndex = 1
  #compactedTerm = 0
  #unsynced: Change[] = []

  write({ entries, hardState, snapshot }: Batch): void {
    if (snapshot !== undefined) this.#unsynced.push((image) => image.#restore(snapshot, hardState))
    for (const entry of entries) this.#unsynced.push((image) => image.#append(entry))
    if (hardState !== undefined && snapshot === undefined)
      this.#unsynced.push((image) => {
        // One that was on its way when a snapshot was kept says less than that is committed.
        const commit = Math.max(hardState.commit, image.snapshot?.metadata.index ?? 0)
        image.hardState = { ...hardState, commit }
      })
  }

  sync(): void {
    for (const change of this.#unsynced) change(this)
    this.#unsynced = []
  }

  /** A snapshot of the member's own, made of what is stable already; written beside the log and then taken for good. */
  keepSnapshot(snapshot: Snapshot, compactTo: number): void {
    this.snapshot = snapshot
    const { term, vote, commit } = this.hardState
    this.hardState = { term, vote, commit: Math.max(commit, snapshot.metadata.index) }
    if (compactTo < this.#firstIndex) return
    this.#compactedTerm = this.termAt(compactTo) ?? 0
    this.#entries = this.#entries.slice(compactTo + 1 - this.#firstIndex)
    this.#firstIndex = compactTo + 1
  }

  /** Says whether a batch was torn in its middle. */
  crash(fate: UnsyncedFate, random: Random): boolean {
    const records = this.#unsynced
    const kept =
      fate === 'lost' || records.length === 0
        ? 0
        : fate === 'kept'
          ? records.length
          : random.integer(records.length + 1)
    this.#unsynced = records.slice(0, kept)
    this.sync()
    return kept > 0 && kept < records.length
  }

  /** The term of a durable entry; undefined when there is none. Below the first index it is known only just below it. */
  termAt(index: number): number | undefined {
    if (index === this.#firstIndex - 1) return this.#compactedTerm
    return this.#entries[index - this.#firstIndex]?.term
  }

  get lastIndex(): number {
    return this.#firstIndex + this.#entries.length - 1
  }

  get firstIndex(): number {
    return this.#firstIndex
  }

  get entries(): readonly Entry[] {
    return this.#entries
  }

  /** What the next life reads. */
  open(): MemoryStorage {
    const storage = new MemoryStorage()
    const { snapshot } = this
    if (snapshot !== undefined) {
      const { confState } = snapshot.metadata
      const index = this.#firstIndex - 1
      // The log may reach back before the snapshot: first its own beginning, then the snapshot on top.
      storage.applySnapshot({ metadata: { index, term: this.#compactedTerm, confState }, data: snapshot.data })
      storage.append(this.#entries)
      if (snapshot.metadata.index > index) storage.createSnapshot(snapshot.metadata.index, confState, snapshot.data)
    } else storage.append(this.#entries)
    storage.setHardState(this.hardState)
    return storage
  }

  #append(entry: Entry): void {
    if (entry.index < this.#firstIndex) return
    if (entry.index > this.lastIndex + 1)
      throw new Violation('logs have no gaps', `entry ${entry.index} was written after ${this.lastIndex}`)
    this.#entries.length = entry.index - this.#firstIndex
    this.#entries.push(entry)
  }

  #restore(snapshot: Snapshot, hardState: HardState | undefined): void {
    this.snapshot = snapshot
    this.#entries = []
    this.#firstIndex = snapshot.metadata.index + 1
    this.#compactedTerm = snapshot.metadata.term
    const state = hardState ?? this.hardState
    this.hardState = { ...state, commit: Math.max(state.commit, snapshot.metadata.index) }
  }
}
