/**
 * Performer: one attempt at one task, from its event to its record. Unlike the lanes, which say what may run, it runs it; unlike the
 * journal it knows what an action is. It decides how an attempt ended and keeps that, and says what is to become of the task.
 *
 * | a crash | what becomes of it |
 * | --- | --- |
 * | before the record is appended | the action runs again; what it emitted was nowhere |
 * | after the record is appended, before the task is settled | the record is found under its key, the action does not run again |
 * | during an attempt, for the first time | not counted: who of those under way was to blame cannot be told |
 * | during an attempt of a task that lay there at a start | counted before it began; after the last one the task is parked |
 */
import { within } from '../base/clock.ts'
import { codeOf, messageOf, TimedOut, toError } from '../base/error.ts'
import type { Span } from '../base/telemetry.ts'
import type { AppendManyOptions, Recorded } from '../journal/journal.ts'
import type { ActionContext } from './choreography.ts'
import { waitMs } from './core/backoff.ts'
import type { Laned } from './core/lanes.ts'
import type { Definition } from './definition.ts'
import { Emission, streamOf } from './emission.ts'
import { AttemptsLost, EventErased } from './error.ts'
import { eventAt, hookTimeoutMs, own } from './parts.ts'
import type { Parts } from './parts.ts'
import type { ParkReason, Refs } from './rows.ts'
import { keepAttempts } from './task-procedures.ts'

export interface Task extends Laned {
  readonly id: number
  readonly digest: string
  readonly refs: Refs
  readonly correlation: string
  readonly replays: number
  attempts: number
  /** It was there at a start, or has been replayed: its record may be kept, and its attempts are counted before they begin. */
  suspect: boolean
  /** Wall time; undefined: at once. */
  dueMs: number | undefined
  /** In the order of `refs`, where they are at hand. */
  events: readonly Recorded[] | undefined
}

/** What its records tell of it. */
type Done = Pick<Task, 'rule' | 'key' | 'refs' | 'attempts'>

export type Outcome =
  | { readonly kind: 'recorded' }
  /** Somebody else has taken over. */
  | { readonly kind: 'fenced' }
  | { readonly kind: 'parked'; readonly why: ParkReason }
  | { readonly kind: 'retry'; readonly waitMs: number }
  /** It closes: the task stays as it was. */
  | { readonly kind: 'left' }

/** Trying again changes nothing: what is said is wrong, or can never be kept. */
const lasting: ReadonlySet<string> = new Set([
  'choreography.action_refused',
  'journal.event_too_large',
  'journal.invalid_event',
  'journal.stream_ended',
  'journal.key_reused',
  'base.envelope_invalid',
  'base.codec_unsupported',
  'base.codec_too_large',
])
/** An append that is refused for these was asked for wrongly by the action; for others journal or store have failed. */
const refusals: ReadonlySet<string> = new Set([...lasting, 'base.invalid_argument', 'base.limit_exceeded'])
const conditionFailed = 'journal.condition_failed'
const keyReused = 'journal.key_reused'
const reasonMaxLength = 1024
/** How long an action that took too long may take to end, at least; as long as it might take before it is told. */
const endingMs = 30_000

export class Performer {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Rejects only with what ends the choreography. */
  async perform(task: Task, definition: Definition): Promise<Outcome> {
    const { journal } = this.#parts
    if (task.suspect) {
      if (await journal.appended(doneKey(this.#parts.name, task))) return { kind: 'recorded' }
      const failed = await this.#failedBefore(task)
      if (failed) return failed
    }
    const events = task.events ?? (await this.#events(task))
    if (events instanceof EventErased) return { kind: 'parked', why: whyOf(events, false) }
    task.events = events
    if (!(await this.#mayAct(causeOf(task, events))))
      return this.#fenced(task, events, task.attempts > 0 || task.suspect)
    if (task.attempts >= definition.attemptsMax) return this.#fail(task, events, new AttemptsLost(task.attempts))
    task.attempts++
    if (task.suspect) await this.#keepAttempts(task)
    return this.#attempt(task, definition, events)
  }

  async #mayAct({ event }: Recorded): Promise<boolean> {
    const { mayAct, clock, stop } = this.#parts
    return mayAct === undefined || within(clock, 'the hook mayAct', hookTimeoutMs, stop, async () => mayAct(event))
  }

  async #events({ refs }: Pick<Task, 'refs'>): Promise<readonly Recorded[] | EventErased> {
    const events: Recorded[] = []
    for (const ref of refs.events) {
      const recorded = await eventAt(this.#parts.journal, ref)
      if (!recorded) return new EventErased(ref.stream, ref.version)
      events.push(recorded)
    }
    return events
  }

  /** Its failure was appended, and the process ended before the task was parked. */
  async #failedBefore(task: Task): Promise<Outcome | undefined> {
    const { journal, name } = this.#parts
    const appended = await journal.appended(failedKey(name, task))
    if (!appended) return undefined
    const { version } = appended[0] as { readonly version: number }
    for await (const { event } of journal.read(streamOf(name, task.rule), { fromVersion: version, limit: 1 })) {
      const { error } = event.data as { readonly error: { readonly code: string; readonly message: string } }
      return { kind: 'parked', why: { kind: 'dead', code: error.code, reason: error.message } }
    }
    return undefined
  }

  async #keepAttempts({ id, attempts }: Task, dueMs: number | null = null): Promise<void> {
    await own(this.#parts, keepAttempts, { id, attempts, dueMs })
  }

  #attempt(task: Task, definition: Definition, events: readonly Recorded[]): Promise<Outcome> {
    const cause = causeOf(task, events)
    const { telemetry } = this.#parts
    const attributes = { 'colloquy.rule': task.rule, 'colloquy.attempt': task.attempts }
    const options = { kind: 'consumer', attributes, parent: cause.event.traceparent, root: true } as const
    return telemetry.span(`rule ${task.rule}`, options, (span) => this.#run(task, definition, events, span))
  }

  async #run(task: Task, definition: Definition, events: readonly Recorded[], span: Span): Promise<Outcome> {
    const { clock, stop } = this.#parts
    const cause = causeOf(task, events)
    const emission = new Emission(this.#parts, task.rule, cause.event, span.traceparent)
    const what = `the action of the rule ${task.rule}`
    let call: Promise<unknown> = Promise.resolve()
    let result: unknown
    try {
      // That it closes is told to the action, and does not cut it off.
      result = await within(clock, what, definition.timeoutMs, undefined, (late) => {
        const context = this.#context(task, cause, emission, late)
        call = called(definition, events, context)
        return call
      })
    } catch (thrown) {
      emission.over = true
      const timedOut = thrown instanceof TimedOut
      if (timedOut) await this.#ended(call, what, definition.timeoutMs)
      if (stop.aborted) return this.#left(task)
      return this.#failed(task, definition, events, toError(thrown), timedOut)
    }
    emission.over = true
    return this.#record(task, definition, events, emission, result)
  }

  #context(task: Task, cause: Recorded, emission: Emission, late: AbortSignal): ActionContext {
    const { stop } = this.#parts
    let signal: AbortSignal | undefined
    return {
      rule: task.rule,
      key: task.key,
      attempt: task.attempts,
      replayed: task.replays > 0,
      idempotencyKey: doneKey(this.#parts.name, task),
      recorded: cause,
      // Made for who asks for it: most actions do not, and it costs more than they do.
      get signal() {
        return (signal ??= AbortSignal.any([late, stop]))
      },
      emit: emission.emit,
    }
  }

  /** Waits for an action that took too long, so that the next attempt does not run beside it; not past the end of the choreography. */
  async #ended(call: Promise<unknown>, what: string, timeoutMs: number): Promise<void> {
    const { clock, stop, logger } = this.#parts
    const settled = call.catch(() => {})
    try {
      await within(clock, what, Math.max(timeoutMs, endingMs), stop, async () => void (await settled))
    } catch (error) {
      logger.warn({ err: error }, 'an action heeds neither its time nor its signal and runs on beside what comes next')
    }
  }

  /** What an action throws when it is told to end is no failure of its event. */
  async #left(task: Task): Promise<Outcome> {
    task.attempts--
    if (task.suspect) await this.#keepAttempts(task)
    return { kind: 'left' }
  }

  async #record(
    task: Task,
    definition: Definition,
    events: readonly Recorded[],
    emission: Emission,
    result: unknown,
  ): Promise<Outcome> {
    const { name, fence, stop } = this.#parts
    const unless = await fence?.(causeOf(task, events).event)
    try {
      const more = { emitted: emission.count, ...(result !== undefined && { result }) }
      const options = { idempotencyKey: doneKey(name, task), ...(unless && { unless }) }
      await this.#append(task, events, 'agent.action.completed', more, options, emission)
      return { kind: 'recorded' }
    } catch (thrown) {
      const code = codeOf(thrown)
      if (code === conditionFailed) return this.#fenced(task, events, true)
      // Whoever ran this before us has recorded it, with other emissions.
      if (code === keyReused) return { kind: 'recorded' }
      if (stop.aborted) return this.#left(task)
      if (!refusals.has(code)) throw thrown
      return this.#failed(task, definition, events, toError(thrown), false, true)
    }
  }

  async #failed(
    task: Task,
    definition: Definition,
    events: readonly Recorded[],
    error: Error,
    timedOut: boolean,
    isLasting: boolean = lasting.has(codeOf(error)),
  ): Promise<Outcome> {
    const { random, clock, logger } = this.#parts
    if (isLasting || task.attempts >= definition.attemptsMax) return this.#fail(task, events, error, timedOut)
    const delayMs = waitMs(definition.backoff, task.attempts, random.float())
    logger.debug(
      { err: error, rule: task.rule, attempt: task.attempts, delayMs },
      'an action failed and is tried again',
    )
    await this.#keepAttempts(task, Math.ceil(clock.now() + delayMs))
    return { kind: 'retry', waitMs: delayMs }
  }

  /** For good: tells it, and has the task parked. */
  async #fail(task: Task, events: readonly Recorded[], error: Error, timedOut = false): Promise<Outcome> {
    const { name, fence } = this.#parts
    const why = whyOf(error, timedOut)
    const more = { error: { code: why.code, message: why.reason } }
    const unless = await fence?.(causeOf(task, events).event)
    try {
      const options = { idempotencyKey: failedKey(name, task), ...(unless && { unless }) }
      await this.#append(task, events, 'agent.action.failed', more, options)
    } catch (thrown) {
      if (codeOf(thrown) === conditionFailed) return this.#fenced(task, events, true)
      throw thrown
    }
    return { kind: 'parked', why }
  }

  /** Somebody else has taken over, and learns of an action that may have run and left nothing here: outside it may have had its effect. */
  async #fenced(task: Task, events: readonly Recorded[], ran: boolean): Promise<Outcome> {
    const idempotencyKey = `${doneKey(this.#parts.name, task)}/fenced/${task.replays}`
    await this.#append(task, events, 'agent.action.fenced', { ran }, { idempotencyKey })
    return { kind: 'fenced' }
  }

  /** That nobody will act on it any more. */
  async discard(task: Done & Pick<Task, 'digest'>): Promise<void> {
    const events = await this.#events(task)
    if (events instanceof EventErased) return
    await this.#append(task, events, 'agent.action.discarded', {}, { idempotencyKey: doneKey(this.#parts.name, task) })
  }

  /** Appends what was done about a task behind what an attempt has emitted, if any did. */
  async #append(
    task: Done,
    events: readonly Recorded[],
    type: string,
    more: object,
    options: AppendManyOptions,
    emission: Emission = new Emission(this.#parts, task.rule, causeOf(task, events).event, undefined),
  ): Promise<void> {
    const appends = emission.record(type, { ...this.#about(task, events), ...more })
    await this.#parts.journal.appendMany(appends, options)
  }

  #about({ rule, key, attempts }: Done, events: readonly Recorded[]): object {
    const [one, other] = events.map(({ event: { id, source, type }, stream, version }) => {
      return { id, source, type, stream, version }
    })
    const whole = other === undefined ? { event: one } : { events: [one, other] }
    return { rule, ...(key !== undefined && { key }), attempts, ...whole }
  }
}

async function called(definition: Definition, events: readonly Recorded[], context: ActionContext): Promise<unknown> {
  return definition.act(
    events.map(({ event }) => event),
    context,
  )
}

function causeOf({ refs }: Pick<Task, 'refs'>, events: readonly Recorded[]): Recorded {
  return events[refs.cause] as Recorded
}

export function whyOf(error: Error, timedOut: boolean): ParkReason {
  const code = codeOf(error)
  // A code of the user's own errors is told, where it has one.
  const own = (error as { code?: unknown }).code
  return {
    kind: timedOut ? 'timeout' : 'dead',
    code: code === 'unknown' && typeof own === 'string' ? own.slice(0, 100) : code,
    reason: messageOf(error).slice(0, reasonMaxLength).toWellFormed(),
  }
}

/** Of everything that a rule does about an event; see `idempotencyKey` of the context. */
export function doneKey(choreography: string, { rule, digest }: Pick<Task, 'rule' | 'digest'>): string {
  return `choreography/${choreography}/${rule}/${digest}`
}

function failedKey(choreography: string, task: Pick<Task, 'rule' | 'digest' | 'replays'>): string {
  return `${doneKey(choreography, task)}/failed/${task.replays}`
}
