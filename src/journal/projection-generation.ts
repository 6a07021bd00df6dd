/**
 * The procedures around a generation: its checkpoint, who is served, who is erased. The store runs them in its worker
 * thread, so they hold no state. Unlike `projection-state.ts` they know nothing of what a generation holds.
 *
 * `position` is how far a generation has come. `reached` is the highest position its owner ever had: below it everything
 * was handled before. They are the same but for a rebuild and a rewind.
 */
import { procedure } from '../store/procedure.ts'
import type { Procedure, Row, Transaction } from '../store/store.ts'
import type { Position, Recorded } from './journal.ts'

export interface Generation {
  readonly id: number
  readonly version: number
  readonly position: Position
  readonly reached: Position
  /** Commits so far. */
  readonly revision: number
  /** Of a reactor that was taken back: what it handles again it publishes again. */
  readonly publishes: boolean
  /** The event that was handled last; null before the first. */
  readonly last: LastEvent | null
}

/** An event by its place and id: a position alone does not say of which journal it is. */
export interface LastEvent {
  readonly stream: string
  readonly version: number
  readonly id: string
}

export function lastEvent({ stream, version, event }: Recorded): LastEvent {
  return { stream, version, id: event.id }
}

/** One commit of a generation: what it knows of the last one, and where it ends. */
export interface Step {
  readonly generation: number
  readonly revision: number
  readonly to: Position
  /** `reached` stays where it is. */
  readonly replaying: boolean
  /** Of a reactor: what it handles again it publishes again. */
  readonly publishes: boolean
  /** The parked event that this step has taken up again; `to` does not count then. */
  readonly unparked?: number
  /** The last event of this commit, where there is one. */
  readonly last?: LastEvent
}

const columns =
  'g.id, g.version, g.position, g.reached, g.revision, g.publishes, g.last_stream, g.last_version, g.last_id'

function generationOf(row: Row): Generation {
  return {
    id: Number(row['id']),
    version: Number(row['version']),
    position: String(row['position']),
    reached: String(row['reached']),
    revision: Number(row['revision']),
    publishes: row['publishes'] === 1,
    last:
      row['last_id'] === null
        ? null
        : { stream: String(row['last_stream']), version: Number(row['last_version']), id: String(row['last_id']) },
  }
}

/** The generation that an owner serves. */
export function servedBy(tx: Transaction, owner: string): Generation | undefined {
  const row = tx
    .sql(
      `SELECT ${columns} FROM projection_served s JOIN projection_generation g ON g.id = s.generation WHERE s.owner = ?`,
    )
    .get(owner)
  return row && generationOf(row)
}

/** A generation that nobody has given up. */
export function generationById(tx: Transaction, id: number): Generation | undefined {
  const row = tx.sql(`SELECT ${columns} FROM projection_generation g WHERE g.id = ? AND g.erasing = 0`).get(id)
  return row && generationOf(row)
}

export function isServed(tx: Transaction, id: number): boolean {
  return tx.sql('SELECT 1 FROM projection_served WHERE generation = ?').get(id) !== undefined
}

/** False when another commit came between, or the generation was given up. */
export function isCurrent(tx: Transaction, { generation, revision }: Step): boolean {
  return generationById(tx, generation)?.revision === revision
}

/**
 * What became of a commit. `taken`: another one came between, or the generation was given up. `gone`: the parked event that it
 * takes up again is parked no more. Nothing is kept then.
 */
export type CommitOutcome = 'kept' | 'taken' | 'gone'

/** Why a step cannot be committed; undefined if it can. */
export function refusal(tx: Transaction, step: Step): Exclude<CommitOutcome, 'kept'> | undefined {
  if (!isCurrent(tx, step)) return 'taken'
  const { generation, unparked } = step
  return unparked === undefined || stillParked(tx, generation, unparked) ? undefined : 'gone'
}

export function stillParked(tx: Transaction, generation: number, id: number): boolean {
  return tx.sql('SELECT 1 FROM projection_parked WHERE generation = ? AND id = ?').get(generation, id) !== undefined
}

/** Stores the checkpoint of a step that is not refused. One that takes up a parked event moves it nowhere. */
export function advance(tx: Transaction, { generation, to, replaying, unparked, last }: Step): void {
  if (unparked !== undefined) {
    tx.sql('DELETE FROM projection_parked WHERE generation = ? AND id = ?').run(generation, unparked)
    tx.sql('UPDATE projection_generation SET revision = revision + 1 WHERE id = ?').run(generation)
    return
  }
  tx.sql(
    `UPDATE projection_generation SET position = ?2, revision = revision + 1,
       reached = CASE WHEN ?3 THEN reached ELSE ?2 END WHERE id = ?1`,
  ).run(generation, to, replaying ? 1 : 0)
  if (last === undefined) return
  const { stream, version, id } = last
  tx.sql('UPDATE projection_generation SET last_stream = ?, last_version = ?, last_id = ? WHERE id = ?').run(
    stream,
    version,
    id,
    generation,
  )
}

function insert(tx: Transaction, owner: string, version: number, position: Position, reached: Position): Generation {
  const { lastInsertRowid: id } = tx
    .sql('INSERT INTO projection_generation (owner, version, position, reached) VALUES (?, ?, ?, ?)')
    .run(owner, version, position, reached)
  return { id, version, position, reached, revision: 0, publishes: false, last: null }
}

export interface Begin {
  readonly owner: string
  readonly version: number
  /** Where an owner that is new begins. */
  readonly position: Position
}

/** The generation that is served; a new owner gets its first. */
export const begin: Procedure<Begin, Generation> = procedure(
  import.meta.url,
  'begin',
  (tx, { owner, version, position }) => {
    const served = servedBy(tx, owner)
    if (served) return served
    const made = insert(tx, owner, version, position, position)
    tx.sql('INSERT INTO projection_served (owner, generation) VALUES (?, ?)').run(owner, made.id)
    return made
  },
)

/** A generation beside the one that is served, empty. What it handles up to `reached` was handled before. */
export const beginNext: Procedure<{ owner: string; version: number; reached: Position }, Generation> = procedure(
  import.meta.url,
  'beginNext',
  (tx, { owner, version, reached }) => insert(tx, owner, version, '', reached),
)

export const generation: Procedure<number, Generation | null> = procedure(
  import.meta.url,
  'generation',
  (tx, id) => generationById(tx, id) ?? null,
)

/** Ids of the generations that an owner has and does not serve: given up, or left by a crash. */
export const unserved: Procedure<string, readonly number[]> = procedure(import.meta.url, 'unserved', (tx, owner) =>
  tx
    .sql(
      `SELECT id FROM projection_generation WHERE owner = ?1
       AND id NOT IN (SELECT generation FROM projection_served WHERE owner = ?1) ORDER BY id LIMIT 1000`,
    )
    .all(owner)
    .map((row) => Number(row['id'])),
)

export interface Switch {
  readonly owner: string
  readonly from: number
  readonly to: number
  /** Parked events of the old generation that the new one could not meet: from now on they are its own. */
  readonly carried: readonly number[]
}

/** From now on `to` is served instead of `from`, if both have come equally far; else nothing happens. */
export const switchOver: Procedure<Switch, boolean> = procedure(
  import.meta.url,
  'switchOver',
  (tx, { owner, from, to, carried }) => {
    const served = servedBy(tx, owner)
    const next = generationById(tx, to)
    if (served?.id !== from || next?.position !== served.position) return false
    tx.sql('UPDATE projection_served SET generation = ? WHERE owner = ?').run(to, owner)
    tx.sql('UPDATE projection_generation SET reached = position WHERE id = ?').run(to)
    tx.sql('UPDATE projection_generation SET erasing = 1 WHERE id = ?').run(from)
    const carry = tx.sql('UPDATE projection_parked SET generation = ?2 WHERE generation = ?1 AND id = ?3')
    for (const id of carried) carry.run(from, to, id)
    return true
  },
)

export interface Rewinding {
  readonly step: Step
  /** Parked events that come again. */
  readonly again: readonly number[]
}

/** Takes a reactor back to an earlier position. False when another commit came between. */
export const rewindTo: Procedure<Rewinding, boolean> = procedure(import.meta.url, 'rewindTo', (tx, { step, again }) => {
  if (!isCurrent(tx, step)) return false
  advance(tx, { ...step, replaying: true })
  tx.sql('UPDATE projection_generation SET publishes = ? WHERE id = ?').run(step.publishes ? 1 : 0, step.generation)
  const unpark = tx.sql('DELETE FROM projection_parked WHERE generation = ? AND id = ?')
  for (const id of again) unpark.run(step.generation, id)
  return true
})

/** Rows of one step: some milliseconds. */
const eraseMax = 500

/** Erases some of a generation that is not served; false when nothing of it is left. */
export const eraseSome: Procedure<number, boolean> = procedure(import.meta.url, 'eraseSome', (tx, id) => {
  if (isServed(tx, id)) return false
  tx.sql('UPDATE projection_generation SET erasing = 1 WHERE id = ? AND erasing = 0').run(id)
  const states = tx
    .sql(
      `DELETE FROM projection_state WHERE generation = ?1
       AND key IN (SELECT key FROM projection_state WHERE generation = ?1 ORDER BY key LIMIT ?2)`,
    )
    .run(id, eraseMax).changes
  const parked = tx
    .sql('DELETE FROM projection_parked WHERE id IN (SELECT id FROM projection_parked WHERE generation = ? LIMIT ?)')
    .run(id, eraseMax).changes
  if (states + parked > 0) return true
  tx.sql('DELETE FROM projection_generation WHERE id = ?').run(id)
  return false
})
