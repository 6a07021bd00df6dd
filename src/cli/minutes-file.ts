/** Writes minutes to a file; the one place where a command's `--out` becomes one. */
import { access, constants, stat, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { ColloquyError, messageOf } from '../base/error.ts'
import type { ConveneEvent } from '../convene/event.ts'
import { minutes } from '../convene/minutes.ts'
import { UsageError } from './command.ts'

/** The file of `--out` cannot be written. The record itself is not touched by that. */
export class MinutesUnwritable extends ColloquyError {
  override readonly code = 'cli.minutes_unwritable'
}

/** Throws `cli.usage` when the file surely cannot be written: better said before an hour of talk than after it. */
export async function checkMinutesFile(file: string): Promise<void> {
  try {
    if (file === '') throw new Error('it names no file')
    const found = await stat(file).catch(() => undefined)
    if (found?.isDirectory()) throw new Error('it is a folder')
    await access(found ? file : dirname(resolve(file)), constants.W_OK)
  } catch (cause) {
    throw new UsageError(`--out ${file} cannot be written: ${messageOf(cause)}`, { cause })
  }
}

/** Rejects with `cli.minutes_unwritable`. */
export async function writeMinutes(file: string, events: readonly ConveneEvent[]): Promise<void> {
  try {
    await writeFile(file, minutes(events))
  } catch (cause) {
    throw new MinutesUnwritable(`the minutes cannot be written to ${file}: ${messageOf(cause)}`, { cause })
  }
}
