/**
 * RawNode: one member as its owner holds it. It checks what comes in, and hands out what is to be done: the owner ticks it,
 * steps messages into it, takes `ready()`, does what that says and calls `advance()`. It has no clock, socket or disk, and
 * never waits. All of it is etcd-io/raft's RawNode.
 *
 * The life of a Ready, without asynchronous storage:
 * 1. `ready()` gives it; another one comes only after `advance()`.
 * 2. Snapshot, entries and hard state are stored, and synced if there is a snapshot or `mustSync` says so.
 * 3. Messages are sent; committed entries are applied, configuration changes through `applyConfChange`.
 * 4. `advance()` tells the member that all this is done.
 *
 * With asynchronous storage Readies follow each other freely, and `advance` is not called: the storage does the work of each
 * MsgStorageAppend and MsgStorageApply, in the order of each thread, and then delivers its `responses`: those of an append once
 * all it holds is on disk. An append without entries, snapshot and a new term or vote needs no sync of its own.
 */
import { OutOfOrder } from '../error.ts'
import type { RaftConfig } from './config.ts'
import type { Role } from './event.ts'
import { checkMessage } from './check-message.ts'
import { marshalConfChange } from './conf-change-codec.ts'
import { applyConfChange } from './membership.ts'
import { Machine } from './machine.ts'
import {
  type AnyConfChange,
  type ConfState,
  type Entry,
  type HardState,
  type MemberId,
  type Message,
  appendThread,
  applyThread,
  emptyHardState,
  message,
} from './message.ts'
import { begin, isEmptyHardState, step, tick } from './raft.ts'
import type { Ready, SoftState } from './ready.ts'
import { type BasicStatus, type Status, basicStatusOf, statusOf } from './status.ts'
import { entriesBytes } from './wire-size.ts'

export class RawNode {
  readonly #machine: Machine
  readonly #async: boolean
  #lastSoftState: SoftState
  #lastHardState: HardState
  /** What this member says to itself once the Ready that is out is done. */
  #onAdvance: Message[] = []
  #awaitsAdvance = false

  /** Throws `raft.invalid_config`. */
  constructor(config: RaftConfig) {
    this.#machine = new Machine(config)
    begin(this.#machine)
    this.#async = this.#machine.config.asyncStorageWrites
    this.#lastSoftState = this.#softState()
    this.#lastHardState = this.#machine.hardState()
  }

  get id(): MemberId {
    return this.#machine.id
  }

  /** One unit of logical time: an election timeout and the beat of a leader are counted in it. */
  tick(): void {
    tick(this.#machine)
  }

  /**
   * Takes a message of another member or of a storage thread. Throws `raft.invalid_message`, `raft.step_local` and
   * `raft.peer_not_found` without any change, and `raft.proposal_dropped`, `raft.read_dropped` and `raft.invalid_conf_change`
   * for what was passed on to this member in vain.
   */
  step(received: Message): void {
    checkMessage(received, this.#machine.id, this.#machine.tracker)
    step(this.#machine, received)
  }

  /** Begins an election at once, whatever the timeout. Nothing happens if it cannot be elected. */
  campaign(): void {
    step(this.#machine, message({ type: 'MsgHup' }))
  }

  /** Proposes data for the log; a follower passes it on, and it may be lost on the way. Throws `raft.proposal_dropped`. */
  propose(data: Uint8Array): void {
    this.#propose([{ term: 0, index: 0, type: 'EntryNormal', data }])
  }

  /**
   * Proposes several data at once, which become entries one behind the other: either all of them are taken or none. They go
   * in one message, which costs far less than one each. An empty list does nothing. Throws `raft.proposal_dropped`.
   */
  proposeMany(all: readonly Uint8Array[]): void {
    if (all.length > 0) this.#propose(all.map((data) => ({ term: 0, index: 0, type: 'EntryNormal', data })))
  }

  /**
   * Proposes a change of the configuration, or with undefined to leave a joint one. If it may not be made now an empty entry
   * is appended in its place. Throws `raft.proposal_dropped`.
   */
  proposeConfChange(change: AnyConfChange | undefined): void {
    this.#propose([{ term: 0, index: 0, ...marshalConfChange(change) }])
  }

  /**
   * Takes a change that was committed and is being applied; gives the configuration from now on. `index` is that of its entry: a
   * snapshot that has come since the entry was given out holds the change already, and it is passed over. Without it the
   * caller must see to that. Throws `raft.conf_change_refused`.
   */
  applyConfChange(change: AnyConfChange, index: number = Infinity): ConfState {
    return applyConfChange(this.#machine, change, index)
  }

  /** Hands leadership to a member, from wherever it is called; nothing comes of it when no leader is known. */
  transferLeader(to: MemberId): void {
    step(this.#machine, message({ type: 'MsgTransferLeader', from: to }))
  }

  /** A follower no longer thinks that there is a leader, and may vote at once; it follows again whoever it hears of. */
  forgetLeader(): void {
    step(this.#machine, message({ type: 'MsgForgetLeader' }))
  }

  /**
   * Asks for an index whose application makes a read linearizable; it comes in a later Ready with the same context, or never:
   * then ask again. Throws `raft.read_dropped`.
   */
  readIndex(context: Uint8Array): void {
    step(
      this.#machine,
      message({ type: 'MsgReadIndex', entries: [{ term: 0, index: 0, type: 'EntryNormal', data: context }] }),
    )
  }

  /** The last message to this member was not delivered. */
  reportUnreachable(id: MemberId): void {
    step(this.#machine, message({ type: 'MsgUnreachable', from: id }))
  }

  /** What became of the snapshot that was sent to this member; without a report it gets no entries until it answers. */
  reportSnapshot(id: MemberId, outcome: 'finished' | 'failed'): void {
    step(this.#machine, message({ type: 'MsgSnapStatus', from: id, reject: outcome === 'failed' }))
  }

  /** For tests: the timeout that was drawn, in ticks; drawn anew with the next change of role. */
  setRandomizedElectionTimeout(ticks: number): void {
    this.#machine.randomizedElectionTimeout = ticks
  }

  status(): Status {
    return statusOf(this.#machine)
  }

  /** As in the status, without a copy, for whoever asks at every turn. */
  get term(): number {
    return this.#machine.term
  }
  get role(): Role {
    return this.#machine.role
  }
  get leader(): MemberId {
    return this.#machine.leader
  }
  get leadTransferee(): MemberId {
    return this.#machine.leadTransferee
  }

  /** Without a copy of the progress of all members. */
  basicStatus(): BasicStatus {
    return basicStatusOf(this.#machine)
  }

  /** Whether `ready()` would say anything. */
  hasReady(): boolean {
    const machine = this.#machine
    const { log } = machine
    if (machine.messages.length > 0 || machine.messagesAfterAppend.length > 0 || machine.readStates.length > 0)
      return true
    if (log.unstable.hasNextEntries() || log.hasNextCommitted(!this.#async)) return true
    if (log.unstable.nextSnapshot() !== undefined || this.#changedSoftState() !== undefined) return true
    const hardState = this.#changedHardState()
    return hardState !== undefined && !isEmptyHardState(hardState)
  }

  /** What is to be done now. Throws `raft.out_of_order` while the one before was not advanced. */
  ready(): Ready {
    if (this.#awaitsAdvance) throw new OutOfOrder('ready', 'call advance once the last Ready is done')
    const machine = this.#machine
    const { log } = machine
    const hardState = this.#changedHardState()
    const ready = {
      softState: this.#changedSoftState(),
      hardState,
      readStates: machine.readStates,
      entries: log.unstable.nextEntries(),
      snapshot: log.unstable.nextSnapshot(),
      committedEntries: log.nextCommitted(!this.#async),
      messages: machine.messages,
      mustSync: false,
    }
    ready.mustSync =
      ready.entries.length > 0 ||
      (hardState !== undefined &&
        (hardState.term !== this.#lastHardState.term || hardState.vote !== this.#lastHardState.vote))
    if (this.#async) this.#addStorageMessages(ready)
    else this.#addAfterAppend(ready)
    this.#accept(ready)
    return ready
  }

  /** All that the last Ready said is done. Throws `raft.out_of_order` without one, or with asynchronous storage. */
  advance(): void {
    if (this.#async)
      throw new OutOfOrder('advance', 'with asyncStorageWrites deliver the responses of the storage instead')
    if (!this.#awaitsAdvance) throw new OutOfOrder('advance', 'take a Ready first')
    this.#awaitsAdvance = false
    const messages = this.#onAdvance
    this.#onAdvance = []
    for (const each of messages) step(this.#machine, each)
  }

  #propose(entries: readonly Entry[]): void {
    step(this.#machine, message({ type: 'MsgProp', from: this.#machine.id, entries }))
  }

  #softState(): SoftState {
    return { leader: this.#machine.leader, role: this.#machine.role }
  }

  #changedSoftState(): SoftState | undefined {
    const { leader, role } = this.#machine
    return leader === this.#lastSoftState.leader && role === this.#lastSoftState.role ? undefined : { leader, role }
  }

  #changedHardState(): HardState | undefined {
    const last = this.#lastHardState
    const { term, vote, log } = this.#machine
    return term === last.term && vote === last.vote && log.committed === last.commit
      ? undefined
      : this.#machine.hardState()
  }

  /** To others after the entries are stable, to itself on advance. */
  #addAfterAppend(ready: Ready & { readonly messages: Message[] }): void {
    const { messagesAfterAppend, id } = this.#machine
    for (const each of messagesAfterAppend) (each.to === id ? this.#onAdvance : ready.messages).push(each)
    const stored = this.#storedResponse(ready)
    if (stored !== undefined) this.#onAdvance.push(stored)
    if (ready.committedEntries.length > 0) this.#onAdvance.push(this.#appliedResponse(ready.committedEntries))
    this.#awaitsAdvance = true
  }

  #addStorageMessages(ready: Ready & { readonly messages: Message[] }): void {
    const { messagesAfterAppend: waiting, id: from } = this.#machine
    const { entries, hardState, snapshot, committedEntries } = ready
    if (entries.length > 0 || hardState !== undefined || snapshot !== undefined || waiting.length > 0) {
      // Own acknowledgements come before the one that takes entries out of memory: their terms are read from there.
      const stored = this.#storedResponse(ready)
      const responses = stored === undefined ? waiting : [...waiting, stored]
      // Without a change of the hard state its fields stay empty, so that an old one is not written.
      const { term, vote, commit } = hardState ?? emptyHardState
      const to = appendThread
      ready.messages.push(
        message({ type: 'MsgStorageAppend', to, from, term, vote, commit, entries, snapshot, responses }),
      )
    }
    if (committedEntries.length > 0)
      ready.messages.push(
        message({
          type: 'MsgStorageApply',
          to: applyThread,
          from,
          entries: committedEntries,
          responses: [this.#appliedResponse(committedEntries)],
        }),
      )
  }

  /**
   * What the storage says when all it was given up to now is stable. It names the last entry of the log, also when this
   * Ready has none, and our term: of an earlier term it is ignored, for entries may have been replaced since and a write on
   * its way may bring the old ones back for a while. Each new term brings a write of its own, so that one answer counts in the end.
   */
  #storedResponse({ snapshot }: Ready): Message | undefined {
    const { log, id, term } = this.#machine
    const unstable = log.hasNextOrInProgressUnstable()
    if (!unstable && snapshot === undefined) return undefined
    return message({
      type: 'MsgStorageAppendResp',
      to: id,
      from: appendThread,
      term,
      index: unstable ? log.lastIndex() : 0,
      logTerm: unstable ? log.lastTerm() : 0,
      snapshot,
    })
  }

  /** What is committed is not of one term. */
  #appliedResponse(entries: readonly Entry[]): Message {
    return message({ type: 'MsgStorageApplyResp', to: this.#machine.id, from: applyThread, entries })
  }

  #accept(ready: Ready): void {
    const machine = this.#machine
    if (ready.softState !== undefined) this.#lastSoftState = ready.softState
    if (ready.hardState !== undefined) this.#lastHardState = ready.hardState
    machine.readStates = []
    machine.messages = []
    machine.messagesAfterAppend = []
    machine.log.unstable.acceptInProgress()
    const last = ready.committedEntries.at(-1)
    if (last !== undefined) machine.log.acceptApplying(last.index, entriesBytes(ready.committedEntries), !this.#async)
  }
}
