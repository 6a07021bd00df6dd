/**
 * ReplicaNode: runs one RawNode on a clock, a log and a link. Unlike the replica, which answers calls, it knows of no proposal or
 * reader: it ticks, hands messages in and out, has the log saved and entries applied, in the order the core asks for.
 *
 * What makes it live with a slow disk: a save is never waited for. Ticks, heartbeats and messages go on while it is under way; what
 * must not leave before it (votes, acknowledgements) are the responses of the core's storage messages, sent when it resolves.
 */
import type { Clock, Timer } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import { codeOf } from '../base/error.ts'
import type { RaftEvent, Role } from './core/event.ts'
import {
  type AnyConfChange,
  type ConfState,
  type Entry,
  type HardState,
  type MemberId,
  type Message,
  type Snapshot,
  appendThread,
  applyThread,
  message,
} from './core/message.ts'
import type { ReadState } from './core/machine.ts'
import { RawNode } from './core/raw-node.ts'
import type { Ready } from './core/ready.ts'
import type { LogStore } from './log-store.ts'
import { readsByLease } from './replica-reads.ts'

export interface NodeSettings {
  readonly log: LogStore
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly heartbeatMs: number
  readonly electionTimeoutMs: number
  readonly electionTicks: number
  readonly lease: boolean
  /** Bytes of one append. */
  readonly appendMaxBytes: number
  readonly uncommittedMaxBytes: number
}

/** Who does what the core asks for. */
export interface NodeHost {
  /** Before the effects of a turn are taken: the place to hand in what waits. */
  collect(): void
  send(message: Message): void
  sendSnapshot(message: Message): void
  /** Applied already is what the snapshot of the log holds. */
  apply(entries: readonly Entry[]): void
  /** A snapshot has taken the place of the log: the state is to be read from the log's. */
  restore(snapshot: Snapshot): Promise<void>
  readable(states: readonly ReadState[]): void
  /** Role, leader or term are others now. */
  changed(): void
  observe(event: RaftEvent): void
  /** Once in a heartbeat. */
  ticked(): void
  failed(error: unknown): void
}

/** As many appends may be under way to one member, and so many bytes of them. */
const inflightMessages = 256
const inflightBytes = 32 * 1024 * 1024
/** Rounds of effects before others have their turn. */
const roundsMax = 64

export class ReplicaNode {
  readonly raw: RawNode
  readonly #settings: NodeSettings
  readonly #host: NodeHost
  #timer: Timer | undefined
  #tickedMs: number
  #scheduled = false
  #running = false
  #stopped = false
  #term = 0
  #role: Role = 'StateFollower'
  #leader: MemberId = 0
  /** When each save under way was begun, the oldest first. */
  readonly #savesMs: number[] = []
  /** A hard state that is not given to the log yet; it differs from what is there by its commit index alone. */
  #held: HardState | undefined
  /** Responses wait for the state that a snapshot brings. */
  #restoring: Promise<void> | undefined
  #drain: Timer | undefined

  constructor(settings: NodeSettings, host: NodeHost, id: MemberId, applied: number) {
    this.#settings = settings
    this.#host = host
    this.#tickedMs = settings.clock.monotonicMs()
    this.raw = new RawNode({
      id,
      electionTick: settings.electionTicks,
      heartbeatTick: 1,
      storage: settings.log.storage,
      random: settings.random,
      applied,
      asyncStorageWrites: true,
      maxSizePerMsg: settings.appendMaxBytes,
      maxUncommittedEntriesSize: settings.uncommittedMaxBytes,
      maxInflightMsgs: inflightMessages,
      maxInflightBytes: Math.max(inflightBytes, settings.appendMaxBytes),
      checkQuorum: true,
      preVote: true,
      readOnlyOption: settings.lease ? 'lease' : 'safe',
      mayUseLease: readsByLease,
      disableProposalForwarding: true,
      stepDownOnRemoval: true,
      observe: (event) => host.observe(event),
    })
    this.#term = this.raw.term
  }

  /** Saves that have not resolved. */
  get savesUnderWay(): number {
    return this.#savesMs.length
  }

  /** For how long the oldest save has been under way, in ms. */
  get saveAgeMs(): number {
    const [oldest] = this.#savesMs
    return oldest === undefined ? 0 : this.#settings.clock.monotonicMs() - oldest
  }

  start(): void {
    this.#arm()
    this.wake()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#drain?.cancel()
  }

  /** Effects are taken in a later microtask, once for all that comes in this turn. */
  wake(): void {
    if (this.#scheduled || this.#stopped) return
    this.#scheduled = true
    queueMicrotask(this.#turn)
  }

  /** Steps a message of another member. What the core refuses is told to the log of the process, and nothing is changed. */
  receive(received: Message): void {
    if (this.#stopped) return
    // A process that was stopped hears of others' reads before its timers tell it that its lease is over.
    if (this.#settings.lease) this.catchUp()
    if (this.#stopped) return
    try {
      this.raw.step(received)
    } catch (error) {
      if (!refusedByCore.has(codeOf(error))) return this.#fail(error)
      this.#settings.logger.debug({ err: error, type: received.type }, 'a message of raft was refused')
    }
    this.wake()
  }

  /** Appends entries at the leader. Throws `raft.proposal_dropped`: none of them was appended. */
  propose(entries: readonly Entry[]): void {
    this.raw.step(message({ type: 'MsgProp', from: this.raw.id, entries }))
    this.wake()
  }

  /** Counts the time that has passed; a process that was stopped must not think that a lease still holds. */
  catchUp(): void {
    const { clock, heartbeatMs, electionTicks } = this.#settings
    const nowMs = clock.monotonicMs()
    let passed = Math.floor((nowMs - this.#tickedMs) / heartbeatMs)
    // The sum by which the timer was set decides: where the quotient is rounded below it, the timer would come again at once, for ever.
    if (this.#tickedMs + (passed + 1) * heartbeatMs <= nowMs) passed++
    if (passed <= 0) return
    this.#tickedMs += passed * heartbeatMs
    try {
      for (let rest = Math.min(passed, electionTicks * 2); rest > 0; rest--) this.raw.tick()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** With the index of its entry, so that a change which a snapshot holds already changes nothing again. */
  applyConfChange(change: AnyConfChange, index: number): ConfState {
    return this.raw.applyConfChange(change, index)
  }

  #arm(): void {
    const { clock, heartbeatMs } = this.#settings
    const dueMs = this.#tickedMs + heartbeatMs - clock.monotonicMs()
    this.#timer = clock.timer(Math.max(0, dueMs), () => {
      if (this.#stopped) return
      this.catchUp()
      this.#host.ticked()
      this.#keepCommit()
      this.#arm()
      this.wake()
    })
  }

  readonly #turn = (): void => {
    this.#scheduled = false
    if (this.#stopped || this.#running) return
    this.#running = true
    try {
      let rounds = 0
      this.#notice()
      this.#host.collect()
      while (!this.#stopped && this.raw.hasReady()) {
        if (++rounds > roundsMax) {
          // A long catching up gives sockets and timers their turn.
          this.#drain ??= this.#settings.clock.timer(0, () => {
            this.#drain = undefined
            this.wake()
          })
          break
        }
        this.#perform(this.raw.ready())
        if (this.#stopped) break
        this.#notice()
        this.#host.collect()
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#running = false
    }
  }

  /**
   * Tells of another leader, role or term before anything is handed in: what is given away under them must not be taken for what was
   * given away before, and given once more.
   */
  #notice(): void {
    const { term, role, leader } = this.raw
    if (term === this.#term && role === this.#role && leader === this.#leader) return
    this.#term = term
    this.#role = role
    this.#leader = leader
    this.#host.changed()
  }

  #perform(ready: Ready): void {
    this.#notice()
    for (const each of ready.messages) {
      if (each.to === appendThread) this.#save(each, ready.mustSync)
      else if (each.to === applyThread) this.#apply(each)
      else if (each.type === 'MsgSnap') this.#host.sendSnapshot(each)
      else this.#host.send(each)
    }
    if (ready.readStates.length > 0) this.#host.readable(ready.readStates)
  }

  #apply({ entries, responses }: Message): void {
    this.#host.apply(entries)
    if (!this.#stopped) this.#respond(responses)
  }

  #save({ term, vote, commit, entries, snapshot, responses }: Message, sync: boolean): void {
    const { log, clock } = this.#settings
    // The core leaves all three at zero when the hard state is as before.
    if (term !== 0 || vote !== 0 || commit !== 0) this.#held = { term, vote, commit }
    const quiet = this.#savesMs.length === 0 && this.#restoring === undefined
    // A new commit index alone goes with the next save: it need not survive, and whoever applied it can be told again.
    if (!sync && entries.length === 0 && snapshot === undefined && (quiet || responses.length === 0))
      return this.#respond(responses)
    const hardState = this.#takeHeld(snapshot)
    // An answer that rests on a save still under way must not resolve before it, as what need not be synced may.
    const ordered = responses.length > 0 && this.#savesMs.length > 0
    this.#savesMs.push(clock.monotonicMs())
    log.save({ hardState, entries, snapshot, sync: sync || ordered || snapshot !== undefined }).then(
      () => this.#saved(snapshot, responses),
      (error: unknown) => this.#fail(error),
    )
  }

  /**
   * The hard state for a save, its commit index no higher than what is stable before: of a save that is torn, the entries may be
   * missing and the hard state there.
   */
  #takeHeld(snapshot: Snapshot | undefined): HardState | undefined {
    const held = this.#held
    const stable = snapshot?.metadata.index ?? this.#settings.log.storage.lastIndex()
    if (held === undefined || held.commit <= stable) {
      this.#held = undefined
      return held
    }
    return { ...held, commit: stable }
  }

  /** What no other save took along is written now and then, so that a restart has little to apply again. */
  #keepCommit(): void {
    if (this.#stopped || this.#held === undefined || this.#savesMs.length > 0) return
    const hardState = this.#takeHeld(undefined)
    this.#savesMs.push(this.#settings.clock.monotonicMs())
    this.#settings.log.save({ hardState, sync: false }).then(
      () => this.#saved(undefined, []),
      (error: unknown) => this.#fail(error),
    )
  }

  #saved(snapshot: Snapshot | undefined, responses: readonly Message[]): void {
    this.#savesMs.shift()
    if (this.#stopped) return
    if (snapshot !== undefined) {
      const before = this.#restoring ?? Promise.resolve()
      this.#restoring = before.then(() => this.#host.restore(snapshot))
    }
    if (this.#restoring === undefined) return this.#finish(responses)
    // In the order of the saves: an answer must not overtake that of the snapshot before it.
    const restored = this.#afterwards(this.#restoring, responses)
    this.#restoring = restored
    void restored.then(() => {
      if (this.#restoring === restored) this.#restoring = undefined
      return undefined
    })
  }

  async #afterwards(restoring: Promise<void>, responses: readonly Message[]): Promise<void> {
    try {
      await restoring
    } catch (error) {
      return this.#fail(error)
    }
    this.#finish(responses)
  }

  #finish(responses: readonly Message[]): void {
    if (this.#stopped) return
    try {
      this.#respond(responses)
    } catch (error) {
      return this.#fail(error)
    }
    this.wake()
  }

  #respond(responses: readonly Message[]): void {
    for (const each of responses) {
      if (each.to === this.raw.id) this.#stepOwn(each)
      else this.#host.send(each)
    }
  }

  /** An answer to itself from before it was removed is nobody's. */
  #stepOwn(each: Message): void {
    try {
      this.raw.step(each)
    } catch (error) {
      if (codeOf(error) !== 'raft.peer_not_found') throw error
    }
  }

  #fail(error: unknown): void {
    if (this.#stopped) return
    this.stop()
    this.#host.failed(error)
  }
}

/** Whatever else the core throws, this member must not go on. */
const refusedByCore: ReadonlySet<string> = new Set([
  'raft.invalid_message',
  'raft.step_local',
  'raft.peer_not_found',
  'raft.proposal_dropped',
  'raft.read_dropped',
  'raft.invalid_conf_change',
])
