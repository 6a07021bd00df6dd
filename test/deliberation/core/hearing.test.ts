import { describe, expect, it } from 'vitest'
import { shownText } from '../../../src/deliberation/core/hearing.ts'

const struck = (text: string, ...quotes: string[]): string =>
  shownText({ text, struck: quotes.map((quote) => ({ text: quote, source: 'a.md', line: 0, verified: false })) })

describe('striking a quote from a speech', () => {
  it('takes whole words, and cuts none', () => {
    expect(struck('A cat sat at a table.', 'a')).toBe('A cat sat at [struck: not in its source] table.')
    expect(struck('the log, the logs', 'the log')).toBe('[struck: not in its source], the logs')
  })

  it('takes text of scripts without spaces between words wherever it stands', () => {
    expect(struck('記録は速いと言う', '速い')).toBe('記録は[struck: not in its source]と言う')
  })

  it('says why once, so that a text full of it does not grow beyond all bounds', () => {
    expect(struck('so so so', 'so')).toBe('[struck: not in its source] [struck] [struck]')
    expect(struck('x '.repeat(10_000), 'x').length).toBeLessThan(100_000)
  })
})
