/**
 * Exponential backoff: how long to wait before trying again. It keeps no count and no time: whoever asks says how often it has failed, and
 * throws the dice where there are any. Pure.
 */

/** After so many failed attempts, from 1; each wait is `factor` times the one before, up to a bound. In ms. */
export function backoffAfter(firstMs: number, maxMs: number, failed: number, factor = 2): number {
  // The exponent is bounded before it is taken: infinity times nothing is no time.
  return Math.min(maxMs, firstMs * factor ** Math.min(failed - 1, 64))
}

/**
 * A wait of which chance takes away up to a share; `chance` is in [0, 1), the jitter in [0, 1]. With 1 it is "full jitter" (Brooker,
 * Exponential Backoff And Jitter, 2015).
 */
export function jittered(waitMs: number, jitter: number, chance: number): number {
  return Math.round(waitMs * (1 - jitter * chance))
}
