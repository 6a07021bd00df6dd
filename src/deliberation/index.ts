/** The face of the room: participants, discussions and polls. */
export { actorParticipant } from './actor-participant.ts'
export type {
  ActorMotion,
  ActorParticipantOptions,
  ActorTurn,
  DeliberatingActor,
  FloorActor,
} from './actor-participant.ts'
export { cleanText } from './clean.ts'
export { all, any } from './core/plan.ts'
export type { Budget, DiscussionEnd, DiscussionPlan, Floor, Spend, Stop, Topology } from './core/plan.ts'
export { conformityOf, flipsOf } from './core/position.ts'
export type { Flip } from './core/position.ts'
export type { Overshoot } from './core/spending.ts'
export { DiscussionInvalid } from './discussion-ask.ts'
export type { SpeechLimits } from './discussion-ask.ts'
export type { FloorState, Selector } from './discussion-choose.ts'
export { runDiscussion, startDiscussion } from './discussion.ts'
export type { CallInFlight, Discussion, DiscussionOptions, DiscussionResult, DiscussionSnapshot } from './discussion.ts'
export type { Document, DocumentLine } from './document.ts'
export { extractive } from './extractive.ts'
export type { ExtractiveOptions } from './extractive.ts'
export { LlmBallotRefused, LlmSilent, llm } from './llm.ts'
export type { LlmOptions } from './llm.ts'
export type {
  Act,
  Bid,
  CastVote,
  Chosen,
  Contribution,
  Draft,
  Estimate,
  Motion,
  Participant,
  Position,
  Quote,
  Side,
  Speech,
  Turn,
  Usage,
  Vote,
} from './participant.ts'
export { PassageIndexFailed, passageIndex } from './passage-index.ts'
export type { PassageIndex } from './passage-index.ts'
export { BallotRefused, runPoll } from './poll.ts'
export type { PollOptions } from './poll.ts'
export { countPoll } from './count-poll.ts'
export type { PollCount } from './count-poll.ts'
export { holdPoll } from './hold-poll.ts'
export type { HoldPollOptions, OpenItem, PollItem, PollResult } from './hold-poll.ts'
export type { Attendance, PollPlan } from './poll-plan.ts'
export type { SealedCommitment, SealedItem, SealedReveal, SealedVote } from './sealed-ballots.ts'
export { keySealer } from './sealer.ts'
export type { Sealer } from './sealer.ts'
export { quoteFinder, verifyQuote } from './quote.ts'
export type { QuoteFinder } from './quote.ts'
export { contributionsOf, isContribution } from './record.ts'
export type { DiscussionItem, Escalation, FloorChoice, StrawPoll, TalkEnd } from './record.ts'
