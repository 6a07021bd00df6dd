/**
 * given(): a decider tried without a journal: these events have happened, this command comes, that is decided. Unlike
 * `execute` it keeps nothing, waits for nothing and needs no runner; an expectation that does not hold throws.
 *
 *     given(account, [{ type: 'account.opened', data: { owner: 'alice' } }])
 *       .when({ kind: 'deposit', amount: 5 })
 *       .then([{ type: 'account.deposited', data: { amount: 5 } }])
 *       .thenState({ open: true, balance: 5 })
 *     given(account).when({ kind: 'deposit', amount: 5 }).thenError('account.not_open')
 *
 * Events pass through the JSON codec, those given and those decided, so that what cannot be stored fails here. What `decide`
 * and `evolve` are given is frozen, so that one which changes it fails too; so is a state that a snapshot could not keep.
 */
import { isDeepStrictEqual } from 'node:util'
import { jsonCodec } from '../base/codec.ts'
import { messageOf } from '../base/error.ts'
import type { Decider, DomainEvent } from '../journal/decider.ts'
import { synchronous } from '../journal/synchronous.ts'
import { differenceOf } from './difference.ts'
import { GivenMismatch } from './error.ts'

export interface GivenEvents<State, Command, Event> {
  /** The command is decided at once. */
  when(command: Command): Outcome<State, Event>
}

/** Every expectation throws `testing.given_mismatch`, with what was expected and what there is. */
export interface Outcome<State, Event> {
  /** These events, deeply equal and no others; or whatever the function checks by throwing. */
  then(expected: readonly Event[] | ((events: readonly Event[], state: State) => unknown)): Outcome<State, Event>
  /** `decide` or `evolve` threw an error of this `code`; or one that the function accepts by not throwing. */
  thenError(expected: string | ((error: unknown) => unknown)): Outcome<State, Event>
  /** No events, and no error. */
  thenNothing(): Outcome<State, Event>
  /** The state after these events; or whatever the function checks by throwing. */
  thenState(expected: State | ((state: State) => unknown)): Outcome<State, Event>
}

/** Throws `testing.given_mismatch` where the given events cannot be stored, and what `evolve` throws for them. */
export function given<State, Command, Event extends DomainEvent>(
  decider: Decider<State, Command, Event>,
  events: readonly Event[] = [],
): GivenEvents<State, Command, Event> {
  const state = fold(decider, synchronous('initial', decider.initial()), events.map(asStored('a given event')))
  return { when: (command) => new Tried(outcomeOf(decider, state, command)) }
}

type Tryout<State, Event> =
  | { readonly ok: true; readonly events: readonly Event[]; readonly state: State }
  | { readonly ok: false; readonly error: unknown }

function outcomeOf<State, Command, Event extends DomainEvent>(
  decider: Decider<State, Command, Event>,
  before: State,
  command: Command,
): Tryout<State, Event> {
  let events: readonly Event[]
  let state: State
  try {
    const decided = synchronous('decide', decider.decide(deepFreeze(command), before))
    events = decided.map(asStored('a decided event'))
    state = fold(decider, before, events)
  } catch (error) {
    if (error instanceof GivenMismatch) throw error
    return { ok: false, error }
  }
  if (decider.snapshotEvery > 0) checkSnapshot(state)
  return { ok: true, events, state }
}

function fold<State, Command, Event extends DomainEvent>(
  { evolve }: Decider<State, Command, Event>,
  state: State,
  events: readonly Event[],
): State {
  return events.reduce(
    (state, event) => deepFreeze(synchronous('evolve', evolve(state, deepFreeze(event)))),
    deepFreeze(state),
  )
}

const codec = jsonCodec()

/** What the journal would give back. */
function asStored(what: string): <Event extends DomainEvent>(event: Event) => Event {
  return <Event extends DomainEvent>({ type, data }: Event) => {
    try {
      return { type, data: codec.decode(codec.encode(data)) } as Event
    } catch (cause) {
      throw new GivenMismatch(`${what} of type ${type} cannot be stored: ${messageOf(cause)}`, { cause })
    }
  }
}

function checkSnapshot(state: unknown): void {
  let back: unknown
  try {
    back = codec.decode(codec.encode(state))
  } catch (cause) {
    throw new GivenMismatch(`the state cannot be kept in a snapshot: ${messageOf(cause)}`, { cause })
  }
  if (!isDeepStrictEqual(back, state))
    throw new GivenMismatch(`a snapshot would give back another state:\n${differenceOf(state, back)}`, {
      expected: state,
      actual: back,
    })
}

/** Plain objects and arrays; a Date or a Map cannot be frozen. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return value
  Object.freeze(value)
  for (const item of Object.values(value)) deepFreeze(item)
  return value
}

/**
 * The word by which this kind of test is known makes an outcome thenable, on purpose: whoever awaits one gets its events, or
 * the error that says why there are none.
 */
const words = { events: 'then' } as const

class Tried<State, Event extends DomainEvent> implements Outcome<State, Event> {
  readonly #tried: Tryout<State, Event>

  constructor(tried: Tryout<State, Event>) {
    this.#tried = tried
  }

  [words.events](expected: readonly Event[] | ((events: readonly Event[], state: State) => unknown)): this {
    const { events, state } = this.#decided('events were expected')
    if (typeof expected === 'function') expected(events, state)
    else this.#same('other events were decided', expected.map(asStored('an expected event')), events)
    return this
  }

  thenError(expected: string | ((error: unknown) => unknown)): this {
    const tried = this.#tried
    if (tried.ok)
      throw new GivenMismatch(`an error was expected and there were events:\n${differenceOf([], tried.events)}`, {
        expected,
        actual: tried.events,
      })
    const { error } = tried
    if (typeof expected === 'function') expected(error)
    else {
      const actual = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
      if (actual !== expected)
        throw new GivenMismatch(
          `an error of code ${expected} was expected and ${typeof actual === 'string' ? actual : 'one without a code'} came: ${messageOf(error)}`,
          { cause: error, expected, actual },
        )
    }
    return this
  }

  thenNothing(): this {
    const { events } = this.#decided('no events were expected')
    this.#same('no events were expected', [], events)
    return this
  }

  thenState(expected: State | ((state: State) => unknown)): this {
    const { state } = this.#decided('a state was expected')
    if (typeof expected === 'function') (expected as (state: State) => unknown)(state)
    else this.#same('the state is another', expected, state)
    return this
  }

  #decided(what: string): { readonly events: readonly Event[]; readonly state: State } {
    const tried = this.#tried
    if (tried.ok) return tried
    const { error } = tried
    throw new GivenMismatch(`${what} and an error came: ${messageOf(error)}`, { cause: error })
  }

  #same(what: string, expected: unknown, actual: unknown): void {
    if (!isDeepStrictEqual(actual, expected))
      throw new GivenMismatch(`${what}:\n${differenceOf(expected, actual)}`, { expected, actual })
  }
}
