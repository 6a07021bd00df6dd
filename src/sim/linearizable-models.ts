/**
 * Models for the linearizability checker that most histories need: a register, a counter, a map, a queue and a lock. A
 * model of one's own is an object of the same shape (linearizable-model.ts). They only say what is allowed; nothing here
 * searches. Values are primitive, for a history is compared by what was answered. An operation of a kind that the model does
 * not have throws `base.invalid_argument`.
 */
import { InvalidArgument } from '../base/error.ts'
import type { LinearizableModel, Unanswered } from './linearizable-model.ts'
import { unanswered } from './linearizable-model.ts'

export type HistoryValue = string | number | boolean | null | undefined

const said = (value: unknown): string => (typeof value === 'string' ? JSON.stringify(value) : String(value))

const answer = (output: unknown): string => (output === unanswered ? 'no answer' : said(output))

/** A kind that is misspelt must not be taken for another one. */
function unknownKind({ kind }: { readonly kind: string }, kinds: string): never {
  throw new InvalidArgument('history input.kind', `must be ${kinds}; it is ${JSON.stringify(kind)}`)
}

export type RegisterInput =
  | { readonly kind: 'read' }
  | { readonly kind: 'write'; readonly value: HistoryValue }
  | { readonly kind: 'cas'; readonly expected: HistoryValue; readonly value: HistoryValue }

/** One value: `read` answers it, `write` sets it (its answer is not looked at), `cas` answers whether it did. */
export function registerModel(
  initial?: HistoryValue,
): LinearizableModel<HistoryValue, RegisterInput, HistoryValue | void> {
  return { name: 'register', initial, step: stepRegister, describe: describeRegister, expected: expectedRegister }
}

function stepRegister(
  state: HistoryValue,
  input: RegisterInput,
  output: HistoryValue | void | Unanswered,
): { state: HistoryValue } | undefined {
  switch (input.kind) {
    case 'read':
      return output === unanswered || Object.is(output, state) ? { state } : undefined
    case 'write':
      return { state: input.value }
    case 'cas': {
      const done = Object.is(state, input.expected)
      return output === unanswered || output === done ? { state: done ? input.value : state } : undefined
    }
    default:
      return unknownKind(input, 'read, write or cas')
  }
}

function describeRegister(input: RegisterInput, output: HistoryValue | void | Unanswered): string {
  switch (input.kind) {
    case 'read':
      return `read() -> ${answer(output)}`
    case 'write':
      return `write(${said(input.value)})${output === unanswered ? ' -> no answer' : ''}`
    case 'cas':
    default:
      return `cas(${said(input.expected)}, ${said(input.value)}) -> ${answer(output)}`
  }
}

function expectedRegister(state: HistoryValue, input: RegisterInput): string {
  if (input.kind === 'read') return said(state)
  return input.kind === 'cas' ? said(Object.is(state, input.expected)) : 'any answer'
}

export type CounterInput = { readonly kind: 'read' } | { readonly kind: 'add'; readonly by: number }

/** A sum: `add` answers the new sum, or undefined when it does not say; `read` answers the sum. */
export function counterModel(initial = 0): LinearizableModel<number, CounterInput, number | void> {
  return {
    name: 'counter',
    initial,
    step(sum, input, output) {
      if (input.kind !== 'add' && input.kind !== 'read') return unknownKind(input, 'add or read')
      const next = input.kind === 'add' ? sum + input.by : sum
      const silent = input.kind === 'add' && output === undefined
      return output === unanswered || silent || output === next ? { state: next } : undefined
    },
    describe: (input, output) =>
      input.kind === 'add' ? `add(${input.by}) -> ${answer(output)}` : `read() -> ${answer(output)}`,
    expected: (sum, input) => said(input.kind === 'add' ? sum + input.by : sum),
  }
}

export type MapInput = RegisterInput & { readonly key: string }

/** A register for every key; `undefined` is the value of a key that was never written. Each key is a partition. */
export function mapModel(): LinearizableModel<HistoryValue, MapInput, HistoryValue | void> {
  return {
    name: 'map',
    initial: undefined,
    partition: ({ key }) => key,
    step: stepRegister,
    describe: (input, output) => `${said(input.key)}: ${describeRegister(input, output)}`,
    expected: expectedRegister,
  }
}

export type QueueInput = { readonly kind: 'put'; readonly value: HistoryValue } | { readonly kind: 'take' }

/** First in, first out: `take` answers the oldest value and removes it, `undefined` when there is none. */
export function queueModel(): LinearizableModel<readonly HistoryValue[], QueueInput, HistoryValue | void> {
  return {
    name: 'queue',
    initial: [],
    key: (values) => values.map((value) => `${typeof value}:${said(value)}`).join(),
    step(values, input, output) {
      if (input.kind === 'put') return { state: [...values, input.value] }
      if (input.kind !== 'take') return unknownKind(input, 'put or take')
      return output === unanswered || Object.is(output, values[0]) ? { state: values.slice(1) } : undefined
    },
    describe: (input, output) =>
      input.kind === 'put'
        ? `put(${said(input.value)})${output === unanswered ? ' -> no answer' : ''}`
        : `take() -> ${answer(output)}`,
    expected: (values, input) => (input.kind === 'put' ? 'any answer' : said(values[0])),
  }
}

export interface LockInput {
  readonly kind: 'acquire' | 'release'
  readonly holder: string
}

/** Held by one at a time: `acquire` answers whether the lock was free, `release` whether the caller held it. */
export function lockModel(): LinearizableModel<string | undefined, LockInput, boolean> {
  const taken = (held: string | undefined, { kind, holder }: LockInput): boolean =>
    kind === 'acquire' ? held === undefined : held === holder
  return {
    name: 'lock',
    initial: undefined,
    step(held, input, output) {
      if (input.kind !== 'acquire' && input.kind !== 'release') return unknownKind(input, 'acquire or release')
      const done = taken(held, input)
      if (output !== unanswered && output !== done) return undefined
      if (!done) return { state: held }
      return { state: input.kind === 'acquire' ? input.holder : undefined }
    },
    describe: ({ kind, holder }, output) => `${kind}(${said(holder)}) -> ${answer(output)}`,
    expected: (held, input) => said(taken(held, input)),
  }
}
