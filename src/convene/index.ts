/** The face of the main road: agenda and evidence in, a recorded decision out. */
export { parseAgenda, readAgenda, withDefaults } from './agenda.ts'
export type { Agenda, AgendaParticipant } from './agenda.ts'
export { convene } from './convene.ts'
export type { ConveneOptions, Convening, ConveningOrigin } from './convene.ts'
export * from './error.ts'
export { conveneTypes } from './event.ts'
export type {
  Balloted,
  Concluded,
  ConcludedStatus,
  Contributed,
  ConveneData,
  ConveneEvent,
  ConveneType,
  Started,
} from './event.ts'
export { loadEvidence } from './evidence.ts'
export type { Evidence, LoadEvidenceOptions } from './evidence.ts'
export { minutes } from './minutes.ts'
export { conveningStreams, readRecord } from './record.ts'
export type { ConveneRecord } from './record.ts'
