/**
 * Progress: what a leader knows of one member's log, and how it may send to it. It is a small state machine (probe,
 * replicate, snapshot) whose moves the leader calls for; unlike the tracker it knows one member only. It never sends, and
 * reads no log. The rules are those of etcd-io/raft (its tracker and design pages), which extend `nextIndex` and
 * `matchIndex` of the paper's figure 2 by flow control.
 */
import { invariant } from './invariant.ts'
import type { Inflights } from './inflights.ts'

/**
 * Probe: one append at a time, until it is known where the logs agree. Replicate: appends follow each other without
 * waiting, as far as the inflights allow. Snapshot: nothing is appended until the snapshot has arrived or failed.
 */
export type ProgressState = 'StateProbe' | 'StateReplicate' | 'StateSnapshot'

export class Progress {
  /** Up to here the member's log is known to equal the leader's. */
  match: number
  /** The next entry to send. Those between `match` and it are under way. Always above `match`. */
  next: number
  state: ProgressState = 'StateProbe'
  /** The last index of the snapshot that was sent; 0 outside the snapshot state. */
  pendingSnapshot = 0
  /** Whether the member was heard of since the last check of the quorum. */
  recentActive = false
  /** No append is sent until an answer comes or a heartbeat is answered. */
  msgAppFlowPaused = false
  readonly inflights: Inflights
  isLearner: boolean
  /** The highest commit index that was sent; it goes back when what was sent is likely lost. */
  #sentCommit = 0

  constructor(match: number, next: number, inflights: Inflights, isLearner = false) {
    this.match = match
    this.next = next
    this.inflights = inflights
    this.isLearner = isLearner
  }

  get sentCommit(): number {
    return this.#sentCommit
  }

  /** A copy that shares the inflights: what a change of the configuration works on until it is known to be valid. */
  copy(): Progress {
    const copy = new Progress(this.match, this.next, this.inflights, this.isLearner)
    copy.state = this.state
    copy.pendingSnapshot = this.pendingSnapshot
    copy.recentActive = this.recentActive
    copy.msgAppFlowPaused = this.msgAppFlowPaused
    copy.#sentCommit = this.#sentCommit
    return copy
  }

  /** As at the beginning of a term: nothing is known, nothing is under way. */
  restart(match: number, next: number): void {
    this.match = match
    this.next = next
    this.#enter('StateProbe')
    this.recentActive = false
    this.#sentCommit = 0
  }

  /** After a snapshot the probe begins behind it: if it was sent in vain, the first answer says so. */
  becomeProbe(): void {
    const from = this.state === 'StateSnapshot' ? this.pendingSnapshot : 0
    this.#enter('StateProbe')
    this.next = Math.max(this.match, from) + 1
    this.#lowerSentCommit()
  }

  becomeReplicate(): void {
    this.#enter('StateReplicate')
    this.next = this.match + 1
  }

  becomeSnapshot(snapshotIndex: number): void {
    this.#enter('StateSnapshot')
    this.pendingSnapshot = snapshotIndex
    this.next = snapshotIndex + 1
    this.#sentCommit = snapshotIndex
  }

  /** So many entries from `next` on left in one append; in the replicate state the next one follows them without waiting. */
  sentEntries(entries: number, bytes: number): void {
    invariant(this.state !== 'StateSnapshot', 'entries are sent to a member that waits for a snapshot')
    if (this.state === 'StateProbe') {
      if (entries > 0) this.msgAppFlowPaused = true
      return
    }
    if (entries > 0) {
      this.next += entries
      this.inflights.add(this.next - 1, bytes)
    }
    // An append that fills the window, or is sent although it is full, is a probe: one of them, then silence.
    this.msgAppFlowPaused = this.inflights.full
  }

  /** Whether sending this commit index could move the member's; up to `next - 1` it can know what is committed. */
  canBumpCommit(commit: number): boolean {
    return commit > this.#sentCommit && this.#sentCommit < this.next - 1
  }

  sentCommitTo(commit: number): void {
    this.#sentCommit = commit
  }

  /** The member has everything up to this index. False when that was known: the message is old. */
  maybeUpdate(index: number): boolean {
    if (index <= this.match) return false
    this.match = index
    this.next = Math.max(this.next, index + 1)
    this.msgAppFlowPaused = false
    return true
  }

  /**
   * The member refused the append behind `rejected`; its log may agree up to `matchHint`. False when the refusal is known to be
   * old: of an index that it acknowledged since, or, while probing, not of the probe that is under way.
   */
  maybeDecreaseTo(rejected: number, matchHint: number): boolean {
    if (this.state === 'StateReplicate') {
      if (rejected <= this.match) return false
      this.next = this.match + 1
      this.#lowerSentCommit()
      return true
    }
    if (this.next - 1 !== rejected) return false
    this.next = Math.max(Math.min(rejected, matchHint + 1), this.match + 1)
    this.#lowerSentCommit()
    this.msgAppFlowPaused = false
    return true
  }

  /** Whether appends with entries are held back. */
  get isPaused(): boolean {
    return this.state === 'StateSnapshot' || this.msgAppFlowPaused
  }

  /** As etcd prints it: `StateReplicate match=11 next=14 inflight=2`. */
  toString(): string {
    let text = `${this.state} match=${this.match} next=${this.next}`
    if (this.isLearner) text += ' learner'
    if (this.isPaused) text += ' paused'
    if (this.pendingSnapshot > 0) text += ` pendingSnap=${this.pendingSnapshot}`
    if (!this.recentActive) text += ' inactive'
    if (this.inflights.count > 0) text += ` inflight=${this.inflights.count}${this.inflights.full ? '[full]' : ''}`
    return text
  }

  #enter(state: ProgressState): void {
    this.msgAppFlowPaused = false
    this.pendingSnapshot = 0
    this.state = state
    this.inflights.reset()
  }

  #lowerSentCommit(): void {
    this.#sentCommit = Math.min(this.#sentCommit, this.next - 1)
  }
}
