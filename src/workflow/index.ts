/** The face of the room: sagas that end whole or undone. */
export { accountOf } from './account.ts'
export type { FindDefinition, RunAccount, StepAccount } from './account.ts'
export { command, propose } from './command.ts'
export type { Commanded, CommandOptions, ProposeTarget } from './command.ts'
export { createWorkflow } from './create-workflow.ts'
export type { WorkflowOptions } from './workflow-options.ts'
export type { Definition } from './core/definition.ts'
export type { Fault, Resolution } from './core/record.ts'
export type { EmitOptions, StepContext, StepOrder } from './core/step-context.ts'
export * from './error.ts'
export { gate, passGate } from './fence.ts'
export type { Gate } from './fence.ts'
export { recordText, turnsOf } from './history-text.ts'
export type { Turn } from './history-text.ts'
export { runPicture, sagaPicture } from './picture.ts'
export type { PicturedRun, RunPictureOptions } from './picture.ts'
export { rehearse } from './rehearse.ts'
export type { Rehearsal, RehearseOptions } from './rehearse.ts'
export { hasPivot, isSaga, ParallelGroup, saga, SagaBuilder } from './saga.ts'
export type { AnySaga, Approval, EachOptions, SagaOptions, WaitOptions } from './saga.ts'
export type {
  Irreversible,
  Known,
  MemberOptions,
  Pivot,
  ReadOnly,
  Retriable,
  RetryOptions,
  StepOptions,
  Undoable,
  Work,
} from './step-options.ts'
export type {
  Left,
  ResolveOptions,
  Run,
  RunResult,
  RunStatus,
  RunSummary,
  RunView,
  Schedule,
  ScheduleOptions,
  StartOptions,
  StepView,
  Workflow,
  WorkflowStatus,
} from './workflow.ts'
