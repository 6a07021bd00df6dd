/**
 * Appends of many runs, put together. Each run appends to streams of its own and waits for it, so that 50 runs make 50 small appends at a
 * time; one append over several streams costs the journal much less. A few are under way at once, so that the journal works while the
 * runs do. Unlike the journal's own group commit it saves the work before the disk. One that is refused fails alone.
 */
import type { Appended, Journal, StreamAppend } from '../journal/journal.ts'

interface Waiting {
  readonly appends: readonly StreamAppend[]
  readonly resolve: (appended: readonly Appended[]) => void
  readonly reject: (error: unknown) => void
}

/** Measured with 50 runs at once: two under way, each with half of them, cost the least CPU and are as quick as three. */
const flightsMax = 2
const togetherMin = 25
const togetherMax = 256

export class AppendQueue {
  readonly #journal: Journal
  readonly #waiting: Waiting[] = []
  #flights = 0
  #scheduled = false

  constructor(journal: Journal) {
    this.#journal = journal
  }

  /** As `appendMany`; those of one stream are kept in the order of the calls if each waits for the one before. */
  append(appends: readonly StreamAppend[]): Promise<readonly Appended[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ appends, resolve, reject })
      this.#wake()
    })
  }

  #wake(): void {
    if (this.#scheduled || this.#waiting.length === 0) return
    this.#scheduled = true
    // What runs now may have more to append before it waits.
    queueMicrotask(() => {
      this.#scheduled = false
      while (this.#waiting.length > 0 && this.#flights < flightsMax) void this.#fly(this.#next())
    })
  }

  /** As many as fit together: no stream may come twice. */
  #next(): Waiting[] {
    const together = this.#journal.capabilities.atomicStreams
      ? Math.min(togetherMax, Math.max(togetherMin, Math.ceil(this.#waiting.length / flightsMax)))
      : 1
    const streams = new Set<string>()
    let count = 0
    for (const { appends } of this.#waiting) {
      if (count === together || appends.some(({ stream }) => streams.has(stream))) break
      for (const { stream } of appends) streams.add(stream)
      count++
    }
    return this.#waiting.splice(0, Math.max(1, count))
  }

  async #fly(batch: readonly Waiting[]): Promise<void> {
    this.#flights++
    try {
      const appended = await this.#journal.appendMany(batch.flatMap(({ appends }) => appends))
      let at = 0
      for (const { appends, resolve } of batch) resolve(appended.slice(at, (at += appends.length)))
    } catch (error) {
      const [only] = batch
      if (batch.length === 1) only?.reject(error)
      else await Promise.all(batch.map((waiting) => this.#alone(waiting)))
    } finally {
      this.#flights--
      this.#wake()
    }
  }

  async #alone({ appends, resolve, reject }: Waiting): Promise<void> {
    try {
      resolve(await this.#journal.appendMany(appends))
    } catch (error) {
      reject(error)
    }
  }
}
