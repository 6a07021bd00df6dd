import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonSplitter } from '../../../src/journal/core/json-splitter.ts'
import type { SplitElement, SplitFault } from '../../../src/journal/core/json-splitter.ts'

const limits = { elementMaxBytes: 1_000_000, depthMax: 200 }
const text = new TextEncoder()

/** Everything found in the bytes, given in pieces that end at the cuts. */
function split(bytes: Uint8Array, cuts: readonly number[] = [], given: Partial<typeof limits> = {}) {
  const splitter = new JsonSplitter({ ...limits, ...given })
  const found: SplitElement[] = []
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  let from = 0
  for (const end of ends) {
    found.push(...splitter.push(bytes.slice(from, end)))
    from = end
  }
  return { found, fault: splitter.end() }
}

const values = ({ found }: { readonly found: readonly SplitElement[] }): unknown[] =>
  found.map(({ bytes }) => JSON.parse(new TextDecoder().decode(bytes)) as unknown)

const object = fc.dictionary(fc.string({ unit: 'binary', maxLength: 5 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 })
const space = fc.constantFrom('', ' ', '\n', '\r\n', '\t', '\n\n  ')
const cuts = fc.array(fc.nat(), { maxLength: 20 })
/** What a value of `JSON` gives back, such as no lone surrogates and no -0. */
const plain = (value: unknown): unknown => JSON.parse(new TextDecoder().decode(text.encode(JSON.stringify(value))))

describe('the splitter of JSON', () => {
  it('finds the objects of any array and any sequence, however the bytes come', () => {
    fc.assert(
      fc.property(
        fc.array(object, { maxLength: 6 }),
        fc.boolean(),
        space,
        fc.nat(3),
        fc.boolean(),
        cuts,
        (objects, isArray, gap, indent, marked, at) => {
          const parts = objects.map((each) => JSON.stringify(each, null, indent))
          const body = isArray
            ? `${gap}[${gap}${parts.join(`${gap},${gap}`)}${gap}]${gap}`
            : gap + parts.join(gap) + gap
          const bytes = text.encode(body)
          const outcome = split(
            marked ? Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]) : bytes,
            marked ? [] : at,
          )
          expect(values(outcome)).toEqual(objects.map(plain))
          expect(outcome.fault?.why).toBe(!isArray && objects.length === 0 ? 'is empty' : undefined)
          const whole = new TextDecoder().decode(bytes)
          for (const [index, { line, offset }] of outcome.found.entries()) {
            const before = Buffer.from(bytes)
              .subarray(0, offset - (marked ? 3 : 0))
              .toString()
            expect(line).toBe(before.split('\n').length)
            expect(whole.slice(before.length).startsWith(parts[index] ?? '')).toBe(true)
          }
        },
      ),
    )
  })

  it('says of an array that was cut off anywhere that it was', () => {
    fc.assert(
      fc.property(fc.array(object, { minLength: 1, maxLength: 4 }), fc.nat(), cuts, (objects, end, at) => {
        const bytes = text.encode(JSON.stringify(objects))
        expect(split(bytes.slice(0, end % bytes.length), at).fault).toBeDefined()
      }),
    )
  })

  it('takes any bytes without a throw, and gives the same in one piece as in many', () => {
    const likely = fc.array(fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', '\n', 'a', '1', ' '), {
      maxLength: 60,
    })
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      likely.map((all) => text.encode(all.join(''))),
      likely.map((all) => text.encode(`[{${all.join('')}`)),
    )
    fc.assert(
      fc.property(bytes, cuts, (given, at) => {
        const once = split(given)
        // A mark in pieces is no mark.
        fc.pre(given[0] !== 0xef)
        expect(split(given, at)).toEqual(once)
        for (const { bytes: found } of once.found) expect([found[0], found.at(-1)]).toEqual([0x7b, expect.any(Number)])
      }),
      { numRuns: 500 },
    )
  })

  it.each<[string, string, Partial<SplitFault>]>([
    ['nothing', '', { why: 'is empty', line: 1, offset: 0 }],
    ['a number', '7', { offset: 0 }],
    ['a number in an array', '[{},\n 7]', { line: 2, offset: 6 }],
    ['a missing comma', '[{}\n{}]', { line: 2, offset: 4 }],
    ['a comma at the end', '[{},]', { offset: 4 }],
    ['something behind the array', '[{}] {}', { offset: 5 }],
    ['an open text', '{"a":"}', { offset: 0 }],
  ])('refuses %s', (_what, given, fault) => expect(split(text.encode(given)).fault).toMatchObject(fault))

  it('refuses what is too large or too deep, also before it has all of it', () => {
    const large = text.encode(`[{"a":"${'x'.repeat(1000)}`)
    expect(split(large, [], { elementMaxBytes: 100 }).fault?.why).toContain('more than 100 bytes')
    expect(split(large, [30, 60, 90, 150], { elementMaxBytes: 100 }).fault?.why).toContain('more than 100 bytes')
    expect(split(text.encode('{"a":'.repeat(10)), [], { depthMax: 9 }).fault?.why).toContain('deeper than 9')
    expect(split(text.encode(`${'{"a":'.repeat(9)}1${'}'.repeat(9)}`), [], { depthMax: 9 }).fault).toBeUndefined()
  })
})
