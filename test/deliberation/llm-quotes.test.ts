import { describe, expect, it } from 'vitest'
import { readQuotes, unstatedSource } from '../../src/deliberation/llm-quotes.ts'
import { quoteFinder } from '../../src/deliberation/quote.ts'
import { options, paper } from './papers.ts'

const documents = [
  paper('docs/a.md', 'First **line** of a.\nSecond line says "so" aloud.'),
  paper('docs/b.md', 'Words of b.'),
  paper('x/same.md', 'One.'),
  paper('y/same.md', 'Two.'),
]
const sources = documents.map(({ source }) => source)
const read = (text: string) => readQuotes(text, { finder: quoteFinder(documents), sources, options })

describe('quotes in a reply', () => {
  it('are read from a block, with the option that they bear on', () => {
    expect(read('I say:\n> "First **line** of a." [docs/a.md:1] (against option 2)\nSo there.')).toEqual([
      {
        text: 'First **line** of a.',
        source: 'docs/a.md',
        line: 1,
        verified: true,
        bearing: { option: options[1], direction: 'against' },
      },
    ])
  })

  it.each([
    ['in a sentence', 'As "Words of b." [docs/b.md:1] shows.'],
    ['in typographic marks', 'As “Words of b.” [docs/b.md:1] shows.'],
    ['with a stop behind', 'It says "Words of b". [docs/b.md:1]'],
    ['in a block without marks', '> Words of b. [docs/b.md:1]'],
    ['in a block of two lines', '> Words\n> of b. [docs/b.md:1]'],
    ['with the source below', '> "Words of b."\n[docs/b.md:1]'],
    ['with a dash before the source', '> "Words of b." — [docs/b.md:1]'],
    ['with a range of lines', '> "Words of b." [docs/b.md:1-3]'],
    ['with the end of the path alone', '> "Words of b." [b.md:1]'],
    ['with the path in backticks', '> "Words of b." [`docs/b.md`:1]'],
  ])('are read %s', (_what, text) => {
    const words: unknown = expect.stringMatching(/^Words of b\.?$/)
    expect(read(text)).toEqual([{ text: words, source: 'docs/b.md', line: 1, verified: true }])
  })

  it('of a block that names no source are looked for everywhere', () => {
    expect(read('> "Words of b. Once more."')).toEqual([
      { text: 'Words of b. Once more.', source: unstatedSource, line: 0, verified: false },
    ])
    expect(read('> "First **line** of a."')).toEqual([
      { text: 'First **line** of a.', source: 'docs/a.md', line: 1, verified: true },
    ])
  })

  it('may hold quotation marks of their own', () => {
    expect(read('> "Second line says "so" aloud." [docs/a.md:2]')[0]).toMatchObject({ verified: true, line: 2 })
  })

  it('carry the line and the words of the source, not those that were written', () => {
    expect(read('> "First line of a. Second line says" [docs/a.md:7]')[0]).toMatchObject({
      text: 'First **line** of a. Second line says',
      line: 1,
      verified: true,
    })
  })

  it.each([
    ['are not in the source', '> "Words of c." [docs/b.md:1]'],
    ['are in another source', '> "Words of b." [docs/a.md:1]'],
    ['name a source that is not there', '> "Words of b." [docs/z.md:1]'],
    ['name a source by an end that two share', '> "One." [same.md:1]'],
    ['differ by a word', '> "Words from b." [docs/b.md:1]'],
  ])('are kept as not verified when they %s', (_what, text) => {
    expect(read(text)).toEqual([expect.objectContaining({ verified: false, line: 1 })])
  })

  it('are not a reference without words, or words in marks without a source', () => {
    expect(read('See [docs/a.md:1] and the "so-called" truth, or [a link](http://x:80).')).toEqual([])
  })

  it('stand once each, and are bounded in number', () => {
    expect(read('> "Words of b." [docs/b.md:1]\nand\n> "Words of b." [docs/b.md:1]')).toHaveLength(1)
    const many = Array.from({ length: 200 }, (_, at) => `> "Number ${at}." [docs/b.md:1]`).join('\n\n')
    expect(read(many)).toHaveLength(50)
  })

  it('do not need long to be read from a flood', () => {
    for (const flood of ['> "'.repeat(7000), '"['.repeat(10_000), '[a:1]'.repeat(4000), '>\n'.repeat(10_000)])
      expect(read(flood).length).toBeLessThanOrEqual(50)
  })
})
