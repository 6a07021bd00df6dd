/** The errors of the saga harness: what the author of a saga learns when it does not hold. */
import { ColloquyError } from '../base/error.ts'
import type { SagaCase } from './saga-harness-case.ts'
import type { SagaViolation } from './saga-harness-evidence.ts'

/** A saga, or the workflow that runs it, broke a property. */
export class SagaBroken extends ColloquyError {
  override readonly code = 'testing.saga_broken'
  readonly violations: readonly SagaViolation[]
  /** The smallest case that was found: hand it to `play` to see it again, with the same seed. */
  readonly failing: SagaCase
  readonly seed: number | string
  /** What happened in it, a line each. */
  readonly trace: readonly string[]
  constructor(
    found: {
      readonly violations: readonly SagaViolation[]
      readonly failing: SagaCase
      readonly words: string
      readonly seed: number | string
      readonly trace: readonly string[]
    },
    options?: ErrorOptions,
  ) {
    const { violations, words, seed, trace } = found
    const what = violations.slice(0, 5).map(({ property, what }) => `property ${property}: ${what}`)
    super(`${what.join('\n')}\nwhen ${words} (seed ${JSON.stringify(seed)})\n${trace.slice(-100).join('\n')}`, options)
    this.violations = violations
    this.failing = found.failing
    this.seed = seed
    this.trace = trace
  }
}
