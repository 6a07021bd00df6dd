import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../../../src/base/error.ts'
import { explain } from '../../../src/choreography/core/explain.ts'
import { EventMatcher } from '../../../src/choreography/core/matcher.ts'
import { parsePattern } from '../../../src/choreography/core/pattern.ts'
import { event, pattern } from './pattern-arbitrary.ts'
import { fitsSlowly } from './reference.ts'

/** A pattern whose alternatives pass their bound is refused, and says nothing about matching. */
const taken = pattern.filter((each) => {
  try {
    return parsePattern(each).length <= 20
  } catch (error) {
    if (codeOf(error) !== 'choreography.pattern_invalid') throw error
    return false
  }
})

function only(pattern: object): EventMatcher<string> {
  const matcher = new EventMatcher<string>()
  matcher.set('only', parsePattern(pattern))
  return matcher
}

describe('event matcher', () => {
  it('says of any pattern and event what the slow and obvious matcher says', () => {
    let fitting = 0
    fc.assert(
      fc.property(taken, fc.array(event, { minLength: 1, maxLength: 8 }), (pattern, events) => {
        const matcher = only(pattern)
        for (const each of events) {
          const expected = fitsSlowly(pattern, each)
          if (expected) fitting++
          expect(matcher.match(each)).toEqual(expected ? ['only'] : [])
          expect(explain(parsePattern(pattern), each).fits).toBe(expected)
        }
      }),
      { numRuns: 3000 },
    )
    expect(fitting).toBeGreaterThan(200)
  })

  it('asks fields inside arrays of one element', () => {
    const bit = fc.constantFrom('x', 'y')
    const element = fc.oneof(
      fc.record({ a: bit, b: bit, inside: fc.array(fc.record({ c: bit, d: bit }), { maxLength: 2 }) }),
      bit,
      fc.array(fc.record({ a: bit, b: bit }), { maxLength: 2 }),
    )
    const asked = fc.array(fc.oneof(bit, fc.constantFrom({ exists: false }, { 'anything-but': 'x' })), {
      minLength: 1,
      maxLength: 2,
    })
    const inside = fc.record({ c: asked, d: asked }, { requiredKeys: ['c'] })
    const list = fc.record({ a: asked, b: asked, inside }, { requiredKeys: ['a'] })
    const rule = fc.record(
      { list, $or: fc.tuple(fc.record({ list }), fc.record({ other: asked })) },
      { requiredKeys: ['list'] },
    )
    let [fitting, apart] = [0, 0]
    fc.assert(
      fc.property(rule, fc.record({ list: fc.array(element, { maxLength: 4 }), other: bit }), (rule, event) => {
        const expected = fitsSlowly(rule, event)
        expect(only(rule).match(event)).toEqual(expected ? ['only'] : [])
        const told = explain(parsePattern(rule), event)
        expect(told.fits).toBe(expected)
        if (told.fits) fitting++
        else if (told.apart) apart++
      }),
      { numRuns: 2000 },
    )
    expect(Math.min(fitting, apart)).toBeGreaterThan(5)
  })

  it('keeps to the ends of a range beside a field that tells more', () => {
    const ends = fc.constantFrom(-1.5, -1, -0, 0, Number.MIN_VALUE, 1, 1 + Number.EPSILON, 2)
    const range = fc
      .tuple(fc.constantFrom('>', '>='), ends, fc.constantFrom('<', '<='), ends)
      .filter(([, low, , high]) => low < high)
    fc.assert(
      fc.property(range, ends, (numeric, value) => {
        const rule = { kind: ['x'], value: [{ numeric }] }
        const event = { kind: 'x', value }
        expect(only(rule).match(event)).toEqual(fitsSlowly(rule, event) ? ['only'] : [])
      }),
      { numRuns: 500 },
    )
  })

  it('finds for any set of rules, also while they change, those that fit one by one, in their order', () => {
    const change = fc.oneof(
      { weight: 3, arbitrary: fc.record({ op: fc.constant('set' as const), name: fc.nat(40), pattern: taken }) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('delete' as const), name: fc.nat(40) }) },
      { weight: 2, arbitrary: fc.record({ op: fc.constant('match' as const), event }) },
    )
    fc.assert(
      fc.property(fc.array(change, { maxLength: 300, size: 'max' }), (changes) => {
        const matcher = new EventMatcher<number>()
        const rules = new Map<number, object>()
        for (const each of changes) {
          if (each.op === 'set') {
            rules.delete(each.name)
            rules.set(each.name, each.pattern)
            matcher.set(each.name, parsePattern(each.pattern))
          }
          const deleted = each.op === 'delete' && [matcher.delete(each.name), rules.delete(each.name)]
          expect(deleted && deleted[0]).toBe(deleted && deleted[1])
          const asked = each.op === 'match' ? each.event : {}
          const fitting = [...rules].filter(([, rule]) => fitsSlowly(rule, asked)).map(([name]) => name)
          expect(each.op === 'match' ? matcher.match(asked) : fitting).toEqual(fitting)
          expect(matcher.size).toBe(rules.size)
        }
        expect([...matcher.names()]).toEqual([...rules.keys()])
      }),
      { numRuns: 60 },
    )
  })

  it('takes keys that every object inherits for keys like others', () => {
    expect(only({ constructor: [{ exists: false }] }).match({})).toEqual(['only'])
    expect(only({ toString: [{ exists: true }] }).match({})).toEqual([])
    expect(only(JSON.parse('{"__proto__":["x"]}') as object).match(JSON.parse('{"__proto__":"x"}') as object)).toEqual([
      'only',
    ])
    expect(only(JSON.parse('{"__proto__":{"a":["x"]}}') as object).match({})).toEqual([])
  })

  it('refuses an event that is deeper than any should be, and goes on', () => {
    const deep = JSON.parse(`{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`) as object
    const matcher = only({ a: ['x'] })
    expect(() => matcher.match(deep)).toThrow(expect.objectContaining({ code: 'base.invalid_argument' }))
    expect(matcher.match({ a: 'x' })).toEqual(['only'])
  })

  it('takes what JSON has no form for as not there', () => {
    expect(only({ a: [{ exists: false }] }).match({ a: undefined, b: () => 1 })).toEqual(['only'])
  })
})

describe('explain', () => {
  it('names the field that failed, what was asked and what was there', () => {
    const selection = parsePattern({
      type: [{ prefix: 'order.' }],
      data: { amount: [{ numeric: ['>', 100, '<=', 200] }] },
    })
    expect(explain(selection, { type: 'order.created', data: { amount: 30 } })).toEqual({
      fits: false,
      at: '/data/amount',
      asked: 'a number > 100 and <= 200',
      found: '30',
      apart: false,
    })
    expect(explain(selection, { type: 'order.created' })).toMatchObject({ at: '/data/amount', found: 'nothing' })
  })

  it('says when fields fit, but not inside one element', () => {
    const selection = parsePattern({ people: { first: ['Anna'], last: ['Jones'] } })
    const people = [
      { first: 'Anna', last: 'Smith' },
      { first: 'Peter', last: 'Jones' },
    ]
    expect(explain(selection, { people })).toMatchObject({ fits: false, apart: true })
  })

  it('tells of the alternative that came closest', () => {
    const selection = parsePattern({
      $or: [
        { a: ['x'], b: ['x'], c: ['x'] },
        { a: ['y'], b: ['y'] },
      ],
    })
    expect(explain(selection, { a: 'x', b: 'x', c: 'z' })).toMatchObject({ at: '/c', asked: '"x"', found: '"z"' })
  })
})
