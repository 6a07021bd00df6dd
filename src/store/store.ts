/**
 * Store: what a node keeps, in one SQL database: journal, state, sagas, checkpoints. Unlike the journal it knows nothing of
 * events; unlike a database client it takes whole procedures, so that all that waits commits in one transaction with one
 * sync (group commit) and a sync never holds the event loop. Interfaces only.
 *
 * A procedure is a synchronous function over SQL statements that stands in a module of its own: the sqlite driver runs it in
 * its worker thread, so its arguments and its result must survive a structured clone, and it sees nothing but its
 * transaction. Either all its statements are kept or none. It must not be async, nor stand in the main module of the
 * program, which the worker would run again: both are refused with `base.invalid_argument`.
 *
 * What every driver promises:
 *
 * | promise | memory | sqlite |
 * | --- | --- | --- |
 * | `write` resolves | when the transaction is applied | when the transaction is synced to disk |
 * | isolation | serialisable: procedures run one after another, in the order of the calls | the same |
 * | a procedure that throws | leaves nothing; only its own call rejects | the same; it may be run twice before that |
 * | `read` sees | every write that resolved before it was called | the same |
 * | lost in a crash of the process or the machine | everything | nothing that resolved; what had not resolved may be kept or not, but whole |
 * | after a failed sync | cannot happen | `store.failed`: every later write is refused until the store is opened anew |
 *
 * A number is bound as a double, which a column declared INTEGER turns into an integer; integers come back as numbers. A
 * `bigint` may be bound, up to 64 bits, but a statement that reads an integer beyond the safe ones throws
 * `store.integer_unsafe`: what must be larger is kept as TEXT or as a BLOB.
 *
 * What a procedure throws comes back by its content, not by its class, on every driver: an error of the house keeps its
 * code, message and fields, so branch on `code`, not on `instanceof`. An expected refusal is better a result: it costs
 * no rollback. Of a procedure that throws before it asks for a statement that writes, the rollback costs nothing either.
 */
export type SqlValue = null | number | bigint | string | Uint8Array
export type Row = Record<string, SqlValue>

/** A prepared statement; the driver keeps it for the life of the connection. */
export interface Statement {
  run(...values: SqlValue[]): { readonly changes: number; readonly lastInsertRowid: number }
  get(...values: SqlValue[]): Row | undefined
  all(...values: SqlValue[]): Row[]
}

/**
 * What a procedure sees: statements inside its transaction. Not to be kept after the procedure returns. One statement a
 * text, and only those that read or change tables: `BEGIN`, `COMMIT`, `PRAGMA` and their like are refused.
 */
export interface Transaction {
  sql(text: string): Statement
}

/** The reference to a procedure: the module that exports it, and its name there. */
export interface Procedure<Args, Result> {
  /** `import.meta.url` of the module. */
  readonly module: string
  /** The name there of this procedure, or of a function `(transaction, args) => result`. */
  readonly name: string
  readonly run: (transaction: Transaction, args: Args) => Result
}

/** A procedure with its arguments; `storeCall` makes one whose types fit. */
export interface StoreCall {
  readonly procedure: Procedure<never, unknown>
  readonly args: unknown
}

/** One room's tables: the steps that make them, in order. A step once released is never changed. */
export interface Schema {
  /** The room, and the prefix of its tables: `journal`. */
  readonly room: string
  /** SQL of each version: the first makes version 1. */
  readonly migrations: readonly string[]
}

/** Counts since the store was opened. */
export interface StoreStats {
  /** Transactions kept; each may hold several writes. */
  readonly commits: number
  /** Calls of `write` that resolved. */
  readonly writes: number
  /** Calls of `write` that were taken and rejected. */
  readonly failures: number
}

export interface BackupProgress {
  /** Of the copy, so far. */
  readonly bytes: number
  /** About what it will have: free pages and a log are not told apart. */
  readonly totalBytes: number
}

export interface BackupOptions {
  /** Called some times a second. */
  readonly onProgress?: (progress: BackupProgress) => void
  /** Rejects with `base.aborted`; nothing is left, or a whole backup where it came in the last moment. */
  readonly signal?: AbortSignal
}

export interface LogFault {
  /** `torn`: at the very end, as a crash leaves it. `broken`: something comes after it that cannot be read. */
  readonly kind: 'broken' | 'torn'
  readonly message: string
}

export interface Store extends AsyncDisposable {
  /** Of the driver: `memory`, `sqlite`. */
  readonly driver: string
  /** False: nothing survives the process. A call that needs durability is refused by its room. */
  readonly durable: boolean
  readonly readonly: boolean
  /**
   * Runs the procedure in a transaction. The arguments must not be changed until the promise settles. Rejects with what
   * the procedure threw, or `store.constraint`, `store.sql`, `store.readonly`, `store.full`, `store.busy`, `store.failed`,
   * `store.corrupt`, `store.backlog_full`, `store.closed`; with `base.invalid_argument` when the arguments cannot be cloned
   * (nothing was done) or the result cannot be (the write was kept).
   */
  write<Args, Result>(procedure: Procedure<Args, Result>, args: Args): Promise<Result>
  /**
   * Runs procedures one after another in one transaction: all of it is kept, or nothing when one of them throws. Resolves
   * with their results in order; rejects as `write` does. A result that is a refusal is a result: those after it run.
   */
  writeTogether(calls: readonly StoreCall[]): Promise<readonly unknown[]>
  /**
   * Runs the procedure on a snapshot, outside the queue of the writes. Its work must be bounded (a page, not a table): it
   * may run on the caller's thread.
   */
  read<Args, Result>(procedure: Procedure<Args, Result>, args: Args): Promise<Result>
  /**
   * Resolves at the next commit by anyone, this process or another; may wake without one. Rejects with `base.aborted` or
   * `store.closed`. Only commits after the call count, so a follower calls it first, then reads, and waits if there was
   * nothing: in that order no commit is missed. A promise that nobody awaits does no harm.
   */
  changed(signal?: AbortSignal): Promise<void>
  /**
   * Makes a data folder that holds all that was kept when the call came, and opens as this one does; writes go on meanwhile.
   * The folder must not be there, the one above it must. It appears when it is whole and synced: a crash leaves none. Rejects
   * with `store.unavailable`, `store.full`, `store.corrupt`, `store.busy`, `base.aborted`, `store.closed`.
   */
  backup(folder: string, options?: BackupOptions): Promise<void>
  /**
   * What the driver finds wrong with what it stands on, pages and indexes, in its own words; none when all is well. It reads
   * everything, and writes go on meanwhile. Rejects with `base.aborted`, `store.closed`.
   */
  check(options?: { readonly signal?: AbortSignal }): Promise<readonly string[]>
  /**
   * What is wrong with the log of what was written last, which a driver leaves out without a word; for one that does not
   * write and has a log. Rejects with `base.aborted`, `store.closed`, `store.unavailable`.
   */
  checkLog?(options?: { readonly signal?: AbortSignal }): Promise<readonly LogFault[]>
  readonly stats: StoreStats
  /** Lets a backup under way finish. Finishes the writes that were accepted, then frees the folder. Idempotent. */
  close(): Promise<void>
}
