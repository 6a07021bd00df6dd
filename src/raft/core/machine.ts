/**
 * Machine: the state of one member, and what all its roles do alike: sending, telling, beginning a term anew. Which message
 * leads to what is said by the files of the roles (follower.ts, election.ts, leader.ts and what they stand on); raft.ts
 * hands each message to one of them. It draws its election timeout and reads no clock.
 *
 * The names are those of etcd-io/raft and of figure 2 of the Raft paper.
 */
import type { Random } from '../../base/random.ts'
import { BrokenInvariant } from '../error.ts'
import { type CheckedConfig, type RaftConfig, checkConfig } from './config.ts'
import type { RaftEvent, Role } from './event.ts'
import { RaftLog } from './log.ts'
import { type HardState, type MemberId, type Message, type MessageType, nobody } from './message.ts'
import { ReadOnly } from './read-only.ts'
import { ProgressTracker } from './tracker.ts'

/** What a reader waits for: once `index` is applied, the read that `context` names is linearizable. */
export interface ReadState {
  readonly index: number
  readonly context: Uint8Array | undefined
}

/** A message to send: the machine fills in sender and term. */
export type Outgoing = Partial<Message> & { readonly type: MessageType; readonly to: MemberId }

export class Machine {
  readonly id: MemberId
  readonly config: CheckedConfig
  readonly log: RaftLog
  tracker: ProgressTracker
  /** The configuration came with a snapshot of this index, or has changed since; 0 without one. */
  restoredIndex = 0
  term = 0
  vote: MemberId = nobody
  role: Role = 'StateFollower'
  leader: MemberId = nobody
  isLearner = false

  /** May leave at once. */
  messages: Message[] = []
  /** May leave, or come back to this member, when all that is unstable now is stable. */
  messagesAfterAppend: Message[] = []
  readStates: ReadState[] = []

  /** To whom leadership is being handed over. */
  leadTransferee: MemberId = nobody
  /** Whether somebody was told in this term to campaign at once: whatever lease there is does not hold them. */
  timeoutNowSent = false
  /** No configuration change is proposed before this index is applied: there may be one in the log up to it. */
  pendingConfIndex = 0
  /** Bytes of data this leader has appended and not seen applied. */
  uncommittedBytes = 0
  readOnly: ReadOnly
  /** Reads that wait for the first commit of the term. */
  pendingReads: Message[] = []

  electionElapsed = 0
  heartbeatElapsed = 0
  randomizedElectionTimeout = 0
  /** Ticks as leader in this term; it begins so high that 0 is long ago. */
  leaderTicks = 0
  /** Ticks left in which a lease may stand that this member has given, in this life or the last; whatever term it is in. */
  promisedTicks = 0
  readonly #random: Random

  constructor(config: RaftConfig) {
    this.config = checkConfig(config)
    this.id = config.id
    this.#random = config.random
    this.log = new RaftLog(config.storage, this.config.maxCommittedSizePerReady)
    this.tracker = this.newTracker()
    this.readOnly = new ReadOnly(this.config.readOnlyOption)
  }

  newTracker(): ProgressTracker {
    return new ProgressTracker(this.config.maxInflightMsgs, this.config.maxInflightBytes)
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed }
  }

  loadState({ term, vote, commit }: HardState): void {
    if (commit < this.log.committed || commit > this.log.lastIndex())
      throw new BrokenInvariant(
        `the stored commit ${commit} is outside [${this.log.committed}, ${this.log.lastIndex()}]; the storage lost entries`,
      )
    this.log.committed = commit
    this.term = term
    this.vote = vote
  }

  /** Tells the observer; callers say `observe?.(...)` themselves where the event costs something to make. */
  get observe(): ((event: RaftEvent) => void) | undefined {
    return this.config.observe
  }

  become(role: Role): void {
    const from = this.role
    this.role = role
    this.observe?.({ type: 'role_changed', from, to: role, term: this.term, leader: this.leader })
  }

  /**
   * Queues a message. Votes carry the term they are about; proposals and reads that are passed on carry none, for they are not
   * of a term; everything else carries ours.
   *
   * Answers to appends and votes wait for the storage (thesis 3.8): a vote or an entry counts for others only when it
   * survives a crash of this member. Refusals wait too, as they may rest on what is not yet stable.
   */
  send(fields: Outgoing): void {
    const { type, to } = fields
    let term = fields.term ?? 0
    if (type === 'MsgVote' || type === 'MsgVoteResp' || type === 'MsgPreVote' || type === 'MsgPreVoteResp') {
      if (term === 0) throw new BrokenInvariant(`${type} is sent without its term`)
    } else {
      if (term !== 0) throw new BrokenInvariant(`${type} is sent with the term ${term} of its own`)
      if (type !== 'MsgProp' && type !== 'MsgReadIndex') ({ term } = this)
    }
    const sent: Message = {
      type,
      to,
      from: fields.from === undefined || fields.from === nobody ? this.id : fields.from,
      term,
      logTerm: fields.logTerm ?? 0,
      index: fields.index ?? 0,
      entries: fields.entries ?? none,
      commit: fields.commit ?? 0,
      vote: nobody,
      snapshot: fields.snapshot,
      reject: fields.reject ?? false,
      rejectHint: fields.rejectHint ?? 0,
      context: fields.context,
      responses: none,
    }
    if (type === 'MsgAppResp' || type === 'MsgVoteResp' || type === 'MsgPreVoteResp')
      this.messagesAfterAppend.push(sent)
    else if (to === this.id) throw new BrokenInvariant(`${type} is sent to oneself`)
    else if (type === 'MsgHeartbeatResp' && this.#mustKeepPromise) this.messagesAfterAppend.push(sent)
    else this.messages.push(sent)
  }

  /** A lease rests on answers to heartbeats: who has stored nothing yet would not know after a crash that it has given one. */
  get #mustKeepPromise(): boolean {
    return this.config.asyncStorageWrites && this.config.readOnlyOption === 'lease'
  }

  /** Begins a term, or a role, anew. */
  reset(term: number): void {
    if (this.term !== term) {
      this.term = term
      this.vote = nobody
    }
    this.leader = nobody
    this.electionElapsed = 0
    this.heartbeatElapsed = 0
    this.leaderTicks = this.config.electionTick
    this.timeoutNowSent = false
    this.drawElectionTimeout()
    this.abortTransfer()
    this.tracker.resetVotes()
    const last = this.log.lastIndex()
    for (const [id, progress] of this.tracker.progress) progress.restart(id === this.id ? last : 0, last + 1)
    this.pendingConfIndex = 0
    this.uncommittedBytes = 0
    this.#dropReads()
    this.readOnly = new ReadOnly(this.config.readOnlyOption)
  }

  /** Whoever asked must ask again: an answer of another term would not be one to this round. */
  #dropReads(): void {
    const count = this.readOnly.waiting + this.pendingReads.length
    if (count > 0) this.observe?.({ type: 'read_dropped', reason: 'leader_lost', count })
    this.pendingReads = []
  }

  /** In [electionTick, 2 * electionTick), anew for each role, so that split votes end (section 5.2). */
  drawElectionTimeout(): void {
    const { electionTick } = this.config
    this.randomizedElectionTimeout = electionTick + this.#random.integer(electionTick)
  }

  /**
   * A leader was heard of, and may rely on it that this member votes for nobody in an election timeout from now. That does not
   * end with the term of that leader: it may not have heard of the next one.
   */
  promiseLease(): void {
    const { readOnlyOption, electionTick } = this.config
    if (readOnlyOption === 'lease') this.promisedTicks = electionTick
  }

  abortTransfer(): void {
    if (this.leadTransferee === nobody) return
    this.observe?.({ type: 'transfer_aborted', to: this.leadTransferee, term: this.term })
    this.leadTransferee = nobody
  }

  /** Whether it may be elected: it is a voter, and has no snapshot left to apply. */
  promotable(): boolean {
    const own = this.tracker.progress.get(this.id)
    return own !== undefined && !own.isLearner && !this.log.hasNextOrInProgressSnapshot()
  }

  /** Before that a leader cannot know what is committed (section 8). */
  hasCommittedInTerm(): boolean {
    return this.log.termOrZero(this.log.committed) === this.term
  }
}

const none: readonly never[] = Object.freeze([])
