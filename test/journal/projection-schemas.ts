/** The schemas of a store for the tests of projections and reactors; without the runner, so that a child process may take it. */
import { projectionSchema } from '../../src/journal/projection-schema.ts'
import { journalSchema } from '../../src/journal/sqlite.ts'
import type { Schema } from '../../src/store/store.ts'
import { saleSchema } from './projection-definitions.ts'

export const schemas: readonly Schema[] = [journalSchema, projectionSchema, saleSchema]
