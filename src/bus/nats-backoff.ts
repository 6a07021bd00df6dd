/**
 * Backoff: how long the NATS driver waits before it dials again. Pure: chance comes in. All servers are tried once in a
 * round without a pause between them; before each round comes a wait that doubles up to its bound, and chance spreads the
 * clients of a server that went down over it, the first time over all of the wait, later over its second half.
 */
import type { Random } from '../base/random.ts'

export interface BackoffOptions {
  readonly waitMs: number
  readonly waitMaxMs: number
}

/** The wait before a dial that follows `failures` others, with `servers` to a round. */
export function backoffMs(options: BackoffOptions, failures: number, servers: number, random: Random): number {
  const round = Math.floor(failures / Math.max(1, servers))
  if (failures % Math.max(1, servers) !== 0) return 0
  const wait = Math.min(options.waitMaxMs, options.waitMs * 2 ** Math.min(round, 40))
  return round === 0 ? wait * random.float() : wait / 2 + (wait / 2) * random.float()
}
