/**
 * Instant runoff: each ballot counts for its best candidate still in; until one has more than half of the weight that still
 * counts, the last one leaves. Unlike plurality no vote is lost while its ballot ranks somebody who is left. (Ware,
 * "Application of the Droop quota", 1871, for one seat). Ties for the last place are those of `runoff.ts`.
 */
import type { Profile } from '../profile.ts'
import { compare } from '../rational.ts'
import type { Rational } from '../rational.ts'
import type { Rule } from '../rule.ts'
import { countRunoff } from '../runoff.ts'
import type { RunoffRound, RunoffRule } from '../runoff.ts'

export const instantRunoff: Rule = {
  name: 'instant-runoff',
  aliases: ['irv', 'ranked-choice'],
  title: 'Instant runoff',
  ballot: 'ranked',
  accepts: ['ranked', 'single'],
  unit: 'votes',
  method: [
    'Each ballot counts for its best candidate still in; several tied there share it equally; a ballot that ranks nobody still in is exhausted.',
    'Who has more than half of the weight that still counts wins; else the one with the least leaves, and it is counted again.',
    'All whom no ballot counts for leave together. A tie for the least that the tie chain leaves open is followed every way.',
    'Behind the winner stand those still in by their votes in the last round, then the others in reverse order of leaving.',
  ],
  count: (profile, help) => countRunoff(profile, leastFirst, help),
}

const leastFirst: RunoffRule = { name: 'instant-runoff', tieFor: 'the last place', leaving }

function leaving(_profile: Profile, { inside, votes }: RunoffRound): readonly number[] {
  let least = votes[inside[0] as number] as Rational
  for (const candidate of inside)
    if (compare(votes[candidate] as Rational, least) < 0) least = votes[candidate] as Rational
  return inside.filter((candidate) => compare(votes[candidate] as Rational, least) === 0)
}
