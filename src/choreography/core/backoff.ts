/** Backoff: how long a failed attempt waits before the next. Unlike a pace it looks only at one thing's attempts. Pure; chance is given. */

import { backoffAfter, jittered } from '../../base/backoff.ts'

export interface Backoff {
  readonly backoffMs: number
  readonly backoffMaxMs: number
  /** The share of the wait that chance may take away. */
  readonly jitter: number
}

/** After so many failed attempts, from 1; `chance` is in [0, 1). */
export function waitMs({ backoffMs, backoffMaxMs, jitter }: Backoff, attempts: number, chance: number): number {
  return jittered(backoffAfter(backoffMs, backoffMaxMs, attempts), jitter, chance)
}
