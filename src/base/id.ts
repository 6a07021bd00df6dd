/**
 * Ids of events, runs and nodes: UUID version 7 (RFC 9562, section 5.7), so that ids made by one source sort by time of
 * making. Within one millisecond, or when the clock steps back, a counter of 42 bits that starts at a random place keeps
 * them rising (RFC 9562, section 6.2, method 1). An id is not a secret: it tells when it was made.
 */
import type { Clock } from './clock.ts'
import { InvalidArgument } from './error.ts'
import type { Random } from './random.ts'

export type IdSource = () => string

const counterSpan = 2 ** 42
/** The last millisecond that 48 bits hold, in the year 10889; a clock beyond it stands still there. */
const timeMsMax = 2 ** 48 - 1

/** Makes UUIDv7 strings, lower case, strictly rising for as long as the source lives. */
export function idSource(clock: Pick<Clock, 'now'>, random: Random): IdSource {
  let lastMs = -1
  let counter = 0
  return () => {
    const nowMs = Math.min(Math.max(Math.trunc(clock.now()), 0), timeMsMax)
    if (nowMs > lastMs) {
      lastMs = nowMs
      // The top bit stays clear, so that at least 2^41 ids fit before the counter carries into the time.
      counter = random.integer(2 ** 20) * 2 ** 21 + random.integer(2 ** 21)
    } else if (++counter >= counterSpan) {
      lastMs++
      counter = 0
    }
    return format(lastMs, counter, random.uint32())
  }
}

/** Layout: 48 bits time, version 7, 12 counter bits, variant, 30 counter bits, 32 random bits. */
function format(timeMs: number, counter: number, tail: number): string {
  const time = timeMs.toString(16).padStart(12, '0')
  const counterHigh = Math.floor(counter / 2 ** 30)
  const counterLow = counter % 2 ** 30
  const versioned = (0x7000 | counterHigh).toString(16)
  const varied = (0x80000000 + counterLow).toString(16)
  const random = tail.toString(16).padStart(8, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-${versioned}-${varied.slice(0, 4)}-${varied.slice(4)}${random}`
}

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

export function isUuidV7(text: string): boolean {
  return uuidV7.test(text)
}

/** When an id was made, in milliseconds since the epoch; throws `base.invalid_argument` on anything but a UUIDv7. */
export function idTimeMs(id: string): number {
  if (!isUuidV7(id)) throw new InvalidArgument('id', 'must be a UUID version 7 in lower case')
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}
