/**
 * Smith set: the smallest set whose members beat everybody outside it (Smith, 1973; Schwartz, "The Logic of Collective
 * Choice", 1986). Unlike the Condorcet winner it always exists; with more than one member it is a tie that a chain may break.
 */
import { dominanceSets } from '../dominance.ts'
import { pairwise, pairwiseKinds, pairwiseMethod } from '../pairwise.ts'
import type { Profile } from '../profile.ts'
import type { Count, Rule } from '../rule.ts'

export const smithSet: Rule = {
  name: 'smith-set',
  aliases: ['smith'],
  title: 'Smith set',
  ballot: 'ranked',
  accepts: pairwiseKinds,
  unit: 'votes',
  method: [
    pairwiseMethod,
    'The smallest set whose members beat everybody outside it wins; behind it stands the smallest such set of the others, and so on.',
  ],
  count,
}

function count(profile: Profile): Count {
  const matrix = pairwise(profile)
  return { ranking: dominanceSets(matrix), matrix }
}
