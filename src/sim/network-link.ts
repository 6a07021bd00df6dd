/**
 * Link: one direction between two nodes of the simulated network. It holds the weather, whether it is cut, and a stream of
 * chance of its own, and says of each message when it arrives. It carries nothing itself: the network sets the timers, and
 * what belongs to a stream is in its lanes.
 */
import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { Weather } from './network-weather.ts'

/** As TCP does at first, before it knows the way; it doubles with each try. */
const retransmitMs = 200

export class Link {
  readonly from: string
  readonly to: string
  weather: Weather
  cut: boolean
  readonly #clock: Clock
  readonly #random: Random
  /** When the last datagram that may not be overtaken arrives. */
  #lastMs = 0
  /** Until when the link is busy with sending, for its bandwidth. */
  #busyMs = 0

  constructor(from: string, to: string, clock: Clock, random: Random, weather: Weather, cut: boolean) {
    this.from = from
    this.to = to
    this.#clock = clock
    this.#random = random
    this.weather = weather
    this.cut = cut
  }

  /** True by the chance given; a chance of 0 draws nothing, so that weather without it leaves the other draws alone. */
  happens(chance: number): boolean {
    return chance > 0 && this.#random.float() < chance
  }

  /** When a datagram sent now arrives, on the monotonic clock. */
  datagramMs(bytes: number): number {
    const { reorderChance, reorderMaxMs } = this.weather
    const arrivesMs = this.#arrivesMs(bytes)
    if (this.happens(reorderChance)) return arrivesMs + this.#upTo(reorderMaxMs)
    this.#lastMs = Math.max(this.#lastMs, arrivesMs)
    return this.#lastMs
  }

  /** When a part of a stream sent now would arrive by itself; the lane keeps the order. Infinity: not within `limitMs`. */
  streamMs(bytes: number, limitMs: number): number {
    let againMs = 0
    for (let waitMs = retransmitMs; this.happens(this.weather.lossChance); waitMs *= 2) {
      againMs += waitMs
      if (againMs > limitMs) return Number.POSITIVE_INFINITY
    }
    return this.#arrivesMs(bytes) + againMs
  }

  #arrivesMs(bytes: number): number {
    const { latencyMinMs, latencyMaxMs, tailChance, tailMaxMs, bytesPerSecond } = this.weather
    const nowMs = this.#clock.monotonicMs()
    let sentMs = nowMs
    if (bytesPerSecond !== Number.POSITIVE_INFINITY) {
      this.#busyMs = Math.max(this.#busyMs, nowMs) + (bytes * 1000) / bytesPerSecond
      sentMs = this.#busyMs
    }
    const wayMs = latencyMinMs + this.#upTo(latencyMaxMs - latencyMinMs)
    return sentMs + wayMs + (this.happens(tailChance) ? this.#upTo(tailMaxMs) : 0)
  }

  #upTo(ms: number): number {
    return ms === 0 ? 0 : this.#random.float() * ms
  }
}
