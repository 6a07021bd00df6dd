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
import { Aborted, InvalidArgument, LimitExceeded, toError } from '../base/error.ts'
import type { IdSource } from '../base/id.ts'
import { plainName } from '../base/limit.ts'
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
  readonly outbox: Outbox
}

/** Messages of one event. */
const messagesMax = 1000
const keyMaxLength = 256
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
      if (signal.aborted) throw new Aborted('a reactor', { cause: signal.reason })
      return { kind: 'failed', kept: at, at, error: made }
    }
    return { kind: await this.#keep(messages, step, signal) }
  }

  forget(): void {}

  async #keep(messages: readonly OutboxMessage[], step: Step, signal: AbortSignal): Promise<CommitOutcome> {
    const { store, outbox } = this.#settings
    const kept = step.replaying && !step.publishes ? [] : messages
    // When it stops here, the handlers run again at the next start: nothing of theirs was stored.
    if (kept.length > 0) await outbox.room(kept.length, signal)
    return outbox.stored(kept.length, () => store.write(commitOutbox, { step, messages: kept }))
  }

  /** What the handler published, or what it threw. */
  async #handle(recorded: Recorded, replaying: boolean, signal: AbortSignal): Promise<OutboxMessage[] | Error> {
    const { reactor, clock, handlerTimeoutMs } = this.#settings
    const handler = reactor.handlers.get(recorded.event.type) as ReactorHandler<unknown> | undefined
    if (!handler) return []
    const gathered = new Gathered(this.#settings, recorded, replaying)
    const what = `the reactor ${reactor.name} at a ${recorded.event.type}`
    try {
      await within(clock, what, handlerTimeoutMs, signal, async (inner) => {
        await handler(recorded.event, gathered.context(inner))
      })
      return gathered.messages
    } catch (thrown) {
      return toError(thrown)
    } finally {
      gathered.over = true
    }
  }
}

/** What one handler publishes. */
class Gathered {
  readonly messages: OutboxMessage[] = []
  over = false
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

  /** The same at each run of the handler, so that the journal knows a second append. */
  #key(): string {
    const { reactor } = this.#settings
    const key = `reactor/${reactor.name}/${this.#recorded.position}/${this.messages.length}`
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
