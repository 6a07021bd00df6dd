/** What is drawn for one seed before its world begins: how many members, how they are linked, which calls and which harm there is. */
import type { Random } from '../../../src/base/random.ts'
import type { LinkKind } from '../../../src/sim/network.ts'

export interface Plan {
  /** Who founds the group. */
  readonly founders: readonly string[]
  /** Nodes that may be added. */
  readonly spares: readonly string[]
  readonly kind: LinkKind
  readonly lease: boolean
  readonly clients: number
  readonly chaosMs: number
  readonly snapshotEveryEntries: number
  readonly keepEntries: number
  /** Of the sessions that members register for themselves. */
  readonly sessionTimeoutMs: number
  /** Members are added, promoted, demoted and removed. */
  readonly changes: boolean
  /** Stores are lost or damaged, one at a time. */
  readonly losses: boolean
  /** All nodes lose their power at one time, now and then. */
  readonly outages: boolean
  /** The operator does something after so long, at least and at most. */
  readonly actMinMs: number
  readonly actMaxMs: number
}

/** Members come, go and lose their stores all the time, and every lag is one behind the log. */
export const busyPlan: Partial<Plan> = {
  founders: ['a', 'b', 'c'],
  spares: ['x', 'y'],
  chaosMs: 20_000,
  snapshotEveryEntries: 15,
  keepEntries: 0,
  changes: true,
  losses: true,
  actMinMs: 50,
  actMaxMs: 300,
}

export const heartbeatMs = 50
export const electionTimeoutMs = 500

export function drawPlan(random: Random): Plan {
  const five = random.integer(4) === 0
  const founders = five ? ['a', 'b', 'c', 'd', 'e'] : ['a', 'b', 'c']
  const changes = random.integer(2) === 0
  return {
    founders,
    spares: changes ? ['x', 'y'].slice(0, 1 + random.integer(2)) : [],
    kind: random.integer(3) === 0 ? 'datagram' : 'stream',
    lease: random.integer(3) === 0,
    clients: 4 + random.integer(3),
    chaosMs: 8000 + random.integer(8000),
    snapshotEveryEntries: random.pick([15, 40, 100]),
    keepEntries: random.pick([0, 5, 30]),
    sessionTimeoutMs: random.pick([1500, 60_000]),
    changes,
    losses: random.integer(3) === 0,
    outages: random.integer(3) > 0,
    actMinMs: 200,
    actMaxMs: 1100,
  }
}
