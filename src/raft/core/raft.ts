/**
 * Raft: what one member does with a tick or a message, by its term and its role. It is the one door into the machine;
 * raw-node.ts stands before it, checks what comes from outside and hands out the effects. The behaviour is that of
 * etcd-io/raft; where it differs, docs/decisions/0007-raft-core.md says why.
 */
import { codeOf } from '../../base/error.ts'
import { becomeFollower, handleVoteRequest, hup, isTransfer } from './election.ts'
import { stepCandidate, stepFollower } from './follower.ts'
import { stepLeader } from './leader.ts'
import type { Machine } from './machine.ts'
import { restoreConfState } from './membership.ts'
import { type HardState, type Message, type MessageType, type Snapshot, message, nobody } from './message.ts'
import { reduceUncommitted } from './replication.ts'
import { entriesBytes, payloadBytes } from './wire-size.ts'

/** Begins a life with what the storage kept of the last one. */
export function begin(machine: Machine): void {
  const { hardState, confState } = machine.config.storage.initialState()
  restoreConfState(machine, confState)
  const restarted = !isEmptyHardState(hardState)
  if (restarted) machine.loadState(hardState)
  const { applied } = machine.config
  if (applied > 0) machine.log.appliedTo(applied, 0)
  becomeFollower(machine, machine.term, nobody)
  // The last life may have answered a leader that now relies on its lease.
  if (restarted) machine.promiseLease()
}

export function isEmptyHardState({ term, vote, commit }: HardState): boolean {
  return term === 0 && vote === nobody && commit === 0
}

/** One unit of logical time. */
export function tick(machine: Machine): void {
  if (machine.promisedTicks > 0) machine.promisedTicks--
  if (machine.role === 'StateLeader') tickLeader(machine)
  else tickOther(machine)
}

function tickOther(machine: Machine): void {
  machine.electionElapsed++
  if (!machine.promotable() || machine.electionElapsed < machine.randomizedElectionTimeout) return
  machine.electionElapsed = 0
  step(machine, own(machine, 'MsgHup'))
}

function tickLeader(machine: Machine): void {
  const { electionTick, heartbeatTick, checkQuorum } = machine.config
  machine.leaderTicks++
  machine.heartbeatElapsed++
  machine.electionElapsed++
  if (machine.electionElapsed >= electionTick) {
    machine.electionElapsed = 0
    if (checkQuorum) step(machine, own(machine, 'MsgCheckQuorum'))
    // Whoever was to take over did not within an election timeout; this leader goes on, and does what it held back meanwhile.
    if (isLeader(machine)) machine.abortTransfer()
    leaveJointIfDue(machine)
  }
  if (!isLeader(machine) || machine.heartbeatElapsed < heartbeatTick) return
  machine.heartbeatElapsed = 0
  step(machine, own(machine, 'MsgBeat'))
}

function isLeader({ role }: Machine): boolean {
  return role === 'StateLeader'
}

function own(machine: Machine, type: MessageType): Message {
  return message({ type, from: machine.id })
}

/** Takes one message. Throws the typed refusals of proposals and reads; whatever else it throws, the member must not go on. */
export function step(machine: Machine, received: Message): void {
  const { term } = received
  if (term > machine.term) {
    if (!takeLaterTerm(machine, received)) return
  } else if (term !== 0 && term < machine.term) {
    stepOutdated(machine, received)
    return
  }
  switch (received.type) {
    case 'MsgHup':
      hup(machine, machine.config.preVote ? 'pre_election' : 'election')
      return
    case 'MsgStorageAppendResp':
      handleStored(machine, received)
      return
    case 'MsgStorageApplyResp':
      handleApplied(machine, received)
      return
    case 'MsgVote':
    case 'MsgPreVote':
      handleVoteRequest(machine, received)
      return
    case 'MsgBeat':
    case 'MsgProp':
    case 'MsgApp':
    case 'MsgAppResp':
    case 'MsgVoteResp':
    case 'MsgSnap':
    case 'MsgHeartbeat':
    case 'MsgHeartbeatResp':
    case 'MsgUnreachable':
    case 'MsgSnapStatus':
    case 'MsgCheckQuorum':
    case 'MsgTransferLeader':
    case 'MsgTimeoutNow':
    case 'MsgReadIndex':
    case 'MsgReadIndexResp':
    case 'MsgPreVoteResp':
    case 'MsgStorageAppend':
    case 'MsgStorageApply':
    case 'MsgForgetLeader':
      if (machine.role === 'StateLeader') stepLeader(machine, received)
      else if (machine.role === 'StateFollower') stepFollower(machine, received)
      else stepCandidate(machine, received)
  }
}

/** A message of a later term makes a follower of its receiver (section 5.1); false when it is to be ignored altogether. */
function takeLaterTerm(machine: Machine, received: Message): boolean {
  const { type, term, from, reject } = received
  const pre = type === 'MsgPreVote'
  if ((type === 'MsgVote' || pre) && !isTransfer(received) && hasPromised(machine)) {
    // Members in touch with a leader let nobody disturb it (thesis 4.2.3, and 6.4.1 for leases).
    machine.observe?.({ type: 'vote_ignored', to: from, term, pre })
    return false
  }
  // The terms of pre-votes are not begun yet; a refused one comes with the term of its refuser, who is ahead.
  if (pre || (type === 'MsgPreVoteResp' && !reject)) return true
  const isLeader = type === 'MsgApp' || type === 'MsgHeartbeat' || type === 'MsgSnap'
  becomeFollower(machine, term, isLeader ? from : nobody)
  return true
}

function hasPromised({ config, leader, electionElapsed, promisedTicks }: Machine): boolean {
  if (!config.checkQuorum) return false
  return promisedTicks > 0 || (leader !== nobody && electionElapsed < config.electionTick)
}

/** A message of an earlier term. Most are dropped: whoever sent it hears of the later term by its own ways. */
function stepOutdated(machine: Machine, { type, from, term, index, snapshot }: Message): void {
  const { checkQuorum, preVote } = machine.config
  if ((checkQuorum || preVote) && (type === 'MsgHeartbeat' || type === 'MsgApp')) {
    // This member is ahead of a leader that others follow, and asks for no votes that would be heard: the answer, in its
    // term, makes that leader step down, so that the member is not stuck.
    machine.send({ type: 'MsgAppResp', to: from })
  } else if (type === 'MsgPreVote') {
    // A candidate with a longer log and an earlier term must hear of ours, or nobody could win.
    machine.send({ type: 'MsgPreVoteResp', to: from, term: machine.term, reject: true })
    machine.observe?.({ type: 'vote_refused', to: from, term, pre: true })
  } else {
    if (type !== 'MsgStorageAppendResp' || index !== 0)
      machine.observe?.({ type: 'message_outdated', message: type, from, term })
    // Entries may have been replaced since they were given to be stored, and a write on its way may still undo what this
    // answer tells; a snapshot holds only what is committed.
    if (type === 'MsgStorageAppendResp' && snapshot !== undefined) handleSnapshotStored(machine, snapshot)
  }
}

function handleStored(machine: Machine, { index, logTerm, snapshot }: Message): void {
  if (index !== 0 && !machine.log.unstable.stableTo(index, logTerm))
    machine.observe?.({ type: 'stable_mismatch', index, term: logTerm })
  if (snapshot !== undefined) handleSnapshotStored(machine, snapshot)
}

function handleSnapshotStored(machine: Machine, { metadata }: Snapshot): void {
  machine.log.unstable.stableSnapshotTo(metadata.index)
  appliedTo(machine, metadata.index, 0)
}

function handleApplied(machine: Machine, { entries }: Message): void {
  const last = entries.at(-1)
  if (last === undefined) return
  appliedTo(machine, last.index, entriesBytes(entries))
  reduceUncommitted(machine, payloadBytes(entries))
}

/** Marks as applied; what was applied may have been the change to a joint configuration. */
function appliedTo(machine: Machine, index: number, bytes: number): void {
  machine.log.appliedTo(Math.max(index, machine.log.applied), bytes)
  leaveJointIfDue(machine)
}

/**
 * Leaves a joint configuration that is to be left by itself (thesis 4.3), once all changes are applied. While leadership is handed
 * over that is refused, and comes again with the next entry that is applied, or when nothing came of it.
 */
function leaveJointIfDue(machine: Machine): void {
  const { log, tracker } = machine
  if (!tracker.config.autoLeave || log.applied < machine.pendingConfIndex || !isLeader(machine)) return
  // No data: it is never refused for its size.
  try {
    step(machine, message({ type: 'MsgProp', from: machine.id, entries: [leaveEntry] }))
  } catch (error) {
    if (codeOf(error) !== 'raft.proposal_dropped') throw error
  }
}

const leaveEntry = Object.freeze({ term: 0, index: 0, type: 'EntryConfChangeV2' as const })
