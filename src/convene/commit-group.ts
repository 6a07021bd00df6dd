/**
 * openCommitGroup: a group of one member for the outcomes of convenings, in the node's own data folder: no server, no other process.
 * Unlike a group of several it survives no loss of the folder; what it gives is the same order, the same key and the same record, so that
 * members can be added to it later. It leaves a group alone that the node takes part in already.
 */
import type { Node } from '../node/node.ts'
import type { Agenda } from './agenda.ts'
import { outcomeMachine } from './outcome-machine.ts'

/** Nobody else is to be waited for: an election is won at once. */
const aloneHeartbeatMs = 20
const aloneElectionTimeoutMs = 200

/** The group that an agenda names; undefined when its outcome goes into the journal alone. */
export function commitGroupOf(agenda: Pick<Agenda, 'commit'>): string | undefined {
  return agenda.commit?.slice('raft:'.length)
}

/** Does nothing for an agenda without `commit`. Rejects as `node.raft` does. */
export async function openCommitGroup(node: Node, agenda: Pick<Agenda, 'commit'>): Promise<void> {
  const group = commitGroupOf(agenda)
  if (group === undefined || node.raftGroup(group) !== undefined) return
  await node.raft(group, {
    members: [node.name],
    machine: outcomeMachine,
    heartbeatMs: aloneHeartbeatMs,
    electionTimeoutMs: aloneElectionTimeoutMs,
  })
}
