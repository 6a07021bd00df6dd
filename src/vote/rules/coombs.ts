/**
 * Coombs: until one candidate has a majority of first preferences, the one with the most last places leaves (Coombs, "A
 * Theory of Data", 1964). Unlike instant runoff it takes out whom most dislike, not whom fewest prefer. Ties for the most
 * last places are those of `runoff.ts`.
 *
 * A last place is the lowest level on which a ballot has somebody still in; several there share its weight. Under `tied-last`
 * the unlisted are that level as long as one of them is in and somebody above them is too; under `no-opinion` a ballot says
 * nothing of them. A ballot whose candidates still in stand on one level puts nobody last.
 */
import type { Profile } from '../profile.ts'
import { compare } from '../rational.ts'
import type { Rational } from '../rational.ts'
import type { Rule } from '../rule.ts'
import { countRunoff } from '../runoff.ts'
import type { RunoffRound, RunoffRule } from '../runoff.ts'
import { SharedSums } from '../sums.ts'

export const coombs: Rule = {
  name: 'coombs',
  title: 'Coombs',
  ballot: 'ranked',
  accepts: ['ranked'],
  unit: 'votes',
  method: [
    'Each ballot counts for its best candidate still in; several tied there share it equally; a ballot that ranks nobody still in is exhausted.',
    'Who has more than half of the weight that still counts wins; else the one with the most last places leaves, and it is counted again.',
    'A ballot gives a last place to the lowest of those still in; several tied there share it equally, and unlisted candidates are tied below all listed ones, or under no-opinion take no part.',
    'A tie for the most last places that the tie chain leaves open is followed every way.',
    'Behind the winner stand those still in by their votes in the last round, then the others in reverse order of leaving.',
  ],
  count: (profile, help) => countRunoff(profile, mostLast, help),
}

const mostLast: RunoffRule = { name: 'coombs', tieFor: 'the most last places', leaving }

function leaving(profile: Profile, { inside }: RunoffRound): readonly number[] {
  const isInside = new Uint8Array(profile.candidates.length)
  for (const candidate of inside) isInside[candidate] = 1
  const sums = new SharedSums(profile.candidates.length)
  for (const { levels, units } of profile.ballots) {
    const last = lastOf(levels, inside, isInside, profile.unranked === 'tied-last')
    for (const candidate of last) sums.add(candidate, units, last.length)
  }
  const lasts = inside.map((candidate) => sums.total(candidate, profile.scale))
  let most = lasts[0] as Rational
  for (const each of lasts) if (compare(each, most) > 0) most = each
  return inside.filter((_, at) => compare(lasts[at] as Rational, most) === 0)
}

/** Those still in on the lowest level of a ballot. */
function lastOf(
  levels: readonly (readonly number[])[],
  inside: readonly number[],
  isInside: Uint8Array,
  withUnlisted: boolean,
): readonly number[] {
  let all = 0
  for (const level of levels) all += level.length
  const lowest = levels.findLast((level) => level.some((candidate) => isInside[candidate] === 1))
  // Of a ballot that lists everybody, as most do, the level found says all.
  if (all === isInside.length && lowest?.length === 1) return inside.length === 1 ? [] : lowest
  let listed = 0
  for (const level of levels) for (const candidate of level) listed += isInside[candidate] as number
  if (listed === 0) return []
  if (withUnlisted && listed < inside.length) {
    const seen = new Set(levels.flat())
    return inside.filter((candidate) => !seen.has(candidate))
  }
  const last = lowest?.filter((candidate) => isInside[candidate] === 1) ?? []
  return last.length === listed ? [] : last
}
