/**
 * decider(): how a command becomes events, and events a state (the decider pattern, Jérémie Chassaing). Unlike a persistent
 * actor it keeps no state, owns no stream and runs nowhere by itself: `execute` loads, decides and appends with it, and
 * `given` of `colloquy/testing` tries it without a journal.
 *
 * All three functions are pure and synchronous: the same arguments give the same result, and what they are given they leave
 * as it is. `execute` calls them as often as it likes.
 */
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'

/** What was decided: the type and data of an event in the journal. */
export interface DomainEvent {
  /** Of the CloudEvent: `account.deposited`. */
  readonly type: string
  /** What the JSON codec of `base/` takes. */
  readonly data: unknown
}

export interface DeciderSpec<State, Command, Event extends DomainEvent> {
  /** The state before the first event. */
  readonly initial: () => State
  /**
   * What the command leads to in this state: events, all of which are appended or none; no events where there is nothing to
   * do. A refusal is thrown; `execute` gives it to its caller as it is.
   */
  readonly decide: (command: Command, state: State) => readonly Event[]
  /**
   * The state after an event, of whatever type there are in the stream. An event that it throws for is never appended by
   * `execute`; one that is there already fails every command.
   */
  readonly evolve: (state: State, event: Event) => State
  /** Names the snapshots, 1 to 64 characters: needed with `snapshotEvery`. Deciders of one name share them, so one decider has it. */
  readonly name?: string
  /** Raise it when `initial`, `evolve`, the upcasters or the shape of the state change: snapshots of other versions are not used. Default 1. */
  readonly version?: number
  /**
   * Events between two snapshots. Default 0: none are made; those that there are under `name` are used all the same. The
   * state must then be what the JSON codec takes and gives back.
   */
  readonly snapshotEvery?: number
}

export interface Decider<State, Command, Event extends DomainEvent> {
  readonly initial: () => State
  readonly decide: (command: Command, state: State) => readonly Event[]
  readonly evolve: (state: State, event: Event) => State
  readonly name: string | undefined
  readonly version: number
  readonly snapshotEvery: number
}

/**
 * Checks and completes a decider. The types are inferred from the parameters of `decide` and `evolve`. Throws
 * `base.invalid_argument`.
 *
 *     type AccountEvent = { type: 'account.opened'; data: { owner: string } } | { type: 'account.deposited'; data: number }
 *     type Command = { kind: 'open'; owner: string } | { kind: 'deposit'; amount: number }
 *     const account = decider({
 *       initial: () => ({ open: false, balance: 0 }),
 *       decide(command: Command, state) {
 *         if (command.kind === 'deposit') return [{ type: 'account.deposited', data: command.amount }]
 *         return state.open ? [] : [{ type: 'account.opened', data: { owner: command.owner } }]
 *       },
 *       evolve(state, event: AccountEvent) {
 *         if (event.type === 'account.opened') return { ...state, open: true }
 *         return { ...state, balance: state.balance + event.data }
 *       },
 *     })
 */
export function decider<State, Command, const Event extends DomainEvent>(
  spec: DeciderSpec<State, Command, Event>,
): Decider<State, Command, Event> {
  checkKeys('decider', spec, ['initial', 'decide', 'evolve', 'name', 'version', 'snapshotEvery'])
  const { initial, decide, evolve, name } = spec
  for (const [key, value] of Object.entries({ initial, decide, evolve }))
    if (typeof value !== 'function') throw new InvalidArgument(key, 'must be a function')
  if (name !== undefined && !plainName('name', name, 64).isWellFormed())
    throw new InvalidArgument('name', 'must be well-formed text')
  const version = wholeNumber('version', spec.version ?? 1, 1)
  const snapshotEvery = wholeNumber('snapshotEvery', spec.snapshotEvery ?? 0, 0)
  if (snapshotEvery > 0 && name === undefined)
    throw new InvalidArgument('name', 'must be given with snapshotEvery: snapshots are kept under it')
  return Object.freeze({ initial, decide, evolve, name, version, snapshotEvery })
}
