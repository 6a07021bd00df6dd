/**
 * The log as the machine sees it: stable entries of the storage, unstable ones over them, and three marks: committed,
 * applying (handed out to be applied) and applied. It keeps the marks in order (applied <= applying <= committed <= last)
 * and never moves one back; who may move them is decided by the machine. The behaviour is that of etcd-io/raft's raftLog.
 */
import { BrokenInvariant } from '../error.ts'
import type { Entry, Snapshot } from './message.ts'
import type { Compacted, Storage, Unavailable } from './storage.ts'
import { Unstable } from './unstable.ts'
import { limitBytes } from './wire-size.ts'

export class RaftLog {
  readonly storage: Storage
  readonly unstable: Unstable
  /** The highest index known to be stable at a quorum. */
  committed: number
  /** The highest index handed out to be applied. */
  applying: number
  /** The highest index known to be applied. */
  applied: number
  /** Bytes of entries that may be handed out without being known as applied. */
  readonly maxApplyingBytes: number
  #applyingBytes = 0
  #applyingPaused = false

  constructor(storage: Storage, maxApplyingBytes: number = Infinity) {
    this.storage = storage
    this.maxApplyingBytes = maxApplyingBytes
    const compacted = storage.firstIndex() - 1
    this.unstable = new Unstable(storage.lastIndex() + 1)
    this.committed = compacted
    this.applying = compacted
    this.applied = compacted
  }

  firstIndex(): number {
    const snapshot = this.unstable.snapshot
    return snapshot === undefined ? this.storage.firstIndex() : snapshot.metadata.index + 1
  }

  lastIndex(): number {
    return this.unstable.lastIndex() ?? this.storage.lastIndex()
  }

  lastTerm(): number {
    const term = this.term(this.lastIndex())
    if (typeof term !== 'number') throw new BrokenInvariant(`the term of the last entry ${this.lastIndex()} is ${term}`)
    return term
  }

  term(index: number): number | Compacted | Unavailable {
    // What is unstable is known to be in range, and spares the storage a question.
    const unstable = this.unstable.term(index)
    if (unstable !== undefined) return unstable
    // The term before the first index is kept, for matching.
    if (index + 1 < this.firstIndex()) return 'compacted'
    if (index > this.lastIndex()) return 'unavailable'
    return this.storage.term(index)
  }

  /** The term of an entry; 0, which no entry has, when it is not known. */
  termOrZero(index: number): number {
    const term = this.term(index)
    return typeof term === 'number' ? term : 0
  }

  matches(index: number, term: number): boolean {
    return this.term(index) === term
  }

  /** Section 5.4.1: the later last term wins; with equal ones the longer log. A log as good as ours is up to date. */
  isUpToDate(index: number, term: number): boolean {
    const ownTerm = this.lastTerm()
    return term > ownTerm || (term === ownTerm && index >= this.lastIndex())
  }

  /**
   * The append of a follower (section 5.3): false when the entry before the new ones does not match; else conflicting
   * entries give way, new ones are appended, and `committed` follows the leader's as far as the logs are known to agree.
   */
  maybeAppend(prevIndex: number, prevTerm: number, leaderCommit: number, entries: readonly Entry[]): boolean {
    if (!this.matches(prevIndex, prevTerm)) return false
    const conflict = this.findConflict(entries)
    if (conflict !== 0) {
      if (conflict <= this.committed)
        throw new BrokenInvariant(`entry ${conflict} conflicts with a committed one; committed is ${this.committed}`)
      this.append(conflict === prevIndex + 1 ? entries : entries.slice(conflict - prevIndex - 1))
    }
    this.commitTo(Math.min(leaderCommit, prevIndex + entries.length))
    return true
  }

  append(entries: readonly Entry[]): number {
    const [head] = entries
    if (head === undefined) return this.lastIndex()
    if (head.index - 1 < this.committed)
      throw new BrokenInvariant(
        `an append at ${head.index} would replace a committed entry; committed is ${this.committed}`,
      )
    this.unstable.truncateAndAppend(entries)
    return this.lastIndex()
  }

  /** The index of the first entry that is not in the log as given: a conflict or a new one; 0 when all are there. */
  findConflict(entries: readonly Entry[]): number {
    for (const { index, term } of entries) if (!this.matches(index, term)) return index
    return 0
  }

  /**
   * A guess where another log, of which one entry is known, agrees with this one: the greatest index up to `index` whose
   * term is at most `term`, or is not known. With it one refusal skips all entries of too high a term, at either side.
   */
  findConflictByTerm(index: number, term: number): { readonly index: number; readonly term: number } {
    for (let at = index; at > 0; at--) {
      const own = this.term(at)
      if (typeof own !== 'number') return { index: at, term: 0 }
      if (own <= term) return { index: at, term: own }
    }
    return { index: 0, term: 0 }
  }

  hasNextOrInProgressUnstable(): boolean {
    return this.unstable.entries.length > 0
  }

  hasNextOrInProgressSnapshot(): boolean {
    return this.unstable.snapshot !== undefined
  }

  /** Whether `nextCommitted` would give anything. */
  hasNextCommitted(allowUnstable: boolean): boolean {
    // With a snapshot to apply no entries are given: what comes first would be doubtful.
    if (this.#applyingPaused || this.hasNextOrInProgressSnapshot()) return false
    return this.applying < this.#maxAppliable(allowUnstable)
  }

  /** Committed entries to apply, as the bytes still free allow; those not yet stable here only if `allowUnstable`. */
  nextCommitted(allowUnstable: boolean): Entry[] {
    if (!this.hasNextCommitted(allowUnstable)) return []
    const room = this.maxApplyingBytes - this.#applyingBytes
    if (room <= 0) throw new BrokenInvariant(`no bytes are free to apply entries and applying is not paused`)
    const entries = this.slice(this.applying + 1, this.#maxAppliable(allowUnstable) + 1, room)
    if (entries === 'compacted') throw new BrokenInvariant(`entry ${this.applying + 1} is to be applied and compacted`)
    return entries
  }

  acceptApplying(index: number, bytes: number, allowUnstable: boolean): void {
    if (index > this.committed) throw new BrokenInvariant(`applying ${index} is beyond the committed ${this.committed}`)
    this.applying = index
    this.#applyingBytes += bytes
    // Also when the last slice was cut short by the limit: the next entry would not fit.
    this.#applyingPaused = this.#applyingBytes >= this.maxApplyingBytes || index < this.#maxAppliable(allowUnstable)
  }

  appliedTo(index: number, bytes: number): void {
    if (index > this.committed || index < this.applied)
      throw new BrokenInvariant(`applied ${index} is outside [${this.applied}, ${this.committed}]`)
    this.applied = index
    this.applying = Math.max(this.applying, index)
    this.#applyingBytes = Math.max(0, this.#applyingBytes - bytes)
    this.#applyingPaused = this.#applyingBytes >= this.maxApplyingBytes
  }

  commitTo(index: number): void {
    if (index <= this.committed) return
    if (index > this.lastIndex())
      throw new BrokenInvariant(
        `commit ${index} is beyond the last entry ${this.lastIndex()}; the log was truncated, damaged or lost`,
      )
    this.committed = index
  }

  /** Commits up to an entry if it is of the given term (section 5.4.2: never by counting for entries of earlier terms). */
  maybeCommit(index: number, term: number): boolean {
    if (index <= this.committed || term === 0 || this.termOrZero(index) !== term) return false
    this.commitTo(index)
    return true
  }

  snapshot(): Snapshot | Unavailable {
    return this.unstable.snapshot ?? this.storage.snapshot()
  }

  restore(snapshot: Snapshot): void {
    this.committed = snapshot.metadata.index
    this.unstable.restore(snapshot)
  }

  /** Entries from an index on, none when the log ends before it. */
  entriesFrom(index: number, maxBytes: number): Entry[] | Compacted {
    const last = this.lastIndex()
    return index > last ? [] : this.slice(index, last + 1, maxBytes)
  }

  /** Entries of [lo, hi), at least one and otherwise as many as `maxBytes` allows. */
  slice(lo: number, hi: number, maxBytes: number): Entry[] | Compacted {
    if (lo < this.firstIndex()) return 'compacted'
    if (lo > hi || hi > this.lastIndex() + 1)
      throw new BrokenInvariant(`entries [${lo}, ${hi}) were asked of a log that ends at ${this.lastIndex()}`)
    if (lo === hi) return []
    const { offset } = this.unstable
    if (lo >= offset) return this.unstable.slice(lo, hi, maxBytes)
    const stableEnd = Math.min(hi, offset)
    const stable = this.storage.entries(lo, stableEnd, maxBytes)
    if (stable === 'compacted') return stable
    if (stable === 'unavailable') throw new BrokenInvariant(`the storage has no entries [${lo}, ${stableEnd})`)
    if (hi <= offset || stable.length < stableEnd - lo) return stable
    for (const entry of this.unstable.slice(offset, hi, Infinity)) stable.push(entry)
    return limitBytes(stable, maxBytes)
  }

  #maxAppliable(allowUnstable: boolean): number {
    return allowUnstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1)
  }
}
