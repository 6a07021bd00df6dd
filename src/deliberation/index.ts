/** The face of the room: participants, discussions, debates and polls. */
export { actorParticipant } from './actor-participant.ts'
export type {
  ActorMotion,
  ActorParticipantOptions,
  ActorTurn,
  DeliberatingActor,
  FloorActor,
} from './actor-participant.ts'
export { cleanText } from './clean.ts'
export { correlation, krippendorffAlpha, lengthBias, selfPreference } from './core/agreement.ts'
export type { Agreement, Correlation, JudgedSide, Ratings, SelfPreference } from './core/agreement.ts'
export { bradleyTerry } from './core/bradley-terry.ts'
export type { BradleyTerry, BradleyTerryOptions, Match, Strength } from './core/bradley-terry.ts'
export { DebateInvalid, MatchesDisconnected } from './core/debate-error.ts'
export { checkFormat, formatLimits } from './core/debate-format.ts'
export type {
  AudiencePhase,
  CrossPhase,
  DebateFormat,
  DebatePhase,
  FormatSide,
  SeatRef,
  Sees,
  SpeechPhase,
  TurnBounds,
} from './core/debate-format.ts'
export type { AudienceItem, DebateItem, JudgementItem, SpokenItem, StopItem } from './core/debate-record.ts'
export type {
  AudienceShift,
  Comparison,
  DebateReport,
  Dissent,
  Flip as DebateFlip,
  SideCost,
  Verdict,
} from './core/debate-result.ts'
export type { Finding as JudgeFinding, JudgeVote, OnFlip } from './core/debate-verdict.ts'
export type { DebateBudget, DebateEnd } from './core/debate.ts'
export { all, any } from './core/plan.ts'
export type { Budget, DiscussionEnd, DiscussionPlan, Floor, Spend, Stop, Topology } from './core/plan.ts'
export { conformityOf, flipsOf } from './core/position.ts'
export type { Flip } from './core/position.ts'
export type { Overshoot } from './core/spending.ts'
export { defaultRubric } from './core/rubric.ts'
export type { RubricInput } from './core/rubric.ts'
export { britishParliamentary, crossExamination, lincolnDouglas, oxford, panel, policy } from './debate-formats.ts'
export type { CrossExaminationOptions, OxfordOptions, PanelOptions } from './debate-formats.ts'
export { JudgementRefused } from './debate-judging.ts'
export { runDebate } from './debate.ts'
export type { DebateEvidence, DebateOptions, DebateResult, DebateSide, JudgeSeat } from './debate.ts'
export { DiscussionInvalid } from './discussion-ask.ts'
export type { SpeechLimits } from './discussion-ask.ts'
export type { FloorState, Selector } from './discussion-choose.ts'
export { runDiscussion, startDiscussion } from './discussion.ts'
export type { CallInFlight, Discussion, DiscussionOptions, DiscussionResult, DiscussionSnapshot } from './discussion.ts'
export type { Document, DocumentLine } from './document.ts'
export { extractiveJudge } from './extractive-judge.ts'
export type { ExtractiveJudgeOptions, Measure } from './extractive-judge.ts'
export { extractive } from './extractive.ts'
export type { ExtractiveOptions } from './extractive.ts'
export { HumanGone, human, humanEscalation } from './human.ts'
export type { HumanEscalationOptions, HumanOptions } from './human.ts'
export { humanTerminal } from './human-terminal.ts'
export type { Conversation, HumanTerminal, HumanTerminalOptions } from './human-terminal.ts'
export type { Criterion, HeardSide, HeardSpeech, Hearing, Judge, Judgement } from './judge.ts'
export { llmJudge } from './llm-judge.ts'
export type { LlmJudgeOptions } from './llm-judge.ts'
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
export { participantJudge } from './participant-judge.ts'
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
export { tool } from './tool.ts'
export type { Tool, ToolLimits, ToolUse } from './tool.ts'
