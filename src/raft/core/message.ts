/**
 * The words of the raft core: entries, messages, hard state, snapshots, configuration changes, as plain data. They are
 * the protocol of etcd-io/raft (its raftpb) in TypeScript's clothes, so that whoever knows one reads the other. Nothing
 * here acts: the machine is raft.ts, sizes on the wire are wire-size.ts, texts for people are describe.ts.
 *
 * Terms, indexes and ids are safe integers. Data is shared, never copied: whoever hands bytes to the core does not
 * change them afterwards.
 */

/** A member of a group: a whole number from 1; 0 is nobody. Names are mapped to ids by the shell, in the log. */
export type MemberId = number

/** Nobody: no vote cast, no leader known. */
export const nobody: MemberId = 0

/** Where a message of asynchronous storage goes: the thread that writes entries, hard state and snapshots. */
export const appendThread: MemberId = -1

/** Where a message of asynchronous storage goes: the thread that applies committed entries. */
export const applyThread: MemberId = -2

export type EntryType = 'EntryNormal' | 'EntryConfChange' | 'EntryConfChangeV2'

export interface Entry {
  readonly term: number
  readonly index: number
  readonly type: EntryType
  /** Undefined for the empty entry that a leader appends when it begins its term. */
  readonly data?: Uint8Array | undefined
}

/** What must be on disk before the messages that depend on it leave. */
export interface HardState {
  readonly term: number
  readonly vote: MemberId
  readonly commit: number
}

/** Who counts, as it stands in snapshots and in the state of a storage. */
export interface ConfState {
  readonly voters: readonly MemberId[]
  readonly learners: readonly MemberId[]
  /** The voters of the outgoing half of a joint configuration; empty when it is not joint. */
  readonly votersOutgoing: readonly MemberId[]
  /** Voters of the outgoing half who become learners when the joint configuration is left. */
  readonly learnersNext: readonly MemberId[]
  /** Whether the leader leaves the joint configuration by itself once it has applied it. */
  readonly autoLeave: boolean
}

export interface SnapshotMetadata {
  readonly index: number
  readonly term: number
  readonly confState: ConfState
}

export interface Snapshot {
  readonly metadata: SnapshotMetadata
  readonly data?: Uint8Array | undefined
}

export type ConfChangeType =
  | 'ConfChangeAddNode'
  | 'ConfChangeRemoveNode'
  | 'ConfChangeUpdateNode'
  | 'ConfChangeAddLearnerNode'

export interface ConfChangeSingle {
  readonly type: ConfChangeType
  readonly nodeId: MemberId
}

/** One change of one member, the older form: what EntryConfChange carries. */
export interface ConfChange extends ConfChangeSingle {
  readonly version: 1
  readonly context?: Uint8Array | undefined
}

/** How a change of several members is made: auto takes the simple way for one change, else a joint one that leaves by itself. */
export type ConfChangeTransition =
  | 'ConfChangeTransitionAuto'
  | 'ConfChangeTransitionJointImplicit'
  | 'ConfChangeTransitionJointExplicit'

/** Changes of any number of members, the newer form: what EntryConfChangeV2 carries. Without changes it leaves a joint configuration. */
export interface ConfChangeV2 {
  readonly version: 2
  readonly transition: ConfChangeTransition
  readonly changes: readonly ConfChangeSingle[]
  readonly context?: Uint8Array | undefined
}

export type AnyConfChange = ConfChange | ConfChangeV2

export type MessageType =
  | 'MsgHup'
  | 'MsgBeat'
  | 'MsgProp'
  | 'MsgApp'
  | 'MsgAppResp'
  | 'MsgVote'
  | 'MsgVoteResp'
  | 'MsgSnap'
  | 'MsgHeartbeat'
  | 'MsgHeartbeatResp'
  | 'MsgUnreachable'
  | 'MsgSnapStatus'
  | 'MsgCheckQuorum'
  | 'MsgTransferLeader'
  | 'MsgTimeoutNow'
  | 'MsgReadIndex'
  | 'MsgReadIndexResp'
  | 'MsgPreVote'
  | 'MsgPreVoteResp'
  | 'MsgStorageAppend'
  | 'MsgStorageAppendResp'
  | 'MsgStorageApply'
  | 'MsgStorageApplyResp'
  | 'MsgForgetLeader'

/** One message. A field that a type does not use is left at its zero: 0, no entries, false, undefined. */
export interface Message {
  readonly type: MessageType
  readonly to: MemberId
  readonly from: MemberId
  readonly term: number
  /** Term of the entry at `index`, or of the last entry in votes. */
  readonly logTerm: number
  readonly index: number
  readonly entries: readonly Entry[]
  readonly commit: number
  /** The vote to store, in messages to the append thread. */
  readonly vote: MemberId
  readonly snapshot?: Snapshot | undefined
  readonly reject: boolean
  readonly rejectHint: number
  readonly context?: Uint8Array | undefined
  /** What is to be sent once the work of a message to a storage thread is done. */
  readonly responses: readonly Message[]
}

/** A message with its zeros filled in. */
export function message(fields: Partial<Message> & { readonly type: MessageType }): Message {
  return {
    type: fields.type,
    to: fields.to ?? nobody,
    from: fields.from ?? nobody,
    term: fields.term ?? 0,
    logTerm: fields.logTerm ?? 0,
    index: fields.index ?? 0,
    entries: fields.entries ?? [],
    commit: fields.commit ?? 0,
    vote: fields.vote ?? nobody,
    snapshot: fields.snapshot,
    reject: fields.reject ?? false,
    rejectHint: fields.rejectHint ?? 0,
    context: fields.context,
    responses: fields.responses ?? [],
  }
}

export const emptyHardState: HardState = Object.freeze({ term: 0, vote: nobody, commit: 0 })

export const emptyConfState: ConfState = Object.freeze({
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
})
