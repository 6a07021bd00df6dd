/**
 * Tideman's approximation of Dodgson's rule: the margins by which a candidate is beaten are summed, and the least sum wins
 * (Tideman, "Independence of clones as a criterion for voting rules", 1987). Unlike Dodgson's own rule, which counts the
 * swaps on ballots that would mend the defeats, it needs the pairwise matrix alone and is quick.
 */
import { pairwise, pairwiseKinds, pairwiseMethod } from '../pairwise.ts'
import type { Profile } from '../profile.ts'
import { add, compare, subtract, toText, zero } from '../rational.ts'
import type { Rational } from '../rational.ts'
import { levelsOf } from '../rule.ts'
import type { Count, Rule } from '../rule.ts'

export const dodgsonTideman: Rule = {
  name: 'dodgson-tideman',
  title: "Dodgson (Tideman's approximation)",
  ballot: 'ranked',
  accepts: pairwiseKinds,
  unit: 'votes',
  method: [pairwiseMethod, 'For each candidate the margins of all its defeats are summed; the least sum wins.'],
  count,
}

function count(profile: Profile): Count {
  const matrix = pairwise(profile)
  const sums = matrix.map((row, candidate) =>
    row.reduce((sum, won, other) => {
      if (other === candidate) return sum
      const margin = subtract(matrix[other]?.[candidate] as Rational, won)
      return margin.num > 0n ? add(sum, margin) : sum
    }, zero),
  )
  return {
    ranking: levelsOf(sums.length, (a, b) => compare(sums[a] as Rational, sums[b] as Rational)),
    matrix,
    notes: sums.map((sum, at) => `The margins of the defeats of ${profile.candidates[at]} sum to ${toText(sum)}.`),
  }
}
