/**
 * StatusFan: each status to every reader, who each have a queue of their own; a slow reader loses the oldest, the others
 * nothing. Unlike a subscription it begins with what happens after `read`, and it ends with `closed`. It decides no status:
 * the driver tells.
 */
import type { ColloquyError } from '../base/error.ts'
import { BoundedQueue } from '../base/queue.ts'
import type { BusStatus } from './bus.ts'

/** Statuses that wait for one reader before the oldest go. */
const statusMax = 256

export class StatusFan {
  readonly #readers = new Set<BoundedQueue<BusStatus>>()
  #last: BusStatus | undefined

  read(): AsyncIterable<BusStatus> {
    const queue = new BoundedQueue<BusStatus>({
      limit: statusMax,
      overflow: 'drop-oldest',
      name: 'status',
      onReturn: () => this.#readers.delete(queue),
    })
    if (this.#last) finish(queue, this.#last)
    else this.#readers.add(queue)
    return queue
  }

  tell(status: BusStatus): void {
    for (const queue of this.#readers) queue.push(status)
  }

  close(error?: ColloquyError, unconfirmed = 0): void {
    this.#last = { type: 'closed', ...(error && { error }), ...(error && unconfirmed > 0 && { unconfirmed }) }
    for (const queue of this.#readers) finish(queue, this.#last)
    this.#readers.clear()
  }
}

function finish(queue: BoundedQueue<BusStatus>, last: BusStatus): void {
  queue.push(last)
  queue.end()
}
