/**
 * What the journal asks of a schema: the part of Standard Schema 1 (standardschema.dev) that validates. Zod, Valibot and
 * ArkType schemas are such. Unlike those libraries this file knows no shapes of its own; it only calls a schema and words
 * what came of it.
 */
import { messageOf } from '../base/error.ts'
import { isThenable } from './thenable.ts'

export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
  }
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What a schema made of a value: its output, or why it refuses. `cause` is there when the schema itself threw. */
export type Checked =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly issues: readonly SchemaIssue[]; readonly cause?: unknown }

/** At once where the schema is synchronous. Never throws or rejects: a schema that does has refused. */
export function checkedBy(schema: StandardSchema, value: unknown): Checked | Promise<Checked> {
  try {
    const result: unknown = schema['~standard'].validate(value)
    return isThenable(result) ? Promise.resolve(result).then(outcome, failure) : outcome(result)
  } catch (error) {
    return failure(error)
  }
}

/** What keeps to no specification must not pass for the value `undefined`. */
function outcome(result: unknown): Checked {
  if (typeof result === 'object' && result !== null) {
    const { issues } = result as { readonly issues?: unknown }
    if (Array.isArray(issues)) return { ok: false, issues: issues as readonly SchemaIssue[] }
    if (!issues && 'value' in result) return { ok: true, value: result.value }
  }
  return failure(new Error('the schema gave neither a value nor issues'))
}

function failure(cause: unknown): Checked {
  return { ok: false, issues: [{ message: messageOf(cause) }], cause }
}

const shownMax = 10

/** The first issues for a message. */
export function issuesText(issues: readonly SchemaIssue[]): string {
  return issues
    .slice(0, shownMax)
    .map(({ message, path }) => (path && path.length > 0 ? `${path.map(keyText).join('.')}: ${message}` : message))
    .join('; ')
    .slice(0, 1000)
}

function keyText(part: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof part === 'object' ? part.key : part)
}

export function isSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  const standard = (value as Partial<StandardSchema>)['~standard']
  return typeof standard?.validate === 'function'
}
