/** Looks at the tables of a choreography, for tests. */
import { procedure } from '../../src/store/procedure.ts'
import type { Procedure } from '../../src/store/store.ts'

export const countsLeft: Procedure<number, number> = procedure(import.meta.url, 'countsLeft', (tx) =>
  Number(tx.sql('SELECT count(*) AS n FROM choreography_count').get()?.['n']),
)

export const tasksLeft: Procedure<number, number> = procedure(import.meta.url, 'tasksLeft', (tx) =>
  Number(tx.sql('SELECT count(*) AS n FROM choreography_task').get()?.['n']),
)
