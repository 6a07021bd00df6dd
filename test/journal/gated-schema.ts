import type { SchemaResult, StandardSchema } from '../../src/journal/schema.ts'

/** A schema by hand, whose answers come when the test lets them. */
export function gated(check: (value: unknown) => SchemaResult<never>): {
  readonly schema: StandardSchema<never>
  readonly waiting: (() => void)[]
} {
  const waiting: (() => void)[] = []
  const schema: StandardSchema<never> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) => new Promise((resolve) => waiting.push(() => resolve(check(value)))),
    },
  }
  return { schema, waiting }
}
