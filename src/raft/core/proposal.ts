/**
 * Proposals at the leader: which are let into the log. Configuration changes are checked against the configuration that
 * counts now: at most one may be in the log and not applied (thesis 4.1). Followers only pass proposals on, in follower.ts.
 */
import { codeOf } from '../../base/error.ts'
import { ProposalDropped, type ProposalDroppedReason } from '../error.ts'
import { asV2, leaveJoint } from './conf-change.ts'
import { unmarshalConfChange } from './conf-change-codec.ts'
import type { Machine } from './machine.ts'
import { changed } from './membership.ts'
import { type ConfChangeV2, type Entry, nobody } from './message.ts'
import { appendEntries, broadcastAppend } from './replication.ts'

/** Throws `raft.proposal_dropped`, or `raft.invalid_conf_change` for one that cannot be read; nothing is appended then. */
export function proposeAtLeader(machine: Machine, entries: readonly Entry[]): void {
  if (!machine.tracker.progress.has(machine.id)) throw dropProposal(machine, 'removed')
  if (machine.leadTransferee !== nobody) throw dropProposal(machine, 'transferring')
  const { admitted, pendingConfIndex } = admit(machine, entries)
  if (!appendEntries(machine, admitted)) throw dropProposal(machine, 'uncommitted_size')
  machine.pendingConfIndex = pendingConfIndex
  broadcastAppend(machine)
}

export function dropProposal(machine: Machine, reason: ProposalDroppedReason): ProposalDropped {
  machine.observe?.({ type: 'proposal_dropped', reason })
  return new ProposalDropped(reason)
}

/** A change of the configuration that may not be made now gives its place to an empty entry. */
function admit(
  machine: Machine,
  entries: readonly Entry[],
): { readonly admitted: readonly Pick<Entry, 'type' | 'data'>[]; readonly pendingConfIndex: number } {
  let { pendingConfIndex } = machine
  if (entries.every(({ type }) => type === 'EntryNormal')) return { admitted: entries, pendingConfIndex }
  const first = machine.log.lastIndex() + 1
  const admitted = entries.map((entry, at) => {
    if (entry.type === 'EntryNormal') return entry
    const change = asV2(unmarshalConfChange(entry.type, entry.data))
    const why = whyNot(machine, pendingConfIndex, change)
    if (why !== undefined && !machine.config.disableConfChangeValidation) {
      machine.observe?.({ type: 'conf_change_ignored', why })
      return { type: 'EntryNormal' as const }
    }
    pendingConfIndex = first + at
    return entry
  })
  return { admitted, pendingConfIndex }
}

function whyNot(
  machine: Machine,
  pendingConfIndex: number,
  change: ConfChangeV2,
): 'pending' | 'joint' | 'not_joint' | 'refused' | undefined {
  const { log, tracker } = machine
  if (pendingConfIndex > log.applied) return 'pending'
  const joint = tracker.config.voters.outgoing.size > 0
  // What asks for a joint configuration by its transition does not leave one, even if it changes nothing: once it is
  // committed nobody could apply it.
  if (joint) return leaveJoint(change) ? undefined : 'joint'
  if (change.changes.length === 0) return 'not_joint'
  // No other change is on its way, so the configuration in which it will be applied is the one of now.
  return fits(machine, change) ? undefined : 'refused'
}

function fits(machine: Machine, change: ConfChangeV2): boolean {
  try {
    changed(machine, change)
    return true
  } catch (error) {
    if (codeOf(error) !== 'raft.conf_change_refused') throw error
    return false
  }
}
