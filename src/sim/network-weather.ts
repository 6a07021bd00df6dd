/**
 * Weather: what a link of the simulated network does to what crosses it, as data, with the checks of its fields. Unlike a cut,
 * which stops a link, weather delays, loses, repeats and reorders by chance. It draws nothing by itself: links do.
 */
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'

/** The default of every field is perfect weather: all arrives, once, in order, after 1 ms. Chances are from 0 to 1. */
export interface Weather {
  /** Shortest way, from 0. Default 1. */
  readonly latencyMinMs: number
  /** Longest way without a tail; each message takes a time between the two. Default `latencyMinMs`, when that is above 1. */
  readonly latencyMaxMs: number
  /** Share of messages that take up to `tailMaxMs` longer. Default 0. */
  readonly tailChance: number
  /** Default 1000. */
  readonly tailMaxMs: number
  /** A datagram is lost; a part of a stream is sent again, which takes 200 ms, then 400, and so on. Default 0. */
  readonly lossChance: number
  /** A datagram arrives a second time, on a way of its own. Streams have no duplicates. Default 0. */
  readonly duplicateChance: number
  /** A datagram is late by up to `reorderMaxMs`, and those behind it may overtake it. Never in a stream. Default 0. */
  readonly reorderChance: number
  /** Default 100. */
  readonly reorderMaxMs: number
  /** A stream breaks at this message. Default 0. */
  readonly resetChance: number
  /** What the link carries; more waits its turn. Default Infinity. */
  readonly bytesPerSecond: number
}

export const perfectWeather: Weather = Object.freeze({
  latencyMinMs: 1,
  latencyMaxMs: 1,
  tailChance: 0,
  tailMaxMs: 1000,
  lossChance: 0,
  duplicateChance: 0,
  reorderChance: 0,
  reorderMaxMs: 100,
  resetChance: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
})

const names = Object.keys(perfectWeather)
/** An hour: a longer way is a cut. */
const latencyMax = 3_600_000

/** The weather with some fields changed; throws `base.invalid_argument` when a field is unknown or out of range. */
export function weatherWith(weather: Weather, change: Partial<Weather>): Weather {
  checkKeys('weather', change, names)
  const merged = { ...weather, ...change }
  if (change.latencyMaxMs === undefined && merged.latencyMaxMs < merged.latencyMinMs)
    merged.latencyMaxMs = merged.latencyMinMs
  if (change.latencyMinMs === undefined && merged.latencyMinMs > merged.latencyMaxMs)
    merged.latencyMinMs = merged.latencyMaxMs
  for (const name of ['latencyMinMs', 'latencyMaxMs', 'tailMaxMs', 'reorderMaxMs'] as const)
    wholeNumber(name, merged[name], 0, latencyMax)
  if (merged.latencyMinMs > merged.latencyMaxMs)
    throw new InvalidArgument('latencyMinMs', 'must not be above latencyMaxMs')
  for (const name of ['tailChance', 'lossChance', 'duplicateChance', 'reorderChance', 'resetChance'] as const)
    checkChance(name, merged[name])
  if (!(merged.bytesPerSecond >= 1)) throw new InvalidArgument('bytesPerSecond', 'must be a number from 1, or Infinity')
  return Object.freeze(merged)
}

/** A chance from 0 to 1; else `base.invalid_argument`. */
export function checkChance(name: string, value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1))
    throw new InvalidArgument(name, 'must be a chance from 0 to 1')
  return value
}
