import { ColloquyError } from '../../src/base/error.ts'

/** What a call that may refuse gave: its value, or the typed error. Any other error is a defect and is thrown on. */
export function outcomeOf<T>(call: () => T): { readonly value: T } | { readonly refused: ColloquyError } {
  try {
    return { value: call() }
  } catch (error) {
    if (error instanceof ColloquyError) return { refused: error }
    throw error
  }
}

/** The typed error of a call that must refuse. */
export function refusalOf(call: () => unknown): ColloquyError {
  const outcome = outcomeOf(call)
  if ('refused' in outcome) return outcome.refused
  throw new Error('nothing was refused')
}
