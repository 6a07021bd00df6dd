/**
 * freezePlain: freezes what a state machine gave, down to what is frozen already, so that a state which shares most of itself
 * with the last one costs its new parts alone. Unlike a codec it writes nothing; it finds what no codec could. Bytes, maps, sets
 * and dates cannot be frozen by the language and are left as they are.
 */
import { InvalidResult } from './replica-error.ts'

/** As deep as the JSON codec goes. */
const depthMax = 128

/**
 * The value itself. With `strict`, throws `raft.invalid_result` at a function, a symbol, a promise, an instance of a class; without
 * it those are left alone, and not looked into.
 */
export function freezePlain(value: unknown, strict: boolean, depth: number = depthMax): unknown {
  if (typeof value !== 'object' || value === null) {
    if (strict && (typeof value === 'function' || typeof value === 'symbol'))
      throw new InvalidResult(`gave a ${typeof value}, which cannot be kept`)
    return value
  }
  if (Object.isFrozen(value) && !isEmptyHolder(value)) return value
  if (depth === 0) throw new InvalidResult(`gave data more than ${depthMax} levels deep`)
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) freezePlain(value[at], strict, depth - 1)
    return Object.freeze(value)
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) {
    for (const key in value) freezePlain((value as Record<string, unknown>)[key], strict, depth - 1)
    return Object.freeze(value)
  }
  return freezeOther(value, strict, depth)
}

/** An object of a class without fields counts as frozen once nothing can be added; it is looked at all the same. */
function isEmptyHolder(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype !== Object.prototype && prototype !== Array.prototype && prototype !== null
}

function freezeOther(value: object, strict: boolean, depth: number): object {
  if (value instanceof Map) {
    for (const [key, item] of value) {
      freezePlain(key, strict, depth - 1)
      freezePlain(item, strict, depth - 1)
    }
  } else if (value instanceof Set) {
    for (const item of value) freezePlain(item, strict, depth - 1)
  } else if (strict && !(value instanceof Uint8Array || value instanceof Date || value instanceof Error))
    throw new InvalidResult(
      `gave ${value instanceof Promise ? 'a promise' : 'an instance of a class'}, which cannot be kept`,
    )
  return value
}
