/**
 * Published elections, where the file of them is at hand: `ELECTIONS`, or `../shared/data/elections/elections.json` beside
 * the repository. The file is never a part of it; the other tests stand without.
 */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  approval,
  condorcetLoser,
  cumulative,
  disAndApproval,
  majorityJudgement,
  ruleNamed,
  rules,
  score,
  star,
  tally,
} from '../../src/vote/index.ts'
import type { CastBallot, Outcome, Rule } from '../../src/vote/index.ts'
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

/** The names of that file, each with the rule it means here. */
const meanings: Readonly<Record<string, string>> = {
  condorcet_winner: 'condorcet-winner',
  smith_set: 'smith-set',
  majority: 'majority',
  plurality: 'plurality',
  borda: 'borda',
  bucklin: 'bucklin',
  irv: 'instant-runoff',
  irv_put: 'instant-runoff',
  top_two_runoff: 'two-round',
  coombs: 'coombs',
  coombs_put: 'coombs',
  baldwin: 'baldwin',
  nanson: 'nanson',
  copeland: 'copeland',
  minimax_winning: 'minimax',
  minimax_margins: 'minimax-margins',
  minimax_opposition: 'minimax-opposition',
  schulze_winning: 'schulze',
  schulze_margins: 'schulze-margins',
  schulze_ratio: 'schulze-ratio',
  ranked_pairs_winning: 'ranked-pairs',
  ranked_pairs_margins: 'ranked-pairs-margins',
  ranked_pairs_put_winning: 'ranked-pairs',
  ranked_pairs_put_margins: 'ranked-pairs-margins',
  kemeny: 'kemeny',
  dodgson_tideman: 'dodgson-tideman',
  condorcet_loser: 'condorcet-loser',
}
/** Every rule here, and those that no poll can name. */
const everyRule = [...rules, condorcetLoser]
const known = <T>(named: Readonly<Record<string, T>> | undefined): [name: string, rule: string, value: T][] =>
  Object.entries(named ?? {})
    .filter(([, value]) => value !== null)
    .map(([name, value]) => [name, meanings[name] ?? `no rule of the name ${name}`, value])

function outcomeOf(election: Published, rule: string, name = ''): Outcome {
  const ballots = election.ballots.map(({ weight, ranking }, at): CastBallot => ({
    voter: `${at}`,
    weight,
    ballot: { kind: 'ranked', ranking },
  }))
  const { candidates, unrankedRule } = election
  const outcome = tally(
    ruleNamed(rule, everyRule),
    { candidates, ballots, unranked: unrankedRule },
    { parallelUniverses: name.includes('_put') },
  )
  expect(outcome.counted.refused).toEqual([])
  return outcome
}

describe.skipIf(!present)('published elections', () => {
  it('are there', () => {
    expect(rankedElections.length).toBeGreaterThan(10)
  })

  describe.each(rankedElections.map((election) => [election.id, election] as const))('%s', (_id, election) => {
    const winners = [...known(election.publishedWinners), ...known(election.computed)]
    it.each(winners)('%s elects as published (%s)', (name, rule, expected) => {
      expect(sorted(outcomeOf(election, rule, name).winners)).toEqual(sorted(expected))
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

  const graded = otherElections
    .filter(({ kind }) => kind === 'grades')
    .flatMap((election) =>
      Object.entries(election.publishedWinners).map(
        ([name, expected]) => [election.id, name, election, expected] as const,
      ),
    )
  it.each(graded)('%s: %s elects as published', (_id, name, election, expected) => {
    const [min, max] = election.scale
    const byName: Readonly<Record<string, Rule>> = {
      approval,
      score_sum: score({ min, max }),
      score_mean: score({ min, max, by: 'mean' }),
      score_median: score({ min, max, by: 'median' }),
      star: star({ min, max }),
      majority_judgement: majorityJudgement({ min, max }),
      dis_and_approval: disAndApproval,
    }
    const points = /^cumulative_(\d+)$/.exec(name)?.[1]
    const rule = points === undefined ? byName[name] : cumulative({ points: Number(points) })
    if (!rule) throw new Error(`no rule of the name ${name}`)
    const ballots = election.ballots.map(({ weight, grades }, at): CastBallot => {
      const approves = election.candidates.filter((candidate) => grades[candidate] === max)
      const ballot =
        name === 'approval' ? ({ kind: 'approval', approves } as const) : ({ kind: 'grades', grades } as const)
      return { voter: `${at}`, weight, ballot }
    })
    const { winners } = tally(rule, { candidates: election.candidates, ballots, unranked: 'no-opinion' })
    expect(sorted(winners)).toEqual(sorted(expected))
  })
})
