/**
 * Keeping: what a node runs over its journal as long as it lives: projections, reactors, and the retention of streams. Unlike the
 * journal it has a clock and a store at hand, and it ends what it began. It decides nothing that the rooms do not.
 */
import type { Bus } from '../bus/bus.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { messageOf } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Telemetry } from '../base/telemetry.ts'
import type { Journal } from '../journal/journal.ts'
import type { FollowOptions } from '../journal/projection-follower.ts'
import { runProjection } from '../journal/projection-runner.ts'
import type { ProjectionRunner, RunProjectionOptions, TableProjectionRunner } from '../journal/projection-runner.ts'
import type { TableProjection } from '../journal/projection-table.ts'
import type { Projection } from '../journal/projection.ts'
import { runReactor } from '../journal/reactor-runner.ts'
import type { ReactorRunner, RunReactorOptions } from '../journal/reactor-runner.ts'
import type { Reactor } from '../journal/reactor.ts'
import type { Store } from '../store/store.ts'
import { NodeStopped } from './error.ts'

/** What the node knows by itself when it runs something over its journal. */
export type OfNode = 'journal' | 'store' | 'clock' | 'logger' | 'telemetry'

export interface KeepingParts {
  readonly node: string
  readonly journal: Journal
  readonly store: Store
  readonly bus: Bus
  readonly random: Random
  readonly clock: Clock
  readonly logger: Logger
  readonly telemetry: Telemetry
  /** 0: never. */
  readonly retainEveryMs: number
}

export class Keeping {
  readonly #parts: KeepingParts
  readonly #running: { stop(): Promise<void> }[] = []
  readonly #stopping = new AbortController()
  #timer: Timer | undefined
  #retaining: Promise<void> | undefined

  constructor(parts: KeepingParts) {
    this.#parts = { ...parts, retainEveryMs: wholeNumber('retainEveryMs', parts.retainEveryMs, 0) }
    this.#retainLater()
  }

  projection<State>(
    definition: Projection<State> | TableProjection,
    options: Omit<RunProjectionOptions, OfNode> = {},
  ): Promise<ProjectionRunner<State> | TableProjectionRunner> {
    return this.#start(() =>
      'kind' in definition
        ? runProjection(definition, this.#follow(options))
        : runProjection(definition, this.#follow(options)),
    )
  }

  reactor(
    definition: Reactor,
    options: Omit<RunReactorOptions, OfNode | 'bus' | 'source' | 'random'> = {},
  ): Promise<ReactorRunner> {
    const { node, bus, random } = this.#parts
    const source = `/${node}/${encodeURIComponent(definition.name)}`
    const chance = random.split(`reactor ${definition.name}`)
    return this.#start(() => runReactor(definition, { ...this.#follow(options), bus, source, random: chance }))
  }

  #follow<Options extends Omit<FollowOptions, OfNode>>(options: Options): Options & Pick<FollowOptions, OfNode> {
    const { journal, store, clock, logger, telemetry } = this.#parts
    return { ...options, journal, store, clock, logger, telemetry }
  }

  async #start<Runner extends { stop(): Promise<void> }>(start: () => Promise<Runner>): Promise<Runner> {
    const { signal } = this.#stopping
    if (signal.aborted) throw new NodeStopped(this.#parts.node)
    const runner = await start()
    // The node may have begun to stop meanwhile, and has not seen this one.
    if (signal.aborted) {
      await runner.stop()
      throw new NodeStopped(this.#parts.node)
    }
    this.#running.push(runner)
    return runner
  }

  #retainLater(): void {
    const { clock, retainEveryMs } = this.#parts
    if (retainEveryMs === 0 || this.#stopping.signal.aborted) return
    const due = () => {
      this.#retainLater()
      // One that takes longer than the interval is not begun twice.
      this.#retaining ??= this.#retain().finally(() => (this.#retaining = undefined))
    }
    this.#timer = clock.timer(retainEveryMs, due, { background: true })
  }

  async #retain(): Promise<void> {
    const { journal, clock, logger } = this.#parts
    const { signal } = this.#stopping
    try {
      const retained = await journal.retain({ nowMs: clock.now(), signal })
      if (retained.events > 0) logger.info(retained, 'erased what the metadata of streams say is not kept')
    } catch (error) {
      if (!signal.aborted)
        logger.warn({ error: messageOf(error) }, 'the retention of streams failed; it is tried again')
    }
  }

  /** Ends what runs, each after the batch in hand. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#timer?.cancel()
    // Together: one that takes its time must not take that of the others.
    const ended = await Promise.allSettled(this.#running.splice(0).map((runner) => runner.stop()))
    for (const each of ended)
      if (each.status === 'rejected')
        this.#parts.logger.warn({ error: messageOf(each.reason) }, 'what ran over the journal did not end in order')
    await this.#retaining
  }
}
