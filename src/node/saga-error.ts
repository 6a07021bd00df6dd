/** The errors of operating sagas from outside their process, one class a cause. Unlike those of the workflow room no run throws them. */
import { ColloquyError } from '../base/error.ts'

/** The process that runs the sagas was asked and did not do it; `reason` is the code of its own error. */
export class SagaRefused extends ColloquyError {
  override readonly code = 'node.saga_refused'
  readonly reason: string
  constructor(reason: string, text: string) {
    super(`${text} (${reason})`)
    this.reason = reason
  }
}

/** What was asked for needs somebody who works on the run, and nobody does. */
export class SagasNotRunning extends ColloquyError {
  override readonly code = 'node.saga_not_running'
  readonly folder: string
  constructor(folder: string, why: string) {
    super(
      `no process works on the sagas of ${folder}: ${why}; start the program that runs them, or name the file that exports them with --module`,
    )
    this.folder = folder
  }
}

/** A process is there and runs no sagas; nobody else can while it has the folder. */
export class SagasNotServed extends ColloquyError {
  override readonly code = 'node.saga_not_served'
  readonly pid: number
  constructor(pid: number) {
    super(
      `process ${pid} has this data folder and answers for no sagas; have it run them (node.workflow), or stop it and name the file that exports them with --module`,
    )
    this.pid = pid
  }
}
