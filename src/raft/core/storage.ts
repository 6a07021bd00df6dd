/**
 * The port through which the core reads what is stable: hard state, log, snapshot. Unlike the log of log.ts it knows
 * nothing of what is still to be written; the core never writes through it, for writing is an effect of Ready.
 *
 * A read that cannot be served is a word, not an error: 'compacted' for what a snapshot has replaced, 'unavailable' for
 * what is not there (yet). Anything else that goes wrong may throw, and the member must then not go on. The contract is
 * that of etcd-io/raft's Storage.
 */
import type { ConfState, Entry, HardState, Snapshot } from './message.ts'

export type Compacted = 'compacted'
export type Unavailable = 'unavailable'

export interface Storage {
  /**
   * What was kept of the last life: hard state, and the configuration at the index that is given as `applied`; without it,
   * that of the snapshot, and changes behind it are applied again.
   */
  initialState(): { readonly hardState: HardState; readonly confState: ConfState }
  /**
   * Entries of [lo, hi), at least one and otherwise as many as encode to `maxBytes`. The array belongs to the caller, the
   * entries to both.
   */
  entries(lo: number, hi: number, maxBytes: number): Entry[] | Compacted | Unavailable
  /** The term of an entry of [firstIndex - 1, lastIndex]; the one before the first is kept for matching. */
  term(index: number): number | Compacted | Unavailable
  /** The first index that `entries` can still give; 1 in a new log. */
  firstIndex(): number
  /** The last index that is stable; `firstIndex() - 1` when there is none. */
  lastIndex(): number
  /**
   * The newest snapshot, of an index from `firstIndex() - 1` on, so that the log goes on from it; 'unavailable' while one is being made:
   * the core asks again.
   */
  snapshot(): Snapshot | Unavailable
}
