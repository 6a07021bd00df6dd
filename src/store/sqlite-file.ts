/**
 * The files of the sqlite driver: their names, how the folder is made, and whether they are still the ones that were
 * opened. Unlike `sqlite-writer.ts` it runs no SQL.
 *
 * | file | what |
 * | --- | --- |
 * | `colloquy.db` | the database |
 * | `colloquy.db-wal`, `colloquy.db-shm` | SQLite's log and its index; gone after a clean close |
 * | `lock.db`, `owner.json` | who owns the folder for writing |
 *
 * In the process that owns the folder nothing but SQLite may open these files: POSIX drops a process's locks on a file when
 * it closes any descriptor of it. So back up with SQL, or from another process.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { codeOfSystem } from './system-error.ts'
import { StoreCorrupt, StoreUnavailable } from './error.ts'
import { sqliteCode } from './sqlite-error.ts'

/** The database in a data folder. */
export function databaseFile(folder: string): string {
  return join(folder, 'colloquy.db')
}

/** The write-ahead log of a database. */
export function logFile(database: string): string {
  return `${database}-wal`
}

/** Makes the folder, for its owner only, and sees to it that it outlives a crash of the machine. */
export function makeFolder(folder: string): void {
  const whole = resolve(folder)
  try {
    const first = mkdirSync(whole, { recursive: true, mode: 0o700 })
    if (first === undefined) return
    for (let made = whole; made.length >= first.length; made = dirname(made)) syncFolder(dirname(made))
  } catch (cause) {
    throw new StoreUnavailable(whole, `cannot be made a data folder (${codeOfSystem(cause)}); choose another`, {
      cause,
    })
  }
}

/**
 * Makes the database unless it is there. `build` fills it under another name first, so that a database that is empty is
 * never a young one but always one that has lost its content.
 */
export function makeDatabase(file: string, build: (passing: string) => void): void {
  if (existsSync(file)) return refuseEmpty(file)
  // SQLite would play the log of a database that was lost into the new one.
  if (existsSync(logFile(file)))
    throw new StoreCorrupt(file, { cause: new Error('the file is missing and its log is there') })
  const passing = `${file}.new`
  try {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${passing}${suffix}`, { force: true })
    // For its owner only; SQLite gives its log the same mode.
    closeSync(openSync(passing, 'wx', 0o600))
    build(passing)
    renameSync(passing, file)
    syncFolder(dirname(file))
  } catch (cause) {
    if (sqliteCode(cause) !== undefined) throw cause
    throw new StoreUnavailable(file, `cannot be made (${codeOfSystem(cause)}); look at the folder and its disk`, {
      cause,
    })
  }
}

/** A database that is empty has lost its content, and SQLite would take it for a new one. */
export function refuseEmpty(file: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.size === 0)
    throw new StoreCorrupt(file, { cause: new Error('the file is empty') })
}

/** Makes the names in a folder outlive a crash of the machine. */
export function syncFolder(folder: string): void {
  // Windows opens no folder as a file and keeps its entries by the journal of its file system.
  if (process.platform === 'win32') return
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** What tells one file from another of the same name; undefined when there is none. */
export function identityOf(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false })
  return found && `${found.dev}:${found.ino}`
}

/** In bytes; 0 when there is none. */
export function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

/** As `identityOf`, and different after a change of the content. */
export function fingerprintOf(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false, bigint: true })
  return found && `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`
}
