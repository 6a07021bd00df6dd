import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quoteFinder, verifyQuote } from '../../src/deliberation/quote.ts'
import { paper } from './papers.ts'

const document = paper(
  'a.md',
  'First line here.\n\nA sentence that\n   runs over **two** lines. It’s “smart”.\n> A block\n> quote.\n数据库\n很快。',
)
const find = (text: string) => quoteFinder([document]).find(text, 'a.md')

describe('a verified quote', () => {
  it('stands in the source word for word, white space aside, at its first line', () => {
    expect(verifyQuote('First  line\nhere.', 'a.md', [document])).toBe(1)
    expect(verifyQuote('A sentence that runs over **two** lines.', 'a.md', [document])).toBe(3)
    expect(verifyQuote('runs over', 'a.md', [document])).toBe(4)
  })

  it('may cross the marks of a block quote and the line ends between ideographs', () => {
    expect(verifyQuote('A block quote.', 'a.md', [document])).toBe(5)
    expect(verifyQuote('> A block\n> quote.', 'a.md', [document])).toBe(5)
    expect(verifyQuote('数据库很快。', 'a.md', [document])).toBe(7)
  })

  it.each([
    ['another word', 'First line there.'],
    ['another case', 'first line here.'],
    ['a word left out', 'A sentence runs over'],
    ['half a word', 'irst line'],
    ['no word', '...'],
    ['nothing', ' '],
    ['emphasis lost', 'runs over two lines.'],
  ])('is not one with %s', (_what, text) => {
    expect(verifyQuote(text, 'a.md', [document])).toBeUndefined()
  })

  it('is not one of another source', () => {
    expect(verifyQuote('First line here.', 'b.md', [document])).toBeUndefined()
    expect(quoteFinder([document]).find('First line here.', 'b.md')).toBeUndefined()
  })

  it('is given in the words of the source when only emphasis or quotation marks differ', () => {
    expect(find('runs over two lines.')).toEqual({ text: 'runs over **two** lines.', line: 4, exact: false })
    expect(find('It\'s "smart".')).toEqual({ text: 'It’s “smart”.', line: 4, exact: false })
    expect(find('over two')?.text).toBe('over **two')
    expect(find('First line here.')).toEqual({ text: 'First line here.', line: 1, exact: true })
    expect(find('First line there.')).toBeUndefined()
  })

  it('does not lose underscores that belong to a name', () => {
    const code = quoteFinder([paper('c.md', 'Call make_one_now, _not_ later.')])
    expect(code.find('Call makeonenow', 'c.md')).toBeUndefined()
    expect(code.find('make_one_now, not later.', 'c.md')?.text).toBe('make_one_now, _not_ later.')
  })

  it('is found at its place in a long document', () => {
    const lines = Array.from({ length: 50_000 }, (_, at) => `Line ${at + 1} says something **plain**.`)
    const finder = quoteFinder([paper('long.txt', lines.join('\n'))])
    expect(finder.find('Line 49999 says something **plain**.', 'long.txt')?.line).toBe(49_999)
    expect(finder.find('Line 40000 says something plain.', 'long.txt')).toMatchObject({ line: 40_000, exact: false })
  })

  it('is found whatever was dropped from memory', () => {
    const papers = Array.from({ length: 5 }, (_, at) => paper(`${at}.txt`, `The number ${at} is written here.`))
    const finder = quoteFinder(papers, { keptMaxLength: 0 })
    for (const at of [0, 4, 0, 3]) expect(finder.find(`number ${at} is`, `${at}.txt`)?.line).toBe(1)
  })
})

const words = fc.array(fc.constantFrom('Alpha', 'beta', '**gamma**', 'de_lta', '“ep”', 'zeta.', '日本', '*', 'naïve'), {
  minLength: 1,
  maxLength: 40,
})

describe('any text', () => {
  it('verifies any run of its words however the lines break', () => {
    fc.assert(
      fc.property(
        words,
        fc.array(fc.constantFrom(' ', '\n', '\n  ', '\t', '\n\n')),
        fc.nat(),
        fc.nat(),
        (words, gaps, a, b) => {
          const from = a % words.length
          const part = words.slice(from, from + 1 + (b % (words.length - from)))
          fc.pre(/[\p{L}\p{N}]/u.test(part.join('')))
          const text = words.map((word, at) => word + (gaps[at % Math.max(1, gaps.length)] ?? ' ')).join('')
          expect(verifyQuote(part.join(' '), 'a.txt', [paper('a.txt', text)])).toBeDefined()
        },
      ),
    )
  })

  it('gives back only words that verify under the strict rule', () => {
    fc.assert(
      fc.property(words, words, (source, asked) => {
        const documents = [paper('a.txt', source.join(' '))]
        const found = quoteFinder(documents).find(asked.join(' ').replaceAll('*', ''), 'a.txt')
        expect(found && verifyQuote(found.text, 'a.txt', documents)).toBe(found?.line)
      }),
    )
  })
})
