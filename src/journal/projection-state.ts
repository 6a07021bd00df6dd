/**
 * The procedures around the states of a generation: write them with their checkpoint, load them by key, page through
 * them. Unlike `projection-fold.ts` they see texts, never values.
 */
import { procedure } from '../store/procedure.ts'
import type { Procedure, Transaction } from '../store/store.ts'
import { advance, generationById, refusal, servedBy } from './projection-generation.ts'
import type { CommitOutcome, Step } from './projection-generation.ts'

/**
 * Keys and their states as texts, by turns; null: the state is gone. Flat, because on the way to another thread a pair costs
 * more than what it holds.
 */
export type StateTexts = readonly (string | null)[]

export function writeStates(tx: Transaction, generation: number, states: StateTexts): void {
  const upsert = tx.sql(
    `INSERT INTO projection_state (generation, key, state) VALUES (?, ?, ?)
     ON CONFLICT (generation, key) DO UPDATE SET state = excluded.state`,
  )
  for (let at = 0; at < states.length; at += 2) {
    const [key, state] = [states[at] as string, states[at + 1] as string | null]
    if (state === null) tx.sql('DELETE FROM projection_state WHERE generation = ? AND key = ?').run(generation, key)
    else upsert.run(generation, key, state)
  }
}

export function stateText(tx: Transaction, generation: number, key: string): string | null {
  const row = tx.sql('SELECT state FROM projection_state WHERE generation = ? AND key = ?').get(generation, key)
  return row ? String(row['state']) : null
}

/** Effect and checkpoint in one transaction. */
export const commitStates: Procedure<{ step: Step; states: StateTexts }, CommitOutcome> = procedure(
  import.meta.url,
  'commitStates',
  (tx, { step, states }) => {
    const refused = refusal(tx, step)
    if (refused) return refused
    writeStates(tx, step.generation, states)
    advance(tx, step)
    return 'kept'
  },
)

export const loadStates: Procedure<{ generation: number; keys: readonly string[] }, readonly (string | null)[]> =
  procedure(import.meta.url, 'loadStates', (tx, { generation, keys }) =>
    keys.map((key) => stateText(tx, generation, key)),
  )

/** The state of a key as it is served. */
export const servedState: Procedure<{ owner: string; key: string }, string | null> = procedure(
  import.meta.url,
  'servedState',
  (tx, { owner, key }) => {
    const row = tx
      .sql(
        `SELECT t.state FROM projection_served s JOIN projection_state t ON t.generation = s.generation
         WHERE s.owner = ? AND t.key = ?`,
      )
      .get(owner, key)
    return row ? String(row['state']) : null
  },
)

export interface StatePageQuery {
  readonly owner: string
  /** Null: the one that is served now. */
  readonly generation: number | null
  /** Null: from the first key on. */
  readonly after: string | null
  readonly limit: number
}

export interface StatePage {
  readonly generation: number
  readonly rows: readonly (readonly [key: string, state: string])[]
}

/** States by key; null when the generation was given up. Of an owner that is unknown an empty page. */
export const statePage: Procedure<StatePageQuery, StatePage | null> = procedure(
  import.meta.url,
  'statePage',
  (tx, { owner, generation, after, limit }) => {
    const id = generation ?? servedBy(tx, owner)?.id
    if (id === undefined) return { generation: 0, rows: [] }
    if (!generationById(tx, id)) return null
    const found =
      after === null
        ? tx.sql('SELECT key, state FROM projection_state WHERE generation = ? ORDER BY key LIMIT ?').all(id, limit)
        : tx
            .sql('SELECT key, state FROM projection_state WHERE generation = ? AND key > ? ORDER BY key LIMIT ?')
            .all(id, after, limit)
    return { generation: id, rows: found.map((row) => [String(row['key']), String(row['state'])] as const) }
  },
)
