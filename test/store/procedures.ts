/** Tables and procedures for the store's own tests; a module of its own because the worker imports it. */
import { procedure } from '../../src/store/procedure.ts'
import type { Procedure, Schema } from '../../src/store/store.ts'

export const batchSchema: Schema = {
  room: 'batch',
  migrations: [
    `CREATE TABLE batch_row (
       batch TEXT NOT NULL,
       part INTEGER NOT NULL,
       parts INTEGER NOT NULL,
       payload TEXT NOT NULL,
       PRIMARY KEY (batch, part)
     ) STRICT, WITHOUT ROWID;`,
  ],
}

export interface Batch {
  readonly batch: string
  readonly parts: number
  readonly payload: string
}

/** Several rows that belong together. */
export const addBatch: Procedure<Batch, string> = procedure(
  import.meta.url,
  'addBatch',
  (tx, { batch, parts, payload }) => {
    const insert = tx.sql('INSERT INTO batch_row VALUES (?, ?, ?, ?)')
    for (let part = 0; part < parts; part++) insert.run(batch, part, parts, payload)
    return batch
  },
)

/** The batches in a page, with the parts that are there, the parts that should be, and their payload if it is one. */
export const batchesAfter: Procedure<
  string,
  { batch: string; found: number; parts: number; payload: string | null }[]
> = procedure(import.meta.url, 'batchesAfter', (tx, after) =>
  tx
    .sql(
      `SELECT batch, count(*) AS found, max(parts) AS parts, iif(min(payload) = max(payload), max(payload), NULL) AS payload
         FROM batch_row WHERE batch > ? GROUP BY batch ORDER BY batch LIMIT 500`,
    )
    .all(after)
    .map((row) => ({
      batch: String(row['batch']),
      found: Number(row['found']),
      parts: Number(row['parts']),
      payload: row['payload'] === null ? null : String(row['payload']),
    })),
)

export const removeBatches: Procedure<null, number> = procedure(
  import.meta.url,
  'removeBatches',
  (tx) => tx.sql('DELETE FROM batch_row').run().changes,
)

export const failAfterAdding: Procedure<Batch, never> = procedure(
  import.meta.url,
  'failAfterAdding',
  (tx, { batch }) => {
    tx.sql('INSERT INTO batch_row VALUES (?, 0, 1, ?)').run(batch, '')
    throw new Error(`no ${batch}`)
  },
)

/** Ends the thread that runs it: the worker of the sqlite driver. */
export const endThread: Procedure<null, never> = procedure(import.meta.url, 'endThread', () => process.exit(3))
