/** The time of the platform in a world: `Date`, `performance`, `process.hrtime`, `AbortSignal.timeout`. Looks only; timers are its neighbour's. */
import type { Place } from './place.ts'
import { inWorlds } from './takeover-part.ts'
import type { Part, PlatformFunction, Whereabouts } from './takeover-part.ts'

export function timeParts(place: Whereabouts): Part[] {
  return [...dateParts(place), ...performanceParts(place), ...processParts(place), ...abortParts(place)]
}

/**
 * A constructor beside the real one, with the same prototype: what it makes is a date for everybody, and what the real one
 * made is an instance of it.
 */
function dateParts(place: Whereabouts): Part[] {
  const RealDate = Date
  const now = RealDate.now.bind(RealDate)
  const placed = (): number => place()?.now() ?? now()
  const VirtualDate = function (this: unknown, ...args: unknown[]): unknown {
    if (new.target === undefined) return new RealDate(placed()).toString()
    const made = args.length === 0 ? [placed()] : args
    return Reflect.construct(RealDate, made, new.target === VirtualDate ? RealDate : new.target) as unknown
  }
  const statics = Object.getOwnPropertyDescriptors(RealDate)
  Object.defineProperties(VirtualDate, { ...statics, now: { ...statics.now, value: placed } })
  return [
    { target: globalThis, key: 'Date', value: VirtualDate },
    { target: RealDate, key: 'now', value: placed },
    { target: RealDate.prototype, key: 'constructor', value: VirtualDate },
  ]
}

function performanceParts(place: Whereabouts): Part[] {
  const real = globalThis.performance
  const origin = real.timeOrigin
  return [
    ...inWorlds(real, 'now', place, (at) => at.monotonicMs()),
    { target: real, key: 'timeOrigin', get: () => place()?.time.startMs ?? origin },
  ]
}

function processParts(place: Whereabouts): Part[] {
  const nanoseconds = (at: Place) => BigInt(Math.round(at.monotonicMs() * 1_000_000))
  const [hrtime] = inWorlds(process, 'hrtime', place, (at, [since], real) => {
    // The real one looks whether the argument is one.
    if (since !== undefined) real(since)
    const [seconds, rest] = Array.isArray(since) ? (since as [number, number]) : [0, 0]
    const passed = nanoseconds(at) - BigInt(seconds) * 1_000_000_000n - BigInt(rest)
    const below = ((passed % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
    return [Number((passed - below) / 1_000_000_000n), Number(below)]
  })
  const bigint: PlatformFunction | undefined =
    typeof hrtime?.value === 'function' ? (hrtime.value as PlatformFunction) : undefined
  return [
    ...(hrtime === undefined ? [] : [hrtime]),
    ...(bigint === undefined ? [] : inWorlds(bigint, 'bigint', place, nanoseconds)),
    ...inWorlds(process, 'uptime', place, (at) => at.monotonicMs() / 1000),
  ]
}

const delayRule = 'The delay of AbortSignal.timeout must be a whole number of milliseconds from 0 to 4294967295'

/** Refused with the codes of Node.js: what fails there must not pass here. */
function refusal(error: Error, code: string): Error {
  return Object.assign(error, { code })
}

function abortParts(place: Whereabouts): Part[] {
  return inWorlds(AbortSignal, 'timeout', place, (at, [delayMs]) => {
    if (typeof delayMs !== 'number') throw refusal(new TypeError(delayRule), 'ERR_INVALID_ARG_TYPE')
    if (!Number.isInteger(delayMs) || delayMs < 0 || delayMs >= 2 ** 32)
      throw refusal(new RangeError(delayRule), 'ERR_OUT_OF_RANGE')
    const controller = new AbortController()
    at.timer(delayMs, 'timeout', () =>
      controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError')),
    )
    return controller.signal
  })
}
