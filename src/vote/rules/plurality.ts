/**
 * Plurality: the most first preferences win. Of a ranking only the first level counts; unlike approval, candidates tied on
 * it share the weight of the ballot instead of each having all of it.
 */
import type { Profile } from '../profile.ts'
import { rankByScore } from '../rule.ts'
import type { Count, Rule } from '../rule.ts'
import { SharedSums } from '../sums.ts'

export const plurality: Rule = {
  name: 'plurality',
  aliases: ['first-past-the-post', 'fptp'],
  title: 'Plurality',
  ballot: 'single',
  accepts: ['single', 'ranked'],
  unit: 'votes',
  method: [
    'Each ballot gives its weight to its first choice; candidates tied on the first level share it equally.',
    'The most votes win.',
  ],
  count,
}

function count(profile: Profile): Count {
  const sums = new SharedSums(profile.candidates.length)
  for (const { levels, units } of profile.ballots) {
    const first = levels[0] ?? []
    for (const candidate of first) sums.add(candidate, units, first.length)
  }
  const scores = profile.candidates.map((_, at) => sums.total(at, profile.scale))
  return { ranking: rankByScore(scores), scores }
}
