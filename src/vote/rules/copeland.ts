/**
 * Copeland: a pairwise win counts 1, a level pair 1/2, and the largest sum wins (Copeland, "A reasonable social welfare
 * function", 1951; with this value of a tie also Llull's rule). Unlike Schulze or minimax it does not ask how clear a win is.
 */
import { doubledWins } from '../dominance.ts'
import { pairwise, pairwiseKinds, pairwiseMethod } from '../pairwise.ts'
import type { Profile } from '../profile.ts'
import { rational } from '../rational.ts'
import { rankByScore } from '../rule.ts'
import type { Count, Rule } from '../rule.ts'

export const copeland: Rule = {
  name: 'copeland',
  aliases: ['llull'],
  title: 'Copeland',
  ballot: 'ranked',
  accepts: pairwiseKinds,
  unit: 'wins',
  method: [pairwiseMethod, 'A win counts 1 and a level pair 1/2 for each of the two; the largest sum wins.'],
  count,
}

function count(profile: Profile): Count {
  const matrix = pairwise(profile)
  const scores = doubledWins(matrix).map((doubled) => rational(doubled, 2))
  return { ranking: rankByScore(scores), scores, matrix }
}
