import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseFilters } from '../../../src/choreography/core/filter.ts'
import type { EventFilter } from '../../../src/choreography/core/filter.ts'
import { EventMatcher } from '../../../src/choreography/core/matcher.ts'
import { codeOf } from '../../../src/base/error.ts'

function fits(filters: readonly EventFilter[], event: object): boolean {
  const matcher = new EventMatcher<string>()
  matcher.set('filters', parseFilters(filters))
  return matcher.match(event).length > 0
}

/** Undefined for filters whose alternatives pass their bound. */
function unlessRefused<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (codeOf(error) === 'choreography.pattern_invalid') return undefined
    throw error
  }
}

/** Section 3.2.4.1.1 word by word. */
function isTrue(filter: EventFilter, event: Readonly<Record<string, string | number | boolean | undefined>>): boolean {
  if ('all' in filter) return filter.all.every((each) => isTrue(each, event))
  if ('any' in filter) return filter.any.some((each) => isTrue(each, event))
  if ('not' in filter) return !isTrue(filter.not, event)
  const [[dialect, attributes]] = Object.entries(filter) as [[string, Record<string, string>]]
  return Object.entries(attributes).every(([name, wanted]) => {
    if (event[name] === undefined) return false
    const text = String(event[name])
    return dialect === 'exact'
      ? text === wanted
      : dialect === 'prefix'
        ? text.startsWith(wanted)
        : text.endsWith(wanted)
  })
}

describe('filters of CloudEvents subscriptions', () => {
  const name = fc.constantFrom('type', 'source', 'n')
  const text = fc.constantFrom('a', 'ab', 'b', '1', '12', 'true')
  const attributes = fc.dictionary(name, text, { minKeys: 1, maxKeys: 2, noNullPrototype: true })
  const filter = fc.letrec<{ filter: EventFilter }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 3 },
      fc.record({ exact: attributes }),
      fc.record({ prefix: attributes }),
      fc.record({ suffix: attributes }),
      fc.record({ all: fc.array(tie('filter'), { minLength: 1, maxLength: 2 }) }),
      fc.record({ any: fc.array(tie('filter'), { minLength: 1, maxLength: 2 }) }),
      fc.record({ not: tie('filter') }),
    ),
  })).filter
  const event = fc.record({ type: text, source: text, n: fc.constantFrom(1, 12, true, '1', 'b') }, { requiredKeys: [] })

  it('are true of what the words of the specification say', () => {
    let [fitting, refused] = [0, 0]
    fc.assert(
      fc.property(fc.array(filter, { minLength: 1, maxLength: 2 }), event, (filters, event) => {
        const selected = unlessRefused(() => fits(filters, event))
        expect([undefined, filters.every((each) => isTrue(each, event))]).toContain(selected)
        if (selected === undefined) refused++
        else if (selected) fitting++
      }),
      { numRuns: 3000 },
    )
    expect(fitting).toBeGreaterThan(200)
    expect(refused).toBeLessThan(300)
  })

  it.each([
    ['no list', { exact: { type: 'x' } }],
    ['an empty list', []],
    ['an empty list inside', [{ all: [] }]],
    ['no attributes', [{ exact: {} }]],
    ['empty text', [{ exact: { type: '' } }]],
    ['an empty name', [{ exact: { '': 'x' } }]],
    ['a number', [{ exact: { n: 1 } }]],
    ['two dialects in one', [{ exact: { type: 'x' }, prefix: { type: 'x' } }]],
    ['the optional dialect', [{ sql: "source LIKE 'x%'" }]],
    ['depth', [Array.from({ length: 40 }).reduce<object>((inside) => ({ not: inside }), { exact: { type: 'x' } })]],
  ])('refuse %s', (_fact, filters) => {
    expect(() => parseFilters(filters)).toThrow(expect.objectContaining({ code: 'choreography.pattern_invalid' }))
  })
})
