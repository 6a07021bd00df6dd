/**
 * Telling: hands each parked event to `onTrouble`, one after another, until that has resolved once. Unlike the log what was told is kept,
 * so that nothing is left out over a restart. While one cannot be told, those behind it wait.
 */
import { sleep, within } from '../base/clock.ts'
import { deferred } from '../base/deferred.ts'
import type { Trouble } from './choreography.ts'
import { waitMs } from './core/backoff.ts'
import { eventAt, hookTimeoutMs, own, parkedFrom } from './parts.ts'
import type { Parts } from './parts.ts'
import { markTold, untoldPage } from './parked-procedures.ts'
import type { EventRef, ParkedRow } from './rows.ts'

const pageSize = 64
const backoff = { backoffMs: 500, backoffMaxMs: 60_000, jitter: 0.5 }

export class Telling {
  readonly #parts: Parts
  #more = deferred()
  #running: Promise<void> = Promise.resolve()

  constructor(parts: Parts) {
    this.#parts = parts
    parts.stop.addEventListener('abort', () => this.wake(), { once: true })
  }

  start(): void {
    const { onTrouble, stop, fail } = this.#parts
    if (!onTrouble) return
    this.#running = this.#tellAll(onTrouble).catch((error: unknown) => {
      if (!stop.aborted) fail(error)
    })
  }

  /** Something was parked. */
  wake(): void {
    this.#more.resolve()
  }

  async #tellAll(onTrouble: NonNullable<Parts['onTrouble']>): Promise<void> {
    const { store, owner, stop } = this.#parts
    while (!stop.aborted) {
      const { promise: more } = (this.#more = deferred())
      const rows = await store.read(untoldPage, { choreography: owner.id, limit: pageSize })
      for (const row of rows) {
        await this.#tell(row, onTrouble)
        if (stop.aborted) return
      }
      if (rows.length === 0) await more
    }
  }

  async #tell(row: ParkedRow, onTrouble: NonNullable<Parts['onTrouble']>): Promise<void> {
    const { stop, clock, random, logger } = this.#parts
    const trouble = await this.#troubleOf(row)
    for (let attempts = 1; !stop.aborted; attempts++)
      try {
        await within(clock, 'the hook onTrouble', hookTimeoutMs, stop, async () => onTrouble(trouble))
        break
      } catch (error) {
        if (stop.aborted) return
        logger.warn({ err: error, rule: row.rule, id: row.id }, 'onTrouble failed and is called again')
        await sleep(clock, waitMs(backoff, attempts, random.float()), stop).catch(() => {})
      }
    if (!stop.aborted) await own(this.#parts, markTold, { id: row.id })
  }

  async #troubleOf(row: ParkedRow): Promise<Trouble> {
    const recorded = await eventAt(this.#parts.journal, row.refs.events[row.refs.cause] as EventRef)
    return { ...parkedFrom(row), event: recorded?.event }
  }

  close(): Promise<void> {
    return this.#running
  }
}
