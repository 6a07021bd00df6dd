/**
 * checkLinearizable: could the operations of a history have taken effect one after the other, each at one moment between
 * its call and its answer (Herlihy and Wing, Linearizability, 1990)? It validates the history, splits it by partition and
 * says in words what cannot be ordered; the search itself is linearizable-search.ts. Pure: it runs nothing and records
 * nothing; what records a history is history.ts.
 *
 * The problem is NP-complete (Gibbons and Korach 1997), so the search has a bound. What makes it fast in practice is Lowe's
 * cache and the split by key, as in Porcupine (Athalye 2017).
 */
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'
import { type CounterExample, explain } from './linearizable-text.ts'
import type { LinearizableModel, Operation } from './linearizable-model.ts'
import { search } from './linearizable-search.ts'

export interface LinearizableOptions {
  /** Calls of the model, over all partitions, before the answer is `unknown`. Default 2,000,000: some seconds, some 100 MB. */
  readonly stepsMax?: number
  /** Operations taken in one history. Default 100,000. */
  readonly operationsMax?: number
}

export type LinearizableResult<Input, Output> =
  | {
      readonly kind: 'linearizable'
      readonly steps: number
      /** For each partition an order that explains it. Unanswered operations that need not have happened are left out. */
      readonly orders: ReadonlyMap<string, readonly Operation<Input, Output>[]>
    }
  | { readonly kind: 'not'; readonly steps: number; readonly counterExample: CounterExample<Input, Output> }
  | {
      /** The bound was met in this partition before an order was found or excluded; no other one is known to be wrong. */
      readonly kind: 'unknown'
      readonly steps: number
      readonly stepsMax: number
      readonly partition: string
    }

/**
 * Looks for an order of the operations, of which each was called at `calledAt` and answered at `returnedAt` or never.
 *
 * Throws `base.invalid_argument` when the history or the model is not what it must be.
 */
export function checkLinearizable<State, Input, Output>(
  model: LinearizableModel<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  options: LinearizableOptions = {},
): LinearizableResult<Input, Output> {
  checkKeys('options', options, ['stepsMax', 'operationsMax'])
  const stepsMax = wholeNumber('stepsMax', options.stepsMax ?? 2_000_000, 1)
  checkModel(model)
  checkHistory(history, wholeNumber('operationsMax', options.operationsMax ?? 100_000, 1))
  const orders = new Map<string, readonly Operation<Input, Output>[]>()
  let undecided: string | undefined
  let steps = 0
  for (const [partition, operations] of partitionsOf(model, history)) {
    const found =
      steps < stepsMax ? search(model, operations, stepsMax - steps) : { kind: 'unknown' as const, steps: 0 }
    steps += found.steps
    if (found.kind === 'not')
      return { kind: 'not', steps, counterExample: explain(model, partition, operations, found) }
    if (found.kind === 'unknown') undecided ??= partition
    else
      orders.set(
        partition,
        found.order.map((at) => operations[at]!),
      )
  }
  return undecided === undefined
    ? { kind: 'linearizable', steps, orders }
    : { kind: 'unknown', steps, stepsMax, partition: undecided }
}

function partitionsOf<State, Input, Output>(
  model: LinearizableModel<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
): Map<string, readonly Operation<Input, Output>[]> {
  const partitions = new Map<string, Operation<Input, Output>[]>()
  for (const operation of history) {
    const name = model.partition?.(operation.input) ?? ''
    const operations = partitions.get(name)
    if (operations) operations.push(operation)
    else partitions.set(name, [operation])
  }
  return partitions
}

function checkModel<State, Input, Output>(model: LinearizableModel<State, Input, Output>): void {
  plainName('model.name', model.name, 200)
  if (typeof model.step !== 'function') throw new InvalidArgument('model.step', 'must be a function')
  const state: unknown = model.initial
  const compound = (typeof state === 'object' && state !== null) || typeof state === 'function'
  if (compound && model.key === undefined)
    throw new InvalidArgument('model.key', 'must be given when states are not primitive: equal states need equal keys')
}

const fields = ['client', 'calledAt', 'returnedAt', 'input', 'output']

function checkHistory(history: readonly Operation<unknown, unknown>[], operationsMax: number): void {
  if (!Array.isArray(history)) throw new InvalidArgument('history', 'must be an array of operations')
  wholeNumber('history.length', history.length, 0, operationsMax)
  for (const [at, operation] of history.entries()) {
    const name = `history[${at}]`
    checkKeys(name, operation, fields)
    plainName(`${name}.client`, operation.client, 200)
    const { calledAt, returnedAt } = operation
    if (typeof calledAt !== 'number' || !Number.isFinite(calledAt))
      throw new InvalidArgument(`${name}.calledAt`, 'must be a finite number')
    if (returnedAt === undefined) continue
    if (typeof returnedAt !== 'number' || !Number.isFinite(returnedAt) || returnedAt < calledAt)
      throw new InvalidArgument(`${name}.returnedAt`, 'must be a finite number not below calledAt, or left out')
  }
}
