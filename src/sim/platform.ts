/**
 * The machine under a world: its turns and its time, as they were before a world took them over. Unlike `takeover.ts`, which
 * replaces what the platform gives, this file holds the real thing; it is for the loop of a world alone, outside of every
 * place, and never reaches code that runs in one.
 */
import { systemClock } from '../base/system-clock.ts'

const realImmediate = setImmediate

/** One turn of the machine's event loop from now: all that is ready runs before it, ticks and promises. */
export function nextTurn(callback: () => void): void {
  realImmediate(callback)
}

/** The machine's monotonic time: bounds a world that would run for ever. */
export function machineMs(): number {
  return systemClock.monotonicMs()
}
