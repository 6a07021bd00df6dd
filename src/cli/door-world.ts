/** What the commands that ask a node need of the world, so that tests can hand in time and chance: those of raft, and of saga. */
import type { Clock } from '../base/clock.ts'
import { type Entropy, systemEntropy } from '../base/entropy.ts'
import { systemClock } from '../base/system-clock.ts'

export interface DoorWorld {
  readonly clock: Clock
  readonly entropy: Entropy
}

export const realDoorWorld: DoorWorld = { clock: systemClock, entropy: systemEntropy }
