/**
 * Bucklin: the first levels of all ballots are counted, then the second ones are added, and so on until somebody has more
 * than half of the weight; the largest total in that round wins (used in Grand Junction, Colorado, from 1909). Unlike
 * instant runoff nobody leaves and nothing moves: lower levels are only added. Candidates on one level each get the whole
 * weight of the ballot, and who is not listed gets none.
 */
import type { Profile } from '../profile.ts'
import { compare, rational, zero } from '../rational.ts'
import type { Rational } from '../rational.ts'
import { rankByScore } from '../rule.ts'
import type { Count, CountRound, Rule } from '../rule.ts'
import { Sums } from '../sums.ts'

export const bucklin: Rule = {
  name: 'bucklin',
  title: 'Bucklin',
  ballot: 'ranked',
  accepts: ['ranked', 'approval', 'single'],
  unit: 'votes',
  method: [
    'In round k each ballot gives its whole weight to every candidate on its first k levels; unlisted candidates get none.',
    'In the first round in which somebody has more than half of the weight of all ballots, the largest total wins.',
    'When the last levels are counted and nobody has, the largest total wins all the same.',
  ],
  count,
}

function count(profile: Profile): Count {
  const sums = new Sums(profile.candidates.length)
  const half = rational(profile.weight.num, 2n * profile.weight.den)
  const rounds: CountRound[] = []
  for (let level = 0; ; level++) {
    let more = false
    for (const { levels, units } of profile.ballots) {
      if (levels.length > level + 1) more = true
      for (const candidate of levels[level] ?? []) sums.add(candidate, units)
    }
    const scores = profile.candidates.map((_, at) => rational(sums.total(at), profile.scale))
    const ranking = rankByScore(scores)
    const most = scores[ranking[0]?.[0] as number] as Rational
    const ends = compare(most, half) > 0 || !more
    rounds.push({
      number: level + 1,
      tallies: scores.map((weight, candidate) => ({ candidate, weight })),
      exhausted: zero,
      elected: ends ? (ranking[0] as number[]) : [],
      eliminated: [],
    })
    if (ends) return { ranking, scores, rounds }
  }
}
