/**
 * Projections into tables of one's own: a procedure of the user changes them, in the transaction that stores the checkpoint.
 * Unlike `projection()` it keeps no state by key and folds nothing itself; what the tables look like, and their schema among
 * those of the store, is the user's.
 *
 * ```ts
 * // in a module of its own, which the store's worker imports
 * type Paid = readonly Recorded<{ cents: number }>[]
 * export const apply: Projecting = projecting(import.meta.url, 'apply', (tx, events: Paid, { generation }) => {
 *   for (const { event } of events)
 *     tx.sql('INSERT INTO sale (generation, id, cents) VALUES (?, ?, ?)').run(generation, event.id, event.data.cents)
 * })
 * // where it is run
 * const sales = tableProjection({ name: 'sales', filter: { types: ['order.paid'] }, apply })
 * ```
 *
 * Rows carry the generation, because a rebuild fills a second one beside the one that is served: select those of
 * `servedGeneration(name)`.
 */
import { assert, toError } from '../base/error.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'
import { procedure } from '../store/procedure.ts'
import type { Procedure, Store, Transaction } from '../store/store.ts'
import { checkFilter } from './filter.ts'
import type { Filter, Recorded } from './journal.ts'
import { checkName } from './projection.ts'
import { advance, isServed, refusal, servedBy } from './projection-generation.ts'
import type { CommitOutcome, Step } from './projection-generation.ts'
import type { Applied, LineTarget } from './projection-line.ts'
import { synchronous } from './synchronous.ts'

export interface TableContext {
  /** Whose rows they are. */
  readonly generation: number
  /** True when these events had been handled by this projection before. */
  readonly replaying: boolean
}

export interface TableEffect {
  /**
   * Changes the tables by some events, in order, and at once: a promise is refused, for its transaction would be over before
   * it is. May be run again for the same events after its transaction was undone.
   */
  readonly apply: (tx: Transaction, events: readonly Recorded<never>[], context: TableContext) => undefined | void
  /** Erases at most `limit` rows of a generation and returns how many. Without it they stay when a rebuild takes over. */
  readonly erase?: (tx: Transaction, generation: number, limit: number) => number
}

/** Every function has an `apply` of its own, and an asynchronous one would pass for an effect. */
type Effect = TableEffect & { readonly call?: never }

export type ProjectingArgs =
  | { readonly kind: 'apply'; readonly step: Step; readonly events: readonly Recorded[] }
  | { readonly kind: 'erase'; readonly generation: number; readonly limit: number }

export type ProjectingResult = { readonly kind: CommitOutcome } | { readonly kind: 'erased'; readonly rows: number }

export type Projecting = Procedure<ProjectingArgs, ProjectingResult>

/** The mark of an error that the user's function threw, on its way out of the store. */
const markedField = 'projecting'

/**
 * A procedure that checks the checkpoint, runs the user's function and stores the checkpoint. Export it under `name` from a
 * module of its own, never from the program's main module: the store's worker imports it, and would run the program again.
 */
export function projecting(module: string, name: string, effect: TableEffect['apply']): Projecting
export function projecting(module: string, name: string, effect: Effect): Projecting
export function projecting(module: string, name: string, effect: Effect | TableEffect['apply']): Projecting {
  const { apply, erase } = typeof effect === 'function' ? { apply: effect, erase: undefined } : effect
  return procedure(module, name, (tx, args) => {
    if (args.kind === 'erase') {
      const rows = isServed(tx, args.generation) ? 0 : (erase?.(tx, args.generation, args.limit) ?? 0)
      return { kind: 'erased', rows }
    }
    const { step, events } = args
    const refused = refusal(tx, step)
    if (refused) return { kind: refused }
    const { generation, replaying } = step
    if (events.length > 0)
      try {
        synchronous('apply', apply(tx, events as readonly Recorded<never>[], { generation, replaying }))
      } catch (thrown) {
        throw marked(thrown)
      }
    advance(tx, step)
    return { kind: 'kept' }
  })
}

/** SQLite's primary result codes (sqlite.org/rescode.html) that are the statement's fault, not the disk's. */
const statementFaults: ReadonlySet<number> = new Set([1, 18, 19, 20, 25])

/** Of what the disk or the database refused the store must judge, so it passes as it came. */
function marked(thrown: unknown): unknown {
  const { errcode } = thrown as { readonly errcode?: unknown }
  if (typeof errcode === 'number' && !statementFaults.has(errcode & 0xff)) return thrown
  const error = toError(thrown)
  return Object.assign(new Error(error.message, { cause: error }), { [markedField]: true })
}

function causeOfMarked(error: unknown): Error | undefined {
  if (!(error instanceof Error) || !(markedField in error)) return undefined
  return toError(error.cause)
}

export interface TableProjectionOptions {
  readonly name: string
  /** Raise it to have all events applied anew. Default 1. */
  readonly version?: number
  /** Which events. Default: all. */
  readonly filter?: Filter
  readonly apply: Projecting
}

export interface TableProjection {
  readonly kind: 'table'
  readonly name: string
  readonly version: number
  readonly owner: string
  readonly filter: Filter
  readonly apply: Projecting
}

/** Checks a definition. Throws `base.invalid_argument`. */
export function tableProjection(given: TableProjectionOptions): TableProjection {
  checkKeys('tableProjection', given, ['name', 'version', 'filter', 'apply'])
  const { name, version = 1, filter = {}, apply } = given
  checkFilter(filter)
  checkName(name)
  return Object.freeze({
    kind: 'table',
    name,
    version: wholeNumber('version', version, 1),
    owner: `projection/${name}`,
    filter,
    apply,
  })
}

/** The generation whose rows are to be read; undefined before the projection was first run. */
export async function servedGeneration(store: Store, name: string): Promise<number | undefined> {
  return (await store.read(servedId, `projection/${checkName(name)}`)) ?? undefined
}

/** For the store: the id of the generation that an owner serves. */
export const servedId: Procedure<string, number | null> = procedure(
  import.meta.url,
  'servedId',
  (tx, owner) => servedBy(tx, owner)?.id ?? null,
)

export class TableTarget implements LineTarget {
  readonly #apply: Projecting
  readonly #store: Store

  constructor(apply: Projecting, store: Store) {
    this.#apply = apply
    this.#store = store
  }

  async apply(events: readonly Recorded[], step: Step): Promise<Applied> {
    try {
      const { kind } = await this.#store.write(this.#apply, { kind: 'apply', step, events })
      assert(kind !== 'erased', 'what was to be applied was not erased')
      return { kind }
    } catch (thrown) {
      const error = causeOfMarked(thrown)
      if (error === undefined) throw thrown
      return { kind: 'failed', kept: 0, at: undefined, error }
    }
  }

  forget(): void {}
}
