/**
 * Score voting and its relatives that add grades up: score by sum, mean or median, dis-and-approval, cumulative and quadratic
 * voting. Unlike majority judgement a tie of medians stays a tie; unlike approval a ballot says how much. They differ in what
 * a ballot may hold and in what is taken of a candidate's grades.
 */
import { InvalidArgument } from '../../base/error.ts'
import { wholeNumber } from '../../base/limit.ts'
import { gradeSums, gradeValue, lowerMedian, sumOfGrades } from '../grade-sums.ts'
import type { GradeSums } from '../grade-sums.ts'
import type { Grading } from '../grading.ts'
import type { Profile } from '../profile.ts'
import { compare, rational, toText } from '../rational.ts'
import type { Rational } from '../rational.ts'
import { levelsOf, rankByScore } from '../rule.ts'
import type { Count, Rule } from '../rule.ts'

export interface ScaleOptions {
  /** Lowest grade, a whole number from -1,000,000. Default 0. */
  readonly min?: number
  /** Highest grade, a whole number above `min`, to 1,000,000. Default 5. */
  readonly max?: number
}

/** Grades of a scale of whole ends. Throws `base.invalid_argument` or `base.limit_exceeded`. */
export function scaleOf({ min = 0, max = 5 }: ScaleOptions): Grading {
  wholeNumber('min', min, -1_000_000)
  wholeNumber('max', max, -1_000_000)
  if (min >= max || max > 1_000_000) throw new InvalidArgument('max', `must be above ${min} and at most 1000000`)
  return { min, max }
}

const takes = {
  sum: 'The grades of a candidate are summed, each times the weight of its ballot; the largest sum wins.',
  mean: 'The mean of the grades of a candidate is taken, by weight; the largest mean wins.',
  median: 'The grade in the middle of the weight is taken, of two the lower; the highest wins.',
} as const

/** Range voting (Smith, "Range voting", 2000), by the sum, the mean or the lower median of the grades; default the sum. */
export function score(options: ScaleOptions & { readonly by?: 'sum' | 'mean' | 'median' } = {}): Rule {
  const by = options.by ?? 'sum'
  const grading = scaleOf(options)
  return {
    name: `score-${by}`,
    aliases: by === 'sum' ? ['score', 'range'] : [],
    title: `Score (${by})`,
    ballot: 'grades',
    accepts: ['grades'],
    grading,
    unit: by === 'sum' ? 'points' : 'grades',
    method: [
      `A ballot gives candidates grades from ${grading.min} to ${grading.max}; who has none on it has ${grading.min}, or under no-opinion no part in it.`,
      takes[by],
    ],
    count: (profile) => count(profile, grading, by),
  }
}

/** Grades 1, 0 and -1 (Hillinger, "The case for utilitarian voting", 2005, calls it evaluative voting). */
export const disAndApproval: Rule = {
  name: 'dis-and-approval',
  aliases: ['disapproval', 'combined-approval'],
  title: 'Approval and disapproval',
  ballot: 'grades',
  accepts: ['grades'],
  grading: { min: -1, max: 1, whole: true, ungraded: 0 },
  unit: 'points',
  method: ['A ballot approves with 1, disapproves with -1, and says nothing with 0 or no grade.', takes.sum],
  count: (profile) => count(profile, { min: -1, max: 1, ungraded: 0 }, 'sum'),
}

/** Each ballot shares out a stated number of points, all of them. `points`: a whole number from 1; default 10. */
export function cumulative(options: { readonly points?: number } = {}): Rule {
  const points = pointsOf('points', options.points ?? 10)
  const grading: Grading = { min: 0, max: points, sum: points }
  return {
    name: points === 10 ? 'cumulative' : `cumulative-${points}`,
    title: `Cumulative (${points} points)`,
    ballot: 'grades',
    accepts: ['grades'],
    grading,
    unit: 'points',
    method: [`A ballot shares out ${points} points, all of them; one that does not is refused.`, takes.sum],
    count: (profile) => count(profile, grading, 'sum'),
  }
}

/**
 * Quadratic voting (Lalley and Weyl, "Quadratic voting: how mechanism design can radicalize democracy", 2018): v votes for or
 * against a candidate cost v squared of the ballot's credits. `credits`: a whole number from 1; default 100.
 */
export function quadratic(options: { readonly credits?: number } = {}): Rule {
  const credits = pointsOf('credits', options.credits ?? 100)
  const grading: Grading = { min: -credits, max: credits, squaresMax: credits, ungraded: 0 }
  return {
    name: credits === 100 ? 'quadratic' : `quadratic-${credits}`,
    title: `Quadratic (${credits} credits)`,
    ballot: 'grades',
    accepts: ['grades'],
    grading,
    unit: 'votes',
    method: [
      `A ballot buys votes for candidates, or below zero against them; v votes cost v times v of its ${credits} credits, and one that spends more is refused.`,
      takes.sum,
    ],
    count: (profile) => count(profile, grading, 'sum'),
  }
}

function pointsOf(name: string, points: number): number {
  wholeNumber(name, points, 1)
  if (points > 1_000_000) throw new InvalidArgument(name, 'must be at most 1000000')
  return points
}

function count(profile: Profile, grading: Grading, by: 'sum' | 'mean' | 'median'): Count {
  const sums = gradeSums(profile, grading)
  const notes = profile.candidates.map((name, at) => `${name}: ${gradesText(sums[at] as GradeSums, profile.scale)}.`)
  if (by === 'sum') {
    const scores = sums.map((each) => sumOfGrades(each, profile.scale))
    return { ranking: rankByScore(scores), scores, notes }
  }
  const taken = sums.map((each) => (by === 'mean' ? meanOf(each) : medianOf(each)))
  // Whom nobody grades has no mean; it stands behind everybody who has one.
  const lowest = rational(grading.min - 1)
  const scores = taken.map((each) => each ?? lowest)
  const ranking = levelsOf(scores.length, (a, b) => compare(scores[b] as Rational, scores[a] as Rational))
  return taken.every((each) => each !== undefined) ? { ranking, scores, notes } : { ranking, notes }
}

function meanOf(sums: GradeSums): Rational | undefined {
  const all = sums.reduce((sum, [, units]) => sum + units, 0n)
  return all === 0n ? undefined : sumOfGrades(sums, all)
}

function medianOf(sums: GradeSums): Rational | undefined {
  const median = lowerMedian(sums)
  return median === undefined ? undefined : gradeValue(median)
}

/** `5 from 3, 2 from 1/2`: the grades, the highest first, each with its weight. */
export function gradesText(sums: GradeSums, scale: bigint): string {
  const shown = sums.toReversed().slice(0, 20)
  const parts = shown.map(([grade, units]) => `${toText(gradeValue(grade))} from ${toText(rational(units, scale))}`)
  if (parts.length === 0) return 'no grades'
  return `grades ${parts.join(', ')}${sums.length > shown.length ? ` and ${sums.length - shown.length} more` : ''}`
}
