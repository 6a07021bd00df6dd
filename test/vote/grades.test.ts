import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  checkBallot,
  cumulative,
  disAndApproval,
  explain,
  majorityJudgement,
  quadratic,
  ruleNamed,
  score,
  star,
  tally,
} from '../../src/vote/index.ts'
import type { CastBallot, Election, Rule } from '../../src/vote/index.ts'
import { levels, scoresOf, sorted } from './support.ts'

const candidates = ['A', 'B', 'C']

function graded(...lines: [weight: number | string, grades: Record<string, number>][]): Election {
  return {
    candidates,
    ballots: lines.map(([weight, grades], at): CastBallot => ({
      voter: `voter ${at}`,
      weight,
      ballot: { kind: 'grades', grades },
    })),
  }
}

const refusal = (rule: Rule, grades: unknown) =>
  checkBallot({ kind: 'grades', grades }, candidates, rule.accepts, rule.grading)

describe('a ballot with grades', () => {
  it.each<[Rule, unknown, string | undefined]>([
    [score(), { A: 5, B: 0.5 }, undefined],
    [score(), { A: 5.5 }, 'the grade 11/2 is outside the scale from 0 to 5'],
    [score(), { A: -1 }, 'the grade -1 is outside the scale from 0 to 5'],
    [score(), { A: Number.NaN }, 'the grade of "A" is not a number with at most six decimals'],
    [score(), { A: '3' }, 'the grade of "A" is not a number with at most six decimals'],
    [score(), { A: 1 / 3 }, 'the grade of "A" is not a number with at most six decimals'],
    [score(), { A: Infinity }, 'the grade of "A" is not a number with at most six decimals'],
    [score(), { Z: 1 }, '"Z" is not a candidate'],
    [score(), {}, 'it grades nobody; to be for nobody, abstain'],
    [score(), [1, 2], 'grades is not an object'],
    [score(), null, 'grades is not an object'],
    [disAndApproval, { A: 1, B: -1, C: 0 }, undefined],
    [disAndApproval, { A: 0.5 }, 'the grade 1/2 is not a whole number'],
    [cumulative({ points: 5 }), { A: 3, B: 1.5, C: 0.5 }, undefined],
    [cumulative({ points: 5 }), { A: 3, B: 1 }, 'its grades sum to 4; they must sum to 5'],
    [cumulative({ points: 5 }), { A: 6, B: -1 }, 'the grade 6 is outside the scale from 0 to 5'],
    [quadratic(), { A: 8, B: -6 }, undefined],
    [quadratic(), { A: 8, B: -6.1 }, 'the squares of its votes sum to 10121/100; at most 100 are allowed'],
  ])('%o counts, or is refused with the reason', (rule, grades, reason) => {
    expect(refusal(rule, grades)).toBe(reason)
  })

  it('is refused with its reason in the outcome, and the others count', () => {
    const { winners, counted } = tally(cumulative({ points: 3 }), graded([1, { A: 3 }], [5, { B: 9 }]))
    expect(winners).toEqual(['A'])
    expect(counted.refused).toEqual([{ voter: 'voter 1', reason: 'the grade 9 is outside the scale from 0 to 3' }])
  })
})

describe('score', () => {
  const election = graded([1, { A: 5, B: 3, C: 0 }], [1, { A: 5, B: 3, C: 0 }], ['1/2', { A: 0, B: 5, C: 0.1 }])

  it('sums exactly', () => {
    const outcome = tally(score(), election)
    expect(scoresOf(outcome)).toEqual({ A: '10', B: '17/2', C: '1/20' })
    expect(outcome.winners).toEqual(['A'])
  })

  it('takes the mean and the lower median by weight', () => {
    expect(scoresOf(tally(score({ by: 'mean' }), election))).toEqual({ A: '4', B: '17/5', C: '1/50' })
    const split = graded([1, { A: 1, B: 2, C: 0 }], [1, { A: 4, B: 2, C: 5 }])
    expect(scoresOf(tally(score({ by: 'median' }), split))).toEqual({ A: '1', B: '2', C: '0' })
  })

  it('gives the lowest grade to whom a ballot leaves out, or no part under no-opinion', () => {
    const sparse = graded([1, { A: 5 }], [1, { A: 1, B: 4 }])
    expect(scoresOf(tally(score({ by: 'mean' }), sparse))).toEqual({ A: '3', B: '2', C: '0' })
    const open = tally(score({ by: 'mean' }), { ...sparse, unranked: 'no-opinion' })
    expect(levels(open)).toEqual([['B'], ['A'], ['C']])
  })

  it('says the grades of each, for a check by hand', () => {
    expect(explain(tally(score(), election))).toContain('A: grades 5 from 2, 0 from 1/2.')
  })
})

describe('other sums of grades', () => {
  it('approve and disapprove', () => {
    const outcome = tally(disAndApproval, graded([2, { A: 1, B: -1 }], [3, { B: 1, A: -1, C: 0 }]))
    expect(scoresOf(outcome)).toEqual({ A: '-1', B: '1', C: '0' })
  })

  it('share out points, and buy votes', () => {
    expect(scoresOf(tally(cumulative(), graded([1, { A: 10 }], [2, { B: 6, C: 4 }])))).toEqual({
      A: '10',
      B: '12',
      C: '8',
    })
    expect(scoresOf(tally(quadratic(), graded([1, { A: 10 }], [2, { A: -4, B: 9 }])))).toEqual({
      A: '2',
      B: '18',
      C: '0',
    })
  })
})

describe('STAR', () => {
  it('elects the preferred of the two with the largest sums', () => {
    const election = graded([3, { A: 5, B: 4, C: 0 }], [2, { A: 0, B: 5, C: 4 }])
    expect(scoresOf(tally(star(), election))).toEqual({ A: '15', B: '22', C: '8' })
    expect(levels(tally(star(), election))).toEqual([['A'], ['B'], ['C']])
    expect(explain(tally(star(), election))).toContain('Runoff: B has the higher grade on a weight of 2, A on 3.')
  })

  it('leaves a level runoff a tie, and follows every way to break a tie for a place in it', () => {
    expect(tally(star(), graded([1, { A: 5, B: 3 }], [1, { A: 3, B: 5 }])).winners).toEqual(['A', 'B'])
    // B and C are tied for the second place; A beats B and loses to C.
    const tied = graded([1, { A: 5, B: 0, C: 4 }], [1, { A: 0, B: 4, C: 1 }], [1, { A: 4, B: 3, C: 2 }])
    expect(scoresOf(tally(star(), tied))).toEqual({ A: '9', B: '7', C: '7' })
    expect(sorted(tally(star(), tied).winners)).toEqual(['A'])
  })
})

/** Majority judgement as its authors say it, one ballot taken off after the other. */
function majorityGrades(grades: readonly number[]): number[] {
  const left = grades.toSorted((a, b) => a - b)
  const taken: number[] = []
  while (left.length > 0) taken.push(...left.splice(Math.ceil(left.length / 2) - 1, 1))
  return taken
}

describe('majority judgement', () => {
  const grade = fc.integer({ min: 0, max: 5 })
  const line = fc.tuple(
    fc.integer({ min: 1, max: 4 }),
    fc.record({ A: grade, B: grade, C: grade }, { requiredKeys: [] }),
  )
  const elections = fc.array(line, { minLength: 1, maxLength: 7 }).map((lines) => ({
    lines,
    election: graded(
      ...lines.map(([weight, grades]): [number, Record<string, number>] => [weight, { A: 0, ...grades }]),
    ),
  }))

  it('agrees with taking off one ballot after the other', () => {
    fc.assert(
      fc.property(elections, ({ lines, election }) => {
        const sequence = (name: 'A' | 'B' | 'C') =>
          majorityGrades(lines.flatMap(([weight, grades]) => Array.from({ length: weight }, () => grades[name] ?? 0)))
        const order = (a: 'A' | 'B' | 'C', b: 'A' | 'B' | 'C') => {
          const [one, other] = [sequence(a), sequence(b)]
          const at = one.findIndex((each, place) => each !== other[place])
          return at < 0 ? 0 : (one[at] ?? 0) - (other[at] ?? 0)
        }
        const names = ['A', 'B', 'C'] as const
        const expected = names.filter((a) => names.every((b) => order(a, b) >= 0))
        expect(sorted(tally(majorityJudgement(), election).winners)).toEqual(expected)
      }),
      { numRuns: 400 },
    )
  })

  it('does not mind all weights multiplied', () => {
    fc.assert(
      fc.property(
        elections,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        ({ election }, num, den) => {
          const ballots = election.ballots.map((cast) => ({ ...cast, weight: `${Number(cast.weight) * num}/${den}` }))
          expect(levels(tally(majorityJudgement(), { ...election, ballots }))).toEqual(
            levels(tally(majorityJudgement(), election)),
          )
        },
      ),
    )
  })

  it('passes over a higher sum for a higher middle grade', () => {
    const election = graded([2, { A: 3, B: 2, C: 0 }], [1, { A: 0, B: 5, C: 0 }])
    expect(tally(majorityJudgement(), election).winners).toEqual(['A'])
    expect(tally(score(), election).winners).toEqual(['B'])
    expect(explain(tally(majorityJudgement(), election))).toContain('A: grades 3 from 2, 0 from 1; majority grade 3.')
  })
})

describe('criteria of rules that count grades', () => {
  const grade = fc.integer({ min: 0, max: 5 })
  const line = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.record({ A: grade, B: grade, C: grade }))
  const lines = fc.array(line, { minLength: 2, maxLength: 6 })

  it.each([score(), score({ by: 'mean' }), score({ by: 'median' }), majorityJudgement(), star()])(
    'hears a grade raised: $name (monotonicity)',
    (rule) => {
      fc.assert(
        fc.property(lines, fc.nat(), grade, (given, at, more) => {
          const before = tally(rule, graded(...given)).winners
          const [winner = ''] = before
          const raised = given.map(([weight, grades], number): [number, Record<string, number>] => {
            const own = grades as Record<string, number>
            return [weight, number === at % given.length ? { ...own, [winner]: Math.max(own[winner] ?? 0, more) } : own]
          })
          expect(tally(rule, graded(...raised)).winners).toContain(winner)
        }),
      )
    },
  )

  it('a ballot for score that is added does not hurt who casts it (participation)', () => {
    fc.assert(
      fc.property(lines, (given) => {
        const before = tally(score(), graded(...given.slice(1))).winners
        const after = tally(score(), graded(...given)).winners
        const own = given[0]?.[1] as Record<string, number>
        const bestOf = (names: readonly string[]) => Math.max(...names.map((name) => own[name] ?? 0))
        expect(bestOf(after)).toBeGreaterThanOrEqual(Math.min(...before.map((name) => own[name] ?? 0)))
      }),
    )
  })

  it('score, majority judgement and STAR can pass over who beats every other (no Condorcet criterion)', () => {
    const election = graded([3, { A: 2, B: 1, C: 0 }], [2, { A: 0, B: 5, C: 4 }])
    for (const rule of [score(), score({ by: 'mean' })]) expect(tally(rule, election).winners).toEqual(['B'])
    // A beats B and C pairwise by 3 to 2.
    expect(tally(ruleNamed('copeland'), election).winners).toEqual(['A'])
    const middle = graded([2, { A: 5, B: 0, C: 0 }], [1, { A: 1, B: 3, C: 0 }], [2, { A: 2, B: 3, C: 0 }])
    expect(tally(majorityJudgement(), middle).winners).toEqual(['B'])
  })
})
