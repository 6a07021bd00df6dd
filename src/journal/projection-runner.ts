/**
 * The asynchronous run of a projection: it follows the journal behind the appends, keeps effect and checkpoint in one
 * transaction, and rebuilds a new generation beside the one that is served. Unlike an inline projection it never refuses an
 * append; a reader who must see their own write waits with `caughtUp`.
 *
 * A rebuild:
 * 1. A new generation is filled from the first event; the served one is followed as before.
 * 2. It is filled only as far as the served one has come. So whatever it handles had been handled before, and
 *    `context.replaying` is true, exactly.
 * 3. Both stand still at the same position; one transaction lets the new one be served.
 * 4. The old one is erased in small steps. What a crash leaves of either is erased at the next start.
 */
import { backoffAfter } from '../base/backoff.ts'
import { sleep } from '../base/clock.ts'
import { codeOf, InvalidArgument, messageOf } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import { ProjectionNewer, ProjectionRebuilding, ProjectionTaken } from './error.ts'
import { batchOf, checkFollow, Follower } from './projection-follower.ts'
import type {
  CaughtUpOptions,
  Discarded,
  FollowOptions,
  FollowStatus,
  Followed,
  Retried,
} from './projection-follower.ts'
import { beginGeneration, checkJournal } from './projection-begin.ts'
import { beginNext, eraseSome, switchOver, unserved } from './projection-generation.ts'
import type { Generation } from './projection-generation.ts'
import type { Line } from './projection-line.ts'
import { servedId, TableTarget } from './projection-table.ts'
import type { Projecting, TableProjection } from './projection-table.ts'
import { StateTarget } from './projection-target.ts'
import { projectionView } from './projection-view.ts'
import type { ParkedRecord, ProjectionView, ReadOptions } from './projection-view.ts'
import { UnmetParked } from './projection-unmet.ts'
import type { Projection } from './projection.ts'

export interface RunProjectionOptions extends FollowOptions {
  /** What the states of recent keys may take in memory, by the size of their texts. Default 64 MiB. */
  readonly cacheMaxBytes?: number
}

/** How far a rebuild is: of about `total` events it has seen `done`. */
export interface RebuildProgress {
  readonly done: number
  readonly total: number
}

export interface RebuildOptions {
  readonly onProgress?: (progress: RebuildProgress) => void
  /** Gives it up; the served generation is untouched. */
  readonly signal?: AbortSignal
}

export interface ProjectionStatus extends FollowStatus {
  readonly rebuild?: RebuildProgress
  /** Of the definition that made what is served. */
  readonly version: number
}

export interface TableProjectionRunner extends AsyncDisposable {
  status(): Promise<ProjectionStatus>
  /**
   * Resolves when everything up to a position is in effect, by this version: whoever appended sees their own write. Rejects with
   * `base.timeout`, `base.aborted`, `journal.projection_stopped` (`cause` is why), `journal.invalid_position`.
   */
  caughtUp(options?: CaughtUpOptions): Promise<void>
  /**
   * Builds it anew beside what is served and switches over. Rejects with `journal.projection_failed` (an event that its
   * handler could not take, with `otherwise: 'stop'`), `journal.projection_rebuilding`, `journal.projection_stopped`,
   * `base.aborted`, or what journal and store reject with; what is served is then as it was.
   */
  rebuild(options?: RebuildOptions): Promise<void>
  /** The parked events of what is served. */
  parked(options?: ReadOptions): AsyncIterable<ParkedRecord>
  /**
   * Hands each parked event to its handler once more, on the states of now; what is taken is parked no more. Rejects with
   * `journal.projection_rebuilding` (a raised version has not taken over yet), `journal.projection_stopped`, `base.aborted`.
   */
  retryParked(options?: ReadOptions): Promise<Retried>
  /**
   * Forgets parked events, by their `id`, for good; returns how many. This and `retryParked` work too when it has failed with
   * `journal.parked_full`; then run it again. Rejects with `base.invalid_argument`, `journal.projection_stopped`.
   */
  discardParked(which: Discarded): Promise<number>
  /** Ends it after the batch in hand. Idempotent. */
  stop(): Promise<void>
}

export interface ProjectionRunner<State> extends TableProjectionRunner, ProjectionView<State> {}

/**
 * Runs a projection. A version that is higher than that of the stored states rebuilds it first: until that is done `get`
 * serves the old states, which stand still. Rejects with `journal.projection_newer`, `journal.projection_foreign` (it was run
 * over another journal), `journal.projection_schema_missing`, `journal.unsupported` (a journal without one order),
 * `base.invalid_argument`, or what the store rejects with.
 */
export function runProjection<State>(
  definition: Projection<State>,
  options: RunProjectionOptions,
): Promise<ProjectionRunner<State>>
export function runProjection(
  definition: TableProjection,
  options: RunProjectionOptions,
): Promise<TableProjectionRunner>
export async function runProjection<State>(
  definition: Projection<State> | TableProjection,
  options: RunProjectionOptions,
): Promise<TableProjectionRunner> {
  checkFollow('runProjection', options, ['cacheMaxBytes'])
  const { store } = options
  const { name, owner, version, filter } = definition
  if ('inline' in definition && definition.inline)
    throw new InvalidArgument(
      'definition',
      `must not be inline; give ${name} to storeJournal, read it by projectionView`,
    )
  const cacheMaxBytes = wholeNumber('cacheMaxBytes', options.cacheMaxBytes ?? 64 * 2 ** 20, 0)
  const followed: Followed = {
    name,
    owner,
    filter,
    kind: 'projection',
    batch: batchOf(options.batch, 1024),
    target: (generation) =>
      'kind' in definition
        ? new TableTarget(definition.apply, store)
        : new StateTarget(definition, store, generation, cacheMaxBytes),
  }
  const served = await beginGeneration(store, { owner, version, position: '' })
  await checkJournal(name, options.journal, served)
  if (served.version > version) throw new ProjectionNewer(name, served.version, version)
  const left = await store.read(unserved, owner)
  const table = 'kind' in definition ? definition.apply : undefined
  const runner = new Runner(new Follower(followed, options, served), served.version, version, table)
  runner.start(left)
  if ('kind' in definition) return runner
  return withView(runner, projectionView(definition, store))
}

function withView<State>(runner: Runner, view: ProjectionView<State>): ProjectionRunner<State> {
  return {
    status: () => runner.status(),
    caughtUp: (options) => runner.caughtUp(options),
    rebuild: (options) => runner.rebuild(options),
    retryParked: (options) => runner.retryParked(options),
    discardParked: (which) => runner.discardParked(which),
    stop: () => runner.stop(),
    [Symbol.asyncDispose]: () => runner.stop(),
    ...view,
  }
}

/** How often the new generation is filled up to where the served one has come meanwhile, before both stand still. */
const roundsMax = 16
const eraseMax = 500
const backoffMaxMs = 30_000

class Runner implements TableProjectionRunner {
  readonly #follower: Follower
  readonly #version: number
  /** Erases the user's rows. */
  readonly #table: Projecting | undefined
  #servedVersion: number
  #progress: RebuildProgress | undefined
  #rebuilding: Promise<void> | undefined
  #erasing: Promise<void> = Promise.resolve()

  constructor(follower: Follower, servedVersion: number, version: number, table: Projecting | undefined) {
    this.#follower = follower
    this.#servedVersion = servedVersion
    this.#version = version
    this.#table = table
    follower.ready = () => this.#servedVersion === this.#version
  }

  start(left: readonly number[]): void {
    for (const id of left) this.#erase(id)
    this.#follower.start(async () => {
      if (this.#servedVersion === this.#version) return
      this.#rebuilding = this.#untilRebuilt()
      try {
        await this.#rebuilding
      } finally {
        this.#rebuilding = undefined
      }
    })
  }

  async status(): Promise<ProjectionStatus> {
    const status = await this.#follower.status()
    // Until a new version has taken over, what is served stands still.
    const stands = status.state === 'live' && this.#servedVersion !== this.#version
    return {
      ...status,
      ...(stands && { state: 'catching-up' as const }),
      version: this.#servedVersion,
      ...(this.#progress && { rebuild: this.#progress }),
    }
  }

  caughtUp(options?: CaughtUpOptions): Promise<void> {
    return this.#follower.caughtUp(options)
  }

  parked(options?: ReadOptions): AsyncIterable<ParkedRecord> {
    return this.#follower.parked(options)
  }

  async retryParked(options?: ReadOptions): Promise<Retried> {
    const { name } = this.#follower.followed
    // What is served was made by other handlers, and is about to go.
    if (this.#servedVersion !== this.#version) throw new ProjectionRebuilding(name)
    return this.#follower.retryParked(options)
  }

  discardParked(which: Discarded): Promise<number> {
    return this.#follower.discardParked(which)
  }

  async rebuild(options: RebuildOptions = {}): Promise<void> {
    this.#follower.checkGoing()
    if (this.#rebuilding) throw new ProjectionRebuilding(this.#follower.followed.name)
    const { signal: own } = options
    const stop = this.#follower.signal
    const signal = own ? AbortSignal.any([own, stop]) : stop
    this.#rebuilding = this.#rebuild(signal, options.onProgress)
    try {
      await this.#rebuilding
    } finally {
      this.#rebuilding = undefined
    }
  }

  /** For a version that is new: from the start again after what the store or the journal refused. */
  async #untilRebuilt(): Promise<void> {
    const { clock, signal, retry } = this.#follower
    for (let tries = 1; ; tries++)
      try {
        return await this.#rebuild(signal)
      } catch (thrown) {
        const hopeless = /^(?:journal|base)\./.test(codeOf(thrown)) || codeOf(thrown) === 'store.closed'
        if (hopeless || tries > retry.retryMax) throw thrown
        await sleep(clock, backoffAfter(retry.backoffMs, backoffMaxMs, tries), signal)
      }
  }

  async #rebuild(signal: AbortSignal, onProgress?: (progress: RebuildProgress) => void): Promise<void> {
    const { store, journal, followed } = this.#follower
    const { owner } = followed
    const old = this.#follower.line
    await old.exclusive(() => old.settle())
    const total = await journal.behind('')
    const made = await store.write(beginNext, { owner, version: this.#version, reached: old.position })
    // The line lives on after the rebuild, and what it tells then is no progress of it.
    let going = true
    const tell = async (line: Line) => {
      const done = Math.max(0, total - (await journal.behind(line.position)))
      if (!going) return
      this.#progress = { done: Math.min(done, total), total }
      onProgress?.(this.#progress)
    }
    try {
      const unmet = new UnmetParked(store, owner)
      const next = await this.#filled(old, made, unmet, signal, tell)
      await tell(next)
      await old.exclusive(() => this.#switch(old, next, unmet, signal))
    } catch (thrown) {
      this.#erase(made.id)
      throw thrown
    } finally {
      going = false
      this.#progress = undefined
    }
    this.#erase(old.id)
  }

  /** A line that has come about as far as the one that is served. */
  async #filled(
    old: Line,
    made: Generation,
    unmet: UnmetParked,
    signal: AbortSignal,
    tell: (line: Line) => Promise<void>,
  ): Promise<Line> {
    const { journal, followed } = this.#follower
    // What it tells is told by the way; a journal that is closed meanwhile is told by the reading.
    const next: Line = this.#follower.lineOf(made, () => void tell(next).catch(() => {}))
    for (let round = 0; round < roundsMax; round++) {
      await fillUp(old, next, unmet, signal)
      const gap = (await journal.behind(next.position)) - (await journal.behind(old.position))
      if (gap <= followed.batch) break
    }
    return next
  }

  /** While the served generation stands still. */
  async #switch(old: Line, next: Line, unmet: UnmetParked, signal: AbortSignal): Promise<void> {
    const { store, journal, followed } = this.#follower
    this.#follower.checkGoing()
    await old.settle()
    await fillUp(old, next, unmet, signal)
    const carried = await unmet.erased(journal)
    const { owner, name } = followed
    const switched = await store
      .write(switchOver, { owner, from: old.id, to: next.id, carried })
      .catch(async (error: unknown) => {
        // A write that was rejected may have been kept all the same.
        if ((await store.read(servedId, owner)) !== next.id) throw error
        return true
      })
    if (!switched) throw new ProjectionTaken(name)
    await next.exclusive(() => next.reload())
    this.#servedVersion = this.#version
    this.#follower.replaceLine(next)
  }

  /** One after another, in small steps between which others write; what is left at the end is erased at the next start. */
  #erase(id: number): void {
    this.#erasing = this.#erasing
      .then(() => this.#eraseAll(id))
      .catch((error: unknown) => {
        this.#follower.logger.warn(
          { generation: id, reason: messageOf(error) },
          'an old generation could not be erased',
        )
      })
  }

  async #eraseAll(id: number): Promise<void> {
    const { store, signal } = this.#follower
    const table = this.#table
    if (table)
      while (!signal.aborted) {
        const erased = await store.write(table, { kind: 'erase', generation: id, limit: eraseMax })
        if (erased.kind !== 'erased' || erased.rows === 0) break
      }
    while (!signal.aborted && (await store.write(eraseSome, id))) continue
  }

  async stop(): Promise<void> {
    await this.#follower.stop()
    await this.#rebuilding?.catch(() => {})
    await this.#erasing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** Fills a new generation up to where the served one is. */
async function fillUp(old: Line, next: Line, unmet: UnmetParked, signal: AbortSignal): Promise<void> {
  const until = old.position
  // Whatever was parked up to there stands in the store before the position is told.
  await unmet.look()
  await next.fill(until, signal, (events) => unmet.met(events))
}
