/**
 * Elections (sections 5.2 and 5.4.1, thesis 9.6 for pre-votes): how a member becomes follower, candidate or leader, and how
 * it asks for votes and gives them. When an election begins is decided by ticks and messages, in raft.ts.
 */
import { BrokenInvariant } from '../error.ts'
import type { CampaignKind } from './event.ts'
import type { Machine } from './machine.ts'
import { type MemberId, type Message, nobody } from './message.ts'
import { appendEntries, broadcastAppend } from './replication.ts'

/** What a request for a vote carries when the old leader has asked for the election: leases do not hold it up. */
const transferContext: Uint8Array = new TextEncoder().encode('CampaignTransfer')

export function isTransfer({ context }: Message): boolean {
  return (
    context !== undefined &&
    context.length === transferContext.length &&
    context.every((byte, at) => byte === transferContext[at])
  )
}

export function becomeFollower(machine: Machine, term: number, leader: MemberId): void {
  machine.reset(term)
  machine.leader = leader
  machine.become('StateFollower')
}

function becomeCandidate(machine: Machine): void {
  if (machine.role === 'StateLeader') throw new BrokenInvariant('a leader becomes candidate')
  machine.reset(machine.term + 1)
  machine.vote = machine.id
  machine.become('StateCandidate')
}

/** Neither term nor vote change: nothing is spent before it is known that the election could be won. */
function becomePreCandidate(machine: Machine): void {
  if (machine.role === 'StateLeader') throw new BrokenInvariant('a leader becomes pre-candidate')
  machine.tracker.resetVotes()
  machine.leader = nobody
  machine.become('StatePreCandidate')
}

function becomeLeader(machine: Machine): void {
  if (machine.role !== 'StateCandidate') throw new BrokenInvariant(`a ${machine.role} becomes leader`)
  machine.reset(machine.term)
  machine.leader = machine.id
  machine.become('StateLeader')
  const own = machine.tracker.progress.get(machine.id)
  if (own === undefined) throw new BrokenInvariant('a leader is not in its own configuration')
  own.becomeReplicate()
  own.recentActive = true
  // There may be a configuration change among what is not applied. To wait for all of it costs less than to look.
  machine.pendingConfIndex = machine.log.lastIndex()
  // An entry of its own term: with it the leader commits what its predecessors left (section 5.4.2).
  if (!appendEntries(machine, [{ type: 'EntryNormal' }])) throw new BrokenInvariant('the empty entry was dropped')
}

/** Begins an election if there is reason and right to; a member with a configuration change to apply first does not. */
export function hup(machine: Machine, kind: CampaignKind): void {
  if (machine.role === 'StateLeader') return
  if (!machine.promotable()) {
    machine.observe?.({ type: 'election_not_begun', why: 'unpromotable' })
    return
  }
  if (hasUnappliedConfChange(machine)) {
    machine.observe?.({ type: 'election_not_begun', why: 'unapplied_conf_change' })
    return
  }
  campaign(machine, kind)
}

/** Looks in pages, so that a long tail is never in memory as a whole. */
function hasUnappliedConfChange({ log }: Machine): boolean {
  for (let from = log.applied + 1; from <= log.committed;) {
    const page = log.slice(from, log.committed + 1, log.maxApplyingBytes)
    if (page === 'compacted' || page.length === 0)
      throw new BrokenInvariant(`entry ${from} is committed, not applied, and cannot be read`)
    if (page.some(({ type }) => type !== 'EntryNormal')) return true
    from += page.length
  }
  return false
}

function campaign(machine: Machine, kind: CampaignKind): void {
  const pre = kind === 'pre_election'
  if (pre) becomePreCandidate(machine)
  else becomeCandidate(machine)
  // A pre-vote asks about the term that the election would have.
  const term = pre ? machine.term + 1 : machine.term
  machine.observe?.({ type: 'election_begun', kind, term })
  const index = machine.log.lastIndex()
  const logTerm = machine.log.lastTerm()
  const context = kind === 'transfer' ? transferContext : undefined
  for (const to of machine.tracker.voterNodes()) {
    // Its own vote counts like the others: when it is stable.
    if (to === machine.id) machine.send({ type: pre ? 'MsgPreVoteResp' : 'MsgVoteResp', to, term })
    else machine.send({ type: pre ? 'MsgPreVote' : 'MsgVote', to, term, index, logTerm, context })
  }
}

/** A request for a vote or pre-vote of this term, or for a pre-vote of a later one. */
export function handleVoteRequest(machine: Machine, request: Message): void {
  const { type, from, term, index, logTerm } = request
  const pre = type === 'MsgPreVote'
  const response = pre ? 'MsgPreVoteResp' : 'MsgVoteResp'
  // This term may have been heard of from others while the lease of an earlier one still stands.
  const isFree =
    machine.vote === nobody && machine.leader === nobody && (machine.promisedTicks === 0 || isTransfer(request))
  const canVote = machine.vote === from || isFree || (pre && term > machine.term)
  // Learners vote too: one that was promoted may be needed before it has heard of it, and the candidate knows.
  if (canVote && machine.log.isUpToDate(index, logTerm)) {
    // The term of the request, not ours: for a pre-vote it is the later one, and ours would be dropped as outdated.
    machine.send({ type: response, to: from, term })
    machine.observe?.({ type: 'vote_granted', to: from, term, pre })
    if (pre) return
    machine.electionElapsed = 0
    machine.vote = from
    return
  }
  machine.send({ type: response, to: from, term: machine.term, reject: true })
  machine.observe?.({ type: 'vote_refused', to: from, term, pre })
}

/** An answer to the votes that this candidate or pre-candidate has asked for. */
export function handleVoteResponse(machine: Machine, { from, reject }: Message): void {
  const pre = machine.role === 'StatePreCandidate'
  const kind = pre ? 'pre_election' : 'election'
  machine.tracker.recordVote(from, !reject)
  const { result } = machine.tracker.tallyVotes()
  if (result === 'won') {
    machine.observe?.({ type: 'election_won', kind, term: machine.term })
    if (pre) {
      campaign(machine, 'election')
      return
    }
    becomeLeader(machine)
    broadcastAppend(machine)
  } else if (result === 'lost') {
    machine.observe?.({ type: 'election_lost', kind, term: machine.term })
    // Of a pre-vote the answers may be of a later term; ours has not changed.
    becomeFollower(machine, machine.term, nobody)
  }
}
