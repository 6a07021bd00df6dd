/**
 * The kit for users' tests: a clock that moves when told, chance with a seed, a model that says what it is told to, a probe
 * for actors, deciders without a journal, a harness that kills the workers of sagas. For messages through the codec give the system one: `actorSystem({ codec: jsonCodec() })`.
 */
export { manualClock } from '../base/manual-clock.ts'
export type { ManualClock } from '../base/manual-clock.ts'
export { predictableEntropy } from '../base/entropy.ts'
export { seededRandom } from '../base/random.ts'
export { jsonCodec } from '../base/codec.ts'
export { DeadLettersFound, GivenMismatch, ProbeMismatch } from './error.ts'
export { given } from './given.ts'
export type { GivenEvents, Outcome } from './given.ts'
export { actorProbe, failOnDeadLetters } from './probe.ts'
export type { ActorProbe, DeadLetterGuard, ProbeMessage, ProbeOptions } from './probe.ts'
export { sagaHarness } from './saga-harness.ts'
export type { SagaEnd, SagaHarness, SagaHarnessOptions, SagaHarnessReport } from './saga-harness.ts'
export type { SagaCall } from './saga-harness-calls.ts'
export type { SagaCancel, SagaCase, SagaFault, SagaFaultKind, SagaKill, SagaStall } from './saga-harness-case.ts'
export { SagaBroken } from './saga-harness-error.ts'
export type { SagaViolation } from './saga-harness-evidence.ts'
export { scriptedModel } from './scripted-model.ts'
export type { ScriptedAnswer, ScriptedModel, ScriptedModelOptions, ScriptedReply } from './scripted-model.ts'
