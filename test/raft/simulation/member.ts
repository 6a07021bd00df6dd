/**
 * SimMember: one member of the simulated group, through all its lives: the raft core, its disk with both modes of storage,
 * its state machine and its place in the network. It does what a replica does, in virtual time and without a promise, and
 * shows each step to the witness.
 */
import { codeOf } from '../../../src/base/error.ts'
import type { Random } from '../../../src/base/random.ts'
import type { RaftEvent } from '../../../src/raft/core/event.ts'
import type { MemoryStorage } from '../../../src/raft/core/memory-storage.ts'
import {
  type ConfState,
  type Entry,
  type HardState,
  type MemberId,
  type Message,
  type Snapshot,
  appendThread,
  applyThread,
} from '../../../src/raft/core/message.ts'
import { unmarshalConfChange } from '../../../src/raft/core/conf-change-codec.ts'
import { RawNode } from '../../../src/raft/core/raw-node.ts'
import type { Ready } from '../../../src/raft/core/ready.ts'
import type { Endpoint, SimNetwork } from '../../../src/sim/network.ts'
import { type Answer, type Command, ReplicatedState, decodeCommand, encodeCommand } from './replicated-state.ts'
import { StableImage, type UnsyncedFate } from './stable-image.ts'
import type { Variant } from './variant.ts'
import type { VirtualLoop } from './virtual-loop.ts'
import type { Seen, Witness } from './witness.ts'

/** What the members of a group share. */
export interface Group {
  readonly loop: VirtualLoop
  readonly network: SimNetwork
  readonly random: Random
  readonly variant: Variant
  readonly witness: Witness
  readonly images: Map<MemberId, StableImage>
}

interface WaitingRead {
  readonly key: string
  readonly done: (value: number) => void
}

export const electionTick = 10
/** Proposals and reads in a life, until they are answered or given up. */
type Completion = (answer: Answer) => void

const nothing = new Uint8Array(0)
/** Mistakes of others, or of timing, that a replica passes over. */
const usual = new Set(['raft.peer_not_found', 'raft.proposal_dropped', 'raft.read_dropped'])

export class SimMember {
  readonly id: MemberId
  readonly name: string
  readonly image = new StableImage()
  /** Extra time of each disk operation; Infinity while it stalls. */
  diskSlowMs = 0
  tornNext = false
  skewPpm = 0
  readonly #group: Group
  readonly #random: Random
  #life = 0
  #raw: RawNode | undefined
  #storage!: MemoryStorage
  #endpoint!: Endpoint
  #seen!: Seen
  #state = new ReplicatedState()
  #confState!: ConfState
  #applied = 0
  #snapshotIndex = 0
  /** The configuration up to there came with a snapshot that the core has taken already. */
  #restoredIndex = 0
  /** A new member takes only a snapshot that knows of it. */
  #snapshotWanted = false
  #paused = false
  #missed: (() => void)[] = []
  #busy = false
  #appends: Message[] = []
  #applies: Message[] = []
  #appending = false
  #applying = false
  #stalled: (() => void)[] = []
  readonly #proposals = new Map<string, Completion>()
  readonly #reads = new Map<number, WaitingRead>()
  #confirmed: { readonly index: number; readonly read: WaitingRead }[] = []

  constructor(group: Group, id: MemberId, first: Snapshot | undefined) {
    this.id = id
    this.name = `n${id}`
    this.#group = group
    this.#random = group.random.split(`member ${id}`)
    group.images.set(id, this.image)
    group.network.add(this.name)
    this.image.write({ entries: [], hardState: undefined, snapshot: first })
    this.image.sync()
  }

  get raw(): RawNode | undefined {
    return this.#raw
  }
  get up(): boolean {
    return this.#raw !== undefined && !this.#paused
  }
  get applied(): number {
    return this.#applied
  }
  get state(): ReplicatedState {
    return this.#state
  }
  get leads(): boolean {
    return this.#raw?.basicStatus().role === 'StateLeader'
  }
  get confState(): ConfState {
    return this.#confState
  }

  start(): void {
    if (this.#raw) return
    const { network, random, variant, witness } = this.#group
    this.#life++
    this.#storage = this.image.open()
    const { snapshot } = this.image
    this.#state = ReplicatedState.restored(snapshot?.data)
    this.#applied = this.#snapshotIndex = this.#restoredIndex = snapshot?.metadata.index ?? 0
    this.#confState = this.#storage.initialState().confState
    this.#endpoint = network.attach(this.name, { onMessage: ({ about }) => this.#receive(about as Message) })
    this.#seen = witness.begin(this.id, this.image, this.#applied)
    this.#raw = new RawNode({
      id: this.id,
      electionTick,
      heartbeatTick: 1,
      storage: this.#storage,
      random: random.split(`core ${this.id}.${this.#life}`),
      applied: this.#applied,
      asyncStorageWrites: variant.asyncStorageWrites,
      maxSizePerMsg: variant.maxSizePerMsg,
      maxInflightMsgs: variant.maxInflightMsgs,
      maxUncommittedEntriesSize: variant.maxUncommittedEntriesSize,
      maxCommittedSizePerReady: variant.maxCommittedSizePerReady,
      preVote: variant.preVote,
      checkQuorum: variant.checkQuorum,
      readOnlyOption: variant.lease ? 'lease' : 'safe',
      stepDownOnRemoval: variant.stepDownOnRemoval,
      disableProposalForwarding: variant.disableProposalForwarding,
      observe: (event) => this.#observed(event),
    })
    this.#seen.commit = this.#raw.basicStatus().commit
    this.#tickLater(this.#random.float())
    this.#pump()
  }

  crash(fate: UnsyncedFate): void {
    if (!this.#raw) return
    this.#life++
    this.#raw = undefined
    this.#paused = this.#busy = this.#appending = this.#applying = false
    this.#missed = []
    this.#appends = []
    this.#applies = []
    this.#stalled = []
    this.#proposals.clear()
    this.#reads.clear()
    this.#confirmed = []
    this.#group.network.crash(this.name)
    const torn = this.image.crash(this.tornNext ? 'torn' : fate, this.#random)
    this.tornNext = false
    if (torn) this.#group.witness.count('torn tails')
  }

  pause(): void {
    if (!this.#raw || this.#paused) return
    this.#paused = true
    this.#group.network.hold(this.name)
  }

  /**
   * Everything that was due meanwhile happens first, ticks among it, in order; the network is read a little later, so that
   * somebody may ask something new before it hears of what is old.
   */
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    const missed = this.#missed
    this.#missed = []
    for (const work of missed) work()
    this.#later(this.#random.float() * 30, () => this.#group.network.release(this.name))
  }

  unstall(): void {
    const stalled = this.#stalled
    this.#stalled = []
    for (const work of stalled) work()
  }

  /** False when it is known that the command goes nowhere. */
  propose(command: Command, done: Completion): boolean {
    const key = `${command.client}:${command.sequence}`
    this.#proposals.set(key, done)
    if (this.#try((raw) => raw.propose(encodeCommand(command)))) return true
    this.#proposals.delete(key)
    return false
  }

  forget(command: Command): void {
    this.#proposals.delete(`${command.client}:${command.sequence}`)
  }

  /** Asks for a read index; a number that was used before is a retry of the same read. */
  read(number: number, key: string, done: (value: number) => void): boolean {
    this.#reads.set(number, { key, done })
    const context = new Uint8Array(8)
    new DataView(context.buffer).setFloat64(0, number)
    return this.#try((raw) => raw.readIndex(context))
  }

  forgetRead(number: number): void {
    this.#reads.delete(number)
  }

  /** Calls the core as an operator would; false when it refused. */
  command(call: (raw: RawNode) => void): boolean {
    return this.#try(call)
  }

  #try(call: (raw: RawNode) => void): boolean {
    if (!this.#raw || this.#paused) return false
    const taken = this.#attempt(call)
    this.#pump()
    return taken
  }

  #attempt(call: (raw: RawNode) => void): boolean {
    try {
      call(this.#raw!)
      return true
    } catch (error) {
      if (!usual.has(codeOf(error))) throw error
      this.#group.witness.count(codeOf(error))
      return false
    }
  }

  /** In this life alone, and not while it is paused. */
  #later(delayMs: number, work: () => void): void {
    const life = this.#life
    const guarded = () => {
      if (life !== this.#life) return
      if (this.#paused) this.#missed.push(guarded)
      else work()
    }
    this.#group.loop.timer(delayMs, guarded)
  }

  #tickLater(share: number): void {
    const { tickMs } = this.#group.variant
    const life = this.#life
    const tick = () => {
      if (life === this.#life) this.#try((raw) => raw.tick())
    }
    // A pause does not stop its clock: what it missed is made up for at once, before anything else.
    this.#group.loop.timer(tickMs * share * (1 - this.skewPpm / 1e6), () => {
      if (life !== this.#life) return
      this.#tickLater(1)
      if (this.#paused) this.#missed.push(tick)
      else tick()
    })
  }

  #diskLater(work: () => void): void {
    const { syncMaxMs } = this.#group.variant
    const delayMs = 0.5 + this.#random.float() * syncMaxMs + (this.diskSlowMs === Infinity ? 0 : this.diskSlowMs)
    const life = this.#life
    this.#later(delayMs, () => {
      if (this.diskSlowMs !== Infinity) return work()
      this.#stalled.push(() => {
        if (life === this.#life) this.#later(0, work)
      })
    })
  }

  #receive(received: Message): void {
    this.#try((raw) => raw.step(received))
    if (received.type === 'MsgAppResp' && this.leads)
      this.#group.witness.matched(this.#seen, this.#raw!.status(), this.#group.images)
  }

  /** Takes Readies as long as there are any that may be taken. */
  #pump(): void {
    this.#check()
    while (this.#raw && !this.#busy && this.#raw.hasReady()) {
      const ready = this.#raw.ready()
      this.#witness(ready)
      if (this.#group.variant.asyncStorageWrites) this.#doAsync(ready)
      else this.#doSync(ready)
      this.#check()
    }
  }

  /** At once after each step: what a commit rests on is the configuration of that moment. */
  #check(): void {
    if (!this.#raw) return
    const { witness, images } = this.#group
    const status = this.#raw.basicStatus()
    if (status.commit > this.#seen.commit && status.role === 'StateLeader')
      witness.committed(this.#seen, this.#raw.status(), images)
    witness.stepped(this.#seen, status)
  }

  #witness({ entries, snapshot, readStates }: Ready): void {
    const { witness } = this.#group
    if (snapshot !== undefined) {
      const { index, term } = snapshot.metadata
      witness.restored(this.#seen, index, term)
    }
    witness.appended(this.#seen, entries)
    this.#seen.commitBefore = this.#seen.commit
    for (const { index, context } of readStates) {
      const number = new DataView(context!.buffer, context!.byteOffset).getFloat64(0)
      const read = this.#reads.get(number)
      // A second answer to one question is passed over, as the first one has served it.
      if (read === undefined) continue
      this.#reads.delete(number)
      this.#confirmed.push({ index, read })
    }
  }

  #doSync(ready: Ready): void {
    const { entries, hardState, snapshot } = ready
    this.image.write({ entries, hardState, snapshot })
    const finish = () => {
      this.#store(entries, hardState, snapshot)
      for (const each of ready.messages) this.#send(each)
      for (const entry of ready.committedEntries) this.#apply(entry)
      this.#raw!.advance()
      this.#afterApplying()
    }
    if (!ready.mustSync && snapshot === undefined) return finish()
    this.#busy = true
    this.#diskLater(() => {
      this.image.sync()
      this.#busy = false
      finish()
      this.#pump()
    })
  }

  #doAsync(ready: Ready): void {
    for (const each of ready.messages)
      if (each.to === appendThread) this.#appends.push(each)
      else if (each.to === applyThread) this.#applies.push(each)
      else this.#send(each)
    this.#runAppends()
    this.#runApplies()
    this.#serveReads()
  }

  /** All that waits is written together and synced once; else a disk that is slow for a while never catches up. */
  #runAppends(): void {
    if (this.#appending || this.#appends.length === 0) return
    const jobs = this.#appends.map(({ entries, snapshot, term, vote, commit, responses }) => ({
      entries,
      snapshot,
      hardState: term === 0 && vote === 0 && commit === 0 ? undefined : { term, vote, commit },
      responses,
    }))
    this.#appends = []
    this.#appending = true
    for (const job of jobs) this.image.write(job)
    this.#diskLater(() => {
      this.image.sync()
      for (const { entries, hardState, snapshot } of jobs) this.#store(entries, hardState, snapshot)
      this.#appending = false
      for (const { responses } of jobs) this.#respond(responses)
      this.#afterApplying()
      this.#pump()
      this.#runAppends()
    })
  }

  #runApplies(): void {
    const job = this.#applying ? undefined : this.#applies.shift()
    if (job === undefined) return
    this.#applying = true
    this.#later(this.#random.float() * this.#group.variant.applyMaxMs, () => {
      for (const entry of job.entries) this.#apply(entry)
      this.#applying = false
      this.#respond(job.responses)
      this.#afterApplying()
      this.#pump()
      this.#runApplies()
    })
  }

  #respond(responses: readonly Message[]): void {
    for (const each of responses)
      if (each.to === this.id) this.#attempt((raw) => raw.step(each))
      else this.#send(each)
  }

  #store(entries: readonly Entry[], hardState: HardState | undefined, snapshot: Snapshot | undefined): void {
    if (snapshot !== undefined) {
      this.#storage.applySnapshot(snapshot)
      const { index, confState } = snapshot.metadata
      if (index > this.#applied) {
        this.#state = ReplicatedState.restored(snapshot.data)
        this.#applied = this.#snapshotIndex = index
        this.#confState = confState
        this.#group.witness.snapshot(this.id, index, this.#state)
      }
    }
    this.#storage.append(entries)
    if (hardState !== undefined) this.#storage.setHardState(hardState)
  }

  #send(sent: Message): void {
    const { witness, network } = this.#group
    witness.sent(this.id, sent)
    const to = `n${sent.to}`
    if (!network.nodes.includes(to)) return
    const life = this.#life
    const isSnapshot = sent.type === 'MsgSnap'
    if (!isSnapshot) return this.#endpoint.send(to, nothing, { about: sent })
    this.#endpoint.send(to, nothing, {
      about: sent,
      onSettled: (outcome) => {
        if (life !== this.#life) return
        const result = outcome === 'delivered' ? 'finished' : 'failed'
        this.#later(1, () => this.#try((raw) => raw.reportSnapshot(sent.to, result)))
      },
    })
  }

  #apply(entry: Entry): void {
    const { witness } = this.#group
    const { index, type, data } = entry
    if (index <= this.#applied) return
    witness.applied(this.id, entry)
    this.#applied = index
    if (type !== 'EntryNormal') {
      const configuration = this.#raw!.applyConfChange(unmarshalConfChange(type, data), index)
      // The core passes it over, for it has taken a snapshot since; if it did not, later configurations would not agree.
      if (index <= this.#restoredIndex) return
      this.#confState = configuration
      this.#snapshotWanted = true
      this.#seen.matches.clear()
      witness.configured(this.id, index, JSON.stringify(this.#confState))
      witness.count('configuration changes applied')
    } else if (data !== undefined && data.length > 0) {
      const command = decodeCommand(data)
      const key = `${command.client}:${command.sequence}`
      const result = this.#state.apply(command)
      const done = this.#proposals.get(key)
      if (done === undefined || result === undefined) return
      this.#proposals.delete(key)
      done(result.answer)
    }
  }

  #afterApplying(): void {
    this.#serveReads()
    const { snapshotEvery, snapshotKeep } = this.#group.variant
    if (this.#applied <= this.#restoredIndex) return
    if (this.#applied - this.#snapshotIndex < (this.#snapshotWanted ? 1 : snapshotEvery)) return
    // With asynchronous storage what is applied is stable here, or the core would not have given it out.
    if (this.image.lastIndex < this.#applied) return
    this.#snapshotIndex = this.#applied
    this.#snapshotWanted = false
    const snapshot = this.#storage.createSnapshot(this.#applied, this.#confState, this.#state.snapshot())
    if (snapshot === 'snapshot_out_of_date') return
    const compactTo = this.#applied - snapshotKeep
    this.image.keepSnapshot(snapshot, compactTo)
    if (compactTo >= this.#storage.firstIndex()) this.#storage.compact(compactTo)
    this.#group.witness.snapshot(this.id, this.#applied, this.#state)
    this.#group.witness.count('snapshots made')
  }

  #serveReads(): void {
    if (this.#confirmed.length === 0) return
    const ready = this.#confirmed.filter(({ index }) => index <= this.#applied)
    this.#confirmed = this.#confirmed.filter(({ index }) => index > this.#applied)
    for (const { read } of ready) read.done(this.#state.read(read.key))
  }

  #observed(event: RaftEvent): void {
    const { witness } = this.#group
    witness.count(event.type)
    witness.note(event.type.length)
    // From this moment on the core's configuration is the snapshot's, whatever is still being applied.
    if (event.type === 'snapshot_restored') this.#restoredIndex = event.index
    if (event.type === 'role_changed' && event.to === 'StateLeader') witness.leads(this.#seen, event.term)
  }
}
