/**
 * Outbox: sends what a reactor's handlers have published, from the store, in order, at least once. Unlike a bus it forgets a
 * message only when the bus has confirmed it or the journal has kept it; unlike the reactor it never calls a handler. A
 * message has the same event id at each try, so that receivers can tell a second one.
 *
 * What can be mended by waiting (a bus that is away, a store that is busy) is tried again and holds up what comes after it;
 * what cannot (a message too large, a stream that has ended) is parked with its reason and passed over.
 *
 * The pattern is the transactional outbox (microservices.io/patterns/data/transactional-outbox.html).
 */
import { backoffAfter } from '../base/backoff.ts'
import { sleep } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import type { CloudEvent } from '../base/envelope.ts'
import { deferred } from '../base/deferred.ts'
import { Aborted, codeOf, messageOf, toError } from '../base/error.ts'
import type { Logger } from '../base/logger.ts'
import type { Telemetry } from '../base/telemetry.ts'
import type { Bus } from '../bus/bus.ts'
import { publishEvent } from '../bus/event.ts'
import type { Store } from '../store/store.ts'
import { decodeData } from './data-text.ts'
import { ParkedFull } from './error.ts'
import type { ExpectedVersion, Journal } from './journal.ts'
import { deleteSent, discardMessages, outboxCounts, outboxPage, parkMessage, unparkMessages } from './outbox-rows.ts'
import type { OutboxCounts, OutboxRow } from './outbox-rows.ts'
import type { CommitOutcome } from './projection-generation.ts'

export interface OutboxSettings {
  /** Of the reactor. */
  readonly name: string
  readonly generation: number
  readonly store: Store
  readonly journal: Journal
  readonly bus: Pick<Bus, 'publish' | 'flush'> | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly telemetry: Telemetry
  readonly outboxMax: number
  readonly parkedMax: number
  /** May be Infinity. */
  readonly retryMax: number
  readonly backoffMs: number
  readonly flushTimeoutMs: number
  /** Called once, when it gives up. */
  readonly failed: (error: Error) => void
}

/** Messages of one round: published, confirmed and deleted together. */
const roundMax = 64
const backoffMaxMs = 30_000
const reasonMaxLength = 2000

/** No second try makes these good. */
const hopeless: ReadonlySet<string> = new Set([
  'base.codec_malformed',
  'base.codec_too_large',
  'base.codec_unsupported',
  'base.envelope_invalid',
  'base.invalid_argument',
  'base.limit_exceeded',
  'bus.invalid_header',
  'bus.invalid_subject',
  'bus.payload_too_large',
  'journal.condition_failed',
  'journal.event_too_large',
  'journal.invalid_event',
  'journal.key_reused',
  'journal.projection_failed',
  'journal.stream_ended',
  'journal.wrong_version',
])
/** Neither these: whoever runs the reactor has closed what it needs. */
const final: ReadonlySet<string> = new Set([
  'bus.closed',
  'journal.closed',
  'journal.readonly',
  'journal.unsupported',
  'store.closed',
  'store.failed',
])

export class Outbox {
  readonly #settings: OutboxSettings
  #counts: OutboxCounts = { waiting: 0, parked: 0 }
  #changed = deferred()
  #wake = deferred()
  #failures = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(settings: OutboxSettings) {
    this.#settings = settings
  }

  get counts(): OutboxCounts {
    return this.#counts
  }

  /** Reads how much is there; before anything else. */
  async open(): Promise<void> {
    const { store, generation } = this.#settings
    this.#counts = await store.read(outboxCounts, generation)
  }

  /** Resolves when there is room for so many; any number has room in an empty outbox. Rejects with `base.aborted`. */
  async room(messages: number, signal: AbortSignal): Promise<void> {
    const { outboxMax } = this.#settings
    await this.#until(() => this.#counts.waiting === 0 || this.#counts.waiting + messages <= outboxMax, signal)
  }

  /** Resolves when nothing waits. Rejects with `base.aborted`. */
  async empty(signal: AbortSignal): Promise<void> {
    await this.#until(() => this.#counts.waiting === 0, signal)
  }

  async #until(met: () => boolean, signal: AbortSignal): Promise<void> {
    while (!met()) {
      if (signal.aborted) throw new Aborted('waiting for the outbox', { cause: signal.reason })
      const cut = deferred()
      const onAbort = () => cut.resolve()
      signal.addEventListener('abort', onAbort, { once: true })
      await Promise.race([this.#changed.promise, cut.promise])
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Stores so many messages by this write, unless it is refused. */
  stored(messages: number, write: () => Promise<CommitOutcome>): Promise<CommitOutcome> {
    return this.#counted(async () => {
      const outcome = await write()
      if (outcome !== 'kept' || messages === 0) return outcome
      this.#count({ waiting: this.#counts.waiting + messages, parked: this.#counts.parked })
      this.#rouse()
      return outcome
    })
  }

  /**
   * One change of the outbox at a time, or the count of one would be lost to the count of another. How many are there after
   * a write that was rejected stands in the store.
   */
  #counted<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(async () => {
      try {
        return await work()
      } catch (thrown) {
        // What breaks here too is told by the next write; the sender looks for itself.
        await this.#recount().catch(() => this.#rouse())
        throw thrown
      }
    })
    this.#turn = turn.catch(() => {})
    return turn
  }

  #rouse(): void {
    const wake = this.#wake
    this.#wake = deferred()
    wake.resolve()
  }

  async #recount(): Promise<void> {
    await this.open()
    this.#count(this.#counts)
    this.#rouse()
  }

  #count(counts: OutboxCounts): void {
    this.#counts = counts
    const { telemetry, name } = this.#settings
    telemetry.gauge('colloquy.outbox.waiting', counts.waiting, { reactor: name })
    const changed = this.#changed
    this.#changed = deferred()
    changed.resolve()
  }

  /** Lets what was parked wait again. */
  unpark(): Promise<number> {
    const { store, generation } = this.#settings
    return this.#recounted(() => store.write(unparkMessages, generation))
  }

  /** Forgets what was parked: some of it, or with null all. */
  discard(ids: readonly number[] | null): Promise<number> {
    const { store, generation } = this.#settings
    return this.#recounted(() => store.write(discardMessages, { generation, ids }))
  }

  #recounted(write: () => Promise<number>): Promise<number> {
    return this.#counted(async () => {
      const count = await write()
      await this.#recount()
      return count
    })
  }

  /** Sends until the signal is aborted, or until it gives up. */
  async run(signal: AbortSignal): Promise<void> {
    const { name, store, generation, clock, retryMax, backoffMs, logger, telemetry, failed } = this.#settings
    signal.addEventListener('abort', () => this.#rouse(), { once: true })
    while (!signal.aborted) {
      const wake = this.#wake.promise
      try {
        const rows = await store.read(outboxPage, { generation, limit: roundMax })
        if (rows.length > 0) await this.#send(rows, signal)
        else await wake
        this.#failures = 0
      } catch (thrown) {
        if (signal.aborted) return
        const error = toError(thrown)
        if (final.has(codeOf(error)) || error instanceof ParkedFull || ++this.#failures > retryMax) return failed(error)
        telemetry.count('colloquy.outbox.failures', 1, { reactor: name })
        logger.warn({ err: error, failures: this.#failures }, 'the outbox could not send and tries again')
        const waitMs = backoffAfter(backoffMs, backoffMaxMs, this.#failures)
        await sleep(clock, waitMs, signal).catch(() => {})
      }
    }
  }

  /** Sends in order. What was sent is deleted, whatever becomes of those after it. */
  async #send(rows: readonly OutboxRow[], signal: AbortSignal): Promise<void> {
    let published: number[] = []
    for (const row of rows) {
      if (signal.aborted) break
      try {
        if (row.kind === 'append') {
          await this.#confirm(published, signal)
          published = []
          await this.#append(row)
          await this.#delete([row.id])
        } else {
          this.#publish(row)
          published.push(row.id)
        }
      } catch (thrown) {
        await this.#confirm(published, signal)
        published = []
        if (!hopeless.has(codeOf(thrown))) throw thrown
        await this.#park(row, toError(thrown))
      }
    }
    await this.#confirm(published, signal)
  }

  #publish({ target, events }: OutboxRow): void {
    const [event] = decodeData(events) as [CloudEvent]
    const { bus } = this.#settings
    // Another run of this reactor had one: what it left waits for the next that has.
    if (!bus) throw new Error('messages wait in the outbox and the reactor has no bus; give runReactor one')
    publishEvent(bus, target, event)
  }

  async #append({ target, events, key, expected }: OutboxRow): Promise<void> {
    const { journal } = this.#settings
    const expectedVersion = JSON.parse(expected) as ExpectedVersion
    const keyed = journal.capabilities.idempotencyWindowMs > 0 ? { idempotencyKey: key } : {}
    await journal.append(target, decodeData(events) as CloudEvent[], { expectedVersion, ...keyed })
  }

  /** What was published is sent when the bus says so. */
  async #confirm(ids: readonly number[], signal: AbortSignal): Promise<void> {
    if (ids.length === 0) return
    await this.#settings.bus?.flush({ timeoutMs: this.#settings.flushTimeoutMs, signal })
    await this.#delete(ids)
  }

  #delete(ids: readonly number[]): Promise<void> {
    const { store, telemetry, name } = this.#settings
    return this.#counted(async () => {
      const deleted = await store.write(deleteSent, ids)
      telemetry.count('colloquy.outbox.sent', ids.length, { reactor: name })
      this.#count({ waiting: this.#counts.waiting - deleted, parked: this.#counts.parked })
    })
  }

  async #park({ id, kind, target }: OutboxRow, error: Error): Promise<void> {
    const { store, generation, logger, name, parkedMax: max } = this.#settings
    const code = codeOf(error)
    const reason = messageOf(error).slice(0, reasonMaxLength).toWellFormed()
    await this.#counted(async () => {
      if (!(await store.write(parkMessage, { generation, id, max, code, reason })))
        throw new ParkedFull(name, max, 'messages', { cause: error })
      await this.#recount()
    })
    logger.error({ err: error, kind, target }, 'a message can never be sent and was parked')
  }
}
