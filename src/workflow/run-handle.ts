/**
 * What a user holds of a run, whoever works on it: in this process it speaks to the run's driver, else it reads the journal. Unlike the driver it
 * is only a name, and may be made as often as one likes.
 */
import { canonicalJson } from '../base/canonical.ts'
import { deadline, unlessAborted } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { jsonCodec } from '../base/codec.ts'
import { deferred } from '../base/deferred.ts'
import { Aborted, Closed, InvalidArgument, toError } from '../base/error.ts'
import { checkBytes, checkKeys, plainName, utf8Text, wholeNumber } from '../base/limit.ts'
import type { Journal } from '../journal/journal.ts'
import { everyNode } from './core/definition.ts'
import type { Definition } from './core/definition.ts'
import { fault, faultOf } from './core/fault.ts'
import type { Resolution, RunRecord } from './core/record.ts'
import { SagaRun } from './core/run.ts'
import type { Refusal } from './core/run.ts'
import {
  InputInvalid,
  PastPivot,
  ResolutionRefused,
  RunConflict,
  RunEnded,
  RunUnknown,
  SignalsFull,
  SignalUnknown,
} from './error.ts'
import { isOver, readHistory } from './history.ts'
import type { History } from './history.ts'
import type { Hub } from './hub.ts'
import type { Registry } from './registry.ts'
import { RunDriver } from './run-driver.ts'
import { resultOf, startedAtMs, statusOf, viewOf } from './run-view.ts'
import type { RunFacts } from './run-view.ts'
import type { ResolveOptions, Run, RunResult, RunView, WaitOptions } from './workflow.ts'

export interface HandleWorld {
  readonly clock: Clock
  readonly journal: Journal
  readonly registry: Registry
  readonly hub: Hub
  readonly nextId: () => string
  /** Throws when the workflow is closed, or its journal has failed. */
  checkOpen(): void
  readonly worker: string
  /** Works on the run from here on, where nobody in this process does; `from`: if that worker was the last to. */
  take(id: string, from?: string): Promise<RunDriver | undefined>
}

/** Data of a signal or of a resolution are a part of an event. */
const dataMaxBytes = 512 * 1024
const codec = jsonCodec()

export class RunHandle<Output = unknown> implements Run<Output> {
  readonly id: string
  readonly saga: string
  readonly #world: HandleWorld
  /** Kept so that the result of one that has just ended need not be read. */
  #driver: RunDriver | undefined

  constructor(world: HandleWorld, id: string, saga: string, driver?: RunDriver) {
    this.#world = world
    this.id = id
    this.saga = saga
    this.#driver = driver
  }

  async result(options: WaitOptions = {}): Promise<RunResult<Output>> {
    checkKeys('options', options, ['signal', 'timeoutMs'])
    const { signal, timeoutMs } = options
    if (signal === undefined && timeoutMs === undefined) return this.#result(undefined)
    const waitMs = timeoutMs === undefined ? Infinity : wholeNumber('timeoutMs', timeoutMs, 0)
    using limit = deadline(this.#world.clock, `the run ${this.id}`, waitMs, signal)
    try {
      return await this.#result(limit.signal)
    } catch (thrown) {
      if (!limit.signal.aborted || limit.expired) throw thrown
      throw new Aborted(`the wait for the run ${this.id}`, { cause: signal?.reason })
    }
  }

  async #result(signal: AbortSignal | undefined): Promise<RunResult<Output>> {
    const { hub } = this.#world
    for (;;) {
      const changed = deferred()
      const unwatch = hub.watch(this.id, () => changed.resolve())
      try {
        const driver = this.#working()
        const result = driver ? driver.result() : await this.#readResult()
        if (result) return result as RunResult<Output>
        this.#world.checkOpen()
        await (signal ? unlessAborted(signal, changed.promise) : changed.promise)
      } finally {
        unwatch()
      }
    }
  }

  /** Whoever works on it in this process, or has ended it just now. */
  #working(): RunDriver | undefined {
    if (this.#driver && !this.#driver.gone && this.#driver.result()) return this.#driver
    const driver = this.#world.hub.drivers.get(this.id)
    this.#driver = driver instanceof RunDriver ? driver : undefined
    return this.#driver
  }

  async #readResult(): Promise<RunResult | undefined> {
    const history = await this.#history()
    const { facts, machine } = replayed(history, this.#world.registry.pinned(history))
    const status = statusOf(machine.state)
    return status && resultOf(facts, machine.state, status)
  }

  async #history(): Promise<History> {
    const history = await readHistory(this.#world.journal, this.id)
    if (!history) throw new RunUnknown(this.id)
    return history
  }

  async view(): Promise<RunView> {
    const driver = this.#working()
    if (driver) return viewOf(driver, driver.machine.state, driver.waiting)
    return viewOfHistory(await this.#history(), this.#world.registry)
  }

  async signal(name: string, data?: unknown, options: { readonly id?: string } = {}): Promise<void> {
    checkKeys('options', options, ['id'])
    const id = plainName('id', options.id ?? this.#world.nextId(), 256)
    checkBytes('data of a signal', dataMaxBytes, codec.encode(data).byteLength)
    const driver = await this.#local()
    const checked = checkedSignal(driver.definition, name, data)
    this.#check(name, await driver.say((machine, nowMs) => machine.signal(name, id, checked, nowMs)), driver)
  }

  async cancel(options: { readonly undo?: boolean; readonly reason?: string } = {}): Promise<void> {
    checkKeys('options', options, ['undo', 'reason'])
    const { undo = true, reason = 'somebody asked for it' } = options
    const why = fault('workflow.cancelled', 'Cancelled', `the run was cancelled: ${reason}`)
    const driver = await this.#local()
    this.#check('', await driver.say((machine, nowMs) => machine.cancel(undo, why, nowMs)), driver)
  }

  async takeUp(): Promise<void> {
    await this.#local()
  }

  async definition(): Promise<Definition> {
    return this.#world.registry.pinned(await this.#history())
  }

  async resolve(step: string, how: Resolution, options: ResolveOptions): Promise<void> {
    if (!resolutions.has(how)) throw new InvalidArgument('how', `must be ${[...resolutions].join(', ')}`)
    const { output, by, note } = options
    checkBytes('output of a resolution', dataMaxBytes, codec.encode(output).byteLength)
    const detail = {
      ...(output !== undefined && { output }),
      ...(by !== undefined && { by: plainName('by', by, 256) }),
      ...(note !== undefined && { note: note.slice(0, 2000) }),
    }
    const driver = await this.#local()
    const { state } = driver.machine
    const freed = driver.needs.find(({ name }) => !state.locks.has(name))
    if (how === 'forward' && freed && state.phase === 'attention')
      throw new ResolutionRefused(
        this.id,
        step,
        `cannot go forward: the lock ${freed.name} was freed; settle it and start anew`,
      )
    this.#check(step, await driver.say((machine, nowMs) => machine.resolve(step, how, detail, nowMs)), driver)
  }

  /** Whoever works on it, or may from now on. Rejects with `workflow.run_unknown`, `workflow.run_ended`. */
  async #local(): Promise<RunDriver> {
    this.#world.checkOpen()
    const driver = this.#working()
    if (driver && !driver.gone) return driver
    const history = await this.#history()
    const last = history.records.at(-1)?.is
    if (last === 'completed' || last === 'compensated') throw new RunEnded(this.id, last)
    // Throws what is wrong when nobody can work on it.
    this.#world.registry.pinned(history)
    const taken = await this.#world.take(this.id)
    if (!taken) throw new Closed(`the hold of the run ${this.id}, which another worker has just taken,`)
    return taken
  }

  #check(what: string, refusal: Refusal | undefined, { machine }: RunDriver): void {
    switch (refusal) {
      case undefined:
        return
      case 'ended':
        throw new RunEnded(this.id, machine.state.phase)
      case 'past_pivot':
        throw new PastPivot(this.id)
      case 'unknown_signal':
        throw new SignalUnknown(this.id, what)
      case 'signals_full':
        throw new SignalsFull(this.id, what)
      case 'unknown_step':
        throw new ResolutionRefused(
          this.id,
          what,
          'has not begun, or is none of its steps; look with: colloquy saga show',
        )
      case 'not_unresolved':
        throw new ResolutionRefused(this.id, what, 'is not one that the run rests for; its result lists them')
      case 'not_backward':
        throw new ResolutionRefused(this.id, what, 'was not being undone; say retry, skip or done')
      default:
        refusal satisfies never
    }
  }
}

const resolutions: ReadonlySet<string> = new Set<Resolution>(['retry', 'skip', 'done', 'forward'])

function checkedSignal(definition: Definition, name: string, data: unknown): unknown {
  for (const node of everyNode(definition.nodes)) {
    if (node.kind !== 'wait' || node.signal !== name || !node.check) continue
    try {
      return node.check(data)
    } catch (thrown) {
      throw new InputInvalid(definition.name, { cause: toError(thrown) })
    }
  }
  return data
}

/** The machine as its history leaves it. */
export function replayed(history: History, definition: Definition): { facts: RunFacts; machine: SagaRun } {
  const { run, started, data, records } = history
  const machine = new SagaRun(definition, data.input)
  machine.replay(records)
  const resolved = new Map<string, Extract<RunRecord, { is: 'resolved' }>>()
  for (const record of records) if (record.is === 'resolved') resolved.set(record.step, record)
  return { facts: { run, started, parent: data.parent?.run, resolved }, machine }
}

/** How a run stands by its journal; where its definition is not there, as much as can be said without. */
export function viewOfHistory(history: History, registry: Registry): RunView {
  const { run, data, pinned, started } = history
  try {
    const { facts, machine } = replayed(history, registry.pinned(history))
    return viewOf(facts, machine.state, machine.state.entries.size === 0 && machine.state.phase === 'running')
  } catch (thrown) {
    const phase = history.records.at(-1)?.is
    return {
      run,
      saga: data.saga,
      version: pinned.version,
      phase: phase === 'completed' || phase === 'compensated' || phase === 'attention' ? phase : 'running',
      waiting: false,
      ...(data.parent && { parent: data.parent.run }),
      steps: [],
      locks: [],
      startedAtMs: startedAtMs(started),
      held: faultOf(thrown),
    }
  }
}

/** The run of that id, if it is the same saga with the same input. Rejects with `workflow.run_conflict`. */
export async function sameRun(world: HandleWorld, definition: Definition, input: unknown, id: string): Promise<Run> {
  const driver = world.hub.drivers.get(id)
  const history = driver instanceof RunDriver ? undefined : await readHistory(world.journal, id)
  const data = driver instanceof RunDriver ? driver.data : history?.data
  if (!data) throw new RunUnknown(id)
  if (data.saga !== definition.name) throw new RunConflict(id, `of the saga ${data.saga}`)
  if (identityOf(data.input) !== identityOf(input)) throw new RunConflict(id, 'with another input')
  // Its first append was kept, and said to have failed: it is this worker's, and nobody works on it.
  if (!driver && history?.worker === world.worker && !isOver(history)) {
    world.checkOpen()
    await world.take(id, world.worker)
  }
  return new RunHandle(world, id, data.saga, driver instanceof RunDriver ? driver : undefined)
}

function identityOf(value: unknown): string {
  return value === undefined ? '' : canonicalJson(JSON.parse(utf8Text('input', codec.encode(value))))
}
