/**
 * The choreography as a user holds it: checks what is given, opens what is kept, and ties intake, tasks and telling together. Unlike these
 * it decides nothing about an event.
 */
import { within } from '../base/clock.ts'
import { randomFrom, systemEntropy } from '../base/entropy.ts'
import type { CloudEvent } from '../base/envelope.ts'
import { Aborted, Closed, codeOf, InvalidArgument, messageOf, toError } from '../base/error.ts'
import { idSource } from '../base/id.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'
import { guardedLogger, silentLogger } from '../base/logger.ts'
import { systemClock } from '../base/system-clock.ts'
import { noTelemetry } from '../base/telemetry.ts'
import { dataEncoder } from '../journal/data-text.ts'
import type { Journal } from '../journal/journal.ts'
import { isPast } from '../journal/position-order.ts'
import type {
  Absence,
  Action,
  ActingOptions,
  Choreography,
  ChoreographyOptions,
  ChoreographyStatus,
  PairAction,
  Parked,
  ParkedSelection,
  ReadParkedOptions,
  RuleExplanation,
  RuleOptions,
  RulePattern,
  RuleStatus,
  Sequence,
  WaitOptions,
  Window,
} from './choreography.ts'
import { explain } from './core/explain.ts'
import { absenceRule, checkName, plainRule, sequenceRule, windowRule } from './definition.ts'
import type { Definition } from './definition.ts'
import { ChoreographyForeign, ChoreographySchemaMissing, ChoreographyStopped, JournalUnsuitable } from './error.ts'
import { Intake } from './intake.ts'
import { ParkedTasks } from './parked-tasks.ts'
import type { Parts, Settings } from './parts.ts'
import { openChoreography } from './rule-procedures.ts'
import type { Opened } from './rule-procedures.ts'
import { Tasks } from './tasks.ts'
import { Telling } from './telling.ts'

const known: readonly (keyof ChoreographyOptions)[] = [
  ...(['journal', 'store', 'name', 'source', 'clock', 'random', 'id', 'logger', 'telemetry'] as const),
  ...(['maxHops', 'maxEventsPerCorrelation', 'cycleMax', 'countedMax', 'runningMax', 'heldMax', 'parkedMax'] as const),
  ...(['openMax', 'gatherMs', 'onTrouble', 'admits', 'mayAct', 'fence'] as const),
]

/**
 * Opens a choreography: what it had taken in goes on as soon as its rules are given again. Rejects with
 * `choreography.journal_unsuitable`, `choreography.foreign`, `choreography.schema_missing`, `base.invalid_argument`, or what the store
 * rejects with.
 */
export async function createChoreography(options: ChoreographyOptions): Promise<Choreography> {
  checkKeys('options', options, known)
  const name = checkName('name', options.name ?? 'main', 64)
  const settings = checkSettings(name, options)
  checkJournal(options.journal)
  const opened = await open(name, options)
  return new Running(name, options, settings, opened)
}

function checkSettings(name: string, options: ChoreographyOptions): Settings {
  const whole = (option: keyof ChoreographyOptions, usual: number, min: number, max: number): number =>
    wholeNumber(option, options[option] ?? usual, min, max)
  for (const hook of ['onTrouble', 'admits', 'mayAct', 'fence'] as const)
    if (options[hook] !== undefined && typeof options[hook] !== 'function')
      throw new InvalidArgument(hook, 'must be a function')
  return {
    source: plainName('source', options.source ?? `/choreography/${name}`, 1024),
    caps: {
      hopsMax: whole('maxHops', 16, 1, 1000),
      eventsMax: whole('maxEventsPerCorrelation', 500, 1, 1_000_000),
      cycleMax: whole('cycleMax', 3, 1, 1_000_000),
    },
    countedMax: whole('countedMax', 100_000, 100, 10_000_000),
    runningMax: whole('runningMax', 256, 1, 4096),
    heldMax: whole('heldMax', 1024, 1, 100_000),
    parkedMax: whole('parkedMax', 10_000, 1, 1_000_000),
    openMax: whole('openMax', 10_000, 1, 1_000_000),
    gatherMs: whole('gatherMs', 5000, 0, 3_600_000),
  }
}

function checkJournal({ driver, capabilities }: Journal): void {
  const { atomicStreams, totalOrder, readStream, idempotencyWindowMs, conditions } = capabilities
  const lacks = [
    ...(atomicStreams ? [] : ['appends over several streams']),
    ...(totalOrder ? [] : ['order over all streams']),
    ...(readStream ? [] : ['reading of one stream']),
    ...(idempotencyWindowMs === Number.POSITIVE_INFINITY
      ? []
      : ['idempotency keys that are kept as long as their events']),
    ...(conditions ? [] : ['conditions of appends']),
  ]
  if (lacks.length > 0) throw new JournalUnsuitable(driver, lacks.join(', '))
}

async function open(name: string, { journal, store }: ChoreographyOptions): Promise<Opened> {
  const id = await journal.id()
  const head = await journal.head()
  try {
    const opened = await store.write(openChoreography, { name, journal: id, head })
    if (opened.journal !== id) throw new ChoreographyForeign(name)
    return opened
  } catch (thrown) {
    if (codeOf(thrown) === 'store.sql' && messageOf(thrown).includes('no such table: choreography_'))
      throw new ChoreographySchemaMissing({ cause: thrown })
    throw thrown
  }
}

class Running implements Choreography {
  readonly name: string
  readonly #parts: Parts
  readonly #tasks: Tasks
  readonly #intake: Intake
  readonly #telling: Telling
  readonly #parked: ParkedTasks
  readonly #stopping = new AbortController()
  #error: Error | undefined
  #closing: Promise<void> | undefined

  constructor(name: string, options: ChoreographyOptions, settings: Settings, opened: Opened) {
    const { journal, store, clock = systemClock, telemetry = noTelemetry, onTrouble, admits, mayAct, fence } = options
    const random = options.random ?? randomFrom(systemEntropy)
    this.name = name
    this.#parts = {
      ...settings,
      name,
      journal,
      store,
      clock,
      random,
      telemetry,
      owner: { id: opened.id, epoch: opened.epoch },
      id: options.id ?? idSource(clock, random.split('ids')),
      logger: guardedLogger((options.logger ?? silentLogger).child({ choreography: name })),
      encode: dataEncoder(journal.limits.eventMaxBytes),
      stop: this.#stopping.signal,
      fail: (error) => this.#fail(error),
      ...(onTrouble && { onTrouble }),
      ...(admits && { admits }),
      ...(mayAct && { mayAct }),
      ...(fence && { fence }),
    }
    this.#telling = new Telling(this.#parts)
    this.#tasks = new Tasks(
      this.#parts,
      { definitionOf: (rule) => this.#intake.definitionOf(rule), onParked: () => this.#telling.wake() },
      opened.parked,
    )
    this.#intake = new Intake(this.#parts, this.#tasks, opened.position, opened.rules)
    this.#parked = new ParkedTasks(this.#parts, this.#tasks, this.#intake)
    this.#telling.start()
  }

  #fail(thrown: unknown): void {
    if (this.#stopping.signal.aborted) return
    this.#error = toError(thrown)
    this.#parts.logger.error({ err: this.#error }, 'the choreography has stopped')
    this.#stopping.abort(new ChoreographyStopped(this.name, { cause: this.#error }))
  }

  #check(): void {
    if (this.#error) throw new ChoreographyStopped(this.name, { cause: this.#error })
    if (this.#stopping.signal.aborted) throw new Closed(`the choreography ${this.name}`)
  }

  /** A failure of one write is that of all. */
  async #checked<T>(work: () => Promise<T>): Promise<T> {
    this.#check()
    try {
      return await work()
    } catch (error) {
      if (codeOf(error) === 'choreography.taken' || codeOf(error).startsWith('store.')) this.#fail(error)
      throw error
    }
  }

  async #enter(make: () => Definition): Promise<void> {
    await this.#checked(() => this.#intake.enter(make()))
  }

  rule<Data>(name: string, pattern: RulePattern, action: Action<Data>, options?: RuleOptions): Promise<void> {
    return this.#enter(() => plainRule(name, pattern, action, options))
  }

  absent<Data>(name: string, absence: Absence, action?: Action<Data>, options?: ActingOptions): Promise<void> {
    return this.#enter(() => absenceRule(name, absence, action, options))
  }

  sequence<First, Next>(
    name: string,
    sequence: Sequence,
    action: PairAction<First, Next>,
    options?: ActingOptions,
  ): Promise<void> {
    return this.#enter(() => sequenceRule(name, sequence, action, options))
  }

  window<One, Other>(
    name: string,
    window: Window,
    action: PairAction<One, Other>,
    options?: ActingOptions,
  ): Promise<void> {
    return this.#enter(() => windowRule(name, window, action, options))
  }

  async remove(name: string): Promise<boolean> {
    return this.#checked(() => this.#intake.remove(checkName('name', name, 100)))
  }

  rules(): readonly RuleStatus[] {
    return this.#intake.rules()
  }

  explain(event: CloudEvent): readonly RuleExplanation[] {
    return this.#intake
      .explainable()
      .map(({ rule, part }) => ({ rule, part: part.name, explanation: explain(part.selection, event) }))
  }

  async status(): Promise<ChoreographyStatus> {
    const { journal } = this.#parts
    const checkpoint = this.#intake.position
    return {
      checkpoint,
      lag: await journal.behind(checkpoint),
      waiting: this.#tasks.size - this.#tasks.running,
      running: this.#tasks.running,
      parked: this.#tasks.parked,
      open: this.#intake.open,
      full: this.#tasks.full,
      error: this.#error,
    }
  }

  parked(options: ReadParkedOptions = {}): AsyncIterable<Parked> {
    checkKeys('options', options, ['rule', 'signal'])
    return { [Symbol.asyncIterator]: () => this.#parked.read(options) }
  }

  async replayParked(selection: ParkedSelection = {}): Promise<number> {
    return this.#checked(() => this.#parked.replay(selection))
  }

  async discardParked(selection: ParkedSelection = {}): Promise<number> {
    return this.#checked(() => this.#parked.discard(selection))
  }

  start(): void {
    this.#check()
    this.#intake.start()
  }

  caughtUp(options: WaitOptions = {}): Promise<void> {
    return this.#wait('caughtUp', options, async (signal) => {
      await this.#acted(await this.#parts.journal.head(), signal)
    })
  }

  idle(options: WaitOptions = {}): Promise<void> {
    return this.#wait('idle', options, async (signal) => {
      const { journal } = this.#parts
      do {
        await this.#acted(await journal.head(), signal)
        if (signal.aborted) return
      } while (this.#tasks.size > 0 || !(await isPast(journal, this.#intake.position, await journal.head())))
    })
  }

  async #acted(position: string, signal: AbortSignal): Promise<void> {
    await this.#intake.passed(position, true)
    if (signal.aborted) return
    await this.#tasks.drained()
    this.#check()
  }

  async #wait(what: string, options: WaitOptions, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    checkKeys(what, options, ['signal', 'timeoutMs'])
    this.#check()
    const timeoutMs = wholeNumber('timeoutMs', options.timeoutMs ?? 30_000, 0)
    await within(this.#parts.clock, `the choreography ${this.name}`, timeoutMs, options.signal, work)
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    const { stop } = this.#parts
    const isWell = !stop.aborted
    if (isWell) this.#stopping.abort(new Aborted(`the choreography ${this.name}`))
    await this.#intake.close()
    await this.#tasks.close()
    await this.#telling.close()
    // What was looked at for nothing need not be looked at again.
    if (isWell && !this.#error)
      await this.#intake.keepPlace().catch((error: unknown) => {
        this.#parts.logger.debug({ err: error }, 'the place in the journal could not be kept; it is looked at again')
      })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
