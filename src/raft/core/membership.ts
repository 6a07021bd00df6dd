/**
 * Membership: the configuration that counts, after a change was applied or a snapshot restored. It counts from its
 * application, as in etcd-io/raft, not from its append, as in the thesis (chapter 4). What a change makes of a configuration is
 * changer.ts; whether one may be proposed is proposal.ts.
 */
import { BrokenInvariant } from '../error.ts'
import { Changer, restore } from './changer.ts'
import { asV2, enterJoint, leaveJoint } from './conf-change.ts'
import { becomeFollower } from './election.ts'
import type { Machine } from './machine.ts'
import { type AnyConfChange, type ConfChangeV2, type ConfState, type Snapshot, nobody } from './message.ts'
import { confirmReads, releasePendingReads } from './reads.ts'
import { broadcastAppend, maybeCommit, maybeSendAppend } from './replication.ts'
import { type Membership, knows } from './tracker.ts'

/** Takes a configuration change that is applied; throws `raft.conf_change_refused` and changes nothing if it does not fit. */
export function applyConfChange(machine: Machine, change: AnyConfChange, index: number): ConfState {
  if (index <= machine.restoredIndex) return machine.tracker.confState()
  return switchTo(machine, changed(machine, asV2(change)))
}

/** What a change makes of the configuration that counts; throws `raft.conf_change_refused` if it does not fit. */
export function changed({ tracker, log }: Machine, change: ConfChangeV2): Membership {
  const changer = new Changer(tracker, log.lastIndex())
  if (leaveJoint(change)) return changer.leaveJoint()
  const { joint, autoLeave } = enterJoint(change)
  return joint ? changer.enterJoint(autoLeave, change.changes) : changer.simple(change.changes)
}

/** The configuration that a storage or snapshot holds; throws `raft.conf_change_refused` if it cannot be one. */
export function restoreConfState(machine: Machine, confState: ConfState): void {
  switchTo(machine, restore(new Changer(machine.tracker, machine.log.lastIndex()), confState))
}

function switchTo(machine: Machine, membership: Membership): ConfState {
  const { tracker } = machine
  tracker.adopt(membership)
  const confState = tracker.confState()
  machine.observe?.({ type: 'configuration_changed', confState })
  const own = tracker.progress.get(machine.id)
  machine.isLearner = own?.isLearner ?? false
  if (machine.role !== 'StateLeader') return confState
  if (own === undefined || own.isLearner) {
    // Otherwise it goes on until somebody else is elected, so that there is no gap (thesis 4.2.2).
    if (machine.config.stepDownOnRemoval) becomeFollower(machine, machine.term, nobody)
    return confState
  }
  if (confState.voters.length === 0) return confState
  leadOn(machine)
  return confState
}

/** What a new configuration means to its leader: perhaps more is committed, and new members have something to get. */
function leadOn(machine: Machine): void {
  const { tracker } = machine
  if (maybeCommit(machine)) {
    releasePendingReads(machine)
    broadcastAppend(machine)
  } else {
    for (const id of tracker.progress.keys()) if (id !== machine.id) maybeSendAppend(machine, id, false)
  }
  confirmReads(machine)
  const { incoming, outgoing } = tracker.config.voters
  if (!incoming.has(machine.leadTransferee) && !outgoing.has(machine.leadTransferee)) machine.abortTransfer()
}

/** Takes the snapshot in place of the log; false when it tells nothing new, or is not for this member. */
export function restoreSnapshot(machine: Machine, snapshot: Snapshot): boolean {
  const { index, term, confState } = snapshot.metadata
  const { log } = machine
  if (index <= log.committed) return false
  if (machine.role !== 'StateFollower') throw new BrokenInvariant(`a ${machine.role} restores a snapshot`)
  if (!knows(confState, machine.id)) return false
  // The log has it all; nothing need be fetched or thrown away.
  if (log.matches(index, term)) {
    log.commitTo(index)
    return false
  }
  // First what may fail: a configuration that cannot be one leaves the member as it is.
  const tracker = machine.newTracker()
  const membership = restore(new Changer(tracker, index), confState)
  log.restore(snapshot)
  machine.tracker = tracker
  machine.restoredIndex = index
  switchTo(machine, membership)
  return true
}
