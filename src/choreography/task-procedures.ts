/**
 * The procedures of tasks: taking events in, keeping attempts, settling. Unlike those of `parked-procedures.ts` they run for every event,
 * so that each does its work in few statements.
 *
 * Taking in is one transaction: the tasks of some events, what the caps say of them, what waits for other events, and the place in the
 * journal. An event for a rule that has a task already, parked ones too, makes no other.
 */
import type { Transaction } from '../store/store.ts'
import { capMet } from './core/caps.ts'
import type { Caps } from './core/caps.ts'
import { ownedProcedure } from './rows.ts'
import type { OpenRow, OwnedProcedure, Owner, ParkReason, Refs } from './rows.ts'
import { moveMain } from './rule-procedures.ts'

export interface NewTask {
  readonly rule: string
  readonly digest: string
  readonly key: string | null
  readonly refs: Refs
  /** It is parked from the start. */
  readonly park?: ParkReason
}

/** What one event leads to. */
export interface Entry {
  readonly correlation: string
  readonly hop: number
  readonly tasks: readonly NewTask[]
}

export interface TakeArgs {
  readonly entries: readonly Entry[]
  readonly opened: readonly OpenRow[]
  readonly ended: readonly { readonly rule: string; readonly digest: string }[]
  /** Where the choreography stands now, or rules that have a place of their own. */
  readonly position: string
  readonly rules: readonly string[] | null
  readonly caps: Caps
  readonly countedMax: number
  readonly nowMs: number
}

/** Of one task: null when it was there before. */
export type TakenIn = { readonly id: number; readonly parked: ParkReason | null } | null

export const takeIn: OwnedProcedure<TakeArgs, readonly (readonly TakenIn[])[]> = ownedProcedure(
  import.meta.url,
  'takeIn',
  (tx, args) => {
    const { owner, entries, opened, ended, position, rules } = args
    const results = entries.length === 0 ? [] : takeEntries(tx, owner, args)
    // In this order: what was opened may have ended in the same stretch.
    if (opened.length > 0) open(tx, owner, opened)
    if (ended.length > 0) {
      const end = tx.sql('DELETE FROM choreography_open WHERE choreography = ? AND rule = ? AND digest = ?')
      for (const { rule, digest } of ended) end.run(owner.id, rule, digest)
    }
    if (rules === null) moveMain(tx, owner, position)
    else {
      const move = tx.sql('UPDATE choreography_rule SET position = ? WHERE choreography = ? AND rule = ?')
      for (const rule of rules) move.run(position, owner.id, rule)
    }
    return results
  },
)

export function open(tx: Transaction, { id }: Owner, rows: readonly OpenRow[]): void {
  const insert = tx.sql(
    `INSERT INTO choreography_open (choreography, rule, digest, key, fits, at, due, place, refs)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  )
  for (const { rule, digest, key, fits, atMs, dueMs, place, refs } of rows)
    insert.run(id, rule, digest, key, fits, atMs, dueMs, place, JSON.stringify(refs))
}

function takeEntries(tx: Transaction, owner: Owner, { entries, caps, countedMax, nowMs }: TakeArgs): TakenIn[][] {
  const insert = tx.sql(
    `INSERT INTO choreography_task (choreography, rule, digest, key, refs, correlation)
     VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  )
  const counting = new Counting(tx, owner)
  const results = entries.map(({ correlation, hop, tasks }) => {
    let events: number | undefined
    return tasks.map(({ rule, digest, key, refs, park }): TakenIn => {
      const { changes, lastInsertRowid: id } = insert.run(
        owner.id,
        rule,
        digest,
        key,
        JSON.stringify(refs),
        correlation,
      )
      if (changes === 0) return null
      events ??= counting.count(correlation, '', '')
      const runs = counting.count(correlation, rule, key ?? '')
      const parked = park ?? capMet({ hop, events, runs }, caps) ?? null
      if (parked) parkRow(tx, owner, { id, attempts: 0, ...parked, atMs: nowMs })
      return { id, parked }
    })
  })
  counting.close(countedMax)
  return results
}

/** The rule of an event itself is empty, which no rule is called. */
class Counting {
  readonly #tx: Transaction
  readonly #owner: Owner
  #counted: number

  constructor(tx: Transaction, owner: Owner) {
    this.#tx = tx
    this.#owner = owner
    this.#counted = Number(tx.sql('SELECT counted FROM choreography_main WHERE id = ?').get(owner.id)?.['counted'])
  }

  count(correlation: string, rule: string, key: string): number {
    const row = this.#tx
      .sql(
        `INSERT INTO choreography_count (choreography, correlation, rule, key, count, counted) VALUES (?, ?, ?, ?, 1, ?)
         ON CONFLICT DO UPDATE SET count = count + 1, counted = excluded.counted RETURNING count`,
      )
      .get(this.#owner.id, correlation, rule, key, ++this.#counted)
    return Number(row?.['count'])
  }

  /** Forgets what was not counted for long. Each look at the table lets a part of `countedMax` pass before the next. */
  close(countedMax: number): void {
    const { id } = this.#owner
    this.#tx.sql('UPDATE choreography_main SET counted = ? WHERE id = ?').run(this.#counted, id)
    const forgotten = Number(
      this.#tx.sql('SELECT forgotten FROM choreography_main WHERE id = ?').get(id)?.['forgotten'],
    )
    const until = this.#counted - countedMax
    if (until - forgotten < countedMax / 4) return
    this.#tx.sql('DELETE FROM choreography_count WHERE choreography = ? AND counted <= ?').run(id, until)
    this.#tx.sql('UPDATE choreography_main SET forgotten = ? WHERE id = ?').run(until, id)
  }
}

export interface AttemptArgs {
  readonly id: number
  readonly attempts: number
  readonly dueMs: number | null
}

/** Keeps how often a task was tried, and when it is due. */
export const keepAttempts: OwnedProcedure<AttemptArgs, true> = ownedProcedure(
  import.meta.url,
  'keepAttempts',
  (tx, { id, attempts, dueMs }) => {
    tx.sql('UPDATE choreography_task SET attempts = ?, due = ? WHERE id = ?').run(attempts, dueMs, id)
    return true
  },
)

/** Forgets tasks whose records are kept. */
export const settleTasks: OwnedProcedure<{ readonly ids: readonly number[] }, true> = ownedProcedure(
  import.meta.url,
  'settleTasks',
  (tx, { ids }) => {
    const settle = tx.sql('DELETE FROM choreography_task WHERE id = ? AND parked = 0')
    for (const id of ids) settle.run(id)
    return true
  },
)

export interface ParkArgs extends ParkReason {
  readonly id: number
  readonly attempts: number
  readonly atMs: number
}

/** False when the task is gone: its rule was removed. */
export const parkTask: OwnedProcedure<ParkArgs, boolean> = ownedProcedure(import.meta.url, 'parkTask', (tx, args) =>
  parkRow(tx, args.owner, args),
)

function parkRow(tx: Transaction, owner: Owner, { id, attempts, kind, code, reason, atMs }: ParkArgs): boolean {
  return (
    tx
      .sql(
        `UPDATE choreography_task SET parked = 1, told = 0, due = NULL, attempts = ?, kind = ?, code = ?, reason = ?,
         time = ? WHERE id = ? AND choreography = ?`,
      )
      .run(attempts, kind, code, reason, atMs, id, owner.id).changes > 0
  )
}
