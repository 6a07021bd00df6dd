/**
 * The times of events as milliseconds and back. Unlike `Date` it remembers the last second it met, because events that
 * follow each other mostly share it, and a calendar is the costliest part of an event otherwise. The memory is a cache: it
 * never changes an answer.
 */
import { isoTime } from '../base/envelope.ts'

const form = /^[0-9]{3}Z$/

let parsedPrefix = ''
let parsedMs = 0

/** Milliseconds of a time that is written exactly as `isoTime` writes it; undefined for any other. */
export function exactTimeToMs(time: string): number | undefined {
  // YYYY-MM-DDTHH:MM:SS. and then three digits and Z.
  if (time.length !== 24) return undefined
  if (time.startsWith(parsedPrefix) && parsedPrefix !== '') {
    const rest = time.slice(20)
    return form.test(rest) ? parsedMs + Number(rest.slice(0, 3)) : undefined
  }
  const ms = Date.parse(time)
  if (Number.isNaN(ms) || isoTime(ms) !== time) return undefined
  parsedPrefix = time.slice(0, 20)
  parsedMs = Math.floor(ms / 1000) * 1000
  return ms
}

/**
 * Milliseconds of any RFC 3339 time, what is finer cut off; null when the calendar has no such time. `Date` knows neither
 * small letters nor a leap second, which counts as the one after.
 */
export function timeToMs(time: string): number | null {
  const leap = time.slice(17, 19) === '60'
  const ms = Date.parse(leap ? `${time.slice(0, 17)}59${time.slice(19).toUpperCase()}` : time.toUpperCase())
  if (Number.isNaN(ms)) return null
  return leap ? ms + 1000 : ms
}

let writtenPrefix = ''
let writtenSecond = Number.NaN

/** The same text as `isoTime`. */
export function msToTime(ms: number): string {
  const second = Math.floor(ms / 1000)
  if (second !== writtenSecond) {
    writtenPrefix = isoTime(second * 1000).slice(0, -4)
    writtenSecond = second
  }
  return `${writtenPrefix}${String(1000 + ms - second * 1000).slice(1)}Z`
}
