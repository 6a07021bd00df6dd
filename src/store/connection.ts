/**
 * Connection: one SQLite connection with its prepared statements and the transaction that procedures see. Unlike a Store
 * it is synchronous and belongs to one thread; it knows nothing of queues, locks or files' fates.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { assert, InvalidArgument } from '../base/error.ts'
import type { Procedure, Statement, Transaction } from './store.ts'

/** Prepared statements kept per connection; the least recently asked for goes first. A room uses some dozens. */
const statementsMax = 512

// Leading white space and comments, then the verb.
const verbPattern = /^(?:\s|--[^\n]*\n|\/\*[^]*?\*\/)*([a-z]+)/i
const readingVerbs: ReadonlySet<string> = new Set(['select', 'values'])
const writingVerbs: ReadonlySet<string> = new Set([
  'with',
  'insert',
  'replace',
  'update',
  'delete',
  'create',
  'drop',
  'alter',
])

interface Prepared {
  readonly statement: StatementSync
  readonly writes: boolean
}

export class Connection {
  readonly database: DatabaseSync
  readonly #prepared = new Map<string, Prepared>()
  readonly #begin: StatementSync
  readonly #beginRead: StatementSync
  readonly #commit: StatementSync
  readonly #savepoint: StatementSync
  readonly #release: StatementSync
  readonly #undo: StatementSync
  readonly #transaction: Transaction
  #inside = false
  /** The procedure that ran last asked for a statement that may write. */
  mayHaveWritten = false

  constructor(database: DatabaseSync) {
    this.database = database
    this.#begin = database.prepare('BEGIN IMMEDIATE')
    this.#beginRead = database.prepare('BEGIN DEFERRED')
    this.#commit = database.prepare('COMMIT')
    this.#savepoint = database.prepare('SAVEPOINT procedure')
    this.#release = database.prepare('RELEASE procedure')
    this.#undo = database.prepare('ROLLBACK TO procedure')
    this.#transaction = { sql: (text) => this.#sql(text) }
  }

  /** Starts a transaction that holds the write lock from the start, so that no statement in it meets another writer. */
  begin(): void {
    this.#begin.run()
  }

  commit(): void {
    this.#commit.run()
  }

  /** Undoes the transaction, if SQLite has not done so itself. */
  rollback(): void {
    if (this.database.isTransaction) this.database.exec('ROLLBACK')
  }

  /** Marks the point that `undoSavepoint` goes back to. */
  savepoint(): void {
    this.#savepoint.run()
  }

  release(): void {
    this.#release.run()
  }

  /** Undoes what was done since `savepoint` and forgets the mark. */
  undoSavepoint(): void {
    this.#undo.run()
    this.#release.run()
  }

  /** Runs a procedure inside the open transaction. */
  run<Args, Result>(run: Procedure<Args, Result>['run'], args: Args): Result {
    this.mayHaveWritten = false
    this.#inside = true
    try {
      const result = run(this.#transaction, args)
      if (isThenable(result)) throw asyncProcedure(result)
      return result
    } finally {
      this.#inside = false
    }
  }

  /** Runs a procedure on one snapshot of its own. */
  snapshot<Args, Result>(run: Procedure<Args, Result>['run'], args: Args): Result {
    this.#beginRead.run()
    try {
      return this.run(run, args)
    } finally {
      this.rollback()
    }
  }

  close(): void {
    this.#prepared.clear()
    this.database.close()
  }

  #sql(text: string): Statement {
    assert(this.#inside, 'a transaction was used after its procedure had returned')
    let prepared = this.#prepared.get(text)
    if (prepared === undefined) prepared = this.#prepare(text)
    else if (this.#prepared.size > statementsMax / 2) {
      // Order matters only once something may have to go.
      this.#prepared.delete(text)
      this.#prepared.set(text, prepared)
    }
    if (prepared.writes) this.mayHaveWritten = true
    // The port's Statement is the part of node:sqlite's that procedures may use; a wrapper would cost a call a row.
    return prepared.statement as Statement
  }

  #prepare(text: string): Prepared {
    const verb = verbPattern.exec(text)?.[1]?.toLowerCase() ?? ''
    const writes = writingVerbs.has(verb)
    if (!writes && !readingVerbs.has(verb))
      throw new InvalidArgument(
        'sql',
        `must read or change tables; ${verb.toUpperCase() || 'this'} is not for procedures`,
      )
    const prepared = { statement: this.database.prepare(text), writes }
    if (this.#prepared.size >= statementsMax) {
      const [oldest] = this.#prepared.keys()
      if (oldest !== undefined) this.#prepared.delete(oldest)
    }
    this.#prepared.set(text, prepared)
    return prepared
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** What it does after its first wait would be outside the transaction: it is refused, and its own end is nobody's. */
function asyncProcedure(result: PromiseLike<unknown>): InvalidArgument {
  const ignored = () => undefined
  result.then(ignored, ignored)
  return new InvalidArgument('procedure', 'must not be async: all that it does is one transaction; wait before it')
}
