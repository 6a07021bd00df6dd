/**
 * Receipt: who waits for what becomes of a send, and how long. Unlike a call it gives no result and has no deadline of its
 * own: one that is given ends the waiting with `expired`, and what was not begun by then is not begun.
 */
import type { Clock, Timer } from '../base/clock.ts'
import { Aborted, TimedOut } from '../base/error.ts'
import type { CallOptions, Receipt } from './actor.ts'
import { timeoutOf } from './call.ts'
import type { ReceiptWaiter } from './letter.ts'

/** Throws `base.invalid_argument`. */
export function waiterOf(
  delivery: 'enqueued' | 'processed',
  options: CallOptions,
  clock: Clock,
  tell: (receipt: Receipt) => void,
): ReceiptWaiter {
  const { timeoutMs, signal } = options
  if (timeoutMs === undefined && signal === undefined) return { delivery, tell }
  return new BoundedWaiter(delivery, tell, {
    timeoutMs: timeoutMs === undefined ? undefined : timeoutOf(timeoutMs),
    signal,
    clock,
  })
}

interface Bounds {
  readonly timeoutMs: number | undefined
  readonly signal: AbortSignal | undefined
  readonly clock: Clock
}

class BoundedWaiter implements ReceiptWaiter {
  readonly delivery: 'enqueued' | 'processed'
  expired = false
  #told = false
  readonly #tell: (receipt: Receipt) => void
  readonly #signal: AbortSignal | undefined
  readonly #timer: Timer | undefined

  constructor(
    delivery: 'enqueued' | 'processed',
    tell: (receipt: Receipt) => void,
    { timeoutMs, signal, clock }: Bounds,
  ) {
    this.delivery = delivery
    this.#tell = tell
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (signal?.aborted) this.#onAbort()
    else if (timeoutMs !== undefined)
      this.#timer = clock.timer(timeoutMs, () => this.#expire(new TimedOut('a receipt', timeoutMs)))
  }

  readonly tell = (receipt: Receipt): void => {
    if (this.#told) return
    this.#told = true
    this.#timer?.cancel()
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#tell(receipt)
  }

  readonly #onAbort = (): void => this.#expire(new Aborted('a send', { cause: this.#signal?.reason }))

  #expire(error: Error): void {
    if (this.#told) return
    this.expired = true
    this.tell({ ok: false, delivery: this.delivery, reason: 'expired', error })
  }
}
