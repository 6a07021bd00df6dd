/** Definitions that the worker of a sqlite store imports: inline projections, and one into a table of its own. */
import type { CloudEvent } from '../../src/base/envelope.ts'
import { projecting } from '../../src/journal/projection-table.ts'
import type { Projecting, TableEffect } from '../../src/journal/projection-table.ts'
import { projection } from '../../src/journal/projection.ts'
import type { Projection } from '../../src/journal/projection.ts'
import type { Schema } from '../../src/store/store.ts'

export interface Balance {
  cents: number
  count: number
}

const paid = (state: Balance, { data }: CloudEvent<{ cents: number }>): void => {
  if (data.cents === 666) throw new Error('no number for an account')
  state.cents += data.cents
  state.count++
}

const init = (): Balance => ({ cents: 0, count: 0 })

/** Not inline: the cents of each stream. */
export const balances: Projection<Balance> = projection({
  name: 'balances',
  init,
  key: ({ stream }) => stream,
  on: { 'account.paid': paid },
})

/** The same, inline. */
export const inlineBalances: Projection<Balance> = projection({
  name: 'inline-balances',
  init,
  key: ({ stream }) => stream,
  on: { 'account.paid': paid },
  inline: { module: import.meta.url, name: 'inlineBalances' },
})

/** A later version, which counts double. */
export const inlineBalances2: Projection<Balance> = projection({
  name: 'inline-balances',
  version: 2,
  init,
  key: ({ stream }) => stream,
  on: {
    'account.paid': (state, event: CloudEvent<{ cents: number }>) => {
      paid(state, event)
      state.cents += event.data.cents
    },
  },
  inline: { module: import.meta.url, name: 'inlineBalances2' },
})

/** How often each event was handled for the first time, and again. */
export const inlineReplays: Projection<{ first: number; again: number }> = projection({
  name: 'inline-replays',
  init: () => ({ first: 0, again: 0 }),
  on: {
    'account.paid': (state, _event: CloudEvent, { replaying }) => {
      if (replaying) state.again++
      else state.first++
    },
  },
  inline: { module: import.meta.url, name: 'inlineReplays' },
})

export const inlineReplays2: Projection<{ first: number; again: number }> = projection({
  name: 'inline-replays',
  version: 2,
  init: () => ({ first: 0, again: 0 }),
  on: {
    'account.paid': (state, _event: CloudEvent, { replaying }) => {
      if (replaying) state.again++
      else state.first++
    },
  },
  inline: { module: import.meta.url, name: 'inlineReplays2' },
})

/** Copied, and the name of its export forgotten: what it names is another one. */
export const misnamed: Projection<Balance> = projection({
  name: 'misnamed',
  init,
  on: { 'account.paid': paid },
  inline: { module: import.meta.url, name: 'inlineBalances' },
})

/** What it names is no definition. */
export const misled: Projection<Balance> = projection({
  name: 'misled',
  init,
  on: { 'account.paid': paid },
  inline: { module: import.meta.url, name: 'greeting' },
})

/** No definition, and found by its name alone. @public */
export const greeting = (): string => 'hello'

/** Its function goes on when the transaction is over. */
export const lateSales: Projecting = projecting(
  import.meta.url,
  'lateSales',
  // As one writes it who does not heed the types.
  (async (...[tx, events, { generation }]: Parameters<TableEffect['apply']>) => {
    for (const { event } of events) {
      await Promise.resolve()
      tx.sql('INSERT INTO sale (generation, id, cents, replaying) VALUES (?, ?, 0, 0)').run(generation, event.id)
    }
  }) as unknown as TableEffect['apply'],
)

export const saleSchema: Schema = {
  room: 'sale',
  migrations: [
    `CREATE TABLE sale (generation INTEGER NOT NULL, id TEXT NOT NULL, cents INTEGER NOT NULL, replaying INTEGER NOT NULL,
       PRIMARY KEY (generation, id)) STRICT, WITHOUT ROWID`,
  ],
}

/** One row an event; an event of 13 cents breaks the table's rule, one of 666 throws. */
export const sales: Projecting = projecting(import.meta.url, 'sales', {
  apply(tx, events, { generation, replaying }) {
    const insert = tx.sql('INSERT INTO sale (generation, id, cents, replaying) VALUES (?, ?, ?, ?)')
    for (const { event } of events) {
      const { cents } = event.data as { cents: number }
      if (cents === 666) throw new Error('no number for a sale')
      insert.run(generation, event.id, cents, replaying ? 1 : 0)
      if (cents === 13) insert.run(generation, event.id, cents, 0)
    }
  },
  erase: (tx, generation, limit) =>
    tx
      .sql(
        'DELETE FROM sale WHERE generation = ?1 AND id IN (SELECT id FROM sale WHERE generation = ?1 ORDER BY id LIMIT ?2)',
      )
      .run(generation, limit).changes,
})

export const readSales = (
  tx: { sql(text: string): { all(...values: number[]): Record<string, unknown>[] } },
  generation: number,
): Record<string, unknown>[] =>
  tx.sql('SELECT cents, replaying FROM sale WHERE generation = ? ORDER BY cents').all(generation)
