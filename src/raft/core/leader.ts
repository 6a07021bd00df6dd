/**
 * What a leader does with a message: answers of the others to appends, heartbeats and snapshots, proposals, reads, and the
 * handing over of leadership (thesis 3.10). Unlike replication.ts it decides what an answer changes; it hands out nothing itself.
 */
import { InvalidMessage } from '../error.ts'
import type { Machine } from './machine.ts'
import { type MemberId, type Message, nobody } from './message.ts'
import { becomeFollower } from './election.ts'
import type { Progress } from './progress.ts'
import { proposeAtLeader } from './proposal.ts'
import { acknowledgeRead, readAtLeader, releasePendingReads } from './reads.ts'
import { broadcastAppend, broadcastHeartbeat, maybeCommit, maybeSendAppend } from './replication.ts'

export function stepLeader(machine: Machine, message: Message): void {
  switch (message.type) {
    case 'MsgBeat':
      broadcastHeartbeat(machine)
      return
    case 'MsgCheckQuorum':
      checkQuorum(machine)
      return
    case 'MsgProp':
      proposeAtLeader(machine, message.entries)
      return
    case 'MsgReadIndex':
      readAtLeader(machine, message)
      return
    case 'MsgAppResp':
    case 'MsgHeartbeatResp':
    case 'MsgSnapStatus':
    case 'MsgUnreachable':
    case 'MsgTransferLeader':
      stepProgress(machine, message)
      return
    case 'MsgHup':
    case 'MsgApp':
    case 'MsgVote':
    case 'MsgVoteResp':
    case 'MsgSnap':
    case 'MsgHeartbeat':
    case 'MsgTimeoutNow':
    case 'MsgReadIndexResp':
    case 'MsgPreVote':
    case 'MsgPreVoteResp':
    case 'MsgStorageAppend':
    case 'MsgStorageAppendResp':
    case 'MsgStorageApply':
    case 'MsgStorageApplyResp':
    case 'MsgForgetLeader':
    // Nothing that a leader answers: it hears of other leaders by their later terms.
  }
}

/** Of somebody who has left there is no progress, and what it says is passed over. */
function stepProgress(machine: Machine, message: Message): void {
  const { type, from, reject } = message
  const progress = machine.tracker.progress.get(from)
  if (progress === undefined) return
  if (type === 'MsgAppResp') {
    progress.recentActive = true
    if (reject) handleAppendRefused(machine, message, progress)
    else handleAppended(machine, message, progress)
  } else if (type === 'MsgHeartbeatResp') handleHeartbeatResponse(machine, message, progress)
  else if (type === 'MsgSnapStatus') handleSnapshotStatus(message, progress)
  else if (type === 'MsgTransferLeader') transferTo(machine, from, progress)
  // Unreachable: what was sent ahead is probably lost. Find out before sending more.
  else if (progress.state === 'StateReplicate') progress.becomeProbe()
}

/** Steps down when no quorum answered since the last check; until the next one everybody has to answer again. */
function checkQuorum(machine: Machine): void {
  const { tracker, term } = machine
  if (!tracker.quorumActive()) {
    machine.observe?.({ type: 'quorum_lost', term })
    becomeFollower(machine, term, nobody)
  }
  for (const [id, progress] of tracker.progress) if (id !== machine.id) progress.recentActive = false
}

/**
 * The logs do not agree at the index of the append (section 5.3). The follower says where its log may agree; entries of ours
 * whose term is above that of its entry there cannot be in its log, so that one probe for each of our terms is enough.
 */
function handleAppendRefused(
  machine: Machine,
  { from, index, rejectHint, logTerm }: Message,
  progress: Progress,
): void {
  machine.observe?.({ type: 'append_refused', by: from, index, hint: rejectHint })
  const hint = logTerm > 0 ? machine.log.findConflictByTerm(rejectHint, logTerm).index : rejectHint
  if (!progress.maybeDecreaseTo(index, hint)) return
  if (progress.state === 'StateReplicate') progress.becomeProbe()
  maybeSendAppend(machine, from, true)
}

function handleAppended(machine: Machine, { from, index }: Message, progress: Progress): void {
  // Nothing of a later index was ever sent in this term.
  if (index > machine.log.lastIndex()) throw new InvalidMessage('index', `is ${index}, beyond the leader's own log`)
  const updated = progress.maybeUpdate(index)
  // An answer that tells nothing new still ends a probe.
  if (!updated && !(progress.match === index && progress.state === 'StateProbe')) return
  if (progress.state === 'StateProbe') progress.becomeReplicate()
  else if (progress.state === 'StateReplicate') progress.inflights.freeTo(index)
  else if (progress.match + 1 >= machine.log.firstIndex()) {
    // Wherever the follower got its snapshot and however far it reaches: the log goes on from there.
    progress.becomeProbe()
    progress.becomeReplicate()
  }
  if (maybeCommit(machine)) {
    releasePendingReads(machine)
    broadcastAppend(machine)
  } else if (from !== machine.id && progress.canBumpCommit(machine.log.committed)) {
    maybeSendAppend(machine, from, true)
  }
  if (from === machine.id) return
  // The window may have room for several messages now.
  while (maybeSendAppend(machine, from, false));
  if (from === machine.leadTransferee && progress.match === machine.log.lastIndex()) sendTimeoutNow(machine, from)
}

function handleHeartbeatResponse(machine: Machine, message: Message, progress: Progress): void {
  progress.recentActive = true
  progress.msgAppFlowPaused = false
  // Also when its window is full, or it probes with nothing to send: an answer to an empty append brings it on.
  if (progress.match < machine.log.lastIndex() || progress.state === 'StateProbe')
    maybeSendAppend(machine, message.from, true)
  acknowledgeRead(machine, message)
}

function handleSnapshotStatus({ reject }: Message, progress: Progress): void {
  if (progress.state !== 'StateSnapshot') return
  // A snapshot that failed tells nothing of the follower's log; probing must not begin behind it.
  if (reject) progress.pendingSnapshot = 0
  progress.becomeProbe()
  // It waits: for the follower's answer to the snapshot, or a heartbeat's time after a failure.
  progress.msgAppFlowPaused = true
}

function transferTo(machine: Machine, to: MemberId, progress: Progress): void {
  if (progress.isLearner || machine.leadTransferee === to) return
  machine.abortTransfer()
  if (to === machine.id) return
  // It should be over within an election timeout; a tick ends it then.
  machine.electionElapsed = 0
  machine.leadTransferee = to
  machine.observe?.({ type: 'transfer_begun', to, term: machine.term })
  if (progress.match === machine.log.lastIndex()) sendTimeoutNow(machine, to)
  else maybeSendAppend(machine, to, true)
}

function sendTimeoutNow(machine: Machine, to: MemberId): void {
  machine.timeoutNowSent = true
  machine.send({ type: 'MsgTimeoutNow', to })
}
