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

/** The journal cannot give what rules need. */
export class JournalUnsuitable extends ColloquyError {
  override readonly code = 'choreography.journal_unsuitable'
  constructor(driver: string, lacks: string) {
    super(`the journal ${driver} has no ${lacks}, which a choreography needs; use memory or sqlite`)
  }
}

/** The name stands for a choreography over another journal. */
export class ChoreographyForeign extends ColloquyError {
  override readonly code = 'choreography.foreign'
  constructor(name: string) {
    super(`the choreography ${name} of this store follows another journal; open that one, or choose another name`)
  }
}

/** The store was opened without the tables of choreographies. */
export class ChoreographySchemaMissing extends ColloquyError {
  override readonly code = 'choreography.schema_missing'
  constructor(options?: ErrorOptions) {
    super('the store has no tables for choreographies; open it with choreographySchema among its schemas', options)
  }
}

/** The choreography was opened again, here or elsewhere: this one may do nothing more. */
export class ChoreographyTaken extends ColloquyError {
  override readonly code = 'choreography.taken'
  constructor(name: string) {
    super(`the choreography ${name} was opened again and is run by whoever did; open it once, or under two names`)
  }
}

/** It met an error of journal or store, which is the cause; what was taken in is kept. */
export class ChoreographyStopped extends ColloquyError {
  override readonly code = 'choreography.stopped'
  constructor(name: string, options?: ErrorOptions) {
    super(`the choreography ${name} has stopped; see the cause, and create it again`, options)
  }
}

/** To be thrown by an action: trying again is of no use, the event is parked at once. */
export class ActionRefused extends ColloquyError {
  override readonly code = 'choreography.action_refused'
}

/** The event that a rule was to act on is no longer in the journal. */
export class EventErased extends ColloquyError {
  override readonly code = 'choreography.event_erased'
  constructor(stream: string, version: number) {
    super(`event ${version} of ${stream} was erased before a rule had acted on it; discard it, or restore the event`)
  }
}

/** The process ended during as many attempts as there may be. */
export class AttemptsLost extends ColloquyError {
  override readonly code = 'choreography.attempts_lost'
  constructor(attempts: number) {
    super(`the process ended in each of ${attempts} attempts; look what the action does before it is replayed`)
  }
}
