/**
 * Cursor: one reader's way through the journal, page by page. Unlike a queue it holds no events but those of the page it
 * is on, however slow its reader is; nothing is pushed into it. It decides neither what a page holds nor when there is
 * one: that is the source's.
 */
import type { Recorded } from './journal.ts'

/** What a cursor walks over. Every call is made by one cursor, one at a time, but for `leave`. */
export interface CursorSource<Row> {
  /** The next rows, at least one; undefined at the end. May wait. */
  page(): Promise<readonly Row[] | undefined> | readonly Row[] | undefined
  /** True when the reader must get no more, though rows may be left. May throw what the reader must get instead. */
  cut(): boolean
  /** Undefined when the row has been erased since its page was read. */
  record(row: Row): Promise<Recorded | undefined> | Recorded
  /** Called once, when the reader left, the end was met or something threw. A `page` that waits has to come back. */
  leave(): void
}

type Result = IteratorResult<Recorded, undefined>

export class Cursor<Row> implements AsyncIterableIterator<Recorded, undefined> {
  readonly #source: CursorSource<Row>
  #rows: readonly Row[] = []
  #at = 0
  #finished = false
  /** The call under way: a second one waits its turn. */
  #turn: Promise<Result> | undefined

  constructor(source: CursorSource<Row>) {
    this.#source = source
  }

  next(): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    const run = () => {
      this.#step().then(resolve, reject)
    }
    if (this.#turn) this.#turn.then(run, run)
    else {
      const ready = this.#ready()
      if (ready) return ready
      run()
    }
    this.#turn = promise
    const over = () => {
      if (this.#turn === promise) this.#turn = undefined
    }
    promise.then(over, over)
    return promise
  }

  /** The next row of this page, when it needs no waiting: the way of nearly all calls, without a second promise. */
  #ready(): Promise<Result> | undefined {
    const row = this.#rows[this.#at]
    if (row === undefined || this.#finished) return undefined
    try {
      if (this.#source.cut()) return Promise.resolve(this.#finish())
      const value = this.#source.record(row)
      this.#at++
      return value instanceof Promise ? this.#awaited(value) : Promise.resolve({ value, done: false })
    } catch (error) {
      this.#finish()
      return Promise.reject(error)
    }
  }

  async #awaited(record: Promise<Recorded | undefined>): Promise<Result> {
    try {
      const value = await record
      return value === undefined ? await this.#step() : { value, done: false }
    } catch (error) {
      return this.#failed(error)
    }
  }

  async #step(): Promise<Result> {
    if (this.#finished) return { value: undefined, done: true }
    const ready = this.#ready()
    if (ready) return ready
    try {
      if (this.#source.cut()) return this.#finish()
      const rows = await this.#source.page()
      if (rows === undefined || rows.length === 0 || this.#finished) return this.#finish()
      this.#rows = rows
      this.#at = 0
    } catch (error) {
      return this.#failed(error)
    }
    return this.#step()
  }

  /** What breaks while the reader is cut off, such as the wait for a change, is not told: the cut is. */
  #failed(error: unknown): Result {
    try {
      if (!this.#source.cut()) throw error
    } finally {
      this.#finish()
    }
    return { value: undefined, done: true }
  }

  #finish(): Result {
    if (!this.#finished) {
      this.#finished = true
      this.#rows = []
      this.#source.leave()
    }
    return { value: undefined, done: true }
  }

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
