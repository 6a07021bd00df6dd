/**
 * The grades of an extractive participant: its scores of the options, from -1 to 1, put on the scale that the rule asks for. Unlike
 * a ranking a grade also says how far apart two options are, which a count of cues can only hint at. Arithmetic; the one draw, for a
 * point that cannot be shared, is told.
 *
 * - A plain scale: its middle is a score of 0, its ends are -1 and 1, in whole grades.
 * - Approval and disapproval, -1 to 1: the sign of the score.
 * - Points to share out: in proportion to the scores above 0; what does not divide goes to the largest remainders.
 * - Credits for votes: each option gets the part of them that its score is of all, for or against, and buys whole votes.
 */
import type { Random } from '../base/random.ts'
import type { Grading } from '../vote/grading.ts'

export interface ScoredOption {
  readonly option: string
  readonly score: number
}

export interface ExtractiveGrades {
  /** Undefined where the scores tell nothing apart: then it abstains. */
  readonly grades?: Readonly<Record<string, number>>
  /** A sentence on how they came about, with a space before it. */
  readonly told: string
}

export function gradesFrom(scored: readonly ScoredOption[], scale: Grading, random: Random): ExtractiveGrades {
  if (new Set(scored.map(({ score }) => score)).size < 2 && scored.length > 1)
    return { told: ' The evidence does not tell the options apart, so no grades are given.' }
  if (scale.sum !== undefined) return shared(scored, scale.sum, random)
  if (scale.squaresMax !== undefined) return bought(scored, scale.squaresMax)
  const { min, max } = scale
  const signs = min === -1 && max === 1
  const grade = (score: number) =>
    signs ? Math.sign(score) : min + Math.round(((Math.max(-1, Math.min(1, score)) + 1) / 2) * (max - min))
  return graded(scored, (each) => grade(each.score), ` Grades from ${min} to ${max} by score.`)
}

/** All points, in proportion to what is above 0, or to the distance from the worst where nothing is. */
function shared(scored: readonly ScoredOption[], points: number, random: Random): ExtractiveGrades {
  const worst = Math.min(...scored.map(({ score }) => score))
  const isFavoured = scored.some(({ score }) => score > 0)
  const parts = scored.map(({ score }) => Math.round(1000 * (isFavoured ? Math.max(score, 0) : score - worst)))
  const all = parts.reduce((sum, part) => sum + part, 0)
  const whole = parts.map((part) => Math.floor((part * points) / all))
  const left = points - whole.reduce((sum, each) => sum + each, 0)
  const remainders = parts.map((part, at) => part * points - whole[at]! * all)
  // Equal remainders are put in order by lot, so that the order of the options gives nobody a point.
  const order = random.shuffle(parts.map((_, at) => at)).sort((a, b) => remainders[b]! - remainders[a]!)
  const lucky = new Set(order.slice(0, left))
  const byLot = left > 0 && remainders[order[left - 1]!] === remainders[order[left] ?? -1]
  return graded(
    scored,
    (_, at) => whole[at]! + (lucky.has(at) ? 1 : 0),
    ` The ${points} points are shared in proportion${byLot ? '; a point that could not be was drawn by lot' : ''}.`,
  )
}

function bought(scored: readonly ScoredOption[], credits: number): ExtractiveGrades {
  const all = scored.reduce((sum, { score }) => sum + Math.abs(score), 0)
  const votes = (score: number) => Math.sign(score) * Math.floor(Math.sqrt((credits * Math.abs(score)) / all))
  return graded(scored, ({ score }) => votes(score), ` Of ${credits} credits each option has its part by score.`)
}

function graded(
  scored: readonly ScoredOption[],
  grade: (each: ScoredOption, at: number) => number,
  told: string,
): ExtractiveGrades {
  // Adding 0 makes of minus zero a zero.
  return { grades: Object.fromEntries(scored.map((each, at) => [each.option, grade(each, at) + 0])), told }
}
