import { describe, expect, it } from 'vitest'
import { bearingsOf } from '../../../src/deliberation/core/bearing.ts'
import { profileOptions } from '../../../src/deliberation/core/option.ts'
import { readStance } from '../../../src/deliberation/core/stance.ts'
import { termsOf } from '../../../src/deliberation/core/terms.ts'

const lexicon = { passagesWith: () => 1, rarity: () => 1 }

function polarities(options: readonly string[], sentence: string, heading = ''): number[] {
  const profiles = profileOptions('Should the journal use SQLite?', options, lexicon)
  return bearingsOf(termsOf(sentence), termsOf(heading), profiles).map(({ polarity }) => Math.sign(polarity))
}

const two = ['Use SQLite', 'Write our own log']

describe('what tells options apart', () => {
  it('keeps the words that only some have, and drops those of all', () => {
    const profiles = profileOptions('', ['Use SQLite for storage', 'Use files for storage'], lexicon)
    expect(profiles.map(({ terms }) => [...terms.keys()])).toEqual([['sqlite'], ['file']])
  })

  it('knows no words of an option that the evidence lacks', () => {
    const [known, unknown] = profileOptions('', two, {
      passagesWith: (stem) => (stem === 'sqlite' ? 3 : 0),
      rarity: () => 1,
    })
    expect([known!.terms.size, unknown!.terms.size]).toEqual([1, 0])
  })

  it('takes a refusal for the same words turned round', () => {
    expect(polarities(['Use SQLite', 'Do not use SQLite'], 'SQLite is reliable.')).toEqual([1, -1])
    expect(polarities(['Yes', 'No'], 'SQLite makes the journal reliable.')).toEqual([1, -1])
  })

  it('needs only one of the names that an option lists', () => {
    expect(polarities(['One SQLite file', 'An LMDB or LevelDB store'], 'LevelDB was the slowest in batches.')).toEqual([
      0, -1,
    ])
  })
})

describe('which way a sentence bears', () => {
  it.each([
    ['SQLite is reliable.', [1, 0]],
    ['SQLite is slow.', [-1, 0]],
    ['SQLite is not slow.', [1, 0]],
    ['SQLite never loses data.', [1, 0]],
    ['SQLite is faster than our own log.', [1, -1]],
    ['Our own log is slower than SQLite.', [1, -1]],
    ['We chose SQLite instead of our own log.', [1, -1]],
    ['We prefer SQLite over our own log.', [1, -1]],
    ['SQLite outperforms our own log.', [1, -1]],
    ['Our own log was rejected.', [0, -1]],
    ['Our own log has no index.', [0, -1]],
    ['The recovery of our own log would have to be proven.', [0, 0]],
    ['SQLite keeps a write-ahead log.', [1, 0]],
    ['The weather is fine and reliable.', [0, 0]],
    ['SQLite has pages of 4096 bytes.', [0, 0]],
  ])('%s', (sentence, expected) => {
    expect(polarities(two, sentence)).toEqual(expected)
  })

  it('lets a heading stand for the option that it alone names', () => {
    expect(polarities(two, 'It is reliable and fast.', 'SQLite')).toEqual([1, 0])
    expect(polarities(two, 'It is reliable and fast.', 'SQLite or our own log')).toEqual([0, 0])
  })
})

describe('a stance', () => {
  const profiles = profileOptions('', two, lexicon)
  it.each([
    ['Use SQLite', { option: 0, direction: 'for' }],
    ['use sqlite.', { option: 0, direction: 'for' }],
    ['against SQLite', { option: 0, direction: 'against' }],
    ['sceptical of writing our own log', { option: 1, direction: 'against' }],
    ['for our own log', { option: 1, direction: 'for' }],
    ['wants things simple', undefined],
    ['knows SQLite and our own log', undefined],
  ])('%s', (stance, expected) => {
    expect(readStance(stance, profiles)).toEqual(expected)
  })
})
