/**
 * The runs that a worker is in charge of, and after which position of the journal they are to be found. A run of which that is not known counts
 * as well: the journal failed with what makes it this worker's, and may have kept it. Those are asked for until the journal answers,
 * so that none is open and left alone. Unlike the hub it knows no drivers.
 */
import type { Clock, Timer } from '../base/clock.ts'
import { deferred } from '../base/deferred.ts'
import type { Deferred } from '../base/deferred.ts'
import { toError } from '../base/error.ts'
import type { Logger } from '../base/logger.ts'
import type { Position } from '../journal/journal.ts'
import { start } from '../journal/journal.ts'

export interface OwnRunsWorld {
  readonly clock: Clock
  readonly logger: Logger
  /** Works on it if the journal says that it is this worker's and open; false when it is not. */
  readonly ask: (run: string) => Promise<boolean>
}

const askAgainMs = 1000

export class OwnRuns {
  readonly #world: OwnRunsWorld
  /** The oldest first. */
  readonly #open = new Map<string, Position>()
  readonly #doubts = new Map<string, Deferred<void>>()
  #timer: Timer | undefined
  #closed = false
  /** What is begun from now on lies behind it. */
  position: Position = start

  constructor(world: OwnRunsWorld) {
    this.#world = world
  }

  get size(): number {
    return this.#open.size
  }

  ids(): Iterable<string> {
    return this.#open.keys()
  }

  /** A position that lies before them all. */
  from(): Position {
    for (const position of this.#open.values()) return position
    return this.position
  }

  /** One that is there keeps its position: those after it count on that. */
  add(run: string): void {
    if (!this.#open.has(run)) this.#open.set(run, this.position)
  }

  remove(run: string): void {
    if (!this.#doubts.has(run)) this.#open.delete(run)
  }

  /** It may be this worker's: it stays until that is known. */
  doubt(run: string): void {
    if (!this.#doubts.has(run)) this.#doubts.set(run, deferred())
    this.#askLater()
  }

  /** It is this worker's. */
  sure(run: string): void {
    this.#doubts.get(run)?.resolve()
    this.#doubts.delete(run)
  }

  /** Of one in doubt: resolves when there is no doubt any more, or nobody asks any more. */
  known(run: string): Promise<void> | undefined {
    return this.#doubts.get(run)?.promise
  }

  /** What is in doubt stays so, for the next life. */
  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    for (const doubt of this.#doubts.values()) doubt.resolve()
  }

  #askLater(): void {
    if (this.#timer || this.#closed || this.#doubts.size === 0) return
    this.#timer = this.#world.clock.timer(askAgainMs, () => void this.#askAll())
  }

  /** One after the other, as long as the journal answers. */
  async #askAll(): Promise<void> {
    for (const run of this.#doubts.keys()) {
      if (this.#closed) return
      try {
        const own = await this.#world.ask(run)
        this.sure(run)
        if (!own) this.remove(run)
      } catch (thrown) {
        this.#world.logger.warn({ err: toError(thrown), run }, 'it is not known yet whether a saga is to be worked on')
        break
      }
    }
    this.#timer = undefined
    this.#askLater()
  }
}
