import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { estimatePromptTokens, estimateTokens } from '../../../src/model/core/tokens.ts'

describe('the estimate of tokens', () => {
  it('is a third of plain words, half of digits and marks, more beyond ASCII', () => {
    expect(estimateTokens('')).toBe(0)
    expect(estimateTokens('a')).toBe(1)
    expect(estimateTokens('abc def ghi ')).toBe(4)
    expect(estimateTokens('12,34;')).toBe(3)
    expect(estimateTokens('привет')).toBe(6)
    expect(estimateTokens('漢字')).toBe(4)
    expect(estimateTokens('🦜')).toBe(4)
  })

  it('is never more than the bytes of the text, which no tokenizer of bytes passes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(estimateTokens(text)).toBeLessThanOrEqual(Buffer.byteLength(text.toWellFormed()))
      }),
    )
  })

  it('of parts is no less than of the whole', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        expect(estimateTokens(a) + estimateTokens(b)).toBeGreaterThanOrEqual(estimateTokens(a + b))
      }),
    )
  })

  it('of a prompt counts what stands between the messages', () => {
    expect(estimatePromptTokens([{ role: 'user', content: 'abc' }])).toBeGreaterThan(estimateTokens('abc'))
  })
})
