/**
 * LocalTime: the time as one node's clock tells it. Unlike the time of the world it may be off and run fast or slow; with
 * neither it is the world's. It outlives the incarnations of its node, as a machine's clock outlives its processes.
 *
 * A timer keeps the moment that was computed when it was set: one that waits while the rate changes is late or early by
 * what changed, and whoever looks at the clock when it fires sees that, as on a machine.
 */
import type { Loop } from './loop.ts'

export class LocalTime {
  readonly startMs: number
  readonly #loop: Pick<Loop, 'nowMs'>
  #rate = 1
  #offsetMs = 0
  /** Local elapsed time at `#anchorMs` of the world. */
  #elapsedMs = 0
  #anchorMs = 0

  constructor(loop: Pick<Loop, 'nowMs'>, startMs: number) {
    this.#loop = loop
    this.startMs = startMs
  }

  /** Whole milliseconds since the epoch, as `Date` has them; a jump moves it, also back. */
  now(): number {
    return Math.floor(this.startMs + this.#offsetMs + this.monotonicMs())
  }

  /** Milliseconds since the world began, at this clock's rate; never back. */
  monotonicMs(): number {
    return this.#at(this.#loop.nowMs)
  }

  #at(worldMs: number): number {
    if (this.#rate === 1) return this.#elapsedMs + (worldMs - this.#anchorMs)
    return this.#elapsedMs + (worldMs - this.#anchorMs) * this.#rate
  }

  /**
   * The moment of the world at which this clock has gone on by the delay, and never before it, however the sums are rounded:
   * whoever is called then, looks, and finds it too early waits again for what is too little to move the time of the world,
   * and so for ever.
   */
  inWorld(delayMs: number): number {
    const targetMs = this.monotonicMs() + delayMs
    let worldMs = this.#loop.nowMs + (this.#rate === 1 ? delayMs : delayMs / this.#rate)
    if (worldMs === Number.POSITIVE_INFINITY) return worldMs
    while (this.#at(worldMs) < targetMs)
      worldMs += Math.max(targetMs - this.#at(worldMs), worldMs * Number.EPSILON, Number.MIN_VALUE)
    return worldMs
  }

  /** From now on this many millionths fast, or slow when below zero. */
  run(ppm: number): void {
    this.#elapsedMs = this.monotonicMs()
    this.#anchorMs = this.#loop.nowMs
    this.#rate = 1 + ppm / 1_000_000
  }

  /** Sets the wall time ahead, or back when below zero. */
  jump(byMs: number): void {
    this.#offsetMs += byMs
  }
}
