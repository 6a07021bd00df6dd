/**
 * Election: all that a count starts from: who stands, who said what with which weight, who stayed away. Unlike a profile
 * nothing here is checked yet. Plain data, safe to journal.
 */
import type { Ballot, Candidate } from './ballot.ts'

/** A decimal or fraction, read exactly: 2, 0.1 (a tenth), '2/3'. Numbers are read by their shortest decimal text. */
export type ExactInput = number | string

/** One voter's ballot. */
export interface CastBallot {
  /** Who cast it. A voter with two ballots has none: which one was meant is not ours to guess. */
  readonly voter: string
  readonly ballot: Ballot
  /** 0 or more. Default 1. */
  readonly weight?: ExactInput
}

/** An eligible voter who cast nothing. Unlike an abstention an absence does not help the quorum. */
export interface Absence {
  readonly voter: string
  /** 0 or more. Default 1. */
  readonly weight?: ExactInput
}

/** A voter hands the weight to another, who votes with it or hands it on. The voter's own ballot, if there is one, goes first. */
export interface Delegation {
  readonly voter: string
  readonly to: string
  /** 0 or more. Default 1. */
  readonly weight?: ExactInput
}

/**
 * What a ranking says of those it does not list. `tied-last`: they are tied below all listed. `no-opinion`: pairs with one
 * of them are not counted.
 */
export type Unranked = 'tied-last' | 'no-opinion'

export interface Quorum {
  /** Share of the eligible weight that must be present, 0 to 1; '2/3' is exact. Reached when present is as much or more. */
  readonly share: ExactInput
  /** Eligible weight in all. Default: the weight of all voters named, whether they voted, abstained, were refused or absent. */
  readonly eligible?: ExactInput
}

export interface Election {
  /** One or more, all different. Their order decides nothing; outcomes list tied candidates in it. */
  readonly candidates: readonly Candidate[]
  readonly ballots: readonly CastBallot[]
  /** Eligible voters who cast nothing, for the quorum's default. */
  readonly absent?: readonly Absence[]
  /** Who lets another vote. A delegation that leads to no ballot is recorded, and its voter counts as absent. */
  readonly delegations?: readonly Delegation[]
  /** Steps from a voter to the ballot that counts, 1 to 1000; a longer chain carries nothing. Default 16. */
  readonly delegationStepsMax?: number
  /** Default `tied-last`. */
  readonly unranked?: Unranked
  /** Without one, any turnout decides. */
  readonly quorum?: Quorum
}

/** Beyond these an election is refused with `base.limit_exceeded`. */
export const electionLimits: {
  readonly candidatesMax: number
  readonly candidateMaxLength: number
  readonly ballotsMax: number
  /** Digits of the common denominator of all weights; thousands of unlike fractions would make every sum slow. */
  readonly weightDigitsMax: number
} = { candidatesMax: 500, candidateMaxLength: 1000, ballotsMax: 1_000_000, weightDigitsMax: 1000 }
