/**
 * Intensity: how often something may fail within a period before it is given up, as OTP counts restarts. Unlike a rate
 * limiter it never makes anybody wait: it says yes or no. Pure; times are given.
 */
export interface IntensityOptions {
  /** Failures within the period that are still borne. */
  readonly intensity: number
  readonly periodMs: number
}

export class Intensity {
  readonly #options: IntensityOptions
  /** Of failures within the period, the oldest first. */
  #timesMs: number[] = []

  constructor(options: IntensityOptions) {
    this.#options = options
  }

  /** Counts one failure; false when it is one too many. */
  bear(nowMs: number): boolean {
    const { intensity, periodMs } = this.#options
    this.#timesMs = this.#timesMs.filter((timeMs) => nowMs - timeMs < periodMs)
    this.#timesMs.push(nowMs)
    return this.#timesMs.length <= intensity
  }

  /** Failures within the period that ends now. */
  count(nowMs: number): number {
    return this.#timesMs.filter((timeMs) => nowMs - timeMs < this.#options.periodMs).length
  }
}
