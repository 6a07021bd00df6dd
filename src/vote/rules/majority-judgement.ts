/**
 * Majority judgement: the highest majority grade wins, which is the lower median; of equal ones a ballot with that grade is
 * taken off each and the next majority grades are compared, again and again (Balinski and Laraki, "A theory of measuring,
 * electing, and ranking", 2007). Unlike the score by median only candidates with the very same grades stay tied. Who is not
 * graded has the lowest grade, as its authors demand, also under `no-opinion`: else the grades would not be comparable.
 */
import { gradeSums, gradeValue } from '../grade-sums.ts'
import type { GradeSums } from '../grade-sums.ts'
import type { Grading } from '../grading.ts'
import type { Profile } from '../profile.ts'
import { toText } from '../rational.ts'
import { levelsOf } from '../rule.ts'
import type { Count, Rule } from '../rule.ts'
import { gradesText, scaleOf } from './score.ts'
import type { ScaleOptions } from './score.ts'

export function majorityJudgement(options: ScaleOptions = {}): Rule {
  const grading = scaleOf(options)
  return {
    name: 'majority-judgement',
    aliases: ['majority-judgment'],
    title: 'Majority judgement',
    ballot: 'grades',
    accepts: ['grades'],
    grading,
    unit: 'grades',
    method: [
      `A ballot gives candidates grades from ${grading.min} to ${grading.max}; who has none on it has ${grading.min}.`,
      'All grades of a candidate are put in order by weight; its majority grade is the middle one, of two the lower. The highest majority grade wins.',
      'Of those with equal ones a smallest part with that grade is taken off each and the majority grades are compared anew, until they differ or none are left.',
    ],
    count: (profile) => count(profile, grading),
  }
}

function count(profile: Profile, grading: Grading): Count {
  const sums = gradeSums({ ...profile, unranked: 'tied-last' }, grading)
  const sequences = sums.map(majorityGrades)
  const ranking = levelsOf(sums.length, (a, b) =>
    compareGrades(sequences[b] as readonly GradeRun[], sequences[a] as readonly GradeRun[]),
  )
  const notes = profile.candidates.map((name, at) => {
    const [first] = sequences[at] as readonly GradeRun[]
    const text = gradesText(sums[at] as GradeSums, profile.scale)
    return `${name}: ${text}; majority grade ${first ? toText(gradeValue(first.low)) : 'none'}.`
  })
  return { ranking, notes }
}

/**
 * From the middle outwards: for this many steps the lower side has one grade and the upper one the other. A step takes the
 * lower median, which is on the lower side, and then what has become the lower median, on the upper side.
 */
interface GradeRun {
  readonly low: number
  readonly high: number
  readonly steps: bigint
}

/**
 * The majority grades in the order in which they are taken off. Units are doubled, so that the middle is between two and the
 * two sides are equally long; that changes no comparison, since each grade then comes twice in its place.
 */
function majorityGrades(sums: GradeSums): GradeRun[] {
  const side = sums.reduce((sum, [, units]) => sum + units, 0n)
  const low = outward(sums.toReversed(), side)
  const high = outward(sums, side)
  const runs: GradeRun[] = []
  for (let [at, other, left] = [0, 0, side]; left > 0n;) {
    const [below, above] = [low[at] as Side, high[other] as Side]
    const steps = below.left < above.left ? below.left : above.left
    runs.push({ low: below.grade, high: above.grade, steps })
    below.left -= steps
    above.left -= steps
    if (below.left === 0n) at++
    if (above.left === 0n) other++
    left -= steps
  }
  return runs
}

interface Side {
  readonly grade: number
  left: bigint
}

/** One half of the doubled weight, from the middle outwards; `sums` run from the far end of the other half. */
function outward(sums: GradeSums, side: bigint): Side[] {
  let skip = side
  const half: Side[] = []
  for (const [grade, units] of sums) {
    const doubled = 2n * units
    const left = doubled > skip ? doubled - skip : 0n
    skip -= doubled - left
    if (left > 0n) half.push({ grade, left })
  }
  return half
}

function compareGrades(a: readonly GradeRun[], b: readonly GradeRun[]): number {
  let [at, other, mine, theirs] = [0, 0, 0n, 0n]
  while (at < a.length && other < b.length) {
    const [one, two] = [a[at] as GradeRun, b[other] as GradeRun]
    if (one.low !== two.low) return one.low - two.low
    if (one.high !== two.high) return one.high - two.high
    const steps = one.steps - mine < two.steps - theirs ? one.steps - mine : two.steps - theirs
    mine += steps
    theirs += steps
    if (mine === one.steps) [at, mine] = [at + 1, 0n]
    if (theirs === two.steps) [other, theirs] = [other + 1, 0n]
  }
  return 0
}
