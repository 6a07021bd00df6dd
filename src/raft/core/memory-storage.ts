/**
 * A stable log in memory: the Storage of tests, simulations and examples, and the model of what a real one must do. It is
 * as durable as the process; whoever plays crashes with it keeps the object and forgets the rest.
 */
import { BrokenInvariant } from '../error.ts'
import { type ConfState, type Entry, type HardState, type Snapshot, emptyConfState, emptyHardState } from './message.ts'
import type { Compacted, Storage, Unavailable } from './storage.ts'
import { sliceWithin } from './wire-size.ts'

export type SnapshotOutOfDate = 'snapshot_out_of_date'

export class MemoryStorage implements Storage {
  #hardState: HardState = emptyHardState
  #snapshot: Snapshot = { metadata: { index: 0, term: 0, confState: emptyConfState } }
  /** The first stands for what is compacted: its index and term are known, its data is not. */
  #entries: Entry[] = [{ term: 0, index: 0, type: 'EntryNormal' }]

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#snapshot.metadata.confState }
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState
  }

  entries(lo: number, hi: number, maxBytes: number): Entry[] | Compacted | Unavailable {
    const offset = this.#offset()
    if (lo <= offset) return 'compacted'
    if (hi > this.lastIndex() + 1)
      throw new BrokenInvariant(`entries up to ${hi} were asked of a log that ends at ${this.lastIndex()}`)
    if (this.#entries.length === 1) return 'unavailable'
    return sliceWithin(this.#entries, lo - offset, hi - offset, maxBytes)
  }

  term(index: number): number | Compacted | Unavailable {
    const offset = this.#offset()
    if (index < offset) return 'compacted'
    return this.#entries[index - offset]?.term ?? 'unavailable'
  }

  firstIndex(): number {
    return this.#offset() + 1
  }

  lastIndex(): number {
    return this.#offset() + this.#entries.length - 1
  }

  snapshot(): Snapshot {
    return this.#snapshot
  }

  /** Replaces all there is by the snapshot; an older one than that of this storage changes nothing. */
  applySnapshot(snapshot: Snapshot): SnapshotOutOfDate | undefined {
    const { index } = this.#snapshot.metadata
    // A first snapshot may carry nothing but a configuration, at index and term 0.
    if (index !== 0 && index >= snapshot.metadata.index) return 'snapshot_out_of_date'
    this.#snapshot = snapshot
    this.#entries = [{ term: snapshot.metadata.term, index: snapshot.metadata.index, type: 'EntryNormal' }]
    return undefined
  }

  /**
   * Keeps a snapshot of the state at an index of this log. `confState` is what the last `applyConfChange` gave, undefined
   * when there was none since the last snapshot. The log is not compacted by it.
   */
  createSnapshot(
    index: number,
    confState: ConfState | undefined,
    data: Uint8Array | undefined,
  ): Snapshot | SnapshotOutOfDate {
    if (index <= this.#snapshot.metadata.index) return 'snapshot_out_of_date'
    const term = this.term(index)
    if (typeof term !== 'number')
      throw new BrokenInvariant(`a snapshot at ${index} is outside the log, which ends at ${this.lastIndex()}`)
    const kept = confState ?? this.#snapshot.metadata.confState
    this.#snapshot = { metadata: { index, term, confState: kept }, data }
    return this.#snapshot
  }

  /** Forgets the entries up to `index`, which must be applied. */
  compact(index: number): Compacted | undefined {
    const offset = this.#offset()
    if (index <= offset) return 'compacted'
    const last = this.#entries[index - offset]
    if (last === undefined)
      throw new BrokenInvariant(`compaction at ${index} is outside the log, which ends at ${this.lastIndex()}`)
    this.#entries = [
      { term: last.term, index: last.index, type: 'EntryNormal' },
      ...this.#entries.slice(index - offset + 1),
    ]
    return undefined
  }

  /** Appends entries without a gap; those that stand where one of them belongs give way, with all behind them. */
  append(entries: readonly Entry[]): void {
    const [head] = entries
    if (head === undefined) return
    const first = this.firstIndex()
    if (head.index + entries.length - 1 < first) return
    const fresh = first > head.index ? entries.slice(first - head.index) : entries
    const from = Math.max(head.index, first)
    const keep = from - this.#offset()
    if (keep > this.#entries.length)
      throw new BrokenInvariant(`entries from ${from} leave a gap after ${this.lastIndex()}`)
    this.#entries.length = keep
    for (const entry of fresh) this.#entries.push(entry)
  }

  #offset(): number {
    return this.#entries[0]!.index
  }
}
