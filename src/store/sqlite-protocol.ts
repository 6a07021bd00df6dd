/** What the sqlite driver and its worker say to each other. Types only. */
import type { PortableError } from './portable-error.ts'
import type { WriterOptions } from './sqlite-writer.ts'

/** Given to the worker at its start. */
export interface WorkerData extends WriterOptions {
  /** Calls in one transaction at most. */
  readonly groupMax: number
}

/** A procedure and its number. */
export interface Definition {
  readonly index: number
  readonly module: string
  readonly name: string
}

/** Comes before the first call of each. */
export interface Definitions {
  readonly definitions: readonly Definition[]
}

/** A procedure's number, or the numbers of those that run together, and then the arguments; so for each call. */
export type Calls = readonly unknown[]

/** Lists, where one is sent for every call: the names of fields cost more on the way than what stands in them. */
export type ToWorker = Definitions | Calls | 'close'

/** Results in the order of the calls, all of which were kept. */
export type Results = readonly unknown[]

export type FromWorker = Results | Report

export type Report =
  | { readonly kind: 'opened' }
  /** The folder could not be opened, or not be closed in order. The worker ends. */
  | { readonly kind: 'broken'; readonly error: PortableError }
  /** As `Results`, where some were not kept. */
  | { readonly kind: 'committed'; readonly values: Results; readonly errors: readonly IndexedError[] }
  | { readonly kind: 'closed' }

/** The error of the call at `at` in `values`. */
export interface IndexedError {
  readonly at: number
  readonly error: PortableError
}
