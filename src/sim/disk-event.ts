/**
 * DiskEvent: what happens on a simulated disk, as data, for traces and counters. The disk tells each event at the moment of
 * it, through `observe`; what an observer does has no way back.
 */
import type { Fates } from './disk-image.ts'

export type DiskOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'list'
  | 'remove'
  | 'rename'
  | 'makeFolder'
  | 'syncFolder'

export type DiskEvent =
  /** One operation has ended. `bytes`: read or written, or the size that a truncation asked for. */
  | {
      readonly type: 'operation'
      readonly operation: DiskOperation
      readonly path: string
      readonly outcome: 'done' | 'missing' | 'full' | 'failed'
      readonly offset?: number
      readonly bytes?: number
    }
  /** A sync failed: what became of what it was to make durable. */
  | ({ readonly type: 'sync-failed'; readonly path: string } & Readonly<Fates>)
  /** A file that was opened again after a failed sync shows what is on the platter, no longer what was in the cache. */
  | { readonly type: 'evicted'; readonly path: string }
  | { readonly type: 'misdirected'; readonly path: string; readonly offset: number; readonly landed: number }
  | { readonly type: 'flipped'; readonly path: string; readonly offset: number; readonly bit: number }
  /** Power was lost: what became of unsynced writes, and of unsynced changes of names. */
  | ({ readonly type: 'crashed'; readonly namesLost: number; readonly namesKept: number } & Readonly<Fates>)
