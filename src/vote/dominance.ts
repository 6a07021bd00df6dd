/**
 * Dominance: the candidates in sets, each of whose members beats everybody in the later sets; the first is the Smith set
 * (Smith, "Aggregation of preferences with variable electorate", 1973). Unlike levels of a ranking, members of one set are
 * not tied: they stand in a cycle, or are level with one who does.
 */
import type { PairwiseMatrix } from './pairwise.ts'
import { compare } from './rational.ts'
import type { Rational } from './rational.ts'

/** Two for each win and one for each candidate level with it: Copeland's score, doubled to stay whole. */
export function doubledWins(matrix: PairwiseMatrix): number[] {
  return matrix.map((row, a) =>
    row.reduce((sum, won, b) => (a === b ? sum : sum + 1 + Math.sign(compare(won, matrix[b]?.[a] as Rational))), 0),
  )
}

/**
 * The finest sets, best first. A set whose members beat all outside holds the best by `doubledWins`, so only beginnings of
 * that order can be such sets; and one of k out of n is, exactly if it has all k(k-1) points that its inner pairs give and
 * two for each of its k(n-k) outer ones.
 */
export function dominanceSets(matrix: PairwiseMatrix): number[][] {
  const size = matrix.length
  const points = doubledWins(matrix)
  const order = points.map((_, at) => at).sort((a, b) => (points[b] as number) - (points[a] as number) || a - b)
  const sets: number[][] = []
  let open: number[] = []
  let sum = 0
  for (const [at, candidate] of order.entries()) {
    open.push(candidate)
    sum += points[candidate] as number
    const count = at + 1
    if (sum !== count * (count - 1) + 2 * count * (size - count)) continue
    sets.push(open.sort((a, b) => a - b))
    open = []
  }
  return sets
}
