/**
 * The timers of the platform in a world: the global ones, `node:timers` and `node:timers/promises`. As in Node.js a delay
 * below 1 or above 2^31-1 is 1 and a fraction is cut off. A timer does not keep a world alive: that is the scenario's.
 */
import { promisify } from 'node:util'
import type { Timer } from '../base/clock.ts'
import type { Place } from './place.ts'
import { inWorlds, platformFunction } from './takeover-part.ts'
import type { Part, PlatformFunction, Whereabouts } from './takeover-part.ts'

const delayMsMax = 2 ** 31 - 1

export function timerParts(place: Whereabouts): Part[] {
  const timers = process.getBuiltinModule('node:timers')
  return [globalThis, timers].flatMap((target) => timersOf(target, place)).concat(promisesOf(place))
}

function timersOf(target: object, place: Whereabouts): Part[] {
  const starting = ['setTimeout', 'setInterval', 'setImmediate'].flatMap((key) =>
    inWorlds(target, key, place, (at, [callback, ...rest]) => {
      const args = key === 'setImmediate' ? rest : rest.slice(1)
      return new VirtualTimer(at, kindOf(key), delayOf(rest[0]), actionOf(callback, args))
    }),
  )
  for (const [at, wait] of [waitTimeout, undefined, waitImmediate].entries()) {
    const own = starting[at]?.value
    if (typeof own === 'function' && wait !== undefined) promisified(own, place, wait)
  }
  const ending = ['clearTimeout', 'clearInterval', 'clearImmediate'].flatMap((key) => {
    const real = platformFunction(target, key)
    if (real === undefined) return []
    const value = (timer: unknown): unknown => {
      if (timer instanceof VirtualTimer) return void timer.close()
      const numbered =
        typeof timer === 'number' || typeof timer === 'string' ? place()?.numbered.get(Number(timer)) : undefined
      return numbered instanceof VirtualTimer ? void numbered.close() : real(timer)
    }
    return [{ target, key, value }]
  })
  return [...starting, ...ending]
}

type Kind = 'timer' | 'interval' | 'immediate'

function kindOf(key: string): Kind {
  if (key === 'setInterval') return 'interval'
  return key === 'setImmediate' ? 'immediate' : 'timer'
}

function delayOf(given: unknown): number {
  const delayMs = Number(given)
  return delayMs >= 1 && delayMs <= delayMsMax ? Math.trunc(delayMs) : 1
}

function actionOf(callback: unknown, args: readonly unknown[]): () => void {
  if (typeof callback === 'function') return () => void Reflect.apply(callback, undefined, args)
  throw Object.assign(new TypeError('The "callback" argument must be of type function'), {
    code: 'ERR_INVALID_ARG_TYPE',
  })
}

class VirtualTimer {
  readonly #place: Place
  readonly #kind: Kind
  readonly #delayMs: number
  readonly #action: () => void
  #timer: Timer
  #id: number | undefined
  #referenced = true

  constructor(place: Place, kind: Kind, delayMs: number, action: () => void) {
    this.#place = place
    this.#kind = kind
    this.#delayMs = kind === 'immediate' ? 0 : delayMs
    this.#action = action
    this.#timer = this.#arm()
  }

  #arm(): Timer {
    return this.#place.timer(this.#delayMs, this.#kind, () => {
      if (this.#kind === 'interval') this.#timer = this.#arm()
      else this.#forget()
      this.#action()
    })
  }

  #forget(): void {
    if (this.#id !== undefined) this.#place.numbered.delete(this.#id)
  }

  /** Counts its time anew, also when it has fired. */
  refresh(): this {
    this.#timer.cancel()
    this.#timer = this.#arm()
    return this
  }
  close(): this {
    this.#timer.cancel()
    this.#forget()
    return this
  }
  ref(): this {
    this.#referenced = true
    return this
  }
  unref(): this {
    this.#referenced = false
    return this
  }
  hasRef(): boolean {
    return this.#referenced
  }
  [Symbol.toPrimitive](): number {
    this.#id ??= this.#place.nextNumber()
    this.#place.numbered.set(this.#id, this)
    return this.#id
  }
  [Symbol.dispose](): void {
    this.close()
  }
}

/** `util.promisify(setTimeout)` asks the function for its form with promises. */
function promisified(own: object, place: Whereabouts, wait: typeof waitTimeout): void {
  const real: unknown = Reflect.get(own, promisify.custom)
  Object.defineProperty(own, promisify.custom, {
    configurable: true,
    value: (...args: unknown[]): unknown => {
      const at = place()
      if (at !== undefined) return wait(at, args)
      return typeof real === 'function' ? Reflect.apply(real, undefined, args) : undefined
    },
  })
}

function promisesOf(place: Whereabouts): Part[] {
  const module = process.getBuiltinModule('node:timers/promises')
  const scheduler: unknown = Reflect.get(module, 'scheduler')
  const waits: readonly (readonly [object, string, (at: Place, args: readonly unknown[]) => unknown])[] = [
    [module, 'setTimeout', waitTimeout],
    [module, 'setImmediate', waitImmediate],
    [module, 'setInterval', (at, [delayMs, value, options]) => ticks(at, delayOf(delayMs), value, options)],
  ]
  const schedulers: typeof waits =
    typeof scheduler === 'object' && scheduler !== null
      ? [
          [
            Object.getPrototypeOf(scheduler) as object,
            'wait',
            (at, [delayMs, options]) => waitTimeout(at, [delayMs, undefined, options]),
          ],
          [Object.getPrototypeOf(scheduler) as object, 'yield', (at) => waitImmediate(at, [])],
        ]
      : []
  return [...waits, ...schedulers].flatMap(([target, key, virtual]) => {
    const original: unknown = Reflect.get(target, key)
    if (typeof original !== 'function') return []
    const value = function (this: unknown, ...args: unknown[]): unknown {
      const at = place()
      return at === undefined ? (Reflect.apply(original, this, args) as unknown) : virtual(at, args)
    }
    return [{ target, key, value } satisfies { target: object; key: string; value: PlatformFunction }]
  })
}

function waitTimeout(at: Place, [delayMs, value, options]: readonly unknown[]): Promise<unknown> {
  return waiting(at, 'timer', delayOf(delayMs), value, signalOf(options))
}

function waitImmediate(at: Place, [value, options]: readonly unknown[]): Promise<unknown> {
  return waiting(at, 'immediate', 0, value, signalOf(options))
}

function waiting(
  at: Place,
  kind: Kind,
  delayMs: number,
  value: unknown,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(aborted(signal))
    const onAbort = () => {
      timer.cancel()
      reject(aborted(signal))
    }
    const timer = at.timer(delayMs, kind, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve(value)
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** Ticks that nobody has asked for yet are given at once when asked, one for each. */
async function* ticks(at: Place, delayMs: number, value: unknown, options: unknown): AsyncGenerator {
  const signal = signalOf(options)
  if (signal?.aborted) throw aborted(signal)
  let due = 0
  let wake = () => {}
  const timer = new VirtualTimer(at, 'interval', delayMs, () => {
    due++
    wake()
  })
  const onAbort = () => wake()
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    for (;;) {
      if (due === 0 && signal?.aborted !== true) await new Promise<void>((resolve) => (wake = resolve))
      if (signal?.aborted === true) throw aborted(signal)
      for (; due > 0; due--) yield value
    }
  } finally {
    timer.close()
    signal?.removeEventListener('abort', onAbort)
  }
}

function signalOf(options: unknown): AbortSignal | undefined {
  const signal: unknown = typeof options === 'object' && options !== null ? Reflect.get(options, 'signal') : undefined
  return signal instanceof AbortSignal ? signal : undefined
}

/** As Node.js rejects the waits of `node:timers/promises`. */
function aborted(signal: AbortSignal | undefined): Error {
  const error = new Error('The operation was aborted', { cause: signal?.reason })
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' })
}
