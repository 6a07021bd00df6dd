/**
 * Grade sums: for each candidate how much weight gave it which grade. The ground of every rule that counts grades; it ranks
 * nobody itself. A candidate whom a ballot does not grade has the grade that the rule states for that under `tied-last`, and
 * no part in that ballot under `no-opinion`.
 */
import { gradeScale } from './grading.ts'
import type { Grading } from './grading.ts'
import type { Profile } from './profile.ts'
import { rational } from './rational.ts'
import type { Rational } from './rational.ts'
import type { Units } from './sums.ts'

/** Weight in units by grade in millionths, the lowest grade first; no grade without weight. */
export type GradeSums = readonly (readonly [grade: number, units: bigint])[]

/** Below this two units still add up to an exact double. */
const smallMax = 2 ** 52

export function gradeSums(profile: Profile, grading: Grading): GradeSums[] {
  const sums = profile.candidates.map(() => new Map<number, Units>())
  for (const { levels, grades = [], units } of profile.ballots)
    for (const [at, level] of levels.entries())
      for (const candidate of level) put(sums[candidate] as Map<number, Units>, grades[at] ?? 0, units)
  const { weight, scale } = profile
  const all = (weight.num * scale) / weight.den
  return sums.map((byGrade) => {
    const given = [...byGrade].reduce((sum, [, units]) => sum + BigInt(units), 0n)
    if (profile.unranked === 'tied-last' && given < all) put(byGrade, ungradedOf(grading), all - given)
    return [...byGrade]
      .map(([grade, units]) => [grade, BigInt(units)] as const)
      .filter(([, units]) => units > 0n)
      .sort(([a], [b]) => a - b)
  })
}

/** The grade in millionths of who is not graded. */
export function ungradedOf({ min, ungraded = min }: Grading): number {
  return ungraded * gradeScale
}

function put(byGrade: Map<number, Units>, grade: number, units: Units): void {
  const sum = byGrade.get(grade) ?? 0
  const small = typeof sum === 'number' && typeof units === 'number' && sum + units < smallMax
  byGrade.set(grade, small ? sum + units : BigInt(sum) + BigInt(units))
}

/** Sum of weight times grade. */
export function sumOfGrades(sums: GradeSums, scale: bigint): Rational {
  const total = sums.reduce((sum, [grade, units]) => sum + BigInt(grade) * units, 0n)
  return rational(total, scale * BigInt(gradeScale))
}

/** The grade in the middle of the weight; of two in the middle the lower. Undefined without any weight. */
export function lowerMedian(sums: GradeSums): number | undefined {
  const all = sums.reduce((sum, [, units]) => sum + units, 0n)
  let below = 0n
  for (const [grade, units] of sums) {
    below += units
    if (2n * below >= all) return grade
  }
  return undefined
}

export function gradeValue(grade: number): Rational {
  return rational(grade, gradeScale)
}
