/** The face of the room: kinds of actors, references, supervisors, and the errors a caller meets. */
export { actor } from './define.ts'
export { actorSystem } from './system.ts'
export type { ActorSystem, ActorSystemOptions } from './system.ts'
export type { DeadLetter, DeadLetters } from './dead-letter.ts'
export type { ActorCounts, ActorGroupSnapshot, ActorSnapshot, SnapshotOptions, SystemSnapshot } from './snapshot.ts'
export type {
  ActorDefinition,
  ActorRef,
  ActorSpec,
  Address,
  Answer,
  AnyProtocol,
  BoundContext,
  BoundRef,
  CallOptions,
  Context,
  Delivery,
  ExitReason,
  Handlers,
  Later,
  MailboxOptions,
  MessageOf,
  Monitor,
  Protocol,
  ProtocolOf,
  Receipt,
  Restart,
  ResultOf,
  SendOptions,
  Signal,
  SpawnArguments,
  SpawnOptions,
  StopActorOptions,
  Subscription,
  Undelivered,
} from './actor.ts'
export {
  CallCycle,
  CallFailed,
  CallTimeout,
  EventTaken,
  EventToken,
  GroupEmpty,
  HandlerTimeout,
  JournalMissing,
  MailboxFull,
  NameTaken,
  NotRunning,
  RestartIntensity,
  StaleContext,
  StartFailed,
  StashFull,
  UnknownEvent,
  UnknownMessage,
} from './error.ts'
export { pool } from './pool.ts'
export type { PoolOptions, PoolProtocol, Sent } from './pool.ts'
export { persistentActor } from './persistent.ts'
export type { CommandsOf, Committed, Deciders, PersistentSpec } from './persistent.ts'
export type { DomainEvent } from '../journal/decider.ts'
export type { AllMembers, Group, GroupAnswer } from './group.ts'
export type { EventOptions, EventProducer, Events, StreamOptions } from './event-hub.ts'
export { child, childRef, supervisor } from './supervisor.ts'
export type {
  ChildArguments,
  ChildOptions,
  ChildrenProtocol,
  ChildSpec,
  DynamicSupervisorProtocol,
  DynamicSupervisorSpec,
  SupervisorProtocol,
  SupervisorSpec,
} from './supervisor.ts'
export type { ChildInfo } from './supervisor-shell.ts'
export type { AutoShutdown, Backoff, Strategy } from './core/supervision.ts'
export type { ChildState } from './core/supervision-child.ts'
export { ChildBusy, ChildDisabled, ChildExists, ChildType, UnknownChild } from './supervisor-error.ts'
