/**
 * The rows of a choreography as they cross to the store's thread: plain data only; and who may write them. Unlike `schema.ts`, which says
 * how they are kept, this says what they mean to both sides.
 */
import { procedure } from '../store/procedure.ts'
import type { Procedure, Row, Transaction } from '../store/store.ts'

/** Whose rows they are. Who opened it later has a higher epoch, and what came before may write no more. */
export interface Owner {
  readonly id: number
  readonly epoch: number
}

/** Where an event stands; its id tells whether it is still the same one. */
export interface EventRef {
  readonly stream: string
  readonly version: number
  readonly id: string
}

/** A wait that found no room when it came. */
export interface Opening {
  readonly fits: number
  readonly atMs: number
  readonly dueMs: number
}

export interface Refs {
  /** In the order in which the action gets them. */
  readonly events: readonly EventRef[]
  /** Which of them caused the task. */
  readonly cause: number
  readonly opening?: Opening
}

export interface TaskRow {
  readonly id: number
  readonly rule: string
  readonly digest: string
  readonly key: string | null
  readonly refs: Refs
  readonly correlation: string
  readonly attempts: number
  readonly replays: number
  /** Wall time of the next attempt; null: at once. */
  readonly dueMs: number | null
}

export interface OpenRow extends Opening {
  readonly rule: string
  readonly digest: string
  readonly key: string
  /** Rises with the order in which they were opened. */
  readonly place: number
  readonly refs: Refs
}

/** Why a task is parked. */
export interface ParkReason {
  readonly kind: string
  readonly code: string
  readonly reason: string
}

export interface ParkedRow extends TaskRow, ParkReason {
  readonly atMs: number
}

/** Of a call by somebody whose choreography was opened again elsewhere. */
export const taken = 'taken'
export type Taken = typeof taken

/** A write that only the owner may make. */
export type OwnedProcedure<Args, Result> = Procedure<Args & { readonly owner: Owner }, Result | Taken>

/** Unlike `procedure` it looks first who calls: of somebody else nothing is written. */
export function ownedProcedure<Args, Result>(
  module: string,
  name: string,
  run: (tx: Transaction, args: Args & { readonly owner: Owner }) => Result,
): OwnedProcedure<Args, Result> {
  return procedure(module, name, (tx, args: Args & { readonly owner: Owner }) => {
    const { id, epoch } = args.owner
    const isOwner = tx.sql('SELECT 1 FROM choreography_main WHERE id = ? AND epoch = ?').get(id, epoch) !== undefined
    return isOwner ? run(tx, args) : taken
  })
}

export const taskColumns = 'id, rule, digest, key, refs, correlation, attempts, replays, due'

export function taskOf(row: Row): TaskRow {
  return {
    id: Number(row['id']),
    rule: String(row['rule']),
    digest: String(row['digest']),
    key: textOrNull(row['key']),
    refs: JSON.parse(String(row['refs'])) as Refs,
    correlation: String(row['correlation']),
    attempts: Number(row['attempts']),
    replays: Number(row['replays']),
    dueMs: row['due'] === null ? null : Number(row['due']),
  }
}

export function textOrNull(value: Row[string] | undefined): string | null {
  return value === null || value === undefined ? null : String(value)
}

export function parkedOf(row: Row): ParkedRow {
  const { kind, code, reason, time } = row
  return { ...taskOf(row), kind: String(kind), code: String(code), reason: String(reason), atMs: Number(time) }
}
