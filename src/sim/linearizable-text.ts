/**
 * The counter-example of the linearizability checker, as data and as text for people: the smallest prefix that cannot be
 * ordered, the longest order that was found for it, and what each operation left over would have needed. It explains what
 * the search found and searches nothing itself.
 */
import { type LinearizableModel, type Operation, type Unanswered, unanswered } from './linearizable-model.ts'

export interface CounterExample<Input, Output> {
  /** The partition that cannot be ordered; empty when the model has none. */
  readonly partition: string
  /**
   * The operations called up to the first answer that no order explains. They alone cannot be ordered; the history as it
   * stood just before that answer could.
   */
  readonly prefix: readonly Operation<Input, Output>[]
  /** The operation whose answer cannot be explained, whatever the order. */
  readonly blockedBy: Operation<Input, Output>
  /** The order of operations of the prefix that the model accepts and that explains the most answers. */
  readonly order: readonly Operation<Input, Output>[]
  /** Several lines of plain text. */
  readonly text: string
}

interface Found<State> {
  readonly blockedBy: number
  readonly order: readonly number[]
  readonly state: State
}

/** Lines of one kind that are shown; a longer list is cut in the middle, aloud. */
const linesShownMax = 40

export function explain<State, Input, Output>(
  model: LinearizableModel<State, Input, Output>,
  partition: string,
  operations: readonly Operation<Input, Output>[],
  { blockedBy: at, order: placed, state }: Found<State>,
): CounterExample<Input, Output> {
  const blockedBy = operations[at]!
  const endedAt = blockedBy.returnedAt!
  const inPrefix = (operation: Operation<Input, Output>) => operation.calledAt <= endedAt
  const order = placed.map((each) => operations[each]!)
  const left = operations.filter((operation, each) => inPrefix(operation) && !placed.includes(each))
  const where = partition === '' ? '' : ` in partition ${JSON.stringify(partition)}`
  const text = [
    `The history is not linearizable as a ${model.name}${where}.`,
    `No order explains this answer: ${line(model, blockedBy)}.`,
    `The longest order that fits (${order.length} of ${order.length + left.length} operations up to ${endedAt}):`,
    ...cut(order.map((operation) => `  ${line(model, operation)}`)),
    `It leads to the state ${describeState(model, state)}. Left over there:`,
    ...cut(left.map((operation) => `  ${line(model, operation)}; ${need(model, state, operation, endedAt)}`)),
  ].join('\n')
  return { partition, prefix: operations.filter(inPrefix), blockedBy, order, text }
}

/** What the operation says, and what it would have had to say in the state that was reached. */
function need<State, Input, Output>(
  model: LinearizableModel<State, Input, Output>,
  state: State,
  operation: Operation<Input, Output>,
  endedAt: number,
): string {
  const { input, returnedAt } = operation
  if (returnedAt === undefined) return 'it may have happened or not'
  if (returnedAt > endedAt) return 'it was still open'
  if (model.step(state, input, operation.output as Output)) return 'it would fit here, and leads no further'
  const expected = model.expected?.(state, input)
  return expected === undefined ? 'the model refuses it here' : `the model would have answered ${expected} here`
}

function line<State, Input, Output>(
  model: LinearizableModel<State, Input, Output>,
  { client, calledAt, returnedAt, input, output }: Operation<Input, Output>,
): string {
  const answered = returnedAt === undefined ? unanswered : (output as Output)
  const what = model.describe?.(input, answered) ?? `${json(input)} -> ${json(answered)}`
  return `[${calledAt}, ${returnedAt ?? '...'}] ${client}: ${what}`
}

function describeState<State>(model: LinearizableModel<State, never, never>, state: State): string {
  return model.describeState?.(state) ?? json(state)
}

function json(value: unknown): string {
  if (value === (unanswered satisfies Unanswered)) return 'no answer'
  if (typeof value === 'bigint') return `${value}n`
  return JSON.stringify(value) ?? String(value)
}

function cut(lines: readonly string[]): readonly string[] {
  if (lines.length <= linesShownMax) return lines
  const half = linesShownMax / 2
  return [...lines.slice(0, half), `  ... ${lines.length - linesShownMax} more ...`, ...lines.slice(-half)]
}
