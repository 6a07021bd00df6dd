/** Values for property tests of the journal: data of every kind that the codec takes, and events around them. */
import * as fc from 'fast-check'
import type { CloudEvent } from '../../src/base/envelope.ts'
import { hasControl } from '../../src/base/limit.ts'

const leaf = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('$date', '"$', '\ud800', '\u2028', '__proto__'),
  fc.integer(),
  fc.double(),
  fc.constantFrom(-0, Number.NaN, null, undefined, true, false),
  fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 20 }),
)
const key = fc.oneof(fc.string({ maxLength: 5 }), fc.constantFrom('$', '$date', '$$a', '__proto__', 'toJSON', '1', 'x'))

/** Anything that the codec encodes. */
export const anyData: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4 }),
    fc.array(fc.tuple(leaf, tie('value')), { maxLength: 3 }).map((pairs) => new Map(pairs)),
    fc.array(leaf, { maxLength: 3 }).map((items) => new Set(items)),
  ),
})).value

const text = fc.oneof(
  fc.constantFrom('a', 'b', 'A', 'ä', '🙂', 'a/b', '*', '%', '_', "'"),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }),
)
const attribute = text.filter((value) => !hasControl(value) && value.isWellFormed())
export const streamName: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('a', 'a/1', 'a/2', 'b', 'ab', '🙂/1'),
  attribute,
)
const time = fc.oneof(
  fc.integer({ min: 0, max: 4e12 }).map((ms) => new Date(ms).toISOString()),
  fc.constantFrom(
    '2026-01-01T00:00:00Z',
    '2026-01-01t00:00:00.5z',
    '2016-12-31T23:59:60Z',
    '2026-01-01T00:00:00.123456789+05:30',
    '0000-01-01T00:00:00+23:59',
    '2026-02-30T00:00:00Z',
  ),
)

const optional = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined })

export const anyEvent: fc.Arbitrary<CloudEvent> = fc
  .record({
    specversion: fc.constant('1.0' as const),
    id: attribute,
    source: attribute,
    type: fc.oneof(fc.constantFrom('t.a', 't.b', 't.c'), attribute),
    subject: optional(attribute),
    time: optional(time),
    datacontenttype: optional(fc.constantFrom('application/json', 'text/plain')),
    dataschema: optional(attribute),
    correlationid: optional(fc.constantFrom('c1', 'c2', 'ä')),
    causationid: optional(attribute),
    hop: optional(fc.constantFrom(0, -0, 1, Number.MAX_SAFE_INTEGER)),
    domain: optional(attribute),
    criticality: optional(fc.constantFrom('low', 'high')),
    traceparent: optional(attribute),
    extension1: optional(fc.oneof(attribute, fc.integer({ min: -5, max: 5 }), fc.boolean())),
    data: anyData,
  })
  .map((event) => event as unknown as CloudEvent)
