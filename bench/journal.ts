/**
 * The journal against the least that could keep the same events (`journal/raw.ts`), and against Emmett where it is there.
 */
import type { BenchCase } from './harness.ts'
import { appendCases } from './journal/append.ts'
import { emmettCases } from './journal/emmett.ts'
import { groupCases } from './journal/group.ts'
import { projectionCases } from './journal/projection.ts'
import { readCases } from './journal/read.ts'

export const cases: readonly BenchCase[] = [
  ...appendCases,
  ...readCases,
  ...groupCases,
  ...projectionCases,
  ...emmettCases,
]
