/**
 * Grading: which grades a rule takes, and the check of one ballot against it. Unlike the counts of grades it adds nothing
 * up. Grades are whole millionths inside, so that their sums are exact and a hostile fraction cannot make them slow.
 */
import { parseRational, rational, toText } from './rational.ts'

export interface Grading {
  /** Lowest grade, from -1,000,000. */
  readonly min: number
  /** Highest grade, to 1,000,000. */
  readonly max: number
  /** Whole grades only. Default false. */
  readonly whole?: boolean
  /** What the grades of a ballot must sum to, as in cumulative voting. */
  readonly sum?: number
  /** What the squares of the grades of a ballot may sum to at most, as in quadratic voting. */
  readonly squaresMax?: number
  /** The grade of a candidate whom a ballot does not grade, under `tied-last`. Default `min`. */
  readonly ungraded?: number
}

/** Millionths in a grade of 1. */
export const gradeScale = 1_000_000
const gradeMax = 1_000_000

/** A grade in millionths; undefined when it is no number, is out of all bounds or has more than six decimals. */
export function gradeOf(value: unknown): number | undefined {
  if (typeof value !== 'number' || !(Math.abs(value) <= gradeMax)) return undefined
  // Minus zero is a different key in no map, yet a different value in a test for equality.
  if (Number.isInteger(value)) return value * gradeScale + 0
  const exact = parseRational(value)
  return exact && 1_000_000n % exact.den === 0n ? Number((exact.num * 1_000_000n) / exact.den) : undefined
}

/** Why a ballot's grades do not fit; undefined when they do. */
export function scaleReason(grading: Grading, graded: readonly { readonly grade: number }[]): string | undefined {
  const { min, max, whole, sum, squaresMax } = grading
  let total = 0n
  let squares = 0n
  // Most rules bound neither, and a sum that nobody asks for took as long as the rest of the count.
  const isSummed = sum !== undefined || squaresMax !== undefined
  for (const { grade } of graded) {
    if (grade < min * gradeScale || grade > max * gradeScale)
      return `the grade ${gradeText(grade)} is outside the scale from ${min} to ${max}`
    if (whole && grade % gradeScale !== 0) return `the grade ${gradeText(grade)} is not a whole number`
    if (!isSummed) continue
    total += BigInt(grade)
    squares += BigInt(grade) * BigInt(grade)
  }
  if (sum !== undefined && total !== BigInt(Math.round(sum * gradeScale)))
    return `its grades sum to ${gradeText(total)}; they must sum to ${sum}`
  if (squaresMax !== undefined && squares > BigInt(squaresMax) * 1_000_000_000_000n)
    return `the squares of its votes sum to ${toText(rational(squares, 1_000_000_000_000n))}; at most ${squaresMax} are allowed`
  return undefined
}

function gradeText(millionths: number | bigint): string {
  return toText(rational(millionths, 1_000_000n))
}
