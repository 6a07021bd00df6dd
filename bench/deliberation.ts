/**
 * Evidence of 50 MB made searchable: time and peak memory of the passage index beside FTS5 fed with the same passages by
 * hand, and searches in it. The text is generated: Markdown with headings and lists, words by Zipf's law, so that postings
 * are as long as in real prose. Peak memory is that of a process of its own, as the operating system reports it.
 */
import { execFileSync } from 'node:child_process'
import { DatabaseSync } from 'node:sqlite'
import { seededRandom } from '../src/base/random.ts'
import type { Document, DocumentLine } from '../src/deliberation/document.ts'
import { passageIndex } from '../src/deliberation/passage-index.ts'
import { splitDocument } from '../src/deliberation/passage.ts'
import type { Passage } from '../src/deliberation/passage.ts'
import type { BenchCase, Side } from './harness.ts'

const textBytes = 50e6
const vocabularySize = 50_000

function vocabulary(): readonly string[] {
  const random = seededRandom('vocabulary')
  const common = 'the of and to a in is that it for as with was on be by not are this from or which an at has'.split(
    ' ',
  )
  const parts = 'al an ar bel cor de di en fer gra in jo ka lo mar ne or pel qui ra sto tan ul ver wi ze'.split(' ')
  const endings = ['', '', '', 's', 'ed', 'ing', 'ation', 'ly', 'ness', 'er', 'able']
  const made = new Set(common)
  while (made.size < vocabularySize) {
    const length = 1 + random.integer(4)
    made.add(Array.from({ length }, () => random.pick(parts)).join('') + random.pick(endings))
  }
  return [...made]
}

function evidence(bytes: number): readonly Document[] {
  const random = seededRandom('evidence')
  const words = vocabulary()
  const zipf = () => words[Math.floor(vocabularySize ** random.float()) - 1]!
  const sentence = () => {
    const text = Array.from({ length: 7 + random.integer(18) }, zipf).join(' ')
    return `${text[0]!.toUpperCase()}${text.slice(1)}.`
  }
  const documents: Document[] = []
  for (let length = 0; length < bytes; length += lengthOf(documents.at(-1)!)) {
    const texts: string[] = []
    for (let section = 0; section < 30; section++) {
      texts.push(`## ${zipf()} ${zipf()} ${zipf()}`, '')
      for (let paragraph = 0; paragraph < 6; paragraph++) {
        const mark = random.integer(4) === 0 ? '- ' : ''
        const rows = Array.from({ length: 2 + random.integer(5) }, sentence)
        texts.push(mark + rows[0]!, ...rows.slice(1), '')
      }
    }
    const lines: readonly DocumentLine[] = texts.map((text, at) => ({ text, line: at + 1 }))
    documents.push({ source: `docs/${documents.length}.md`, hash: '', unit: 'line', lines })
  }
  return documents
}

function lengthOf({ lines }: Document): number {
  return lines.reduce((sum, { text }) => sum + text.length + 1, 0)
}

function rawIndex(passages: Iterable<Passage>): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  database.exec("CREATE VIRTUAL TABLE passage USING fts5(text, headings, tokenize = 'porter unicode61')")
  const insert = database.prepare('INSERT INTO passage (text, headings) VALUES (?, ?)')
  database.exec('BEGIN')
  for (const { text, headings } of passages) insert.run(text, headings.join('\n'))
  database.exec('COMMIT')
  return database
}

let kept: readonly Document[] | undefined
const documents = () => (kept ??= evidence(textBytes))

function timed(work: () => Disposable | { close(): void }): Side {
  return {
    value: () => {
      const startedMs = performance.now()
      const made = work()
      const elapsedMs = performance.now() - startedMs
      if ('close' in made) made.close()
      return elapsedMs
    },
  }
}

type Child = 'index' | 'raw' | 'text'

function peakMiB(child: Child): Side {
  return { value: () => Number(execFileSync(process.execPath, [import.meta.filename, child], { encoding: 'utf8' })) }
}

const queries = (count: number) => {
  const random = seededRandom('queries')
  const words = vocabulary().slice(30)
  return Array.from({ length: count }, () =>
    Array.from({ length: 8 }, () => words[Math.floor(words.length ** random.float()) - 1]!),
  )
}

export const cases: readonly BenchCase[] = [
  {
    name: 'index 50 MB of text',
    unit: 'ms',
    better: 'lower',
    rounds: 3,
    peerName: 'raw FTS5 insert of the same passages, cut before',
    ours: () => timed(() => passageIndex(documents())),
    peer: () => {
      const passages = [...allPassages(documents())]
      return timed(() => rawIndex(passages))
    },
  },
  {
    name: 'peak memory, 50 MB of text loaded and indexed',
    unit: 'MiB',
    better: 'lower',
    rounds: 3,
    peerName: 'raw FTS5 in memory',
    ours: () => peakMiB('index'),
    peer: () => peakMiB('raw'),
  },
  {
    name: 'peak memory, 50 MB of text loaded and indexed',
    unit: 'MiB',
    better: 'lower',
    rounds: 3,
    peerName: 'the same text loaded, not indexed',
    ours: () => peakMiB('index'),
    peer: () => peakMiB('text'),
  },
  {
    name: 'search 50 MB, 8 words, best 40',
    unit: 'op/s',
    rounds: 3,
    peerName: 'raw FTS5, the same words',
    ours: () => {
      const index = passageIndex(documents())
      let round = 0
      const asked = queries(400)
      return {
        // Other queries each round: answers are kept, and a kept answer is no search.
        batch: () => {
          const part = asked.slice(round * 50, ++round * 50)
          for (const words of part) index.search(words.join(' '), { limit: 40 })
          return part.length
        },
        dispose: () => index.close(),
      }
    },
    peer: () => {
      const database = rawIndex(allPassages(documents()))
      const find = database.prepare(
        'SELECT rowid, text, headings, bm25(passage, 1.0, 0.5) AS score FROM passage WHERE passage MATCH ? ORDER BY score LIMIT 40',
      )
      const asked = queries(400)
      let round = 0
      return {
        batch: () => {
          const part = asked.slice(round * 50, ++round * 50)
          for (const words of part) find.all(words.map((word) => `"${word}"`).join(' OR '))
          return part.length
        },
        dispose: () => database.close(),
      }
    },
  },
]

function* allPassages(documents: readonly Document[]): Generator<Passage, void, undefined> {
  for (const document of documents) yield* splitDocument(document)
}

if (import.meta.main) {
  const child = process.argv[2] as Child
  const loaded = evidence(textBytes)
  if (child === 'index') passageIndex(loaded)
  if (child === 'raw') rawIndex(allPassages(loaded))
  // In KiB, whatever the platform: libuv says so.
  console.log(process.resourceUsage().maxRSS / 1024)
}
