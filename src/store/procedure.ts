/**
 * The maker of procedures. Unlike a function, a procedure can be named to a worker thread, which imports its module and
 * finds it again; this file only ties the three together and never runs one.
 *
 * ```ts
 * export const rename: Procedure<{ id: number; name: string }, void> = procedure(import.meta.url, 'rename', (tx, args) => {
 *   tx.sql('UPDATE person SET name = ? WHERE id = ?').run(args.name, args.id)
 * })
 * ```
 *
 * The name must be the one it is exported by. The worker imports the module for itself, so state at module level is not
 * shared, and a module of procedures should import little.
 */
import { InvalidArgument } from '../base/error.ts'
import type { Procedure, StoreCall, Transaction } from './store.ts'

/** A procedure that the module at `module` (its `import.meta.url`) exports as `name`. */
export function procedure<Args, Result>(
  module: string,
  name: string,
  run: (transaction: Transaction, args: Args) => Result,
): Procedure<Args, Result> {
  if (!URL.canParse(module)) throw new InvalidArgument('module', 'must be the import.meta.url of the module')
  if (name === '') throw new InvalidArgument('name', 'must be the name that the module exports the procedure by')
  return Object.freeze({ module, name, run })
}

/** A procedure and what it is to be called with, for `writeTogether`. */
export function storeCall<Args>(procedure: Procedure<Args, unknown>, args: Args): StoreCall {
  return { procedure, args }
}

/** Several runs as one, each with its own arguments. */
export function together(runs: readonly Procedure<unknown, unknown>['run'][]): Procedure<unknown, unknown>['run'] {
  return (tx, args) => runs.map((run, at) => run(tx, (args as readonly unknown[])[at]))
}

/** The function behind an export: of a procedure its `run`, of a function itself; else undefined. */
export function runnable(exported: unknown): Procedure<unknown, unknown>['run'] | undefined {
  if (typeof exported === 'function') return exported as Procedure<unknown, unknown>['run']
  if (typeof exported !== 'object' || exported === null || !('run' in exported)) return undefined
  return typeof exported.run === 'function' ? (exported.run as Procedure<unknown, unknown>['run']) : undefined
}
