/**
 * Raft as a user holds it: a group of members that agree on one order of commands and keep the state that a machine makes of them.
 * Unlike the core (`RawNode`) it has a clock, a log and a transport, knows members by name, and answers calls. Types only;
 * `createRaft` in replica.ts makes it. The shape of the API follows hashicorp/raft, sessions chapter 6.3 of Ongaro's thesis.
 */
import type { Clock } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { LogStore, StoredSnapshot } from './log-store.ts'
import type { ProposalKey } from './replica-error.ts'
import type { StateMachine } from './state-machine.ts'
import type { Transport, TransportCounts } from './transport.ts'

export interface RaftOptions<State, Command, Result> {
  /** At most 256 characters; on the bus one token of a subject. */
  readonly group: string
  /** The name of this member in it. */
  readonly member: string
  /**
   * Who founds the group: names, or names with the addresses that the transport needs. It counts once: from then on the log says who
   * is a member. For a member that joins: whom to ask.
   */
  readonly members: readonly string[] | Readonly<Record<string, string>>
  readonly machine: StateMachine<State, Command, Result>
  /** What this member keeps. It stays its owner's to close. */
  readonly log: LogStore
  /** It stays its owner's to close. */
  readonly transport: Transport
  /** True for one that is added to a group which exists: it waits for `addMember` elsewhere and founds nothing. Default false. */
  readonly join?: boolean
  /** Between heartbeats of the leader, in ms, and the unit in which time is counted. Default 100. */
  readonly heartbeatMs?: number
  /** Silence before an election starts, in ms. Default 1000, ten heartbeats; each member adds up to as much again by chance. */
  readonly electionTimeoutMs?: number
  /** How long a call waits unless it says otherwise, in ms. Default 10,000. */
  readonly timeoutMs?: number
  /** Proposals of this member that wait for their answer; and at the leader those of others that wait to be appended. Default 4096. */
  readonly backlogMax?: number
  /** Bytes of them. Default 64 MiB. */
  readonly backlogMaxBytes?: number
  /** Bytes of one command. Default 1 MiB, and never more than a frame of the transport takes. */
  readonly commandMaxBytes?: number
  /** Reads of this member that wait. Default 65,536. */
  readonly readsMax?: number
  /** How long this member's own session and those of `session()` last without a proposal, by the time in the log. Default 600,000. */
  readonly sessionTimeoutMs?: number
  /** Entries applied since the last snapshot before the next is made. Default 10,000. */
  readonly snapshotEveryEntries?: number
  /** Bytes of their commands before the next is made. Default 64 MiB. */
  readonly snapshotEveryBytes?: number
  /** Entries that stay in the log behind a snapshot, for members that lag and for `decisions`. Default 5000. */
  readonly keepEntries?: number
  /**
   * Whether the leader may read without a round of messages while it holds a lease (thesis 6.4.1). It must be the same on all
   * members. A read is then right as long as no two members' clocks differ in rate by more than 2 heartbeats in an election timeout:
   * a fifth, at the defaults. Only reads of the level `lease` rest on it. Default false: they then take a round as `linearizable` does.
   */
  readonly lease?: boolean
  readonly clock?: Clock
  /** For election timeouts. Default: seeded from the entropy. */
  readonly random?: Random
  /** For nonces. Default the system's. */
  readonly entropy?: Entropy
  readonly logger?: Logger
}

export interface Proposed<Result> {
  readonly result: Result
  /** Where in the log it was applied. */
  readonly index: number
  readonly term: number
}

/**
 * `linearizable`: sees all that was answered before the read began, at the price of one round to a quorum for all reads that wait.
 * `lease`: the same without a round, see `RaftOptions.lease`; it joins the round of a stricter read that waits with it. `stale`: what this member has, at once.
 */
export type ReadLevel = 'linearizable' | 'lease' | 'stale'

export interface ReadOptions {
  /** Default `linearizable`. */
  readonly level?: ReadLevel
}

export interface CallOptions {
  /** In ms. Default that of the replica. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Proposals belong to this session. Default: one that the replica registers for itself. */
  readonly session?: RaftSession
  /** The proposal is the one of this key, made once more. */
  readonly retry?: ProposalKey
}

/** A session of a client, which outlives leaders and restarts. */
export interface RaftSession extends AsyncDisposable {
  /** The index of its entry. */
  readonly id: number
  /** Ends it in the log; its answers are forgotten. */
  close(): Promise<void>
}

/** Calls with options of their own. */
export interface RaftCalls<State, Command, Result> {
  /**
   * Has a command decided and applied, once, and gives its result. Rejects
   * - with `raft.command_failed` when `apply` threw: it was decided and changed nothing;
   * - with `raft.backlog_full`, `raft.no_leader`, `raft.no_quorum`, `base.limit_exceeded`, `base.aborted`, `base.closed`: nothing
   *   was appended and nothing will be;
   * - with `raft.outcome_unknown` in all other cases: try again with its key;
   * - with `raft.session_expired` or `raft.answer_forgotten` for sessions and keys that are over.
   */
  propose(command: Command): Promise<Proposed<Result>>
  /** Rejects with `raft.no_leader`, `raft.no_quorum`, `raft.backlog_full`, `base.aborted`, or what `select` throws. */
  read<T>(select: (state: State) => T, options?: ReadOptions): Promise<T>
  /** Resolves with the index that this member has applied, once that is all that was committed before the call. */
  barrier(): Promise<number>
}

export interface AddMemberOptions {
  /** It gets the log and does not vote, until `promote`. Default false: it is promoted once it has caught up. */
  readonly learner?: boolean
  /** Where the transport finds it. */
  readonly address?: string
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface WaitOptions {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface LeaderInfo {
  readonly name: string
  readonly term: number
  /**
   * Goes with leadership and only ever grows: whoever acts for the group shows it, and who has seen a higher one refuses. It
   * is the term, of which no two leaders share one (section 5.2).
   */
  readonly fencing: number
  readonly self: boolean
}

export interface Decision<Command> {
  readonly index: number
  readonly term: number
  /** Of the leader that appended it. */
  readonly timeMs: number
  readonly command: Command
}

export interface DecisionsOptions {
  /** The first index. Default: what comes from now on. */
  readonly from?: number
  readonly signal?: AbortSignal
}

export interface MemberInfo {
  readonly name: string
  readonly id: number
  readonly address: string
  readonly role: 'voter' | 'learner' | 'leaving'
}

export type Phase = 'discovering' | 'running' | 'failed' | 'closed'

export interface RaftStatus {
  readonly group: string
  readonly member: string
  readonly phase: Phase
  /** 32 hex digits; empty before it is known. */
  readonly groupId: string
  /** 0 before it is known. */
  readonly id: number
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner' | 'none'
  readonly term: number
  readonly leader: string | undefined
  /** The token of the leader that is known; 0 for none. */
  readonly fencing: number
  readonly commitIndex: number
  readonly appliedIndex: number
  readonly lastIndex: number
  /** The first entry that the log still has. */
  readonly firstIndex: number
  readonly snapshotIndex: number
  readonly snapshotBytes: number
  /** Of the log, without snapshots. */
  readonly logBytes: number
  readonly sessions: number
  /** Proposals of this member without an answer. */
  readonly waiting: number
  /** Frames of other groups, of nobody we know, or that could not be read. */
  readonly refusedFrames: number
  /** What a leader knows of the others; empty elsewhere. */
  readonly followers: readonly FollowerInfo[]
  readonly transport: TransportCounts | undefined
}

/** One of the others, as the leader sees it. */
export interface FollowerInfo {
  readonly name: string
  /** Up to here its log is known to be the leader's. */
  readonly matchIndex: number
  /** Entries of the leader's log that it is not known to have. */
  readonly lagEntries: number
  /** `probing`: where the logs agree is being found out; `snapshot`: it is being sent one. */
  readonly state: 'probing' | 'replicating' | 'snapshot'
  /** Within two election timeouts. */
  readonly heard: boolean
}

export interface Finding {
  /**
   * `ok`; `failed`, `closed`; `waiting_for_members`, `waiting_to_join`, `rejoining`; `removed`; `learner`; `no_quorum`, `no_leader`,
   * `transferring`; `log_stalled`; at the leader also `member_silent`, `lagging`; `backlog`.
   */
  readonly code: string
  /** A sentence for people, with the mend. */
  readonly text: string
  /** Whom it is about. */
  readonly members: readonly string[]
}

export interface Raft<State, Command, Result> extends RaftCalls<State, Command, Result>, AsyncDisposable {
  readonly group: string
  readonly member: string
  /** The same calls with these options. Throws `base.invalid_argument`. */
  with(options: CallOptions): RaftCalls<State, Command, Result>
  /** Registers a session through the log. Rejects as a proposal does. */
  session(options?: { readonly idleTimeoutMs?: number } & WaitOptions): Promise<RaftSession>
  /**
   * Adds a member, which must run with `join`. Rejects with `raft.change_refused`: it will not be made; `base.timeout`: it may
   * still be.
   */
  addMember(name: string, options?: AddMemberOptions): Promise<void>
  /** Makes a voter of a learner, once it has caught up. Rejects as `addMember` does. */
  promote(name: string, options?: WaitOptions): Promise<void>
  /** Makes a learner of a voter. Rejects as `addMember` does. */
  demote(name: string, options?: WaitOptions): Promise<void>
  /** Rejects as `addMember` does. */
  removeMember(name: string, options?: WaitOptions): Promise<void>
  /** To the named voter, or to the one that is the furthest. Rejects with `raft.transfer_failed`. */
  transferLeadership(to?: string, options?: WaitOptions): Promise<void>
  /**
   * Waits until this member leads and a quorum has confirmed it in this term. Rejects with `base.timeout`, `base.aborted`, and what a
   * read rejects with.
   */
  leadership(options?: WaitOptions): Promise<LeaderInfo>
  /** As this member knows; undefined when it knows none. */
  leader(): LeaderInfo | undefined
  /** The leader now, then each change; undefined while none is known. A slow reader misses changes, never the last. */
  watchLeader(): AsyncIterable<LeaderInfo | undefined>
  /**
   * The commands that were applied, each once, in order, for as long as it is read. Fails with `raft.compacted` where the log does
   * not go back so far; after a restart that is as far as the last snapshot.
   */
  decisions(options?: DecisionsOptions): AsyncIterable<Decision<Command>>
  members(): readonly MemberInfo[]
  status(): RaftStatus
  /** Why there is no leader, or what else is wrong here; `ok` alone when nothing is. */
  diagnose(): readonly Finding[]
  /**
   * Makes a snapshot now and resolves with its index. Rejects with `raft.snapshot_replaced` while a newer one is installed, and with
   * `raft.no_leader` or `raft.no_quorum` when this member has nothing yet.
   */
  snapshot(): Promise<number>
  /** The same, with its content: a backup of the state. */
  backup(): Promise<StoredSnapshot>
  /** Leaves the transport. What waits is refused, or its outcome is unknown. Idempotent. */
  close(): Promise<void>
}
