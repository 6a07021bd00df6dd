/**
 * The conformance run itself: on the file of published elections where it is at hand (`ELECTIONS`, or the shared one beside
 * the repository), and on files written here that must fail.
 */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkFile } from './check.ts'
import { InvalidElectionFile, parseElectionFile } from './format.ts'

const root = resolve(import.meta.dirname, '../../..')
const file = process.env['ELECTIONS'] || resolve(root, '../shared/data/elections/elections.json')
const present = existsSync(file)
if (!present)
  console.log(`conformance of elections: skipped, there is no ${file}; set ELECTIONS=<file> to check against it`)

describe.skipIf(!present)('published elections', () => {
  it('are counted as published, every one of the file', () => {
    const cases = [...checkFile(parseElectionFile(readFileSync(file, 'utf8')))]
    const failed = cases.filter(({ status }) => status === 'failed')
    expect(failed.map(({ name, detail }) => `${name}: ${detail}`)).toEqual([])
    expect(cases.filter(({ status }) => status === 'passed').length).toBeGreaterThan(0)
  })
})

/** One small election of our own in the format, changed as the case wants. */
const own = (change: object = {}): string =>
  JSON.stringify({
    rankedElections: [
      {
        id: 'own',
        candidates: ['x', 'y'],
        ballots: [
          { weight: 2, ranking: [['x'], ['y']] },
          { weight: 1, ranking: [['y'], ['x']] },
        ],
        pairwise: { x: { y: 2 }, y: { x: 1 } },
        publishedWinners: { plurality: ['x'] },
        ...change,
      },
    ],
  })

const stvFile = (change: object = {}): string =>
  JSON.stringify({
    otherElections: [
      {
        id: 'own stv',
        kind: 'stv',
        candidates: ['x', 'y', 'z'],
        seats: 2,
        quota: 'droop',
        quotaValue: 4,
        ballots: [
          { weight: 7, ranking: [['x'], ['y']] },
          { weight: 3, ranking: [['z']] },
        ],
        publishedElected: ['x', 'z'],
        publishedRounds: [{ x: 7, z: 3 }, { y: 3, z: 3 }, null],
        ...change,
      },
    ],
  })

const failures = (text: string): string[] =>
  [...checkFile(parseElectionFile(text))].filter(({ status }) => status === 'failed').map(({ name }) => name)

describe('conformance of elections', () => {
  it('passes a file that is right', () => {
    expect(failures(own())).toEqual([])
    expect(failures(stvFile())).toEqual([])
  })

  it.each([
    ['a wrong winner', { publishedWinners: { plurality: ['y'] } }, 'own publishedWinners.plurality'],
    ['a winner too many', { computed: { borda: ['x', 'y'] } }, 'own computed.borda'],
    ['a wrong ranking', { publishedRanking: { borda: ['y', 'x'] } }, 'own publishedRanking.borda'],
    ['a wrong cell', { pairwise: { x: { y: 3 } } }, 'own pairwise'],
    ['a tie broken for a loser', { publishedTieBroken: { irv: ['y'] } }, 'own publishedTieBroken.irv'],
    ['a rule that is not defined', { computed: { coin_toss: ['x'] } }, 'own computed.coin_toss'],
  ])('fails on %s', (_what, change, name) => {
    expect(failures(own(change))).toEqual([name])
  })

  it.each([
    ['a wrong committee', { publishedElected: ['x', 'q'] }, 'own stv publishedElected'],
    ['a wrong quota', { quotaValue: 5 }, 'own stv quotaValue'],
    ['a wrong transfer', { publishedRounds: [{ x: 7, z: 3 }, { y: 2.9, z: 3 }, null] }, 'own stv publishedRounds 2'],
  ])('of STV fails on %s', (_what, change, name) => {
    expect(failures(stvFile(change))).toEqual([name])
  })

  it('counts what the file leaves open as skipped', () => {
    const skipped = [...checkFile(parseElectionFile(stvFile()))].filter(({ status }) => status === 'skipped')
    expect(skipped.map(({ name }) => name)).toEqual(['own stv publishedRounds 3'])
  })

  it.each([
    ['no JSON', '{', ''],
    ['no elections', '{}', ''],
    ['a negative weight', own({ ballots: [{ weight: -1, ranking: [['x']] }] }), 'rankedElections.0.ballots.0.weight'],
    ['a kind that it does not know', '{"otherElections":[{"kind":"lots"}]}', 'otherElections.0.kind'],
  ])('refuses a file with %s and says where', (_what, text, at) => {
    expect(() => parseElectionFile(text)).toThrow(InvalidElectionFile)
    expect(() => parseElectionFile(text)).toThrow(expect.objectContaining({ at }) as Error)
  })
})
