/** The fast counts against slow ones written from the definitions, on small elections full of ties. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { instantRunoff, parseRational, rational, schulze, tally } from '../../src/vote/index.ts'
import type { Election, Outcome, Rational } from '../../src/vote/index.ts'
import { add, compare, multiply, subtract, zero } from '../../src/vote/rational.ts'
import { anyElection, levels, sorted } from './support.ts'

const exact = (text: string | undefined): Rational => parseRational(text ?? '') ?? zero

/** Every way to break every tie, one candidate leaving at a time; the best place of each and who is ever first. */
function everyRunoff(election: Election): Map<string, number> {
  const best = new Map<string, number>()
  const place = (name: string, at: number) => best.set(name, Math.min(best.get(name) ?? at, at))
  const run = (inside: readonly string[]): void => {
    const votes = new Map(inside.map((name) => [name, zero]))
    let counting = zero
    for (const { ballot, weight } of election.ballots) {
      const ranking = ballot.kind === 'ranked' ? ballot.ranking : []
      const level = ranking.map((each) => each.filter((name) => inside.includes(name))).find((each) => each.length > 0)
      if (!level) continue
      counting = add(counting, exact(String(weight)))
      for (const name of level)
        votes.set(name, add(votes.get(name) ?? zero, multiply(exact(String(weight)), rational(1, level.length))))
    }
    const of = (name: string) => votes.get(name) ?? zero
    const half = multiply(counting, rational(1, 2))
    if (inside.some((name) => compare(of(name), half) > 0)) {
      for (const name of inside) place(name, 1 + inside.filter((other) => compare(of(other), of(name)) > 0).length)
      return
    }
    const last = inside.filter((name) => inside.every((other) => compare(of(other), of(name)) >= 0))
    for (const leaving of last) {
      place(leaving, inside.length)
      run(inside.filter((name) => name !== leaving))
    }
  }
  run(election.candidates)
  return best
}

function byPlace(best: Map<string, number>): string[][] {
  const places = [...new Set(best.values())].sort((a, b) => a - b)
  return places.map((at) => sorted([...best].filter(([, place]) => place === at).map(([name]) => name)))
}

/** The strength of the strongest path by walking every path that visits nobody twice. */
function everyPath(strength: (a: number, b: number) => Rational, size: number, from: number, to: number): Rational {
  let best = zero
  const walk = (at: number, weakest: Rational | undefined, seen: readonly number[]): void => {
    if (at === to) {
      if (weakest && compare(weakest, best) > 0) best = weakest
      return
    }
    for (let next = 0; next < size; next++) {
      if (seen.includes(next)) continue
      const link = strength(at, next)
      if (link.num > 0n) walk(next, weakest && compare(weakest, link) < 0 ? weakest : link, [...seen, next])
    }
  }
  walk(from, undefined, [from])
  return best
}

describe('instant runoff', () => {
  it('agrees with every way to break every tie, one by one', () => {
    fc.assert(
      fc.property(anyElection({ candidatesMax: 6, ballotsMax: 8 }), (election) => {
        const outcome = tally(instantRunoff, election)
        if (outcome.counted.weight === '0') return
        expect(levels(outcome)).toEqual(byPlace(everyRunoff(election)))
      }),
      { numRuns: 500 },
    )
  })

  it('has rounds that can be followed from the first to each last', () => {
    fc.assert(
      fc.property(anyElection({ candidatesMax: 6 }), (election) => {
        const { rounds = [], winners } = tally(instantRunoff, election)
        fc.pre(rounds.length > 0)
        const key = (inside: readonly string[]) => sorted(inside).join()
        const insides = new Set(rounds.map(({ tallies }) => key(tallies.map(({ candidate }) => candidate))))
        expect(insides.size).toBe(rounds.length)
        for (const { tallies, eliminated, elected } of rounds) {
          const inside = tallies.map(({ candidate }) => candidate)
          expect(eliminated.length === 0).toBe(elected.length > 0)
          for (const set of eliminated) expect(insides).toContain(key(inside.filter((name) => !set.includes(name))))
        }
        expect(sorted([...new Set(rounds.flatMap(({ elected }) => elected))])).toEqual(sorted(winners))
      }),
    )
  })
})

describe('schulze', () => {
  const strengths = {
    winning: (won: Rational, lost: Rational) => (compare(won, lost) > 0 ? won : zero),
    margins: (won: Rational, lost: Rational) => (compare(won, lost) > 0 ? subtract(won, lost) : zero),
    // A win without opposition is above every ratio of these small weights, and a larger one above a smaller.
    ratio: (won: Rational, lost: Rational) => {
      if (compare(won, lost) <= 0) return zero
      return lost.num === 0n ? add(won, rational(1_000_000)) : rational(won.num * lost.den, won.den * lost.num)
    },
  }

  it.each(['winning', 'margins', 'ratio'] as const)('agrees with the walk over every path: %s', (strength) => {
    fc.assert(
      fc.property(anyElection({ candidatesMax: 6 }), (election) => {
        const outcome = tally(schulze({ strength }), election)
        if (outcome.counted.weight === '0') return
        const { candidates, matrix } = outcome
        const link = (a: number, b: number) => strengths[strength](exact(matrix?.[a]?.[b]), exact(matrix?.[b]?.[a]))
        const all = [...candidates.keys()]
        const path = all.map((a) => all.map((b) => (a === b ? zero : everyPath(link, all.length, a, b))))
        const beats = (a: number, b: number) => compare(path[a]?.[b] ?? zero, path[b]?.[a] ?? zero) > 0
        const unbeaten = (left: readonly number[]) => left.filter((b) => !left.some((a) => beats(a, b)))
        for (let left = all, level = 0; left.length > 0; level++) {
          const top = unbeaten(left)
          expect(outcome.ranking[level]).toEqual(top.map((at) => candidates[at]))
          left = left.filter((at) => !top.includes(at))
        }
        if (strength !== 'ratio') expectPaths(outcome, path)
      }),
      { numRuns: 200 },
    )
  })
})

/** The path table has the right strengths, and the routes it gives are as strong as it says. */
function expectPaths({ candidates, proof }: Outcome, path: readonly (readonly Rational[])[]): void {
  const cells = (name: string) => proof.tables.find((table) => table.name === name)?.cells ?? []
  for (const a of candidates.keys()) {
    for (const b of candidates.keys()) {
      if (a === b) continue
      const strength = path[a]?.[b] ?? zero
      expect(exact(cells('paths')[a]?.[b])).toEqual(strength)
      expect(cells('before')[a]?.[b] === '').toBe(strength.num === 0n)
      for (let at = b, steps = 0; strength.num > 0n && at !== a; steps++) {
        expect(steps).toBeLessThan(candidates.length)
        const before = candidates.indexOf(cells('before')[a]?.[at] ?? '')
        expect(compare(exact(cells('links')[before]?.[at]), strength)).toBeGreaterThanOrEqual(0)
        at = before
      }
    }
  }
}
