/**
 * The procedures that keep a choreography and its rules: whose it is, where it stands, where each rule stands. Unlike those of
 * `task-procedures.ts` they know nothing of events.
 *
 * A rule without a position stands where the choreography does. When a choreography is opened nobody knows which rules will be given
 * again, so all of them get the position that they share, and lose it when they are there.
 */
import { procedure } from '../store/procedure.ts'
import type { Procedure, Row, Transaction } from '../store/store.ts'
import { ownedProcedure, taskColumns, taskOf, textOrNull } from './rows.ts'
import type { OpenRow, OwnedProcedure, Owner, Refs, TaskRow } from './rows.ts'

export interface Opened extends Owner {
  readonly journal: string
  readonly position: string
  readonly rules: readonly { readonly rule: string; readonly kind: string }[]
  readonly parked: number
}

export const openChoreography: Procedure<
  { readonly name: string; readonly journal: string; readonly head: string },
  Opened
> = procedure(import.meta.url, 'openChoreography', (tx, { name, journal, head }) => {
  tx.sql(
    `INSERT INTO choreography_main (name, journal, epoch, position) VALUES (?, ?, 0, ?) ON CONFLICT DO NOTHING`,
  ).run(name, journal, head)
  const main = tx
    .sql('UPDATE choreography_main SET epoch = epoch + 1 WHERE name = ? RETURNING id, epoch, journal, position')
    .get(name)
  const id = Number(main?.['id'])
  const position = String(main?.['position'])
  tx.sql('UPDATE choreography_rule SET position = ? WHERE choreography = ? AND position IS NULL').run(position, id)
  const rules = tx.sql('SELECT rule, kind FROM choreography_rule WHERE choreography = ?').all(id)
  const parked = tx.sql('SELECT count(*) AS n FROM choreography_task WHERE choreography = ? AND parked = 1').get(id)
  return {
    id,
    epoch: Number(main?.['epoch']),
    journal: String(main?.['journal']),
    position,
    rules: rules.map(({ rule, kind }) => ({ rule: String(rule), kind: String(kind) })),
    parked: Number(parked?.['n']),
  }
})

export interface EnterArgs {
  readonly rule: string
  readonly kind: string
  /** Where it begins when it is new; null: where the choreography stands. */
  readonly from: string | null
  /** Where the choreography stands. */
  readonly position: string
}

export interface Entered {
  /** Its own place; null: that of the choreography. */
  readonly position: string | null
  /** What was taken in for it and is not settled. */
  readonly tasks: readonly TaskRow[]
  readonly open: readonly OpenRow[]
  /** Parked events that it lost because it is of another kind than before. */
  readonly unparked: number
}

export const enterRule: OwnedProcedure<EnterArgs, Entered> = ownedProcedure(
  import.meta.url,
  'enterRule',
  (tx, { owner, rule, kind, from, position }) => {
    moveMain(tx, owner, position)
    const known = tx
      .sql('SELECT kind, position FROM choreography_rule WHERE choreography = ? AND rule = ?')
      .get(owner.id, rule)
    let unparked = 0
    if (known && known['kind'] !== kind) {
      unparked = dropOf(tx, owner, rule)
      tx.sql('UPDATE choreography_rule SET kind = ? WHERE choreography = ? AND rule = ?').run(kind, owner.id, rule)
    }
    let place = known === undefined ? from : textOrNull(known['position'])
    if (place === position) place = null
    tx.sql(
      `INSERT INTO choreography_rule (choreography, rule, kind, position) VALUES (?1, ?2, ?3, ?4)
       ON CONFLICT (choreography, rule) DO UPDATE SET position = ?4`,
    ).run(owner.id, rule, kind, place)
    const tasks = tx
      .sql(
        `SELECT ${taskColumns} FROM choreography_task WHERE choreography = ? AND rule = ? AND parked = 0 ORDER BY id`,
      )
      .all(owner.id, rule)
    const open = tx
      .sql('SELECT * FROM choreography_open WHERE choreography = ? AND rule = ? ORDER BY place')
      .all(owner.id, rule)
    return { position: place, tasks: tasks.map(taskOf), open: open.map(openOf), unparked }
  },
)

function openOf(row: Row): OpenRow {
  return {
    rule: String(row['rule']),
    digest: String(row['digest']),
    key: String(row['key']),
    fits: Number(row['fits']),
    atMs: Number(row['at']),
    dueMs: Number(row['due']),
    place: Number(row['place']),
    refs: JSON.parse(String(row['refs'])) as Refs,
  }
}

/** These rules have come to where the choreography stands. */
export const joinRules: OwnedProcedure<{ readonly rules: readonly string[]; readonly position: string }, true> =
  ownedProcedure(import.meta.url, 'joinRules', (tx, { owner, rules, position }) => {
    moveMain(tx, owner, position)
    const join = tx.sql('UPDATE choreography_rule SET position = NULL WHERE choreography = ? AND rule = ?')
    for (const rule of rules) join.run(owner.id, rule)
    return true
  })

/** How many parked events it had; null when there was no such rule. */
export const removeRule: OwnedProcedure<{ readonly rule: string }, number | null> = ownedProcedure(
  import.meta.url,
  'removeRule',
  (tx, { owner, rule }) => {
    const { changes } = tx.sql('DELETE FROM choreography_rule WHERE choreography = ? AND rule = ?').run(owner.id, rule)
    return changes === 0 ? null : dropOf(tx, owner, rule)
  },
)

/** Everything that is kept for a rule; returns how many of it were parked. */
function dropOf(tx: Transaction, { id }: Owner, rule: string): number {
  const parked = tx
    .sql('SELECT count(*) AS n FROM choreography_task WHERE choreography = ? AND rule = ? AND parked = 1')
    .get(id, rule)
  tx.sql('DELETE FROM choreography_task WHERE choreography = ? AND rule = ?').run(id, rule)
  tx.sql('DELETE FROM choreography_open WHERE choreography = ? AND rule = ?').run(id, rule)
  return Number(parked?.['n'])
}

export function moveMain(tx: Transaction, { id }: Owner, position: string): void {
  tx.sql('UPDATE choreography_main SET position = ? WHERE id = ?').run(position, id)
}
