/** The errors of coordination, one class a cause. */
import { ColloquyError } from '../base/error.ts'

/** Domains or rules that cannot be meant so. */
export class ConfigInvalid extends ColloquyError {
  override readonly code = 'coordination.config_invalid'
  /** Where: `domains.payments.rules.refund`. */
  readonly at: string
  constructor(at: string, mend: string, options?: ErrorOptions) {
    super(`${at} ${mend}`, options)
    this.at = at
  }
}

/** The journal cannot give what decisions rest on. */
export class JournalUnsuitable extends ColloquyError {
  override readonly code = 'coordination.journal_unsuitable'
  constructor(driver: string, lacks: string) {
    super(`the journal ${driver} has no ${lacks}, which a coordinator needs; use memory or sqlite`)
  }
}

/** Somebody else has taken the conversation over. */
export class HandedOver extends ColloquyError {
  override readonly code = 'coordination.handed_over'
  /** Who has it. */
  readonly case: string
  constructor(caseId: string) {
    super(`the conversation was taken over before, by the case ${caseId}; look at that one`)
    this.case = caseId
  }
}

/** There is no case of that id. */
export class CaseUnknown extends ColloquyError {
  override readonly code = 'coordination.case_unknown'
  readonly case: string
  constructor(caseId: string) {
    super(`there is no case ${caseId} that somebody was asked about; unescalated() lists those that rest`)
    this.case = caseId
  }
}

/** The case does not rest: there is nothing to say of it. */
export class CaseSettled extends ColloquyError {
  override readonly code = 'coordination.case_settled'
  readonly case: string
  constructor(caseId: string, phase: string) {
    super(`the case ${caseId} is ${phase}; only one that rests can be resolved, and unescalated() lists those`)
    this.case = caseId
  }
}

/** It met an error of the journal or the workflow, which is the cause; what was decided is kept. */
export class CoordinatorStopped extends ColloquyError {
  override readonly code = 'coordination.stopped'
  constructor(name: string, options?: ErrorOptions) {
    super(`the coordinator ${name} has stopped; see the cause, and create it again`, options)
  }
}
