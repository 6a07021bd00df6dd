/**
 * The procedures of parked tasks: pages of them, those that nobody was told of, and how they come back or go. Unlike those of
 * `task-procedures.ts` they run when somebody looks after a choreography.
 */
import { procedure } from '../store/procedure.ts'
import type { Procedure, Transaction } from '../store/store.ts'
import { ownedProcedure, parkedOf, taskColumns } from './rows.ts'
import type { OpenRow, OwnedProcedure, Owner, ParkedRow } from './rows.ts'
import { open } from './task-procedures.ts'

const parkedColumns = `${taskColumns}, kind, code, reason, time`

export interface ParkedQuery {
  readonly choreography: number
  readonly rule: string | null
  readonly after: number
  readonly limit: number
}

export const parkedPage: Procedure<ParkedQuery, readonly ParkedRow[]> = procedure(
  import.meta.url,
  'parkedPage',
  (tx, { choreography, rule, after, limit }) =>
    tx
      .sql(
        `SELECT ${parkedColumns} FROM choreography_task
         WHERE choreography = ?1 AND parked = 1 AND id > ?2 AND (?3 IS NULL OR rule = ?3) ORDER BY id LIMIT ?4`,
      )
      .all(choreography, after, rule, limit)
      .map(parkedOf),
)

export const parkedById: Procedure<{ readonly choreography: number; readonly id: number }, ParkedRow | null> =
  procedure(import.meta.url, 'parkedById', (tx, { choreography, id }) => {
    const row = tx
      .sql(`SELECT ${parkedColumns} FROM choreography_task WHERE choreography = ? AND id = ? AND parked = 1`)
      .get(choreography, id)
    return row ? parkedOf(row) : null
  })

export const untoldPage: Procedure<{ readonly choreography: number; readonly limit: number }, readonly ParkedRow[]> =
  procedure(import.meta.url, 'untoldPage', (tx, { choreography, limit }) =>
    tx
      .sql(
        `SELECT ${parkedColumns} FROM choreography_task
         WHERE choreography = ? AND parked = 1 AND told = 0 ORDER BY id LIMIT ?`,
      )
      .all(choreography, limit)
      .map(parkedOf),
  )

export const markTold: OwnedProcedure<{ readonly id: number }, true> = ownedProcedure(
  import.meta.url,
  'markTold',
  (tx, { owner, id }) => {
    tx.sql('UPDATE choreography_task SET told = 1 WHERE id = ? AND choreography = ?').run(id, owner.id)
    return true
  },
)

/** The task waits again; false when it is not parked any more. */
export const reviveTask: OwnedProcedure<{ readonly id: number }, boolean> = ownedProcedure(
  import.meta.url,
  'reviveTask',
  (tx, { owner, id }) =>
    tx
      .sql(
        `UPDATE choreography_task SET parked = 0, attempts = 0, replays = replays + 1, due = NULL, kind = NULL
         WHERE id = ? AND choreography = ? AND parked = 1`,
      )
      .run(id, owner.id).changes > 0,
)

/** A wait that had found no room is opened. */
export const reopen: OwnedProcedure<{ readonly id: number; readonly row: OpenRow }, boolean> = ownedProcedure(
  import.meta.url,
  'reopen',
  (tx, { owner, id, row }) => {
    const isForgotten = forget(tx, owner, id)
    if (isForgotten) open(tx, owner, [row])
    return isForgotten
  },
)

export const discardTask: OwnedProcedure<{ readonly id: number }, boolean> = ownedProcedure(
  import.meta.url,
  'discardTask',
  (tx, { owner, id }) => forget(tx, owner, id),
)

/** False when it is not parked any more. */
function forget(tx: Transaction, owner: Owner, id: number): boolean {
  return (
    tx.sql('DELETE FROM choreography_task WHERE id = ? AND choreography = ? AND parked = 1').run(id, owner.id).changes >
    0
  )
}
