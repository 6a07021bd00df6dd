/**
 * Variant: what a seed draws before anything runs: how many members, which options of the core, how the disks are, who
 * disturbs. It is data, and printed with a failure.
 */
import type { Random } from '../../../src/base/random.ts'

export interface Variant {
  readonly voters: 3 | 5 | 7
  /** Members that are not in the group at first. */
  readonly spares: number
  readonly asyncStorageWrites: boolean
  readonly preVote: boolean
  readonly checkQuorum: boolean
  readonly lease: boolean
  readonly stepDownOnRemoval: boolean
  readonly disableProposalForwarding: boolean
  readonly maxSizePerMsg: number
  readonly maxInflightMsgs: number
  readonly maxCommittedSizePerReady: number
  /** A leader that takes all proposals is flooded when its group is slow, and nothing is answered in time. */
  readonly maxUncommittedEntriesSize: number
  readonly tickMs: number
  readonly syncMaxMs: number
  readonly applyMaxMs: number
  /** Entries between snapshots, and how many stay in the log before one. */
  readonly snapshotEvery: number
  readonly snapshotKeep: number
  /** Configuration changes leave at least so many voters. */
  readonly votersMin: number
  readonly confChangeEveryMs: number
  readonly transferEveryMs: number
  readonly clients: number
  readonly chaosMs: number
  readonly faults: number
  /** How many may be down at one time. */
  readonly downMax: number
  /** When all members crash at once; undefined for never. */
  readonly blackoutAtMs: number | undefined
}

export function drawVariant(random: Random): Variant {
  const chance = (percent: number) => random.integer(100) < percent
  const voters = random.pick([3, 3, 5, 5, 7] as const)
  const lease = chance(25)
  const chaosMs = 8000 + random.integer(6000)
  return {
    voters,
    spares: 2,
    asyncStorageWrites: chance(50),
    preVote: chance(50),
    checkQuorum: lease || chance(50),
    lease,
    stepDownOnRemoval: chance(50),
    disableProposalForwarding: chance(15),
    maxSizePerMsg: random.pick([0, 200, Number.POSITIVE_INFINITY]),
    maxInflightMsgs: random.pick([1, 4, 256]),
    maxCommittedSizePerReady: random.pick([0, 300]),
    maxUncommittedEntriesSize: random.pick([300, 1000]),
    tickMs: 40,
    syncMaxMs: random.pick([2, 10, 60]),
    applyMaxMs: random.pick([0, 0, 30]),
    snapshotEvery: random.pick([8, 25, 80]),
    snapshotKeep: random.pick([0, 5, 20]),
    votersMin: random.pick([1, 2, 3, 3]),
    confChangeEveryMs: random.pick([400, 900, 2500]),
    transferEveryMs: random.pick([700, 2000, 5000]),
    clients: 5 + random.integer(4),
    chaosMs,
    faults: 15 + random.integer(20),
    downMax: chance(25) ? voters : Math.floor((voters - 1) / 2),
    blackoutAtMs: chance(35) ? 1500 + random.integer(chaosMs - 2500) : undefined,
  }
}
