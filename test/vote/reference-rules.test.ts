/** Each rule against a slow count written from its definition, on small elections full of ties. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  add,
  compare,
  divide,
  multiply,
  parseRational,
  rational,
  ruleNamed,
  subtract,
  tally,
  toText,
} from '../../src/vote/index.ts'
import type { Election, Outcome, Rational } from '../../src/vote/index.ts'
import { anyElection, levels, scoresOf, sorted } from './support.ts'

const zero = rational(0)
const exact = (text: string | number | undefined): Rational => parseRational(text ?? '') ?? zero
const shape = { candidatesMax: 5, ballotsMax: 6 }
const whole = { ...shape, weights: fc.integer({ min: 1, max: 3 }) }
const count = (rule: string, election: Election, every = false): Outcome =>
  tally(ruleNamed(rule), election, { parallelUniverses: every })
const weighs = (election: Election) => election.ballots.some(({ weight }) => exact(weight).num > 0n)

/** The pairwise weights by name; they have a reference of their own in the properties of Schulze's rule. */
function duels(election: Election) {
  const { matrix = [], candidates } = count('schulze', election)
  const above = (a: string, b: string) => exact(matrix[candidates.indexOf(a)]?.[candidates.indexOf(b)])
  const margin = (a: string, b: string) => subtract(above(a, b), above(b, a))
  return { above, margin, beats: (a: string, b: string) => margin(a, b).num > 0n }
}

function permutations(names: readonly string[]): string[][] {
  if (names.length < 2) return [[...names]]
  return names.flatMap((first) => permutations(names.filter((name) => name !== first)).map((rest) => [first, ...rest]))
}

const largest = (values: readonly Rational[]): Rational =>
  values.reduce((a, b) => (compare(a, b) >= 0 ? a : b), values[0] ?? zero)
const sum = (values: readonly Rational[]): Rational => values.reduce(add, zero)
const best = (names: readonly string[], score: (name: string) => Rational): string[] => {
  const most = largest(names.map(score))
  return names.filter((name) => compare(score(name), most) === 0)
}

function agree(
  rule: string,
  reference: (election: Election) => readonly string[],
  elections = anyElection(shape),
  every = false,
  numRuns = 200,
) {
  fc.assert(
    fc.property(elections.filter(weighs), (election) => {
      expect(sorted(count(rule, election, every).winners)).toEqual(sorted([...new Set(reference(election))]))
    }),
    { numRuns },
  )
}

describe('pairwise rules agree with their definitions', () => {
  it('copeland', () => {
    expect.hasAssertions()
    agree('copeland', (election) => {
      const { margin } = duels(election)
      const points = (a: string) =>
        sum(election.candidates.map((b) => (a === b ? zero : rational(1 + Math.sign(Number(margin(a, b).num)), 2))))
      return best(election.candidates, points)
    })
  })

  it.each(['minimax', 'minimax-margins', 'minimax-opposition'])('%s', (rule) => {
    expect.hasAssertions()
    agree(rule, (election) => {
      const { above, margin, beats } = duels(election)
      const worst = (a: string) =>
        largest([
          zero,
          ...election.candidates
            .filter((b) => b !== a && (rule === 'minimax-opposition' || beats(b, a)))
            .map((b) => (rule === 'minimax-margins' ? margin(b, a) : above(b, a))),
        ])
      return best(election.candidates, (name) => subtract(zero, worst(name)))
    })
  })

  it('the Smith set, by all sets', () => {
    expect.hasAssertions()
    agree('smith-set', (election) => {
      const { beats } = duels(election)
      const { candidates } = election
      const sets = Array.from({ length: 2 ** candidates.length - 1 }, (_, bits) =>
        candidates.filter((__, at) => ((bits + 1) >> at) % 2 === 1),
      )
      const dominant = sets.filter((set) => set.every((a) => candidates.every((b) => set.includes(b) || beats(a, b))))
      return dominant.reduce((least, set) => (set.length < least.length ? set : least))
    })
  })

  it("Tideman's approximation of Dodgson", () => {
    expect.hasAssertions()
    agree('dodgson-tideman', (election) => {
      const { margin } = duels(election)
      const lost = (a: string) => sum(election.candidates.map((b) => (margin(b, a).num > 0n ? margin(b, a) : zero)))
      return best(election.candidates, (name) => subtract(zero, lost(name)))
    })
  })

  it('split cycle, by all simple cycles', () => {
    expect.hasAssertions()
    agree('split-cycle', (election) => {
      const { margin, beats } = duels(election)
      const { candidates } = election
      const weakest = new Set<string>()
      const walk = (path: readonly string[]): void => {
        const [first = '', last = ''] = [path[0], path.at(-1)]
        if (path.length > 1 && beats(last, first)) {
          const links = path.map((a, at) => [a, path[(at + 1) % path.length] ?? ''] as const)
          const least = links.map(([a, b]) => margin(a, b)).reduce((a, b) => (compare(a, b) <= 0 ? a : b))
          for (const [a, b] of links) if (compare(margin(a, b), least) === 0) weakest.add(`${a}>${b}`)
        }
        for (const next of candidates) if (!path.includes(next) && beats(last, next)) walk([...path, next])
      }
      for (const start of candidates) walk([start])
      return candidates.filter((b) => !candidates.some((a) => beats(a, b) && !weakest.has(`${a}>${b}`)))
    })
  })

  it.each(['ranked-pairs', 'ranked-pairs-margins'])('%s, by every order of equal links', (rule) => {
    expect.hasAssertions()
    agree(
      rule,
      (election) => {
        const { above, margin, beats } = duels(election)
        const { candidates } = election
        const strength = rule === 'ranked-pairs' ? above : margin
        const links = candidates
          .flatMap((a) => candidates.filter((b) => beats(a, b)).map((b) => [a, b] as const))
          .toSorted((x, y) => compare(strength(...y), strength(...x)))
        const winners: string[] = []
        const run = (locked: readonly (readonly [string, string])[], left: typeof links): void => {
          const [first] = left
          if (!first) {
            winners.push(...candidates.filter((b) => !locked.some(([, loser]) => loser === b)))
            return
          }
          for (const link of left) {
            if (compare(strength(...link), strength(...first)) !== 0) break
            const back = new Set([link[1]])
            for (const node of back) for (const [a, b] of locked) if (a === node) back.add(b)
            run(
              back.has(link[0]) ? locked : [...locked, link],
              left.filter((other) => other !== link),
            )
          }
        }
        run([], links)
        return winners
      },
      anyElection({ candidatesMax: 4, ballotsMax: 5 }),
      true,
      150,
    )
  })

  it('kemeny, by all rankings', () => {
    fc.assert(
      fc.property(anyElection(shape).filter(weighs), (election) => {
        const { above } = duels(election)
        const scored = permutations(election.candidates).map((order) => ({
          order,
          score: sum(order.flatMap((a, at) => order.slice(at + 1).map((b) => above(a, b)))),
        }))
        const most = largest(scored.map(({ score }) => score))
        const tops = scored.filter(({ score }) => compare(score, most) === 0)
        const outcome = count('kemeny', election)
        expect(sorted(outcome.winners)).toEqual(sorted([...new Set(tops.map(({ order }) => order[0] ?? ''))]))
        expect(outcome.proof.notes[0]).toContain(`The best score is ${toText(most)}, that of `)
        const place = (name: string) => Math.min(...tops.map(({ order }) => order.indexOf(name)))
        const places = [...new Set(election.candidates.map(place))].sort((a, b) => a - b)
        expect(levels(outcome)).toEqual(
          places.map((at) => sorted(election.candidates.filter((name) => place(name) === at))),
        )
      }),
      { numRuns: 150 },
    )
  })

  it('dodgson, by a search over all swaps', () => {
    expect.hasAssertions()
    const small = anyElection({ candidatesMax: 4, ballotsMax: 4, strict: true, weights: fc.constantFrom(1, 2) })
    agree(
      'dodgson',
      (election) => {
        const fewest = new Map(election.candidates.map((name) => [name, swapsNeeded(election, name)]))
        const least = Math.min(...fewest.values())
        return election.candidates.filter((name) => fewest.get(name) === least)
      },
      small,
      false,
      60,
    )
  })

  it('maximal lotteries are beaten by no candidate, sum to 1 and hold whom any of them holds', () => {
    fc.assert(
      fc.property(anyElection(shape).filter(weighs), (election) => {
        const { margin } = duels(election)
        const outcome = count('maximal-lotteries', election)
        const probability = (name: string) => exact(scoresOf(outcome)[name])
        expect(sum(election.candidates.map(probability))).toEqual(rational(1))
        for (const b of election.candidates) {
          const gain = sum(election.candidates.map((a) => multiply(probability(a), margin(a, b))))
          expect(gain.num >= 0n && probability(b).num >= 0n).toBe(true)
          // In an even lottery whoever has no probability gains less than nothing against some maximal lottery.
          expect(probability(b).num > 0n && gain.num !== 0n).toBe(false)
        }
        expect(sorted(outcome.winners)).toEqual(
          sorted(election.candidates.filter((name) => probability(name).num > 0n)),
        )
      }),
      { numRuns: 200 },
    )
  })
})

/** Breadth first over how far the candidate is raised on each single ballot. */
function swapsNeeded(election: Election, name: string): number {
  const rankings = election.ballots.flatMap(({ ballot, weight }) =>
    Array.from({ length: Number(weight) }, () => (ballot.kind === 'ranked' ? ballot.ranking.flat() : [])),
  )
  const at = rankings.map((ranking) => ranking.indexOf(name))
  const wins = (raised: readonly number[]) =>
    election.candidates.every((other) => {
      if (other === name) return true
      const above = rankings.filter(
        (ranking, ballot) =>
          ranking.indexOf(other) > (at[ballot] ?? 0) ||
          ranking.indexOf(other) >= (at[ballot] ?? 0) - (raised[ballot] ?? 0),
      )
      return 2 * above.length > rankings.length
    })
  let open = [rankings.map(() => 0)]
  for (let swaps = 0; ; swaps++) {
    if (open.some(wins)) return swaps
    const next = new Map<string, number[]>()
    for (const raised of open)
      for (const [ballot, by] of raised.entries())
        if (by < (at[ballot] ?? 0)) {
          const more = raised.with(ballot, by + 1)
          next.set(more.join(), more)
        }
    open = [...next.values()]
  }
}

describe('other rules agree with their definitions', () => {
  const strict = anyElection({ ...whole, strict: true })
  const rankings = (election: Election) =>
    election.ballots.flatMap(({ ballot, weight }) =>
      Array.from({ length: Number(weight) }, () => (ballot.kind === 'ranked' ? ballot.ranking.flat() : [])),
    )
  const points = (ballots: readonly (readonly string[])[], inside: readonly string[], name: string) =>
    ballots.reduce((all, ballot) => {
      const order = ballot.filter((each) => inside.includes(each))
      return all + order.length - 1 - order.indexOf(name)
    }, 0)

  it.each(['baldwin', 'nanson'])('%s', (rule) => {
    expect.hasAssertions()
    agree(
      rule,
      (election) => {
        const ballots = rankings(election)
        let inside = [...election.candidates]
        for (;;) {
          const scores = new Map(inside.map((name) => [name, points(ballots, inside, name)]))
          const values = [...scores.values()]
          const limit = rule === 'baldwin' ? Math.min(...values) : values.reduce((a, b) => a + b) / values.length
          const left = inside.filter((name) => (scores.get(name) ?? 0) > limit)
          if (left.length === 0) return inside
          inside = left
        }
      },
      strict,
    )
  })

  it('bucklin', () => {
    expect.hasAssertions()
    agree(
      'bucklin',
      (election) => {
        const ballots = rankings(election)
        for (let round = 1; ; round++) {
          const votes = (name: string) => ballots.filter((ballot) => ballot.slice(0, round).includes(name)).length
          const most = Math.max(...election.candidates.map(votes))
          if (2 * most > ballots.length) return election.candidates.filter((name) => votes(name) === most)
        }
      },
      strict,
    )
  })

  it('dowdall', () => {
    expect.hasAssertions()
    agree(
      'dowdall',
      (election) => {
        const ballots = rankings(election)
        return best(election.candidates, (name) => sum(ballots.map((ballot) => rational(1, ballot.indexOf(name) + 1))))
      },
      strict,
    )
  })

  it('coombs, by every way to break every tie', () => {
    expect.hasAssertions()
    agree(
      'coombs',
      (election) => {
        const ballots = rankings(election)
        const run = (inside: readonly string[]): string[] => {
          const orders = ballots.map((ballot) => ballot.filter((name) => inside.includes(name)))
          const first = inside.find((name) => 2 * orders.filter((order) => order[0] === name).length > orders.length)
          if (first !== undefined) return [first]
          const lasts = (name: string) => orders.filter((order) => order.at(-1) === name).length
          const most = Math.max(...inside.map(lasts))
          return inside
            .filter((name) => lasts(name) === most)
            .flatMap((gone) => run(inside.filter((name) => name !== gone)))
        }
        return run(election.candidates)
      },
      strict,
      true,
    )
  })

  it('two rounds, by every pair that may meet', () => {
    expect.hasAssertions()
    agree(
      'two-round',
      (election) => {
        const ballots = rankings(election)
        const votes = (name: string) => ballots.filter(([first]) => first === name).length
        const { margin } = duels(election)
        return permutations(election.candidates)
          .filter((order) => order.every((name, at) => at === 0 || votes(order[at - 1] ?? '') >= votes(name)))
          .flatMap(([a = '', b = '']) => {
            if (2 * votes(a) > ballots.length) return [a]
            const order = margin(a, b).num
            return order > 0n ? [a] : order < 0n ? [b] : [a, b]
          })
      },
      strict,
    )
  })

  it('a random ballot, and one over the Smith set', () => {
    fc.assert(
      fc.property(strict, (election) => {
        const ballots = rankings(election)
        const smith = count('smith-set', election).winners
        for (const [rule, among] of [
          ['random-ballot', election.candidates],
          ['random-smith', smith],
        ] as const) {
          const firsts = ballots.map((ballot) => ballot.find((name) => among.includes(name)))
          for (const [name, score] of Object.entries(scoresOf(count(rule, election))))
            expect(exact(score)).toEqual(
              divide(rational(firsts.filter((first) => first === name).length), rational(ballots.length)),
            )
        }
      }),
    )
  })

  it('the Condorcet winner and loser, or nobody', () => {
    fc.assert(
      fc.property(anyElection(shape).filter(weighs), (election) => {
        const { beats } = duels(election)
        const { candidates } = election
        const all = candidates.find((a) => candidates.every((b) => a === b || beats(a, b)))
        const outcome = count('condorcet-winner', election)
        expect(outcome.winners).toEqual(all === undefined ? [] : [all])
        expect(outcome.status).toBe(all === undefined ? 'no-winner' : 'decided')
      }),
    )
  })
})
