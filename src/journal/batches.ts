/**
 * Batches: one reader's way through the journal, many events at a step. Unlike a cursor it tells with them how far it has
 * looked, and when it had come to the end. It holds no more than one page, whose large data it fetches for one batch only.
 */
import { wholeNumber } from '../base/limit.ts'
import type { Batch, Recorded } from './journal.ts'
import { AllReading, positionOf } from './numbered-reading.ts'
import type { Following } from './numbered-reading.ts'
import type { AllPage } from './numbered-backend.ts'
import type { StoredRow } from './stored-event.ts'

const sizeMax = 4096
/** Data after which a batch ends, where they did not come in one text with their page: large events are many batches. */
const dataMaxBytes = 8 * 1024 * 1024

type Result = IteratorResult<Batch, undefined>

export class Batches implements AsyncIterableIterator<Batch, undefined> {
  readonly #reading: AllReading | Following
  readonly #size: number
  readonly #backward: boolean
  /** The page whose rows are not all given yet. */
  #page: AllPage | undefined
  #at = 0
  #finished = false
  /** The call under way: a second one waits its turn. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(reading: AllReading | Following, size: number, backward: boolean) {
    this.#reading = reading
    this.#size = size
    this.#backward = backward
  }

  next(): Promise<Result> {
    const result = this.#turn.then(() => this.#step())
    this.#turn = result.catch(() => {})
    return result
  }

  async #step(): Promise<Result> {
    const reading = this.#reading
    if (this.#finished) return { value: undefined, done: true }
    try {
      if (reading.cut()) return this.#finish()
      this.#page ??= await reading.next(wholeNumber('batch', this.#size, 1, sizeMax))
      if (this.#page === undefined || this.#finished) return this.#finish()
      const value = await this.#batch(this.#page)
      // Left or cut off while large data were fetched.
      return this.#finished || reading.cut() ? this.#finish() : { value, done: false }
    } catch (error) {
      return this.#failed(error)
    }
  }

  async #batch(page: AllPage): Promise<Batch> {
    const events: Recorded[] = []
    let dataBytes = 0
    while (this.#at < page.rows.length && dataBytes < dataMaxBytes) {
      const row = page.rows[this.#at++] as StoredRow
      const recorded = this.#reading.record(row)
      const event = recorded instanceof Promise ? await recorded : recorded
      if (event === undefined) continue
      events.push(event)
      dataBytes += row.apartBytes ?? row.data?.length ?? 0
    }
    const rest = this.#at < page.rows.length
    const last = page.rows[this.#at - 1]?.position as number
    if (!rest) {
      this.#page = undefined
      this.#at = 0
    }
    if (rest) return { events, position: positionOf(last), caughtUp: false }
    return {
      events,
      // Backward, what lies before a position comes next.
      position: positionOf(this.#backward ? page.next + 1 : page.next),
      caughtUp: this.#reading instanceof AllReading ? this.#reading.over : page.next >= page.head,
    }
  }

  /** What breaks while the reader is cut off, such as the wait for a change, is not told: the cut is. */
  #failed(error: unknown): Result {
    try {
      if (!this.#finished && !this.#reading.cut()) throw error
    } finally {
      this.#finish()
    }
    return { value: undefined, done: true }
  }

  #finish(): Result {
    if (!this.#finished) {
      this.#finished = true
      this.#page = undefined
      this.#reading.leave()
    }
    return { value: undefined, done: true }
  }

  /** At once, also while a page is waited for. */
  return(): Promise<Result> {
    return Promise.resolve(this.#finish())
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#finish()
  }
}
