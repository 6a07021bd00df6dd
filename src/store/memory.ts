/**
 * The memory driver: the same SQL engine on ':memory:', run inline on the calling thread. Unlike the sqlite driver it
 * starts no worker and keeps nothing, so that a test or a simulation is the same each time: a procedure runs within the
 * call of `write`, and its promise is settled in a microtask. Arguments, results and errors are copied as the sqlite
 * driver's are, so that what works here works there.
 */
import { DatabaseSync } from 'node:sqlite'
import { Aborted, InvalidArgument } from '../base/error.ts'
import { Changes, refused } from './changes.ts'
import { Connection } from './connection.ts'
import { StoreClosed } from './error.ts'
import { refuseMainModule } from './main-module.ts'
import { applicationId, checkSchemas, migrate } from './migrate.ts'
import { together } from './procedure.ts'
import { fromPortable, toPortable } from './portable-error.ts'
import { backupPlace, makeBackup } from './sqlite-backup-folder.ts'
import { typedSqliteError } from './sqlite-error.ts'
import type { BackupOptions, Procedure, Schema, Store, StoreCall, StoreStats } from './store.ts'

export interface MemoryStoreOptions {
  /** The tables of each room that uses the store. */
  readonly schemas: readonly Schema[]
}

/** A store that lives and dies with this object. */
export function memoryStore(options: MemoryStoreOptions): Store {
  checkSchemas(options.schemas)
  const database = new DatabaseSync(':memory:')
  database.exec('PRAGMA foreign_keys = ON')
  migrate(database, options.schemas)
  return new MemoryStore(new Connection(database))
}

class MemoryStore implements Store {
  readonly driver = 'memory'
  readonly durable = false
  readonly readonly = false
  readonly #connection: Connection
  readonly #changes = new Changes()
  #commits = 0
  #failures = 0
  #closed = false

  constructor(connection: Connection) {
    this.#connection = connection
  }

  get stats(): StoreStats {
    return { commits: this.#commits, writes: this.#commits, failures: this.#failures }
  }

  async write<Args, Result>(procedure: Procedure<Args, Result>, args: Args): Promise<Result> {
    refuseMainModule(procedure.module)
    return this.#write(procedure.run, args)
  }

  async writeTogether(calls: readonly StoreCall[]): Promise<readonly unknown[]> {
    for (const { procedure } of calls) refuseMainModule(procedure.module)
    const runs = calls.map(({ procedure }) => procedure.run as Procedure<unknown, unknown>['run'])
    return this.#write(
      together(runs),
      calls.map(({ args }) => args),
    ) as readonly unknown[]
  }

  #write<Args, Result>(run: Procedure<Args, Result>['run'], args: Args): Result {
    if (this.#closed) throw new StoreClosed()
    const copied = cloned('args', args, 'nothing was done')
    const result = this.#transact(run, copied)
    this.#commits++
    this.#changes.tell()
    return cloned('result', result, 'the write was kept')
  }

  #transact<Args, Result>(run: Procedure<Args, Result>['run'], args: Args): Result {
    const connection = this.#connection
    connection.begin()
    try {
      const result = connection.run(run, args)
      connection.commit()
      return result
    } catch (thrown) {
      connection.rollback()
      this.#failures++
      throw asThrown(thrown)
    }
  }

  async read<Args, Result>(procedure: Procedure<Args, Result>, args: Args): Promise<Result> {
    if (this.#closed) throw new StoreClosed()
    const { database } = this.#connection
    // Prepared, this pragma would act once, when it is compiled.
    database.exec('PRAGMA query_only = ON')
    try {
      return this.#connection.snapshot(procedure.run, args)
    } catch (thrown) {
      throw asThrown(thrown)
    } finally {
      database.exec('PRAGMA query_only = OFF')
    }
  }

  changed(signal?: AbortSignal): Promise<void> {
    return this.#closed ? refused(new StoreClosed()) : this.#changes.next(signal)
  }

  async backup(folder: string, { onProgress, signal }: BackupOptions = {}): Promise<void> {
    this.#checkUnhindered('the backup', signal)
    if (typeof folder !== 'string' || folder === '') throw new InvalidArgument('folder', 'must name a folder')
    const { database } = this.#connection
    try {
      // Whoever opens the folder asks whose it is.
      database.exec(`PRAGMA application_id = ${applicationId}`)
      const pages = database
        .prepare('SELECT page_count * page_size AS n FROM pragma_page_count, pragma_page_size')
        .get()
      makeBackup(backupPlace(folder), (file) => database.prepare('VACUUM INTO ?').run(file))
      onProgress?.({ bytes: Number(pages?.['n']), totalBytes: Number(pages?.['n']) })
    } catch (thrown) {
      throw asThrown(thrown)
    }
  }

  async check({ signal }: { readonly signal?: AbortSignal } = {}): Promise<readonly string[]> {
    this.#checkUnhindered('the check', signal)
    const rows = this.#connection.database.prepare('PRAGMA integrity_check').all()
    return rows.map((row) => String(row['integrity_check'])).filter((each) => each !== 'ok')
  }

  #checkUnhindered(what: string, signal: AbortSignal | undefined): void {
    if (this.#closed) throw new StoreClosed()
    if (signal?.aborted) throw new Aborted(what, { cause: signal.reason })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#connection.close()
    this.#changes.fail(new StoreClosed())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** By content, as from a worker: nobody should come to rely on a class that the sqlite driver cannot give. */
function asThrown(thrown: unknown): Error {
  return fromPortable(toPortable(typedSqliteError(thrown, ':memory:')))
}

function cloned<T>(what: string, value: T, outcome: string): T {
  if (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol') return value
  try {
    return structuredClone(value)
  } catch (cause) {
    throw new InvalidArgument(what, `of a procedure must survive a structured clone; ${outcome}`, { cause })
  }
}
