/** Writes minutes to a file; the one place where a command's `--out` becomes one. */
import { writeFile } from 'node:fs/promises'
import { ColloquyError, messageOf } from '../base/error.ts'
import type { ConveneEvent } from '../convene/event.ts'
import { minutes } from '../convene/minutes.ts'

/** The file of `--out` cannot be written. The record itself is not touched by that. */
export class MinutesUnwritable extends ColloquyError {
  override readonly code = 'cli.minutes_unwritable'
}

/** Rejects with `cli.minutes_unwritable`. */
export async function writeMinutes(file: string, events: readonly ConveneEvent[]): Promise<void> {
  try {
    await writeFile(file, minutes(events))
  } catch (cause) {
    throw new MinutesUnwritable(`the minutes cannot be written to ${file}: ${messageOf(cause)}`, { cause })
  }
}
