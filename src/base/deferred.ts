/**
 * Deferred: a promise with its resolvers outside. Unlike `Promise.withResolvers` it knows whether it is settled, which the
 * shells need to drop late answers.
 */
export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly settled: boolean
  /** The first settlement counts; later ones are ignored. */
  resolve(value: T): void
  reject(error: unknown): void
}

export function deferred<T = void>(): Deferred<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  let settled = false
  return {
    promise,
    get settled() {
      return settled
    },
    resolve(value) {
      settled = true
      resolve(value)
    },
    reject(error) {
      settled = true
      reject(error)
    },
  }
}
