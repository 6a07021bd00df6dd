/**
 * Replication (section 5.3): what a leader appends to its own log and sends to the others, one member at a time, as its
 * progress allows. It handles no message; what an answer changes is said by leader.ts.
 */
import { BrokenInvariant } from '../error.ts'
import type { Machine } from './machine.ts'
import type { Entry, MemberId } from './message.ts'
import type { Progress } from './progress.ts'
import { knows } from './tracker.ts'
import { payloadBytes } from './wire-size.ts'

/** Appends proposals to the leader's own log, as entries of its term; false when too much is uncommitted. */
export function appendEntries(machine: Machine, proposals: readonly Pick<Entry, 'type' | 'data'>[]): boolean {
  if (!increaseUncommitted(machine, payloadBytesOf(proposals))) return false
  const first = machine.log.lastIndex() + 1
  const entries: Entry[] = proposals.map(({ type, data }, at) => ({
    term: machine.term,
    index: first + at,
    type,
    data,
  }))
  const index = machine.log.append(entries)
  // The leader acknowledges its own entries like everybody else: when they are stable.
  machine.send({ type: 'MsgAppResp', to: machine.id, index })
  return true
}

function payloadBytesOf(proposals: readonly Pick<Entry, 'data'>[]): number {
  let bytes = 0
  for (const { data } of proposals) bytes += data?.length ?? 0
  return bytes
}

/** Any size is let in when nothing waits; empty entries (of a new leader, of leaving a joint configuration) always are. */
function increaseUncommitted(machine: Machine, bytes: number): boolean {
  const { uncommittedBytes } = machine
  if (uncommittedBytes > 0 && bytes > 0 && uncommittedBytes + bytes > machine.config.maxUncommittedEntriesSize)
    return false
  machine.uncommittedBytes += bytes
  return true
}

/** The count may be too low, after a change of leaders, and never is too high. */
export function reduceUncommitted(machine: Machine, bytes: number): void {
  machine.uncommittedBytes = Math.max(0, machine.uncommittedBytes - bytes)
}

/** An append for everybody else, with entries or without. */
export function broadcastAppend(machine: Machine): void {
  for (const id of machine.tracker.progress.keys()) if (id !== machine.id) maybeSendAppend(machine, id, true)
}

/**
 * Sends an append if the member may be sent one, and if there are entries for it or an empty one is wanted (it tells what is
 * committed). What is compacted goes as a snapshot. Says whether anything was sent.
 */
export function maybeSendAppend(machine: Machine, to: MemberId, evenIfEmpty: boolean): boolean {
  const progress = machine.tracker.progress.get(to)
  if (progress === undefined || progress.isPaused) return false
  const { log } = machine
  const prevIndex = progress.next - 1
  const prevTerm = log.term(prevIndex)
  if (typeof prevTerm !== 'number') return maybeSendSnapshot(machine, to, progress)
  // With a full window only empty appends go: one of them will be answered even if all in the window were lost.
  const throttled = progress.state === 'StateReplicate' && progress.inflights.full
  const entries = throttled ? [] : log.entriesFrom(progress.next, machine.config.maxSizePerMsg)
  if (entries === 'compacted') return evenIfEmpty && maybeSendSnapshot(machine, to, progress)
  if (entries.length === 0 && !evenIfEmpty) return false
  const commit = log.committed
  machine.send({ type: 'MsgApp', to, index: prevIndex, logTerm: prevTerm, entries, commit })
  progress.sentEntries(entries.length, payloadBytes(entries))
  progress.sentCommitTo(commit)
  return true
}

function maybeSendSnapshot(machine: Machine, to: MemberId, progress: Progress): boolean {
  // A snapshot is costly: it is not sent to somebody who may be gone.
  if (!progress.recentActive) return false
  const snapshot = machine.log.snapshot()
  if (snapshot === 'unavailable') return false
  const { index, confState } = snapshot.metadata
  if (index === 0) throw new BrokenInvariant(`member ${to} needs a snapshot and the storage has an empty one`)
  // Whoever is not in it would refuse it: it was made before the member came in.
  if (!knows(confState, to)) {
    machine.observe?.({ type: 'snapshot_too_old', to, index })
    return false
  }
  progress.becomeSnapshot(index)
  machine.send({ type: 'MsgSnap', to, snapshot })
  machine.observe?.({ type: 'snapshot_sent', to, index })
  return true
}

/** A heartbeat for everybody else. */
export function broadcastHeartbeat(machine: Machine): void {
  const context = machine.readOnly.heartbeatContext(machine.leaderTicks)
  for (const [to, progress] of machine.tracker.progress) {
    if (to === machine.id) continue
    // Never beyond where the logs are known to agree: the member commits it without looking.
    const commit = Math.min(progress.match, machine.log.committed)
    machine.send({ type: 'MsgHeartbeat', to, commit, context })
    progress.sentCommitTo(commit)
  }
}

/** Commits what a quorum has stored, if the last of it is of this term. */
export function maybeCommit(machine: Machine): boolean {
  return machine.log.maybeCommit(machine.tracker.committed(), machine.term)
}
