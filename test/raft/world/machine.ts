/**
 * The machine that the members of a world agree about: a counter, registers by key, and the name of every command that took effect, in
 * order. Unlike a user's it tells a witness of each command that is applied, with the state before and after: a machine that made
 * something else of the log than another one is seen at once, not in the end.
 */
import { type ApplyMeta, type StateMachine, stateMachine } from '../../../src/raft/state-machine.ts'

export interface Command {
  /** No two commands of a world have the same. */
  readonly id: string
  readonly kind: 'add' | 'write' | 'cas' | 'refuse'
  readonly key: string
  readonly value: number
  readonly expected: number
  /** Makes some commands longer than a sector of the disk, so that power can tear them. */
  readonly pad: string
}

export interface State {
  readonly counter: number
  /** 0 where nothing was written. */
  readonly registers: Readonly<Record<string, number>>
  /** Ids of what took effect. */
  readonly done: readonly string[]
}

export type Result = number | boolean | null

export type Tell = (command: Command, meta: ApplyMeta, before: State, after: State) => void

export function worldMachine(tell: Tell): StateMachine<State, Command, Result> {
  return stateMachine<State, Command, Result>({
    initial: { counter: 0, registers: {}, done: [] },
    apply: (state, command, meta) => {
      const applied = made(state, command)
      tell(command, meta, state, applied?.state ?? state)
      if (applied === undefined) throw new RangeError(`${command.id} is refused by the machine`)
      return applied
    },
  })
}

function made(state: State, { id, kind, key, value, expected }: Command): { state: State; result: Result } | undefined {
  if (kind === 'refuse') return undefined
  const done = [...state.done, id]
  if (kind === 'add') {
    const counter = state.counter + value
    return { state: { ...state, counter, done }, result: counter }
  }
  const applies = kind === 'write' || (state.registers[key] ?? 0) === expected
  const registers = applies ? { ...state.registers, [key]: value } : state.registers
  return { state: { ...state, registers, done }, result: kind === 'cas' ? applies : null }
}
