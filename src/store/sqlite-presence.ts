/**
 * Presence: whether the database and its log are still the files that were opened, asked after every commit. Unlike
 * `identityOf`, which looks at a file, it looks at the folder that names it, and at the files only when the names there may
 * have changed: to be asked for its times makes Linux give the log a new time at its next write, and a sync that has to
 * keep a time as well takes half as long again (measured on ext4, Linux 6.18). It changes nothing.
 */
import { lstatSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { identityOf, logFile } from './sqlite-file.ts'

/** A change later than this after another has another time, on a file system that counts parts of a second. */
const restMs = 200
/** The same on one that counts seconds, or two at a time. */
const coarseRestMs = 5000

export class Presence {
  readonly #files: readonly string[]
  readonly #folder: string
  readonly #clock: Pick<Clock, 'now'>
  readonly #identity: string
  /** What has a name elsewhere too can be gone while the folder is as it was. */
  readonly #linked: boolean
  /** The folder when the files in it were looked at last; undefined where a change after that could have the same time. */
  #rested: Stats | undefined

  constructor(database: string, clock: Pick<Clock, 'now'>) {
    this.#files = [database, logFile(database)]
    this.#folder = dirname(database)
    this.#clock = clock
    this.#identity = this.#identities()
    this.#linked = this.#files.some((file) => lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true)
  }

  /** False once one of them was removed, moved away or replaced. */
  stands(): boolean {
    // In this order: what changes after the clock was read has a time that lies behind it.
    const nowMs = this.#clock.now()
    const folder = statSync(this.#folder, { throwIfNoEntry: false })
    if (folder && this.#rested && isSame(folder, this.#rested)) return true
    const stands = this.#identities() === this.#identity
    this.#rested = stands && folder && !this.#linked && hasRested(folder, nowMs) ? folder : undefined
    return stands
  }

  #identities(): string {
    return this.#files.map(identityOf).join(' ')
  }
}

function isSame(one: Stats, other: Stats): boolean {
  return (
    one.ino === other.ino && one.mtimeMs === other.mtimeMs && one.ctimeMs === other.ctimeMs && one.dev === other.dev
  )
}

/** True when whatever changes in the folder from now on gives it another time than it has. */
export function hasRested({ mtimeMs, ctimeMs }: Pick<Stats, 'mtimeMs' | 'ctimeMs'>, nowMs: number): boolean {
  return nowMs - Math.max(mtimeMs, ctimeMs) > (mtimeMs % 1000 === 0 ? coarseRestMs : restMs)
}
