/**
 * The machine under a world: the functions of the platform as they were before a world took them over. Unlike
 * `takeover.ts`, which replaces them, this file holds the real ones; it is for the loop of a world alone and never reaches
 * code that runs in one.
 */
const realImmediate = setImmediate
const realPerformance = performance
const realNow = performance.now.bind(realPerformance)

/** One turn of the machine's event loop from now: all that is ready runs before it, ticks and promises. */
export function nextTurn(callback: () => void): void {
  realImmediate(callback)
}

/** The machine's monotonic time: bounds a world that would run for ever. */
export function machineMs(): number {
  return realNow()
}
