/**
 * How a typed journal reads: a reading of the port with each event seen through upcasters and schemas, and others left out.
 * Unlike a generator it hands the end of a loop on at once, also to a subscription that waits.
 */
import { wholeNumber } from '../base/limit.ts'
import type { Batch, Recorded } from './journal.ts'

/** What becomes of a recorded event; undefined: it is left out. */
export type Arrive = (recorded: Recorded) => Recorded | undefined | Promise<Recorded | undefined>

interface Pass<In, Out> {
  readonly open: () => AsyncIterable<In>
  /** Undefined: nothing to give for this step. `left` is what the limit still allows. */
  readonly map: (step: In, left: number) => Promise<{ readonly out: Out; readonly count: number } | undefined>
  /** Counted here and not by the port, which knows nothing of what is left out. */
  readonly limit: number | undefined
}

export function recordsThrough(
  open: () => AsyncIterable<Recorded>,
  arrive: Arrive,
  limit: number | undefined,
): AsyncIterable<Recorded> {
  const map = async (recorded: Recorded) => {
    const out = await arrive(recorded)
    return out && { out, count: 1 }
  }
  return { [Symbol.asyncIterator]: () => new Passing({ open, map, limit }) }
}

export function batchesThrough(
  open: () => AsyncIterable<Batch>,
  arrive: Arrive,
  limit: number | undefined,
): AsyncIterable<Batch> {
  const map = async (batch: Batch, left: number) => {
    const events: Recorded[] = []
    for (const recorded of batch.events) {
      const out = await arrive(recorded)
      if (out) events.push(out)
      // What lies beyond the limit was not looked at: a later reading goes on from here.
      if (out && events.length === left && recorded !== batch.events.at(-1))
        return { out: { events, position: recorded.position, caughtUp: false }, count: events.length }
    }
    return { out: { ...batch, events }, count: events.length }
  }
  return { [Symbol.asyncIterator]: () => new Passing({ open, map, limit }) }
}

type Result<Out> = IteratorResult<Out, undefined>
const over = { value: undefined, done: true } as const

class Passing<In, Out> implements AsyncIterableIterator<Out, undefined> {
  readonly #pass: Pass<In, Out>
  #source: AsyncIterator<In> | undefined
  #left = Number.POSITIVE_INFINITY
  #ended = false
  /** The step under way: a second one waits its turn, so that what is given keeps its order. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(pass: Pass<In, Out>) {
    this.#pass = pass
  }

  next(): Promise<Result<Out>> {
    const step = this.#turn.then(() => this.#step())
    this.#turn = step.catch(() => {})
    return step
  }

  async #step(): Promise<Result<Out>> {
    try {
      if (!this.#source && !this.#ended) this.#begin()
      while (!this.#ended && this.#source && this.#left > 0) {
        const step = await this.#source.next()
        if (step.done) break
        const passed = await this.#pass.map(step.value, this.#left)
        // It may have been left while a schema took its time; then nothing more is given.
        if (passed === undefined || this.#ended) continue
        this.#left -= passed.count
        return { value: passed.out, done: false }
      }
    } catch (error) {
      await this.#end()
      throw error
    }
    await this.#end()
    return over
  }

  #begin(): void {
    const { limit, open } = this.#pass
    if (limit !== undefined) this.#left = wholeNumber('limit', limit, 0)
    this.#source = open()[Symbol.asyncIterator]()
  }

  async #end(): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    await this.#source?.return?.()
  }

  async return(): Promise<Result<Out>> {
    await this.#end()
    return over
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end()
  }
}
