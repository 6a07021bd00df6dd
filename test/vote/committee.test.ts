import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { settleCommittees } from '../../src/vote/committee.ts'
import { add, by, compare, equalShares, pav, rational, seeded, tally } from '../../src/vote/index.ts'
import type { CastBallot, Election, EqualSharesCompletion, Outcome, Rational, TieBreak } from '../../src/vote/index.ts'
import { names, sorted } from './support.ts'

function approvals(candidates: string, ...lines: [weight: number, approves: string][]): Election {
  return {
    candidates: candidates.split(' '),
    ballots: lines.map(([weight, approves], at): CastBallot => ({
      voter: `voter ${at}`,
      weight,
      ballot: { kind: 'approval', approves: approves.split(' ') },
    })),
  }
}

const anyApprovals: fc.Arbitrary<Election> = fc.integer({ min: 2, max: 6 }).chain((size) => {
  const candidates = names.slice(0, size)
  return fc
    .array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.subarray(candidates, { minLength: 1 })), {
      minLength: 1,
      maxLength: 8,
    })
    .map((lines) => approvals(candidates.join(' '), ...lines.map(([w, a]): [number, string] => [w, a.join(' ')])))
})

const committeesOf = (outcome: Outcome): string[] =>
  (outcome.committees ?? []).map((each) => sorted(each).join('')).toSorted()

function subsets(of: readonly string[], size: number): string[][] {
  if (size === 0) return [[]]
  return of.flatMap((first, at) => subsets(of.slice(at + 1), size - 1).map((rest) => [first, ...rest]))
}

const approvesOf = ({ ballot }: CastBallot): readonly string[] => (ballot.kind === 'approval' ? ballot.approves : [])

/** Every committee, each ballot by its own sum of 1/k: the definition, in words of another shape. */
function bestByDefinition({ candidates, ballots }: Election, seats: number): string[] {
  let best: Rational = rational(-1)
  let found: string[] = []
  for (const committee of subsets(candidates, Math.min(seats, candidates.length))) {
    let score: Rational = rational(0)
    for (const cast of ballots) {
      const inside = approvesOf(cast).filter((name) => committee.includes(name)).length
      for (let k = 1; k <= inside; k++) score = add(score, rational(Number(cast.weight), k))
    }
    const order = compare(score, best)
    if (order > 0) [best, found] = [score, []]
    if (order >= 0) found.push(sorted(committee).join(''))
  }
  return found.toSorted()
}

/** A candidate left out by a group large enough for some seats, none of whom has as many members; undefined if there is none. */
function leftOut({ candidates, ballots }: Election, committee: readonly string[], seats: number): string | undefined {
  const all = ballots.reduce((sum, { weight }) => sum + Number(weight), 0)
  for (const candidate of candidates.filter((name) => !committee.includes(name)))
    for (let deserved = 1; deserved <= seats; deserved++) {
      const weight = ballots
        .filter((cast) => approvesOf(cast).includes(candidate))
        .filter((cast) => approvesOf(cast).filter((name) => committee.includes(name)).length < deserved)
        .reduce((sum, cast) => sum + Number(cast.weight), 0)
      if (weight * seats >= deserved * all) return `${candidate} for ${deserved}`
    }
  return undefined
}

const seatsOf = fc.integer({ min: 1, max: 4 })

describe('proportional approval voting', () => {
  it('gives a third of the ballots one of three seats', () => {
    const outcome = tally(pav({ seats: 3 }), approvals('a b c x y z', [6, 'a b c'], [3, 'x y z']))
    expect(outcome.committees).toHaveLength(9)
    for (const committee of outcome.committees ?? [])
      expect(committee.filter((name) => 'abc'.includes(name))).toHaveLength(2)
    expect(outcome.proof.notes).toEqual(['The best sum is 12; 9 committees have it.'])
  })

  it('finds every best committee, as the definition has it', () => {
    fc.assert(
      fc.property(anyApprovals, seatsOf, (election, seats) => {
        expect(committeesOf(tally(pav({ seats }), election))).toEqual(bestByDefinition(election, seats))
      }),
    )
  })

  it('leaves out no group that deserves a member and agrees on one (EJR+)', () => {
    fc.assert(
      fc.property(anyApprovals, seatsOf, (election, seats) => {
        for (const committee of tally(pav({ seats }), election).committees ?? [])
          expect(leftOut(election, committee, seats)).toBeUndefined()
      }),
    )
  })

  it('settles tied committees whole by the declared chain', () => {
    const election = approvals('a b c x y z', [6, 'a b c'], [3, 'x y z'])
    const outcome = tally(pav({ seats: 3 }), election, { ties: [by('approval'), seeded(4)] })
    expect(outcome).toMatchObject({ status: 'decided' })
    expect(outcome.committees).toHaveLength(1)
    expect(outcome.winners).toEqual(outcome.committees?.[0])
    expect(outcome.tieSteps.map((step) => step.where)).toContain('a seat')
  })

  it('refuses a search beyond its bound, and more tied committees than it may list', () => {
    const many = Array.from({ length: 20 }, (_, at) => `c${at}`)
    const election = approvals(many.join(' '), ...many.map((name): [number, string] => [1, name]))
    expect(() => tally(pav({ seats: 10, nodesMax: 20 }), election)).toThrow(
      expect.objectContaining({ code: 'vote.too_large', what: 'partial committees', max: 20 }) as Error,
    )
    expect(() => tally(pav({ seats: 10 }), election)).toThrow(
      expect.objectContaining({ code: 'vote.too_large', what: 'committees of the same score', max: 1000 }) as Error,
    )
  })

  it.each([{}, { seats: 0 }, { seats: 2, nodesMax: 0 }, { seats: 2, bound: 3 }])(
    'refuses the options %j',
    (options) => {
      expect(() => pav(options as never)).toThrow(expect.objectContaining({ code: 'base.invalid_argument' }) as Error)
    },
  )
})

describe('method of equal shares', () => {
  const completions: EqualSharesCompletion[] = ['phragmen', 'approvals', 'none']

  it('pays each member by equal shares of those who approve it', () => {
    const outcome = tally(equalShares({ seats: 3 }), approvals('a b c x', [6, 'a b c'], [3, 'x']), {
      ties: [seeded(1)],
    })
    expect(outcome.winners).toContain('x')
    expect(outcome.winners.filter((name) => 'abc'.includes(name))).toHaveLength(2)
    expect(outcome.proof.notes[0]).toMatch(/^[abc] is elected at a share of 1\/6 per weight\.$/)
    expect(outcome.proof.notes.at(-1)).toBe('x is elected at a share of 1/3 per weight.')
  })

  it('takes all that a poor ballot has left and the same from the others', () => {
    // Two seats, four of weight: each has 1/2. a takes 1/3 from three; b has 1/6 left of two and 1/2 of one: short of 1.
    const election = approvals('a b', [2, 'a b'], [1, 'a'], [1, 'b'])
    const none = tally(equalShares({ seats: 2, completion: 'none' }), election, { ties: [by('approval'), seeded(2)] })
    expect(none.winners).toHaveLength(1)
    expect(none).toMatchObject({ status: 'decided', seats: 2 })
  })

  it.each(completions)('fills seats left over as the completion %s says', (completion) => {
    // Nobody has the four thirds of weight that a seat costs but a; b and c are too small.
    const election = approvals('a b c', [2, 'a'], [1, 'b'], [1, 'c'])
    const outcome = tally(equalShares({ seats: 2, completion }), election)
    expect(committeesOf(outcome)).toEqual(completion === 'none' ? ['a'] : ['ab', 'ac'])
  })

  it('completes by Phragmén from what is left, where approvals alone would not', () => {
    // With three seats a and b are paid by the large group; then it has spent, and the small one is next by what it has.
    const election = approvals('a b c d', [7, 'a b c'], [3, 'd'])
    expect(committeesOf(tally(equalShares({ seats: 3 }), election))).toEqual(['abd', 'acd', 'bcd'])
    expect(committeesOf(tally(equalShares({ seats: 3, completion: 'approvals' }), election))).toEqual(['abc'])
  })

  it.each(completions)(
    'leaves out no group that deserves a member and agrees on one (EJR+), completed by %s',
    (completion) => {
      fc.assert(
        fc.property(anyApprovals, seatsOf, (election, asked) => {
          const seats = Math.min(asked, election.candidates.length)
          const outcome = tally(equalShares({ seats, completion }), election)
          for (const committee of outcome.committees ?? []) {
            expect(leftOut(election, committee, seats)).toBeUndefined()
            expect(completion === 'none' || committee.length === seats).toBe(true)
          }
        }),
      )
    },
  )

  it('depends neither on the order of ballots nor on that of candidates', () => {
    fc.assert(
      fc.property(anyApprovals, seatsOf, fc.gen(), (election, seats, gen) => {
        const turned = {
          ballots: gen(fc.shuffledSubarray, [...election.ballots], { minLength: election.ballots.length }),
          candidates: gen(fc.shuffledSubarray, [...election.candidates], { minLength: election.candidates.length }),
        }
        for (const rule of [equalShares({ seats }), pav({ seats })])
          expect(committeesOf(tally(rule, turned))).toEqual(committeesOf(tally(rule, election)))
      }),
    )
  })

  it('counts a weight as that many ballots', () => {
    fc.assert(
      fc.property(anyApprovals, seatsOf, (election, seats) => {
        const copies = election.ballots.flatMap((cast) =>
          Array.from({ length: Number(cast.weight) }, (_, at) => ({
            voter: `${cast.voter} ${at}`,
            ballot: cast.ballot,
          })),
        )
        for (const rule of [equalShares({ seats }), pav({ seats })])
          expect(committeesOf(tally(rule, { ...election, ballots: copies }))).toEqual(
            committeesOf(tally(rule, election)),
          )
      }),
    )
  })

  it.each([{ seats: 0 }, { seats: 2, completion: 'add1' }, { seats: 2, budget: 3 }])(
    'refuses the options %j',
    (options) => {
      expect(() => equalShares(options as never)).toThrow(
        expect.objectContaining({ code: 'base.invalid_argument' }) as Error,
      )
    },
  )
})

describe('tied committees', () => {
  it('are compared by the best in whom they differ, and never mixed', () => {
    const order = [[0], [1], [2, 3], [4]]
    const settle = (tied: readonly number[]) =>
      (order.find((level) => level.some((each) => tied.includes(each))) ?? []).filter((each) => tied.includes(each))
    expect(
      settleCommittees(
        [
          [0, 4],
          [1, 2],
        ],
        settle,
      ),
    ).toEqual([[0, 4]])
    expect(
      settleCommittees(
        [
          [0, 2],
          [0, 3],
          [0, 4],
        ],
        settle,
      ),
    ).toEqual([
      [0, 2],
      [0, 3],
    ])
    expect(
      settleCommittees(
        [
          [2, 4],
          [3, 4],
        ],
        (tied) => tied,
      ),
    ).toEqual([
      [2, 4],
      [3, 4],
    ])
  })
})

describe('committees that leave seats empty', () => {
  const ballots = [['C', 'D'], ['B'], ['B', 'C'], ['D']].map((approves, at) => ({
    voter: `v${at}`,
    ballot: { kind: 'approval' as const, approves },
  }))
  const outcome = (seats: number, ties: TieBreak[] = []) =>
    tally(equalShares({ seats, completion: 'none' }), { candidates: ['A', 'B', 'C', 'D'], ballots }, { ties })

  it('are tied with larger ones unless something declared tells them apart', () => {
    expect(outcome(2)).toMatchObject({ status: 'tied', committees: [['B', 'D'], ['C']] })
    expect(outcome(2, [seeded(1)]).tieSteps.length).toBeGreaterThan(0)
    expect(outcome(2, [seeded(1)])).toMatchObject({ status: 'decided' })
  })

  it('are tied with one that holds them whole', () => {
    expect(outcome(3)).toMatchObject({
      status: 'tied',
      committees: [
        ['B', 'C', 'D'],
        ['B', 'D'],
      ],
    })
  })

  it('are no victory when they are empty', () => {
    expect(outcome(1)).toMatchObject({ status: 'no-winner', winners: [], committees: [[]] })
  })
})
