/**
 * The folder of a backup: made under a passing name that no other attempt has, where nothing has the name of a database until
 * all of it is synced, and then renamed. So what a crash leaves is never taken for a backup. Unlike `makeDatabase` it never
 * opens what it makes, and it never replaces what is there.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { systemEntropy } from '../base/entropy.ts'
import { messageOf } from '../base/error.ts'
import { StoreFull, StoreUnavailable } from './error.ts'
import { databaseFile, identityOf, syncFolder } from './sqlite-file.ts'
import { sqliteCode } from './sqlite-error.ts'
import { codeOfSystem, processRuns } from './system-error.ts'

/** Where one attempt at a backup stands until it is whole. */
export interface BackupPlace {
  /** What it will be. */
  readonly whole: string
  readonly folder: string
  /** Its database there. */
  readonly file: string
}

/** A place of its own for each call. */
export function backupPlace(folder: string): BackupPlace {
  const mark = Buffer.from(systemEntropy.bytes(8)).toString('hex')
  return placeOf(resolve(folder), `${process.pid}-${mark}`)
}

function placeOf(whole: string, mark: string): BackupPlace {
  const folder = `${whole}.${mark}.unfinished`
  return { whole, folder, file: join(folder, `${basename(databaseFile(''))}.part`) }
}

/** Throws `store.unavailable` when there is something of this name. */
export function refuseExisting(folder: string): void {
  if (existsSync(folder)) throw new StoreUnavailable(folder, 'is there already; name another folder for the backup')
}

/** `copy` fills the file it is given. Throws `store.unavailable`, or what it throws. */
export function makeBackup(place: BackupPlace, copy: (file: string) => void): void {
  const { whole } = place
  refuseExisting(whole)
  // Held open to the end: the number of a file that is gone may be given to another.
  let handle: number | undefined
  try {
    sweep(whole)
    mkdirSync(place.folder, { mode: 0o700 })
    handle = openSync(place.file, 'wx', 0o600)
    const [made, madeFolder] = [identityOf(place.file), identityOf(place.folder)]
    copy(place.file)
    fsyncSync(handle)
    if (identityOf(place.file) !== made) throw replaced(place.file)
    renameSync(place.file, databaseFile(place.folder))
    syncFolder(place.folder)
    refuseExisting(whole)
    if (identityOf(place.folder) !== madeFolder || identityOf(databaseFile(place.folder)) !== made)
      throw replaced(place.folder)
    renameSync(place.folder, whole)
    syncFolder(dirname(whole))
  } catch (cause) {
    removeUnfinished(place)
    if (isFull(cause)) throw new StoreFull(whole, { cause })
    if (cause instanceof StoreUnavailable || (sqliteCode(cause) !== undefined && !isOfCopy(cause))) throw cause
    const why = sqliteCode(cause) === undefined ? codeOfSystem(cause) : messageOf(cause)
    throw new StoreUnavailable(whole, `cannot be made (${why}); look at its place and its disk`, {
      cause,
    })
  } finally {
    if (handle !== undefined) closeSync(handle)
  }
}

function replaced(path: string): StoreUnavailable {
  return new StoreUnavailable(
    path,
    'was replaced while it was written; let nobody else write there, then back up again',
  )
}

/** Removes what a backup that did not come to its end has left; nothing that is not a backup's. */
export function removeUnfinished(place: BackupPlace): void {
  if (!existsSync(place.folder)) return
  const made = [place.file, `${place.file}-journal`, databaseFile(place.folder)]
  for (const file of made) rmSync(file, { force: true })
  try {
    rmdirSync(place.folder)
  } catch {
    // Somebody has put something in; it is theirs, and in nobody's way.
  }
}

/** Clears away what attempts at this backup have left whose process is gone. */
function sweep(whole: string): void {
  const begin = `${basename(whole)}.`
  for (const name of existsSync(dirname(whole)) ? readdirSync(dirname(whole)) : []) {
    if (!name.startsWith(begin)) continue
    const [, mark, pid] = /^((\d+)-[0-9a-f]{16})\.unfinished$/.exec(name.slice(begin.length)) ?? []
    if (mark !== undefined && !processRuns(Number(pid))) removeUnfinished(placeOf(whole, mark))
  }
}

/** The disk of the copy, whose own name the error is to have. */
function isFull(cause: unknown): boolean {
  return ((sqliteCode(cause) ?? 0) & 0xff) === 13 || codeOfSystem(cause) === 'ENOSPC'
}

/**
 * What went wrong in the copy, of which whoever looks at the database's own disk would find nothing: all that is no reading,
 * since the database is only read (https://www.sqlite.org/rescode.html).
 */
function isOfCopy(cause: unknown): boolean {
  const code = sqliteCode(cause) ?? 0
  const [ioError, cannotOpen, readonly] = [10, 14, 8]
  const reading = [1, 2, 18, 19, 20, 21, 32].map((kind) => (kind << 8) | ioError)
  if ((code & 0xff) === ioError) return code !== ioError && !reading.includes(code)
  return (code & 0xff) === cannotOpen || (code & 0xff) === readonly
}
