/**
 * createHistory: writes down what clients call and what they are answered, for the linearizability checker. Unlike a trace
 * it holds operations, not events, and its times are numbers counted up, so that two calls in one simulated millisecond
 * keep their order. It judges nothing.
 */
import { LimitExceeded } from '../base/error.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'
import type { Operation } from './linearizable-model.ts'

/** One call that is open. The first of `answered` and `failed` counts, a second one is ignored. */
export interface OpenOperation<Output> {
  /** The answer came. */
  answered(output: Output): void
  /** It is known that the operation never takes effect: it leaves the history. Not for a timeout, whose outcome is open. */
  failed(): void
}

export interface History<Input, Output> {
  /** A client calls. Without an answer the operation stays in the history as one whose outcome nobody knows. */
  call(client: string, input: Input): OpenOperation<Output>
  /** What was written down so far, in order of the calls. */
  operations(): readonly Operation<Input, Output>[]
  /** How many were answered. */
  readonly answered: number
}

/** A history that takes up to `operationsMax` calls (default 100,000), then throws `base.limit_exceeded`. */
export function createHistory<Input, Output>(
  options: { readonly operationsMax?: number } = {},
): History<Input, Output> {
  checkKeys('options', options, ['operationsMax'])
  const operationsMax = wholeNumber('operationsMax', options.operationsMax ?? 100_000, 1)
  const entries = new Map<number, Operation<Input, Output>>()
  let order = 0
  let answered = 0
  return {
    call(client, input) {
      plainName('client', client, 200)
      if (entries.size >= operationsMax) throw new LimitExceeded('operationsMax', operationsMax, entries.size + 1)
      const calledAt = order++
      entries.set(calledAt, { client, calledAt, input })
      let open = true
      return {
        answered(output) {
          if (!open) return
          open = false
          answered++
          entries.set(calledAt, { client, calledAt, returnedAt: order++, input, output })
        },
        failed() {
          if (open) entries.delete(calledAt)
          open = false
        },
      }
    },
    operations: () => [...entries.values()],
    get answered() {
      return answered
    },
  }
}
