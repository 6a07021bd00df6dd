/** The errors of the test kit: what a test learns when its expectation does not hold. */
import { ColloquyError } from '../base/error.ts'

/** A probe was sent something else, nothing in time, or something where nothing was expected. */
export class ProbeMismatch extends ColloquyError {
  override readonly code = 'testing.probe_mismatch'
  /** Names of all that the probe has received, in order. */
  readonly received: readonly string[]
  constructor(what: string, received: readonly string[]) {
    super(`${what}; received so far: ${received.slice(-20).join(', ') || 'nothing'}`)
    this.received = received
  }
}

/** Messages were lost that the test did not mean to lose. */
export class DeadLettersFound extends ColloquyError {
  override readonly code = 'testing.dead_letters'
  /** Each as `name to address: reason`. */
  readonly letters: readonly string[]
  constructor(letters: readonly string[]) {
    super(`${letters.length} messages became dead letters: ${letters.slice(0, 20).join('; ')}`)
    this.letters = letters
  }
}

/** A decider did not decide what was expected, or what it decided cannot be kept. Runners show `expected` and `actual`. */
export class GivenMismatch extends ColloquyError {
  override readonly code = 'testing.given_mismatch'
  readonly expected: unknown
  readonly actual: unknown
  constructor(what: string, options: ErrorOptions & { readonly expected?: unknown; readonly actual?: unknown } = {}) {
    super(what, options)
    this.expected = options.expected
    this.actual = options.actual
  }
}
