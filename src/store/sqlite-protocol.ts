/** What the sqlite driver and its worker say to each other. Types only. */
import type { PortableError } from './portable-error.ts'
import type { WriterOptions } from './sqlite-writer.ts'

/** Given to the worker at its start. */
export interface WorkerData extends WriterOptions {
  /** Calls in one transaction at most. */
  readonly groupMax: number
}

/** A procedure's number, told before its first call. */
export interface Definition {
  readonly index: number
  readonly module: string
  readonly name: string
}

export type ToWorker =
  | {
      readonly definitions: readonly Definition[] | undefined
      /** A procedure's number for each call, or the numbers of those that run together; `args` has as many. */
      readonly procedures: readonly (number | readonly number[])[]
      readonly args: readonly unknown[]
    }
  | 'close'

export type FromWorker =
  | { readonly kind: 'opened' }
  /** The folder could not be opened, or not be closed in order. The worker ends. */
  | { readonly kind: 'broken'; readonly error: PortableError }
  /** Outcomes in the order of the calls. */
  | { readonly kind: 'committed'; readonly values: readonly unknown[]; readonly errors: readonly IndexedError[] }
  | { readonly kind: 'closed' }

/** The error of the call at `at` in `values`. */
export interface IndexedError {
  readonly at: number
  readonly error: PortableError
}
