/**
 * Who is alive among the workers of a journal. Each has a stream in which it says from time to time that it works, and from where in the journal
 * its runs are to be found. Whose word does not change for a whole lease, by the observer's own clock, is gone: a clock that is set
 * back or forth harms nobody. A lease only says who should work; who may record is decided by the expected version of a run.
 */
import type { Clock, Timer } from '../base/clock.ts'
import type { CloudEvent } from '../base/envelope.ts'
import { codeOf, toError } from '../base/error.ts'
import type { Logger } from '../base/logger.ts'
import type { Journal, Position } from '../journal/journal.ts'
import { start } from '../journal/journal.ts'
import type { EventMaking } from './turn.ts'

const workerStreams = 'saga-worker/'

interface Word {
  readonly host: string
  readonly incarnation: string
  /** Its open runs began after this. */
  readonly from: Position
  readonly open: number
}

export interface LeaseOptions extends EventMaking {
  readonly journal: Journal
  readonly clock: Clock
  readonly logger: Logger
  readonly worker: string
  readonly host: string
  readonly incarnation: string
  readonly leaseMs: number
  /** What it has to say now. */
  readonly word: () => { readonly from: Position; readonly open: number }
  /** A worker is gone: what it left after this position is there to be taken. */
  readonly gone: (worker: string, from: Position) => Promise<void>
}

/** Words of one worker that are kept. */
const wordsMax = 16

export class Lease {
  readonly #options: LeaseOptions
  /** When the word of another was last seen to change, by our clock. */
  readonly #seen = new Map<string, { version: number; atMs: number; taken: boolean }>()
  #timer: Timer | undefined
  #closed = false
  #saying: Promise<void> = Promise.resolve()
  #lastOpen = 0
  #busy: Promise<void> = Promise.resolve()

  constructor(options: LeaseOptions) {
    this.#options = options
  }

  /** Says the first word, and takes what earlier lives left. Rejects with the journal's errors. */
  async open(): Promise<void> {
    await this.#say()
    await this.#look()
    this.#next()
  }

  /** It has work again: others must not take it for idle. In order before what is appended next. */
  touch(): void {
    if (this.#lastOpen === 0 && !this.#closed) void this.#say().catch(() => undefined)
  }

  /** `nothingLeft`: nothing of this worker is open. */
  async close(nothingLeft: boolean): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#busy
    await this.#saying.catch(() => undefined)
    // Nobody need look again. If that cannot be said, the next life looks in vain.
    if (nothingLeft) await this.#end(this.#options.worker).catch(() => undefined)
  }

  #next(): void {
    if (this.#closed) return
    const { clock, leaseMs } = this.#options
    this.#timer = clock.timer(
      leaseMs / 3,
      () => {
        this.#busy = this.#beat().finally(() => this.#next())
      },
      { background: true },
    )
  }

  async #beat(): Promise<void> {
    const { logger, word } = this.#options
    try {
      const { open } = word()
      if (open > 0 || this.#lastOpen > 0) await this.#say()
      await this.#look()
    } catch (thrown) {
      if (this.#closed || codeOf(thrown) === 'journal.closed') return
      logger.warn({ err: toError(thrown) }, 'a worker of sagas could not say that it is alive; it tries again')
    }
  }

  #say(): Promise<void> {
    const { journal, make, worker, host, incarnation, word } = this.#options
    const { from, open } = word()
    this.#lastOpen = open
    const data: Word = { host, incarnation, from, open }
    const stream = `${workerStreams}${worker}`
    const event = make({ type: 'saga.worker_alive', subject: worker, data })
    const shorten = async () => {
      const { version } = await journal.append(stream, [event])
      if (version % wordsMax === 0 && journal.capabilities.erase) await journal.truncate(stream, version)
    }
    // The append is on its way when this returns, before those that come after it.
    return (this.#saying = shorten())
  }

  /** Looks for workers that are gone. */
  async #look(): Promise<void> {
    const { journal, worker, host, incarnation, clock, leaseMs, gone } = this.#options
    const nowMs = clock.monotonicMs()
    const left: { readonly worker: string; readonly from: Position; readonly earlier: boolean }[] = []
    for await (const { stream, version, ended } of journal.streams({ prefix: workerStreams })) {
      const other = stream.slice(workerStreams.length)
      if (ended || other === worker || version === 0) continue
      const word = await this.#wordOf(stream)
      if (!word) continue
      const before = this.#seen.get(other)
      if (!before || before.version !== version) this.#seen.set(other, { version, atMs: nowMs, taken: false })
      const earlier = word.host === host && word.incarnation !== incarnation
      const silent = word.open > 0 && before?.version === version && nowMs - before.atMs >= leaseMs
      if (earlier || (silent && !before.taken)) left.push({ worker: other, from: word.from, earlier })
    }
    for (const { worker: other, from, earlier } of left) {
      await gone(other, from)
      const seen = this.#seen.get(other)
      // One that was only silent may speak again, and then has runs again.
      if (!earlier && seen) seen.taken = true
      if (!earlier) continue
      await this.#end(other)
      this.#seen.delete(other)
    }
  }

  async #wordOf(stream: string): Promise<Word | undefined> {
    for await (const { event } of this.#options.journal.readBackward(stream, { limit: 1 })) {
      if (event.type !== 'saga.worker_alive') return undefined
      const { host, incarnation, from, open } = event.data as Partial<Word>
      if (typeof host === 'string' && typeof incarnation === 'string')
        return { host, incarnation, from: from ?? start, open: open ?? 1 }
    }
    return undefined
  }

  /** Nothing of this worker is left to be taken. */
  async #end(worker: string): Promise<void> {
    const { journal, make } = this.#options
    const stream = `${workerStreams}${worker}`
    const last: CloudEvent = make({ type: 'saga.worker_gone', subject: worker, data: {} })
    try {
      if (journal.capabilities.erase) await journal.tombstone(stream, last)
      else await journal.append(stream, [last])
    } catch (thrown) {
      // Another has found it gone as well.
      if (codeOf(thrown) !== 'journal.stream_ended') throw thrown
    }
  }
}
