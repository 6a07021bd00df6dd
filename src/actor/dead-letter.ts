/**
 * Dead letters: what was sent and is known not to have been handled, with the reason. Whoever listens gets a stream; the
 * last ones are kept, messages and all, for whoever comes late. Nothing is retried.
 *
 * | reason | |
 * | --- | --- |
 * | `mailbox_full` | the mailbox held its limit, or `parkMax` were parked, or all that waited had a higher priority |
 * | `mailbox_dropped` | it had to make room for a later one under `drop-oldest` |
 * | `not_running` | the actor had ended, ended with it in the mailbox, or ended while it was being handled |
 * | `unknown_message` | no handler has its name |
 * | `handler_failed` | its handler threw, rejected or took longer than `handlerTimeoutMs` |
 * | `expired` | its caller had given up before its turn came |
 * | `late_reply` | it was handled, but its caller had given up before the answer |
 * | `not_encodable`, `message_too_large` | the codec refused it |
 */
import { BoundedQueue } from '../base/queue.ts'
import { wholeNumber } from '../base/limit.ts'
import type { Undelivered } from './actor.ts'

export interface DeadLetter {
  /** Name or address of the actor it was for. */
  readonly to: string
  readonly type: string
  /** Of the message. */
  readonly name: string
  readonly message: unknown
  /** Name or address of the actor that sent it, when that was one. */
  readonly sender?: string
  readonly correlation?: string
  readonly reason: Undelivered
  /** Milliseconds since the epoch. */
  readonly timeMs: number
}

export interface DeadLetters {
  /** How many there were. */
  readonly count: number
  /** The last ones, the oldest first. */
  readonly recent: readonly DeadLetter[]
  /** Those from now on; a slow reader loses the oldest. */
  watch(): AsyncIterable<DeadLetter>
}

const watchMax = 4096

export class DeadLetterBox implements DeadLetters {
  readonly #keptMax: number
  readonly #kept: DeadLetter[] = []
  readonly #watchers = new Set<BoundedQueue<DeadLetter>>()
  #count = 0

  constructor(keptMax: number) {
    this.#keptMax = wholeNumber('deadLettersMax', keptMax, 0, 1_000_000)
  }

  get count(): number {
    return this.#count
  }
  get recent(): readonly DeadLetter[] {
    const oldest = this.#count > this.#keptMax ? this.#count % this.#keptMax : 0
    return [...this.#kept.slice(oldest), ...this.#kept.slice(0, oldest)]
  }

  add(letter: DeadLetter): void {
    if (this.#keptMax > 0) this.#kept[this.#count % this.#keptMax] = letter
    this.#count++
    for (const watcher of this.#watchers) watcher.push(letter)
  }

  watch(): AsyncIterable<DeadLetter> {
    const queue = new BoundedQueue<DeadLetter>({
      limit: watchMax,
      overflow: 'drop-oldest',
      name: 'dead letters',
      onReturn: () => this.#watchers.delete(queue),
    })
    this.#watchers.add(queue)
    return queue
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.end()
    this.#watchers.clear()
  }
}
