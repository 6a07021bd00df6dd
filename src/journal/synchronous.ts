/**
 * What a function that must be synchronous gave. Unlike a schema, which may take its time, such a function is called where
 * nobody waits: a promise would stand for a state, a key or an event that it is not. It is never waited for.
 */
import { InvalidArgument } from '../base/error.ts'
import { isThenable } from './thenable.ts'

/** The value as it is. Throws `base.invalid_argument` for a promise. */
export function synchronous<Given>(argument: string, given: Given): Given {
  if (!isThenable(given)) return given
  unheard(given)
  throw new InvalidArgument(argument, 'must not be async: it has to give its result at once, and gave a promise')
}

/** What it rejects with is not told: a refusal says already what is wrong, and left alone it would end the process. */
export function unheard(promise: PromiseLike<unknown>): void {
  promise.then(undefined, () => {})
}
