/** Patterns and events that meet often: few keys, few values, arrays of objects, nested `$or`. */
import fc from 'fast-check'

const keys = ['a', 'b', 'constructor']
const texts = ['', 'a', 'ab', 'AB', 'b*', '10.0.0.9', 'x\\y', 'İ', '1']
const numbers = [0, -0, 1, 1.5, 1e12]

export const leafValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...texts) },
  { weight: 2, arbitrary: fc.constantFrom(...numbers) },
  fc.constantFrom(true, false, null),
)

export const event: fc.Arbitrary<object> = fc.letrec<{ value: unknown; object: object }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    { weight: 4, arbitrary: leafValue },
    { weight: 2, arbitrary: fc.array(tie('value'), { maxLength: 3 }) },
    { weight: 3, arbitrary: tie('object') },
  ),
  object: fc.dictionary(fc.constantFrom(...keys), tie('value'), { maxKeys: 3, noNullPrototype: true }),
})).object

const wildcards = ['*', 'a*', '*b', 'a*c', '*a*', 'b\\*', 'x\\\\*', '*.0.*.1', 'abc']
const text = fc.constantFrom(...texts)
const number = fc.constantFrom(...numbers)
const caseless = fc.record({ 'equals-ignore-case': text })
const range = fc
  .tuple(fc.constantFrom('>', '>='), number, fc.constantFrom('<', '<='), number)
  .filter(([, low, , high]) => low < high)

const comparison: fc.Arbitrary<unknown> = fc.oneof(
  fc.record({ prefix: fc.oneof(text, caseless) }),
  fc.record({ suffix: fc.oneof(text, caseless) }),
  caseless,
  fc.record({ wildcard: fc.constantFrom(...wildcards) }),
  fc.record({
    'anything-but': fc.oneof(
      text,
      number,
      fc.array(text, { minLength: 1, maxLength: 3 }),
      fc.array(number, { minLength: 1, maxLength: 3 }),
      fc.record({ prefix: fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 2 })) }),
      fc.record({ suffix: text }),
      caseless,
      fc.record({ wildcard: fc.constantFrom(...wildcards) }),
    ),
  }),
  fc.record({ numeric: fc.oneof(fc.tuple(fc.constantFrom('=', '<', '<=', '>', '>='), number), range) }),
  fc.record({ cidr: fc.constantFrom('10.0.0.0/24', '10.0.0.8/29', '0.0.0.0/0', '192.168.1.1/32') }),
  fc.record({ exists: fc.boolean() }),
)

export const pattern: fc.Arbitrary<object> = fc.letrec<{ field: unknown; object: object; or: unknown }>((tie) => ({
  field: fc.oneof(
    { maxDepth: 2 },
    { weight: 5, arbitrary: fc.array(fc.oneof(leafValue, comparison), { minLength: 1, maxLength: 3 }) },
    { weight: 2, arbitrary: tie('object') },
  ),
  or: fc.array(tie('object'), { minLength: 2, maxLength: 3 }),
  object: fc
    .tuple(
      fc.dictionary(fc.constantFrom(...keys), tie('field'), { minKeys: 1, maxKeys: 2, noNullPrototype: true }),
      fc.option(tie('or'), { freq: 3, maxDepth: 2, depthIdentifier: 'or' }),
    )
    .map(([fields, or]) => (or === null ? fields : { ...fields, $or: or })),
})).object
