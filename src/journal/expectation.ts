/**
 * What an append expects of its stream, as one number that crosses to the worker thread: -1 is anything, -2 that the stream
 * exists, else its exact version. Unlike `ExpectedVersion`, which people write, it has no second name for the same thing.
 */
import { InvalidArgument } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import type { ExpectedVersion } from './journal.ts'

const anything = -1
const existence = -2

/** Throws `base.invalid_argument` on what is no expectation. */
export function expectation(expected: ExpectedVersion): number {
  if (expected === 'any') return anything
  if (expected === 'exists') return existence
  if (expected === 'none') return 0
  if (typeof expected === 'number') return wholeNumber('expectedVersion', expected, 0)
  throw new InvalidArgument('expectedVersion', 'must be a version, none, exists or any')
}

/** True when a stream of this version is what was expected; 0 is a stream that does not exist. */
export function meets(expected: number, version: number): boolean {
  if (expected === anything) return true
  return expected === existence ? version > 0 : version === expected
}
