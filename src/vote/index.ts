/**
 * The face of the voting room: what another room, or a program, imports. What is not named here may change without notice.
 */
export type {
  Abstention,
  ApprovalBallot,
  AskedKind,
  Ballot,
  BallotKind,
  Candidate,
  GradesBallot,
  RankedBallot,
  SingleBallot,
} from './ballot.ts'
export { checkBallot } from './check.ts'
export { SealedPoll, sealedLimits } from './commit-reveal.ts'
export type {
  Commitment,
  Reveal,
  SealedClosing,
  SealedRefusal,
  SealedRefusalCause,
  SealedTerms,
  SealedVoter,
  Secrecy,
  Unrevealed,
} from './commit-reveal.ts'
export { auditRecord, verifyAudit } from './commit-reveal-audit.ts'
export type { AuditOptions, AuditRecord, AuditReport, AuditReveal } from './commit-reveal-audit.ts'
export { commitmentLimits, commitmentTo } from './commitment.ts'
export type { Committed, Digest } from './commitment.ts'
export { electionLimits } from './election.ts'
export type { Absence, CastBallot, Delegation, Election, ExactInput, Quorum, Unranked } from './election.ts'
export { InvalidElection, RuleBroken, TieUnfit, TooLarge, TooManyUniverses, UnknownRule, UnknownTie } from './error.ts'
export { countTables, explain, pairwiseTable } from './explain.ts'
export type { Grading } from './grading.ts'
export type { LinkStrength } from './link.ts'
export type {
  CarriedDelegation,
  Counted,
  DelegationOutcome,
  Exact,
  IdleCause,
  IdleDelegation,
  Outcome,
  OutcomeStatus,
  Proof,
  ProofTable,
  QuorumOutcome,
  Round,
  Score,
  TieStep,
} from './outcome.ts'
export { pairwise } from './pairwise.ts'
export type { PairwiseMatrix } from './pairwise.ts'
export type { Profile, ProfileBallot, Refusal } from './profile.ts'
export {
  add,
  compare,
  divide,
  multiply,
  parseRational,
  rational,
  subtract,
  toDecimal,
  toNumber,
  toText,
} from './rational.ts'
export type { Rational } from './rational.ts'
export { ruleNamed, rules } from './registry.ts'
export { rankByScore } from './rule.ts'
export { ruleFrom, ruleNames, ruleOptions, ruleSpec, ruleUnfit } from './rule-from.ts'
export type { RuleSpec } from './rule-from.ts'
export type { Count, CountHelp, CountRound, CountTable, Rule } from './rule.ts'
export { approval } from './rules/approval.ts'
export { borda } from './rules/borda.ts'
export { instantRunoff } from './rules/instant-runoff.ts'
export { plurality } from './rules/plurality.ts'
export { schulze } from './rules/schulze.ts'
export { condorcetLoser, condorcetWinner } from './rules/condorcet.ts'
export { smithSet } from './rules/smith-set.ts'
export { copeland } from './rules/copeland.ts'
export { minimax } from './rules/minimax.ts'
export type { DefeatMeasure } from './rules/minimax.ts'
export { dodgsonTideman } from './rules/dodgson-tideman.ts'
export { splitCycle } from './rules/split-cycle.ts'
export { rankedPairs } from './rules/ranked-pairs.ts'
export { coombs } from './rules/coombs.ts'
export { twoRound } from './rules/two-round.ts'
export { baldwin, nanson } from './rules/borda-elimination.ts'
export { bucklin } from './rules/bucklin.ts'
export { dowdall } from './rules/dowdall.ts'
export { majority, supermajority, unanimity } from './rules/threshold.ts'
export { cumulative, disAndApproval, quadratic, score } from './rules/score.ts'
export type { ScaleOptions } from './rules/score.ts'
export { star } from './rules/star.ts'
export { majorityJudgement } from './rules/majority-judgement.ts'
export { kemeny } from './rules/kemeny.ts'
export { randomBallot, randomSmith } from './rules/random-ballot.ts'
export { maximalLotteries } from './rules/maximal-lotteries.ts'
export { stv } from './rules/stv.ts'
export type { StvOptions } from './rules/stv.ts'
export { meek } from './rules/meek.ts'
export type { MeekOptions } from './rules/meek.ts'
export { pav } from './rules/pav.ts'
export type { PavOptions } from './rules/pav.ts'
export { equalShares } from './rules/equal-shares.ts'
export type { EqualSharesCompletion, EqualSharesOptions } from './rules/equal-shares.ts'
export { stvQuota } from './stv-quota.ts'
export type { StvQuota } from './stv-quota.ts'
export { dodgson } from './rules/dodgson.ts'
export { SharedSums, Sums, timesUnits } from './sums.ts'
export type { Units } from './sums.ts'
export { tally } from './tally.ts'
export type { TallyOptions } from './tally.ts'
export { by, parseTie, seeded, tieChain, unfitTie } from './tie.ts'
export type { TieBreak, TieText } from './tie.ts'
