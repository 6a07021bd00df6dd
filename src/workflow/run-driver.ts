/**
 * RunDriver: works on one run. It hands the machine what came about, makes the machine's records durable, and only then does what they ask
 * for (`activities.ts`). Unlike the machine it waits and fails; unlike the workflow it knows only its own run.
 *
 * Life: 1. `start` appends the first event, or `go` takes up a history. 2. Turn after turn: records, append, activities. 3. At the end, or when
 * the run rests, it tells whoever waits. 4. It is gone when another worker has recorded on its run, or the journal failed for good.
 */
import { backoffAfter } from '../base/backoff.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { deferred } from '../base/deferred.ts'
import type { Deferred } from '../base/deferred.ts'
import type { CloudEvent } from '../base/envelope.ts'
import { Closed, codeOf, toError } from '../base/error.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Appended, Journal, StreamAppend } from '../journal/journal.ts'
import { Activities } from './activities.ts'
import type { ChildWorld } from './activities.ts'
import type { AppendQueue } from './append-queue.ts'
import type { Emission } from './attempt.ts'
import type { Definition, LockNeed } from './core/definition.ts'
import { isUndoable, partOf } from './core/entry.ts'
import type { RunRecord } from './core/record.ts'
import { childEnd, SagaRun, isUnresolved } from './core/run.ts'
import type { ChildEnd, Refusal } from './core/run.ts'
import { lockStream, runStream } from './event.ts'
import type { StartedData } from './event.ts'
import type { History } from './history.ts'
import { readHistory } from './history.ts'
import type { Hub, LocalDriver } from './hub.ts'
import { resultOf, statusOf } from './run-view.ts'
import type { RunFacts } from './run-view.ts'
import type { Slots } from './slots.ts'
import { emissions, isUnkept, refuseUnkept, turnEvent } from './turn.ts'
import type { EventMaking } from './turn.ts'
import type { RunResult } from './workflow.ts'

/** What all runs of a workflow share. */
export interface DriverWorld extends EventMaking {
  readonly worker: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly journal: Journal
  readonly queue: AppendQueue
  readonly hub: Hub
  readonly slots: Slots
  readonly children: ChildWorld
  readonly lostMax: number
  /** It may not begin before its turn has come. */
  readonly waitTurn: (driver: RunDriver) => void
  /** It ended, rests, or is not this worker's any more. */
  readonly rested: (driver: RunDriver) => void
  /** It had ended, and goes on to be undone. */
  readonly reopened: (driver: RunDriver) => void
  /** It has done what it can by itself for now. */
  readonly paused: () => void
  /** The journal failed for good. */
  readonly broken: (error: Error) => void
}

/** What one append carries, until it is known what became of it. */
interface Turn {
  readonly records: readonly RunRecord[]
  readonly acks: readonly Deferred<void>[]
  /** Locks that it takes, and frees. */
  readonly taking: readonly string[]
  readonly freed: readonly string[]
}

const again = { firstMs: 100, maxMs: 5000 }
/** After these nothing can be appended any more. */
const fatal: ReadonlySet<string> = new Set([
  'journal.closed',
  'journal.readonly',
  'store.closed',
  'store.failed',
  'store.readonly',
])

export class RunDriver implements LocalDriver, RunFacts {
  readonly id: string
  readonly definition: Definition
  readonly data: StartedData
  readonly priority: number
  readonly needs: readonly LockNeed[]
  machine: SagaRun
  started: CloudEvent
  readonly resolved: Map<string, Extract<RunRecord, { is: 'resolved' }>> = new Map()
  /** Nothing is done for it any more. */
  gone: Error | undefined
  readonly #world: DriverWorld
  readonly #activities: Activities
  #version: number
  #appending = false
  #pumping = false
  #acks: Deferred<void>[] = []
  #emitted: Emission[] = []
  #failures = 0
  /** What was refused is looked at again then. */
  #mending: Timer | undefined
  /** Taken in the turn that is to be appended next. */
  #taking: readonly string[] = []
  #reopened = false
  /** That it has ended or rests is in the journal, and was told. */
  #told = false
  #drained: Deferred<void> | undefined

  constructor(
    world: DriverWorld,
    definition: Definition,
    first: { started: CloudEvent; data: StartedData; version: number },
  ) {
    this.#world = world
    this.id = first.started.subject as string
    this.definition = definition
    this.started = first.started
    this.data = first.data
    this.#version = first.version
    this.machine = new SagaRun(definition, first.data.input)
    this.priority = definition.priority?.(first.data.input) ?? 0
    this.needs = definition.locks?.(first.data.input) ?? []
    this.#activities = new Activities(world, this)
  }

  /** It has not begun: it waits for its turn, or for locks. */
  get waiting(): boolean {
    return this.machine.waiting
  }
  get worker(): string {
    return this.#world.worker
  }
  get run(): string {
    return this.id
  }
  get parent(): string | undefined {
    return this.data.parent?.run
  }
  /** Whose the locks are. */
  get root(): string {
    return this.data.root ?? this.id
  }
  get attempts(): number {
    return this.#activities.attempts
  }
  /** True when it does nothing by itself now. */
  get quiet(): boolean {
    return !this.#appending && !this.waiting && this.#activities.quiet
  }

  /** Appends the first event, and whatever begins with it. Rejects with what the journal refuses. */
  async start(begins: boolean): Promise<Appended> {
    this.#appending = true
    this.machine.waiting = !begins
    this.machine.begin(this.#now())
    const records = this.machine.take()
    let appended: Appended
    try {
      appended = await this.#appendFirst(records)
    } catch (thrown) {
      if (!isUnkept(thrown) || records.length === 0) throw thrown
      // What was derived may be what is too large, and not the input.
      this.machine = new SagaRun(this.definition, this.data.input)
      refuseUnkept(this.machine, records, thrown, this.#world.journal.limits, this.#at())
      this.machine.begin(this.#now())
      appended = await this.#appendFirst(this.machine.take())
    }
    this.#appending = false
    this.#version = 1
    this.#pump()
    return appended
  }

  async #appendFirst(records: readonly RunRecord[]): Promise<Appended> {
    this.started = { ...this.started, data: { ...this.data, records } }
    const append = { stream: runStream(this.id), events: [this.started], expectedVersion: 0 }
    const [appended] = await this.#world.queue.append([append])
    return appended as Appended
  }

  /** Takes up what was written. `lost`: somebody else, or an earlier life, worked on it. */
  go(history: History, lost: boolean): void {
    this.#replay(history.records)
    this.machine.waiting = this.#mustWait()
    if (lost) this.machine.lost(this.#world.lostMax, this.#at())
    this.machine.begin(this.#now())
    this.#pump()
  }

  #mustWait(): boolean {
    const { concurrency, rate } = this.definition
    const { entries, verdict, phase } = this.machine.state
    if (entries.size > 0 || verdict || phase !== 'running') return false
    const unlocked = this.needs.length > 0 && this.machine.state.locks.size === 0
    return concurrency !== undefined || rate !== undefined || unlocked
  }

  /** Its turn has come, with these locks. */
  begin(locks: readonly string[]): void {
    this.machine.waiting = false
    if (this.gone || this.machine.state.verdict) return this.giveBack(locks)
    if (locks.length > 0) {
      this.#taking = locks
      this.machine.locked(locks)
    }
    this.machine.begin(this.#now())
    this.#pump()
  }

  /** It cannot begin: nothing of it stands. */
  fail(thrown: unknown): void {
    this.machine.waiting = false
    this.machine.stillborn(thrown, this.#now())
    this.#pump()
  }

  /** They were granted, and are not used. */
  giveBack(locks: readonly string[]): void {
    const unshared = this.#unshared(locks)
    if (unshared.length > 0) this.#world.hub.locks.freed(this.root, unshared)
  }

  /** Those that no other run of its root has taken as well: what its parent still needs is not freed by this one. */
  #unshared(locks: readonly string[]): readonly string[] {
    // The others are children, and have come to an end before their root does.
    if (!this.data.parent || locks.length === 0) return locks
    const shared = new Set<string>()
    for (const other of this.#world.hub.drivers.values())
      if (other !== this && other instanceof RunDriver && other.root === this.root)
        if (other.machine.state.phase !== 'compensated') for (const name of other.machine.state.held) shared.add(name)
    return locks.filter((name) => !shared.has(name))
  }

  async say(input: (machine: SagaRun, nowMs: number) => Refusal | undefined): Promise<Refusal | undefined> {
    if (this.gone) throw this.gone
    const ended = this.machine.state.ended
    const refusal = input(this.machine, this.#now())
    if (refusal !== undefined) return refusal
    if (ended && !this.machine.state.ended) {
      this.#reopened = true
      this.#world.reopened(this)
    }
    if (this.machine.state.verdict) this.machine.waiting = false
    const ack = deferred()
    this.#acks.push(ack)
    this.#pump()
    await ack.promise
    return undefined
  }

  /** What came about in an activity. It is not waited for. */
  heard(
    input: (machine: SagaRun, at: { nowMs: number; chance: number }) => void,
    emitted: readonly Emission[] = [],
  ): void {
    if (this.gone) return
    if (emitted.length > 0) this.#emitted.push(...emitted)
    input(this.machine, this.#at())
    this.#pump()
  }

  end(): ChildEnd | undefined {
    return this.#told && !this.#appending ? childEnd(this.machine) : undefined
  }

  /** How it ended, or that it rests, once that is in the journal. */
  result(): RunResult | undefined {
    const { state } = this.machine
    const status = this.#told && !this.#appending ? statusOf(state) : undefined
    return status && resultOf(this, state, status)
  }

  /** Begins nothing more; resolves when nothing is under way. */
  drain(): Promise<void> {
    this.#drained ??= deferred()
    this.#pump()
    return this.#drained.promise
  }

  /** Nothing more is done; what runs is given up. */
  drop(reason: Error): void {
    if (this.gone) return
    this.gone = reason
    this.#activities.drop(reason)
    this.#mending?.cancel()
    this.#disappoint(reason)
    this.#drained?.resolve()
    this.#world.rested(this)
    this.#world.paused()
  }

  #now(): number {
    return this.#world.clock.now()
  }

  #at(): { nowMs: number; chance: number } {
    return { nowMs: this.#now(), chance: this.#world.random.float() }
  }

  /** Makes durable what was decided; when nothing is left to append, does what it asks for. */
  #pump(): void {
    if (this.#appending || this.gone || this.#pumping) return
    this.#pumping = true
    try {
      for (;;) {
        const records = this.machine.take()
        if (records.length > 0) return this.#append(this.#withFreed(records))
        for (const ack of this.#acks.splice(0)) ack.resolve()
        this.#tell()
        if (!this.waiting) this.#activities.reconcile(this.#drained === undefined)
        // What ends at once has been decided on by now.
        if (this.machine.pending) continue
        if (this.#drained && this.#activities.attempts === 0) this.#drained.resolve()
        return this.#world.paused()
      }
    } finally {
      this.#pumping = false
    }
  }

  /** A run that comes to rest frees the locks whose steps are settled. */
  #withFreed(records: RunRecord[]): RunRecord[] {
    const { state } = this.machine
    if (state.phase !== 'attention' || this.needs.length === 0) return records
    const children = new Set([...state.childLocks.values()].flat())
    const settled = this.needs.filter(({ name, for: steps }) => {
      // What a child left with its parent is not settled by the steps of the parent.
      if (!state.locks.has(name) || children.has(name) || steps.length === 0) return false
      return steps.every((step) =>
        [...state.entries.values()].every(
          (entry) => (entry.key !== step && partOf(entry.key) !== step) || isSettled(entry, this.machine),
        ),
      )
    })
    if (settled.length > 0) this.machine.freed(settled.map(({ name }) => name))
    return [...records, ...this.machine.take()]
  }

  #append(records: readonly RunRecord[]): void {
    this.#appending = true
    this.#told = false
    const acks = this.#acks.splice(0)
    const emitted = this.#emitted.splice(0)
    const taking = this.#taking
    this.#taking = []
    const freed = this.#unshared(this.#freedBy(records))
    const event = turnEvent(this.#world, this.id, this.started, records, this.#reopened)
    this.#reopened = false
    const appends: StreamAppend[] = [{ stream: runStream(this.id), events: [event], expectedVersion: this.#version }]
    if (emitted.length > 0) appends.push(...emissions(this.#world, this.id, this.started, emitted))
    for (const name of new Set([...taking, ...freed]))
      appends.push(this.#lockAppend(name, taking.includes(name), freed.includes(name)))
    this.#world.queue.append(appends).then(
      (appended) => this.#appended({ records, acks, taking, freed }, appends, appended),
      (error: unknown) => this.#refused({ records, acks, taking, freed }, toError(error)),
    )
  }

  /** A saga that begins and ends in one turn takes and frees at once. */
  #lockAppend(name: string, taken: boolean, freed: boolean): StreamAppend {
    const { make, hub } = this.#world
    const event = (type: string) => make({ type, subject: name, data: { run: this.root }, cause: this.started })
    const events = [...(taken ? [event('saga.lock_taken')] : []), ...(freed ? [event('saga.lock_freed')] : [])]
    return { stream: lockStream(name), events, ...(taken && { expectedVersion: hub.locks.version(name) }) }
  }

  /** A child that completed leaves its locks to its parent. */
  #freedBy(records: readonly RunRecord[]): string[] {
    const last = records.at(-1)
    if (last?.is === 'freed') return [...last.names]
    if (last?.is === 'compensated' || (last?.is === 'completed' && !this.data.parent)) return this.machine.state.held
    return []
  }

  #appended(
    { records, acks, taking, freed }: Turn,
    appends: readonly StreamAppend[],
    appended: readonly Appended[],
  ): void {
    this.#appending = false
    this.#failures = 0
    this.#version = (appended[0] as Appended).version
    for (const [at, { stream }] of appends.entries())
      for (const name of taking)
        if (stream === lockStream(name)) this.#world.hub.locks.taken(name, (appended[at] as Appended).version)
    this.#remember(records)
    if (freed.length > 0) this.#world.hub.locks.freed(this.root, freed)
    for (const ack of acks) ack.resolve()
    this.#pump()
  }

  #remember(records: readonly RunRecord[]): void {
    for (const record of records) if (record.is === 'resolved') this.resolved.set(record.step, record)
  }

  #replay(records: readonly RunRecord[]): void {
    this.machine.replay(records)
    this.#remember(records)
  }

  #tell(): void {
    const { state } = this.machine
    if (this.#told || (!state.ended && state.phase !== 'attention')) return
    this.#told = true
    this.#world.rested(this)
  }

  #refused(turn: Turn, error: Error): void {
    // Whoever waits for what it carried is told when it is known what came of it, or when nothing is done any more.
    this.#acks.unshift(...turn.acks)
    if (this.gone) return this.#disappoint(this.gone)
    this.#tryToMend(turn, error)
  }

  #disappoint(reason: Error): void {
    for (const ack of this.#acks.splice(0)) ack.reject(reason)
  }

  #tryToMend(turn: Turn, error: Error): void {
    const code = codeOf(error)
    if (fatal.has(code)) {
      this.#appending = false
      this.drop(error)
      return this.#world.broken(error)
    }
    this.#world.logger.warn({ err: error, run: this.id, code }, 'a turn of a saga was not taken by the journal')
    const waitMs = backoffAfter(again.firstMs, again.maxMs, ++this.#failures)
    const mend = () => void this.#mend(turn, error)
    if (code === 'journal.wrong_version' || isUnkept(error)) mend()
    else this.#mending = this.#world.clock.timer(waitMs, mend)
  }

  /** Builds the machine anew from what the journal has: it is not known what of the turn is kept, and what came after it goes with it. */
  async #mend(turn: Turn, error: Error): Promise<void> {
    let waited: boolean
    let taking: readonly string[]
    try {
      const history = await readHistory(this.#world.journal, this.id)
      // Another driver has it by now, perhaps one of this worker, with a turn and locks of its own.
      if (this.gone) return
      taking = [...turn.taking, ...this.#taking]
      this.#taking = []
      if (!history || history.worker !== this.worker) {
        this.giveBack(taking)
        return this.drop(new Closed(`this worker's hold of the run ${this.id}, which another has taken,`))
      }
      // What was said meanwhile was decided on by a machine that is no more.
      this.#disappoint(error)
      this.#emitted = []
      waited = this.waiting
      this.machine = new SagaRun(this.definition, this.data.input)
      this.#replay(history.records)
      this.#version = history.version
    } catch (thrown) {
      return this.#tryToMend(turn, toError(thrown))
    }
    this.#appending = false
    // Those that the journal has are its own, although nobody said so.
    this.giveBack(taking.filter((name) => !this.machine.state.locks.has(name)))
    if (isUnkept(error)) refuseUnkept(this.machine, turn.records, error, this.#world.journal.limits, this.#at())
    this.machine.waiting = this.#mustWait()
    // One that waited before is still in the queue.
    if (this.waiting && !waited) this.#world.waitTurn(this)
    this.machine.begin(this.#now())
    this.#pump()
  }
}

function isSettled(entry: Parameters<typeof isUndoable>[0], { state }: SagaRun): boolean {
  return !isUnresolved(entry, state) && !isUndoable(entry)
}
