/**
 * A rule from data: its name, or its name with the options of its family, `{ name: 'stv', seats: 2, quota: 'hare' }`. This is how
 * agendas, files and the command line say by what they count. Unlike `ruleNamed`, which finds a finished rule, it builds one; every
 * rule of the house can be named, and a slip is told with the name that was probably meant.
 */
import { InvalidArgument } from '../base/error.ts'
import { nearest } from '../base/nearest.ts'
import { UnknownRule } from './error.ts'
import { ruleNamed, rules } from './registry.ts'
import type { Rule } from './rule.ts'
import { equalShares } from './rules/equal-shares.ts'
import { majorityJudgement } from './rules/majority-judgement.ts'
import { meek } from './rules/meek.ts'
import { minimax } from './rules/minimax.ts'
import { pav } from './rules/pav.ts'
import { rankedPairs } from './rules/ranked-pairs.ts'
import { schulze } from './rules/schulze.ts'
import { cumulative, quadratic, score } from './rules/score.ts'
import { star } from './rules/star.ts'
import { stv } from './rules/stv.ts'
import { supermajority } from './rules/threshold.ts'

/** Plain JSON. A name alone, or with the options of its family; which those are, `ruleOptions` says. */
export type RuleSpec = string | ({ readonly name: string } & Readonly<Record<string, unknown>>)

interface Family {
  /** Each option with what it takes, for people. */
  readonly options: Readonly<Record<string, string>>
  readonly needs?: 'seats'
  readonly make: (options: never) => Rule
}

const scale = { min: 'the lowest grade, a whole number (0)', max: 'the highest grade, a whole number (5)' }
const seats = 'seats to fill, 1 or more'
const link = 'winning, margins or ratio'

/** The families whose rules have options, by the name of the family. */
const families: Readonly<Record<string, Family>> = {
  schulze: { options: { strength: link }, make: schulze },
  'ranked-pairs': { options: { strength: link }, make: rankedPairs },
  minimax: { options: { measure: 'winning, margins or opposition' }, make: minimax },
  supermajority: { options: { share: "more than 1/2, at most 1, such as '2/3'" }, make: supermajority },
  score: { options: { ...scale, by: 'sum, mean or median' }, make: score },
  star: { options: scale, make: star },
  'majority-judgement': { options: scale, make: majorityJudgement },
  cumulative: { options: { points: 'points that each ballot shares out (10)' }, make: cumulative },
  quadratic: { options: { credits: 'credits that each ballot may spend (100)' }, make: quadratic },
  stv: {
    options: {
      seats,
      quota: 'droop, hare, hagenbach-bischoff or imperiali',
      digits: 'decimals of the worth of a moved ballot (exact)',
    },
    needs: 'seats',
    make: stv,
  },
  meek: { options: { seats, digits: 'decimals of every number (9)' }, needs: 'seats', make: meek },
  pav: { options: { seats }, needs: 'seats', make: pav },
  'equal-shares': {
    options: { seats, completion: 'phragmen, approvals or none' },
    needs: 'seats',
    make: equalShares,
  },
}

const aliases: Readonly<Record<string, string>> = {
  tideman: 'ranked-pairs',
  beatpath: 'schulze',
  range: 'score',
  'majority-judgment': 'majority-judgement',
  'single-transferable-vote': 'stv',
  'proportional-approval': 'pav',
  mes: 'equal-shares',
  'rule-x': 'equal-shares',
}

/** Names that `ruleFrom` takes, families for several seats included. */
export const ruleNames: readonly string[] = [
  ...new Set([...rules.map((rule) => rule.name), ...Object.keys(families)]),
].sort()

/** The options of the family of that name, each with what it takes; empty for a rule without any. */
export function ruleOptions(name: string): Readonly<Record<string, string>> {
  return familyOf(normal(name))?.[1].options ?? {}
}

/**
 * The rule that the name and its options say. Throws `vote.unknown_rule` with the nearest name; `base.invalid_argument` for an
 * option that the rule has not, that is missing or that is out of its range, with the field it is in.
 */
export function ruleFrom(spec: RuleSpec, among: readonly Rule[] = rules): Rule {
  const { name, ...options } = checkSpec(typeof spec === 'string' ? { name: spec } : spec)
  const wanted = normal(name)
  const known = familyOf(wanted)
  const isBare = Object.keys(options).length === 0
  // A rule of the caller's own goes first; and a name that says its variant, such as schulze-margins, is one of the list.
  if (isBare && !known?.[1].needs) return found(name, among)
  if (!known) {
    const rule = found(name, among)
    throw new InvalidArgument(Object.keys(options)[0] ?? 'name', `is no option of ${rule.name}, which has none`)
  }
  const [familyName, family] = known
  const takes = Object.keys(family.options)
  const slip = Object.keys(options).find((key) => !takes.includes(key))
  if (slip !== undefined) {
    const meant = nearest(slip, takes)
    const mend = meant === undefined ? `it takes ${takes.join(', ')}` : `did you mean ${meant}?`
    throw new InvalidArgument(slip.slice(0, 40), `is no option of ${familyName}; ${mend}`)
  }
  if (family.needs && options[family.needs] === undefined)
    throw new InvalidArgument(
      family.needs,
      `is missing; write { name: ${familyName}, ${family.needs}: 2 }, ${family.options[family.needs]}`,
    )
  return family.make(checkValues(options, family) as never)
}

/**
 * The spec in the one form in which it is kept: a rule of the list by its own name, a family with its options under the name of the
 * family. Throws as `ruleFrom` does.
 */
export function ruleSpec(spec: RuleSpec): RuleSpec {
  const rule = ruleFrom(spec)
  if (typeof spec === 'string' || Object.keys(spec).length === 1) return rule.name
  const { name, ...options } = spec
  return { name: familyOf(normal(name))?.[0] ?? rule.name, ...options }
}

function found(name: string, among: readonly Rule[]): Rule {
  try {
    return ruleNamed(name, among)
  } catch (error) {
    if (!(error instanceof UnknownRule)) throw error
    throw new UnknownRule(name, [...new Set([...error.known, ...ruleNames])], nearest(normal(name), ruleNames))
  }
}

function familyOf(name: string): readonly [string, Family] | undefined {
  const family = aliases[name] ?? name
  return Object.hasOwn(families, family) ? [family, families[family] as Family] : undefined
}

function checkSpec(spec: unknown): { name: string } & Record<string, unknown> {
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec))
    throw new InvalidArgument('rule', 'must be a name, or a map of a name and options, such as { name: stv, seats: 2 }')
  const { name, ...options } = spec as Record<string, unknown>
  if (typeof name !== 'string')
    throw new InvalidArgument('name', 'is missing; write the name of a voting rule, such as schulze')
  return { name, ...options }
}

/** Words for words: a number where a word belongs would else be told by whatever it breaks first. */
function checkValues(options: Readonly<Record<string, unknown>>, family: Family): Readonly<Record<string, unknown>> {
  for (const [key, value] of Object.entries(options)) {
    const words = /^[a-z-]+(?:, [a-z-]+)* or [a-z-]+$/.exec(family.options[key] ?? '')?.[0].split(/, | or /)
    if (words && !words.includes(value as string)) {
      const meant = typeof value === 'string' ? nearest(value, words) : undefined
      throw new InvalidArgument(
        key,
        `must be ${family.options[key]}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
      )
    }
  }
  return options
}

function normal(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_]+/g, '-')
}

/**
 * Why this rule may refuse to count whatever ballots come, known before anybody is asked; undefined when it cannot, or when nobody can
 * know. `voters` is the most that will cast a ballot.
 */
export function ruleUnfit(rule: Rule, candidates: number, voters: number): string | undefined {
  if (rule.seats !== undefined && rule.seats > candidates)
    return `fills ${rule.seats} seats and there are ${candidates} candidates`
  const max = rule.candidatesMax?.(voters)
  if (!rule.bounded || max === undefined || candidates <= max) return undefined
  const mend = rule.seats !== undefined && rule.name.startsWith('stv') ? 'state its digits' : 'choose another rule'
  return `counts up to ${max} candidates exactly for certain, and there are ${candidates}; ${mend}`
}
