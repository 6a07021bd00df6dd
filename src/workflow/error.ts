/** The errors of sagas, one class a cause. */
import { ColloquyError } from '../base/error.ts'

/** A saga that could not end whole or undone as it is written. */
export class DefinitionInvalid extends ColloquyError {
  override readonly code = 'workflow.definition_invalid'
  readonly part: string
  constructor(part: string, mend: string) {
    super(`${part} ${mend}`)
    this.part = part
  }
}

/** A saga that is a child of itself, at once or through others. */
export class ChildCycle extends ColloquyError {
  override readonly code = 'workflow.child_cycle'
  readonly saga: string
  readonly path: readonly string[]
  constructor(saga: string, path: readonly string[]) {
    super(`the saga ${saga} comes back to itself by its children ${path.join(' > ')}; end the chain`)
    this.saga = saga
    this.path = path
  }
}

/** The journal cannot give what a saga rests on. */
export class JournalUnsuitable extends ColloquyError {
  override readonly code = 'workflow.journal_unsuitable'
  readonly driver: string
  readonly missing: string
  constructor(driver: string, missing: string) {
    super(`the journal ${driver} has no ${missing}, on which sagas rest; take one of memory or sqlite`)
    this.driver = driver
    this.missing = missing
  }
}

/** The input of a saga, or of a signal, is not what its schema takes. */
export class InputInvalid extends ColloquyError {
  override readonly code = 'workflow.input_invalid'
  readonly saga: string
  constructor(saga: string, options: ErrorOptions) {
    super(`the saga ${saga} does not take this: ${(options.cause as Error).message}`, options)
    this.saga = saga
  }
}

/** There is no run of that id. */
export class RunUnknown extends ColloquyError {
  override readonly code = 'workflow.run_unknown'
  readonly run: string
  constructor(run: string) {
    super(`there is no run ${run}; start it, or look at its id with: colloquy saga ls`)
    this.run = run
  }
}

/** The run is over: nothing can be said to it any more. */
export class RunEnded extends ColloquyError {
  override readonly code = 'workflow.run_ended'
  readonly run: string
  readonly status: string
  constructor(run: string, status: string) {
    super(`the run ${run} has ended (${status}); start another`)
    this.run = run
    this.status = status
  }
}

/** There is a run of that id that is something else. */
export class RunConflict extends ColloquyError {
  override readonly code = 'workflow.run_conflict'
  readonly run: string
  constructor(run: string, what: string) {
    super(`there is a run ${run} already, ${what}; take another id`)
    this.run = run
  }
}

/** The version of the saga that a run is pinned to is not there. */
export class DefinitionMissing extends ColloquyError {
  override readonly code = 'workflow.definition_missing'
  readonly run: string
  readonly saga: string
  readonly version: number
  constructor(run: string, saga: string, version: number) {
    super(
      `the run ${run} needs version ${version} of the saga ${saga}, which this workflow was not given; ` +
        `give it beside the new one, or move the run with migrate`,
    )
    this.run = run
    this.saga = saga
    this.version = version
  }
}

/** The definition of that version is not the one that the run began with. */
export class DefinitionChanged extends ColloquyError {
  override readonly code = 'workflow.definition_changed'
  readonly run: string
  readonly saga: string
  readonly version: number
  constructor(run: string, saga: string, version: number) {
    super(
      `version ${version} of the saga ${saga} has other steps than when the run ${run} began; ` +
        `put them back and give the new ones a version of their own, or move the run with migrate`,
    )
    this.run = run
    this.saga = saga
    this.version = version
  }
}

/** A run cannot be moved to another version of its saga. */
export class MigrationRefused extends ColloquyError {
  override readonly code = 'workflow.migration_refused'
  readonly run: string
  constructor(run: string, why: string, options?: ErrorOptions) {
    super(`the run ${run} cannot be moved: ${why}`, options)
    this.run = run
  }
}

/** No step of the saga waits for a signal of that name. */
export class SignalUnknown extends ColloquyError {
  override readonly code = 'workflow.signal_unknown'
  readonly run: string
  readonly signal: string
  constructor(run: string, signal: string) {
    super(`no step of the run ${run} waits for a signal ${signal}`)
    this.run = run
    this.signal = signal
  }
}

/** Too many signals of one name wait for a step to take them. */
export class SignalsFull extends ColloquyError {
  override readonly code = 'workflow.signals_full'
  readonly run: string
  readonly signal: string
  constructor(run: string, signal: string) {
    super(`100 signals ${signal} of the run ${run} wait already; send one when one was taken`)
    this.run = run
    this.signal = signal
  }
}

/** The run is past its pivot: it only goes forward. */
export class PastPivot extends ColloquyError {
  override readonly code = 'workflow.past_pivot'
  readonly run: string
  constructor(run: string) {
    super(`the run ${run} is past its pivot and only goes forward; it cannot be cancelled or undone`)
    this.run = run
  }
}

/** What an operator said does not fit what the run waits for. */
export class ResolutionRefused extends ColloquyError {
  override readonly code = 'workflow.resolution_refused'
  readonly run: string
  readonly step: string
  constructor(run: string, step: string, why: string) {
    super(`the step ${step} of the run ${run} ${why}`)
    this.run = run
    this.step = step
  }
}

/** So many runs are begun and not ended that no more are taken. */
export class BacklogFull extends ColloquyError {
  override readonly code = 'workflow.backlog_full'
  readonly runsMax: number
  constructor(runsMax: number) {
    super(`${runsMax} runs are open; wait for some to end or raise runsMax`)
    this.runsMax = runsMax
  }
}

/** An attempt took longer than it may. Whether it had its effect is not known. */
export class StepTimeout extends ColloquyError {
  override readonly code = 'workflow.step_timeout'
  readonly step: string
  readonly timeoutMs: number
  constructor(step: string, timeoutMs: number) {
    super(`${step} took longer than ${timeoutMs} ms; raise its timeout or let it mind its signal`)
    this.step = step
    this.timeoutMs = timeoutMs
  }
}

/** A step that promised heartbeats was silent for too long. */
export class HeartbeatMissed extends ColloquyError {
  override readonly code = 'workflow.heartbeat_missed'
  readonly step: string
  readonly heartbeatMs: number
  constructor(step: string, heartbeatMs: number) {
    super(`${step} gave no heartbeat for ${heartbeatMs} ms; call context.heartbeat more often or raise heartbeatMs`)
    this.step = step
    this.heartbeatMs = heartbeatMs
  }
}

/** Thrown by a step: no further attempt can mend this. The cause says what it was. */
export class Unretryable extends ColloquyError {
  override readonly code = 'workflow.unretryable'
}

/** An order came after a later one for the same step: its time is over. */
export class Fenced extends ColloquyError {
  override readonly code = 'workflow.fenced'
  readonly key: string
  constructor(key: string) {
    super(`the order ${key} comes after a later one of its step and is not carried out`)
    this.key = key
  }
}

/** A child waits for a lock whose holder waits, in turn, for its parent. */
export class LockDeadlock extends ColloquyError {
  override readonly code = 'workflow.lock_deadlock'
  readonly lock: string
  constructor(lock: string, holder: string) {
    super(
      `the lock ${lock} is held by ${holder}, which waits for a lock of this saga; take both at the start of the parents`,
    )
    this.lock = lock
  }
}

/** What a step gave cannot be kept. */
export class OutputInvalid extends ColloquyError {
  override readonly code = 'workflow.output_invalid'
  readonly step: string
  constructor(step: string, options: ErrorOptions) {
    super(`what ${step} gave cannot be kept: ${(options.cause as Error).message}`, options)
    this.step = step
  }
}

/** The history of a run is not one that this version can read. */
export class HistoryUnreadable extends ColloquyError {
  override readonly code = 'workflow.history_unreadable'
  readonly run: string
  constructor(run: string, why: string, options?: ErrorOptions) {
    super(`the history of the run ${run} cannot be read: ${why}`, options)
    this.run = run
  }
}
