/**
 * The errors that a user of a replica meets, one class a cause. Unlike error.ts, which is of the core, the log and the wire, each
 * of these says what is known of the call: that nothing was done, that it was, or that it cannot be told.
 */
import { ColloquyError } from '../base/error.ts'

/** Names one proposal for ever: its retry gets the original answer as long as the session lives. */
export interface ProposalKey {
  /** The index at which the session was registered. */
  readonly session: number
  /** From 1, in its session. */
  readonly sequence: number
}

/**
 * The proposal may have been applied, may be applied later, or never. Propose again `with({ retry: key })`: it is applied at
 * most once, and the answer is the original one.
 */
export class OutcomeUnknown extends ColloquyError {
  override readonly code = 'raft.outcome_unknown'
  readonly key: ProposalKey
  constructor(key: ProposalKey, options?: ErrorOptions) {
    super(
      `it is not known what became of proposal ${key.sequence} of session ${key.session}; propose it again with its key as retry`,
      options,
    )
    this.key = key
  }
}

/**
 * The session is over: it was idle for too long, by the time in the log, or was closed. This attempt was not applied; with
 * `earlier` another attempt of the same proposal may have been.
 */
export class SessionExpired extends ColloquyError {
  override readonly code = 'raft.session_expired'
  readonly session: number
  readonly earlier: boolean
  constructor(session: number, earlier: boolean) {
    super(
      earlier
        ? `session ${session} is over, and whether an earlier attempt was applied is no longer known; read the state to find out`
        : `session ${session} is over and nothing was applied; register a new one`,
    )
    this.session = session
    this.earlier = earlier
  }
}

/** The proposal was applied, and its answer is no longer kept: a later proposal of its session has acknowledged it. */
export class AnswerForgotten extends ColloquyError {
  override readonly code = 'raft.answer_forgotten'
  readonly key: ProposalKey
  constructor(key: ProposalKey) {
    super(
      `the answer to proposal ${key.sequence} of session ${key.session} was acknowledged and forgotten; read the state`,
    )
    this.key = key
  }
}

/** `apply` threw: the command was decided, and left the state as it was. The same for every retry. `cause` is what it threw. */
export class CommandFailed extends ColloquyError {
  override readonly code = 'raft.command_failed'
  readonly index: number
  readonly term: number
  constructor(index: number, term: number, cause: Error) {
    super(`the state machine refused the command at ${index}: ${cause.message}; look at its cause`, { cause })
    this.index = index
    this.term = term
  }
}

/** What `apply` gave is no state and result, or nothing that can be kept; to the log it is as if it had thrown. */
export class InvalidResult extends ColloquyError {
  override readonly code = 'raft.invalid_result'
  constructor(problem: string, options?: ErrorOptions) {
    super(`apply ${problem}; it returns { state, result } at once, of plain data`, options)
  }
}

/** As many proposals wait as may wait. Nothing of this one was kept. */
export class BacklogFull extends ColloquyError {
  override readonly code = 'raft.backlog_full'
  readonly limit: string
  readonly max: number
  constructor(limit: string, max: number) {
    super(`${limit} of ${max} are taken; wait for answers before the next, or raise ${limit}`)
    this.limit = limit
    this.max = max
  }
}

/** No leader was known until the deadline. Nothing was appended, and nothing will be. */
export class NoLeader extends ColloquyError {
  override readonly code = 'raft.no_leader'
  readonly group: string
  readonly reason: string
  constructor(group: string, reason: string, options?: ErrorOptions) {
    super(`the group ${group} has no leader: ${reason}; look at diagnose(), and try again`, options)
    this.group = group
    this.reason = reason
  }
}

/** The leader reaches no quorum, and takes nothing it could not commit. Nothing was appended, and nothing will be. */
export class NoQuorum extends ColloquyError {
  override readonly code = 'raft.no_quorum'
  readonly group: string
  readonly silent: readonly string[]
  constructor(group: string, silent: readonly string[]) {
    super(`the group ${group} has no quorum: ${silent.join(', ')} not heard of; bring members back, and try again`)
    this.group = group
    this.silent = silent
  }
}

/** What was asked for is in the log no longer: a snapshot has taken its place. */
export class DecisionsCompacted extends ColloquyError {
  override readonly code = 'raft.compacted'
  /** The first index that can be asked for. */
  readonly firstIndex: number
  constructor(from: number, firstIndex: number) {
    super(`decisions from ${from} are compacted; begin at ${firstIndex} with the state read there`)
    this.firstIndex = firstIndex
  }
}

/** A change of the members was not made, and will not be. */
export class ChangeRefused extends ColloquyError {
  override readonly code = 'raft.change_refused'
  readonly member: string
  readonly reason: string
  constructor(member: string, reason: string, mend: string, options?: ErrorOptions) {
    super(`the change of ${member} was refused: ${reason}; ${mend}`, options)
    this.member = member
    this.reason = reason
  }
}

/** Leadership did not change hands in time; it may still. */
export class TransferFailed extends ColloquyError {
  override readonly code = 'raft.transfer_failed'
  readonly to: string | undefined
  constructor(to: string | undefined, reason: string, options?: ErrorOptions) {
    super(
      `leadership was not handed to ${to ?? 'another member'}: ${reason}; look at diagnose(), and try again`,
      options,
    )
    this.to = to
  }
}

/** This member has stopped for good: its log failed, or what must hold did not. `cause` says which. */
export class ReplicaFailed extends ColloquyError {
  override readonly code = 'raft.replica_failed'
  readonly group: string
  readonly member: string
  constructor(group: string, member: string, options: ErrorOptions) {
    super(`${member} of the group ${group} has stopped: see the cause, then open it again`, options)
    this.group = group
    this.member = member
  }
}
