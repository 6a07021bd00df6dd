/**
 * Group commit: runs the procedures that wait in one transaction with one sync, yet each as if it were alone. Unlike a
 * plain transaction it keeps the failures apart: a procedure that throws takes nobody with it. Synchronous, on one
 * connection; who waits and who is told is the driver's affair.
 *
 * A savepoint a procedure would copy every page it touches, so there is none at first. Only when a procedure throws after
 * it may have written is the group rolled back and run again with a savepoint each; when the disk is full or the commit
 * is refused, each procedure is run again in a transaction of its own. Order is kept throughout.
 */
import { assert } from '../base/error.ts'
import type { Connection } from './connection.ts'
import { isFatal, typedSqliteError } from './sqlite-error.ts'
import type { Procedure } from './store.ts'

export interface Call {
  readonly run: Procedure<unknown, unknown>['run']
  readonly args: unknown
}

export type Outcome =
  | { readonly kept: true; readonly value: unknown }
  | { readonly kept: false; readonly error: unknown }

export interface GroupOptions {
  /** Names the database in errors. */
  readonly file: string
  /** True when the group has run long enough: the rest is left for the next one. Asked between procedures. */
  readonly enough: () => boolean
}

/**
 * Commits the first call and as many after it as `enough` allows; an outcome each. An outcome whose error `isFatal` says
 * that the database must not be written any more.
 */
export function commitGroup(connection: Connection, calls: readonly Call[], options: GroupOptions): Outcome[] {
  let attempt: Attempt
  try {
    connection.begin()
    attempt = runAll(connection, calls, options, false)
    if (attempt.end === 'replay') {
      connection.rollback()
      connection.begin()
      attempt = runAll(connection, calls, options, true)
    }
    if (attempt.end === 'done') {
      connection.commit()
      return attempt.outcomes
    }
  } catch (thrown) {
    attempt = { end: 'lost', thrown }
  }
  return afterLoss(connection, calls, options, attempt)
}

type Attempt =
  | { readonly end: 'done'; readonly outcomes: Outcome[] }
  /** A procedure threw after it may have written, and others before it are in the same transaction. */
  | { readonly end: 'replay' }
  /** The transaction as a whole is gone. */
  | { readonly end: 'lost'; readonly thrown: unknown }

function runAll(connection: Connection, calls: readonly Call[], options: GroupOptions, guarded: boolean): Attempt {
  const outcomes: Outcome[] = []
  let othersWrote = false
  for (const call of calls) {
    if (outcomes.length > 0 && options.enough()) break
    if (guarded) connection.savepoint()
    try {
      const value = connection.run(call.run, call.args)
      if (!connection.database.isTransaction) return { end: 'lost', thrown: swallowed() }
      if (guarded) connection.release()
      othersWrote ||= connection.mayHaveWritten
      outcomes.push({ kept: true, value })
    } catch (thrown) {
      const error = typedSqliteError(thrown, options.file)
      if (!connection.database.isTransaction || isFatal(error)) return { end: 'lost', thrown }
      if (guarded) connection.undoSavepoint()
      else if (connection.mayHaveWritten) {
        if (othersWrote) return { end: 'replay' }
        connection.rollback()
        connection.begin()
      }
      outcomes.push({ kept: false, error })
    }
  }
  return { end: 'done', outcomes }
}

function afterLoss(connection: Connection, calls: readonly Call[], options: GroupOptions, attempt: Attempt): Outcome[] {
  const error = attempt.end === 'lost' ? typedSqliteError(attempt.thrown, options.file) : swallowed()
  try {
    connection.rollback()
  } catch {
    // The first error says what happened; a rollback that fails as well leaves recovery to the next opening.
  }
  if (calls.length === 1 || isFatal(error)) return calls.map(() => ({ kept: false, error }))
  // Which of them was too much is not known: each is tried alone, in its order.
  const outcomes: Outcome[] = []
  for (const call of calls) {
    if (outcomes.length > 0 && options.enough()) break
    const [outcome] = commitGroup(connection, [call], options)
    assert(outcome, 'a call has an outcome')
    outcomes.push(outcome)
    if (!outcome.kept && isFatal(outcome.error)) break
  }
  return outcomes
}

/** SQLite undid the whole transaction and the procedure caught the error that said so. */
function swallowed(): Error {
  return new Error('the transaction was rolled back inside a procedure that went on')
}
