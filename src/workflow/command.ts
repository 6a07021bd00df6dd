/**
 * What a step can do beside calling a function: command an actor, or propose to a raft group. Both are functions for `do` and `undo`, with the
 * order of the step handed on, so that whoever gets it can tell repeated work from new, and late work from timely (`fence.ts`).
 */
import type { ActorRef, MessageOf, Protocol, ResultOf } from '../actor/actor.ts'
import { wholeNumber } from '../base/limit.ts'
import type { StepContext, StepOrder } from './core/step-context.ts'
import { labelled } from './label.ts'

/** What an actor gets: the input of the step, and the order. Of an undo also what the step gave, if it had finished. */
export interface Commanded<Input, Output = unknown> {
  readonly input: Input
  readonly output?: Output
  readonly order: StepOrder
}

export interface CommandOptions {
  /** Of one call, in ms. Default: what is left of the attempt. */
  readonly timeoutMs?: number
}

type InputOf<P, Name extends keyof P> =
  MessageOf<P, Name> extends readonly [infer Message, ...unknown[]]
    ? Message extends Commanded<infer Input>
      ? Input
      : never
    : unknown

/**
 * Calls a message of an actor; its answer is what the step gives. `to`: the actor, or who finds it for each attempt, since one that was
 * started anew by name may have another reference.
 */
export function command<P = Protocol, Name extends keyof P & string = keyof P & string>(
  to: ActorRef<P> | (() => ActorRef<P>),
  name: Name,
  options: CommandOptions = {},
): (input: InputOf<P, Name>, second: unknown, third?: StepContext) => Promise<ResultOf<P, Name>> {
  const timeoutMs = options.timeoutMs === undefined ? undefined : wholeNumber('timeoutMs', options.timeoutMs, 1)
  const call = (input: unknown, second: unknown, third?: StepContext): Promise<ResultOf<P, Name>> => {
    // As `do` it is called with input and context, as `undo` with the output between.
    const context = third ?? (second as StepContext)
    const output = third === undefined ? undefined : second
    const ref = typeof to === 'function' ? to() : to
    const message: Commanded<unknown> = { input, ...(output !== undefined && { output }), order: context.order }
    const bound = ref.with({
      signal: context.signal,
      // The attempt has its own time; a call without a limit would have one of the actor's making.
      timeoutMs: timeoutMs ?? 2 ** 30,
      ...(context.cause.correlationid !== undefined && { correlation: context.cause.correlationid }),
    })
    return bound.call(name, ...([message] as unknown as MessageOf<P, Name>))
  }
  const shown = typeof to === 'function' ? 'an actor' : to.toString()
  return labelled(call, { kind: 'command', to: shown, message: name })
}

/** The part of a raft group that a step needs. */
export interface ProposeTarget<Command, Result> {
  with(options: { readonly signal?: AbortSignal; readonly timeoutMs?: number; readonly retry?: unknown }): {
    propose(command: Command): Promise<{ readonly result: Result; readonly index: number; readonly term: number }>
  }
}

/**
 * Has a group decide on a command made of input and order; the step gives the group's result. A proposal whose outcome is not known fails
 * the attempt, and the next proposes again: the command should bear `order.key`, and the state machine do each key once.
 */
export function propose<Input, Command, Result>(
  group: ProposeTarget<Command, Result>,
  make: (input: Input, order: StepOrder) => Command,
  options: CommandOptions & { readonly label?: string } = {},
): (input: Input, second: unknown, third?: StepContext) => Promise<Result> {
  const timeoutMs = options.timeoutMs === undefined ? undefined : wholeNumber('timeoutMs', options.timeoutMs, 1)
  const decide = async (input: Input, second: unknown, third?: StepContext): Promise<Result> => {
    const { order, signal } = third ?? (second as StepContext)
    const bound = group.with({ signal, ...(timeoutMs !== undefined && { timeoutMs }) })
    return (await bound.propose(make(input, order))).result
  }
  return labelled(decide, { kind: 'propose', to: options.label ?? 'a group' })
}
