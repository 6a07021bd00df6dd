/**
 * The folder of a backup: made under a passing name, where nothing has the name of a database until all of it is synced, and
 * then renamed. So what a crash leaves is never taken for a backup. Unlike `makeDatabase` it never opens what it makes, and
 * it never replaces what is there.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { StoreFull, StoreUnavailable } from './error.ts'
import { databaseFile, syncFolder } from './sqlite-file.ts'
import { sqliteCode } from './sqlite-error.ts'
import { codeOfSystem } from './system-error.ts'

/** Where a backup stands until it is whole, and its database there. */
export function unfinishedBackup(folder: string): { readonly folder: string; readonly file: string } {
  const passing = `${resolve(folder)}.unfinished`
  return { folder: passing, file: join(passing, `${basename(databaseFile(''))}.part`) }
}

/** Throws `store.unavailable` when there is something of this name. */
export function refuseExisting(folder: string): void {
  if (existsSync(folder)) throw new StoreUnavailable(folder, 'is there already; name another folder for the backup')
}

/** `copy` fills the file it is given. Throws `store.unavailable`, or what it throws. */
export function makeBackup(folder: string, copy: (file: string) => void): void {
  const whole = resolve(folder)
  const passing = unfinishedBackup(whole)
  refuseExisting(whole)
  try {
    removeUnfinished(whole)
    mkdirSync(passing.folder, { mode: 0o700 })
    closeSync(openSync(passing.file, 'wx', 0o600))
    copy(passing.file)
    syncFile(passing.file)
    renameSync(passing.file, databaseFile(passing.folder))
    syncFolder(passing.folder)
    refuseExisting(whole)
    renameSync(passing.folder, whole)
    syncFolder(dirname(whole))
  } catch (cause) {
    removeUnfinished(whole)
    if (isFull(cause)) throw new StoreFull(whole, { cause })
    if (cause instanceof StoreUnavailable || sqliteCode(cause) !== undefined) throw cause
    throw new StoreUnavailable(whole, `cannot be made (${codeOfSystem(cause)}); look at its place and its disk`, {
      cause,
    })
  }
}

/** Removes what a backup that did not come to its end has left; nothing that is not a backup's. */
export function removeUnfinished(folder: string): void {
  const passing = unfinishedBackup(folder)
  if (!existsSync(passing.folder)) return
  const made = [passing.file, `${passing.file}-journal`, databaseFile(passing.folder)]
  for (const file of made) rmSync(file, { force: true })
  try {
    rmdirSync(passing.folder)
  } catch (cause) {
    throw new StoreUnavailable(passing.folder, `is in the way (${codeOfSystem(cause)}); move it elsewhere`, { cause })
  }
}

/** The disk of the copy, whose own name the error is to have. */
function isFull(cause: unknown): boolean {
  return ((sqliteCode(cause) ?? 0) & 0xff) === 13 || codeOfSystem(cause) === 'ENOSPC'
}

function syncFile(file: string): void {
  const handle = openSync(file, 'r+')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
