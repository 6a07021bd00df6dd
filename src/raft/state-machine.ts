/**
 * stateMachine: what the log of a group makes. Unlike an actor or a projection it sees commands that a quorum has agreed on, in
 * one order on all members, and must make the same of them everywhere. It does nothing but compute.
 *
 * The contract:
 * 1. The state is a value. `apply` never changes it; it returns the next one, which may share parts with the last. What can be
 *    frozen is frozen, so that a change in place throws in strict mode (ECMAScript modules always are) instead of making members differ.
 * 2. `apply` is synchronous and deterministic: no clock but `meta.timeMs`, no chance, nothing but its arguments.
 * 3. A throw is the command's result, the same on all members and for each retry, and the state stays as it was.
 * 4. Results are plain data, as the JSON codec takes it; so is the state, unless `snapshot` and `restore` say otherwise.
 */
import { type Codec, jsonCodec } from '../base/codec.ts'
import { InvalidArgument } from '../base/error.ts'
import { checkKeys } from '../base/limit.ts'
import { freezePlain } from './freeze-plain.ts'

/** What goes with a command. */
export interface ApplyMeta {
  readonly index: number
  readonly term: number
  /** Milliseconds since the epoch as the log has it: never back, and the same on all members. */
  readonly timeMs: number
}

export interface Applied<State, Result> {
  readonly state: State
  readonly result: Result
}

export interface StateMachineDefinition<State, Command, Result> {
  /** The state before the first command. */
  readonly initial: State
  apply(state: State, command: Command, meta: ApplyMeta): Applied<State, Result>
  /** The state as bytes. It is a value and does not change meanwhile. Default: the JSON codec, to 256 MiB. */
  snapshot?(state: State): Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  /** The inverse. Goes with `snapshot`. */
  restore?(chunks: AsyncIterable<Uint8Array>): State | Promise<State>
  /** Commands as bytes. Default: the JSON codec, to 8 MiB. */
  readonly codec?: Codec
}

/** All filled in; made by `stateMachine` alone. */
export interface StateMachine<State, Command, Result> {
  readonly initial: State
  readonly codec: Codec
  /** Whether states must be plain data, for want of a `snapshot` of their own. */
  readonly plain: boolean
  apply(state: State, command: Command, meta: ApplyMeta): Applied<State, Result>
  snapshot(state: State): Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  restore(chunks: AsyncIterable<Uint8Array>): State | Promise<State>
}

const definitionKeys = ['initial', 'apply', 'snapshot', 'restore', 'codec'] as const
const stateCodec = jsonCodec({ sizeMaxBytes: 2 ** 28 })
const commandCodec = jsonCodec()

/** Throws `base.invalid_argument`; with an initial state that is not plain data also `raft.invalid_result`. */
export function stateMachine<State, Command, Result>(
  definition: StateMachineDefinition<State, Command, Result>,
): StateMachine<State, Command, Result> {
  checkKeys('machine', definition, definitionKeys)
  const { initial } = definition
  if (typeof definition.apply !== 'function') throw new InvalidArgument('machine.apply', 'must be a function')
  const plain = definition.snapshot === undefined
  if (plain !== (definition.restore === undefined))
    throw new InvalidArgument('machine.snapshot', 'goes with restore: give both or neither')
  return {
    initial: freezePlain(initial, plain) as State,
    codec: definition.codec ?? commandCodec,
    plain,
    apply: (state, command, meta) => definition.apply(state, command, meta),
    snapshot: (state) => definition.snapshot?.(state) ?? [stateCodec.encode(state)],
    restore: (chunks) => (definition.restore ? definition.restore(chunks) : decoded<State>(chunks)),
  }
}

async function decoded<State>(chunks: AsyncIterable<Uint8Array>): Promise<State> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return freezePlain(stateCodec.decode(Buffer.concat(parts)), true) as State
}
