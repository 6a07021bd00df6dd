/**
 * Follower: the life of one line that somebody holds a handle to: starts it, tells how far it is, lets callers wait for it,
 * takes parked events up again, ends it. What projections and reactors share; unlike their runners it knows neither states
 * nor an outbox. It never moves a checkpoint itself.
 */
import type { Clock } from '../base/clock.ts'
import { within } from '../base/clock.ts'
import { Aborted, codeOf, InvalidArgument, toError } from '../base/error.ts'
import { deferred } from '../base/deferred.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'
import { guardedLogger, silentLogger } from '../base/logger.ts'
import type { Logger } from '../base/logger.ts'
import { systemClock } from '../base/system-clock.ts'
import { noTelemetry } from '../base/telemetry.ts'
import type { Telemetry } from '../base/telemetry.ts'
import type { Store } from '../store/store.ts'
import { JournalUnsupported, ProjectionStopped } from './error.ts'
import type { Filter, Journal, Position, Recorded } from './journal.ts'
import type { Generation } from './projection-generation.ts'
import { Line } from './projection-line.ts'
import type { LineSettings, LineTarget } from './projection-line.ts'
import { discardEvents, parkedCount } from './projection-parked.ts'
import { isPast } from './position-order.ts'
import { parkedEvents } from './projection-view.ts'
import type { ParkedRecord, ReadOptions } from './projection-view.ts'

/** What becomes of an event whose handler throws. What the store or the journal refuses is tried as often, then the runner fails. */
export interface ErrorPolicy {
  /** Tries after the first. Default 3. */
  readonly retryMax?: number
  /** Before the second try; each later one waits twice as long, to 30 s. Default 100. */
  readonly backoffMs?: number
  /** `stop` fails the runner with the checkpoint before the event; `park` puts the event aside and goes on. Default `stop`. */
  readonly otherwise?: 'park' | 'stop'
}

export interface FollowOptions {
  readonly journal: Journal
  /** Opened with `projectionSchema` among its schemas; it need not be the journal's. */
  readonly store: Store
  readonly clock?: Clock
  readonly logger?: Logger
  readonly telemetry?: Telemetry
  readonly onError?: ErrorPolicy
  /** Events in one transaction, 1 to 4096. */
  readonly batch?: number
  /**
   * Events that may be parked, and apart from them messages of a reactor; one more fails the runner with
   * `journal.parked_full`. Default 1000.
   */
  readonly parkedMax?: number
}

export const followOptions: readonly string[] = [
  'journal',
  'store',
  'clock',
  'logger',
  'telemetry',
  'onError',
  'batch',
  'parkedMax',
]

/** `live`: it has seen the end of the journal, as it was then. */
export type FollowState = 'catching-up' | 'live' | 'failed' | 'stopped'

export interface FollowStatus {
  readonly state: FollowState
  /** Everything up to here is in effect. */
  readonly position: Position
  /** Events at most that lie behind it. */
  readonly lag: number
  /** Why it failed. */
  readonly error?: Error
  /** Events that are parked. */
  readonly parked: number
}

export interface CaughtUpOptions {
  /** Default: the last position of the journal at the call. */
  readonly position?: Position
  readonly signal?: AbortSignal
  /** Then `base.timeout`. Default 30,000. */
  readonly timeoutMs?: number
}

/** Which of what was parked is to be forgotten, by `id`. */
export type Discarded = readonly number[] | 'all'

export interface Retried {
  readonly retried: number
  /** Failed again, and stay parked. */
  readonly left: number
}

/** What is followed for whom. */
export interface Followed {
  readonly name: string
  readonly owner: string
  readonly filter: Filter
  /** The word in its metrics. */
  readonly kind: 'projection' | 'reactor'
  readonly batch: number
  /** What drives a generation. */
  readonly target: (generation: number) => LineTarget
}

export class Follower {
  readonly followed: Followed
  readonly clock: Clock
  readonly logger: Logger
  readonly telemetry: Telemetry
  readonly journal: Journal
  readonly store: Store
  readonly #settings: Omit<LineSettings, 'moved' | 'failed'>
  readonly #stopping = new AbortController()
  /** Aborted by `stop` only, not by a failure. */
  readonly #closing = new AbortController()
  #line: Line
  /** Ends the line that runs, when another takes its place. */
  #leave = new AbortController()
  #moved = deferred()
  #state: 'running' | 'failed' | 'stopped' = 'running'
  #error: Error | undefined
  #lag = 0
  #measuring = false
  #main: Promise<void> | undefined
  /** What is done with parked events. */
  #tended: Promise<unknown> = Promise.resolve()

  constructor(followed: Followed, options: FollowOptions, generation: Generation) {
    const { journal, store, clock = systemClock, logger = silentLogger, telemetry = noTelemetry } = options
    this.followed = followed
    this.journal = journal
    this.store = store
    this.clock = clock
    this.logger = guardedLogger(logger.child({ [followed.kind]: followed.name }))
    this.telemetry = telemetry
    const { name, filter, batch } = followed
    this.#settings = { name, journal, store, clock, filter, batch, ...policyOf(options) }
    this.#line = this.lineOf(generation)
  }

  /** False while what is served is not what was asked for; asked by those who wait. */
  ready: () => boolean = () => true

  /** Tries after the first, and the wait before the second. */
  get retry(): { readonly retryMax: number; readonly backoffMs: number } {
    return this.#settings
  }

  get line(): Line {
    return this.#line
  }

  /** Aborted by `stop`. */
  get signal(): AbortSignal {
    return this.#stopping.signal
  }

  get over(): boolean {
    return this.#state !== 'running'
  }

  get error(): Error | undefined {
    return this.#error
  }

  /** A line for a generation; whoever makes it runs or fills it. */
  lineOf(generation: Generation, moved: () => void = () => {}): Line {
    return new Line(
      {
        ...this.#settings,
        moved: (line, events) => {
          this.#tell(line, events)
          moved()
        },
        failed: (error, recorded) => this.#tellFailure(error, recorded),
      },
      this.followed.target(generation.id),
      generation,
    )
  }

  /** Follows until it is stopped or fails. `before` is done first, and fails it too. */
  start(before: () => Promise<void> = () => Promise.resolve()): void {
    this.#main ??= this.#run(before)
  }

  async #run(before: () => Promise<void>): Promise<void> {
    try {
      await before()
      while (!this.signal.aborted) {
        const line = this.#line
        await line.run(AbortSignal.any([this.signal, this.#leave.signal]))
        if (line === this.#line) break
      }
    } catch (thrown) {
      if (!this.signal.aborted || codeOf(thrown) !== 'base.aborted') this.fail(toError(thrown))
    }
    if (!this.over) this.#state = 'stopped'
    this.#wake()
  }

  /** From now on this line is followed; the other one is left. */
  replaceLine(line: Line): void {
    this.#line.giveUp()
    this.#line = line
    const leave = this.#leave
    this.#leave = new AbortController()
    leave.abort()
    this.#wake()
  }

  /** Fails the whole; the first failure counts. */
  fail(error: Error): void {
    if (this.over) return
    this.#state = 'failed'
    this.#error = error
    this.logger.error({ err: error }, `the ${this.followed.kind} has failed`)
    this.#stopping.abort()
    this.#wake()
  }

  #attributes(): Record<string, string> {
    return { [this.followed.kind]: this.followed.name }
  }

  #tell(line: Line, events: number): void {
    const { kind } = this.followed
    if (events > 0) this.telemetry.count(`colloquy.${kind}.events`, events, this.#attributes())
    if (line !== this.#line) return
    this.#wake()
    this.#measure()
  }

  #tellFailure(error: Error, recorded: Recorded | undefined): void {
    const { kind } = this.followed
    this.telemetry.count(`colloquy.${kind}.failures`, 1, this.#attributes())
    const at = recorded && { stream: recorded.stream, version: recorded.version, type: recorded.event.type }
    this.logger.warn({ err: error, ...at }, `the ${kind} could not take an event`)
  }

  #wake(): void {
    const moved = this.#moved
    this.#moved = deferred()
    moved.resolve()
  }

  /** One question at a time, however fast the line is. */
  #measure(): void {
    if (this.#measuring) return
    this.#measuring = true
    const told = (lag: number) => {
      this.#lag = lag
      this.telemetry.gauge(`colloquy.${this.followed.kind}.lag`, lag, this.#attributes())
    }
    const over = () => {
      this.#measuring = false
    }
    // A journal that is closed meanwhile is told by the line.
    this.journal.behind(this.#line.position).then(told).then(over, over)
  }

  async status(): Promise<FollowStatus> {
    const { position, caughtUp } = this.#line
    const lag = await this.journal.behind(position).catch(() => this.#lag)
    const parked = await this.store.read(parkedCount, this.followed.owner).catch(() => 0)
    const going = caughtUp || lag === 0 ? 'live' : 'catching-up'
    const state = this.#state === 'running' ? going : this.#state
    return { state, position, lag, parked, ...(this.#error && { error: this.#error }) }
  }

  async caughtUp(options: CaughtUpOptions = {}): Promise<void> {
    checkKeys('caughtUp', options, ['position', 'signal', 'timeoutMs'])
    const timeoutMs = wholeNumber('timeoutMs', options.timeoutMs ?? 30_000, 0)
    const what = `waiting for the ${this.followed.kind} ${this.followed.name}`
    await within(this.clock, what, timeoutMs, options.signal, async (signal) => {
      const position = options.position ?? (await this.journal.head())
      while (!signal.aborted) {
        const moved = this.#moved.promise
        if (this.ready() && (await isPast(this.journal, this.#line.position, position))) return
        this.checkGoing()
        await moved
      }
    })
  }

  /** Throws `journal.projection_stopped`. */
  checkGoing(): void {
    if (!this.over) return
    throw new ProjectionStopped(this.followed.name, this.#error && { cause: this.#error })
  }

  /**
   * As `checkGoing`, but what was parked may be looked after when there was too much of it too, or there were no way out.
   * The checkpoint stays where it is until the next run.
   */
  checkTending(): void {
    if (this.#closing.signal.aborted || codeOf(this.#error) !== 'journal.parked_full') this.checkGoing()
  }

  parked(options?: ReadOptions): AsyncIterable<ParkedRecord> {
    return parkedEvents(this.store, this.followed.owner, options)
  }

  retryParked(options: ReadOptions = {}): Promise<Retried> {
    return this.#tending(() => this.#retryParked(options))
  }

  /** Forgets parked events; returns how many. */
  async discardParked(which: Discarded): Promise<number> {
    const ids = checkDiscarded(which)
    return this.#tending(() => {
      const line = this.#line
      return line.exclusive(() => this.store.write(discardEvents, { generation: line.id, ids }))
    })
  }

  /** One at a time; a second one begins when the first has ended. */
  #tending<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tended.then(() => {
      this.checkTending()
      return work()
    })
    this.#tended = turn.catch(() => {})
    return turn
  }

  async #retryParked(options: ReadOptions): Promise<Retried> {
    const outcome = { retried: 0, left: 0 }
    const line = this.#line
    for await (const { id, recorded, replaying } of this.parked(options)) {
      const again = async () => {
        this.checkTending()
        // After a switch they are those of a generation that is gone.
        if (line !== this.#line) return undefined
        try {
          return await line.takeAgain(recorded, { id, replaying }, this.#closing.signal)
        } catch (thrown) {
          await line.reload()
          throw thrown
        }
      }
      const applied = await line.exclusive(again)
      if (applied === undefined) break
      if (applied.kind === 'kept') outcome.retried++
      else if (applied.kind === 'failed') outcome.left++
    }
    return outcome
  }

  /** Ends after what is in hand. Idempotent. */
  async stop(): Promise<void> {
    const reason = new Aborted(`the ${this.followed.kind} ${this.followed.name}`)
    this.#stopping.abort(reason)
    this.#closing.abort(reason)
    await this.#main
    await this.#tended
  }
}

/** Ids, or null for all. Throws `base.invalid_argument`. */
export function checkDiscarded(which: Discarded): readonly number[] | null {
  if (which === 'all') return null
  if (!Array.isArray(which) || which.length > parkedLimit)
    throw new InvalidArgument('which', `must be a list of at most ${parkedLimit} ids, or 'all'`)
  return which.map((id, at) => wholeNumber(`which[${at}]`, id, 0))
}

const parkedLimit = 1_000_000

function policyOf(options: FollowOptions): Pick<LineSettings, 'retryMax' | 'backoffMs' | 'otherwise' | 'parkedMax'> {
  const { onError = {}, parkedMax } = options
  checkKeys('onError', onError, ['retryMax', 'backoffMs', 'otherwise'])
  const { retryMax, backoffMs, otherwise = 'stop' } = onError
  if (otherwise !== 'stop' && otherwise !== 'park')
    throw new InvalidArgument('onError.otherwise', 'must be stop or park')
  return {
    retryMax: wholeNumber('onError.retryMax', retryMax ?? 3, 0, 1000),
    backoffMs: wholeNumber('onError.backoffMs', backoffMs ?? 100, 0, 3_600_000),
    otherwise,
    parkedMax: wholeNumber('parkedMax', parkedMax ?? 1000, 0, parkedLimit),
  }
}

/** What both kinds need of a journal. Throws `journal.unsupported`, `base.invalid_argument`. */
export function checkFollow(what: string, options: FollowOptions, more: readonly string[]): void {
  checkKeys(what, options, [...followOptions, ...more])
  const { journal, store } = options
  if (typeof journal !== 'object' || journal === null) throw new InvalidArgument('journal', 'must be a journal')
  if (typeof store !== 'object' || store === null) throw new InvalidArgument('store', 'must be a store')
  if (!journal.capabilities.totalOrder)
    throw new JournalUnsupported(journal.driver, 'total order', ['memory', 'sqlite'])
}

/** The size of a batch with its default. */
export function batchOf(batch: number | undefined, fallback: number): number {
  return wholeNumber('batch', batch ?? fallback, 1, 4096)
}
