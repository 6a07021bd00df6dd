/**
 * Writer: the owner of a data folder and of its one write connection. Unlike the Store it is synchronous and stands in the
 * worker thread, where a sync may block; it neither queues nor knows who waits.
 *
 * 1. `openWriter` takes the folder's lock, opens the file, refuses what it does not know, migrates.
 * 2. `commit` runs a group of calls; after a fatal error every later call is refused.
 * 3. `close` folds the log into the file and frees the lock.
 */
import { DatabaseSync } from 'node:sqlite'
import { systemClock } from '../base/system-clock.ts'
import { Connection } from './connection.ts'
import { StoreFailed, StoreUnavailable } from './error.ts'
import { type Call, commitGroup, type Outcome } from './group.ts'
import { type FolderLock, lockFolder } from './lock.ts'
import { applicationId, migrate, refuseUnknown } from './migrate.ts'
import { databaseFile, makeDatabase, makeFolder } from './sqlite-file.ts'
import { isFatal, typedSqliteError } from './sqlite-error.ts'
import { Presence } from './sqlite-presence.ts'
import type { Schema } from './store.ts'

export interface WriterOptions {
  readonly folder: string
  readonly schemas: readonly Schema[]
  readonly nowMs: number
  readonly sizeMaxBytes: number | undefined
  readonly busyTimeoutMs: number
  readonly groupMaxMs: number
}

export interface Writer {
  /** Outcomes of the first call and of as many after it as fitted into one group. */
  commit(calls: readonly Call[]): Outcome[]
  close(): void
}

export function openWriter(options: WriterOptions): Writer {
  makeFolder(options.folder)
  const lock = lockFolder(options.folder, options.nowMs)
  let database: DatabaseSync | undefined
  const file = databaseFile(options.folder)
  try {
    makeDatabase(file, build)
    database = new DatabaseSync(file, { timeout: options.busyTimeoutMs, enableForeignKeyConstraints: true })
    refuseUnknown(database, options.schemas, file)
    configure(database, options)
    // Tables that stood in the log alone would be lost with the log, and the file would pass for one that is empty.
    if (migrate(database, options.schemas)) database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    return new SqliteWriter(new Connection(database), lock, file, options.groupMaxMs)
  } catch (thrown) {
    database?.close()
    lock.release()
    throw typedSqliteError(thrown, file)
  }
}

/** A database without tables that says whose it is. */
function build(file: string): void {
  const database = new DatabaseSync(file)
  try {
    database.exec(`PRAGMA synchronous = FULL; PRAGMA application_id = ${applicationId}; PRAGMA journal_mode = WAL`)
  } finally {
    database.close()
  }
}

/** What each setting is for; those not named keep SQLite's default. */
function configure(database: DatabaseSync, options: WriterOptions): void {
  // Readers never wait for the writer, and a commit is one sync of one file written in sequence.
  const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode']
  if (mode !== 'wal')
    throw new StoreUnavailable(options.folder, 'is on a file system without shared memory; choose a local disk')
  database.exec(`
    -- A commit returns after the sync of the log; NORMAL would lose the last commits with the machine's power.
    PRAGMA synchronous = FULL;
    -- 64 MiB: the upper levels and the recent leaves of the indexes stay in memory, so that a random key costs no read.
    PRAGMA cache_size = -65536;
    -- A page that many commits touch is written back once; at 4 KiB a page the log stays near 16 MiB. Smaller folds more
    -- often, larger makes the search of the log slower for readers and the fold longer.
    PRAGMA wal_autocheckpoint = 4096;
    -- A log that one huge commit has blown up is cut back to 64 MiB when it starts over; below that it is overwritten in
    -- place, which syncs faster than a file that grows.
    PRAGMA journal_size_limit = 67108864;
    PRAGMA temp_store = MEMORY;
    -- No mmap: a read error or a truncated file would then be a signal that kills the process, not a typed error.
    PRAGMA mmap_size = 0;
    -- The file is data: functions with side effects that somebody put into its schema do not run.
    PRAGMA trusted_schema = OFF;
  `)
  // Since Node.js 24.12; before it the database is as safe as `trusted_schema` alone makes it.
  if ('enableDefensive' in database) database.enableDefensive(true)
  const { sizeMaxBytes } = options
  if (sizeMaxBytes === undefined) return
  const pageBytes = Number(database.prepare('PRAGMA page_size').get()?.['page_size'])
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(sizeMaxBytes / pageBytes))}`)
}

class SqliteWriter implements Writer {
  readonly #connection: Connection
  readonly #lock: FolderLock
  readonly #file: string
  readonly #groupMaxMs: number
  readonly #presence: Presence
  #failure: unknown

  constructor(connection: Connection, lock: FolderLock, file: string, groupMaxMs: number) {
    this.#connection = connection
    this.#lock = lock
    this.#file = file
    this.#groupMaxMs = groupMaxMs
    this.#presence = new Presence(file, systemClock)
  }

  commit(calls: readonly Call[]): Outcome[] {
    if (this.#failure !== undefined) return this.#refuse(calls)
    const untilMs = systemClock.monotonicMs() + this.#groupMaxMs
    const outcomes = commitGroup(this.#connection, calls, {
      file: this.#file,
      enough: () => systemClock.monotonicMs() > untilMs,
    })
    for (const outcome of outcomes) if (!outcome.kept && isFatal(outcome.error)) this.#failure = outcome.error
    // A commit into a file that nobody can find again must not be acknowledged.
    if (this.#failure === undefined && this.#presence.stands()) return outcomes
    this.#failure ??= new StoreFailed(this.#file, {
      cause: new Error('the database or its log was removed or replaced while it was open'),
    })
    return this.#refuse(calls)
  }

  #refuse(calls: readonly Call[]): Outcome[] {
    const error = this.#failure
    return calls.map(() => ({ kept: false, error }))
  }

  close(): void {
    try {
      // The last connection folds the log by itself; with readers elsewhere this is not the last. Without waiting for them.
      if (this.#failure === undefined) this.#connection.database.exec('PRAGMA wal_checkpoint(PASSIVE)')
    } catch {
      // On a full disk the log stays where it is: it holds what was acknowledged as well as the file does.
    }
    this.#connection.close()
    this.#lock.release()
  }
}
