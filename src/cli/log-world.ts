/**
 * What the commands of the log need of the world, so that tests can hand in an input and a clock. They reach a data folder
 * through the composition root; none of them knows a driver.
 */
import type { Clock } from '../base/clock.ts'
import { systemClock } from '../base/system-clock.ts'

export interface LogWorld {
  readonly clock: Clock
  /** Asked for only when a command reads it. */
  readonly stdin: () => AsyncIterable<Uint8Array>
}

export const realLogWorld: LogWorld = {
  clock: systemClock,
  stdin: () => process.stdin,
}
