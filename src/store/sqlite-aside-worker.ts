/**
 * The worker thread of a backup or a check: one job on a read connection of its own, and its answer. Unlike the worker that
 * writes it takes no lock and lives for one job, which may be as long as the database is large; neither the writer nor the
 * event loop waits for it.
 */
import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../base/error.ts'
import { StoreBusy, StoreCorrupt, StoreUnavailable } from './error.ts'
import { toPortable } from './portable-error.ts'
import type { AsideAnswer, AsideData } from './sqlite-aside.ts'
import { makeBackup } from './sqlite-backup-folder.ts'
import { typedSqliteError } from './sqlite-error.ts'
import { fingerprintOf, identityOf, logFile, refuseEmpty } from './sqlite-file.ts'

const port = parentPort
assert(port, 'this module is for a worker thread')
const data = workerData as AsideData

/** How often a job is done while writers come and go. Each time after the first means that one came or went. */
const triesMax = 8

function answer(): AsideAnswer {
  for (let tries = 1; ; tries++) {
    try {
      return { kind: 'done', findings: done() }
    } catch (thrown) {
      if (thrown instanceof Unsettled && tries < triesMax) continue
      const error = thrown instanceof Unsettled ? new StoreBusy(data.file) : typedSqliteError(thrown, data.file)
      return { kind: 'broken', error: toPortable(error) }
    }
  }
}

function done(): readonly string[] {
  const { job } = data
  if (job.kind === 'check') return onSnapshot(check)
  makeBackup(job.place, (file) => onSnapshot((database) => copyTo(database, file)))
  return []
}

function copyTo(database: DatabaseSync, file: string): void {
  database.prepare('VACUUM INTO ?').run(file)
}

/** What SQLite's own check finds (https://www.sqlite.org/pragma.html#pragma_integrity_check), at most a hundred. */
function check(database: DatabaseSync): readonly string[] {
  try {
    const rows = database.prepare('PRAGMA integrity_check').all()
    const found = rows.map((row) => String(row['integrity_check']))
    return found.length === 1 && found[0] === 'ok' ? [] : found
  } catch (thrown) {
    const error = typedSqliteError(thrown, data.file)
    if (!(error instanceof StoreCorrupt)) throw error
    return [(thrown as Error).message]
  }
}

/** What was read does not count: somebody began to write to a database that had no log. */
class Unsettled extends StoreUnavailable {
  constructor() {
    super(data.file, 'changed while it was read')
  }
}

/**
 * As the reader does it: a database without a log is read as it stands, so that nothing is left in its folder, and what was
 * read counts only if nobody began to write meanwhile.
 */
function onSnapshot<Result>(work: (database: DatabaseSync) => Result): Result {
  const { file, busyTimeoutMs } = data
  if (identityOf(file) === undefined) throw new StoreUnavailable(file, 'does not exist; look for another')
  refuseEmpty(file)
  const quiet = quietFingerprint()
  const url = pathToFileURL(file)
  if (quiet !== undefined) url.searchParams.set('immutable', '1')
  const database = new DatabaseSync(url, { readOnly: true, timeout: busyTimeoutMs })
  const stands = () => quiet === undefined || quiet === quietFingerprint()
  try {
    database.exec('PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF')
    const result = work(database)
    if (stands()) return result
  } catch (thrown) {
    if (stands()) throw thrown
  } finally {
    database.close()
  }
  throw new Unsettled()
}

function quietFingerprint(): string | undefined {
  return existsSync(logFile(data.file)) ? undefined : fingerprintOf(data.file)
}

port.postMessage(answer())
