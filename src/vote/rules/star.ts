/**
 * STAR (score, then automatic runoff): the two with the largest sums of grades meet, and the one with the higher grade on
 * more weight of ballots wins (Equal Vote Coalition, 2014). Unlike score voting a strong preference counts no more than a
 * weak one in the last step. A tie for a place among the two goes through the chain, and what it leaves open is followed
 * every way; a level runoff is a tie.
 */
import { gradeSums, sumOfGrades, ungradedOf } from '../grade-sums.ts'
import type { Grading } from '../grading.ts'
import type { Profile } from '../profile.ts'
import { compare, rational, toText } from '../rational.ts'
import type { Rational } from '../rational.ts'
import { levelsOf, rankByScore } from '../rule.ts'
import type { Count, CountHelp, Rule } from '../rule.ts'
import { Sums } from '../sums.ts'
import { finalists } from './two-round.ts'
import { scaleOf } from './score.ts'
import type { ScaleOptions } from './score.ts'

export function star(options: ScaleOptions = {}): Rule {
  const grading = scaleOf(options)
  return {
    name: 'star',
    title: 'STAR',
    ballot: 'grades',
    accepts: ['grades'],
    grading,
    unit: 'points',
    method: [
      `A ballot gives candidates grades from ${grading.min} to ${grading.max}; who has none on it has ${grading.min}, or under no-opinion no part in it.`,
      'The grades are summed, each times the weight of its ballot; the two with the largest sums meet in a runoff.',
      'There each ballot gives its weight to the one with the higher grade; the more weight wins, and a level runoff is a tie.',
    ],
    count: (profile, help) => count(profile, grading, help),
  }
}

function count(profile: Profile, grading: Grading, help: CountHelp): Count {
  const scores = gradeSums(profile, grading).map((each) => sumOfGrades(each, profile.scale))
  const byScore = rankByScore(scores)
  if (scores.length === 1) return { ranking: byScore, scores }
  const pairs = finalists(byScore, help, 'a place in the runoff')
  const winners = new Set<number>()
  const notes = pairs.map(([a, b]) => {
    const [forA, forB] = runoff(profile, grading, a, b)
    const order = compare(forA, forB)
    if (order >= 0) winners.add(a)
    if (order <= 0) winners.add(b)
    const [one, other] = [profile.candidates[a], profile.candidates[b]]
    return `Runoff: ${one} has the higher grade on a weight of ${toText(forA)}, ${other} on ${toText(forB)}.`
  })
  const inRunoff = new Set(pairs.flat())
  const group = (candidate: number) => (winners.has(candidate) ? 0 : inRunoff.has(candidate) ? 1 : 2)
  const bySum = (a: number, b: number) => compare(scores[b] as Rational, scores[a] as Rational)
  const ranking = levelsOf(scores.length, (a, b) => group(a) - group(b) || (group(a) === 0 ? 0 : bySum(a, b)))
  return { ranking, scores, notes }
}

/** The weight of the ballots that grade a above b, and b above a. */
function runoff(profile: Profile, grading: Grading, a: number, b: number): [Rational, Rational] {
  const sums = new Sums(2)
  const ungraded = profile.unranked === 'tied-last' ? ungradedOf(grading) : undefined
  for (const { levels, grades = [], units } of profile.ballots) {
    let mine = ungraded
    let theirs = ungraded
    for (const [at, level] of levels.entries()) {
      for (const candidate of level) {
        if (candidate === a) mine = grades[at]
        else if (candidate === b) theirs = grades[at]
      }
    }
    if (mine === undefined || theirs === undefined || mine === theirs) continue
    sums.add(mine > theirs ? 0 : 1, units)
  }
  return [rational(sums.total(0), profile.scale), rational(sums.total(1), profile.scale)]
}
