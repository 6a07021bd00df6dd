import { describe, expect, it } from 'vitest'
import { sentenceEnds } from '../../../src/deliberation/core/sentence.ts'

function sentences(text: string): string[] {
  let start = 0
  return sentenceEnds(text).map((end) => {
    const sentence = text.slice(start, end).trim()
    start = end
    return sentence
  })
}

describe('sentence ends', () => {
  it('ends at a stop before a capital, a figure, an opening mark or a name in code', () => {
    expect(sentences('One is here. Two is “there.” (Three.) 4 wins! better-sqlite3 fails? `five` is code.')).toEqual([
      'One is here.',
      'Two is “there.”',
      '(Three.)',
      '4 wins!',
      'better-sqlite3 fails?',
      '`five` is code.',
    ])
  })

  it('does not end in abbreviations, initials, numbers, versions or code', () => {
    for (const text of [
      'See e.g. Node or i.e. Deno.',
      'J. Smith wrote it.',
      'It took 1.5 ms in v2.0 of the tool.',
      'It is no. 5 of the list.',
      'Call `a. B` now.',
      'It ends... somewhere later.',
    ])
      expect(sentences(text)).toEqual([text])
  })

  it('ends at full-width marks without white space', () => {
    expect(sentences('これは文です。次の文です。')).toEqual(['これは文です。', '次の文です。'])
  })

  it('spans the text: the last end is its length', () => {
    expect(sentenceEnds('')).toEqual([0])
    expect(sentenceEnds('No stop here')).toEqual([12])
    expect(sentenceEnds('A stop.  ')).toEqual([9])
  })
})
