import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkHeaders, headersMax, headersMaxBytes } from '../../src/bus/header.ts'

describe('headers', () => {
  it('counts the bytes of the block that NATS writes', () => {
    const value = fc.string({ unit: fc.constantFrom('a', 'é', '日', '😀', ':'), maxLength: 6 })
    const name = fc.stringMatching(/^[!-9;-~]{1,8}$/)
    fc.assert(
      fc.property(fc.dictionary(name, fc.array(value, { minLength: 1, maxLength: 3 }), { minKeys: 1 }), (headers) => {
        const lines = Object.entries(headers).flatMap(([key, values]) => values.map((each) => `${key}: ${each}\r\n`))
        expect(checkHeaders(headers).bytes).toBe(Buffer.byteLength(`NATS/1.0\r\n${lines.join('')}\r\n`))
      }),
    )
  })

  it('is nothing when no value is given', () => {
    expect(checkHeaders({})).toEqual({ bytes: 0 })
    expect(checkHeaders({ a: [] })).toEqual({ bytes: 0 })
  })

  it('hands out a frozen copy without a prototype', () => {
    const values = ['1']
    const { headers } = checkHeaders({ a: values, ['__proto__']: 'own' })
    values.push('2')
    expect(headers?.['a']).toEqual(['1'])
    expect(Object.getPrototypeOf(headers)).toBe(null)
    expect(headers?.['__proto__']).toEqual(['own'])
    expect(headers?.['hasOwnProperty']).toBe(undefined)
    expect(Object.isFrozen(headers)).toBe(true)
    expect(Object.isFrozen(headers?.['a'])).toBe(true)
  })

  it.each([
    [{ 'a b': 'x' }, 'printable ASCII'],
    [{ 'a:': 'x' }, 'printable ASCII'],
    [{ é: 'x' }, 'printable ASCII'],
    [{ a: 'x\ny' }, 'line ends'],
    [{ a: 'x\ry' }, 'line ends'],
    [{ a: 'x ' }, 'white space'],
    [{ a: '\ud800' }, 'surrogate'],
    [{ a: 7 as unknown as string }, 'must have text'],
    [{ a: [7 as unknown as string] }, 'must have text'],
    [{ a: Array.from({ length: headersMax + 1 }, () => '') }, 'values that a message may have'],
    [{ a: 'x'.repeat(headersMaxBytes + 1) }, 'too long'],
    [{ a: 'x'.repeat(headersMaxBytes / 2), b: 'x'.repeat(headersMaxBytes / 2) }, 'bytes of headers'],
  ])('refuses %o and says why', (headers, why) => {
    expect(() => checkHeaders(headers)).toThrow(why)
    expect(() => checkHeaders(headers)).toThrow(expect.objectContaining({ code: 'bus.invalid_header' }))
  })
})
