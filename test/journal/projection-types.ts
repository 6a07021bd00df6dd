/**
 * What the compiler must refuse and must let pass of definitions of projections. `npm run typecheck` compiles it: a line marked
 * as an error that compiles is an error itself. Nothing of it is run.
 */
import type { Recorded } from '../../src/journal/journal.ts'
import { projecting } from '../../src/journal/projection-table.ts'
import type { Projecting } from '../../src/journal/projection-table.ts'

type Paid = readonly Recorded<{ cents: number }>[]

export const bare: Projecting = projecting(import.meta.url, 'bare', (tx, events: Paid, { generation }) => {
  for (const { event } of events) tx.sql('INSERT INTO sale VALUES (?, ?)').run(generation, event.data.cents)
})

export const whole: Projecting = projecting(import.meta.url, 'whole', {
  apply(tx, events: Paid) {
    for (const { event } of events) tx.sql('INSERT INTO sale VALUES (?)').run(event.data.cents)
  },
  erase: () => 0,
})

// @ts-expect-error -- A transaction is over before a promise is.
export const late: Projecting = projecting(import.meta.url, 'late', async () => {})

// @ts-expect-error -- The same, under its name.
export const named: Projecting = projecting(import.meta.url, 'named', { apply: async () => {} })
