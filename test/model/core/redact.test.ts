import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanText, keyFilter } from '../../../src/model/core/redact.ts'

describe('text that is shown', () => {
  it('has no control, zero-width or bidi characters, and one line', () => {
    expect(cleanText(' a\u0000\u001b[1m\u009bb\u200b\u202e\ufeff\r\n\tc\u00ad ', [], 100)).toBe('a[1mb c')
  })

  it('is cut at its bound without half a character', () => {
    expect(cleanText('ab🦜cd', [], 4)).toBe('ab\ufffd…')
    expect(cleanText('abcd', [], 4)).toBe('abcd')
  })

  it('never holds a secret, whatever stands around it and wherever it is cut', () => {
    const secret = 'abcab-0123456789'
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.integer({ min: 1, max: 60 }), (before, after, lengthMax) => {
        const shown = cleanText(`${before}${secret}${after}`, [secret], lengthMax)
        expect(shown).not.toContain(secret)
        expect(shown.length).toBeLessThanOrEqual(lengthMax)
      }),
    )
  })
})

describe('the filter of a key', () => {
  // A key that overlaps itself is the hard case for a search in parts.
  const key = 'ababababcabab'
  const letters = fc.array(fc.constantFrom('a', 'b', 'ab', 'c', key, ' '), { maxLength: 30 })

  it('gives the same text however it is split, without the key', () => {
    fc.assert(
      fc.property(letters, (parts) => {
        const filter = keyFilter(key)
        const filtered = parts.map((part) => filter.push(part)).join('') + filter.flush()
        expect(filtered).toBe(parts.join('').replaceAll(key, '[hidden]'))
      }),
    )
  })

  it('holds nothing back that cannot begin the key', () => {
    expect(keyFilter(key).push('hello ')).toBe('hello ')
    expect(keyFilter(undefined).push(key)).toBe(key)
    expect(keyFilter('short').push('short')).toBe('short')
  })
})
