/** The face of the main road: agenda and evidence in, a recorded decision out. */
export { loadSagas } from './action-module.ts'
export type { LoadSagasOptions } from './action-module.ts'
export { parseAgenda, readAgenda, withDefaults } from './agenda.ts'
export type { Agenda, AgendaAction, AgendaParticipant } from './agenda.ts'
export { outcomeCommand } from './commit.ts'
export type { OutcomeCommand } from './commit.ts'
export { openCommitGroup } from './commit-group.ts'
export { convene } from './convene.ts'
export type { ConveneOptions, ConveneResult, Convening, ConveningOrigin } from './convene.ts'
export type { Decision, Dissent, Tally } from './decision.ts'
export * from './error.ts'
export { conveneTypes } from './event.ts'
export type {
  Acted,
  ActedStatus,
  Acting,
  Balloted,
  Committed,
  Concluded,
  ConcludedStatus,
  Contributed,
  ConveneData,
  ConveneEvent,
  ConveneType,
  OutcomeProposed,
  Started,
} from './event.ts'
export { loadEvidence } from './evidence.ts'
export type { Evidence, LoadEvidenceOptions } from './evidence.ts'
export { outcomeMachine } from './outcome-machine.ts'
export type { OutcomeKept, Outcomes } from './outcome-machine.ts'
export { minutes } from './minutes.ts'
export { conveningStreams, isSettled, readRecord } from './record.ts'
export type { ConveneRecord } from './record.ts'
