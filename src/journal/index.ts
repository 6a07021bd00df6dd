/**
 * The face of the room: the port and its errors. Drivers (`colloquy/journal/memory`, `colloquy/journal/sqlite`) and the
 * checks that every driver must pass (`colloquy/journal/conformance`) have subpaths of their own and are never imported
 * here.
 */
export {
  ConditionFailed,
  EventTooLarge,
  EventUnreadable,
  InvalidEvent,
  InvalidPosition,
  JournalClosed,
  JournalReadonly,
  JournalUnsupported,
  KeyReused,
  StreamEnded,
  WrongVersion,
} from './error.ts'
export { decider } from './decider.ts'
export type { Decider, DeciderSpec, DomainEvent } from './decider.ts'
export { Contention, EventMismatch, HistoryErased, UnknownEventType, UpcastFailed } from './error.ts'
export { ConsumerExists, GroupConflict, GroupTaken, LeaseLost } from './error.ts'
export type { EventBond, EventDetail, EventOrigin } from './event-maker.ts'
export { execute } from './execute.ts'
export type { Executed, ExecuteOptions } from './execute.ts'
export type {
  ConsumeOptions,
  ConsumerGroup,
  Delivery,
  GroupOptions,
  GroupStatus,
  NackOptions,
  ParkedEvent,
  ParkedSelection,
} from './group.ts'
export {
  ParkedFull,
  ProjectionBehind,
  ProjectionFailed,
  ProjectionNewer,
  ProjectionRebuilding,
  ProjectionStopped,
  ProjectionSwitched,
  ProjectionForeign,
  ProjectionMismatch,
  ProjectionSchemaMissing,
  ProjectionTaken,
} from './error.ts'
export type {
  CaughtUpOptions,
  Discarded,
  ErrorPolicy,
  FollowOptions,
  FollowState,
  FollowStatus,
  Retried,
} from './projection-follower.ts'
export type { ProjectionContext } from './projection-fold.ts'
export { runProjection } from './projection-runner.ts'
export type {
  ProjectionRunner,
  ProjectionStatus,
  RebuildOptions,
  RebuildProgress,
  RunProjectionOptions,
  TableProjectionRunner,
} from './projection-runner.ts'
export { projectionSchema } from './projection-schema.ts'
export { projecting, servedGeneration, tableProjection } from './projection-table.ts'
export type {
  Projecting,
  TableContext,
  TableEffect,
  TableProjection,
  TableProjectionOptions,
} from './projection-table.ts'
export { projectionView } from './projection-view.ts'
export type { KeyedState, ParkedRecord, ProjectionView, ReadOptions } from './projection-view.ts'
export { projection } from './projection.ts'
export type { InlineProjection, Projection, ProjectionHandler, ProjectionOptions } from './projection.ts'
export { reactor } from './reactor.ts'
export type { Reactor, ReactorContext, ReactorEvent, ReactorHandler, ReactorOptions } from './reactor.ts'
export { runReactor } from './reactor-runner.ts'
export type {
  ParkedMessage,
  ReactorRunner,
  ReactorStatus,
  RewindOptions,
  RunReactorOptions,
  SendingPolicy,
} from './reactor-runner.ts'
export type { SchemaIssue, SchemaResult, StandardSchema } from './schema.ts'
export { journal } from './typed.ts'
export type {
  Appendable,
  EventOf,
  TypedBatch,
  TypedEvent,
  TypedExecuteOptions,
  TypedFilter,
  TypedInput,
  TypedJournal,
  TypedJournalOptions,
  TypedReadAllOptions,
  TypedRecorded,
  TypedStreamAppend,
  TypedSubscribeOptions,
  TypeOf,
} from './typed-journal.ts'
export type { Upcasters } from './upcast.ts'
export { archive } from './archive.ts'
export type { Archived, ArchiveOptions, ArchiveProgress, ArchiveSink } from './archive.ts'
export { archiveFile } from './archive-file.ts'
export {
  ArchiveConflict,
  ArchiveUnwritable,
  RestoreConflict,
  RestoreForeign,
  TransferBroken,
  TransferConflict,
} from './error.ts'
export { exportEvents } from './export-events.ts'
export type { ExportFormat, ExportOptions, ExportProgress } from './export-events.ts'
export { importEvents } from './import-events.ts'
export type { Imported, ImportOptions, ImportProgress } from './import-events.ts'
export { restoreEvents } from './restore-events.ts'
export type { RestoreOptions, RestoreProgress } from './restore-events.ts'
export { start } from './journal.ts'
export type {
  AppendCondition,
  Appended,
  AppendManyOptions,
  AppendOptions,
  Batch,
  BatchOption,
  Erased,
  ExpectedVersion,
  Filter,
  Journal,
  JournalCapabilities,
  JournalLimits,
  Position,
  ReadAllOptions,
  ReadBackwardOptions,
  ReadStreamOptions,
  Recorded,
  Restored,
  Retained,
  StreamAppend,
  StreamInfo,
  StreamMetadata,
  StreamsOptions,
  SubscribeJournalOptions,
} from './journal.ts'
