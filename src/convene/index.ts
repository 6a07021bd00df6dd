/** The face of the main road: agenda and evidence in, a recorded decision out. */
export { parseAgenda, readAgenda, withDefaults } from './agenda.ts'
export type { Agenda, AgendaParticipant } from './agenda.ts'
export { outcomeCommand } from './commit.ts'
export type { OutcomeCommand } from './commit.ts'
export { openCommitGroup } from './commit-group.ts'
export { convene } from './convene.ts'
export type { ConveneOptions, Convening, ConveningOrigin } from './convene.ts'
export * from './error.ts'
export { conveneTypes } from './event.ts'
export type {
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
export { conveningStreams, readRecord } from './record.ts'
export type { ConveneRecord } from './record.ts'
