/** What the verification of a journal finds. Types only, as data that crosses a thread. */

export type FindingKind =
  /** An event is not what was appended. */
  | 'checksum'
  /**
   * An event has no checksum though one before it has: it is readable, and nobody can say more. No fault where events from
   * before there were checksums were archived and restored, since those have one now.
   */
  | 'unchecked'
  /** An event from before there were checksums cannot be read, or a column has no sense. */
  | 'unreadable'
  /** A version inside a stream is missing. */
  | 'gap'
  /** The end of a stream, or of the journal, is missing. */
  | 'tail'
  /** Positions do not rise with versions, or the positions and the versions of all streams do not add up. */
  | 'order'
  /** What is known of a stream makes no sense, or an event has none. */
  | 'stream'
  /** What is known of an idempotency key makes no sense. */
  | 'key'
  /** SQLite itself finds a page or an index damaged. */
  | 'page'
  /** The log that SQLite has not folded into the file is damaged: what comes after is not read. */
  | 'log'
  /** The log ends within a frame. No fault after a crash, which broke off a write that nobody was told of. */
  | 'torn'
  /** Events below the first version of their stream: erased, and still in the file. No fault after a truncation that a crash cut off. */
  | 'leftover'

export interface Found {
  readonly kind: FindingKind
  /** Empty where none is meant. */
  readonly stream: string
  /** 0 where none is meant. */
  readonly version: number
  /** 0 where none is meant. */
  readonly position: number
  readonly message: string
}
