/**
 * What followers and candidates do with a message: they append what the leader sends, vote counting apart (election.ts), and
 * pass on proposals and reads. A candidate that hears of a leader of its term becomes its follower first (section 5.2).
 */
import { InvalidMessage } from '../error.ts'
import { becomeFollower, handleVoteResponse, hup } from './election.ts'
import type { Machine } from './machine.ts'
import { restoreSnapshot } from './membership.ts'
import { type Message, nobody } from './message.ts'
import { dropProposal } from './proposal.ts'
import { dropRead } from './reads.ts'

/** Also for pre-candidates: they differ in the answers they count. */
export function stepCandidate(machine: Machine, message: Message): void {
  switch (message.type) {
    case 'MsgProp':
      throw dropProposal(machine, 'no_leader')
    case 'MsgReadIndex':
      throw dropRead(machine, 'no_leader')
    case 'MsgApp':
    case 'MsgHeartbeat':
    case 'MsgSnap':
      becomeFollower(machine, machine.term, message.from)
      handleLeader(machine, message)
      return
    case 'MsgVoteResp':
      if (machine.role === 'StateCandidate') handleVoteResponse(machine, message)
      return
    case 'MsgPreVoteResp':
      if (machine.role === 'StatePreCandidate') handleVoteResponse(machine, message)
      return
    case 'MsgHup':
    case 'MsgBeat':
    case 'MsgAppResp':
    case 'MsgVote':
    case 'MsgHeartbeatResp':
    case 'MsgUnreachable':
    case 'MsgSnapStatus':
    case 'MsgCheckQuorum':
    case 'MsgTransferLeader':
    case 'MsgTimeoutNow':
    case 'MsgReadIndexResp':
    case 'MsgPreVote':
    case 'MsgStorageAppend':
    case 'MsgStorageAppendResp':
    case 'MsgStorageApply':
    case 'MsgStorageApplyResp':
    case 'MsgForgetLeader':
    // Nothing that a candidate answers.
  }
}

export function stepFollower(machine: Machine, message: Message): void {
  switch (message.type) {
    case 'MsgProp':
      if (machine.leader === nobody) throw dropProposal(machine, 'no_leader')
      if (machine.config.disableProposalForwarding) throw dropProposal(machine, 'not_forwarded')
      forward(machine, message)
      return
    case 'MsgApp':
    case 'MsgHeartbeat':
    case 'MsgSnap':
      machine.electionElapsed = 0
      machine.leader = message.from
      handleLeader(machine, message)
      return
    case 'MsgTransferLeader':
      if (machine.leader !== nobody) forward(machine, message)
      return
    case 'MsgForgetLeader':
      // A lease is a promise to that leader.
      if (machine.readOnly.option !== 'lease') machine.leader = nobody
      return
    case 'MsgTimeoutNow':
      // Without a pre-vote: the leader itself wants the election.
      hup(machine, 'transfer')
      return
    case 'MsgReadIndex':
      if (machine.leader === nobody) throw dropRead(machine, 'no_leader')
      forward(machine, message)
      return
    case 'MsgReadIndexResp':
      if (message.entries.length !== 1) throw new InvalidMessage('entries', 'must be one, which carries the context')
      machine.readStates.push({ index: message.index, context: message.entries[0]?.data })
      return
    case 'MsgHup':
    case 'MsgBeat':
    case 'MsgAppResp':
    case 'MsgVote':
    case 'MsgVoteResp':
    case 'MsgHeartbeatResp':
    case 'MsgUnreachable':
    case 'MsgSnapStatus':
    case 'MsgCheckQuorum':
    case 'MsgPreVote':
    case 'MsgPreVoteResp':
    case 'MsgStorageAppend':
    case 'MsgStorageAppendResp':
    case 'MsgStorageApply':
    case 'MsgStorageApplyResp':
    // Nothing that a follower answers.
  }
}

/** To the leader, in the name of whoever said it first. */
function forward(machine: Machine, { type, from, entries, context }: Message): void {
  machine.send({ type, to: machine.leader, from, entries, context })
}

function handleLeader(machine: Machine, message: Message): void {
  machine.promiseLease()
  if (message.type === 'MsgApp') handleAppend(machine, message)
  else if (message.type === 'MsgSnap') handleSnapshot(machine, message)
  else {
    machine.log.commitTo(message.commit)
    machine.send({ type: 'MsgHeartbeatResp', to: message.from, context: message.context })
  }
}

function handleAppend(machine: Machine, { from, index, logTerm, entries, commit }: Message): void {
  const { log } = machine
  if (index < log.committed) {
    machine.send({ type: 'MsgAppResp', to: from, index: log.committed })
    return
  }
  const lastBefore = log.lastIndex()
  if (machine.observe !== undefined && log.matches(index, logTerm)) {
    const conflict = log.findConflict(entries)
    if (conflict !== 0 && conflict <= lastBefore)
      machine.observe({ type: 'log_truncated', index: conflict, lastIndex: lastBefore })
  }
  if (log.maybeAppend(index, logTerm, commit, entries)) {
    const last = index + entries.length
    machine.send({ type: 'MsgAppResp', to: from, index: last })
    return
  }
  machine.observe?.({ type: 'append_rejected', from, index })
  // All of the leader's entries up to there are of this term or earlier ones; ours of later terms cannot agree with them.
  const hint = log.findConflictByTerm(Math.min(index, lastBefore), logTerm)
  machine.send({ type: 'MsgAppResp', to: from, index, reject: true, rejectHint: hint.index, logTerm: hint.term })
}

function handleSnapshot(machine: Machine, { from, snapshot }: Message): void {
  if (snapshot === undefined) throw new InvalidMessage('snapshot', 'is missing')
  const { index } = snapshot.metadata
  const restored = restoreSnapshot(machine, snapshot)
  machine.observe?.({ type: restored ? 'snapshot_restored' : 'snapshot_ignored', index, from })
  machine.send({ type: 'MsgAppResp', to: from, index: restored ? machine.log.lastIndex() : machine.log.committed })
}
