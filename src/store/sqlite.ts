/**
 * The sqlite driver: one file in a data folder, written by a worker thread that this process owns, read on the calling
 * thread. Unlike the memory driver it keeps what it acknowledged through a crash of the process or the machine. It never
 * acknowledges before the sync, and after a sync that failed it refuses to write.
 *
 * Life of a store:
 * 1. `openSqliteStore` makes the folder, takes its lock, migrates, all in the worker; a failure leaves nothing running.
 * 2. `write` hands calls to the worker, those of one turn in one message; the worker commits all that wait together.
 * 3. After `store.failed` or `store.corrupt` every later write is refused; reads go on as far as they can.
 * 4. `close` lets the accepted writes finish, folds the log into the file, frees the folder.
 *
 * An idle store does not keep the process alive; a write that waits does.
 */
import type { Clock } from '../base/clock.ts'
import { wholeNumber } from '../base/limit.ts'
import { type Logger, silentLogger } from '../base/logger.ts'
import { systemClock } from '../base/system-clock.ts'
import { checkSchemas, refuseOlder, refuseUnknown } from './migrate.ts'
import { SqliteAside } from './sqlite-aside.ts'
import { databaseFile } from './sqlite-file.ts'
import { Reader } from './sqlite-reader.ts'
import { ReadonlyStore } from './sqlite-readonly.ts'
import { SqliteStore } from './sqlite-store.ts'
import { startWorker } from './sqlite-thread.ts'
import type { Schema, Store } from './store.ts'

export interface SqliteStoreOptions {
  /** The data folder; made, for its owner only, if it is not there. */
  readonly folder: string
  /** The tables of each room that uses the store. */
  readonly schemas: readonly Schema[]
  /** Reads beside the owner of the folder; creates and changes nothing, so everything must be there. Default false. */
  readonly readonly?: boolean
  /** The database refuses to grow beyond (`store.full`); its log of some 16 MiB comes on top. Default: what the disk holds. */
  readonly sizeMaxBytes?: number
  /** Writes that wait before more are refused (`store.backlog_full`). Default 4096. */
  readonly backlogMax?: number
  /** Writes in one transaction at most. Default 1024. */
  readonly groupMax?: number
  /** A transaction takes no further write after this long, so that early ones need not wait for late ones. Default 20. */
  readonly groupMaxMs?: number
  /** How long a write waits for another program's lock before `store.busy`; only tools meet it. Default 5000. */
  readonly busyTimeoutMs?: number
  /** Read-only: how often the file is looked at while somebody waits for a change. Default 50. */
  readonly pollMs?: number
  readonly clock?: Clock
  readonly logger?: Logger
}

/**
 * Opens the store of a data folder. Rejects with `store.locked`, `store.schema_newer`, `store.corrupt`,
 * `store.unavailable`, `store.full`, `store.sql` (a migration that SQLite refuses), `base.invalid_argument`; read-only also
 * with `store.schema_older`.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { folder, schemas, sizeMaxBytes, clock = systemClock, logger = silentLogger } = options
  checkSchemas(schemas)
  const backlogMax = wholeNumber('backlogMax', options.backlogMax ?? 4096, 1)
  const busyTimeoutMs = wholeNumber('busyTimeoutMs', options.busyTimeoutMs ?? 5000, 0, 60_000)
  const pollMs = wholeNumber('pollMs', options.pollMs ?? 50, 1)
  const file = databaseFile(folder)
  const readerOptions = { file, busyTimeoutMs }
  const aside = new SqliteAside({ file, busyTimeoutMs, clock })
  if (options.readonly) {
    const check = (database: Parameters<typeof refuseOlder>[0]) => {
      refuseUnknown(database, schemas, file)
      refuseOlder(database, schemas, file)
    }
    return new ReadonlyStore(file, new Reader({ ...readerOptions, check }), aside, clock, pollMs)
  }
  const worker = await startWorker(file, {
    folder,
    schemas,
    nowMs: clock.now(),
    sizeMaxBytes: sizeMaxBytes === undefined ? undefined : wholeNumber('sizeMaxBytes', sizeMaxBytes, 65_536),
    busyTimeoutMs,
    groupMax: wholeNumber('groupMax', options.groupMax ?? 1024, 1),
    groupMaxMs: wholeNumber('groupMaxMs', options.groupMaxMs ?? 20, 1),
  })
  try {
    const reader = new Reader({ ...readerOptions, check: () => {} })
    return new SqliteStore({ worker, reader, aside, file, backlogMax, logger })
  } catch (error) {
    await worker.terminate()
    throw error
  }
}
