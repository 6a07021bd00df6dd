/** A Standard Schema as a function that gives the value or throws what is wrong with it. It never waits: a step has no time for that. */
import { checkedBy, isSchema, issuesText } from '../journal/schema.ts'
import type { StandardSchema } from '../journal/schema.ts'
import { InvalidArgument } from '../base/error.ts'

/** Throws `base.invalid_argument` for what is no schema. */
export function schemaCheck(what: string, schema: StandardSchema): (value: unknown) => unknown {
  if (!isSchema(schema)) throw new InvalidArgument(what, 'must be a Standard Schema, such as one of Zod')
  return (value) => {
    const checked = checkedBy(schema, value)
    if (checked instanceof Promise) throw new InvalidArgument(what, 'must have a schema that is synchronous')
    if (checked.ok) return checked.value
    throw new InvalidArgument(what, `does not fit its schema: ${issuesText(checked.issues)}`, { cause: checked.cause })
  }
}
