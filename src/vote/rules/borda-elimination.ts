/**
 * Baldwin and Nanson: Borda's points are counted again and again among those still in, and low ones leave. Baldwin takes out
 * the lowest (Baldwin, "The technique of the Nanson preferential majority system of election", 1926), all of equal lowest
 * points together; Nanson all at or below the average (Nanson, "Methods of election", 1882). Unlike Borda's rule both elect
 * who beats every other, whose points are never below the average. No tie-break takes part.
 */
import { pairwise, pairwiseKinds } from '../pairwise.ts'
import type { PairwiseMatrix } from '../pairwise.ts'
import type { Profile } from '../profile.ts'
import { add, compare, rational, subtract, zero } from '../rational.ts'
import type { Rational } from '../rational.ts'
import type { Count, CountRound, Rule } from '../rule.ts'
import { Sums } from '../sums.ts'

const points =
  'On each ballot a candidate earns a point for every candidate still in below it and half a point for every other tied with it, times the weight; unlisted candidates are tied below all listed ones, or under no-opinion take no part.'

export const baldwin: Rule = {
  name: 'baldwin',
  title: 'Baldwin',
  ballot: 'ranked',
  accepts: pairwiseKinds,
  unit: 'points',
  method: [
    points,
    'All with the fewest points leave together, and it is counted again; when all left have equal points, they win.',
  ],
  count: (profile) => count(profile, lowest),
}

export const nanson: Rule = {
  name: 'nanson',
  title: 'Nanson',
  ballot: 'ranked',
  accepts: pairwiseKinds,
  unit: 'points',
  method: [
    points,
    'All with the average of points or fewer leave together, and it is counted again; when all left have equal points, they win.',
  ],
  count: (profile) => count(profile, upToAverage),
}

/** Those who leave, by their points in the order of those inside. */
type Leaving = (inside: readonly number[], points: readonly Rational[]) => number[]

function lowest(inside: readonly number[], scores: readonly Rational[]): number[] {
  let least = scores[0] as Rational
  for (const each of scores) if (compare(each, least) < 0) least = each
  return inside.filter((_, at) => compare(scores[at] as Rational, least) === 0)
}

function upToAverage(inside: readonly number[], scores: readonly Rational[]): number[] {
  const sum = scores.reduce(add, zero)
  const average = rational(sum.num, sum.den * BigInt(inside.length))
  return inside.filter((_, at) => compare(scores[at] as Rational, average) <= 0)
}

function count(profile: Profile, leaving: Leaving): Count {
  const matrix = pairwise(profile)
  const shares = pointShares(profile, matrix)
  const rounds: CountRound[] = []
  const ranking: number[][] = []
  let inside = profile.candidates.map((_, at) => at)
  while (inside.length > 0) {
    const scores = inside.map((a) =>
      inside.reduce((sum, b) => (a === b ? sum : add(sum, shares[a]?.[b] as Rational)), zero),
    )
    const gone = leaving(inside, scores)
    const last = gone.length === inside.length
    rounds.push({
      number: rounds.length + 1,
      tallies: inside.map((candidate, at) => ({ candidate, weight: scores[at] as Rational })),
      exhausted: zero,
      elected: last ? inside : [],
      eliminated: last ? [] : [gone],
    })
    ranking.unshift(...byPoints(inside, scores, gone))
    inside = inside.filter((candidate) => !gone.includes(candidate))
  }
  return { ranking, rounds, matrix }
}

/** Those who leave together, in levels of their points. */
function byPoints(inside: readonly number[], scores: readonly Rational[], gone: readonly number[]): number[][] {
  const scoreOf = (candidate: number) => scores[inside.indexOf(candidate)] as Rational
  const levels: number[][] = []
  for (const candidate of gone.toSorted((a, b) => compare(scoreOf(b), scoreOf(a)) || a - b)) {
    const level = levels.at(-1)
    if (level && compare(scoreOf(level[0] as number), scoreOf(candidate)) === 0) level.push(candidate)
    else levels.push([candidate])
  }
  return levels
}

/** `shares[a][b]`: the points that a has from being compared with b, those of ties included. */
function pointShares(profile: Profile, matrix: PairwiseMatrix): Rational[][] {
  const tied = profile.unranked === 'no-opinion' ? tiedPairs(profile) : undefined
  return matrix.map((row, a) =>
    row.map((won, b) => {
      if (a === b) return zero
      const level = tied
        ? (tied[a]?.[b] as Rational)
        : subtract(subtract(profile.weight, won), matrix[b]?.[a] as Rational)
      return add(won, rational(level.num, 2n * level.den))
    }),
  )
}

/** Weight of the ballots that list both on one level. */
function tiedPairs({ candidates, ballots, scale }: Profile): Rational[][] {
  const size = candidates.length
  const sums = new Sums(size * size)
  for (const { levels, units } of ballots)
    for (const level of levels) for (const a of level) for (const b of level) if (a !== b) sums.add(a * size + b, units)
  return candidates.map((_, a) => candidates.map((__, b) => rational(sums.total(a * size + b), scale)))
}
