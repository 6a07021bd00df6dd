/** What must hold for every election: the criteria that the rules are proven to satisfy, and exactness. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  borda,
  by,
  instantRunoff,
  parseRational,
  plurality,
  rational,
  ruleNamed,
  schulze,
  seeded,
  tally,
  toText,
} from '../../src/vote/index.ts'
import type { Election, Outcome, Rational, Rule } from '../../src/vote/index.ts'
import { compare, multiply, zero } from '../../src/vote/rational.ts'
import { anyElection, levels, names, sorted } from './support.ts'

const positional = [plurality, borda]
const schulzes = (['winning', 'margins', 'ratio'] as const).map((strength) => schulze({ strength }))
const all = [...positional, instantRunoff, ...schulzes]

const exact = (text: string | undefined): Rational => parseRational(text ?? '') ?? zero

function result(outcome: Outcome): unknown {
  return { status: outcome.status, winners: sorted(outcome.winners), ranking: levels(outcome) }
}

function mapNames(election: Election, rename: (name: string) => string): Election {
  return {
    ...election,
    candidates: election.candidates.map(rename),
    ballots: election.ballots.map((cast) => ({
      ...cast,
      ballot:
        cast.ballot.kind === 'ranked'
          ? { kind: 'ranked', ranking: cast.ballot.ranking.map((level) => level.map(rename)) }
          : cast.ballot,
    })),
  }
}

/** `above[a][b]` counted the slow way, from the definition. */
function above(election: Election, a: string, b: string): Rational {
  const outcome = tally(plurality, {
    candidates: ['yes', 'no'],
    ballots: election.ballots.map((cast) => {
      const ranking = cast.ballot.kind === 'ranked' ? cast.ballot.ranking : []
      const last = election.unranked === 'no-opinion' ? undefined : ranking.length
      const at = (name: string) => {
        const found = ranking.findIndex((level) => level.includes(name))
        return found < 0 ? last : found
      }
      const [mine, theirs] = [at(a), at(b)]
      const yes = mine !== undefined && theirs !== undefined && mine < theirs
      return { ...cast, ballot: { kind: 'single', choice: yes ? 'yes' : 'no' } }
    }),
  })
  return exact(outcome.scores?.[0]?.score)
}

describe.each(all)('$name', (rule: Rule) => {
  it('places every candidate once, and the winners first', () => {
    fc.assert(
      fc.property(anyElection(), (election) => {
        for (const ties of [[], [by('borda')], [seeded(3)]]) {
          const outcome = tally(rule, election, { ties })
          expect(sorted(outcome.ranking.flat())).toEqual(sorted(election.candidates))
          expect(outcome.ranking[0]).toEqual(outcome.winners)
          const weighs = outcome.counted.weight !== '0'
          const single = outcome.winners.length === 1 || ties[0]?.name === 'seeded:3'
          expect(outcome.status).toBe(weighs && single ? 'decided' : 'tied')
        }
      }),
    )
  })

  it('treats all candidates alike (neutrality)', () => {
    const permuted = fc.shuffledSubarray(names, { minLength: names.length })
    fc.assert(
      fc.property(anyElection(), permuted, (election, permutation) => {
        const rename = (name: string) => permutation[names.indexOf(name)] ?? name
        const { winners, ranking } = tally(rule, election, { ties: [by('borda')] })
        const renamed = tally(rule, mapNames(election, rename), { ties: [by('borda')] })
        expect(sorted(renamed.winners)).toEqual(sorted(winners.map(rename)))
        expect(levels(renamed)).toEqual(ranking.map((level) => sorted(level.map(rename))))
      }),
    )
  })

  it('treats all voters alike, in whatever order they and the candidates come (anonymity)', () => {
    fc.assert(
      fc.property(anyElection(), fc.infiniteStream(fc.nat()), (election, keys) => {
        const shuffle = <T>(items: readonly T[]): T[] =>
          items
            .map((item) => [keys.next().value ?? 0, item] as const)
            .sort(([a], [b]) => a - b)
            .map(([, item]) => item)
        const turned = { ...election, candidates: shuffle(election.candidates), ballots: shuffle(election.ballots) }
        for (const ties of [[], [by('schulze'), seeded('x')]])
          expect(result(tally(rule, turned, { ties }))).toEqual(result(tally(rule, election, { ties })))
      }),
    )
  })

  it('does not mind all weights multiplied (homogeneity)', () => {
    const factors = fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 30 }))
    fc.assert(
      fc.property(anyElection(), factors, (election, [num, den]) => {
        const factor = rational(num, den)
        const ballots = election.ballots.map((cast) => ({
          ...cast,
          weight: toText(multiply(exact(String(cast.weight ?? 1)), factor)),
        }))
        expect(result(tally(rule, { ...election, ballots }))).toEqual(result(tally(rule, election)))
      }),
    )
  })

  it('counts one ballot of weight n as n ballots', () => {
    const weights = fc.integer({ min: 0, max: 4 })
    fc.assert(
      fc.property(anyElection({ weights }), (election) => {
        const ballots = election.ballots.flatMap((cast) =>
          Array.from({ length: Number(cast.weight) }, (_, at) => ({
            voter: `${cast.voter}/${at}`,
            ballot: cast.ballot,
          })),
        )
        expect(result(tally(rule, { ...election, ballots }))).toEqual(result(tally(rule, election)))
      }),
    )
  })
})

describe('the majority criterion', () => {
  it.each([plurality, instantRunoff, ...schulzes])('holds: $name', (rule) => {
    fc.assert(
      fc.property(anyElection({ strict: true }), (election) => {
        const first = tally(plurality, election)
        const half = multiply(exact(first.counted.weight), rational(1, 2))
        const favourite = first.scores?.find(({ score }) => compare(exact(score), half) > 0)
        fc.pre(favourite !== undefined)
        expect(tally(rule, election).winners).toEqual([favourite?.candidate])
      }),
    )
  })

  it('fails: borda', () => {
    const ballots = (['A > B > C', 'A > B > C', 'A > B > C', 'B > C > A', 'B > C > A'] as const).map((text, at) => ({
      voter: `${at}`,
      ballot: { kind: 'ranked' as const, ranking: text.split(' > ').map((name) => [name]) },
    }))
    expect(tally(borda, { candidates: ['A', 'B', 'C'], ballots }).winners).toEqual(['B'])
  })
})

describe('pairwise criteria', () => {
  it.each(schulzes)('elects who beats every other, and never alone who loses to every other: $name', (rule) => {
    fc.assert(
      fc.property(anyElection(), (election) => {
        const { candidates } = election
        const { winners, ranking, matrix } = tally(rule, election)
        fc.pre(matrix !== undefined)
        const counted = candidates.map((a) => candidates.map((b) => (a === b ? '' : toText(above(election, a, b)))))
        expect(matrix).toEqual(counted)
        const beats = (a: string, b: string) => compare(above(election, a, b), above(election, b, a)) > 0
        const all = (holds: (one: string, other: string) => boolean) =>
          candidates.filter((one) => candidates.every((other) => other === one || holds(one, other)))
        const [beatsAll] = all((one, other) => beats(one, other))
        const [losesToAll] = all((one, other) => beats(other, one))
        expect(winners).toEqual(beatsAll === undefined ? winners : [beatsAll])
        expect(ranking.at(-1)).toEqual(losesToAll === undefined ? ranking.at(-1) : [losesToAll])
      }),
      { numRuns: 50 },
    )
  })

  it('elects within the Smith set: schulze', () => {
    fc.assert(
      fc.property(anyElection(), (election) => {
        const { winners, matrix, candidates } = tally(schulze(), election)
        fc.pre(matrix !== undefined)
        const beats = (a: number, b: number) => compare(exact(matrix?.[a]?.[b]), exact(matrix?.[b]?.[a])) > 0
        const subsets = Array.from({ length: 2 ** candidates.length - 1 }, (_, at) =>
          candidates.map((_, bit) => ((at + 1) & (1 << bit)) !== 0),
        )
        const places = [...candidates.keys()]
        const dominant = subsets.filter((inside) =>
          places.every((a) => places.every((b) => !inside[a] || inside[b] || beats(a, b))),
        )
        const outside = dominant.flatMap((inside) => winners.filter((name) => !inside[candidates.indexOf(name)]))
        expect(outside).toEqual([])
      }),
    )
  })

  it('hears a winner raised: schulze (monotonicity)', () => {
    fc.assert(
      fc.property(anyElection({ strict: true }), fc.nat(), (election, at) => {
        const before = tally(schulze(), election)
        const [winner] = before.winners
        fc.pre(before.winners.length === 1 && winner !== undefined)
        const ballots = election.ballots.map((cast, number) => {
          if (number !== at % election.ballots.length || cast.ballot.kind !== 'ranked') return cast
          const others = cast.ballot.ranking.filter(([name]) => name !== winner)
          return { ...cast, ballot: { kind: 'ranked' as const, ranking: [[winner], ...others] } }
        })
        expect(tally(schulze(), { ...election, ballots }).winners).toEqual([winner])
      }),
    )
  })
})

describe('consistency of positional rules', () => {
  it.each(positional)('two electorates that share winners elect them together: $name', (rule) => {
    const pair = anyElection({ unranked: fc.constant('tied-last'), weights: fc.constantFrom(1, 2, '1/3') }).chain(
      (one) =>
        fc.tuple(
          fc.constant(one),
          anyElection({ unranked: fc.constant('tied-last') }).filter(
            (other) => other.candidates.length === one.candidates.length,
          ),
        ),
    )
    fc.assert(
      fc.property(pair, ([one, other]) => {
        const second = other.ballots.map((cast) => ({ ...cast, voter: `second ${cast.voter}` }))
        const theirs = tally(rule, other).winners
        const shared = tally(rule, one).winners.filter((name) => theirs.includes(name))
        if (shared.length === 0) return
        expect(tally(rule, { ...one, ballots: [...one.ballots, ...second] }).winners).toEqual(shared)
      }),
    )
  })
})

describe('exactness', () => {
  it('scores sum to the weight that was there to give', () => {
    fc.assert(
      fc.property(anyElection({ unranked: fc.constant('tied-last') }), (election) => {
        const sumOf = (outcome: Outcome) =>
          tally(plurality, {
            candidates: ['sum'],
            ballots: (outcome.scores ?? []).map(({ candidate, score }) => ({
              voter: candidate,
              weight: score,
              ballot: { kind: 'single', choice: 'sum' },
            })),
          }).counted.weight
        const first = tally(plurality, election)
        if (first.counted.weight === '0') return
        expect(sumOf(first)).toBe(first.counted.weight)
        const pairs = (election.candidates.length * (election.candidates.length - 1)) / 2
        expect(sumOf(tally(borda, election))).toBe(toText(multiply(exact(first.counted.weight), rational(pairs))))
      }),
    )
  })

  it('Borda points are pairwise wins and half of the ties', () => {
    fc.assert(
      fc.property(anyElection({ unranked: fc.constant('tied-last') }), (election) => {
        const { scores, counted, candidates } = tally(ruleNamed('borda'), election)
        const { matrix } = tally(schulze(), election)
        for (const [a, { score }] of (scores ?? []).entries()) {
          let doubled = zero
          for (const b of candidates.keys()) {
            if (a === b) continue
            const [won, lost] = [exact(matrix?.[a]?.[b]), exact(matrix?.[b]?.[a])]
            // Won and half of the ties, twice: weight + won - lost.
            const weight = exact(counted.weight)
            doubled = sum(doubled, weight, won, { num: -lost.num, den: lost.den })
          }
          expect(score).toBe(toText(multiply(doubled, rational(1, 2))))
        }
      }),
    )
  })
})

function sum(...values: Rational[]): Rational {
  return values.reduce((a, b) => rational(a.num * b.den + b.num * a.den, a.den * b.den), zero)
}
