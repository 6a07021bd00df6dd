/**
 * Sagas at the times of a cron line. The id of a run is made of the schedule's name and its time, so that a time that comes twice, after a restart
 * or because the clock was set back, starts nothing again. What was missed while nobody ran is made up for once, or not. Unlike a saga
 * that sleeps it has no state but the times that it has told of. The cron lines themselves are croner's
 * (docs/decisions/0011-cron.md).
 */
import { Cron } from 'croner'
import type { Clock, Timer } from '../base/clock.ts'
import type { CloudEvent } from '../base/envelope.ts'
import { isoTime } from '../base/envelope.ts'
import { codeOf, InvalidArgument, messageOf, toError } from '../base/error.ts'
import { checkKeys } from '../base/limit.ts'
import type { Logger } from '../base/logger.ts'
import type { Journal } from '../journal/journal.ts'
import { checkName } from './check-flow.ts'
import { isUnkept } from './turn.ts'
import type { EventMaking } from './turn.ts'
import type { Schedule, ScheduleOptions } from './workflow.ts'

export interface ScheduleWorld<Input> extends EventMaking {
  readonly journal: Journal
  readonly clock: Clock
  readonly logger: Logger
  /** Starts a run under this id, if there is none yet. */
  readonly start: (input: Input, id: string, cause: CloudEvent) => Promise<unknown>
  readonly stopped: (schedule: Schedule) => void
}

/** A clock may be set, and a timer of weeks drifts: it looks again after so long. */
const lookMaxMs = 60_000
const againMs = 1000
/** Words of one schedule that are kept. */
const wordsMax = 100

/** Rejects with `base.invalid_argument`, `workflow.definition_invalid` (name), or the journal's errors. */
export async function startSchedule<Input>(
  name: string,
  options: ScheduleOptions<Input>,
  world: ScheduleWorld<Input>,
): Promise<Schedule> {
  checkKeys('schedule', options, ['cron', 'timezone', 'input', 'missed'])
  const { missed = 'one' } = options
  if (missed !== 'one' && missed !== 'none') throw new InvalidArgument('missed', 'must be one or none')
  const running = new RunningSchedule(checkName(name), cronOf(options), options, world)
  await running.open()
  return running
}

function cronOf({ cron, timezone = 'UTC' }: ScheduleOptions<unknown>): Cron {
  try {
    return new Cron(cron, { timezone, paused: true })
  } catch (cause) {
    throw new InvalidArgument('cron', `cannot be read: ${messageOf(cause)}`, { cause })
  }
}

class RunningSchedule<Input> implements Schedule {
  readonly name: string
  readonly #cron: Cron
  readonly #options: ScheduleOptions<Input>
  readonly #world: ScheduleWorld<Input>
  /** The last time that was told of. */
  #lastMs = 0
  #timer: Timer | undefined
  #stopped = false
  #working: Promise<void> = Promise.resolve()

  constructor(name: string, cron: Cron, options: ScheduleOptions<Input>, world: ScheduleWorld<Input>) {
    this.name = name
    this.#cron = cron
    this.#options = options
    this.#world = world
  }

  async open(): Promise<void> {
    const { journal, clock } = this.#world
    const nowMs = clock.now()
    for await (const { event } of journal.readBackward(this.#stream, { limit: 1 })) {
      const { atMs } = event.data as { readonly atMs?: unknown }
      if (typeof atMs === 'number') this.#lastMs = atMs
    }
    // A schedule that is new begins now.
    if (this.#lastMs === 0) this.#lastMs = nowMs
    else this.#passMissed(nowMs)
    this.#next()
  }

  /** Of all times that were missed the last counts, or none. */
  #passMissed(nowMs: number): void {
    const missed = this.#cron.previousRuns(1, new Date(nowMs))[0]?.getTime()
    if (missed === undefined || missed <= this.#lastMs) return
    this.#lastMs = this.#options.missed === 'none' ? missed : missed - 1
  }

  nextAtMs(): number | undefined {
    return this.#cron.nextRun(new Date(this.#lastMs))?.getTime()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    this.#world.stopped(this)
    await this.#working
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  get #stream(): string {
    return `saga-schedule/${this.name}`
  }

  #next(delayMs?: number): void {
    if (this.#stopped) return
    const { clock } = this.#world
    const atMs = this.nextAtMs()
    if (atMs === undefined) return
    const waitMs = Math.min(Math.max(atMs - clock.now(), delayMs ?? 0), lookMaxMs)
    this.#timer = clock.timer(
      waitMs,
      () => {
        if (clock.now() < atMs) return this.#next()
        this.#working = this.#tell(atMs)
      },
      { background: true },
    )
  }

  async #tell(atMs: number): Promise<void> {
    const { journal, make, logger } = this.#world
    try {
      const event = make({ type: 'saga.schedule_due', subject: this.name, data: { atMs } })
      await this.#start(atMs, event)
      const { version } = await journal.append(this.#stream, [event])
      this.#lastMs = atMs
      if (version % wordsMax === 0 && journal.capabilities.erase) await journal.truncate(this.#stream, version)
      this.#next()
    } catch (thrown) {
      logger.warn(
        { err: toError(thrown), schedule: this.name, atMs },
        'a schedule could not start its saga and tries again',
      )
      this.#next(againMs)
    }
  }
  /** Starts the saga of that time, or passes it over when no later try would start it. Rejects when one may. */
  async #start(atMs: number, cause: CloudEvent): Promise<void> {
    const { start, logger } = this.#world
    const { input } = this.#options
    const passOver = (thrown: unknown): void =>
      logger.error(
        { err: toError(thrown), schedule: this.name, atMs },
        'a schedule cannot start its saga with the input of this time, and passes it over',
      )
    let given: Input
    try {
      given = typeof input === 'function' ? (input as (at: Date) => Input)(new Date(atMs)) : input
    } catch (thrown) {
      return passOver(thrown)
    }
    try {
      await start(given, `${this.name}@${isoTime(atMs)}`, cause)
    } catch (thrown) {
      const code = codeOf(thrown)
      // It was started before, with what its input was then, and the word of that was lost.
      if (code === 'workflow.run_conflict') return
      if (code !== 'workflow.input_invalid' && !isUnkept(thrown)) throw thrown
      passOver(thrown)
    }
  }
}
