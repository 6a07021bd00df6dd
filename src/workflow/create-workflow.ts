/**
 * createWorkflow(): the shell that runs sagas over a journal. It owns the runs that it works on (`run-driver.ts`), finds again what an earlier
 * life or a lost worker left (`lease.ts`), and hands out runs to whoever asks. Unlike the node it chooses no driver; it works alone
 * with a journal that is handed in.
 *
 * Life: 1. it checks the journal, says that it is alive, and takes up what is open. 2. It serves until `close`. 3. `close` takes nothing more,
 * lets attempts end, and drops the rest: what is in the journal goes on in the next life.
 */
import { deadline, unlessAborted } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { deferred } from '../base/deferred.ts'
import type { Deferred } from '../base/deferred.ts'
import { randomFrom, systemEntropy } from '../base/entropy.ts'
import { makeEvent } from '../base/envelope.ts'
import type { CloudEvent } from '../base/envelope.ts'
import { Closed, codeOf, InvalidArgument, toError } from '../base/error.ts'
import { idSource } from '../base/id.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'
import { guardedLogger, silentLogger } from '../base/logger.ts'
import type { Logger } from '../base/logger.ts'
import { systemClock } from '../base/system-clock.ts'
import { noTelemetry } from '../base/telemetry.ts'
import type { Telemetry } from '../base/telemetry.ts'
import type { Journal, Position } from '../journal/journal.ts'
import { AppendQueue } from './append-queue.ts'
import { ChildRuns } from './child-runs.ts'
import type { Definition } from './core/definition.ts'
import { faultOf } from './core/fault.ts'
import type { Fault, Resolution } from './core/record.ts'
import { BacklogFull, InputInvalid, RunUnknown } from './error.ts'
import { runStream } from './event.ts'
import type { MigratedData, Parent, StartedData, TakenData } from './event.ts'
import { isOver, readHistory } from './history.ts'
import type { History } from './history.ts'
import { hubOf } from './hub.ts'
import type { Hub } from './hub.ts'
import { Lease } from './lease.ts'
import { checkMigration } from './migration.ts'
import { openRunsOf } from './open-runs.ts'
import { OwnRuns } from './own-runs.ts'
import { checkedInput, Registry } from './registry.ts'
import { RunDriver } from './run-driver.ts'
import type { DriverWorld } from './run-driver.ts'
import { RunHandle, sameRun } from './run-handle.ts'
import type { HandleWorld } from './run-handle.ts'
import { runList } from './run-list.ts'
import type { AnySaga, SagaBuilder } from './saga.ts'
import { startSchedule } from './schedule.ts'
import { Slots } from './slots.ts'
import { isUnkept } from './turn.ts'
import { TurnTaking } from './turn-taking.ts'
import { checkSuitable, workflowOptionNames } from './workflow-options.ts'
import type { WorkflowOptions } from './workflow-options.ts'
import type {
  ResolveOptions,
  Run,
  RunSummary,
  Schedule,
  ScheduleOptions,
  StartOptions,
  WaitOptions,
  Workflow,
  WorkflowStatus,
} from './workflow.ts'

/** Runs that are taken up at once. */
const takenTogether = 64

/**
 * Opens a workflow; what was open is taken up before this resolves. Rejects with `workflow.journal_unsuitable`, `base.invalid_argument`, or the
 * journal's errors.
 */
export async function createWorkflow(options: WorkflowOptions): Promise<Workflow> {
  checkKeys('options', options, workflowOptionNames)
  checkSuitable(options.journal)
  const shell = new WorkflowShell(options)
  try {
    await shell.open()
  } catch (thrown) {
    await shell.close({ deadlineMs: 0 })
    throw thrown
  }
  return shell
}

class WorkflowShell implements Workflow, HandleWorld {
  readonly clock: Clock
  readonly journal: Journal
  readonly registry = new Registry()
  readonly hub: Hub
  readonly #logger: Logger
  readonly #telemetry: Telemetry
  readonly nextId: () => string
  readonly worker: string
  readonly #world: DriverWorld
  readonly #turns: TurnTaking
  readonly #lease: Lease
  readonly #runsMax: number
  readonly #own: OwnRuns
  readonly #held = new Map<string, Fault>()
  readonly #taking = new Map<string, Promise<unknown>>()
  readonly #schedules = new Set<Schedule>()
  #closing: Promise<void> | undefined
  #broken: Error | undefined
  /** Resolves when a run pauses; there while somebody waits for that. */
  #paused: Deferred<void> | undefined
  /** First appends under way: whether the run is new shows when they end. */
  readonly #starting = new Map<string, Promise<unknown>>()

  constructor(options: WorkflowOptions) {
    const { clock = systemClock, entropy = systemEntropy, logger = silentLogger, journal } = options
    const random = options.random ?? randomFrom(entropy)
    this.clock = clock
    this.journal = journal
    this.hub = hubOf(journal, entropy)
    this.#logger = guardedLogger(logger)
    this.#telemetry = options.telemetry ?? noTelemetry
    this.nextId = idSource(clock, random.split('id'))
    this.worker = this.nextId()
    this.#runsMax = wholeNumber('runsMax', options.runsMax ?? 10_000, 1, 1_000_000)
    this.#own = new OwnRuns({ clock, logger: this.#logger, ask: (run) => this.#isOwn(run) })
    this.#turns = new TurnTaking(clock, this.hub.locks)
    const source = plainName('source', options.source ?? '/workflow', 1024)
    const make: DriverWorld['make'] = (input) => makeEvent({ ...input, source }, { clock, id: this.nextId })
    this.#world = {
      worker: this.worker,
      clock,
      random: random.split('jitter'),
      logger: this.#logger,
      journal,
      queue: new AppendQueue(journal),
      hub: this.hub,
      slots: new Slots(wholeNumber('attemptsMax', options.attemptsMax ?? 1000, 1, 1_000_000)),
      children: new ChildRuns({
        hub: this.hub,
        journal,
        registry: this.registry,
        begin: ({ id, definition, input, parent, root, cause }) =>
          this.#begin(definition, input, id, { cause }, { of: parent, root }),
        known: (id) => this.#own.known(id),
        take: (id) => this.take(id),
      }),
      lostMax: wholeNumber('lostMax', options.lostMax ?? 100, 1, 1_000_000),
      make,
      waitTurn: (driver) => this.#turns.wait(driver),
      rested: (driver) => this.#rested(driver),
      reopened: (driver) => {
        this.hub.drivers.set(driver.id, driver)
        this.#opened(driver.id)
      },
      paused: () => {
        this.#paused?.resolve()
        this.#paused = undefined
      },
      broken: (error) => {
        this.#broken ??= error
        this.hub.tellAll()
      },
    }
    this.#lease = new Lease({
      make,
      journal,
      clock,
      logger: this.#logger,
      worker: this.worker,
      host: plainName('host', options.host ?? 'local', 256),
      incarnation: this.hub.incarnation,
      leaseMs: wholeNumber('leaseMs', options.leaseMs ?? 10_000, 10, 3_600_000),
      word: () => ({ from: this.#own.from(), open: this.#own.size }),
      gone: (worker, from) => this.#takeOver(worker, from),
    })
    for (const saga of options.sagas ?? []) this.register(saga)
  }

  async open(): Promise<void> {
    using _held = this.#turns.hold()
    this.#own.position = await this.journal.head()
    await this.#lease.open()
  }

  register({ definition }: AnySaga): void {
    // Every start comes here: what is held waits for what was not known.
    if (!this.registry.add(definition)) return
    for (const run of Array.from(this.#held.keys())) void this.#retake(run)
  }

  async start<Input, Out, Past, Result>(
    saga: SagaBuilder<Input, Out, Past, Result>,
    input: Input,
    options: StartOptions = {},
  ): Promise<Run<Result>> {
    this.register(saga)
    return (await this.#start(saga.definition, input, options)) as Run<Result>
  }

  async startByName(saga: string, input: unknown, options: StartOptions = {}): Promise<Run> {
    return this.#start(this.registry.newest(saga), input, options)
  }

  async #start(definition: Definition, given: unknown, options: StartOptions): Promise<Run> {
    checkKeys('options', options, ['id', 'cause', 'domain', 'criticality'])
    const { id = this.nextId() } = options
    plainName('id', id, 200)
    if (id.includes('/')) throw new InvalidArgument('id', 'must have no /, which stands before the steps of children')
    return this.#begin(definition, given, id, options)
  }

  async #begin(
    definition: Definition,
    given: unknown,
    id: string,
    said: Omit<StartOptions, 'id'>,
    parent?: { readonly of: Parent; readonly root: string },
  ): Promise<Run> {
    this.checkOpen()
    const input = checkedInput(definition, given)
    if (this.hub.drivers.has(id)) return sameRun(this, definition, input, id)
    if (this.#own.size >= this.#runsMax) throw new BacklogFull(this.#runsMax)
    const data: StartedData = {
      saga: definition.name,
      version: definition.version,
      hash: definition.hash,
      ...(input !== undefined && { input }),
      worker: this.worker,
      ...(parent && { parent: parent.of, root: parent.root }),
      ...(definition.deadlineMs !== undefined && { dueMs: this.clock.now() + definition.deadlineMs }),
      records: [],
    }
    const driver = this.#driver(definition, this.#first(id, data, said), data, 0)
    const waits = driver.needs.length > 0 || definition.concurrency !== undefined || definition.rate !== undefined
    this.#opened(id)
    const starting = driver.start(!waits)
    this.#starting.set(id, starting)
    try {
      this.#own.position = (await starting).position
      this.#own.sure(id)
    } catch (thrown) {
      if (codeOf(thrown) !== 'journal.wrong_version' && !isUnkept(thrown)) this.#own.doubt(id)
      driver.drop(new Closed(`the start of the run ${id}`))
      if (codeOf(thrown) === 'journal.wrong_version') return await sameRun(this, definition, input, id)
      throw thrown
    } finally {
      this.#starting.delete(id)
    }
    this.#telemetry.count('colloquy.saga.started', 1, { saga: definition.name })
    if (waits) this.#turns.wait(driver)
    return new RunHandle(this, id, definition.name, driver)
  }

  #first(id: string, data: StartedData, { cause, domain, criticality }: Omit<StartOptions, 'id'>): CloudEvent {
    return this.#world.make({
      type: 'saga.started',
      subject: id,
      data,
      via: `saga:${data.saga}`,
      ...(cause && { cause }),
      ...(domain !== undefined && { domain }),
      ...(criticality !== undefined && { criticality }),
    })
  }

  /** A driver, known to all who ask for the run. Throws `workflow.input_invalid` when locks or priority cannot be made of its input. */
  #driver(definition: Definition, started: CloudEvent, data: StartedData, version: number): RunDriver {
    let driver: RunDriver
    try {
      driver = new RunDriver(this.#world, definition, { started, data, version })
    } catch (thrown) {
      throw new InputInvalid(definition.name, { cause: toError(thrown) })
    }
    this.hub.drivers.set(driver.id, driver)
    return driver
  }

  #opened(id: string): void {
    this.#own.add(id)
    this.#lease.touch()
  }

  #forget(driver: RunDriver): void {
    if (this.hub.drivers.get(driver.id) === driver) this.hub.drivers.delete(driver.id)
    this.#own.remove(driver.id)
    this.#turns.leave(driver.id)
  }

  /** A run ended, rests, or is another's. */
  #rested(driver: RunDriver): void {
    const { state } = driver.machine
    // Whoever waits finds it by its id, so it is told before it is forgotten.
    this.hub.tell(driver.id)
    if (!driver.gone && !state.ended) return
    this.#forget(driver)
    if (driver.gone) return
    this.#telemetry.count('colloquy.saga.ended', 1, { saga: driver.definition.name, phase: state.phase })
  }

  checkOpen(): void {
    if (this.#broken) throw this.#broken
    if (this.#closing) throw new Closed('the workflow')
  }

  async run(id: string): Promise<Run> {
    this.checkOpen()
    const driver = this.hub.drivers.get(id)
    if (driver) return new RunHandle(this, id, driver.machine.state.definition.name)
    const history = await readHistory(this.journal, plainName('id', id, 480))
    if (!history) throw new RunUnknown(id)
    return new RunHandle(this, id, history.data.saga)
  }

  runs(options: { readonly saga?: string; readonly signal?: AbortSignal } = {}): AsyncIterable<RunSummary> {
    checkKeys('options', options, ['saga', 'signal'])
    return { [Symbol.asyncIterator]: () => runList(this.journal, options) }
  }

  async resolve(run: string, step: string, how: Resolution, options: ResolveOptions = {}): Promise<void> {
    checkKeys('options', options, ['output', 'by', 'note'])
    this.checkOpen()
    await new RunHandle(this, run, '').resolve(step, how, options)
  }

  async migrate(run: string, version: number): Promise<void> {
    this.checkOpen()
    const driver = this.hub.drivers.get(run)
    const history = await readHistory(this.journal, run)
    if (!history) throw new RunUnknown(run)
    const definition = checkMigration(this.registry, history, version)
    const data: MigratedData = { version, hash: definition.hash, records: [] }
    const event = this.#world.make({ type: 'saga.migrated', subject: run, data, cause: history.started })
    // Whoever works on it learns of it by the version that it no longer expects.
    await this.journal.append(runStream(run), [event], { expectedVersion: history.version })
    if (driver instanceof RunDriver) driver.drop(new Closed(`the run ${run} in its old version`))
    this.#held.delete(run)
    await this.take(run)
  }

  async schedule<Input, Out, Past, Result>(
    name: string,
    saga: SagaBuilder<Input, Out, Past, Result>,
    options: ScheduleOptions<Input>,
  ): Promise<Schedule> {
    this.checkOpen()
    this.register(saga)
    const start = (input: Input, id: string, cause: CloudEvent) => this.#begin(saga.definition, input, id, { cause })
    const stopped = (each: Schedule) => void this.#schedules.delete(each)
    const schedule = await startSchedule(name, options, { ...this.#world, start, stopped })
    this.#schedules.add(schedule)
    if (this.#closing) await schedule.stop()
    this.checkOpen()
    return schedule
  }

  async idle(options: WaitOptions = {}): Promise<void> {
    checkKeys('options', options, ['signal', 'timeoutMs'])
    using limit = deadline(this.clock, 'the runs', options.timeoutMs ?? Infinity, options.signal)
    while (!this.#isQuiet()) {
      this.#paused ??= deferred()
      await unlessAborted(limit.signal, this.#paused.promise)
    }
  }

  #isQuiet(): boolean {
    for (const driver of this.#drivers()) if (!driver.quiet) return false
    return true
  }

  *#drivers(): Generator<RunDriver, void> {
    for (const id of this.#own.ids()) {
      const driver = this.hub.drivers.get(id)
      if (driver instanceof RunDriver && driver.worker === this.worker) yield driver
    }
  }

  status(): WorkflowStatus {
    let waiting = 0
    let attention = 0
    for (const driver of this.#drivers()) {
      if (driver.waiting) waiting++
      if (driver.machine.state.phase === 'attention') attention++
    }
    return {
      worker: this.worker,
      open: this.#own.size,
      attention,
      waiting,
      attempts: this.#world.slots.taken,
      held: this.#held.size,
    }
  }

  /** What a worker that is gone left open; some at once, so that their appends share syncs. */
  async #takeOver(worker: string, from: Position): Promise<void> {
    using _held = this.#turns.hold()
    const runs = await openRunsOf(this.journal, worker, from)
    while (runs.length > 0) await Promise.all(runs.splice(0, takenTogether).map((run) => this.take(run, worker)))
  }

  /** Works on a run from here on, if nobody else does by now; `from`: if that worker did. Gives its driver. */
  async take(run: string, from?: string): Promise<RunDriver | undefined> {
    // A parent may ask for its child while the child is taken over: one after the other, so that both get the same driver.
    const before = this.#taking.get(run)
    const taking = (before ? before.catch(() => undefined) : Promise.resolve()).then(() => this.#take(run, from))
    this.#taking.set(run, taking)
    return taking.finally(() => {
      if (this.#taking.get(run) === taking) this.#taking.delete(run)
    })
  }

  async #take(run: string, from: string | undefined): Promise<RunDriver | undefined> {
    await this.#starting.get(run)?.catch(() => undefined)
    const history = await readHistory(this.journal, run)
    return history && (from === undefined || history.worker === from) ? this.#adopt(history) : undefined
  }

  /** Works on what is this worker's by its journal although that was said to have failed. */
  async #isOwn(run: string): Promise<boolean> {
    const history = await readHistory(this.journal, run)
    // It may have been started again meanwhile.
    if (this.hub.drivers.get(run)?.worker === this.worker) return true
    if (history?.worker !== this.worker || isOver(history)) return false
    await this.take(run, this.worker)
    return true
  }

  async #retake(run: string): Promise<void> {
    try {
      await this.take(run)
    } catch (thrown) {
      this.#logger.warn({ err: toError(thrown), run }, 'a saga could not be taken up')
    }
  }

  async #adopt(history: History): Promise<RunDriver | undefined> {
    const { run } = history
    const before = this.hub.drivers.get(run)
    if (before && before.worker === this.worker) return before instanceof RunDriver ? before : undefined
    const data: TakenData = { worker: this.worker, records: [] }
    const event = this.#world.make({ type: 'saga.taken', subject: run, data, cause: history.started })
    this.#opened(run)
    let version: number
    try {
      ;({ version } = await this.journal.append(runStream(run), [event], { expectedVersion: history.version }))
    } catch (thrown) {
      if (codeOf(thrown) !== 'journal.wrong_version') {
        this.#own.doubt(run)
        throw thrown
      }
      // Another was quicker.
      this.#own.remove(run)
      return undefined
    }
    this.#own.sure(run)
    let definition: Definition
    try {
      definition = this.registry.pinned(history)
    } catch (thrown) {
      // It is this worker's all the same, so that the next life finds it with the rest.
      this.#held.set(run, faultOf(thrown))
      this.#logger.error({ err: toError(thrown), run }, 'nobody can work on a saga')
      this.hub.tell(run)
      return undefined
    }
    this.#held.delete(run)
    const stale = this.hub.drivers.get(run)
    if (stale instanceof RunDriver)
      stale.drop(new Closed(`this worker's hold of the run ${run}, which another has taken,`))
    const driver = this.#driver(definition, history.started, history.data, version)
    this.#telemetry.count('colloquy.saga.taken', 1, { saga: definition.name })
    driver.go(history, true)
    if (driver.waiting) this.#turns.wait(driver)
    else if (!driver.machine.state.ended) this.#turns.count(driver)
    return driver
  }

  async close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    checkKeys('options', options, ['deadlineMs'])
    const deadlineMs = wholeNumber('deadlineMs', options.deadlineMs ?? 10_000, 0)
    this.#closing ??= this.#close(deadlineMs)
    await this.#closing
  }

  async #close(deadlineMs: number): Promise<void> {
    for (const schedule of this.#schedules) await schedule.stop()
    this.#turns.close()
    this.#own.close()
    using limit = deadline(this.clock, 'the attempts of sagas', deadlineMs)
    const settling = [...this.#drivers()].map((driver) => driver.drain())
    await unlessAborted(limit.signal, Promise.all(settling)).catch(() => undefined)
    const left = this.#own.size
    const reason = new Closed('the workflow')
    for (const driver of Array.from(this.#drivers())) driver.drop(reason)
    this.hub.tellAll()
    await this.#lease.close(left === 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
