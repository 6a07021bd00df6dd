/**
 * What the records of a member's log come to, one after the other. Unlike the log it writes nothing; it is how a log is opened,
 * and how a folder is looked at. It takes a log whose oldest records are gone, since whole segments are removed, and judges
 * only what is left at the end.
 */
import { MemoryStorage } from './core/memory-storage.ts'
import { type Entry, type HardState, type Snapshot, emptyConfState, emptyHardState } from './core/message.ts'
import type { Compaction, MemberRecord } from './log-codec.ts'
import type { LogIdentity } from './log-store.ts'

/** Which entries a segment may hold: nothing above `lastIndex`. */
export interface SegmentRange {
  readonly segment: number
  readonly lastIndex: number
}

export interface Replayed {
  readonly identity: LogIdentity
  /** As it was kept; its commit lies within the log. */
  readonly hardState: HardState
  readonly snapshot: Snapshot | undefined
  readonly compaction: Compaction
  readonly entries: readonly Entry[]
  readonly ranges: readonly SegmentRange[]
}

/** Notes that entries up to `lastIndex` stand in a segment. */
export function noteRange(ranges: SegmentRange[], segment: number, lastIndex: number): void {
  const last = ranges.at(-1)
  if (last?.segment !== segment) ranges.push({ segment, lastIndex })
  else if (last.lastIndex < lastIndex) ranges[ranges.length - 1] = { segment, lastIndex }
}

export class LogReplay {
  #identity: LogIdentity | undefined
  #hardState: HardState = emptyHardState
  #snapshot: Snapshot | undefined
  #compaction: Compaction = { index: 0, term: 0 }
  #entries: Entry[] = []
  readonly #ranges: SegmentRange[] = []

  /** What is wrong with the record where it stands, if anything is. */
  take(record: MemberRecord, segment: number): string | undefined {
    switch (record.type) {
      case 'identity': {
        const known = this.#identity
        this.#identity = record.identity
        return known === undefined || known.token === record.identity.token
          ? undefined
          : 'the member has two identities'
      }
      case 'hard-state':
        this.#hardState = record.hardState
        return undefined
      case 'entry':
        noteRange(this.#ranges, segment, record.entry.index)
        return this.#append(record.entry)
      case 'installed':
        this.#entries = []
        this.#compaction = { index: record.snapshot.metadata.index, term: record.snapshot.metadata.term }
        this.#snapshot = record.snapshot
        return undefined
      case 'made':
        this.#snapshot = record.snapshot
        return undefined
      case 'compacted':
      default:
        this.#compact(record.compaction)
        return undefined
    }
  }

  /** Entries that are compacted already may come once more, at the start of what replaces others. */
  #append(entry: Entry): string | undefined {
    if (entry.index <= this.#compaction.index) return undefined
    const first = this.#entries[0]
    const at = first === undefined ? 0 : entry.index - first.index
    if (at > this.#entries.length) return `entry ${entry.index} leaves a gap before it`
    this.#entries.length = Math.max(at, 0)
    this.#entries.push(entry)
    return undefined
  }

  #compact(compaction: Compaction): void {
    if (compaction.index <= this.#compaction.index) return
    this.#compaction = compaction
    const [first] = this.#entries
    if (first !== undefined) this.#entries.splice(0, Math.max(0, compaction.index + 1 - first.index))
  }

  /** The whole, or what is wrong with it. */
  result(): Replayed | string {
    if (this.#identity === undefined) return 'the member has no identity'
    const first = this.#entries[0]?.index
    const { index, term } = this.#compaction
    if (first !== undefined && first !== index + 1)
      return `the entries begin with ${first} and are needed from ${index + 1}`
    const last = index + this.#entries.length
    const kept = this.#snapshot
    if (index > 0 && (kept === undefined || kept.metadata.index < index))
      return `there is no snapshot of what is compacted up to ${index}`
    if (kept !== undefined && kept.metadata.index > last)
      return `the snapshot at ${kept.metadata.index} is beyond the log`
    if (kept !== undefined && termAt(kept.metadata.index, index, term, this.#entries) !== kept.metadata.term)
      return `the snapshot at ${kept.metadata.index} is of another term than its entry`
    // A commit beyond the log was never acknowledged, and below the compaction all is committed.
    const commit = Math.min(Math.max(this.#hardState.commit, index), last)
    return {
      identity: this.#identity,
      hardState: { ...this.#hardState, commit },
      snapshot: kept,
      compaction: this.#compaction,
      entries: this.#entries,
      ranges: this.#ranges,
    }
  }
}

function termAt(index: number, base: number, baseTerm: number, entries: readonly Entry[]): number | undefined {
  return index === base ? baseTerm : entries[index - base - 1]?.term
}

/** What the core reads, with all that was replayed in it. */
export function storageOf({ hardState, snapshot, compaction, entries }: Replayed): MemoryStorage {
  const storage = new MemoryStorage()
  const { index, term } = compaction
  if (snapshot?.metadata.index === index) storage.applySnapshot(snapshot)
  else if (index > 0) storage.applySnapshot({ metadata: { index, term, confState: emptyConfState } })
  storage.append(entries)
  if (snapshot !== undefined && snapshot.metadata.index > index)
    storage.createSnapshot(snapshot.metadata.index, snapshot.metadata.confState, snapshot.data)
  storage.setHardState(hardState)
  return storage
}
