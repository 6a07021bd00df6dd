/**
 * The part of the log that the storage does not have yet: entries and at most one snapshot, from the moment the core takes
 * them until it hears that they are stable. What was handed out to be written is in progress: it is not handed out again
 * and still read from here. It decides nothing; log.ts asks and tells it.
 *
 * The entry at position i has the index `offset + i`. `offset` may be below the storage's last index: the next write then
 * truncates the storage.
 */
import { BrokenInvariant } from '../error.ts'
import type { Entry, Snapshot } from './message.ts'
import { sliceWithin } from './wire-size.ts'

export class Unstable {
  snapshot: Snapshot | undefined
  snapshotInProgress = false
  entries: Entry[] = []
  offset: number
  /** The index after the last entry in progress; never below `offset`. */
  offsetInProgress: number

  constructor(offset: number) {
    this.offset = offset
    this.offsetInProgress = offset
  }

  lastIndex(): number | undefined {
    if (this.entries.length > 0) return this.offset + this.entries.length - 1
    return this.snapshot?.metadata.index
  }

  term(index: number): number | undefined {
    if (index >= this.offset) return this.entries[index - this.offset]?.term
    const metadata = this.snapshot?.metadata
    return metadata?.index === index ? metadata.term : undefined
  }

  hasNextEntries(): boolean {
    return this.entries.length > this.offsetInProgress - this.offset
  }

  /** What is to be written and not in progress; the array is the caller's. */
  nextEntries(): Entry[] {
    return this.hasNextEntries() ? this.entries.slice(this.offsetInProgress - this.offset) : []
  }

  nextSnapshot(): Snapshot | undefined {
    return this.snapshotInProgress ? undefined : this.snapshot
  }

  /** All that is here has been handed out. */
  acceptInProgress(): void {
    this.offsetInProgress = this.offset + this.entries.length
    if (this.snapshot !== undefined) this.snapshotInProgress = true
  }

  /**
   * The entries up to this one are stable, and no write in progress will overwrite them. Returns false, and keeps all, when
   * the entry here is another one: it was replaced while the old one was written.
   */
  stableTo(index: number, term: number): boolean {
    if (index < this.offset || this.term(index) !== term) return false
    this.entries = this.entries.slice(index + 1 - this.offset)
    this.offset = index + 1
    this.offsetInProgress = Math.max(this.offsetInProgress, this.offset)
    return true
  }

  stableSnapshotTo(index: number): void {
    if (this.snapshot?.metadata.index !== index) return
    this.snapshot = undefined
    this.snapshotInProgress = false
  }

  restore(snapshot: Snapshot): void {
    this.offset = snapshot.metadata.index + 1
    this.offsetInProgress = this.offset
    this.entries = []
    this.snapshot = snapshot
    this.snapshotInProgress = false
  }

  /** Appends; what stands at the index of the first new entry, and all behind it, gives way. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const from = entries[0]!.index
    if (from <= this.offset && from !== this.offset + this.entries.length) {
      this.entries = [...entries]
      this.offset = from
      this.offsetInProgress = from
      return
    }
    const keep = from - this.offset
    if (keep > this.entries.length)
      throw new BrokenInvariant(`entries from ${from} leave a gap after ${this.offset + this.entries.length - 1}`)
    this.entries.length = keep
    for (const entry of entries) this.entries.push(entry)
    // Only what was in progress before the cut still is.
    this.offsetInProgress = Math.min(this.offsetInProgress, from)
  }

  /** Entries of [lo, hi), which must all be here, at least one and otherwise as many as `maxBytes` allows; the array is the caller's. */
  slice(lo: number, hi: number, maxBytes: number): Entry[] {
    const end = this.offset + this.entries.length
    if (lo > hi || lo < this.offset || hi > end)
      throw new BrokenInvariant(`unstable entries [${lo}, ${hi}) were asked of [${this.offset}, ${end})`)
    return sliceWithin(this.entries, lo - this.offset, hi - this.offset, maxBytes)
  }
}
