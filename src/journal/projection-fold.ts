/**
 * The fold of a projection: events into states by key, through the handlers of a definition. Unlike the runner and the
 * inline procedure, which both stand on it, it knows no store, no checkpoint and no clock. It never decides what becomes
 * of a handler that throws: it says which event that was.
 */
import type { CloudEvent } from '../base/envelope.ts'
import { InvalidArgument, toError } from '../base/error.ts'
import { dataEncoder, decodeData } from './data-text.ts'
import type { Position, Recorded } from './journal.ts'
import { unheard } from './synchronous.ts'
import { isThenable } from './thenable.ts'
import type { StateTexts } from './projection-state.ts'

export interface ProjectionContext {
  /** True when this position had been handled by this projection before: do nothing that is to happen once. */
  readonly replaying: boolean
  readonly stream: string
  readonly version: number
  readonly position: Position
  readonly key: string
  /** The key has no state any more, whatever the handler does with it. */
  readonly remove: () => void
}

export type AnyHandler<State> = (state: State, event: CloudEvent<never>, context: ProjectionContext) => State | void

/** What the fold needs of a definition. */
export interface Folding<State> {
  readonly name: string
  readonly handlers: ReadonlyMap<string, AnyHandler<State>>
  readonly init: (key: string) => State
  readonly key: (recorded: Recorded) => string | undefined
  readonly encode: (state: unknown) => { readonly text: string; readonly bytes: number }
}

/** The state of one key. `state` is undefined with `present` false. */
export interface Cell<State> {
  present: boolean
  state: State | undefined
  /** Differs from what is stored. */
  dirty: boolean
  /** Of the text it was read from or written as last. */
  bytes: number
}

/** The event at `at` failed; undefined: one of them, and it is not known which. */
export interface FoldFailure {
  readonly at: number | undefined
  readonly error: Error
}

const keyMaxLength = 512

/** The key of each event, undefined for those that concern nobody; or the first event without a valid one. */
export function keysOf<State>(
  definition: Folding<State>,
  events: readonly Recorded[],
): { readonly keys: readonly (string | undefined)[] } | FoldFailure {
  const keys: (string | undefined)[] = []
  for (let at = 0; at < events.length; at++) {
    const recorded = events[at] as Recorded
    try {
      keys.push(definition.handlers.has(recorded.event.type) ? checkKey(definition.key(recorded)) : undefined)
    } catch (thrown) {
      return { at, error: toError(thrown) }
    }
  }
  return { keys }
}

/** A key, or undefined. Throws `base.invalid_argument`. */
export function checkKey(key: unknown): string | undefined {
  if (key === undefined) return undefined
  if (typeof key !== 'string' || key.length > keyMaxLength || !key.isWellFormed() || key.includes('\0'))
    throw new InvalidArgument('key', `must be well-formed text of at most ${keyMaxLength} characters, or undefined`)
  return key
}

export function cellOf<State>(text: string | null): Cell<State> {
  if (text === null) return { present: false, state: undefined, dirty: false, bytes: 0 }
  return { present: true, state: decodeData(text) as State, dirty: false, bytes: text.length }
}

/** Runs the handlers in order on the cells; each key has one. At a failure the cells are as the handlers left them. */
export function foldEvents<State>(
  definition: Folding<State>,
  events: readonly Recorded[],
  keys: readonly (string | undefined)[],
  cells: ReadonlyMap<string, Cell<State>>,
  replaying: boolean,
): FoldFailure | undefined {
  for (let at = 0; at < events.length; at++) {
    const key = keys[at]
    if (key === undefined) continue
    try {
      foldOne(definition, events[at] as Recorded, key, cells.get(key) as Cell<State>, replaying)
    } catch (thrown) {
      return { at, error: toError(thrown) }
    }
  }
  return undefined
}

function foldOne<State>(
  definition: Folding<State>,
  { stream, version, position, event }: Recorded,
  key: string,
  cell: Cell<State>,
  replaying: boolean,
): void {
  const handler = definition.handlers.get(event.type) as AnyHandler<State>
  let removed = false
  const remove = () => {
    removed = true
  }
  // A copy, for `init` may give one value to all keys.
  const state = cell.present
    ? (cell.state as State)
    : (decodeData(definition.encode(definition.init(key)).text) as State)
  const made: unknown = handler(state, event as CloudEvent<never>, {
    replaying,
    stream,
    version,
    position,
    key,
    remove,
  })
  if (isThenable(made)) {
    unheard(made)
    throw new InvalidArgument('on', `must be functions that return a state, not a promise; ${event.type} is not so`)
  }
  cell.dirty = true
  cell.present = !removed
  cell.state = removed ? undefined : made === undefined ? state : (made as State)
}

/** The texts of the cells that differ from what is stored; or that one of them cannot be written. */
export function textsOf<State>(
  definition: Folding<State>,
  cells: ReadonlyMap<string, Cell<State>>,
  keys: Iterable<string>,
): { readonly states: StateTexts } | FoldFailure {
  const states: (string | null)[] = []
  for (const key of keys) {
    const cell = cells.get(key) as Cell<State>
    if (!cell.dirty) continue
    if (!cell.present) {
      states.push(key, null)
      cell.bytes = 0
      continue
    }
    try {
      const { text, bytes } = definition.encode(cell.state)
      cell.bytes = bytes
      states.push(key, text)
    } catch (thrown) {
      return { at: undefined, error: toError(thrown) }
    }
  }
  return { states }
}

/** Makes the encoder of states up to a size. */
export function stateEncoder(stateMaxBytes: number): Folding<unknown>['encode'] {
  return dataEncoder(stateMaxBytes)
}
