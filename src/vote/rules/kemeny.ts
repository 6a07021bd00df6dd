/**
 * Kemeny: the rankings on which the ballots agree most, pair by pair, are the best; who stands on top of one of them wins
 * (Kemeny, "Mathematics without numbers", 1959; Young and Levenglick, "A consistent extension of Condorcet's election
 * principle", 1978). Unlike the other pairwise rules it weighs whole rankings, which makes it exponential.
 *
 * Whoever is in a set all of whose members beat everybody outside stands above them in every best ranking, so each such set
 * is ranked by itself, by dynamic programming over its subsets; one of more than 16 candidates is `vote.too_large`.
 */
import { dominanceSets } from '../dominance.ts'
import { TooLarge } from '../error.ts'
import { pairwise, pairwiseKinds, pairwiseMethod } from '../pairwise.ts'
import type { PairwiseMatrix } from '../pairwise.ts'
import type { Profile } from '../profile.ts'
import { rational, toText } from '../rational.ts'
import { levelsOf } from '../rule.ts'
import type { Count, Rule } from '../rule.ts'

const cycleMax = 16

export const kemeny: Rule = {
  name: 'kemeny',
  aliases: ['kemeny-young'],
  title: 'Kemeny',
  ballot: 'ranked',
  accepts: pairwiseKinds,
  bounded: true,
  candidatesMax: () => cycleMax,
  unit: 'votes',
  method: [
    pairwiseMethod,
    'A ranking of all scores the sum, over all pairs, of the weight of the ballots that put the two as it does; the largest score is the best.',
    'Who stands on top of one of the best rankings wins; each candidate stands at the best place that it takes in any of them.',
  ],
  count,
}

function count(profile: Profile): Count {
  const matrix = pairwise(profile)
  const sets = dominanceSets(matrix)
  const size = profile.candidates.length
  const bestPlace = new Int32Array(size)
  const order: number[] = []
  let score = 0n
  for (const set of sets) {
    if (set.length > cycleMax)
      throw new TooLarge(
        'kemeny',
        'candidates in one cycle of pairwise wins',
        cycleMax,
        'choose schulze or ranked-pairs',
      )
    const units = unitsOf(matrix, set, profile.scale)
    const best = rankSet(units, set.length)
    for (const [at, candidate] of set.entries()) bestPlace[candidate] = order.length + (best.places[at] as number)
    order.push(...best.order.map((at) => set[at] as number))
    score += best.score
  }
  score += unitsBetween(matrix, sets, profile.scale)
  const names = order.map((candidate) => profile.candidates[candidate]).join(' > ')
  return {
    ranking: levelsOf(size, (a, b) => (bestPlace[a] as number) - (bestPlace[b] as number)),
    matrix,
    notes: [`The best score is ${toText(rational(score, profile.scale))}, that of ${names}.`],
  }
}

/** `units[a][b]` by places in the set: the weight of the ballots that put a above b, as whole units. */
function unitsOf(matrix: PairwiseMatrix, set: readonly number[], scale: bigint): bigint[][] {
  return set.map((a) =>
    set.map((b) => {
      const cell = matrix[a]?.[b]
      return cell ? (cell.num * scale) / cell.den : 0n
    }),
  )
}

/** What the pairs of different sets add to every best score. */
function unitsBetween(matrix: PairwiseMatrix, sets: readonly (readonly number[])[], scale: bigint): bigint {
  let sum = 0n
  const setOf = new Map(sets.flatMap((set, at) => set.map((candidate) => [candidate, at] as const)))
  for (const [a, row] of matrix.entries())
    for (const [b, { num, den }] of row.entries())
      if ((setOf.get(a) as number) < (setOf.get(b) as number)) sum += (num * scale) / den
  return sum
}

interface Best {
  readonly score: bigint
  /** The best place of each in any best ranking, from 0. */
  readonly places: readonly number[]
  /** One of the best rankings. */
  readonly order: readonly number[]
}

/** The best rankings of a few candidates, by the best scores of all their subsets. */
function rankSet(units: readonly (readonly bigint[])[], size: number): Best {
  const full = 2 ** size - 1
  /** Of each subset the best score of a ranking of it, and a bit for each who can stand on top of one. */
  const best: bigint[] = [0n]
  const tops = new Int32Array(full + 1)
  for (let subset = 1; subset <= full; subset++) {
    let most = -1n
    for (let top = 0; top < size; top++) {
      if ((subset & (1 << top)) === 0) continue
      const row = units[top] as readonly bigint[]
      let score = best[subset ^ (1 << top)] as bigint
      for (let below = subset ^ (1 << top); below !== 0; below &= below - 1)
        score += row[31 - Math.clz32(below & -below)] as bigint
      if (score > most) {
        most = score
        tops[subset] = 1 << top
      } else if (score === most) tops[subset] = (tops[subset] as number) | (1 << top)
    }
    best.push(most)
  }
  const places = Array.from({ length: size }, () => size)
  const order: number[] = []
  let level = new Set([full])
  for (let place = 0; place < size; place++) {
    const next = new Set<number>()
    for (const subset of level) {
      for (let top = 0; top < size; top++) {
        if (((tops[subset] as number) & (1 << top)) === 0) continue
        places[top] = Math.min(places[top] as number, place)
        next.add(subset ^ (1 << top))
      }
    }
    level = next
  }
  for (let subset = full; subset !== 0;) {
    const top = 31 - Math.clz32((tops[subset] as number) & -(tops[subset] as number))
    order.push(top)
    subset ^= 1 << top
  }
  return { score: best[full] as bigint, places, order }
}
