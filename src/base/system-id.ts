/**
 * systemIds: the ids of this process for whoever has no source of his own. Unlike `idSource` it takes the machine's clock and
 * entropy, on first use. It is an object, not a function, so that a seeded world can have ids of its own in its stead.
 */
import { randomFrom, systemEntropy } from './entropy.ts'
import { idSource } from './id.ts'
import type { IdSource } from './id.ts'
import { systemClock } from './system-clock.ts'

let source: IdSource | undefined

export const systemIds: { next(): string } = {
  /** A UUID of version 7, above all that this process made here before. */
  next() {
    source ??= idSource(systemClock, randomFrom(systemEntropy))
    return source()
  },
}
