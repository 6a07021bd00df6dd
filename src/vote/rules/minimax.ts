/**
 * Minimax: the candidate whose worst pairwise defeat is the smallest wins (Simpson, "On defining areas of voter choice",
 * 1969; Kramer, "A dynamical model of political equilibrium", 1977). Unlike Schulze's rule it looks at single defeats, not
 * at paths, so it can elect outside the Smith set. A family with one parameter: what a defeat is measured by.
 */
import { pairwise, pairwiseKinds, pairwiseMethod } from '../pairwise.ts'
import type { PairwiseMatrix } from '../pairwise.ts'
import type { Profile } from '../profile.ts'
import { compare, subtract, toText, zero } from '../rational.ts'
import type { Rational } from '../rational.ts'
import { levelsOf } from '../rule.ts'
import type { Count, Rule } from '../rule.ts'

/**
 * `winning`: the weight for the winner of the defeat; `margins`: that less the weight for the loser; `opposition`: the
 * weight of the ballots that put the other above, whether that was a defeat or not.
 */
export type DefeatMeasure = 'winning' | 'margins' | 'opposition'

const titles = { winning: 'winning votes', margins: 'margins', opposition: 'pairwise opposition' } as const

const measures = {
  winning: 'A defeat is as large as the weight of the ballots that put the other above; who is not beaten has none.',
  margins:
    'A defeat is as large as the weight for the other less the weight for the candidate; who is not beaten has none.',
  opposition:
    'Against each other candidate, the weight of the ballots that put that other above is counted, lost or not.',
} as const

export function minimax(options: { readonly measure?: DefeatMeasure } = {}): Rule {
  const measure = options.measure ?? 'winning'
  return {
    name: measure === 'winning' ? 'minimax' : `minimax-${measure}`,
    aliases: measure === 'winning' ? ['minimax-winning', 'simpson'] : [],
    title: `Minimax (${titles[measure]})`,
    ballot: 'ranked',
    accepts: pairwiseKinds,
    unit: 'votes',
    method: [pairwiseMethod, measures[measure], 'Whose largest one is the smallest wins.'],
    count: (profile) => count(profile, measure),
  }
}

function count(profile: Profile, measure: DefeatMeasure): Count {
  const matrix = pairwise(profile)
  const worst = matrix.map((_, candidate) => worstOf(matrix, candidate, measure))
  const ranking = levelsOf(matrix.length, (a, b) => compare(worst[a]?.size ?? zero, worst[b]?.size ?? zero))
  const notes = worst.map(({ size, by }, at) => {
    const name = profile.candidates[at]
    const what = measure === 'opposition' ? 'largest opposition' : 'worst defeat'
    return by === undefined
      ? `${name} has no ${what}.`
      : `The ${what} of ${name} is ${toText(size)}, by ${profile.candidates[by]}.`
  })
  return { ranking, matrix, notes }
}

function worstOf(matrix: PairwiseMatrix, candidate: number, measure: DefeatMeasure): { size: Rational; by?: number } {
  let worst: { size: Rational; by?: number } = { size: zero }
  for (const [other, row] of matrix.entries()) {
    if (other === candidate) continue
    const against = row[candidate] as Rational
    const margin = subtract(against, matrix[candidate]?.[other] as Rational)
    if (measure !== 'opposition' && margin.num <= 0n) continue
    const size = measure === 'margins' ? margin : against
    if (compare(size, worst.size) > 0) worst = { size, by: other }
  }
  return worst
}
