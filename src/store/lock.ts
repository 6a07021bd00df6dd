/**
 * The lock of a data folder: one process owns it for writing. Unlike a file with a pid in it, which outlives its process,
 * this is a lock of the operating system (fcntl, or LockFileEx on Windows) that ends with the process however it ends:
 * SQLite takes it on a small file of its own, `lock.db`, by a transaction that stays open. A second store of the same
 * process is refused as well, because SQLite keeps count within the process.
 *
 * Nothing else may open `lock.db`: POSIX drops a process's locks on a file when it closes any descriptor of it. So its
 * owner stands beside it in `owner.json`, which only informs and decides nothing.
 */
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StoreBusy, StoreLocked } from './error.ts'
import { typedSqliteError } from './sqlite-error.ts'

export interface FolderLock {
  /** Idempotent. */
  release(): void
}

/** Takes the lock or throws `store.locked` at once; `store.unavailable` when the folder cannot be written. */
export function lockFolder(folder: string, nowMs: number): FolderLock {
  const file = join(folder, 'lock.db')
  const owner = join(folder, 'owner.json')
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file, { timeout: 0 })
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    chmodSync(file, 0o600)
    writeOwner(owner, nowMs)
  } catch (thrown) {
    database?.close()
    const error = typedSqliteError(thrown, file)
    throw error instanceof StoreBusy ? new StoreLocked(folder, readOwnerPid(owner), { cause: thrown }) : error
  }
  return {
    release() {
      if (!database?.isOpen) return
      rmSync(owner, { force: true })
      database.close()
    },
  }
}

function writeOwner(owner: string, nowMs: number): void {
  const passing = `${owner}.${process.pid}`
  const text = JSON.stringify({ pid: process.pid, since: new Date(nowMs).toISOString() })
  writeFileSync(passing, `${text}\n`, { mode: 0o600 })
  renameSync(passing, owner)
}

/** The pid that the owner left; undefined when there is none or it makes no sense. */
export function readOwnerPid(owner: string): number | undefined {
  try {
    const parsed: unknown = JSON.parse(readFileSync(owner, 'utf8'))
    if (typeof parsed !== 'object' || parsed === null || !('pid' in parsed)) return undefined
    return Number.isSafeInteger(parsed.pid) ? (parsed.pid as number) : undefined
  } catch {
    return undefined
  }
}
