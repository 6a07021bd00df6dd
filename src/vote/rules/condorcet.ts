/**
 * Condorcet's criterion as rules of its own: who beats every other, or loses to every other, and nobody when there is no
 * such candidate (Condorcet, "Essai sur l'application de l'analyse à la probabilité des décisions", 1785). Unlike the Smith
 * set it may have no winner. `condorcetLoser` is a check of an election, not a way to choose, so it is not among the rules
 * that a poll can name.
 */
import { dominanceSets } from '../dominance.ts'
import { pairwise, pairwiseKinds, pairwiseMethod } from '../pairwise.ts'
import type { Profile } from '../profile.ts'
import type { Count, Rule } from '../rule.ts'

export const condorcetWinner: Rule = {
  name: 'condorcet-winner',
  aliases: ['condorcet'],
  title: 'Condorcet winner',
  ballot: 'ranked',
  accepts: pairwiseKinds,
  unit: 'votes',
  method: [pairwiseMethod, 'Who beats every other wins; when nobody does, nobody wins.'],
  count: (profile) => count(profile, 'first'),
}

export const condorcetLoser: Rule = {
  name: 'condorcet-loser',
  title: 'Condorcet loser',
  ballot: 'ranked',
  accepts: pairwiseKinds,
  unit: 'votes',
  method: [pairwiseMethod, 'Who loses to every other is named; when nobody does, nobody is.'],
  count: (profile) => count(profile, 'last'),
}

function count(profile: Profile, end: 'first' | 'last'): Count {
  const matrix = pairwise(profile)
  const sets = dominanceSets(matrix)
  const ranking = end === 'first' ? sets : sets.toReversed()
  return { ranking, matrix, ...(ranking[0]?.length !== 1 && { nobody: true }) }
}
