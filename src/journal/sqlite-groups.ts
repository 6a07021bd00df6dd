/**
 * The consumer groups of the sqlite driver: the procedures that keep them, and the storage that calls these. Unlike the
 * other procedures they know no event and no stream, only positions; what they mean stands in `core/group-state.ts`.
 */
import { procedure } from '../store/procedure.ts'
import type { Procedure, SqlValue, Store, Transaction } from '../store/store.ts'
import type { GroupChanges } from './core/group-state.ts'
import type { GroupStorage, OpenedGroup } from './group-storage.ts'

interface OpenArgs {
  readonly name: string
  readonly filter: string
  readonly from: number
}

interface SaveArgs {
  readonly name: string
  readonly epoch: number
  readonly changes: GroupChanges
}

/** Epochs count over all groups, so that one made anew is not taken for the one before it. */
const nextEpoch = `UPDATE journal_group_epoch SET epoch = epoch + 1 RETURNING epoch`

export const openGroup: Procedure<OpenArgs, OpenedGroup> = procedure(
  import.meta.url,
  'openGroup',
  (tx, { name, filter, from }) => {
    tx.sql(
      `INSERT INTO journal_group (name, filter, epoch, floor, reached) VALUES (?1, ?2, 0, ?3, ?3) ON CONFLICT DO NOTHING`,
    ).run(name, filter, from)
    const group = tx.sql('SELECT id, filter, epoch, floor, reached FROM journal_group WHERE name = ?').get(name)
    const id = Number(group?.['id'])
    const kept = String(group?.['filter'])
    let epoch = Number(group?.['epoch'])
    if (kept === filter) {
      epoch = Number(tx.sql(nextEpoch).get()?.['epoch'])
      tx.sql('UPDATE journal_group SET epoch = ? WHERE id = ?').run(epoch, id)
    }
    const deliveries = tx
      .sql(
        'SELECT position, attempts, due, delay, reason, replayed FROM journal_group_delivery WHERE consumer_group = ?',
      )
      .all(id)
      .map((row) => ({
        position: Number(row['position']),
        attempts: Number(row['attempts']),
        dueMs: row['due'] === null ? null : Number(row['due']),
        delayMs: Number(row['delay']),
        reason: textOrNull(row['reason']),
        replayed: row['replayed'] === 1,
      }))
    const parked = tx
      .sql('SELECT position, attempts, reason, time FROM journal_group_parked WHERE consumer_group = ?')
      .all(id)
      .map((row) => ({
        position: Number(row['position']),
        attempts: Number(row['attempts']),
        reason: String(row['reason']),
        atMs: Number(row['time']),
      }))
    const [floor, reached] = [Number(group?.['floor']), Number(group?.['reached'])]
    return { filter: kept, epoch, group: { floor, reached, deliveries, parked } }
  },
)

function textOrNull(value: SqlValue | undefined): string | null {
  return value === null || value === undefined ? null : String(value)
}

export const saveGroup: Procedure<SaveArgs, boolean> = procedure(
  import.meta.url,
  'saveGroup',
  (tx, { name, epoch, changes }) => {
    const group = tx
      .sql('UPDATE journal_group SET floor = ?, reached = ? WHERE name = ? AND epoch = ? RETURNING id')
      .get(changes.floor, changes.reached, name, epoch)
    if (!group) return false
    const id = Number(group['id'])
    forget(tx, 'journal_group_delivery', id, changes.drop)
    if (changes.put.length > 0) {
      const put = tx.sql(
        `INSERT OR REPLACE INTO journal_group_delivery (consumer_group, position, attempts, due, delay, reason, replayed)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
      )
      for (const { position, attempts, dueMs, delayMs, reason, replayed } of changes.put)
        put.run(id, position, attempts, dueMs, delayMs, reason, replayed ? 1 : 0)
    }
    forget(tx, 'journal_group_parked', id, changes.unpark)
    if (changes.park.length > 0) {
      const park = tx.sql(
        `INSERT OR REPLACE INTO journal_group_parked (consumer_group, position, attempts, reason, time)
         VALUES (?, ?, ?, ?, ?)`,
      )
      for (const { position, attempts, reason, atMs } of changes.park) park.run(id, position, attempts, reason, atMs)
    }
    return true
  },
)

function forget(tx: Transaction, table: string, group: number, positions: readonly number[]): void {
  if (positions.length === 0) return
  const drop = tx.sql(`DELETE FROM ${table} WHERE consumer_group = ? AND position = ?`)
  for (const position of positions) drop.run(group, position)
}

export const removeGroup: Procedure<{ name: string; epoch: number }, boolean> = procedure(
  import.meta.url,
  'removeGroup',
  (tx, { name, epoch }) => {
    const group = tx.sql('DELETE FROM journal_group WHERE name = ? AND epoch = ? RETURNING id').get(name, epoch)
    if (!group) return false
    for (const table of ['journal_group_delivery', 'journal_group_parked'])
      tx.sql(`DELETE FROM ${table} WHERE consumer_group = ?`).run(Number(group['id']))
    return true
  },
)

export class StoreGroups implements GroupStorage {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  open(name: string, filter: string, from: number): Promise<OpenedGroup> {
    return this.#store.write(openGroup, { name, filter, from })
  }

  save(name: string, epoch: number, changes: GroupChanges): Promise<boolean> {
    return this.#store.write(saveGroup, { name, epoch, changes })
  }

  remove(name: string, epoch: number): Promise<boolean> {
    return this.#store.write(removeGroup, { name, epoch })
  }
}
