/** How a process of the tests tells what it did: a line on stdout, out at once and whole, whatever happens to it next. */
import { writeSync } from 'node:fs'

export function say(line: string): void {
  for (;;) {
    try {
      // A line is shorter than what a pipe takes in one piece.
      writeSync(1, `${line}\n`)
      return
    } catch (error) {
      // The reader is slow and the pipe is full.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}
