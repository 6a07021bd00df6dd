/**
 * Ballots: what one voter said, before any rule counts it. Pure data. Unlike the ballots of a profile these are not yet
 * checked against an election; `check.ts` does that and says why one is refused.
 */
export type Candidate = string

/** Levels best first; the candidates of one level are tied. Who is not listed is unranked. */
export interface RankedBallot {
  readonly kind: 'ranked'
  readonly ranking: readonly (readonly Candidate[])[]
}

export interface ApprovalBallot {
  readonly kind: 'approval'
  readonly approves: readonly Candidate[]
}

export interface SingleBallot {
  readonly kind: 'single'
  readonly choice: Candidate
}

/** A grade for each candidate, a number with at most six decimals, inside the scale that the rule states. */
export interface GradesBallot {
  readonly kind: 'grades'
  readonly grades: Readonly<Record<Candidate, number>>
}

/** Present, counted for the quorum, and for nobody. */
export interface Abstention {
  readonly kind: 'abstain'
}

export type Ballot = RankedBallot | ApprovalBallot | SingleBallot | GradesBallot | Abstention
export type BallotKind = Exclude<Ballot['kind'], 'abstain'>
/** The kinds that a poll can ask its participants for. */
export type AskedKind = BallotKind
