/** What is said of a seed that failed: what did not hold, how to see it again, and which of its faults it needs. */
import type { Fault } from '../../../src/sim/fault.ts'
import { reduce } from '../../../src/sim/reduce.ts'
import { type SeedReport, runSeed } from './run-seed.ts'
import { Violation } from './violation.ts'

/** Runs that the reduction may take: some seconds. */
const runsMax = 150

export async function explainFailure({ seed, variant, faults, failure }: SeedReport): Promise<string> {
  const kind = failureKind(failure)
  const stillFails = (part: readonly Fault[]) => failureKind(runSeed(seed, { faults: part }).failure) === kind
  const reduced = await reduce(faults, stillFails, { runsMax })
  const least = reduced.minimal ? 'the least that is needed' : `the fewest found in ${reduced.runs} runs`
  return [
    `seed ${seed} failed: ${failure?.stack ?? failure?.message ?? 'nothing'}`,
    `again: npm run sim -- --seed ${seed}`,
    `variant: ${JSON.stringify(variant)}`,
    reduced.reproduced
      ? `${reduced.items.length} of ${faults.length} faults, ${least}: ${JSON.stringify(reduced.items)}`
      : 'the same seed did not fail again with its list of faults: that is a defect of the simulation',
  ].join('\n')
}

/** Two failures of one kind are taken for the same one. */
function failureKind(failure: Error | undefined): string | undefined {
  return failure instanceof Violation ? failure.invariant : failure?.message
}
