/**
 * Entropy: unpredictable bytes for secrets, salts, inboxes and keys. Unlike Random it has no seed, except in the form made
 * for tests and simulations, which says so in its name.
 */
import { randomFillSync } from 'node:crypto'
import { wholeNumber } from './limit.ts'
import { seededRandom } from './random.ts'
import type { Random } from './random.ts'

export interface Entropy {
  /** `length` fresh bytes, from 0 to 2^31-1; the caller owns the array. Else `base.invalid_argument`. */
  bytes(length: number): Uint8Array<ArrayBuffer>
}

const poolBytes = 4096
const lengthMax = 2 ** 31 - 1

/** The operating system's generator (`node:crypto`), drawn in blocks: a call for 16 bytes each costs a system call else. */
export const systemEntropy: Entropy = (() => {
  const pool = new Uint8Array(poolBytes)
  let used = poolBytes
  return {
    bytes(length) {
      // A length below zero would move back into the part that was handed out and is now all zeros.
      wholeNumber('length', length, 0, lengthMax)
      if (length > poolBytes / 4) return randomFillSync(new Uint8Array(length))
      if (used + length > poolBytes) {
        randomFillSync(pool)
        used = 0
      }
      const taken = pool.slice(used, used + length)
      // What was handed out never stays behind in memory.
      pool.fill(0, used, used + length)
      used += length
      return taken
    },
  }
})()

/** Chance that nobody can foresee, seeded afresh with 128 bits: what a shell takes when it is given none. */
export function randomFrom(entropy: Entropy): Random {
  return seededRandom(Buffer.from(entropy.bytes(16)).toString('hex'))
}

/** Repeatable bytes from a Random: for tests and simulations only, anyone with the seed knows them. */
export function predictableEntropy(random: Random): Entropy {
  return {
    bytes(length) {
      const made = new Uint8Array(wholeNumber('length', length, 0, lengthMax))
      for (let at = 0; at < length; at++) made[at] = random.uint32() >>> 24
      return made
    },
  }
}
