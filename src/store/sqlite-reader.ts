/**
 * Reader: snapshots of a database for the calling thread. Unlike the writer it needs no lock and changes nothing, not even
 * the folder: SQLite would leave a log behind when it opens a database that was closed cleanly, so as long as there is no
 * log the file is read as it stands, and a snapshot counts only if nobody began to write meanwhile.
 */
import { pathToFileURL } from 'node:url'
import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { Connection } from './connection.ts'
import { StoreBusy, StoreUnavailable } from './error.ts'
import { fingerprintOf, identityOf, logFile, refuseEmpty } from './sqlite-file.ts'
import { typedSqliteError } from './sqlite-error.ts'
import type { Procedure } from './store.ts'

export interface ReaderOptions {
  readonly file: string
  readonly busyTimeoutMs: number
  /** Run on each new connection before its first snapshot; throws to refuse the database. */
  readonly check: (database: DatabaseSync) => void
}

/** How often a snapshot is tried while writers come and go. Each try after the first means that one came or went. */
const triesMax = 8

export class Reader {
  readonly #options: ReaderOptions
  #connection: Connection | undefined
  /** Of the file as it was opened without a log; undefined while there is a log. */
  #quiet: string | undefined
  #identity: string | undefined
  #openings = 0

  constructor(options: ReaderOptions) {
    this.#options = options
    this.#attempt(() => this.#current())
  }

  read<Args, Result>(run: Procedure<Args, Result>['run'], args: Args): Result {
    return this.#attempt((connection) => connection.snapshot(run, args))
  }

  /** Differs from an earlier value if somebody committed in between. */
  version(): string {
    return this.#attempt((connection) => {
      const row = connection.database.prepare('PRAGMA data_version').get()
      return this.#quiet ?? `${this.#openings}.${String(row?.['data_version'])}`
    })
  }

  close(): void {
    this.#connection?.close()
    this.#connection = undefined
  }

  #attempt<Result>(work: (connection: Connection) => Result): Result {
    for (let tries = 0; tries < triesMax; tries++) {
      try {
        const result = work(this.#current())
        if (this.#stands()) return result
      } catch (thrown) {
        // What a snapshot showed that did not stand says nothing about the database.
        if (this.#stands()) throw typedSqliteError(thrown, this.#options.file)
      }
      this.close()
    }
    throw new StoreBusy(this.#options.file)
  }

  /** True unless the file was read without a log and has changed, or has a log now. */
  #stands(): boolean {
    if (this.#quiet === undefined) return true
    return this.#quiet === this.#fingerprint()
  }

  #fingerprint(): string | undefined {
    const { file } = this.#options
    return existsSync(logFile(file)) ? undefined : fingerprintOf(file)
  }

  #current(): Connection {
    const { file, busyTimeoutMs, check } = this.#options
    const identity = identityOf(file)
    if (this.#connection && identity === this.#identity && this.#stands()) return this.#connection
    this.close()
    if (identity === undefined)
      throw new StoreUnavailable(file, 'does not exist; open the folder for writing to make it, or look for another')
    refuseEmpty(file)
    this.#identity = identity
    this.#openings++
    this.#quiet = this.#fingerprint()
    const url = pathToFileURL(file)
    if (this.#quiet !== undefined) url.searchParams.set('immutable', '1')
    const database = new DatabaseSync(url, { readOnly: true, timeout: busyTimeoutMs })
    try {
      // 16 MiB: the pages that a follower reads again and again. No mmap, for the writer's reason.
      database.exec(
        'PRAGMA cache_size = -16384; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF',
      )
      check(database)
      this.#connection = new Connection(database)
    } catch (error) {
      database.close()
      throw error
    }
    return this.#connection
  }
}
