import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonCandidates } from '../../../src/model/core/json-text.ts'

const fence = '```'

describe('JSON in what a model wrote', () => {
  it.each([
    ['alone', ' {"a": 1}\n', [{ a: 1 }]],
    ['a scalar alone', '42', [42]],
    ['a fenced block', `Here:\n${fence}json\n{"a": 1}\n${fence}\nDone {"b": 2}.`, [{ a: 1 }]],
    ['two fenced blocks', `${fence}\n1\n${fence}\nor\n${fence}JSON\n[2]\n${fence}`, [1, [2]]],
    ['a fenced block that is none, and prose', `${fence}ts\nlet a\n${fence} {"b": 2}`, [{ b: 2 }]],
    ['in prose', 'I say {"a": "}{"} [sic], or ["x"]!', [{ a: '}{' }, ['x']]],
    ['nested', 'so: {"a": {"b": [1, {"c": "\\"}"}]}} end', [{ a: { b: [1, { c: '"}' }] } }]],
    ['after thoughts', '<think>maybe {"a": 1}</think>{"a": 2}', [{ a: 2 }]],
    ['after an open bracket', 'a [ b { "c": {"d": 1}', [{ d: 1 }]],
    ['wrongly nested', '{"a": [1}]', []],
    ['cut', '{"a": "x', []],
    ['single quotes', "{'a': 1}", []],
    ['a trailing comma', '{"a": 1,}', []],
    ['nothing', '', []],
  ] as const)('is found %s', (_where, text, values) => {
    expect(jsonCandidates(text)).toEqual(values)
  })

  it('is found in any prose without brackets', () => {
    const prose = fc.string().map((text) => text.replace(/[{}[\]`<]/g, ''))
    const value = fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.jsonValue()))
    fc.assert(
      fc.property(prose, value, prose, (before, value, after) => {
        const json = JSON.stringify(value)
        expect(jsonCandidates(`${before}${json}${after}`).map((found) => JSON.stringify(found))).toContain(
          JSON.stringify(JSON.parse(json)),
        )
      }),
    )
  })

  it('never throws, and never sets a prototype', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', 'a', ':', '`', '\n') }), (text) => {
        jsonCandidates(text)
      }),
    )
    jsonCandidates('so {"__proto__": {"polluted": true}}')
    expect({}).not.toHaveProperty('polluted')
  })

  it('ends soon on a megabyte of brackets, quotes or backslashes', () => {
    for (const unit of ['[', '{"', '["\\', '}', '[]{"a":1}'])
      expect(jsonCandidates(`so ${unit.repeat(1_000_000 / unit.length)}`).length).toBeLessThanOrEqual(64)
  })
})
