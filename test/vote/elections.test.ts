/**
 * Published elections, where the file of them is at hand: `ELECTIONS`, or `../shared/data/elections/elections.json` beside
 * the repository. The file is never a part of it; the other tests stand without.
 */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ruleNamed, tally } from '../../src/vote/index.ts'
import type { CastBallot, Outcome } from '../../src/vote/index.ts'
import { sorted } from './support.ts'

const root = resolve(import.meta.dirname, '../..')
const file = process.env['ELECTIONS'] ?? resolve(root, '../shared/data/elections/elections.json')
const present = existsSync(file)
if (!present)
  console.log(
    'published elections: skipped, there is no file of them; set ELECTIONS=<elections.json> to check against it',
  )

interface Published {
  readonly id: string
  readonly candidates: readonly string[]
  readonly unrankedRule: 'tied-last' | 'no-opinion'
  readonly ballots: readonly { readonly weight: number; readonly ranking: readonly (readonly string[])[] }[]
  readonly pairwise?: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly publishedWinners?: Readonly<Record<string, readonly string[]>>
  readonly computed?: Readonly<Record<string, readonly string[]>>
  readonly publishedTieBroken?: Readonly<Record<string, readonly string[]>>
  readonly publishedRanking?: Readonly<Record<string, readonly (string | readonly string[])[]>>
}

interface Grades {
  readonly id: string
  readonly kind: string
  readonly scale: readonly [number, number]
  readonly candidates: readonly string[]
  readonly ballots: readonly { readonly weight: number; readonly grades: Readonly<Record<string, number>> }[]
  readonly publishedWinners: Readonly<Record<string, readonly string[]>>
}

const { rankedElections, otherElections } = (
  present ? JSON.parse(readFileSync(file, 'utf8')) : { rankedElections: [], otherElections: [] }
) as { rankedElections: Published[]; otherElections: Grades[] }

/** The names of that file that the house has, each with the rule it means. */
const meanings: Readonly<Record<string, string>> = {
  plurality: 'plurality',
  borda: 'borda',
  irv: 'instant-runoff',
  irv_put: 'instant-runoff',
  schulze_winning: 'schulze',
  schulze_margins: 'schulze-margins',
  schulze_ratio: 'schulze-ratio',
}

const known = <T>(named: Readonly<Record<string, T>> | undefined): [name: string, rule: string, value: T][] =>
  Object.entries(named ?? {}).flatMap(([name, value]) => (meanings[name] ? [[name, meanings[name], value]] : []))

function outcomeOf(election: Published, rule: string): Outcome {
  const ballots = election.ballots.map(({ weight, ranking }, at): CastBallot => ({
    voter: `${at}`,
    weight,
    ballot: { kind: 'ranked', ranking },
  }))
  const outcome = tally(ruleNamed(rule), {
    candidates: election.candidates,
    ballots,
    unranked: election.unrankedRule,
  })
  expect(outcome.counted.refused).toEqual([])
  return outcome
}

describe.skipIf(!present)('published elections', () => {
  it('are there', () => {
    expect(rankedElections.length).toBeGreaterThan(10)
  })

  describe.each(rankedElections.map((election) => [election.id, election] as const))('%s', (_id, election) => {
    const winners = [...known(election.publishedWinners), ...known(election.computed)]
    it.each(winners)('%s elects as published (%s)', (_name, rule, expected) => {
      expect(sorted(outcomeOf(election, rule).winners)).toEqual(sorted(expected))
    })

    it.each(known(election.publishedTieBroken))(
      '%s has the published winner among the tied (%s)',
      (_name, rule, expected) => {
        expect(outcomeOf(election, rule).winners).toEqual(expect.arrayContaining([...expected]))
      },
    )

    it.each(known(election.publishedRanking))('%s ranks as published (%s)', (_name, rule, expected) => {
      expect(outcomeOf(election, rule).ranking.map(sorted)).toEqual(expected.map((level) => sorted([level].flat())))
    })

    it.runIf(election.pairwise)('has the published pairwise matrix', () => {
      const { candidates, matrix } = outcomeOf(election, 'schulze')
      const published = candidates.map((a) => candidates.map((b) => (a === b ? '' : `${election.pairwise?.[a]?.[b]}`)))
      expect(matrix).toEqual(published)
    })
  })

  const approvals = otherElections.filter(
    ({ kind, publishedWinners }) => kind === 'grades' && publishedWinners['approval'],
  )
  it.each(approvals.map((election) => [election.id, election] as const))(
    '%s: approval elects as published',
    (_id, election) => {
      const ballots = election.ballots.map(({ weight, grades }, at): CastBallot => {
        const approves = election.candidates.filter((name) => grades[name] === election.scale[1])
        return { voter: `${at}`, weight, ballot: { kind: 'approval', approves } }
      })
      const { winners } = tally(ruleNamed('approval'), { candidates: election.candidates, ballots })
      expect(sorted(winners)).toEqual(sorted(election.publishedWinners['approval'] ?? []))
    },
  )
})
