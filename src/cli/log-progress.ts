/**
 * The progress of a long command on stderr: one line that is drawn over, some times a second, and only in a terminal. It
 * never mixes with data, which goes to stdout.
 */
import type { Clock } from '../base/clock.ts'
import type { Output } from './command.ts'
import { liveBlock } from './terminal.ts'

export interface Progress extends Disposable {
  show(text: string): void
  /** Takes the line away, for what is written next. */
  clear(): void
}

const everyMs = 100

export function progressOn(stderr: Output, clock: Clock): Progress {
  const block = liveBlock(stderr)
  let lastMs = Number.NEGATIVE_INFINITY
  return {
    show(text) {
      const now = clock.monotonicMs()
      if (now - lastMs < everyMs) return
      lastMs = now
      block.show([text])
    },
    clear: () => block.clear(),
    [Symbol.dispose]: () => block.clear(),
  }
}
