/**
 * What a line drives for a reactor: it runs the handlers of a batch one after another, gathers what they publish, and stores
 * it with the checkpoint. Unlike the target of a projection it cannot undo what a handler did to the world, so when one
 * fails it keeps what those before it published instead of running them again. It sends nothing itself.
 */
import { createHash } from 'node:crypto'
import { within } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { checkEvent, makeEvent } from '../base/envelope.ts'
import type { CloudEvent } from '../base/envelope.ts'
import { Aborted, InvalidArgument, LimitExceeded, TimedOut, toError } from '../base/error.ts'
import type { IdSource } from '../base/id.ts'
import { plainName } from '../base/limit.ts'
import type { Logger } from '../base/logger.ts'
import { checkSubject } from '../bus/subject.ts'
import type { Store } from '../store/store.ts'
import { dataEncoder } from './data-text.ts'
import { expectation } from './expectation.ts'
import type { Journal, Recorded } from './journal.ts'
import type { Outbox } from './outbox.ts'
import { commitOutbox } from './outbox-rows.ts'
import type { OutboxMessage } from './outbox-rows.ts'
import { lastEvent } from './projection-generation.ts'
import type { CommitOutcome, Step } from './projection-generation.ts'
import type { Applied, LineTarget } from './projection-line.ts'
import type { Reactor, ReactorContext, ReactorEvent, ReactorHandler } from './reactor.ts'

export interface ReactorSettings {
  readonly reactor: Reactor
  readonly store: Store
  readonly journal: Pick<Journal, 'limits'>
  readonly clock: Clock
  readonly id: IdSource
  readonly source: string
  readonly hasBus: boolean
  readonly handlerTimeoutMs: number
  readonly logger: Logger
  readonly outbox: Outbox
}

/** Messages of one event. */
const messagesMax = 1000
const keyMaxLength = 256
/** How long a handler that took too long may take to end, at least; as long as it might take before it is told. */
const endingMs = 30_000
/** Of one message, as text. */
const encodeEvents = dataEncoder(8 * 2 ** 20)

export class ReactorTarget implements LineTarget {
  readonly #settings: ReactorSettings

  constructor(settings: ReactorSettings) {
    this.#settings = settings
  }

  async apply(events: readonly Recorded[], step: Step, signal: AbortSignal): Promise<Applied> {
    const messages: OutboxMessage[] = []
    for (const [at, recorded] of events.entries()) {
      const made = signal.aborted ? new Aborted('a reactor') : await this.#handle(recorded, step.replaying, signal)
      if (!(made instanceof Error)) {
        for (const message of made) messages.push(message)
        continue
      }
      if (at > 0) {
        const end = events[at - 1] as Recorded
        const kind = await this.#keep(messages, { ...step, to: end.position, last: lastEvent(end) }, signal)
        if (kind !== 'kept') return { kind }
      }
      // What a handler throws when it is told to stop is no failure of its event.
      const error = signal.aborted ? new Aborted('a reactor', { cause: signal.reason }) : made
      return { kind: 'failed', kept: at, at, error }
    }
    return { kind: await this.#keep(messages, step, signal) }
  }

  forget(): void {}

  async #keep(messages: readonly OutboxMessage[], step: Step, signal: AbortSignal): Promise<CommitOutcome> {
    const { store, outbox } = this.#settings
    const kept = step.replaying && !step.publishes ? [] : messages
    if (kept.length > 0)
      await outbox.room(kept.length, signal).catch((error: unknown) => {
        // When it stops, this one batch may be more than the outbox has room for: its handlers have done their work.
        if (!signal.aborted) throw error
      })
    return outbox.stored(kept.length, () => store.write(commitOutbox, { step, messages: kept }))
  }

  /** What the handler published, or what it threw. */
  async #handle(recorded: Recorded, replaying: boolean, signal: AbortSignal): Promise<OutboxMessage[] | Error> {
    const { reactor, clock, handlerTimeoutMs } = this.#settings
    const handler = reactor.handlers.get(recorded.event.type) as ReactorHandler<unknown> | undefined
    if (!handler) return []
    const gathered = new Gathered(this.#settings, recorded, replaying)
    const what = `the reactor ${reactor.name} at a ${recorded.event.type}`
    let call: Promise<void> = Promise.resolve()
    try {
      // A stop is told to the handler, and does not cut it off.
      await within(clock, what, handlerTimeoutMs, undefined, (late) => {
        call = called(handler, recorded.event, gathered.context(AbortSignal.any([late, signal])))
        return call
      })
      return gathered.messages
    } catch (thrown) {
      gathered.over = true
      if (thrown instanceof TimedOut) await this.#ended(call, what, signal)
      return toError(thrown)
    } finally {
      gathered.over = true
    }
  }

  /** Waits for a call that took too long, so that the next try does not run beside it; not past a stop. */
  async #ended(call: Promise<void>, what: string, signal: AbortSignal): Promise<void> {
    const { clock, handlerTimeoutMs, logger } = this.#settings
    const settled = call.catch(() => {})
    try {
      await within(clock, what, Math.max(handlerTimeoutMs, endingMs), signal, () => settled)
    } catch (error) {
      logger.warn({ err: error }, 'a handler heeds neither its time nor its signal and runs on beside what comes next')
    }
  }
}

async function called(handler: ReactorHandler<unknown>, event: CloudEvent, context: ReactorContext): Promise<void> {
  await handler(event, context)
}

/** What one handler publishes. */
class Gathered {
  readonly messages: OutboxMessage[] = []
  over = false
  #appends = 0
  readonly #settings: ReactorSettings
  readonly #recorded: Recorded
  readonly #replaying: boolean

  constructor(settings: ReactorSettings, recorded: Recorded, replaying: boolean) {
    this.#settings = settings
    this.#recorded = recorded
    this.#replaying = replaying
  }

  context(signal: AbortSignal): ReactorContext {
    const { stream, version, position } = this.#recorded
    return {
      replaying: this.#replaying,
      stream,
      version,
      position,
      signal,
      publish: (subject, event) => {
        if (!this.#settings.hasBus) throw new InvalidArgument('bus', 'must be given to runReactor to publish')
        checkSubject(subject)
        this.#add('publish', subject, [event], '')
      },
      append: (to, events, options = {}) => {
        const { expectedVersion = 'any' } = options
        plainName('stream', to, this.#settings.journal.limits.streamMaxLength)
        expectation(expectedVersion)
        if (events.length === 0) throw new InvalidArgument('events', 'must hold at least one event')
        this.#add('append', to, events, JSON.stringify(expectedVersion))
      },
    }
  }

  #add(
    kind: OutboxMessage['kind'],
    target: string,
    events: readonly (ReactorEvent | CloudEvent)[],
    expected: string,
  ): void {
    if (this.over) throw new InvalidArgument('context', 'must not be used after its handler has ended')
    if (this.messages.length >= messagesMax)
      throw new LimitExceeded('messages of one event', messagesMax, messagesMax + 1)
    const whole = events.map((event) => checkEvent(this.#whole(event)))
    const key = kind === 'append' ? this.#key() : ''
    this.messages.push({ kind, target, key, expected, events: encodeEvents(whole).text })
  }

  /**
   * The same at each run of the handler, so that the journal knows a second append. Appends are counted apart: a handler that
   * was changed may publish more or less.
   */
  #key(): string {
    const { reactor } = this.#settings
    const key = `reactor/${reactor.name}/${this.#recorded.position}/${this.#appends++}`
    return key.length <= keyMaxLength ? key : `reactor/${createHash('sha256').update(key).digest('base64url')}`
  }

  #whole(event: ReactorEvent | CloudEvent): CloudEvent {
    const { source, clock, id } = this.#settings
    const cause = this.#recorded.event
    if (!('specversion' in event)) return makeEvent({ source, ...event, cause }, { clock, id })
    return {
      ...event,
      correlationid: event.correlationid ?? cause.correlationid ?? cause.id,
      causationid: event.causationid ?? cause.id,
      hop: event.hop ?? (cause.hop ?? 0) + 1,
    }
  }
}
