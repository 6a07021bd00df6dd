/**
 * Whether a value is a promise, or what a library has for one. Unlike `instanceof Promise` it also knows those of other
 * realms and other makers; it never calls their `then`.
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
