/**
 * The run of a reactor: its handlers follow the journal, its outbox sends what they published. Unlike the run of a projection
 * it is never rebuilt: it can be taken back to an earlier position, and then handles again without publishing, unless asked.
 *
 * | a crash | what becomes of it |
 * | --- | --- |
 * | before the checkpoint of a batch is stored | its handlers run again; nothing that they had published has left |
 * | after it, before the messages were sent | they are sent at the next start |
 * | after a message was sent, before it was deleted | it is sent again, with the same event id; an append is kept once |
 */
import { within } from '../base/clock.ts'
import { randomFrom, systemEntropy } from '../base/entropy.ts'
import type { CloudEvent } from '../base/envelope.ts'
import { Aborted, InvalidArgument } from '../base/error.ts'
import { idSource } from '../base/id.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'
import { guardedLogger, silentLogger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import { systemClock } from '../base/system-clock.ts'
import { noTelemetry } from '../base/telemetry.ts'
import type { Bus } from '../bus/bus.ts'
import { decodeData } from './data-text.ts'
import { ProjectionStopped } from './error.ts'
import type { Position } from './journal.ts'
import { Outbox } from './outbox.ts'
import { parkedMessagePage } from './outbox-rows.ts'
import type { OutboxReason } from './outbox-rows.ts'
import { isKept, isPast } from './position-order.ts'
import { batchOf, checkDiscarded, checkFollow, Follower } from './projection-follower.ts'
import type { CaughtUpOptions, Discarded, FollowOptions, FollowStatus, Retried } from './projection-follower.ts'
import { beginGeneration, checkJournal } from './projection-begin.ts'
import { rewindTo } from './projection-generation.ts'
import type { Generation } from './projection-generation.ts'
import type { ParkedRecord, ReadOptions } from './projection-view.ts'
import type { Reactor } from './reactor.ts'
import { ReactorTarget } from './reactor-target.ts'

export interface RunReactorOptions extends FollowOptions {
  /** Where `context.publish` sends to. */
  readonly bus?: Pick<Bus, 'publish' | 'flush'>
  /** Where a reactor that is new begins. Default: the first event. */
  readonly from?: Position
  /** The source of events made here. Default `/reactor/<name>`. */
  readonly source?: string
  /** For ids. Default: seeded by the machine's entropy. */
  readonly random?: Random
  /**
   * Of one call of a handler; then its signal is aborted and it has failed with `base.timeout`. The next try begins when the
   * call has ended, or beside it when that takes as long again and more than 30 s, which is logged. Default 30,000.
   */
  readonly handlerTimeoutMs?: number
  /** Messages that wait before handlers have to. Default 10,000. */
  readonly outboxMax?: number
  readonly sending?: SendingPolicy
}

/** What becomes of messages that cannot be sent now. */
export interface SendingPolicy {
  /**
   * Tries after the first, without a success between, before the reactor fails. Default: without end, since an outage of the
   * bus may last; each failure is logged and counted in `colloquy.outbox.failures`.
   */
  readonly retryMax?: number
  /** Before the second try; each later one waits twice as long, to 30 s. Default 100. */
  readonly backoffMs?: number
  /** How long the bus may take to confirm. Default 10,000. */
  readonly flushTimeoutMs?: number
}

export interface ReactorStatus extends FollowStatus {
  readonly outbox: {
    /** Stored and not sent. */
    readonly waiting: number
    /** Can never be sent; see `parkedMessages`. */
    readonly parked: number
  }
  /** It was taken back and handles again. */
  readonly replaying: boolean
}

export interface RewindOptions {
  /** Default: the first event. */
  readonly to?: Position
  /**
   * Publish again what is handled again; appends are known by their keys and kept once. Default false: then events that were
   * parked after `to` publish nothing either, so retry them first if they should.
   */
  readonly publish?: boolean
}

/** A message that can never be sent as it is. */
export interface ParkedMessage extends OutboxReason {
  readonly id: number
  readonly kind: 'publish' | 'append'
  /** A subject or a stream. */
  readonly target: string
  readonly events: readonly CloudEvent[]
}

export interface ReactorRunner extends AsyncDisposable {
  status(): Promise<ReactorStatus>
  /** Resolves when everything up to a position has been handled; what was published may still wait. Rejects as that of a projection. */
  caughtUp(options?: CaughtUpOptions): Promise<void>
  /** Resolves when no message waits. Rejects with `base.timeout`, `base.aborted`, `journal.projection_stopped`. */
  sent(options?: Omit<CaughtUpOptions, 'position'>): Promise<void>
  /** Takes it back: what comes after a position is handled again. Rejects with `base.invalid_argument` (forward), `journal.invalid_position`, `journal.projection_stopped`. */
  rewind(options?: RewindOptions): Promise<void>
  /** Events that the handlers could not take. */
  parked(options?: ReadOptions): AsyncIterable<ParkedRecord>
  /** Hands each to its handler once more. Rejects with `journal.projection_stopped`, `base.aborted`. */
  retryParked(options?: ReadOptions): Promise<Retried>
  /** Forgets parked events for good; returns how many. These four work too when it has failed with `journal.parked_full`. */
  discardParked(which: Discarded): Promise<number>
  parkedMessages(options?: ReadOptions): AsyncIterable<ParkedMessage>
  /** Lets the parked messages be sent again, before all others; returns how many. */
  retryMessages(): Promise<number>
  /** Forgets parked messages for good; returns how many. */
  discardMessages(which: Discarded): Promise<number>
  /**
   * Ends it after the handler in hand, which `context.signal` tells and which has what is left of `handlerTimeoutMs`. What it
   * published is kept if it resolves, and sent at the next start like all that waits. Idempotent.
   */
  stop(): Promise<void>
}

const own: readonly string[] = ['bus', 'from', 'source', 'random', 'handlerTimeoutMs', 'outboxMax', 'sending']

/**
 * Runs a reactor. Rejects with `journal.unsupported`, `journal.invalid_position`, `journal.projection_foreign` (it was run over
 * another journal), `journal.projection_schema_missing`, `base.invalid_argument`, or what the store rejects with.
 */
export async function runReactor(definition: Reactor, options: RunReactorOptions): Promise<ReactorRunner> {
  checkFollow('runReactor', options, own)
  const { store, journal, from = '' } = options
  await journal.behind(from)
  const outboxOptions = checkOptions(definition, options)
  const generation = await beginGeneration(store, { owner: definition.owner, version: 1, position: from })
  await checkJournal(definition.name, journal, generation)
  const runner = new Runner(definition, options, generation, outboxOptions)
  await runner.start()
  return runner
}

interface Checked {
  readonly outboxMax: number
  readonly retryMax: number
  readonly backoffMs: number
  readonly flushTimeoutMs: number
  readonly handlerTimeoutMs: number
  readonly source: string
  readonly batch: number
}

function checkOptions({ name }: Reactor, options: RunReactorOptions): Checked {
  const { sending = {}, source = encodeURI(`/reactor/${name}`) } = options
  checkKeys('sending', sending, ['retryMax', 'backoffMs', 'flushTimeoutMs'])
  return {
    outboxMax: wholeNumber('outboxMax', options.outboxMax ?? 10_000, 1, 1_000_000),
    retryMax:
      sending.retryMax === undefined ? Infinity : wholeNumber('sending.retryMax', sending.retryMax, 0, 1_000_000),
    backoffMs: wholeNumber('sending.backoffMs', sending.backoffMs ?? 100, 0, 3_600_000),
    flushTimeoutMs: wholeNumber('sending.flushTimeoutMs', sending.flushTimeoutMs ?? 10_000, 1, 3_600_000),
    handlerTimeoutMs: wholeNumber('handlerTimeoutMs', options.handlerTimeoutMs ?? 30_000, 1, 86_400_000),
    source: plainName('source', source, 1024),
    batch: batchOf(options.batch, 64),
  }
}

class Runner implements ReactorRunner {
  readonly #follower: Follower
  readonly #outbox: Outbox
  readonly #stopping = new AbortController()
  #sending: Promise<void> = Promise.resolve()

  constructor(reactor: Reactor, options: RunReactorOptions, generation: Generation, checked: Checked) {
    const { store, journal, bus, clock = systemClock, logger = silentLogger, telemetry = noTelemetry } = options
    const { name, owner, filter } = reactor
    const random = options.random ?? randomFrom(systemEntropy)
    const guarded = guardedLogger(logger.child({ reactor: name }))
    const outbox = new Outbox({
      ...checked,
      name,
      generation: generation.id,
      store,
      journal,
      bus,
      clock,
      logger: guarded,
      telemetry,
      parkedMax: options.parkedMax ?? 1000,
      failed: (error) => this.#follower.fail(error),
    })
    const { source, handlerTimeoutMs, batch } = checked
    const id = idSource(clock, random)
    const hasBus = bus !== undefined
    const target = new ReactorTarget({
      reactor,
      store,
      journal,
      clock,
      id,
      source,
      hasBus,
      handlerTimeoutMs,
      outbox,
      logger: guarded,
    })
    this.#outbox = outbox
    this.#follower = new Follower(
      { name, owner, filter, kind: 'reactor', batch, target: () => target },
      options,
      generation,
    )
  }

  async start(): Promise<void> {
    await this.#outbox.open()
    this.#follower.start()
    this.#sending = this.#outbox.run(this.#stopping.signal)
  }

  async status(): Promise<ReactorStatus> {
    const status = await this.#follower.status()
    return { ...status, outbox: this.#outbox.counts, replaying: this.#follower.line.replaying }
  }

  caughtUp(options?: CaughtUpOptions): Promise<void> {
    return this.#follower.caughtUp(options)
  }

  async sent(options: Omit<CaughtUpOptions, 'position'> = {}): Promise<void> {
    checkKeys('sent', options, ['signal', 'timeoutMs'])
    const timeoutMs = wholeNumber('timeoutMs', options.timeoutMs ?? 30_000, 0)
    const { clock, signal: stopped, followed } = this.#follower
    await within(clock, `the outbox of ${followed.name}`, timeoutMs, options.signal, async (signal) => {
      this.#follower.checkGoing()
      try {
        await this.#outbox.empty(AbortSignal.any([signal, stopped]))
      } catch (thrown) {
        if (signal.aborted) throw thrown
        const { error } = this.#follower
        throw new ProjectionStopped(followed.name, error && { cause: error })
      }
    })
  }

  async rewind(options: RewindOptions = {}): Promise<void> {
    checkKeys('rewind', options, ['to', 'publish'])
    const { to = '', publish = false } = options
    this.#follower.checkGoing()
    const { line, journal, store } = this.#follower
    await journal.behind(to)
    await line.exclusive(async () => {
      if (!(await isPast(journal, line.position, to)))
        throw new InvalidArgument('to', 'must not lie beyond what has been handled')
      const again = await this.#parkedAfter(to)
      await line.rewind(to, publish, (step) => store.write(rewindTo, { step, again }))
    })
  }

  /** The parked events that a replay from a position meets. One that was erased stays parked: nothing else has it. */
  async #parkedAfter(to: Position): Promise<number[]> {
    const { journal } = this.#follower
    const ids: number[] = []
    for await (const { id, recorded } of this.parked())
      if (!(await isPast(journal, to, recorded.position)) && (await isKept(journal, recorded))) ids.push(id)
    return ids
  }

  parked(options?: ReadOptions): AsyncIterable<ParkedRecord> {
    return this.#follower.parked(options)
  }

  retryParked(options?: ReadOptions): Promise<Retried> {
    return this.#follower.retryParked(options)
  }

  discardParked(which: Discarded): Promise<number> {
    return this.#follower.discardParked(which)
  }

  parkedMessages(options: ReadOptions = {}): AsyncIterable<ParkedMessage> {
    return { [Symbol.asyncIterator]: () => this.#parkedMessages(options) }
  }

  async *#parkedMessages({ signal }: ReadOptions): AsyncGenerator<ParkedMessage, void> {
    const limit = 64
    for (let after = 0; ;) {
      if (signal?.aborted) throw new Aborted('reading the parked messages', { cause: signal.reason })
      const query = { generation: this.#follower.line.id, after, limit }
      const page = await this.#follower.store.read(parkedMessagePage, query)
      for (const { id, kind, target, events, code, reason } of page) {
        yield { id, kind, target, events: decodeData(events) as CloudEvent[], code, reason }
        after = id
      }
      if (page.length < limit) return
    }
  }

  async retryMessages(): Promise<number> {
    this.#follower.checkTending()
    return this.#outbox.unpark()
  }

  async discardMessages(which: Discarded): Promise<number> {
    const ids = checkDiscarded(which)
    this.#follower.checkTending()
    return this.#outbox.discard(ids)
  }

  async stop(): Promise<void> {
    await this.#follower.stop()
    this.#stopping.abort(new Aborted(`the reactor ${this.#follower.followed.name}`))
    await this.#sending
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
