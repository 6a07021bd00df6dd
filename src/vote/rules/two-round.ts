/**
 * Two rounds: who has more than half of the first preferences wins; else the two with the most meet, and the one whom more
 * weight prefers wins. Unlike instant runoff all but two leave at once, so a candidate whom many would take second may never
 * be compared. A tie for a place in the second round goes through the chain, and what it leaves open is followed every way.
 */
import { pairwise } from '../pairwise.ts'
import type { PairwiseMatrix } from '../pairwise.ts'
import type { Profile } from '../profile.ts'
import { compare, rational } from '../rational.ts'
import type { Rational } from '../rational.ts'
import { levelsOf } from '../rule.ts'
import type { Count, CountHelp, Rule } from '../rule.ts'
import { plurality } from './plurality.ts'

export const twoRound: Rule = {
  name: 'two-round',
  aliases: ['top-two-runoff', 'top-two'],
  title: 'Two rounds',
  ballot: 'ranked',
  accepts: ['ranked', 'single'],
  unit: 'votes',
  method: [
    'Each ballot gives its weight to its first choice; candidates tied on the first level share it equally.',
    'Who has more than half of all votes wins; else the two with the most go to a second round, and whom more weight of ballots puts above the other wins it.',
    'A tie for a place in the second round that the tie chain leaves open is followed every way; a level second round is a tie.',
  ],
  count,
}

function count(profile: Profile, help: CountHelp): Count {
  const { ranking, scores = [] } = plurality.count(profile, help)
  const half = rational(profile.weight.num, 2n * profile.weight.den)
  const first = ranking[0] as readonly number[]
  const matrix = pairwise(profile)
  if (first.length === 1 && compare(scores[first[0] as number] as Rational, half) > 0)
    return {
      ranking,
      scores,
      matrix,
      notes: [`${profile.candidates[first[0] as number]} has more than half of the votes.`],
    }
  const pairs = finalists(ranking, help, 'a place in the second round')
  const winners = new Set(pairs.flatMap(([a, b]) => duel(matrix, a, b)))
  const inFinal = new Set(pairs.flat())
  // Winners of some second round, then those who reached one, then the others; inside both latter by their first votes.
  const group = (candidate: number) => (winners.has(candidate) ? 0 : inFinal.has(candidate) ? 1 : 2)
  const byVotes = (a: number, b: number) => compare(scores[b] as Rational, scores[a] as Rational)
  return {
    ranking: levelsOf(scores.length, (a, b) => group(a) - group(b) || (group(a) === 0 ? 0 : byVotes(a, b))),
    scores,
    matrix,
    notes: pairs.map((pair) => secondRound(profile, pair, duel(matrix, ...pair))),
  }
}

export type Pair = readonly [number, number]

/** The pairs that may meet when the two best of these levels do; `place` is what a tie is for. Two candidates or more. */
export function finalists([first = [], second = []]: Count['ranking'], help: CountHelp, place: string): Pair[] {
  if (first.length === 1) {
    const [one] = first as [number]
    const others = second.length > 1 ? help.settle(second, 'best', place) : second
    return others.map((other) => [one, other])
  }
  if (first.length === 2) return [[first[0] as number, first[1] as number]]
  const best = help.settle(first, 'best', place)
  if (best.length > 1) return best.flatMap((a, at) => best.slice(at + 1).map((b): Pair => [a, b]))
  const rest = first.filter((candidate) => candidate !== best[0])
  const next = rest.length > 1 ? help.settle(rest, 'best', place) : rest
  return next.map((other) => [best[0] as number, other])
}

function duel(matrix: PairwiseMatrix, a: number, b: number): readonly number[] {
  const order = compare(matrix[a]?.[b] as Rational, matrix[b]?.[a] as Rational)
  return order > 0 ? [a] : order < 0 ? [b] : [a, b]
}

function secondRound({ candidates }: Profile, [a, b]: Pair, won: readonly number[]): string {
  const start = `Second round between ${candidates[a]} and ${candidates[b]}`
  return won.length === 1 ? `${start}: ${candidates[won[0] as number]} wins it.` : `${start}: it is level.`
}
