/** What a part of the takeover is made of: one property of the platform and what stands in its stead. Types and small helpers only. */
import type { Place } from './place.ts'

export interface Part {
  readonly target: object
  readonly key: string
  /** What stands there; of functions the parameters are checked by whoever made it. */
  readonly value?: unknown
  readonly get?: () => unknown
}

/** The place of the running code, undefined outside of every world. */
export type Whereabouts = () => Place | undefined

/** A function of the platform, whose own types are many overloads. */
export type PlatformFunction = (...args: unknown[]) => unknown

/** The function at a key, bound to its owner; undefined when this Node.js does not have it. */
export function platformFunction(target: object, key: string): PlatformFunction | undefined {
  const found: unknown = Reflect.get(target, key)
  if (typeof found !== 'function') return undefined
  return (...args) => Reflect.apply(found, target, args) as unknown
}

/** A part that does the virtual thing for code in a world and the real one for all other code. */
export function inWorlds(
  target: object,
  key: string,
  place: Whereabouts,
  virtual: (here: Place, args: readonly unknown[], real: PlatformFunction) => unknown,
): Part[] {
  const real = platformFunction(target, key)
  if (real === undefined) return []
  const value = (...args: unknown[]): unknown => {
    const at = place()
    return at === undefined ? real(...args) : virtual(at, args, real)
  }
  const original: unknown = Reflect.get(target, key)
  // What hangs on the function, as `promisify.custom` and `hrtime.bigint` do, hangs on ours too.
  if (typeof original === 'function')
    for (const [name, own] of allOf(Object.getOwnPropertyDescriptors(original)))
      Object.defineProperty(value, name, { ...own, configurable: true })
  return [{ target, key, value }]
}

function allOf(descriptors: Record<PropertyKey, PropertyDescriptor>): [PropertyKey, PropertyDescriptor][] {
  return Reflect.ownKeys(descriptors).flatMap((key) => {
    const own = descriptors[key]
    return own === undefined ? [] : [[key, own]]
  })
}
