/** The face of the room: participants, discussions and polls. */
export { actorParticipant } from './actor-participant.ts'
export type { ActorMotion, ActorParticipantOptions, ActorTurn, DeliberatingActor } from './actor-participant.ts'
export { cleanText } from './clean.ts'
export type { Budget, DiscussionEnd } from './core/discussion.ts'
export { DiscussionInvalid, runDiscussion } from './discussion.ts'
export type { DiscussionOptions, DiscussionResult, Offered, SpeechLimits } from './discussion.ts'
export type { Document, DocumentLine } from './document.ts'
export { extractive } from './extractive.ts'
export type { ExtractiveOptions } from './extractive.ts'
export { LlmBallotRefused, LlmSilent, llm } from './llm.ts'
export type { LlmOptions } from './llm.ts'
export type {
  Act,
  Contribution,
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
export type { CastVote, PollOptions } from './poll.ts'
export { quoteFinder, verifyQuote } from './quote.ts'
export type { QuoteFinder } from './quote.ts'
