/**
 * createRaft: one member of a group, as its user holds it. Unlike the engine below it, which speaks in entries and frames, it takes
 * calls, checks them, and gives outcomes. It keeps no state of its own but what it was given.
 *
 * Life of a member:
 * 1. `createRaft` reads its log, and resolves; it need not have met anybody.
 * 2. It finds out who it is: from its log, from the group, or by founding one with the others (replica-discovery.ts).
 * 3. It takes part until `close`, or until its log fails: then every call is refused with `raft.replica_failed`.
 */
import { Aborted, InvalidArgument, TimedOut } from '../base/error.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'
import type { ClientSession } from './client-session.ts'
import { decodeEnvelope } from './command-envelope.ts'
import { type ConfState, emptyConfState } from './core/message.ts'
import type { StoredSnapshot } from './log-store.ts'
import { memberInfos } from './log-survey.ts'
import type {
  AddMemberOptions,
  CallOptions,
  Decision,
  DecisionsOptions,
  Finding,
  LeaderInfo,
  MemberInfo,
  Proposed,
  Raft,
  RaftCalls,
  RaftOptions,
  RaftSession,
  RaftStatus,
  ReadOptions,
  WaitOptions,
} from './raft.ts'
import { diagnose } from './replica-diagnose.ts'
import { type Opened, ReplicaEngine } from './replica-engine.ts'
import { TransferFailed } from './replica-error.ts'
import { type ReplicaSettings, delayMaxMs, replicaSettings } from './replica-options.ts'
import { followersOf, statusOf } from './replica-status.ts'
import { decodeCaptured } from './replicated-snapshot.ts'
import { Replicated } from './replicated.ts'
import { sequenceWindow } from './session-table.ts'

/**
 * Opens a member of a group on its log and a transport. Rejects with `base.invalid_argument`, `raft.group_taken`, `raft.log_corrupt`,
 * `raft.invalid_frame` when the log is of a later version.
 */
export async function createRaft<State, Command, Result>(
  options: RaftOptions<State, Command, Result>,
): Promise<Raft<State, Command, Result>> {
  const settings = replicaSettings(options)
  const engine = new ReplicaEngine(settings, await openedOf(settings))
  engine.start()
  return new Replica(engine)
}

/** What the log tells: a snapshot, and who this is. Entries behind the snapshot are applied again once the core gives them out. */
async function openedOf<State, Command, Result>({
  log,
  machine,
  join,
}: ReplicaSettings<State, Command, Result>): Promise<Opened<State, Command, Result>> {
  const replicated = new Replicated(machine)
  const { storage, identity } = log
  const { hardState } = storage.initialState()
  let confState: ConfState = emptyConfState
  const stored = log.snapshot()
  if (stored !== undefined) {
    replicated.restore(await decodeCaptured(machine, stored.chunks()))
    ;({ confState } = stored.metadata)
    // What a snapshot holds was committed, even if the word of it was still to be written when the last life ended.
    const { index } = stored.metadata
    if (hardState.commit < index) await log.save({ hardState: { ...hardState, commit: index }, sync: true })
  }
  const isEmpty = storage.lastIndex() === 0 && stored === undefined && hardState.term === 0
  let { groupId } = replicated
  let rows = replicated.members.rows()
  const first = storage.firstIndex() === 1 && storage.lastIndex() > 0 ? storage.entries(1, 2, Infinity) : []
  if (stored === undefined && Array.isArray(first) && first[0]?.data !== undefined) {
    const founding = decodeEnvelope(first[0].data)
    if (founding.kind === 'founding') {
      ;({ groupId } = founding)
      rows = [...founding.members]
    }
  }
  const own = rows.find(({ name, token }) => name === identity.member && token === identity.token)
  return {
    replicated,
    confState,
    identity: groupId === undefined || own === undefined ? undefined : { groupId, id: own.id },
    mayFound: isEmpty && !join,
  }
}

type Engine<State, Command, Result> = ReplicaEngine<State, Command, Result>

const callKeys = ['timeoutMs', 'signal', 'session', 'retry'] as const

class Calls<State, Command, Result> implements RaftCalls<State, Command, Result> {
  readonly #engine: Engine<State, Command, Result>
  readonly #options: CallOptions
  readonly #timeoutMs: number

  constructor(engine: Engine<State, Command, Result>, options: CallOptions) {
    checkKeys('options', options, callKeys)
    this.#engine = engine
    this.#options = options
    this.#timeoutMs = timeoutOf(engine, options)
    const { session, retry } = options
    if (session !== undefined && !(session instanceof Session))
      throw new InvalidArgument('session', 'must be what session() gives')
    if (retry === undefined) return
    wholeNumber('retry.session', retry.session, 1)
    wholeNumber('retry.sequence', retry.sequence, 1)
  }

  async propose(command: Command): Promise<Proposed<Result>> {
    const engine = this.#engine
    const { session, retry, signal } = this.#options
    return engine.proposals.propose({
      command: engine.settings.machine.codec.encode(command),
      session: session instanceof Session ? session.use() : undefined,
      retry,
      timeoutMs: this.#timeoutMs,
      signal,
    }) as Promise<Proposed<Result>>
  }

  async read<T>(select: (state: State) => T, options: ReadOptions = {}): Promise<T> {
    checkKeys('options', options, ['level'])
    const { level = 'linearizable' } = options
    const { replicated, reads } = this.#engine
    if (level === 'stale') return select(replicated.state)
    if (level !== 'linearizable' && level !== 'lease')
      throw new InvalidArgument('level', 'must be linearizable, lease or stale')
    return reads.read(() => select(replicated.state), this.#timeoutMs, this.#options.signal, level === 'lease')
  }

  async barrier(): Promise<number> {
    const { replicated, reads } = this.#engine
    return reads.read(() => replicated.index, this.#timeoutMs, this.#options.signal)
  }
}

class Session implements RaftSession {
  readonly id: number
  readonly #client: ClientSession
  readonly #close: () => Promise<void>
  #closed: Promise<void> | undefined

  constructor(client: ClientSession, close: () => Promise<void>) {
    this.id = client.id
    this.#client = client
    this.#close = close
  }

  use(): ClientSession {
    if (this.#closed) throw new InvalidArgument('session', 'is closed; register a new one')
    if (this.#client.spread >= sequenceWindow)
      throw new InvalidArgument('session', `has ${sequenceWindow} proposals without an answer; register a new one`)
    return this.#client
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

class Replica<State, Command, Result> implements Raft<State, Command, Result> {
  readonly group: string
  readonly member: string
  readonly #engine: Engine<State, Command, Result>
  readonly #calls: Calls<State, Command, Result>

  constructor(engine: Engine<State, Command, Result>) {
    this.group = engine.settings.group
    this.member = engine.settings.member
    this.#engine = engine
    this.#calls = new Calls(engine, {})
  }

  propose(command: Command): Promise<Proposed<Result>> {
    return this.#calls.propose(command)
  }

  read<T>(select: (state: State) => T, options?: ReadOptions): Promise<T> {
    return this.#calls.read(select, options)
  }

  barrier(): Promise<number> {
    return this.#calls.barrier()
  }

  with(options: CallOptions): RaftCalls<State, Command, Result> {
    return new Calls(this.#engine, options)
  }

  async session(options: { readonly idleTimeoutMs?: number } & WaitOptions = {}): Promise<RaftSession> {
    checkKeys('options', options, ['idleTimeoutMs', 'timeoutMs', 'signal'])
    const engine = this.#engine
    const idleTimeoutMs = wholeNumber('idleTimeoutMs', options.idleTimeoutMs ?? engine.settings.sessionTimeoutMs, 1)
    const timeoutMs = timeoutOf(engine, options)
    const id = await engine.proposals.register(idleTimeoutMs, timeoutMs, options.signal)
    return new Session(engine.proposals.sessionOf(id), () =>
      engine.proposals.closeSession(id, timeoutMs).finally(() => engine.proposals.release(id)),
    )
  }

  async addMember(name: string, options: AddMemberOptions = {}): Promise<void> {
    checkKeys('options', options, ['learner', 'address', 'timeoutMs', 'signal'])
    const { learner = false, address = '', ...wait } = options
    // Refused here, where it was given: in the log it would be every member's.
    if (address !== '' && !this.members().some((each) => each.name === name))
      this.#engine.link.setAddress(name, address)
    await this.#change('add', name, address, wait)
    if (!learner) await this.#change('promote', name, '', wait)
  }

  promote(name: string, options: WaitOptions = {}): Promise<void> {
    return this.#change('promote', name, '', options)
  }

  demote(name: string, options: WaitOptions = {}): Promise<void> {
    return this.#change('demote', name, '', options)
  }

  removeMember(name: string, options: WaitOptions = {}): Promise<void> {
    return this.#change('remove', name, '', options)
  }

  async #change(
    kind: 'add' | 'promote' | 'demote' | 'remove',
    name: string,
    address: string,
    options: WaitOptions,
  ): Promise<void> {
    checkKeys('options', options, ['timeoutMs', 'signal'])
    const timeoutMs = timeoutOf(this.#engine, options)
    return this.#engine.members.ask(kind, plainName('name', name, 256), address, timeoutMs, options.signal)
  }

  async transferLeadership(to?: string, options: WaitOptions = {}): Promise<void> {
    checkKeys('options', options, ['timeoutMs', 'signal'])
    const engine = this.#engine
    const { clock, electionTimeoutMs } = engine.settings
    const timeoutMs = timeoutOf(engine, options)
    const dueMs = clock.monotonicMs() + timeoutMs
    const before = this.leader()
    if (to !== undefined && before?.name === to) return
    if (to !== undefined && !this.members().some(({ name, role }) => name === to && role === 'voter'))
      throw new TransferFailed(to, 'it is no voter')
    for (;;) {
      engine.checkOpen()
      const restMs = dueMs - clock.monotonicMs()
      if (restMs <= 0) throw new TransferFailed(to, `it did not happen in ${timeoutMs} ms`)
      engine.transfer(to ?? '')
      await engine.feeds.nextLeader(clock, Math.min(restMs, electionTimeoutMs), options.signal)
      if (options.signal?.aborted) throw new Aborted('a transfer of leadership', { cause: options.signal.reason })
      const now = this.leader()
      if (now !== undefined && (to === undefined ? now.name !== before?.name : now.name === to)) return
    }
  }

  async leadership(options: WaitOptions = {}): Promise<LeaderInfo> {
    checkKeys('options', options, ['timeoutMs', 'signal'])
    const engine = this.#engine
    const { clock } = engine.settings
    const { signal } = options
    const timeoutMs = timeoutOf(engine, options)
    const dueMs = clock.monotonicMs() + timeoutMs
    for (;;) {
      engine.checkOpen()
      if (signal?.aborted) throw new Aborted('a wait for leadership', { cause: signal.reason })
      const restMs = Math.ceil(dueMs - clock.monotonicMs())
      if (restMs <= 0) throw new TimedOut('a wait for leadership', timeoutMs)
      const leader = this.leader()
      if (leader?.self === true) {
        await engine.reads.read(() => undefined, restMs, signal)
        const confirmed = this.leader()
        if (confirmed?.self === true && confirmed.term === leader.term) return confirmed
      } else await engine.feeds.nextLeader(clock, restMs, signal)
    }
  }

  leader(): LeaderInfo | undefined {
    return this.#engine.leader()
  }

  watchLeader(): AsyncIterable<LeaderInfo | undefined> {
    return this.#engine.feeds.watchLeader()
  }

  decisions(options: DecisionsOptions = {}): AsyncIterable<Decision<Command>> {
    checkKeys('options', options, ['from', 'signal'])
    return this.#engine.feeds.decisions(options.from, options.signal)
  }

  members(): readonly MemberInfo[] {
    const { replicated, confState } = this.#engine
    return memberInfos(replicated.members.rows(), confState)
  }

  status(): RaftStatus {
    return statusOf(this.#engine)
  }

  diagnose(): readonly Finding[] {
    const engine = this.#engine
    const { backlogMax } = engine.settings
    return diagnose({
      ...engine.facts(),
      followers: followersOf(engine),
      backlog: { waiting: engine.proposals.count, max: backlogMax },
    })
  }

  async snapshot(): Promise<number> {
    return (await this.backup()).metadata.index
  }

  async backup(): Promise<StoredSnapshot> {
    const engine = this.#engine
    engine.checkRunning()
    // One that was just taken in has nothing that a snapshot could hold.
    if (engine.replicated.index === 0) throw engine.whyNot()
    return engine.snapshots.make()
  }

  close(): Promise<void> {
    return this.#engine.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function timeoutOf(
  { settings }: { readonly settings: { readonly timeoutMs: number } },
  { timeoutMs }: { readonly timeoutMs?: number },
): number {
  return wholeNumber('timeoutMs', timeoutMs ?? settings.timeoutMs, 1, delayMaxMs)
}
