/**
 * Borda: of n candidates the first place earns n-1 points, the next n-2, the last none; tied candidates share the mean of
 * their places. That is one point for each candidate put below and half for each tied, which also says what an unlisted
 * candidate earns: half a point for each other unlisted one under `tied-last`; nothing under `no-opinion`, where pairs with
 * an unlisted candidate give no points to either.
 */
import type { Profile } from '../profile.ts'
import { rational } from '../rational.ts'
import { rankByScore } from '../rule.ts'
import type { Count, Rule } from '../rule.ts'
import { Sums, timesUnits } from '../sums.ts'

export const borda: Rule = {
  name: 'borda',
  title: 'Borda',
  ballot: 'ranked',
  accepts: ['ranked', 'approval', 'single'],
  unit: 'points',
  method: [
    'On each ballot a candidate earns a point for every candidate below it and half a point for every other tied with it, times the weight.',
    'Unlisted candidates are tied below all listed ones, or under no-opinion take no part in that ballot.',
    'The most points win.',
  ],
  count,
}

function count(profile: Profile): Count {
  const size = profile.candidates.length
  const halfPoints = new Sums(size)
  const listedBy = new Int32Array(size)
  let number = 0
  for (const { levels, units } of profile.ballots) {
    number++
    let listed = 0
    for (const level of levels) listed += level.length
    const unlisted = profile.unranked === 'tied-last' ? size - listed : 0
    let below = listed + unlisted
    for (const level of levels) {
      below -= level.length
      const earned = timesUnits(units, 2 * below + level.length - 1)
      for (const candidate of level) {
        halfPoints.add(candidate, earned)
        listedBy[candidate] = number
      }
    }
    if (unlisted < 2) continue
    const earned = timesUnits(units, unlisted - 1)
    for (let at = 0; at < size; at++) if (listedBy[at] !== number) halfPoints.add(at, earned)
  }
  const scores = profile.candidates.map((_, at) => rational(halfPoints.total(at), 2n * profile.scale))
  return { ranking: rankByScore(scores), scores }
}
