/** What the commands of raft need of the world, so that tests can hand in time and chance. They reach members through the composition root. */
import type { Clock } from '../base/clock.ts'
import { type Entropy, systemEntropy } from '../base/entropy.ts'
import { systemClock } from '../base/system-clock.ts'

export interface RaftWorld {
  readonly clock: Clock
  readonly entropy: Entropy
}

export const realRaftWorld: RaftWorld = { clock: systemClock, entropy: systemEntropy }
