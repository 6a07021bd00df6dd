/**
 * The gate of a callee: it tells orders of sagas that come again, and refuses those whose time is over: a `do` that arrives after its `undo`,
 * because it was late on its way, must not be carried out. Unlike the workflow, which cannot stop what it has sent, the callee can. Plain
 * data, so that an actor may keep it in its state; it forgets the oldest beyond its bound.
 */
import { wholeNumber } from '../base/limit.ts'
import type { StepOrder } from './core/step-context.ts'
import { Fenced } from './error.ts'

export interface Gate {
  /** Steps that are remembered. */
  readonly max: number
  /** Of each step in each run the highest token, and what was answered to its order; the oldest first. */
  readonly seen: [step: string, token: number, done: boolean, answer: unknown][]
}

/** `max`: steps that are remembered, 1 to 1,000,000. Default 10,000: an order that comes later than so many others passes as new. */
export function gate(max = 10_000): Gate {
  return { max: wholeNumber('max', max, 1, 1_000_000), seen: [] }
}

/**
 * Carries an order out once: `work` is called for a new one; an order that was carried out gives its answer again; one that comes after a
 * later order of its step throws `workflow.fenced`. `work` may wait; a second order of the same step meanwhile begins beside it, so an
 * actor that is not reentrant has nothing to fear, and others lock.
 */
export function passGate<Result>(of: Gate, order: StepOrder, work: () => Result): Result {
  const step = `${order.run}:${order.step}`
  const at = of.seen.findIndex(([known]) => known === step)
  const before = of.seen[at]
  if (before && before[1] > order.token) throw new Fenced(order.key)
  if (before && before[1] === order.token && before[2]) return before[3] as Result
  if (at !== -1) of.seen.splice(at, 1)
  const entry: Gate['seen'][number] = [step, order.token, false, undefined]
  of.seen.push(entry)
  if (of.seen.length > of.max) of.seen.shift()
  const result = work()
  if (result instanceof Promise) {
    return result.then((answer: unknown) => {
      answered(entry, answer)
      return answer
    }) as Result
  }
  answered(entry, result)
  return result
}

function answered(entry: Gate['seen'][number], answer: unknown): void {
  entry[2] = true
  entry[3] = answer
}
