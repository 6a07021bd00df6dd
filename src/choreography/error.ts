/** The errors of choreography, one class a cause. */
import { ColloquyError } from '../base/error.ts'

/** A pattern or filter that says nothing, or too much. */
export class PatternInvalid extends ColloquyError {
  override readonly code = 'choreography.pattern_invalid'
  /** Where in the pattern, as a JSON Pointer (RFC 6901); empty for the whole. */
  readonly at: string
  constructor(at: string, mend: string) {
    super(`the pattern${at === '' ? '' : ` at ${at}`} ${mend}`)
    this.at = at
  }
}
