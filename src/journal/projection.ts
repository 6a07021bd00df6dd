/**
 * Projection: a state by key, folded from the events of a journal and kept in a store. Unlike a decider's state it is not
 * read before an append and decides nothing; unlike a reactor it does nothing but change its own state. This file only
 * makes and checks the definition: `projection-runner.ts` runs it after the appends, `storeJournal({ inline })` within them.
 *
 * ```ts
 * export const balances = projection({
 *   name: 'balances',
 *   init: () => ({ cents: 0 }),
 *   key: ({ stream }) => stream,
 *   on: {
 *     'account.paid': (state, event: CloudEvent<{ cents: number }>) => {
 *       state.cents += event.data.cents
 *     },
 *   },
 * })
 * ```
 *
 * A handler may change the state it is given, or return a new one; returning nothing keeps what it was given. It must not
 * change the event, nor keep the state. It may be called several times for one event (a retry, a rebuild, a transaction
 * that is run again) and only the last call's effect is kept, so whatever it does elsewhere has to be held back when
 * `context.replaying` is true, and better belongs into a reactor.
 */
import type { CloudEvent } from '../base/envelope.ts'
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'
import { procedure } from '../store/procedure.ts'
import type { Procedure, Transaction } from '../store/store.ts'
import { checkFilter } from './filter.ts'
import type { CheckedFilter } from './filter.ts'
import type { Filter, Recorded } from './journal.ts'
import { stateEncoder } from './projection-fold.ts'
import type { AnyHandler, Folding, ProjectionContext } from './projection-fold.ts'
import { runInline } from './projection-inline.ts'
import type { InlineArgs, InlineResult } from './projection-inline.ts'

/** The state of its key, the event, and where it stands. What it returns, unless undefined, is the new state. */
export type ProjectionHandler<State, Data> = (
  state: State,
  event: CloudEvent<Data>,
  context: ProjectionContext,
) => State | void

export interface ProjectionOptions<State, Events> {
  /** 1 to 100 characters; the checkpoint and the states are kept under it. */
  readonly name: string
  /** Raise it when the handlers or the key change: all events are then folded anew. Default 1. */
  readonly version?: number
  /** Which events, besides that there is a handler for their type. */
  readonly filter?: Omit<Filter, 'types'>
  /** The state of a key that has none yet: anything that the JSON codec of `base/` takes. */
  readonly init: (key: string) => State
  /** Whose state an event changes, up to 512 characters; undefined: nobody's. Default: one state with the key ''. */
  readonly key?: (recorded: Recorded) => string | undefined
  /** A handler for each type of event, 1 to 1,000. */
  readonly on: { readonly [Type in keyof Events]: ProjectionHandler<State, Events[Type]> }
  /** Encoded state of one key. Default 1 MiB. */
  readonly stateMaxBytes?: number
  /**
   * For `storeJournal({ inline })`: the `import.meta.url` of the module that exports this definition, and the name it is
   * exported by. The store's worker imports it, so that module should import little, and must not be the program's main
   * module: the worker would run the program again.
   */
  readonly inline?: { readonly module: string; readonly name: string }
}

/** A definition that passed its checks. */
export interface Projection<State> extends Folding<State> {
  readonly name: string
  readonly version: number
  /** Under which it stands in the store. */
  readonly owner: string
  readonly filter: Filter
  readonly checked: CheckedFilter | null
  /** The store's way to run it in the transaction of an append; there if the definition is inline. */
  readonly inline?: Procedure<InlineArgs, InlineResult>
  /** What the store's worker calls when it has found this definition by its export. */
  readonly run: (transaction: Transaction, args: InlineArgs) => InlineResult
}

/** What `storeJournal` needs of an inline definition, whatever its state. */
export type InlineProjection = Pick<Projection<never>, 'name' | 'version' | 'owner' | 'inline'>

const options = ['name', 'version', 'filter', 'init', 'key', 'on', 'stateMaxBytes', 'inline'] as const
const nameMaxLength = 100
const typesMax = 1000

/** Checks a definition. Throws `base.invalid_argument`, `base.limit_exceeded`. */
export function projection<State, Events>(given: ProjectionOptions<State, Events>): Projection<State> {
  checkKeys('projection', given, options)
  const { name, version = 1, init, key, stateMaxBytes = 2 ** 20, inline } = given
  checkName(name)
  if (typeof init !== 'function') throw new InvalidArgument('init', 'must be a function that makes the first state')
  if (key !== undefined && typeof key !== 'function') throw new InvalidArgument('key', 'must be a function')
  const handlers = checkHandlers(given.on as Readonly<Record<string, AnyHandler<State>>>)
  const filter: Filter = { ...given.filter, types: [...handlers.keys()] }
  const made = {
    name,
    version: wholeNumber('version', version, 1),
    owner: `projection/${name}`,
    filter,
    checked: checkFilter(filter) ?? null,
    handlers,
    init,
    key: key ?? (() => ''),
    encode: stateEncoder(wholeNumber('stateMaxBytes', stateMaxBytes, 1, 2 ** 28)),
    run: (tx: Transaction, args: InlineArgs): InlineResult => runInline(made, tx, args),
  }
  if (inline === undefined) return Object.freeze(made)
  checkKeys('inline', inline, ['module', 'name'])
  return Object.freeze({ ...made, inline: procedure(inline.module, inline.name, made.run) })
}

/** The name of a projection or a reactor. */
export function checkName(name: unknown): string {
  const text = plainName('name', name, nameMaxLength)
  if (!text.isWellFormed()) throw new InvalidArgument('name', 'must be well-formed text')
  return text
}

/** Handlers by type of event; a map, so that no type meets a property of every object. */
export function checkHandlers<Handler>(on: Readonly<Record<string, Handler>>): ReadonlyMap<string, Handler> {
  if (typeof on !== 'object' || on === null)
    throw new InvalidArgument('on', 'must be an object with a handler for a type')
  const handlers = new Map(Object.entries(on))
  if (handlers.size === 0 || handlers.size > typesMax)
    throw new InvalidArgument('on', `must hold 1 to ${typesMax} handlers, each under a type of event`)
  for (const [type, handler] of handlers)
    if (typeof handler !== 'function') throw new InvalidArgument(`on[${JSON.stringify(type)}]`, 'must be a function')
  return handlers
}
