import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidArgument, LimitExceeded } from '../../src/base/error.ts'
import { checkBytes, hasControl, plainName, utf8Bytes, utf8Text, wholeNumber } from '../../src/base/limit.ts'
import { outcomeOf } from './outcome.ts'

describe('wholeNumber', () => {
  it('takes exactly the whole numbers in its range', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(), fc.oneof(fc.integer(), fc.double()), (min, span, value) => {
        const fits = Number.isInteger(value) && value >= min && value <= min + span
        const outcome = outcomeOf(() => wholeNumber('n', value, min, min + span))
        expect('value' in outcome ? outcome.value : 'refused').toBe(fits ? value : 'refused')
      }),
    )
  })

  it.each([['5'], [null], [undefined], [5n], [{}], [Object.create(null)], [2 ** 53], [Symbol('s')]])(
    'refuses %o with a typed error that names the option',
    (value) => expect(() => wholeNumber('timeoutMs', value, 0)).toThrow(/^timeoutMs must be a whole number from 0 to/),
  )
})

describe('checkBytes', () => {
  it('takes the limit and refuses one more', () => {
    checkBytes('sizeMaxBytes', 5, 5)
    expect(() => checkBytes('sizeMaxBytes', 5, 6)).toThrow(LimitExceeded)
  })
})

describe('plainName', () => {
  it('takes text of 1 to the limit and refuses the rest', () => {
    expect(plainName('name', 'ä b', 3)).toBe('ä b')
    for (const bad of ['', 'abcd', 'a\n', '\u007f', '\u009f', 5, null]) {
      expect(() => plainName('name', bad, 3)).toThrow(InvalidArgument)
    }
  })

  it('finds C0, DEL and C1 wherever they stand, and nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(hasControl(text)).toBe(/\p{Cc}/u.test(text))
      }),
    )
    for (let unit = 0; unit < 0x200; unit++) {
      const text = `a${String.fromCharCode(unit)}`
      expect(hasControl(text)).toBe(/\p{Cc}/u.test(text))
    }
  })
})

describe('utf-8', () => {
  it('gives back well-formed text, a byte order mark included', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(text.isWellFormed())
        expect(utf8Text('text', utf8Bytes(text))).toBe(text)
      }),
    )
    expect(utf8Text('text', utf8Bytes('\ufeffx'))).toBe('\ufeffx')
  })

  it('refuses what is not UTF-8: a stray byte, an overlong form, half a surrogate pair, a cut end', () => {
    for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]])
      expect(() => utf8Text('file', Uint8Array.from(bytes))).toThrow('file must be valid UTF-8')
  })
})
