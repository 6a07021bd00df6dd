import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../../../src/base/error.ts'
import { EventMatcher } from '../../../src/choreography/core/matcher.ts'
import { parsePattern } from '../../../src/choreography/core/pattern.ts'
import type { EventPattern } from '../../../src/choreography/core/pattern.ts'
import { selectionLimits } from '../../../src/choreography/core/selection.ts'

function fits(pattern: EventPattern, event: object): boolean {
  const matcher = new EventMatcher<string>()
  matcher.set('rule', parsePattern(pattern))
  return matcher.match(event).length > 0
}

const taken = {
  type: 'order.created',
  source: 'Shop/EU',
  time: '2026-03-04T05:06:07Z',
  tags: ['new', 'gift'],
  none: null,
  data: { amount: 120.5, count: 3, paid: true, note: '', ip: '10.1.2.3', six: '2001:db8::7', file: 'in/lib/a*b.png' },
}

describe('patterns as the documentation of the language tells them', () => {
  const cases: readonly (readonly [fact: string, pattern: EventPattern, expected: boolean])[] = [
    ['all keys', { type: ['order.created'], data: { paid: [true] } }, true],
    ['all keys, one of which differs', { type: ['order.created'], data: { paid: [false] } }, false],
    ['one of a list', { type: ['order.paid', 'order.created'] }, true],
    ['an array that shares a value', { tags: ['gift', 'sale'] }, true],
    ['an array that shares none', { tags: ['sale'] }, false],
    ['empty text', { data: { note: [''] } }, true],
    ['null', { none: [null] }, true],
    ['null is no missing key', { missing: [null] }, false],
    ['a number by value', { data: { count: [3.0] } }, true],
    ['a number is no text', { data: { count: ['3'] } }, false],
    ['prefix', { time: [{ prefix: '2026-03-' }] }, true],
    ['prefix, another case', { source: [{ prefix: 'shop/' }] }, false],
    ['prefix in any case', { source: [{ prefix: { 'equals-ignore-case': 'shop/' } }] }, true],
    ['suffix', { data: { file: [{ suffix: '.png' }] } }, true],
    ['suffix in any case', { source: [{ suffix: { 'equals-ignore-case': '/eu' } }] }, true],
    ['prefix of no text', { data: { count: [{ prefix: '3' }] } }, false],
    ['equals in any case', { source: [{ 'equals-ignore-case': 'sHOP/eu' }] }, true],
    ['wildcard', { data: { file: [{ wildcard: 'in/*/*.png' }] } }, true],
    ['wildcard with a star of its own', { data: { file: [{ wildcard: '*a\\*b*' }] } }, true],
    ['wildcard that is not all of it', { data: { file: [{ wildcard: 'lib/*' }] } }, false],
    ['anything but a text', { type: [{ 'anything-but': 'order.paid' }] }, true],
    ['anything but that text', { type: [{ 'anything-but': 'order.created' }] }, false],
    ['anything but of a missing key', { missing: [{ 'anything-but': 'x' }] }, false],
    ['anything but a list', { type: [{ 'anything-but': ['order.paid', 'order.created'] }] }, false],
    ['anything but numbers', { data: { count: [{ 'anything-but': [1, 2] }] } }, true],
    ['anything but a prefix', { type: [{ 'anything-but': { prefix: 'order.' } }] }, false],
    ['anything but prefixes', { type: [{ 'anything-but': { prefix: ['a', 'b'] } }] }, true],
    ['anything but a suffix', { type: [{ 'anything-but': { suffix: '.created' } }] }, false],
    ['anything but in any case', { source: [{ 'anything-but': { 'equals-ignore-case': ['SHOP/EU'] } }] }, false],
    ['anything but a wildcard', { data: { file: [{ 'anything-but': { wildcard: '*/lib/*' } }] } }, false],
    ['anything but, of an array with another value', { tags: [{ 'anything-but': 'new' }] }, true],
    ['a range', { data: { amount: [{ numeric: ['>', 100, '<=', 120.5] }] } }, true],
    ['a range with an open end', { data: { amount: [{ numeric: ['>', 100, '<', 120.5] }] } }, false],
    ['a number equal', { data: { count: [{ numeric: ['=', 3] }] } }, true],
    ['a number below', { data: { count: [{ numeric: ['<', 3] }] } }, false],
    ['a network', { data: { ip: [{ cidr: '10.0.0.0/8' }] } }, true],
    ['a network of the sixth version', { data: { six: [{ cidr: '2001:db8::/32' }] } }, true],
    ['another network', { data: { ip: [{ cidr: '10.1.3.0/24' }] } }, false],
    ['a leaf that exists', { data: { note: [{ exists: true }] } }, true],
    ['a leaf that does not', { data: { missing: [{ exists: false }] } }, true],
    ['an object is no leaf', { data: [{ exists: false }] }, true],
    ['$or', { $or: [{ type: ['x'] }, { data: { count: [3] } }] }, true],
    ['$or of none', { $or: [{ type: ['x'] }, { data: { count: [4] } }] }, false],
    [
      '$or inside an object',
      { data: { paid: [true], $or: [{ count: [4] }, { amount: [{ numeric: ['>', 100] }] }] } },
      true,
    ],
    [
      '$or beside $or inside',
      { $or: [{ type: ['x'] }, { source: ['Shop/EU'], $or: [{ none: [1] }, { none: [null] }] }] },
      true,
    ],
  ]
  it.each(cases)('%s', (_fact, pattern, expected) => {
    expect(fits(pattern, taken)).toBe(expected)
  })

  it('crushes arrays of any depth, and keeps the fields of one element together', () => {
    const smith = { firstName: 'Anna', lastName: 'Smith' }
    const jones = { firstName: 'Peter', lastName: 'Jones' }
    for (const employees of [
      [smith, jones],
      [[smith], [jones]],
    ]) {
      expect(fits({ employees: { firstName: ['Anna'] } }, { employees })).toBe(true)
      expect(fits({ employees: { firstName: ['Anna'], lastName: ['Smith'] } }, { employees })).toBe(true)
      expect(fits({ employees: { firstName: ['Anna'], lastName: ['Jones'] } }, { employees })).toBe(false)
    }
  })

  it('takes a key with a dot for that key and for no path', () => {
    expect(fits({ 'a.b': ['x'] }, { 'a.b': 'x' })).toBe(true)
    expect(fits({ 'a.b': ['x'] }, { a: { b: 'x' } })).toBe(false)
  })
})

function outcomeOf(value: unknown): string {
  try {
    return parsePattern(value).length > 0 ? 'read' : 'empty'
  } catch (error) {
    return codeOf(error)
  }
}

describe('patterns that say nothing or too much', () => {
  const nested = (levels: number): object => (levels === 0 ? { a: ['x'] } : { a: nested(levels - 1) })
  const or = (count: number): object[] => Array.from({ length: count }, (_, at) => ({ a: [at] }))
  const cases: readonly (readonly [fact: string, pattern: unknown, at: string])[] = [
    ['no object', 'x', ''],
    ['a list', [['x']], ''],
    ['nothing', {}, ''],
    ['an empty object inside', { a: {} }, '/a'],
    ['a leaf without a list', { a: 'x' }, '/a'],
    ['an empty list', { a: [] }, '/a'],
    ['a list in a list', { a: [['x']] }, '/a'],
    ['a number that is none', { a: [Number.NaN] }, '/a'],
    ['an unknown comparison', { a: [{ prefx: 'x' }] }, '/a'],
    ['two comparisons in one', { a: [{ prefix: 'x', suffix: 'y' }] }, '/a'],
    ['prefix of a number', { a: [{ prefix: 1 }] }, '/a'],
    ['prefix with another comparison', { a: [{ prefix: { wildcard: '*' } }] }, '/a'],
    ['two stars', { a: [{ wildcard: 'a**b' }] }, '/a'],
    ['a backslash before a letter', { a: [{ wildcard: 'a\\b' }] }, '/a'],
    ['a backslash at the end', { a: [{ wildcard: 'a\\' }] }, '/a'],
    ['anything but texts and numbers', { a: [{ 'anything-but': ['x', 1] }] }, '/a'],
    ['anything but nothing', { a: [{ 'anything-but': [] }] }, '/a'],
    ['anything but a boolean', { a: [{ 'anything-but': true }] }, '/a'],
    ['anything but a range', { a: [{ 'anything-but': { numeric: ['=', 1] } }] }, '/a'],
    ['a range upside down', { a: [{ numeric: ['>', 5, '<', 1] }] }, '/a'],
    ['a range of two lower bounds', { a: [{ numeric: ['>', 1, '>', 2] }] }, '/a'],
    ['a range without a number', { a: [{ numeric: ['>'] }] }, '/a'],
    ['an unknown operator', { a: [{ numeric: ['!=', 1] }] }, '/a'],
    ['no network', { a: [{ cidr: '10.0.0.0' }] }, '/a'],
    ['a network of 33 bits', { a: [{ cidr: '10.0.0.0/33' }] }, '/a'],
    ['exists of no boolean', { a: [{ exists: 'yes' }] }, '/a'],
    ['$or of one', { $or: [{ a: ['x'] }] }, '/$or'],
    ['$or of values', { $or: ['x', 'y'] }, '/$or'],
    ['a key with a slash', { 'a/b': {} }, '/a~1b'],
    ['depth', nested(40), '/a'.repeat(32)],
    ['length of a value', { a: ['x'.repeat(selectionLimits.valueMaxLength + 1)] }, '/a'],
    ['alternatives', { $or: or(40), b: { $or: or(40) } }, ''],
    ['tests', { a: Array.from({ length: 10_001 }, (_, at) => at) }, ''],
    ['a thousand wildcards', { a: Array.from({ length: 1000 }, (_, at) => ({ wildcard: `*${at}*` })) }, ''],
  ]
  it.each(cases)('%s', (_fact, pattern, at) => {
    expect(() => parsePattern(pattern)).toThrow(expect.objectContaining({ code: 'choreography.pattern_invalid', at }))
  })

  it('of any JSON value reads a selection or says what is wrong', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(['read', 'choreography.pattern_invalid']).toContain(outcomeOf(value))
      }),
    )
  })
})
