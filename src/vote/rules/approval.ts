/**
 * Approval: who is approved by most weight wins. Unlike plurality a ballot gives its whole weight to each candidate that it
 * names. A ranking is refused: where approval ends in it, only its voter could say.
 */
import type { Profile } from '../profile.ts'
import { rational } from '../rational.ts'
import { rankByScore } from '../rule.ts'
import type { Count, Rule } from '../rule.ts'
import { Sums } from '../sums.ts'

export const approval: Rule = {
  name: 'approval',
  title: 'Approval',
  ballot: 'approval',
  accepts: ['approval', 'single'],
  unit: 'approvals',
  method: ['Each ballot gives its whole weight to every candidate that it approves.', 'The most approvals win.'],
  count,
}

function count(profile: Profile): Count {
  const sums = new Sums(profile.candidates.length)
  for (const { levels, units } of profile.ballots)
    for (const level of levels) for (const candidate of level) sums.add(candidate, units)
  const scores = profile.candidates.map((_, at) => rational(sums.total(at), profile.scale))
  return { ranking: rankByScore(scores), scores }
}
