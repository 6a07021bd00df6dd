/**
 * What happens inside a member, told to whoever observes it: counters of a simulation, a log, a dashboard. Unlike Ready it
 * asks for nothing, and nothing is lost when nobody listens.
 */
import type { ProposalDroppedReason, ReadDroppedReason } from '../error.ts'
import type { ConfState, MemberId, MessageType } from './message.ts'

export type Role = 'StateFollower' | 'StateCandidate' | 'StateLeader' | 'StatePreCandidate'

export type CampaignKind = 'pre_election' | 'election' | 'transfer'

export type RaftEvent =
  | {
      readonly type: 'role_changed'
      readonly from: Role
      readonly to: Role
      readonly term: number
      readonly leader: MemberId
    }
  | { readonly type: 'election_begun'; readonly kind: CampaignKind; readonly term: number }
  | {
      readonly type: 'election_won' | 'election_lost'
      readonly kind: 'pre_election' | 'election'
      readonly term: number
    }
  /** It did not campaign: it cannot be elected, or a change of the configuration must be applied first. */
  | { readonly type: 'election_not_begun'; readonly why: 'unpromotable' | 'unapplied_conf_change' }
  | {
      readonly type: 'vote_granted' | 'vote_refused'
      readonly to: MemberId
      readonly term: number
      readonly pre: boolean
    }
  /** The leader was heard of too lately: neither the vote nor its term counted. */
  | { readonly type: 'vote_ignored'; readonly to: MemberId; readonly term: number; readonly pre: boolean }
  | { readonly type: 'proposal_dropped'; readonly reason: ProposalDroppedReason }
  | { readonly type: 'read_dropped'; readonly reason: ReadDroppedReason | 'leader_lost'; readonly count: number }
  /** An empty entry was appended in its place. */
  | { readonly type: 'conf_change_ignored'; readonly why: 'pending' | 'joint' | 'not_joint' | 'refused' }
  | { readonly type: 'configuration_changed'; readonly confState: ConfState }
  | { readonly type: 'append_refused'; readonly by: MemberId; readonly index: number; readonly hint: number }
  | { readonly type: 'append_rejected'; readonly from: MemberId; readonly index: number }
  /** Unstable or stable entries from `index` on gave way to the leader's. */
  | { readonly type: 'log_truncated'; readonly index: number; readonly lastIndex: number }
  | { readonly type: 'snapshot_sent'; readonly to: MemberId; readonly index: number }
  /** A member needs a snapshot, and the newest one does not know of it: make a newer one, which is sent as soon as it is there. */
  | { readonly type: 'snapshot_too_old'; readonly to: MemberId; readonly index: number }
  | { readonly type: 'snapshot_restored' | 'snapshot_ignored'; readonly index: number; readonly from: MemberId }
  | { readonly type: 'quorum_lost'; readonly term: number }
  | { readonly type: 'transfer_begun' | 'transfer_aborted'; readonly to: MemberId; readonly term: number }
  /** The message was of an earlier term. Of a storage's answer: its entries may have been overwritten since. */
  | { readonly type: 'message_outdated'; readonly message: MessageType; readonly from: MemberId; readonly term: number }
  /** The storage wrote entries that had been replaced meanwhile; they are not taken for stable. */
  | { readonly type: 'stable_mismatch'; readonly index: number; readonly term: number }
