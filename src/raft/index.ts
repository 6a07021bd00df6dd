/**
 * The face of consensus: a member of a group as a user holds it (`createRaft`), elections, and below them the pure core: a member
 * without clock, socket or disk (`RawNode`), its words, a storage in memory, and the errors. Drivers have subpaths of their own.
 */
export { maxInflightMsgsDefault, maxPendingReadsDefault } from './core/config.ts'
export type { RaftConfig, ReadOnlyOption } from './core/config.ts'
export { asV2, formatConfChanges, parseConfChanges } from './core/conf-change.ts'
export { marshalConfChange, unmarshalConfChange } from './core/conf-change-codec.ts'
export type { MarshalledConfChange } from './core/conf-change-codec.ts'
export {
  describeConfState,
  describeEntries,
  describeEntry,
  describeHardState,
  describeMessage,
  describeReady,
  describeSnapshot,
  describeSoftState,
} from './core/describe.ts'
export type { DataFormat } from './core/describe.ts'
export type { CampaignKind, RaftEvent, Role } from './core/event.ts'
export type { ReadState } from './core/machine.ts'
export { MemoryStorage } from './core/memory-storage.ts'
export type { SnapshotOutOfDate } from './core/memory-storage.ts'
export { appendThread, applyThread, emptyConfState, emptyHardState, message, nobody } from './core/message.ts'
export type {
  AnyConfChange,
  ConfChange,
  ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  ConfChangeV2,
  ConfState,
  Entry,
  EntryType,
  HardState,
  MemberId,
  Message,
  MessageType,
  Snapshot,
  SnapshotMetadata,
} from './core/message.ts'
export type { Progress, ProgressState } from './core/progress.ts'
export { committedIndex, majorityCommittedIndex, majorityVoteResult, voteResult } from './core/quorum.ts'
export type { AckedIndex, JointConfig, MajorityConfig, VoteResult } from './core/quorum.ts'
export { RawNode } from './core/raw-node.ts'
export type { Ready, SoftState } from './core/ready.ts'
export type { BasicStatus, Status } from './core/status.ts'
export type { Compacted, Storage, Unavailable } from './core/storage.ts'
export type { TrackerConfig } from './core/tracker.ts'
export { entriesBytes, entryBytes, payloadBytes } from './core/wire-size.ts'
export {
  BrokenInvariant,
  ConfChangeRefused,
  GroupTaken,
  InvalidConfChange,
  InvalidConfig,
  InvalidFrame,
  InvalidMessage,
  ListenFailed,
  LogCorrupt,
  LogFailed,
  LogForeign,
  NothingToRecover,
  OutOfOrder,
  PeerNotFound,
  ProposalDropped,
  ReadDropped,
  SnapshotDamaged,
  SnapshotReplaced,
  StepLocal,
  StreamFailed,
  Unauthenticated,
} from './error.ts'
export type { ProposalDroppedReason, ReadDroppedReason } from './error.ts'
export { electionMachine, electionOf } from './election.ts'
export type { Election, ElectionOptions, Leadership } from './election.ts'
export type {
  AddMemberOptions,
  CallOptions,
  Decision,
  DecisionsOptions,
  Finding,
  FollowerInfo,
  LeaderInfo,
  MemberInfo,
  Phase,
  Proposed,
  Raft,
  RaftCalls,
  RaftOptions,
  RaftSession,
  RaftStatus,
  ReadLevel,
  ReadOptions,
  WaitOptions,
} from './raft.ts'
export { createRaft } from './replica.ts'
export {
  AnswerForgotten,
  BacklogFull,
  ChangeRefused,
  CommandFailed,
  DecisionsCompacted,
  InvalidResult,
  NoLeader,
  NoQuorum,
  OutcomeUnknown,
  ReplicaFailed,
  SessionExpired,
  TransferFailed,
} from './replica-error.ts'
export type { ProposalKey } from './replica-error.ts'
export { stateMachine } from './state-machine.ts'
export type { Applied, ApplyMeta, StateMachine, StateMachineDefinition } from './state-machine.ts'
export { decodeSnapshotContent, encodeSnapshotContent } from './log-codec.ts'
export type { LogIdentity, LogStore, SaveRequest, SnapshotContent, StoredSnapshot } from './log-store.ts'
export type { GroupLink, Receiver, Transport, TransportCounts } from './transport.ts'
