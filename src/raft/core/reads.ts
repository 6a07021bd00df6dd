/**
 * Linearizable reads without entries in the log (thesis 6.4): the leader remembers what is committed, makes sure that it is
 * still the leader, and answers with that index. The reader waits until it has applied it. Which reads wait is read-only.ts.
 */
import { ReadDropped, type ReadDroppedReason } from '../error.ts'
import type { Machine } from './machine.ts'
import { type Message, nobody } from './message.ts'
import { broadcastHeartbeat } from './replication.ts'

/** A request for a read index, at the leader. */
export function readAtLeader(machine: Machine, request: Message): void {
  // Before the first commit of the term the leader does not know what its predecessors have committed; nor does a single
  // voter after a restart: its last life may have answered for entries whose commit it had not stored yet.
  if (!machine.hasCommittedInTerm()) {
    if (machine.pendingReads.length >= machine.config.maxPendingReads) throw dropRead(machine, 'too_many')
    machine.pendingReads.push(request)
    return
  }
  beginReads(machine, [request])
}

export function dropRead(machine: Machine, reason: ReadDroppedReason): ReadDropped {
  machine.observe?.({ type: 'read_dropped', reason, count: 1 })
  return new ReadDropped(reason)
}

/** Reads that waited for the first commit of the term. */
export function releasePendingReads(machine: Machine): void {
  if (machine.pendingReads.length === 0 || !machine.hasCommittedInTerm()) return
  const requests = machine.pendingReads
  machine.pendingReads = []
  beginReads(machine, requests)
}

/** At once where nobody need be asked, else by one round for all the others. */
function beginReads(machine: Machine, requests: readonly Message[]): void {
  const { readOnly, log } = machine
  const alone = isQuorumAlone(machine)
  const leased = !alone && holdsLease(machine)
  const rounds: Message[] = []
  for (const request of requests) {
    if (alone || (leased && machine.config.mayUseLease(request.entries[0]?.data)))
      answerRead(machine, request, log.committed)
    else rounds.push(request)
  }
  if (rounds.length === 0) return
  // Those that waited for the first commit are no more than that, and nobody else waits then.
  if (readOnly.waiting + rounds.length > machine.config.maxPendingReads) throw dropRead(machine, 'too_many')
  for (const request of rounds) readOnly.add(log.committed, request)
  readOnly.acknowledgeOwn(machine.id)
  broadcastHeartbeat(machine)
}

/** A member answered a heartbeat that carried a context. */
export function acknowledgeRead(machine: Machine, { from, context }: Message): void {
  if (context === undefined || context.length === 0) return
  machine.readOnly.acknowledge(from, context, machine.leaderTicks)
  confirmReads(machine)
}

/** Answers the reads whose round a quorum has answered; also when the quorum has become a smaller one. */
export function confirmReads(machine: Machine): void {
  if (machine.readOnly.waiting === 0) return
  for (const { request, index } of machine.readOnly.advance(machine.tracker.config.voters))
    answerRead(machine, request, index)
}

function answerRead(machine: Machine, { from, entries }: Message, index: number): void {
  if (from === nobody || from === machine.id) machine.readStates.push({ index, context: entries[0]?.data })
  else machine.send({ type: 'MsgReadIndexResp', to: from, index, entries })
}

/** The one voter needs nobody. A leader that was removed is not that voter, even if one is left. */
function isQuorumAlone({ tracker, id }: Machine): boolean {
  return tracker.isSingleton && tracker.config.voters.incoming.has(id)
}

/**
 * Whether a quorum heard of this leader so lately that none of them votes yet. Two ticks are taken off, for the leader's
 * count of ticks and a member's may each be one short. Whoever was told to campaign at once breaks every lease.
 */
function holdsLease(machine: Machine): boolean {
  const { readOnly, leaderTicks, config } = machine
  if (readOnly.option !== 'lease' || machine.timeoutNowSent) return false
  const heard = readOnly.leaseTick(machine.id, leaderTicks, machine.tracker.config.voters)
  return leaderTicks - heard <= config.electionTick - 2
}
