/**
 * ReplicaEngine: joins the parts of one member: the node that runs the core, the link to the others, what the log makes, and those who
 * wait. Unlike the replica, which is what a user holds, it speaks in frames and entries. It decides nothing that a part can decide.
 */
import { codeOf, messageOf } from '../base/error.ts'
import { type HelloAnswer, encodeControl } from './control-frame.ts'
import { unmarshalConfChange } from './core/conf-change-codec.ts'
import type { RaftEvent } from './core/event.ts'
import type { ReadState } from './core/machine.ts'
import type { ConfState, Entry, MemberId, Snapshot } from './core/message.ts'
import { InvalidFrame } from './error.ts'
import type { Founding } from './founding.ts'
import type { LeaderInfo, Phase } from './raft.ts'
import { type Facts, silentQuorum, whyNot } from './replica-diagnose.ts'
import { ReplicaDiscovery } from './replica-discovery.ts'
import { ReplicaFailed } from './replica-error.ts'
import { ReplicaFeeds } from './replica-feeds.ts'
import { ReplicaFrames } from './replica-frames.ts'
import { ReplicaLeader, furthestVoter, hasCaughtUp } from './replica-leader.ts'
import { ReplicaMembers } from './replica-members.ts'
import { ReplicaNode } from './replica-node.ts'
import type { ReplicaSettings } from './replica-options.ts'
import { ReplicaProposals, closedError } from './replica-proposals.ts'
import { ReplicaReads } from './replica-reads.ts'
import { ReplicaRoutes } from './replica-routes.ts'
import { ReplicaSender } from './replica-sender.ts'
import { ReplicaSnapshots } from './replica-snapshots.ts'
import { decodeCaptured, encodeCaptured } from './replicated-snapshot.ts'
import type { Replicated } from './replicated.ts'
import type { GroupLink } from './transport.ts'

/** What the log told at the opening. */
export interface Opened<State, Command, Result> {
  readonly replicated: Replicated<State, Command, Result>
  readonly confState: ConfState
  /** Undefined when it is not known yet. */
  readonly identity: { readonly groupId: string; readonly id: MemberId } | undefined
  readonly mayFound: boolean
}

export class ReplicaEngine<State, Command, Result> {
  readonly settings: ReplicaSettings<State, Command, Result>
  readonly replicated: Replicated<State, Command, Result>
  readonly proposals: ReplicaProposals
  readonly reads: ReplicaReads
  readonly members: ReplicaMembers
  readonly snapshots: ReplicaSnapshots
  readonly feeds: ReplicaFeeds
  readonly routes: ReplicaRoutes
  readonly #leader: ReplicaLeader
  readonly #frames: ReplicaFrames
  readonly #sender: ReplicaSender
  readonly #link: GroupLink
  readonly #opened: Opened<State, Command, Result>
  #discovery: ReplicaDiscovery | undefined
  #node: ReplicaNode | undefined
  #confState: ConfState
  #groupId = ''
  #phase: Phase = 'discovering'
  #failure: unknown
  #ignored: ReturnType<ConstructorParameters<typeof ReplicaMembers>[0]['propose']>
  #leaderlessMs: number

  constructor(settings: ReplicaSettings<State, Command, Result>, opened: Opened<State, Command, Result>) {
    this.settings = settings
    this.#opened = opened
    this.replicated = opened.replicated
    this.#confState = opened.confState
    const { clock, entropy, electionTimeoutMs, log } = settings
    this.#leaderlessMs = clock.monotonicMs()
    const nonce = (): string => Buffer.from(entropy.bytes(8)).toString('hex')
    const [wake, appliedIndex] = [(): void => this.wake(), (): number => this.replicated.index]
    this.routes = new ReplicaRoutes(settings.member, clock, electionTimeoutMs * 2)
    this.#leader = new ReplicaLeader(settings, {
      append: (entries) => this.#node!.propose(entries),
      refuse: (to, frame) => this.#send(to, encodeControl({ ...frame, type: 'forwarded', groupId: this.#groupId })),
      change: (operation) => this.members.decide(operation),
      transfer: (name) => this.transferTo(name),
    })
    this.proposals = new ReplicaProposals(
      { ...settings, frameMaxBytes: Math.min(settings.transport.frameMaxBytes - 1024, 1024 * 1024) },
      {
        nonce,
        wake,
        whyNot: () => this.whyNot(),
        append: (entries) => this.#node!.propose(entries),
        forward: (operations) => this.#forward(operations),
      },
    )
    this.reads = new ReplicaReads(
      clock,
      { wake, whyNot: () => this.whyNot(), appliedIndex, ask: (context) => this.#ask(context) },
      settings.readsMax,
      electionTimeoutMs,
      entropy.bytes(8),
    )
    this.members = new ReplicaMembers(this.#membersHost(nonce))
    this.snapshots = new ReplicaSnapshots(settings, {
      capture: () => this.#capture(),
      appliedIndex,
      compacted: (firstIndex) => this.feeds.compacted(firstIndex),
      failed: (error) => this.#fail(error),
    })
    this.feeds = new ReplicaFeeds(
      {
        storage: () => log.storage,
        appliedIndex,
        decode: (command) => settings.machine.codec.decode(command),
        ended: () => this.#ended()?.(),
      },
      this.replicated.index + 1,
    )
    this.#frames = new ReplicaFrames(settings, this.replicated, this.routes, this.snapshots, this.#framesHost())
    this.#link = settings.transport.join(settings.group, settings.member, this.#frames)
    this.#sender = new ReplicaSender(this.#link, this.routes, this.snapshots, () =>
      this.#phase === 'running' ? this.#node : undefined,
    )
    for (const [name, address] of settings.contacts) this.routes.setContact(this.#link, name, address)
  }

  #membersHost(nonce: () => string): ConstructorParameters<typeof ReplicaMembers>[0] {
    const { clock, electionTimeoutMs } = this.settings
    return {
      clock,
      electionTimeoutMs,
      nonce,
      wake: () => this.wake(),
      book: () => this.replicated.members,
      confState: () => this.#confState,
      propose: (entry) => this.#proposeChange(entry),
      announce: (name, address) => {
        this.routes.setAddress(this.#link, name, address)
        this.#send(name, encodeControl({ type: 'control', groupId: this.#groupId }))
      },
      caughtUp: (id) => hasCaughtUp(this.#node!.raw.status(), id),
      heard: (name) => this.routes.heard(name),
    }
  }

  #framesHost(): ConstructorParameters<typeof ReplicaFrames>[4] {
    return {
      send: (to, frame) => this.#send(to, frame),
      setAddress: (name, address) => this.routes.setAddress(this.#link, name, address),
      node: () => (this.#phase === 'running' ? this.#node : undefined),
      discovery: () => this.#discovery,
      ended: () => this.#ended() !== undefined,
      unreachable: (name) => this.#sender.unreachable(this.routes.idOf(name)),
      failed: (error) => this.#fail(error),
      stranger: (from, hello, leads) => {
        this.members.stranger(from, hello)
        if (leads) this.members.rejoin(from, hello)
      },
      refused: (frame) => {
        this.proposals.refused(frame)
        for (const nonce of frame.nonces) this.members.answered(nonce, frame.reason)
      },
      operations: (from, operations, leads) => {
        this.#leader.take(from, operations, leads)
        this.wake()
      },
    }
  }

  get phase(): Phase {
    return this.#phase
  }
  get node(): ReplicaNode | undefined {
    return this.#node
  }
  get groupId(): string {
    return this.#groupId
  }
  get confState(): ConfState {
    return this.#confState
  }
  get link(): GroupLink {
    return this.#link
  }
  get refusedFrames(): number {
    return this.#frames.refused
  }

  start(): void {
    const { identity, mayFound } = this.#opened
    if (identity) return this.#run(identity.groupId, identity.id)
    const { clock, group, member, log, contacts, transport, electionTimeoutMs } = this.settings
    this.#discovery = new ReplicaDiscovery(
      {
        clock,
        group,
        member,
        token: log.identity.token,
        contacts,
        mayFound,
        address: transport.address,
        everyMs: Math.ceil(electionTimeoutMs / 2),
      },
      {
        hello: (to, hello) => this.#send(to, encodeControl(hello)),
        found: (founding) => this.#found(founding),
        adopt: (answer) => this.#adopt(answer),
      },
    )
    this.#discovery.start()
  }

  /** What the founders agree on is kept before this member says or hears anything as a member. */
  #found({ groupId, members, entries, hardState }: Founding): void {
    const { log, member } = this.settings
    log.save({ entries, hardState, sync: true }).then(
      () => this.#run(groupId, members.find(({ name }) => name === member)!.id),
      (error: unknown) => this.#fail(error),
    )
  }

  #adopt({ groupId, id, members }: HelloAnswer): void {
    const known = this.replicated.groupId
    if (known !== undefined && known !== groupId)
      return this.#fail(new InvalidFrame(`is of the group ${groupId}, and the log of ${known}`))
    this.routes.learn(members, this.#link)
    this.#run(groupId, id)
  }

  #run(groupId: string, id: MemberId): void {
    if (this.#ended()) return
    const { settings } = this
    this.#discovery = undefined
    this.#groupId = groupId
    this.#sender.setGroup(groupId)
    this.#frames.setGroup(groupId)
    this.#phase = 'running'
    this.routes.learn(this.replicated.members.rows(), this.#link)
    const appendMaxBytes = Math.floor(Math.min(1024 * 1024, settings.transport.frameMaxBytes / 2))
    try {
      this.#node = new ReplicaNode(
        { ...settings, appendMaxBytes, uncommittedMaxBytes: settings.backlogMaxBytes },
        this.#host(),
        id,
        this.replicated.index,
      )
    } catch (error) {
      return this.#fail(error)
    }
    this.#node.start()
  }

  #host(): ConstructorParameters<typeof ReplicaNode>[1] {
    return {
      collect: () => this.#collect(),
      send: (each) => this.#sender.message(each),
      sendSnapshot: (each) => this.#sender.snapshot(each),
      apply: (entries) => this.#apply(entries),
      restore: (snapshot) => this.#restore(snapshot),
      readable: (states: readonly ReadState[]) => this.reads.readable(states),
      changed: () => this.#changed(),
      observe: (event) => this.#observe(event),
      ticked: () => this.#ticked(),
      failed: (error) => this.#fail(error),
    }
  }

  wake(): void {
    this.#node?.wake()
  }

  /** Hands in what waits: to the own log when it leads, and else to the leader. */
  #collect(): void {
    const node = this.#node
    if (node === undefined) return
    const { role, leader, leadTransferee } = node.raw
    const nowMs = Math.floor(this.settings.clock.now())
    if (role === 'StateLeader') {
      // What comes while a save is under way goes into the next one together: one append, one save, one sync.
      if (node.savesUnderWay === 0 && leadTransferee === 0) {
        this.#leader.flush(nowMs)
        this.proposals.flush(true, nowMs)
      }
      this.members.flush((operation) => {
        const refusal = this.members.decide(operation)
        if (refusal !== undefined) queueMicrotask(() => this.members.answered(operation.nonce, refusal))
        return true
      })
    } else if (leader !== 0) {
      this.proposals.flush(false, nowMs)
      this.members.flush((operation) => this.#forward([operation]))
    }
    if (leader !== 0) this.reads.flush()
  }

  #apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.type !== 'EntryNormal') {
        this.#applyChange(entry)
        continue
      }
      const effect = this.replicated.apply(entry)
      if (effect.type === 'founded') this.routes.learn(this.replicated.members.rows(), this.#link)
      if (effect.type === 'refused' || (effect.type === 'answered' && !effect.fresh)) this.feeds.skip(entry.index)
      this.proposals.applied(effect)
    }
    this.snapshots.applied(entries)
    this.reads.applied()
    this.feeds.applied()
  }

  #applyChange(entry: Entry): void {
    const change = unmarshalConfChange(entry.type, entry.data)
    this.#confState = this.#node!.applyConfChange(change, entry.index)
    const carried = this.replicated.applyChange(entry, change)
    this.routes.learn(this.replicated.members.rows(), this.#link)
    this.members.applied(carried)
  }

  async #restore({ metadata }: Snapshot): Promise<void> {
    const { log, machine } = this.settings
    const stored = log.snapshot()
    // A newer one was installed before this one was read; it is restored in its turn, and nothing is applied before that.
    if (stored === undefined || stored.metadata.index !== metadata.index) return
    try {
      this.replicated.restore(await decodeCaptured(machine, stored.chunks()))
    } catch (error) {
      if (codeOf(error) === 'raft.snapshot_replaced') return
      throw error
    }
    this.#confState = metadata.confState
    this.routes.learn(this.replicated.members.rows(), this.#link)
    this.feeds.compacted(metadata.index + 1)
    this.proposals.restored(this.replicated.sessions)
    this.reads.applied()
    this.feeds.applied()
  }

  #capture(): ReturnType<ConstructorParameters<typeof ReplicaSnapshots>[1]['capture']> {
    const captured = this.replicated.capture()
    return {
      metadata: { index: captured.index, term: captured.term, confState: this.#confState },
      content: encodeCaptured(this.settings.machine, captured),
    }
  }

  #changed(): void {
    const { leader } = this.#node!.raw
    if (leader !== 0) this.#leaderlessMs = Infinity
    else if (this.#leaderlessMs === Infinity) this.#leaderlessMs = this.settings.clock.monotonicMs()
    this.#leader.changed()
    this.proposals.leaderChanged()
    this.reads.leaderChanged()
    this.members.leaderChanged()
    this.feeds.leaderChanged(this.leader())
  }

  #observe(event: RaftEvent): void {
    if (event.type === 'conf_change_ignored') this.#ignored = event.why
    else if (event.type === 'snapshot_too_old') queueMicrotask(() => this.snapshots.renew())
  }

  #ticked(): void {
    const { clock, electionTimeoutMs, logger } = this.settings
    const node = this.#node!
    const nowMs = clock.monotonicMs()
    this.proposals.ticked(nowMs)
    this.reads.ticked(nowMs)
    if (nowMs - this.#leaderlessMs > electionTimeoutMs * 3 && silentQuorum(this.facts()).length > 0) {
      this.proposals.refuseQueued(() => this.whyNot())
      this.reads.refuseWaiting(() => this.whyNot())
    }
    const { role, leadTransferee } = node.raw
    if (role !== 'StateLeader' || leadTransferee !== 0 || node.saveAgeMs <= electionTimeoutMs) return
    logger.warn({ saveAgeMs: node.saveAgeMs }, 'the log of a raft leader stands still; leadership is handed over')
    this.transferTo('')
  }

  /** At the leader. An empty name: to the voter whose log is the furthest. */
  transferTo(name: string): void {
    const { raw } = this.#node!
    const to = name === '' ? furthestVoter(raw.status()) : (this.replicated.members.byName(name)?.id ?? 0)
    if (to === 0) return
    raw.transferLeader(to)
    this.wake()
  }

  #proposeChange(entry: Entry): ReturnType<ConstructorParameters<typeof ReplicaMembers>[0]['propose']> {
    this.#ignored = undefined
    try {
      this.#node!.propose([entry])
    } catch {
      return 'dropped'
    }
    return this.#ignored
  }

  #ask(context: Uint8Array): boolean {
    const node = this.#node!
    if (this.settings.lease) node.catchUp()
    try {
      node.raw.readIndex(context)
    } catch {
      return false
    }
    return true
  }

  #forward(operations: Parameters<ConstructorParameters<typeof ReplicaProposals>[1]['forward']>[0]): boolean {
    const to = this.routes.nameOf(this.#node?.raw.leader ?? 0)
    if (to === undefined) return false
    return this.#send(to, encodeControl({ type: 'forward', groupId: this.#groupId, operations }))
  }

  /** Asks for a transfer of leadership, wherever this member stands. */
  transfer(name: string): void {
    if (this.leader()?.self === true) this.transferTo(name)
    else if (this.#node !== undefined) this.#forward([{ op: 'transfer', name }])
  }

  /** Throws why this member does nothing any more. */
  checkOpen(): void {
    const ended = this.#ended()
    if (ended) throw ended()
  }

  /** Throws why this member does not take part. */
  checkRunning(): void {
    this.checkOpen()
    if (this.#node === undefined) throw this.whyNot()
  }

  #send(to: string, frame: Uint8Array): boolean {
    return this.#link.send(to, frame)
  }

  leader(): LeaderInfo | undefined {
    const status = this.#phase === 'running' ? this.#node?.raw.basicStatus() : undefined
    if (status === undefined || status.leader === 0) return undefined
    const self = status.leader === status.id
    const name = self ? this.settings.member : this.routes.nameOf(status.leader)
    return name === undefined ? undefined : { name, term: status.term, fencing: status.term, self }
  }

  facts(): Facts {
    const status = this.#node?.raw.basicStatus()
    const { member, electionTimeoutMs, join } = this.settings
    const discovery = this.#discovery
    return {
      phase: this.#phase,
      member,
      failure: this.#failure === undefined ? undefined : messageOf(this.#failure),
      discovery: discovery && { unheard: discovery.unheard, answeredBy: discovery.foundGroup, join },
      id: status?.id ?? 0,
      confState: this.#confState,
      leader: status?.leader ?? 0,
      transferee: status?.leadTransferee ?? 0,
      saveAgeMs: this.#node?.saveAgeMs ?? 0,
      electionTimeoutMs,
      nameOf: (id) => this.routes.nameOf(id) ?? `member ${id}`,
      heard: (id) => this.routes.heard(this.routes.nameOf(id) ?? ''),
    }
  }

  /** Why nothing came of a call that had to wait for a leader. */
  whyNot(): Error {
    return whyNot(this.settings.group, this.facts())
  }

  #ended(): (() => Error) | undefined {
    const { group, member } = this.settings
    if (this.#phase === 'closed') return () => closedError(group)
    if (this.#phase === 'failed') return () => new ReplicaFailed(group, member, { cause: this.#failure })
    return undefined
  }

  #fail(error: unknown): void {
    if (this.#ended()) return
    this.#failure = error
    this.#phase = 'failed'
    this.settings.logger.error({ err: error }, 'a raft member has stopped')
    void this.#end()
  }

  close(): Promise<void> {
    if (this.#phase !== 'closed') {
      this.#phase = 'closed'
      return this.#end()
    }
    return this.#link.close()
  }

  async #end(): Promise<void> {
    const error = this.#ended()!
    this.#discovery?.stop()
    this.#node?.stop()
    this.proposals.close(error)
    this.reads.close(error)
    this.members.close(error)
    this.snapshots.close()
    this.feeds.leaderChanged(undefined)
    this.feeds.close()
    await this.#link.close()
  }
}
