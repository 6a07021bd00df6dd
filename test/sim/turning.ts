/** Turns a manual clock while something is in flight, as a world does, so that what waits for a delivery gets it. */
import { setImmediate as turn } from 'node:timers/promises'
import { manualClock } from '../../src/base/manual-clock.ts'
import type { ManualClock } from '../../src/base/manual-clock.ts'

export interface Turning extends AsyncDisposable {
  readonly clock: ManualClock
  /** Advances after whatever advances now. */
  readonly pass: (ms: number) => Promise<void>
}

/** `busy` says whether time is to go on by itself; it goes by 1 ms when all promises have run. */
export function turning(busy: (clock: ManualClock) => boolean, clock: ManualClock = manualClock()): Turning {
  let last: Promise<void> = Promise.resolve()
  const over = new AbortController()
  const pass = (ms: number) => (last = last.then(() => clock.advance(ms)))
  const run = async () => {
    while (!over.signal.aborted) {
      await turn()
      if (busy(clock)) await pass(1)
    }
  }
  const running = run()
  return {
    clock,
    pass,
    async [Symbol.asyncDispose]() {
      over.abort()
      await running
    },
  }
}
