/**
 * The inline run of a projection: the store's worker calls it in the transaction of an append, where it reads what its
 * checkpoint lacks from the journal's own tables and folds it. Unlike the asynchronous runner it keeps no state between two
 * runs: the transaction may be undone, and then a remembered state would be of events that never were.
 */
import type { CheckedFilter } from './filter.ts'
import type { Transaction } from '../store/store.ts'
import { ProjectionBehind, ProjectionFailed, ProjectionMismatch } from './error.ts'
import type { Recorded } from './journal.ts'
import { cellOf, foldEvents, keysOf, textsOf } from './projection-fold.ts'
import type { Cell, FoldFailure, Folding } from './projection-fold.ts'
import { advance, generationById, servedBy } from './projection-generation.ts'
import type { Generation } from './projection-generation.ts'
import { stateText, writeStates } from './projection-state.ts'
import { headPosition } from './sqlite-filter.ts'
import { allPage, eventData } from './sqlite-pages.ts'
import { fromStored } from './stored-event.ts'

export interface InlineArgs {
  /** Whom it is meant for: the module may export another one by the name. */
  readonly owner: string
  readonly version: number
  /** Null: the one that is served, which must be of the definition's version. */
  readonly generation: number | null
  /** The last position wanted; null: the last there is. */
  readonly until: number | null
  /** Positions of one run. */
  readonly max: number
  /** Throws `journal.projection_behind` when something is left after `max`: the append would be kept without its effect. */
  readonly strict: boolean
}

/** Where a run ended. */
export interface InlineResult {
  /** Nothing is left up to where it was to come. */
  readonly caughtUp: boolean
}

export interface InlineDefinition<State> extends Folding<State> {
  readonly owner: string
  readonly version: number
  readonly checked: CheckedFilter | null
}

const pageMax = 512

/** Folds what the checkpoint lacks. Throws `journal.projection_failed`, `journal.projection_behind`, `journal.projection_mismatch`. */
export function runInline<State>(
  definition: InlineDefinition<State>,
  tx: Transaction,
  { owner, version, generation, until, max, strict }: InlineArgs,
): InlineResult {
  if (owner !== definition.owner || version !== definition.version)
    throw new ProjectionMismatch(
      { projection: projectionOf(owner), version },
      { projection: definition.name, version: definition.version },
    )
  const found = generation === null ? servedBy(tx, definition.owner) : generationById(tx, generation)
  if (!found || (generation === null && found.version !== definition.version))
    throw new ProjectionBehind(definition.name)
  const goal = until ?? headPosition(tx)
  const from = Number(found.position)
  const end = Math.min(goal, from + max)
  if (strict && end < goal) throw new ProjectionBehind(definition.name)
  if (end > from) fold(definition, tx, found, end)
  return { caughtUp: end >= goal }
}

/** The name in an owner. */
function projectionOf(owner: string): string {
  return owner.replace(/^projection\//, '')
}

function fold<State>(definition: InlineDefinition<State>, tx: Transaction, line: Generation, until: number): void {
  const cells = new Map<string, Cell<State>>()
  const reached = Number(line.reached)
  let after = Number(line.position)
  let last: Recorded | undefined
  while (after < until) {
    const page = allPage.run(tx, { after, until, limit: pageMax, filter: definition.checked, backward: false })
    const before: Recorded[] = []
    const fresh: Recorded[] = []
    for (const row of page.rows) {
      // Nothing is erased within one transaction.
      const recorded = fromStored(row, row.data ?? (eventData.run(tx, row.position) as string))
      if (row.position <= reached) before.push(recorded)
      else fresh.push(recorded)
      last = recorded
    }
    foldPart(definition, tx, line.id, cells, before, true)
    foldPart(definition, tx, line.id, cells, fresh, false)
    after = page.next
  }
  const texts = textsOf(definition, cells, cells.keys())
  // Which event made the state unfit is not known: one of those up to the last.
  if ('error' in texts) throw failed(definition, last as Recorded, texts)
  writeStates(tx, line.id, texts.states)
  const { id, revision, publishes } = line
  advance(tx, { generation: id, revision, to: String(until), replaying: until <= reached, publishes })
}

function foldPart<State>(
  definition: InlineDefinition<State>,
  tx: Transaction,
  generation: number,
  cells: Map<string, Cell<State>>,
  events: readonly Recorded[],
  replaying: boolean,
): void {
  const keyed = keysOf(definition, events)
  if ('error' in keyed) throw failed(definition, events[keyed.at ?? 0] as Recorded, keyed)
  for (const key of keyed.keys)
    if (key !== undefined && !cells.has(key)) cells.set(key, cellOf(stateText(tx, generation, key)))
  const failure = foldEvents(definition, events, keyed.keys, cells, replaying)
  if (failure) throw failed(definition, events[failure.at ?? 0] as Recorded, failure)
}

function failed(
  { name }: { readonly name: string },
  { stream, version, position }: Pick<Recorded, 'stream' | 'version' | 'position'>,
  { error }: FoldFailure,
): ProjectionFailed {
  return new ProjectionFailed(name, { stream, version, position }, { cause: error, inline: true })
}
