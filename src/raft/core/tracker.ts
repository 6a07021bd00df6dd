/**
 * ProgressTracker: the configuration that counts, the progress of every member in it, and the votes of the election that is
 * on. Unlike the changer, which works out what a configuration becomes, it only says what follows from the one it has.
 * It sends nothing and decides no change.
 */
import { Inflights } from './inflights.ts'
import type { ConfState, MemberId } from './message.ts'
import { Progress } from './progress.ts'
import {
  type JointConfig,
  type VoteResult,
  ascending,
  committedIndex,
  formatJoint,
  formatMajority,
  membersOf,
  voteResult,
} from './quorum.ts'

/** Nobody is voter and learner at once: a voter of the outgoing half who is to learn waits in `learnersNext`. */
export interface TrackerConfig {
  readonly voters: JointConfig
  /** Whether the leader leaves the joint configuration by itself. False when it is not joint. */
  readonly autoLeave: boolean
  readonly learners: ReadonlySet<MemberId>
  readonly learnersNext: ReadonlySet<MemberId>
}

export const emptyTrackerConfig: TrackerConfig = Object.freeze({
  voters: Object.freeze({ incoming: new Set<MemberId>(), outgoing: new Set<MemberId>() }),
  autoLeave: false,
  learners: new Set<MemberId>(),
  learnersNext: new Set<MemberId>(),
})

/** A configuration and the progress of its members: what a change gives, whole, to `ProgressTracker.adopt`. */
export interface Membership {
  readonly config: TrackerConfig
  readonly progress: ReadonlyMap<MemberId, Progress>
}

export class ProgressTracker implements Membership {
  readonly maxInflight: number
  readonly maxInflightBytes: number
  #config: TrackerConfig = emptyTrackerConfig
  // In ascending order of ids, so that going through it is deterministic and costs no sorting.
  #progress: ReadonlyMap<MemberId, Progress> = new Map()
  readonly #votes = new Map<MemberId, boolean>()
  readonly #matchOf = (id: MemberId): number | undefined => this.#progress.get(id)?.match

  /** `maxInflight` messages and `maxInflightBytes` bytes (0: no bound) may be under way to each member. */
  constructor(maxInflight: number, maxInflightBytes: number) {
    this.maxInflight = maxInflight
    this.maxInflightBytes = maxInflightBytes
  }

  get config(): TrackerConfig {
    return this.#config
  }

  /** By id, ascending. */
  get progress(): ReadonlyMap<MemberId, Progress> {
    return this.#progress
  }

  get votes(): ReadonlyMap<MemberId, boolean> {
    return this.#votes
  }

  /** From now on this is the configuration. */
  adopt({ config, progress }: Membership): void {
    this.#config = config
    this.#progress = new Map([...progress].toSorted(([one], [other]) => one - other))
  }

  /** A member of whom nothing is known but that its log may be tried behind `next - 1`. */
  newProgress(match: number, next: number, isLearner = false): Progress {
    return new Progress(match, next, new Inflights(this.maxInflight, this.maxInflightBytes), isLearner)
  }

  /** The highest index that the voters are known to have stored by quorum; Infinity when there are none. */
  committed(): number {
    return committedIndex(this.#config.voters, this.#matchOf)
  }

  /** Calls back for each member, in ascending order of ids. */
  visit(each: (id: MemberId, progress: Progress) => void): void {
    for (const [id, progress] of this.#progress) each(id, progress)
  }

  /** Whether a quorum of the voters was heard of since the last check. */
  quorumActive(): boolean {
    const active = new Map<MemberId, boolean>()
    for (const [id, progress] of this.#progress) active.set(id, progress.recentActive)
    return voteResult(this.#config.voters, active) === 'won'
  }

  /** Of both halves, ascending. */
  voterNodes(): MemberId[] {
    return membersOf(this.#config.voters)
  }

  /** Ascending. */
  learnerNodes(): MemberId[] {
    return ascending(this.#config.learners)
  }

  /** Whether there is one voter, who then is a quorum by itself. */
  get isSingleton(): boolean {
    return this.#config.voters.incoming.size === 1 && this.#config.voters.outgoing.size === 0
  }

  resetVotes(): void {
    this.#votes.clear()
  }

  /** The first answer of a member counts. */
  recordVote(id: MemberId, granted: boolean): void {
    if (!this.#votes.has(id)) this.#votes.set(id, granted)
  }

  /** The counts are of voters only, and for people; the result is by quorum. */
  tallyVotes(): { readonly granted: number; readonly rejected: number; readonly result: VoteResult } {
    let granted = 0
    let rejected = 0
    for (const [id, progress] of this.#progress) {
      const vote = progress.isLearner ? undefined : this.#votes.get(id)
      if (vote === true) granted++
      else if (vote === false) rejected++
    }
    return { granted, rejected, result: voteResult(this.#config.voters, this.#votes) }
  }

  confState(): ConfState {
    return confStateOf(this.#config)
  }
}

/** The configuration as storages and snapshots keep it. */
export function confStateOf(config: TrackerConfig): ConfState {
  return {
    voters: ascending(config.voters.incoming),
    votersOutgoing: ascending(config.voters.outgoing),
    learners: ascending(config.learners),
    learnersNext: ascending(config.learnersNext),
    autoLeave: config.autoLeave,
  }
}

/** Whether this member counts in it, as voter of either half or as learner. */
export function knows({ voters, learners, votersOutgoing }: ConfState, id: MemberId): boolean {
  return voters.includes(id) || learners.includes(id) || votersOutgoing.includes(id)
}

/** As etcd prints it: `voters=(2 3)&&(1) learners=(4) learners_next=(1) autoleave`. */
export function formatConfig(config: TrackerConfig): string {
  let text = `voters=${formatJoint(config.voters)}`
  if (config.learners.size > 0) text += ` learners=${formatMajority(config.learners)}`
  if (config.learnersNext.size > 0) text += ` learners_next=${formatMajority(config.learnersNext)}`
  return config.autoLeave ? `${text} autoleave` : text
}

/** A line for each member, ascending: `1: StateProbe match=0 next=1`. */
export function formatProgress(progress: ReadonlyMap<MemberId, Progress>): string {
  return ascending(progress.keys())
    .map((id) => `${id}: ${String(progress.get(id))}\n`)
    .join('')
}
