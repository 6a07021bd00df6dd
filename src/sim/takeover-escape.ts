/**
 * Escapes: what code in a world begins that is real and whose end no seed decides. Resources of the machine are seen by
 * async_hooks as they are made; errors that nobody caught are the world's, not the process's. Output to the terminal is let
 * out: it changes nothing inside. It stops nothing: the world is told, and fails.
 */
import { AsyncResource, createHook } from 'node:async_hooks'
import { here } from './place.ts'
import type { Place } from './place.ts'
import { inWorlds } from './takeover-part.ts'
import type { Part, PlatformFunction, Whereabouts } from './takeover-part.ts'

/** Native resources have upper-case names; these two are timers that were not taken over. */
const native = /^[A-Z][A-Z0-9_]*$/
const slipped: ReadonlySet<string> = new Set(['Timeout', 'Immediate'])

/** Begins to watch; the result ends it. Promises are not tracked: they are the world's own and many. */
export function watchEscapes(place: Whereabouts): () => void {
  const hook = createHook({
    init(_id, type, _trigger, resource) {
      const at = place()
      if (at === undefined || type === 'PROMISE' || (!native.test(type) && !slipped.has(type))) return
      // Made by a program, with a name of its own choice, to keep its async context: streams and pools do.
      if (resource instanceof AsyncResource) return
      at.escaped(type, stackText())
    },
    trackPromises: false,
  }).enable()
  return () => void hook.disable()
}

const framesMax = 12

/** The stack of whoever called, without the frames of Node.js and of this file. */
function stackText(): string {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 50
  const held: { stack?: string } = {}
  Error.captureStackTrace(held, stackText)
  Error.stackTraceLimit = limit
  const frames = (held.stack ?? '').split('\n').slice(1)
  const own = frames.filter((frame) => !/\(?node:|takeover-[a-z]+\.[jt]s/.test(frame))
  return (own.length > 0 ? own : frames).slice(0, framesMax).join('\n')
}

export function escapeParts(place: Whereabouts): Part[] {
  return [...outputParts(place), ...errorParts(place), ...realParts(place), ...synchronousParts(place)]
}

/** Done as if from outside, so that its resources are nobody's escape. */
function outside(_at: Place, args: readonly unknown[], real: PlatformFunction): unknown {
  return here.exit(() => real(...args))
}

/** Jobs that end within their call, and whose result no chance decides, have resources all the same. */
function synchronousParts(place: Whereabouts): Part[] {
  const [crypto, zlib] = [process.getBuiltinModule('node:crypto'), process.getBuiltinModule('node:zlib')]
  const calls = ['pbkdf2Sync', 'scryptSync', 'hkdfSync', 'verify', 'checkPrimeSync']
  const compressions = Object.keys(zlib).filter((key) => key.endsWith('Sync'))
  return [...calls.map((key) => [crypto, key] as const), ...compressions.map((key) => [zlib, key] as const)].flatMap(
    ([target, key]) =>
      inWorlds(target, key, place, (at, args, real) =>
        typeof args.at(-1) === 'function' ? real(...args) : outside(at, args, real),
      ),
  )
}

function outputParts(place: Whereabouts): Part[] {
  const words = Object.keys(console).filter((key) => typeof Reflect.get(console, key) === 'function')
  return [
    ...words.flatMap((key) => inWorlds(console, key, place, outside)),
    ...[process.stdout, process.stderr].flatMap((stream) => inWorlds(stream, 'write', place, outside)),
  ]
}

const uncaught: ReadonlySet<unknown> = new Set(['unhandledRejection', 'uncaughtException'])

/** Node.js tells of errors that nobody caught in the async context of whoever made them. */
function errorParts(place: Whereabouts): Part[] {
  return inWorlds(process, 'emit', place, (at, [event, error, ...rest], real) => {
    if (event === 'uncaughtExceptionMonitor') return true
    if (!uncaught.has(event)) return real(event, error, ...rest)
    at.uncaught(error)
    return true
  })
}

/** What no hook sees: work of the engine, requests over connections that are open already, and the end of the process. */
function realParts(place: Whereabouts): Part[] {
  const wasm: unknown = Reflect.get(globalThis, 'WebAssembly')
  const real: readonly (readonly [unknown, string, string])[] = [
    [globalThis, 'fetch', 'fetch'],
    [Atomics, 'waitAsync', 'Atomics.waitAsync'],
    [wasm, 'compile', 'WebAssembly.compile'],
    [wasm, 'instantiate', 'WebAssembly.instantiate'],
  ]
  const ends = inWorlds(process, 'exit', place, (at) => {
    at.escaped('process.exit', stackText())
    throw new Error('process.exit was called in a world; crash or stop the node')
  })
  return [...ends, ...socketParts(place)].concat(
    real.flatMap(([target, key, name]) =>
      typeof target === 'object' && target !== null
        ? inWorlds(target, key, place, (at) => {
            at.escaped(name, stackText())
            return new Promise(() => {})
          })
        : [],
    ),
  )
}

/** Classes whose objects open connections later and elsewhere: their making is the escape. Node.js loads them when they are asked for. */
function socketParts(place: Whereabouts): Part[] {
  return ['WebSocket', 'EventSource'].flatMap((key) => {
    const before = Object.getOwnPropertyDescriptor(globalThis, key)
    if (before === undefined) return []
    const real = (): unknown => (before.get ? (before.get.call(globalThis) as unknown) : before.value)
    const get = (): unknown => {
      const made = real()
      return place() === undefined || typeof made !== 'function' ? made : unmade(key, made, place)
    }
    return [{ target: globalThis, key, get }]
  })
}

/** The class, of which a world makes none. */
function unmade(key: string, real: object, place: Whereabouts): object {
  return new Proxy(real, {
    construct(target, args: unknown[]) {
      const at = place()
      if (at === undefined) return Reflect.construct(target as new () => object, args) as object
      at.escaped(key, stackText())
      throw new Error(`${key} is real; use a port, or begin it outside of the world`)
    },
  })
}
