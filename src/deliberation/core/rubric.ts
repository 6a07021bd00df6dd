/**
 * A rubric: what is judged and what each part of it is worth, and the check of a judgement against it. Sums are exact, so that
 * 0.1 and 0.2 make 0.3 and two sides with the same points are tied. Pure; it never guesses what a judge meant.
 */
import type { Criterion, Judgement } from '../judge.ts'
import { add, compare, multiply, one, parseRational, rational, zero } from '../../vote/rational.ts'
import type { Rational } from '../../vote/rational.ts'
import { DebateInvalid } from './debate-error.ts'

/** Criteria with their exact weights. */
export interface Rubric {
  readonly criteria: readonly Criterion[]
  /** Points of one criterion go from 0 to this. */
  readonly scoreMax: number
  readonly weights: ReadonlyMap<string, Rational>
}

/** Criteria by name with their weights, as in `{ evidence: 4, rebuttal: 4, clarity: 2 }`, or written out. */
export type RubricInput = Readonly<Record<string, number | string>> | readonly Criterion[]

/** Evidence and rebuttal at 4, coverage at 2: what plain code can measure as well. */
export const defaultRubric: readonly Criterion[] = [
  {
    name: 'evidence',
    description: 'claims rest on quotes that stand in their sources and bear on the motion',
    weight: 4,
  },
  { name: 'rebuttal', description: 'what the others said is taken up and answered', weight: 4 },
  { name: 'coverage', description: 'the parts of the motion are spoken to', weight: 2 },
]

const criteriaMax = 20
const nameMaxLength = 60

/** Throws `deliberation.debate_invalid` for no or too many criteria, a name twice, or a weight that is not above 0. */
export function readRubric(input: RubricInput, scoreMax: number): Rubric {
  const criteria: readonly Criterion[] = Array.isArray(input)
    ? (input as readonly Criterion[])
    : Object.entries(input).map(([name, weight]) => ({ name, weight: weight as number | string }))
  if (criteria.length === 0 || criteria.length > criteriaMax)
    throw new DebateInvalid(`a rubric has 1 to ${criteriaMax} criteria`)
  if (!Number.isSafeInteger(scoreMax) || scoreMax < 1 || scoreMax > 1000)
    throw new DebateInvalid('scoreMax is a whole number from 1 to 1000')
  const weights = new Map<string, Rational>()
  for (const { name, weight } of criteria) {
    if (typeof name !== 'string' || name.trim() === '' || name.length > nameMaxLength || weights.has(name))
      throw new DebateInvalid(`each criterion needs a name of its own, of 1 to ${nameMaxLength} characters`)
    const exact = typeof weight === 'number' || typeof weight === 'string' ? parseRational(weight) : undefined
    if (!exact || compare(exact, zero) <= 0)
      throw new DebateInvalid(`the weight of ${name} must be a number above 0; it is ${String(weight).slice(0, 40)}`)
    weights.set(name, exact)
  }
  return { criteria, scoreMax, weights }
}

/** Why a judgement does not fit, for its judge to read; undefined when it does. */
export function judgementProblem(judgement: Judgement, rubric: Rubric, labels: readonly string[]): string | undefined {
  if (typeof judgement !== 'object' || judgement === null) return 'no judgement was returned'
  if (judgement.abstain === true) return undefined
  if (judgement.scores !== undefined) return scoresProblem(judgement.scores, rubric, labels)
  if (judgement.ranking !== undefined) return rankingProblem(judgement.ranking, labels)
  return 'it holds neither scores nor a ranking'
}

function scoresProblem(scores: unknown, rubric: Rubric, labels: readonly string[]): string | undefined {
  if (!isMap(scores)) return 'scores is no map by label'
  const strange = Object.keys(scores).find((label) => !labels.includes(label))
  if (strange !== undefined) return `${JSON.stringify(strange.slice(0, 40))} is no side; there is ${labels.join(', ')}`
  for (const label of labels) {
    const points = Object.hasOwn(scores, label) ? scores[label] : undefined
    if (!isMap(points)) return `the scores of ${label} are missing`
    const unknown = Object.keys(points).find((name) => !rubric.weights.has(name))
    if (unknown !== undefined) return `${JSON.stringify(unknown.slice(0, 40))} is no criterion of the rubric`
    for (const { name } of rubric.criteria) {
      const score = Object.hasOwn(points, name) ? points[name] : undefined
      if (score === undefined) return `${label} has no score for ${name}`
      if (typeof score !== 'number' || !Number.isFinite(score)) return `the score of ${label} for ${name} is no number`
      if (score < 0 || score > rubric.scoreMax)
        return `the score of ${label} for ${name} is ${score}; it goes from 0 to ${rubric.scoreMax}`
      if (Math.round(score * 1e6) / 1e6 !== score) return `the score of ${label} for ${name} has more than six decimals`
    }
  }
  return undefined
}

function rankingProblem(ranking: unknown, labels: readonly string[]): string | undefined {
  if (!Array.isArray(ranking) || !ranking.every((level) => Array.isArray(level) && level.length > 0))
    return 'ranking is no list of levels'
  const named = ranking.flat() as unknown[]
  const strange = named.find((label) => typeof label !== 'string' || !labels.includes(label))
  if (strange !== undefined) return `${JSON.stringify(strange)?.slice(0, 40)} is no side; there is ${labels.join(', ')}`
  if (new Set(named).size !== named.length) return 'a side stands twice in the ranking'
  return named.length === labels.length ? undefined : 'not every side is in the ranking'
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The weighted mean of one side's points, exactly: from 0 to `scoreMax`. */
export function weightedScore(points: Readonly<Record<string, number>>, rubric: Rubric): Rational {
  let sum = zero
  let weight = zero
  for (const [name, worth] of rubric.weights) {
    sum = add(sum, multiply(worth, parseRational(points[name]!) ?? zero))
    weight = add(weight, worth)
  }
  return multiply(sum, rational(weight.den, weight.num))
}

/** Names best first, equal totals on one level; those of a level in the order given. */
export function levelsBy(totals: ReadonlyMap<string, Rational>): readonly (readonly string[])[] {
  const sorted = [...totals].sort(([, a], [, b]) => compare(b, a))
  const levels: string[][] = []
  let last: Rational | undefined
  for (const [name, total] of sorted) {
    if (last && compare(last, total) === 0) levels.at(-1)!.push(name)
    else levels.push([name])
    last = total
  }
  return levels
}

/** The mean of exact values; 0 of none. */
export function meanOf(values: readonly Rational[]): Rational {
  const sum = values.reduce(add, zero)
  return values.length === 0 ? zero : multiply(sum, rational(one.num, values.length))
}
