import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { passageIndex } from '../../src/deliberation/passage-index.ts'
import { splitDocument } from '../../src/deliberation/passage.ts'
import { costPaper, paper, storePaper } from './papers.ts'

describe('passage index', () => {
  it('finds passages by stem, best first, with their place and headings', () => {
    using index = passageIndex([storePaper, costPaper])
    const [best] = index.search('SQLite by its tests')
    expect(best!.passage).toMatchObject({
      source: 'docs/store.md',
      line: 9,
      headings: ['Where the journal lives', 'SQLite'],
    })
    const scores = index.search('operator log backups').map(({ score }) => score)
    expect(scores.length).toBeGreaterThan(1)
    expect(scores).toEqual(scores.toSorted((a, b) => b - a))
  })

  it('gives back each passage as it was cut', () => {
    const mixed = paper('mixed.md', '# T\n\n- one unicorn\n- two\n\nthree  \nfour\n\n```\ncode\n\nunicorn\n```')
    using index = passageIndex([mixed])
    const found = index.search('unicorn', { limit: 10 })
    expect(found.map(({ passage }) => passage).toSorted((a, b) => a.line - b.line)).toEqual([...splitDocument(mixed)])
  })

  it('reads no syntax in a query', () => {
    using index = passageIndex([storePaper])
    for (const query of [
      '"',
      'NEAR(a b)',
      'text:SQLite',
      'SQLite OR',
      '* ^ ( )',
      'a AND NOT b',
      "'; DROP TABLE passage; --",
      '\0',
    ])
      expect(() => index.search(query)).not.toThrow()
    expect(index.search('NOT SQLite')).toEqual(index.search('SQLite'))
  })

  it('finds nothing for stop words, no words, and words that are not there', () => {
    using index = passageIndex([storePaper])
    for (const query of ['', 'the of and', '?!', 'zyzzyva']) expect(index.search(query)).toEqual([])
  })

  it('takes any length of query, and searches its rarest words', () => {
    const papers = Array.from({ length: 20 }, (_, at) =>
      paper(`${at}.txt`, `common filler text ${at === 7 ? 'needle' : 'hay'}`),
    )
    using index = passageIndex(papers, { queryTermsMax: 1 })
    expect(index.search('common filler text '.repeat(5000))).toHaveLength(10)
    expect(index.search('common filler text needle').map(({ passage }) => passage.source)).toEqual(['7.txt'])
  })

  it('leaves out what is excluded and still fills the limit', () => {
    using index = passageIndex(Array.from({ length: 9 }, (_, at) => paper(`${at}.txt`, `word number${at}`)))
    const first = index.search('word', { limit: 3 })
    const next = index.search('word', { limit: 3, exclude: new Set(first.map(({ id }) => id)) })
    expect(first.map(({ passage }) => passage.source)).toEqual(['0.txt', '1.txt', '2.txt'])
    expect(next.map(({ passage }) => passage.source)).toEqual(['3.txt', '4.txt', '5.txt'])
  })

  it('knows how many passages hold a stem', () => {
    using index = passageIndex([paper('a.txt', 'running'), paper('b.txt', 'runs'), paper('c.txt', 'walks')])
    expect([index.passagesWith('run'), index.passagesWith('walk'), index.passagesWith('fly')]).toEqual([2, 1, 0])
    expect(index.rarity('fly')).toBeGreaterThan(index.rarity('walk'))
    expect(index.rarity('walk')).toBeGreaterThan(index.rarity('run'))
  })

  it('refuses two documents of one source, and more text than the bound', () => {
    expect(() => passageIndex([storePaper, storePaper])).toThrow(
      expect.objectContaining({ code: 'base.invalid_argument' }),
    )
    expect(() => passageIndex([storePaper], { textMaxBytes: 100 })).toThrow(
      expect.objectContaining({ code: 'base.limit_exceeded', limit: 'textMaxBytes' }),
    )
  })

  it('is closed once and for all', () => {
    const index = passageIndex([storePaper])
    index.close()
    index.close()
    expect(() => index.search('SQLite')).toThrow(expect.objectContaining({ code: 'base.closed' }))
  })

  it('answers the same when it does not fit in memory', () => {
    const papers = Array.from({ length: 400 }, (_, at) =>
      paper(
        `${at}.txt`,
        Array.from({ length: 40 }, (_, line) => `w${(at * 37 + line * 11) % 4001} shared words`).join(' '),
      ),
    )
    using small = passageIndex(papers, { cacheMaxBytes: 1024 ** 2 })
    using large = passageIndex(papers)
    expect(small.search('w370 w11 shared', { limit: 50 })).toEqual(large.search('w370 w11 shared', { limit: 50 }))
  })

  it('does not depend on the order of documents, of words, or of searches', () => {
    const texts = fc.array(
      fc
        .array(fc.constantFrom('alpha', 'beta', 'gamma', 'delta', 'the'), { maxLength: 12 })
        .map((words) => words.join(' ')),
      { minLength: 1, maxLength: 12 },
    )
    const query = fc.shuffledSubarray(['alpha', 'beta', 'gamma', 'delta'])
    fc.assert(
      fc.property(texts, query, fc.nat(), (texts, query, turn) => {
        const papers = texts.map((text, at) => paper(`${at}.txt`, text))
        const turned = [...papers.slice(turn % papers.length), ...papers.slice(0, turn % papers.length)]
        using one = passageIndex(papers)
        using other = passageIndex(turned)
        other.search('beta gamma')
        expect(other.search(query.toReversed().join(' '))).toEqual(one.search(query.join(' ')))
      }),
      { numRuns: 50 },
    )
  })
})
