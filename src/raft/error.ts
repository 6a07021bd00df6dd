/**
 * The errors of consensus, one class a cause. What a peer asked in vain (a vote, an append) is a message of the protocol,
 * never one of these; what a storage cannot give is a word in its answer.
 */
import { ColloquyError } from '../base/error.ts'

/** An option of a member is missing, out of its range, or does not go with another one. */
export class InvalidConfig extends ColloquyError {
  override readonly code = 'raft.invalid_config'
  readonly option: string
  constructor(option: string, mend: string) {
    super(`${option} ${mend}`)
    this.option = option
  }
}

/** A message that no member can have sent. Nothing was changed by it. */
export class InvalidMessage extends ColloquyError {
  override readonly code = 'raft.invalid_message'
  /** The field that is wrong. */
  readonly field: string
  constructor(field: string, mend: string) {
    super(`the message's ${field} ${mend}; its sender or the way here is broken`)
    this.field = field
  }
}

/** A message that a member only says to itself came from outside. */
export class StepLocal extends ColloquyError {
  override readonly code = 'raft.step_local'
  readonly messageType: string
  constructor(messageType: string) {
    super(`${messageType} is local and was not taken; let no such message in from the network`)
    this.messageType = messageType
  }
}

/** An answer came from a member that the leader does not follow: it has left the group, or was never in it. */
export class PeerNotFound extends ColloquyError {
  override readonly code = 'raft.peer_not_found'
  readonly from: number
  constructor(from: number) {
    super(`member ${from} is not in the configuration, and its answer was dropped; stop it if it was removed`)
    this.from = from
  }
}

export type ProposalDroppedReason = 'no_leader' | 'not_forwarded' | 'transferring' | 'removed' | 'uncommitted_size'

const proposalMends: Readonly<Record<ProposalDroppedReason, string>> = {
  no_leader: 'no leader is known; propose again once there is one',
  not_forwarded: 'this member is not the leader and does not forward; propose at the leader',
  transferring: 'leadership is being handed over; propose again at the next leader',
  removed: 'this leader is no longer in the configuration; propose at another member',
  uncommitted_size: 'too many bytes wait to be committed; slow down, or raise maxUncommittedEntriesSize',
}

/** A proposal was not appended anywhere: it is safe to make it again. */
export class ProposalDropped extends ColloquyError {
  override readonly code = 'raft.proposal_dropped'
  readonly reason: ProposalDroppedReason
  constructor(reason: ProposalDroppedReason) {
    super(`the proposal was dropped: ${proposalMends[reason]}`)
    this.reason = reason
  }
}

export type ReadDroppedReason = 'no_leader' | 'too_many'

const readMends: Readonly<Record<ReadDroppedReason, string>> = {
  no_leader: 'no leader is known; ask again once there is one',
  too_many: 'too many reads wait for their round; slow down, or raise maxPendingReads',
}

/** A request for a read index was not taken; nothing will come of it. */
export class ReadDropped extends ColloquyError {
  override readonly code = 'raft.read_dropped'
  readonly reason: ReadDroppedReason
  constructor(reason: ReadDroppedReason) {
    super(`the read was dropped: ${readMends[reason]}`)
    this.reason = reason
  }
}

/** A call that has no place now: effects are done one Ready after another. */
export class OutOfOrder extends ColloquyError {
  override readonly code = 'raft.out_of_order'
  readonly call: string
  constructor(call: string, mend: string) {
    super(`${call} has no place now: ${mend}`)
    this.call = call
  }
}

/** What must hold does not: a defect of ours, or a storage that lost what it had acknowledged. The member must not go on. */
export class BrokenInvariant extends ColloquyError {
  override readonly code = 'raft.broken_invariant'
}

/** A configuration change cannot be read or written: the bytes are not one, or a field is outside what it takes. */
export class InvalidConfChange extends ColloquyError {
  override readonly code = 'raft.invalid_conf_change'
  readonly problem: string
  constructor(problem: string, options?: ErrorOptions) {
    super(`the configuration change ${problem}; give the bytes and the fields that marshalConfChange takes`, options)
    this.problem = problem
  }
}

/** A configuration change does not fit the configuration that counts; nothing was changed. */
export class ConfChangeRefused extends ColloquyError {
  override readonly code = 'raft.conf_change_refused'
  /** In the words of etcd-io/raft. */
  readonly reason: string
  constructor(reason: string, mend: string, options?: ErrorOptions) {
    super(`${reason}; ${mend}`, options)
    this.reason = reason
  }
}

/** Bytes that no member can have sent: cut off, too long, or of another form. Nothing was taken from them. */
export class InvalidFrame extends ColloquyError {
  override readonly code = 'raft.invalid_frame'
  readonly problem: string
  constructor(problem: string, options?: ErrorOptions) {
    super(`a frame ${problem}; its sender is no member, of another version, or the way here is broken`, options)
    this.problem = problem
  }
}

/** A member is in the group already on this transport; nothing was changed. */
export class GroupTaken extends ColloquyError {
  override readonly code = 'raft.group_taken'
  readonly group: string
  readonly member: string
  constructor(group: string, member: string) {
    super(`${member} is in the group ${group} on this transport already; close its link first`)
    this.group = group
    this.member = member
  }
}

/** A stream to a member was not taken, or it is not known that it was. */
export class StreamFailed extends ColloquyError {
  override readonly code = 'raft.stream_failed'
  readonly member: string
  readonly reason: string
  constructor(member: string, reason: string, options?: ErrorOptions) {
    super(`the stream with ${member} failed: ${reason}; send it again from its beginning`, options)
    this.member = member
    this.reason = reason
  }
}

/** A transport that proves nobody would be reached from beyond this machine. */
export class Unauthenticated extends ColloquyError {
  override readonly code = 'raft.unauthenticated'
  readonly host: string
  constructor(host: string) {
    super(`${host} is not this machine alone, and nothing proves who speaks there; give a secret or tls`)
    this.host = host
  }
}

/** The address to listen at cannot be had. */
export class ListenFailed extends ColloquyError {
  override readonly code = 'raft.listen_failed'
  readonly host: string
  readonly port: number
  constructor(host: string, port: number, options?: ErrorOptions) {
    super(`cannot listen at ${host}:${port}; choose another port, or end what listens there`, options)
    this.host = host
    this.port = port
  }
}

/** The log of a member holds what it never wrote. Nothing was changed, and the member must not vote from it. */
export class LogCorrupt extends ColloquyError {
  override readonly code = 'raft.log_corrupt'
  readonly file: string
  /** Bytes from the start of the file, as far as it is known. */
  readonly offset: number
  readonly problem: string
  constructor(file: string, offset: number, problem: string, options?: ErrorOptions) {
    super(
      `${file} is damaged at byte ${offset}: ${problem}; keep a copy, then let the member rejoin with an empty folder`,
      options,
    )
    this.file = file
    this.offset = offset
    this.problem = problem
  }
}

/** A write or sync of the log failed (`cause`): what of it is on disk only a new opening tells. The member must stop. */
export class LogFailed extends ColloquyError {
  override readonly code = 'raft.log_failed'
  constructor(options?: ErrorOptions) {
    super('the log could not be written; stop the member, look at the disk, then open the log anew', options)
  }
}

/** The folder belongs to another member or another group. */
export class LogForeign extends ColloquyError {
  override readonly code = 'raft.log_foreign'
  readonly group: string
  readonly member: string
  constructor(group: string, member: string) {
    super(`this log belongs to ${member} of the group ${group}; choose the folder of this member, or an empty one`)
    this.group = group
    this.member = member
  }
}

/** What was received of a snapshot is not what was announced. It was removed again. */
export class SnapshotDamaged extends ColloquyError {
  override readonly code = 'raft.snapshot_damaged'
  readonly index: number
  readonly problem: string
  constructor(index: number, problem: string, options?: ErrorOptions) {
    super(`the snapshot at ${index} ${problem}; have it sent again`, options)
    this.index = index
    this.problem = problem
  }
}

/** A snapshot is no longer kept: a newer one has taken its place. */
export class SnapshotReplaced extends ColloquyError {
  override readonly code = 'raft.snapshot_replaced'
  readonly index: number
  constructor(index: number, options?: ErrorOptions) {
    super(`the snapshot at ${index} is no longer kept; take the newest`, options)
    this.index = index
  }
}

/** A member that never took part in a group has nothing that another group could go on from. */
export class NothingToRecover extends ColloquyError {
  override readonly code = 'raft.nothing_to_recover'
  readonly group: string
  readonly member: string
  constructor(group: string, member: string) {
    super(`${member} has never taken part in the group ${group}; recover from the folder of another member`)
    this.group = group
    this.member = member
  }
}
