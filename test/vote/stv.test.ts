import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/base/index.ts'
import {
  add,
  by,
  compare,
  explain,
  instantRunoff,
  meek,
  multiply,
  parseRational,
  rational,
  seeded,
  stv,
  stvQuota,
  tally,
  toNumber,
} from '../../src/vote/index.ts'
import type { Election, Outcome, Rational, StvQuota } from '../../src/vote/index.ts'
import { anyElection, ranked, sorted } from './support.ts'

const read = (text: string): Rational => parseRational(text) as Rational
const committeesOf = (outcome: Outcome): string[] =>
  (outcome.committees ?? []).map((each) => sorted(each).join('')).toSorted()
const quotas: StvQuota[] = ['droop', 'hare', 'hagenbach-bischoff', 'imperiali']
const whole = { weights: fc.integer({ min: 0, max: 5 }) }

/** Every set of candidates whom some weight puts above all others, with that weight. */
function coalitions({ candidates, ballots }: Election): { set: string[]; weight: number }[] {
  const sets = Array.from({ length: 2 ** candidates.length - 1 }, (_, at) =>
    candidates.filter((_name, place) => ((at + 1) >> place) & 1),
  )
  return sets.map((set) => ({
    set,
    weight: ballots.reduce((sum, { ballot, weight }) => {
      const order = ballot.kind === 'ranked' ? ballot.ranking.flat() : []
      return order.slice(0, set.length).every((name) => set.includes(name)) ? sum + Number(weight) : sum
    }, 0),
  }))
}

function expectProportional(outcome: Outcome, election: Election, quota: number, seats: number): void {
  for (const { set, weight } of coalitions(election)) {
    const deserved = Math.min(Math.floor(weight / quota), set.length, seats)
    for (const committee of outcome.committees ?? [])
      expect(committee.filter((name) => set.includes(name)).length).toBeGreaterThanOrEqual(deserved)
  }
}

describe('single transferable vote', () => {
  const club = ranked(
    'Ada Ben Cleo Dan',
    [10, 'Ada > Ben > Cleo'],
    [4, 'Cleo > Dan'],
    [3, 'Dan > Cleo'],
    [1, 'Ben > Dan'],
  )

  it('moves a surplus by fractions of all ballots of the elected', () => {
    const outcome = tally(stv({ seats: 2 }), club)
    expect(
      outcome.rounds?.map(({ tallies }) => Object.fromEntries(tallies.map((t) => [t.candidate, t.weight]))),
    ).toEqual([
      { Ada: '10', Ben: '1', Cleo: '4', Dan: '3' },
      { Ben: '4', Cleo: '4', Dan: '3' },
      { Ben: '4', Cleo: '7' },
    ])
    expect(outcome).toMatchObject({
      status: 'decided',
      seats: 2,
      winners: ['Ada', 'Cleo'],
      committees: [['Ada', 'Cleo']],
    })
    expect(outcome.proof.notes).toEqual(['The droop quota is 7.'])
    expect(explain(outcome).at(-1)).toBe('Ada and Cleo are elected.')
  })

  it('shares a ballot among those tied on it', () => {
    const outcome = tally(stv({ seats: 1 }), ranked('x y z', [2, 'x=y > z'], [1, 'z'], ['1/2', 'y > x']))
    expect(outcome.rounds?.[0]?.tallies.map(({ weight }) => weight)).toEqual(['1', '3/2', '1'])
  })

  it.each([
    ['droop', '34'],
    ['hagenbach-bischoff', '100/3'],
    ['hare', '50'],
    ['imperiali', '25'],
  ] as const)('has the %s quota of 100 votes for two seats', (quota, wanted) => {
    expect(stvQuota(quota, rational(100), 2)).toEqual(read(wanted))
  })

  it('gives the last seats to the largest where more reach the quota than there are seats', () => {
    const outcome = tally(stv({ seats: 2, quota: 'imperiali' }), ranked('x y z', [5, 'x'], [4, 'y'], [3, 'z']))
    expect(committeesOf(outcome)).toEqual(['xy'])
    const tied = tally(stv({ seats: 2, quota: 'imperiali' }), ranked('x y z', [6, 'x'], [3, 'y'], [3, 'z']))
    expect(committeesOf(tied)).toEqual(['xy', 'xz'])
  })

  it('follows a tie for leaving every way, and says which committees are tied', () => {
    const election = ranked('a b c d', [4, 'a > b'], [2, 'b > c'], [2, 'c > b'], [3, 'd'])
    const outcome = tally(stv({ seats: 2 }), election)
    expect(outcome.status).toBe('tied')
    expect(committeesOf(outcome)).toEqual(['ab', 'ac'])
    expect(explain(outcome).at(-1)).toContain('2 committees are tied')
  })

  it('asks the declared chain about a tie, and records it', () => {
    const election = ranked('a b c d', [4, 'a > b'], [2, 'b > c'], [2, 'c > b'], [3, 'd'])
    const outcome = tally(stv({ seats: 2 }), election, { ties: [seeded(1)] })
    expect(outcome.status).toBe('decided')
    expect(outcome.tieSteps[0]).toMatchObject({ want: 'worst', tied: ['b', 'c'], by: 'seeded:1' })
  })

  it('with parallel universes asks the chain only among whole committees', () => {
    const election = ranked('a b c d', [4, 'a > b'], [2, 'b > c'], [2, 'c > b'], [3, 'd'])
    const outcome = tally(stv({ seats: 2 }), election, { ties: [by('borda')], parallelUniverses: true })
    expect(committeesOf(outcome)).toEqual(['ab'])
    expect(outcome.tieSteps).toEqual([
      { where: 'a seat', want: 'best', tied: ['b', 'c'], by: 'borda', remained: ['b'] },
    ])
  })

  it('takes out whom no ballot counts for one by one, without ways for it', () => {
    const many = Array.from({ length: 40 }, (_, at) => `none${at}`)
    const outcome = tally(stv({ seats: 1 }), {
      candidates: ['a', 'b', ...many],
      ballots: ranked('a b', [1, 'a'], [1, 'b > a']).ballots,
    })
    expect(committeesOf(outcome)).toEqual(['a', 'b'])
  })

  it('keeps every seat for somebody when seats are as many as candidates', () => {
    expect(committeesOf(tally(stv({ seats: 3 }), ranked('x y', [1, 'x'])))).toEqual(['xy'])
  })

  it('leaves everybody tied when no weight was counted', () => {
    const outcome = tally(stv({ seats: 1 }), { candidates: ['x', 'y'], ballots: [] })
    expect(outcome).toMatchObject({ status: 'tied', winners: ['x', 'y'] })
    expect(outcome.committees).toBeUndefined()
  })

  it('elects nobody without a quorum', () => {
    const outcome = tally(stv({ seats: 1 }), { ...ranked('x y', [1, 'x']), quorum: { share: 1, eligible: 2 } })
    expect(outcome).toMatchObject({ status: 'no-quorum', winners: [], committees: [] })
  })

  it('refuses to follow more ways than its bound', () => {
    const names = Array.from({ length: 14 }, (_, at) => `c${at}`)
    const ballots = names.map((name) => ({ voter: name, ballot: { kind: 'single', choice: name } as const }))
    expect(() => tally(stv({ seats: 2 }), { candidates: names, ballots }, { universesMax: 50 })).toThrow(
      expect.objectContaining({ code: 'vote.too_many_universes', universesMax: 50 }) as Error,
    )
  })

  it('refuses fractions that outgrow its bound, and counts them with stated decimals', () => {
    const names = Array.from({ length: 60 }, (_, at) => `c${at}`)
    const random = seededRandom(5)
    const ballots = Array.from({ length: 400 }, (_, at) => ({
      voter: `${at}`,
      ballot: { kind: 'ranked', ranking: random.shuffle([...names]).map((name) => [name]) } as const,
    }))
    const election = { candidates: names, ballots }
    expect(() => tally(stv({ seats: 50 }), election, { ties: [seeded(1)] })).toThrow(
      expect.objectContaining({ code: 'vote.too_large', what: 'digits of a fraction' }) as Error,
    )
    expect(tally(stv({ seats: 50, digits: 12 }), election, { ties: [seeded(1)] }).winners).toHaveLength(50)
  })

  it.each([
    [{ seats: 0 }, 'seats'],
    [{ seats: 1.5 }, 'seats'],
    [{ seats: 1, quota: 'drop' }, 'quota'],
    [{ seats: 1, digits: 0 }, 'digits'],
    [{ seats: 1, places: 3 }, 'places'],
  ])('refuses the options %j', (options, names) => {
    expect(() => stv(options as never)).toThrow(names)
    expect(() => stv(options as never)).toThrow(expect.objectContaining({ code: 'base.invalid_argument' }) as Error)
  })

  it('loses no weight: tallies, the exhausted and the quotas of the elected sum up in every round', () => {
    fc.assert(
      fc.property(
        anyElection(),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(...quotas),
        (election, seats, quota) => {
          const outcome = tally(stv({ seats, quota }), election)
          const weight = read(outcome.counted.weight)
          if (weight.num === 0n) return
          const single = outcome.rounds?.filter(({ eliminated }) => eliminated.length > 1).length === 0
          let elected = 0
          for (const { tallies, exhausted, elected: won } of outcome.rounds ?? []) {
            const inside = tallies.reduce((sum, each) => add(sum, read(each.weight)), read(exhausted))
            expect(compare(read(exhausted), rational(0))).toBeGreaterThanOrEqual(0)
            const whole = add(inside, multiply(rational(elected), stvQuota(quota, weight, seats)))
            expect(single && outcome.committees?.length === 1 ? whole : weight).toEqual(weight)
            elected += won.length
          }
        },
      ),
    )
  })

  it('fills the seats, whatever the ballots', () => {
    fc.assert(
      fc.property(
        anyElection(),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(...quotas),
        (election, seats, quota) => {
          for (const rule of [stv({ seats, quota }), meek({ seats })])
            for (const committee of tally(rule, election).committees ?? [])
              expect(committee).toHaveLength(Math.min(seats, election.candidates.length))
        },
      ),
    )
  })

  it('gives each solid coalition the seats that its quotas deserve (Droop and Hare)', () => {
    expect.hasAssertions()
    fc.assert(
      fc.property(
        anyElection({ ...whole, strict: true }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom('droop' as const, 'hare' as const),
        (election, seats, quota) => {
          const outcome = tally(stv({ seats, quota }), election)
          const deserved = toNumber(stvQuota(quota, read(outcome.counted.weight), seats))
          expectProportional(outcome, election, deserved, seats)
        },
      ),
    )
  })

  it('gives each solid coalition with more than so many quotas of Hagenbach and Bischoff as many seats', () => {
    expect.hasAssertions()
    fc.assert(
      fc.property(anyElection({ ...whole, strict: true }), fc.integer({ min: 1, max: 4 }), (election, seats) => {
        const outcome = tally(stv({ seats, quota: 'hagenbach-bischoff' }), election)
        const weight = toNumber(read(outcome.counted.weight))
        // Weights are whole, so the tenth keeps out who has exactly so many quotas and nobody with more.
        expectProportional(outcome, election, (weight + 0.1) / (seats + 1), seats)
      }),
    )
  })

  it('elects for one seat whom instant runoff elects', () => {
    fc.assert(
      fc.property(anyElection(whole), (election) => {
        const one = tally(stv({ seats: 1 }), election, { parallelUniverses: true })
        expect(one.winners).toEqual(tally(instantRunoff, election, { parallelUniverses: true }).winners)
      }),
    )
  })

  it('depends neither on the order of ballots nor on that of candidates', () => {
    fc.assert(
      fc.property(anyElection(), fc.integer({ min: 1, max: 3 }), fc.gen(), (election, seats, gen) => {
        const turned = {
          ...election,
          ballots: gen(fc.shuffledSubarray, [...election.ballots], { minLength: election.ballots.length }),
          candidates: gen(fc.shuffledSubarray, [...election.candidates], { minLength: election.candidates.length }),
        }
        for (const rule of [stv({ seats }), meek({ seats })])
          expect(committeesOf(tally(rule, turned))).toEqual(committeesOf(tally(rule, election)))
      }),
    )
  })
})

describe("Meek's method", () => {
  it('moves weight on from those who are elected already, until they keep a quota', () => {
    const outcome = tally(
      meek({ seats: 2 }),
      ranked('Ada Ben Cleo Dan', [10, 'Ada > Ben > Cleo'], [4, 'Cleo > Dan'], [3, 'Dan > Cleo'], [1, 'Ben > Dan']),
    )
    expect(outcome).toMatchObject({ status: 'decided', winners: ['Ada', 'Cleo'] })
    const [first] = outcome.rounds ?? []
    const ada = first?.tallies.find(({ candidate }) => candidate === 'Ada')
    expect(toNumber(read(ada?.weight ?? ''))).toBeCloseTo(6, 5)
  })

  it('lets the quota fall as ballots are exhausted', () => {
    const outcome = tally(meek({ seats: 1 }), ranked('x y z', [4, 'x'], [3, 'y'], [2, 'z']))
    expect(outcome.winners).toEqual(['x'])
    expect(outcome.proof.notes).toEqual(['The last quota is 3500000001/1000000000.'])
  })

  it('follows a tie every way', () => {
    const election = ranked('x y', [1, 'x'], [1, 'y'])
    expect(committeesOf(tally(meek({ seats: 1 }), election))).toEqual(['x', 'y'])
    expect(tally(meek({ seats: 1 }), election, { ties: [seeded(3)] }).status).toBe('decided')
  })

  it('gives each solid coalition the seats that its Droop quotas deserve', () => {
    expect.hasAssertions()
    fc.assert(
      fc.property(anyElection({ ...whole, strict: true }), fc.integer({ min: 1, max: 4 }), (election, seats) => {
        const outcome = tally(meek({ seats }), election)
        expectProportional(outcome, election, toNumber(stvQuota('droop', read(outcome.counted.weight), seats)), seats)
      }),
    )
  })

  it('keeps the sum of all votes to its decimals', () => {
    fc.assert(
      fc.property(anyElection(), fc.integer({ min: 1, max: 3 }), (election, seats) => {
        const outcome = tally(meek({ seats, digits: 12 }), election)
        const weight = toNumber(read(outcome.counted.weight))
        for (const { tallies, exhausted } of outcome.rounds ?? []) {
          const sum = tallies.reduce((all, each) => all + toNumber(read(each.weight)), toNumber(read(exhausted)))
          expect(sum).toBeCloseTo(weight, 8)
        }
      }),
    )
  })

  it.each([{ seats: 0 }, { seats: 1, digits: 2 }, { seats: 1, quota: 'droop' }])(
    'refuses the options %j',
    (options) => {
      expect(() => meek(options as never)).toThrow(expect.objectContaining({ code: 'base.invalid_argument' }) as Error)
    },
  )
})
