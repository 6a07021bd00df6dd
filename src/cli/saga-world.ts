/** What the commands of saga need of the world, so that tests can hand in time and chance. They reach runs through the composition root. */
import type { Clock } from '../base/clock.ts'
import { type Entropy, systemEntropy } from '../base/entropy.ts'
import { systemClock } from '../base/system-clock.ts'

export interface SagaWorld {
  readonly clock: Clock
  readonly entropy: Entropy
}

export const realSagaWorld: SagaWorld = { clock: systemClock, entropy: systemEntropy }
