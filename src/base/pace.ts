/**
 * Pace: when the consumers of one process run: subscriptions of a bus, actors. All that a burst made ready is handed out
 * from one microtask, outside the publishers' calls; under load without a pause it stops after a slice, so that sockets,
 * timers and disks have their turn too. It never looks at messages.
 *
 * A chain of microtasks never ends a turn of the event loop by itself: two agents that answer each other would starve the
 * process. So every few messages Pace makes sure that a timer of 0 is on its way. If it fires, the loop has turned and the
 * count starts anew; if a whole slice passes before it can, Pace rests until it does. The timer is the clock's, not
 * `setImmediate`, because in a simulated world a turn must be as virtual as time; the price on the machine's clock is the
 * millisecond that Node makes of a timer of 0, once in a slice of 10 ms, and only for a process with nothing else to do.
 */
import type { Clock, Timer } from './clock.ts'

export interface Pumped {
  pump(): void
}

/** Messages between two looks at the clock, a power of two. */
const lookEvery = 16
const sliceMs = 10
/** Ends a slice where time stands still while messages pass, as in a simulation. */
const sliceMax = 2 ** 20
/** Entries that may lie behind the one that runs before they are cut off. */
const behindMax = 1024

export class Pace {
  readonly #clock: Clock
  #ready: Pumped[] = []
  #scheduled = false
  #resting = false
  #spent = 0
  #turn: Timer | undefined
  #sliceStartMs = 0
  #rested: (() => void)[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** True while consumers wait for the event loop to turn. */
  get resting(): boolean {
    return this.#resting
  }

  /** Counts one message handed out. */
  spend(): void {
    if ((++this.#spent & (lookEvery - 1)) === 0) this.#look()
  }

  /** Asks for one `pump`, in the next microtask or after the rest. */
  wake(pumped: Pumped): void {
    this.#ready.push(pumped)
    if (this.#scheduled || this.#resting) return
    this.#scheduled = true
    queueMicrotask(this.#run)
  }

  /** Resolves when the rest is over; at once when there is none. */
  rest(): Promise<void> {
    if (!this.#resting) return Promise.resolve()
    return new Promise((resolve) => this.#rested.push(resolve))
  }

  readonly #run = (): void => {
    let at = 0
    try {
      while (at < this.#ready.length && !this.#resting) {
        if (at === behindMax) {
          this.#ready.splice(0, at)
          at = 0
        }
        this.#ready[at++]?.pump()
      }
    } finally {
      if (at === this.#ready.length) this.#ready.length = 0
      else this.#ready.splice(0, at)
      this.#scheduled = false
    }
  }

  #look(): void {
    if (!this.#turn) {
      this.#sliceStartMs = this.#clock.monotonicMs()
      this.#turn = this.#clock.timer(0, this.#turned)
    } else if (this.#spent >= sliceMax || this.#clock.monotonicMs() - this.#sliceStartMs >= sliceMs) {
      this.#resting = true
    }
  }

  readonly #turned = (): void => {
    this.#turn = undefined
    this.#spent = 0
    if (!this.#resting) return
    this.#resting = false
    for (const resolve of this.#rested.splice(0)) resolve()
    if (this.#ready.length === 0) return
    this.#scheduled = true
    queueMicrotask(this.#run)
  }
}
