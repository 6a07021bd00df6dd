/**
 * The procedures around parked events: those that a handler could not take and that were passed over. Unlike the states
 * they hold whole events, so that one can be taken up again when the journal no longer has it.
 */
import { procedure } from '../store/procedure.ts'
import type { Procedure } from '../store/store.ts'
import { advance, isCurrent, stillParked } from './projection-generation.ts'
import type { Step } from './projection-generation.ts'

export interface ParkedRow {
  readonly position: string
  readonly stream: string
  readonly version: number
  /** The event as the codec writes it. */
  readonly event: string
  readonly replaying: boolean
  readonly code: string
  readonly reason: string
  readonly timeMs: number
}

export type ParkOutcome = 'kept' | 'taken' | 'full'

/** Parks an event and goes past it in one transaction. */
export const park: Procedure<{ step: Step; row: ParkedRow; max: number }, ParkOutcome> = procedure(
  import.meta.url,
  'park',
  (tx, { step, row, max }) => {
    if (!isCurrent(tx, step)) return 'taken'
    const { generation } = step
    const count = tx.sql('SELECT count(*) AS n FROM projection_parked WHERE generation = ?').get(generation)?.['n']
    if (Number(count) >= max) return 'full'
    const { position, stream, version, event, replaying, code, reason, timeMs } = row
    tx.sql(
      `INSERT INTO projection_parked (generation, position, stream, version, event, replaying, code, reason, time)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(generation, position, stream, version, event, replaying ? 1 : 0, code, reason, timeMs)
    advance(tx, step)
    return 'kept'
  },
)

export interface ParkedId {
  readonly generation: number
  readonly id: number
}

/** False when it was taken up or discarded. */
export const isParked: Procedure<ParkedId, boolean> = procedure(import.meta.url, 'isParked', (tx, { generation, id }) =>
  stillParked(tx, generation, id),
)

/** Forgets parked events of a generation, some of them or with null all; returns how many. */
export const discardEvents: Procedure<{ generation: number; ids: readonly number[] | null }, number> = procedure(
  import.meta.url,
  'discardEvents',
  (tx, { generation, ids }) => {
    if (ids === null) return tx.sql('DELETE FROM projection_parked WHERE generation = ?').run(generation).changes
    const discard = tx.sql('DELETE FROM projection_parked WHERE generation = ? AND id = ?')
    return ids.reduce((count, id) => count + discard.run(generation, id).changes, 0)
  },
)

/** A parked event with its number. */
export interface NumberedParked extends ParkedRow {
  readonly id: number
}

/** Parked events of the generation that an owner serves, in the order in which they were parked. */
export const parkedPage: Procedure<{ owner: string; after: number; limit: number }, readonly NumberedParked[]> =
  procedure(import.meta.url, 'parkedPage', (tx, { owner, after, limit }) =>
    tx
      .sql(
        `SELECT p.* FROM projection_served s JOIN projection_parked p ON p.generation = s.generation
         WHERE s.owner = ? AND p.id > ? ORDER BY p.id LIMIT ?`,
      )
      .all(owner, after, limit)
      .map((row) => ({
        id: Number(row['id']),
        position: String(row['position']),
        stream: String(row['stream']),
        version: Number(row['version']),
        event: String(row['event']),
        replaying: row['replaying'] === 1,
        code: String(row['code']),
        reason: String(row['reason']),
        timeMs: Number(row['time']),
      })),
  )

export const parkedCount: Procedure<string, number> = procedure(import.meta.url, 'parkedCount', (tx, owner) =>
  Number(
    tx
      .sql(
        `SELECT count(*) AS n FROM projection_served s JOIN projection_parked p ON p.generation = s.generation
         WHERE s.owner = ?`,
      )
      .get(owner)?.['n'],
  ),
)
