/**
 * Intensity: how often something may fail within a period before it is given up, as OTP counts restarts. Unlike a rate
 * limiter it never makes anybody wait: it says yes or no. Pure; times are given.
 */
import { Ring } from './ring.ts'

export interface IntensityOptions {
  /** Failures within the period that are still borne. */
  readonly intensity: number
  readonly periodMs: number
}

export class Intensity {
  readonly #options: IntensityOptions
  /** Of failures within the period, the oldest first. */
  readonly #timesMs = new Ring<number>()

  constructor(options: IntensityOptions) {
    this.#options = options
  }

  /** Counts one failure; false when it is one too many. */
  bear(nowMs: number): boolean {
    const { intensity } = this.#options
    this.#forget(nowMs)
    this.#timesMs.push(nowMs)
    return this.#timesMs.size <= intensity
  }

  /** Failures within the period that ends now. */
  count(nowMs: number): number {
    this.#forget(nowMs)
    return this.#timesMs.size
  }

  /** Times never go back, so that only the oldest can be too old. */
  #forget(nowMs: number): void {
    for (let oldest = this.#timesMs.first; oldest !== undefined; oldest = this.#timesMs.first) {
      if (nowMs - oldest < this.#options.periodMs) return
      this.#timesMs.shift()
    }
  }
}
