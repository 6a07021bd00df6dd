import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { stem } from '../../../src/deliberation/core/stem.ts'

describe('porter stemmer', () => {
  it('gives the examples of the paper, section 3', () => {
    const examples = {
      caresses: 'caress',
      ponies: 'poni',
      feed: 'feed',
      agreed: 'agre',
      plastered: 'plaster',
      motoring: 'motor',
      conflated: 'conflat',
      hopping: 'hop',
      falling: 'fall',
      filing: 'file',
      happy: 'happi',
      sky: 'sky',
      relational: 'relat',
      digitizer: 'digit',
      hopefulness: 'hope',
      formality: 'formal',
      triplicate: 'triplic',
      electrical: 'electr',
      adjustment: 'adjust',
      adoption: 'adopt',
      probate: 'probat',
      controll: 'control',
    }
    for (const [word, expected] of Object.entries(examples)) expect([word, stem(word)]).toEqual([word, expected])
  })

  it('agrees with the stemmer of the search index on the words of real prose', () => {
    const words = `acknowledged alternatives appending applied backups batches better blocking broken building chosen
      commits compaction complexity consensus consequences crashes databases decided decisions dependencies deployed
      durability durable easily embedded engineering events expensive failing faster files guarantees happened indexes
      installation latency libraries licensing locked logging maintenance measured messages migrations monitoring
      operators optional participants partitions performance possibly prepared probably processes projections proven
      queries readability recovered rejected reliability replaying replicas rolling safety scaling segments sensational
      simplicity snapshots statements stopped storage sufficiently supporting survives synchronous technology apologies testing throughput
      transactions typically unreliable usability valenci verified versions writers yes`.split(/\s+/)
    const database = new DatabaseSync(':memory:')
    database.exec("CREATE VIRTUAL TABLE t USING fts5(word, tokenize = 'porter unicode61')")
    database.exec("CREATE VIRTUAL TABLE terms USING fts5vocab(t, 'instance')")
    const insert = database.prepare('INSERT INTO t (rowid, word) VALUES (?, ?)')
    for (const [at, word] of words.entries()) insert.run(at + 1, word)
    const rows = database.prepare('SELECT doc, term FROM terms ORDER BY doc').all()
    expect(rows.map((row) => [words[Number(row['doc']) - 1], row['term']])).toEqual(
      words.map((word) => [word, stem(word)]),
    )
    database.close()
  })

  it('leaves short words, figures and other scripts as they are', () => {
    for (const word of ['is', 'http2', 'naïve', 'данные', '日本']) expect(stem(word)).toBe(word)
  })
})
