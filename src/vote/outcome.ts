/**
 * Outcome: what a tally says, as plain JSON data that can be journalled, sent and checked by somebody else. Numbers that
 * must be exact are text in lowest terms: `7`, `7/2`; `parseRational` reads them. Sets are listed in the order of
 * `candidates`, which means nothing else.
 */
import type { Candidate } from './ballot.ts'
import type { Unranked } from './election.ts'
import type { Refusal } from './profile.ts'

/** An exact number as text: `7`, `-1/2`. */
export type Exact = string

/**
 * `decided`: one winner, or one committee where a rule fills several seats. `tied`: several, or nobody's weight was counted. `no-winner`: nobody meets what the rule demands,
 * such as a majority. `no-quorum`: too few were present, whatever the count says; then nobody has won either.
 */
export type OutcomeStatus = 'decided' | 'tied' | 'no-winner' | 'no-quorum'

export interface Outcome {
  readonly status: OutcomeStatus
  /** The rule's name. */
  readonly rule: string
  /** The rule's name for people. */
  readonly title: string
  readonly candidates: readonly Candidate[]
  /** One when decided, those tied when tied, none without a quorum or when nobody meets the rule's demand. */
  readonly winners: readonly Candidate[]
  /**
   * Best first, each level a set of tied candidates, everybody once. Where somebody has won the first level is the winners;
   * else it is only what the count would have said.
   */
  readonly ranking: readonly (readonly Candidate[])[]
  /** Of a rule for several seats: how many there are. */
  readonly seats?: number
  /**
   * Of a rule for several seats: every committee that wins; one when decided, several when tied, none without a quorum. Then
   * `winners` are the members of all of them together. A committee has fewer members than seats only where the rule says so.
   */
  readonly committees?: readonly (readonly Candidate[])[]
  readonly counted: Counted
  readonly quorum?: QuorumOutcome
  /** Who voted for whom, where the election has delegations. */
  readonly delegation?: DelegationOutcome
  readonly scores?: readonly Score[]
  readonly rounds?: readonly Round[]
  /** `matrix[a][b]`: weight of the ballots that put candidate a above b, by their places in `candidates`; '' with itself. */
  readonly matrix?: readonly (readonly Exact[])[]
  /** Every use of the tie chain, in order. */
  readonly tieSteps: readonly TieStep[]
  readonly proof: Proof
}

export interface Counted {
  /** Ballots counted, abstentions and refused ones not included. */
  readonly ballots: number
  readonly weight: Exact
  readonly abstained: number
  readonly abstainedWeight: Exact
  readonly refused: readonly Refusal[]
}

export interface DelegationOutcome {
  readonly carried: readonly CarriedDelegation[]
  /** Those that carried nothing, each with the reason. */
  readonly idle: readonly IdleDelegation[]
}

export interface CarriedDelegation {
  readonly voter: string
  /** Whom the voter named. */
  readonly to: string
  /** Whose ballot counts for the voter at the end of the chain. */
  readonly by: string
  /** 1 when that is whom the voter named. */
  readonly steps: number
  readonly weight: Exact
}

/**
 * `own-ballot`: the voter voted after all. `doubled`: the voter delegated more than once. `circle`, `too-far`, `no-ballot`: the
 * chain leads to no ballot. `refused`: the ballot at its end was. `invalid`: it names nobody, or its weight is none.
 */
export type IdleCause = 'own-ballot' | 'doubled' | 'circle' | 'too-far' | 'no-ballot' | 'refused' | 'invalid'

export interface IdleDelegation {
  readonly voter: string
  readonly to: string
  readonly cause: IdleCause
  readonly reason: string
}

export interface QuorumOutcome {
  readonly share: Exact
  /** Eligible weight. */
  readonly eligible: Exact
  /** Share times eligible. */
  readonly needed: Exact
  /** Weight counted or abstained. A refused ballot does not help the quorum. */
  readonly present: Exact
  readonly met: boolean
}

export interface Score {
  readonly candidate: Candidate
  readonly score: Exact
}

export interface Round {
  readonly number: number
  /** Who is still in, with the weight that each has. */
  readonly tallies: readonly { readonly candidate: Candidate; readonly weight: Exact }[]
  readonly exhausted: Exact
  readonly elected: readonly Candidate[]
  /** The set that leaves; more than one where a tie was followed every way, each to a later round of its own. */
  readonly eliminated: readonly (readonly Candidate[])[]
}

export interface TieStep {
  /** `the first place`, or a place inside the count. */
  readonly where: string
  /** Whether the tie-break was asked for the best or the worst of them. */
  readonly want: 'best' | 'worst'
  readonly tied: readonly Candidate[]
  /** The tie-break's name. */
  readonly by: string
  /** Who is still tied after it; one when it broke the tie, all when it did not help. */
  readonly remained: readonly Candidate[]
}

/** What a person needs, beside the ballots, to do the count again by hand. */
export interface Proof {
  readonly unranked: Unranked
  /** What scores and tallies count, in the plural. */
  readonly unit: string
  readonly method: readonly string[]
  readonly notes: readonly string[]
  /** Square tables by `candidates`, such as the strongest paths of Schulze. */
  readonly tables: readonly ProofTable[]
}

export interface ProofTable {
  readonly name: string
  readonly title: string
  readonly cells: readonly (readonly string[])[]
}
