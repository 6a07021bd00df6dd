import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { passageLengthMax, sentencesOf, splitDocument } from '../../src/deliberation/passage.ts'
import { verifyQuote } from '../../src/deliberation/quote.ts'
import { paper, storePaper } from './papers.ts'

function split(text: string, source = 'a.md') {
  return [...splitDocument(paper(source, text))]
}

describe('passages of Markdown', () => {
  it('stand under their headings and never cross one', () => {
    const found = split('# A\n\none\n\n## B\n\ntwo\n\n# C\n\nthree')
    expect(found.map(({ text, headings, line }) => [text, headings, line])).toEqual([
      ['one', ['A'], 3],
      ['two', ['A', 'B'], 7],
      ['three', ['C'], 11],
    ])
  })

  it('read underlined headings', () => {
    expect(split('Title\n=====\n\nbody\n\nSub\n---\nmore').map(({ text, headings }) => [text, headings])).toEqual([
      ['body', ['Title']],
      ['more', ['Title', 'Sub']],
    ])
  })

  it('keep code and tables apart from prose', () => {
    const found = [...splitDocument(storePaper)]
    expect(found.filter(({ kind }) => kind === 'table').map(({ text }) => text)).toEqual([
      '| option | events/s |\n| --- | --- |\n| SQLite | 331604 |',
    ])
    expect(found.filter(({ kind }) => kind === 'code').map(({ text }) => text)).toEqual([
      "const store = openSqlite({ folder: './data' })",
    ])
    expect(found.filter(({ kind }) => kind === 'prose').some(({ text }) => text.includes('|'))).toBe(false)
  })

  it('do not take a heading or a list inside code for one', () => {
    const [passage] = split('```sh\n# not a heading\n- not an item\n```')
    expect(passage).toMatchObject({ kind: 'code', headings: [], text: '# not a heading\n- not an item' })
  })

  it('end code only with the mark that began it, or a longer one', () => {
    const kinds = split('````md\n```ts\na\n```\n~~~\n````\n\nprose\n\n~~~\nb\n~~~~').map(({ kind, text }) => [
      kind,
      text,
    ])
    expect(kinds).toEqual([
      ['code', '```ts\na\n```\n~~~'],
      ['prose', 'prose'],
      ['code', 'b'],
    ])
  })

  it('lose the marks of list items and block quotes', () => {
    const [passage] = split('1. first item\n   goes on\n- [x] second\n\n> quoted\n> words')
    expect(passage!.text).toBe('first item\ngoes on\n\nsecond\n\nquoted\nwords')
    expect(passage!.lines).toEqual([1, 2, 2, 3, 3, 5, 6])
  })

  it('leave out what no reader sees: front matter, comments, badges, link definitions, rules', () => {
    const found = split(
      '---\ntitle: x\n---\n<!-- a\nb -->\n[![CI](a.svg)](b)\n\n<p align="center">\n\nBody.\n\n***\n\n[x]: http://y',
    )
    expect(found.map(({ text, line }) => [text, line])).toEqual([['Body.', 10]])
  })

  it('read a document without Markdown as paragraphs', () => {
    expect(split('# one\n- two\n\n| three |', 'a.txt').map(({ text }) => text)).toEqual(['# one\n- two\n\n| three |'])
  })
})

describe('sentences of a passage', () => {
  it('carry their own line, and the paragraph they stand in', () => {
    const [passage] = split('One sentence\nruns on. Two\nfollows.\n\n- Three.')
    expect(sentencesOf(passage!)).toEqual([
      { text: 'One sentence runs on.', line: 1, block: 0 },
      { text: 'Two follows.', line: 2, block: 0 },
      { text: 'Three.', line: 5, block: 1 },
    ])
  })

  it('are none in code and tables', () => {
    expect(split('```\nA sentence. Another.\n```').flatMap(sentencesOf)).toEqual([])
  })
})

const word = fc.oneof(
  fc.constantFrom('the', 'SQLite', 'log', 'e.g.', 'end.', 'Why?', '`x. y`', '**bold**', '😀', '日本。', 'a|b', '--'),
  fc.string({ minLength: 1, maxLength: 12 }),
)
const line = fc.oneof(
  fc.array(word, { maxLength: 30 }).map((words) => words.join(' ')),
  fc.constantFrom('', '', '# Head', '## Sub', '- item', '> quote', '```', '| a | b |', '---', '    code', '<!-- x -->'),
  fc.integer({ min: 500, max: 3000 }).map((length) => 'x'.repeat(length)),
)
const long = fc.integer({ min: 100, max: 500 }).map((count) => 'one more word, '.repeat(count))
const text = fc.array(line, { maxLength: 40 }).map((lines) => lines.join('\n'))
/** Without words longer than a passage, which are cut and then are no words of the source. */
const readable = fc
  .array(
    fc.oneof(
      line.filter((text) => !text.includes('xxx')),
      long,
    ),
    { maxLength: 30 },
  )
  .map((lines) => lines.join('\n'))
const source = fc.constantFrom('a.md', 'a.txt')

describe('any document', () => {
  it('gives no passage without text, however code is cut', () => {
    expect(split(`\`\`\`\n\n${'x'.repeat(900)}`).every(({ text }) => text.trim() !== '')).toBe(true)
  })

  it('gives passages within the bound, each on lines of the source, in order', () => {
    fc.assert(
      fc.property(text, source, (text, source) => {
        let lastLine = 1
        for (const passage of split(text, source)) {
          expect(passage.text.length).toBeLessThanOrEqual(passageLengthMax)
          expect(passage.text.trim()).not.toBe('')
          expect(passage.lines.length).toBe(passage.text.split('\n').length)
          expect(passage.line).toBeGreaterThanOrEqual(lastLine)
          expect(passage.text.isWellFormed()).toBe(text.isWellFormed() || passage.text.isWellFormed())
          lastLine = passage.line
        }
      }),
    )
  })

  it('gives sentences that verify against it, on their line or later', () => {
    fc.assert(
      fc.property(readable, source, (text, source) => {
        const document = paper(source, text)
        for (const passage of splitDocument(document))
          for (const sentence of sentencesOf(passage)) {
            if (!/[\p{L}\p{N}]/u.test(sentence.text)) continue
            expect([sentence.text, verifyQuote(sentence.text, source, [document]) !== undefined]).toEqual([
              sentence.text,
              true,
            ])
          }
      }),
    )
  })

  it('is cut in time that grows with its length alone', () => {
    const flood = `${'word '.repeat(400_000)}\n${'x'.repeat(2_000_000)}`
    expect(split(flood, 'a.txt').length).toBeGreaterThan(6000)
  })
})
