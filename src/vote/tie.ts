/**
 * Tie-breaks: what a poll declares beforehand for the case of a tie. Unlike a rule a tie-break only orders those who are
 * tied, and may leave them tied; only a seeded lot never does. A chain is asked in order, and each step is recorded.
 */
import { InvalidArgument } from '../base/error.ts'
import { seededRandom } from '../base/random.ts'
import type { Random } from '../base/random.ts'
import type { BallotKind } from './ballot.ts'
import { TieUnfit, UnknownRule, UnknownTie } from './error.ts'
import type { Profile } from './profile.ts'
import { greatestCommonDivisor } from './rational.ts'
import type { Rational } from './rational.ts'
import { ruleNamed, rules } from './registry.ts'
import type { CountHelp, Rule } from './rule.ts'

export interface TieBreak {
  /** How it is written in a configuration: `borda`, `seeded:7`. */
  readonly name: string
  /** Kinds of ballots that it can read; absent when it reads none. */
  readonly accepts?: readonly BallotKind[]
  /** All candidates of the profile in levels, best first. Asked at most once in a tally. */
  order(profile: Profile, universesMax: number): readonly (readonly number[])[]
  /** Of a lot: the candidate whom it draws when each has this probability; they sum to 1. */
  draw?(profile: Profile, lottery: readonly Rational[]): number
}

/** Orders the tied as they stand in this rule's ranking of the whole election. */
export function by(rule: Rule | string): TieBreak {
  const asked = typeof rule === 'string' ? ruleNamed(rule) : rule
  return {
    name: asked.name,
    accepts: asked.accepts,
    order: (profile, universesMax) => asked.count(profile, withoutChain(universesMax)).ranking,
  }
}

/**
 * Draws lots: the seed shuffles the candidates, sorted by name first, so that the lot depends on the seed and on who stands,
 * not on the order in which they were given. One lot serves all ties of an election; the choice that a rule leaves to chance
 * is drawn by the probabilities that the rule gives, exactly.
 */
export function seeded(seed: number | string): TieBreak {
  return {
    name: `seeded:${seed}`,
    order({ candidates }) {
      const byName = candidates
        .map((_, at) => at)
        .sort((a, b) => ((candidates[a] ?? '') < (candidates[b] ?? '') ? -1 : 1))
      return seededRandom(seed)
        .shuffle(byName)
        .map((candidate) => [candidate])
    },
    draw({ candidates }, lottery) {
      const byName = candidates
        .map((_, at) => at)
        .sort((a, b) => ((candidates[a] ?? '') < (candidates[b] ?? '') ? -1 : 1))
      const shared = lottery.reduce((den, each) => (den / greatestCommonDivisor(den, each.den)) * each.den, 1n)
      let left = integerBelow(shared, seededRandom(seed).split('lottery'))
      for (const candidate of byName) {
        const { num, den } = lottery[candidate] as Rational
        left -= (num * shared) / den
        if (left < 0n) return candidate
      }
      throw new InvalidArgument('lottery', 'must be probabilities that sum to 1')
    },
  }
}

/** Uniform in [0, below), by drawing again while the number is too large. */
function integerBelow(below: bigint, random: Random): bigint {
  const words = Math.ceil(below.toString(2).length / 32)
  const limit = ((1n << BigInt(32 * words)) / below) * below
  for (;;) {
    let drawn = 0n
    for (let word = 0; word < words; word++) drawn = (drawn << 32n) | BigInt(random.uint32())
    if (drawn < limit) return drawn % below
  }
}

export interface TieText {
  /** For `seeded` without a seed of its own. */
  readonly seed?: number | string
  /** Default: the rules of the house. */
  readonly rules?: readonly Rule[]
}

/** Reads `borda`, `seeded:7` or, where a seed is given, `seeded`. Throws `vote.unknown_tie`. */
export function parseTie(text: string, options: TieText = {}): TieBreak {
  const among = options.rules ?? rules
  const known = [...among.map((rule) => rule.name), 'seeded:<seed>']
  const [head = '', ...rest] = text.trim().split(':')
  if (head.toLowerCase() === 'seeded') {
    const given = rest.join(':').trim()
    const seed = given === '' ? options.seed : seedOf(given)
    if (seed === undefined || (rest.length > 0 && given === ''))
      throw new UnknownTie(text, 'has no seed; write seeded:7, or give the poll a seed', known)
    return seeded(seed)
  }
  try {
    return by(ruleNamed(text, among))
  } catch (error) {
    if (error instanceof UnknownRule) throw new UnknownTie(text, 'names neither a rule nor a seeded lot', known)
    throw error
  }
}

/** A chain from its texts, in order; see `parseTie`. */
export function tieChain(texts: readonly string[], seed?: number | string, among: readonly Rule[] = rules): TieBreak[] {
  return texts.map((text) => parseTie(text, { rules: among, ...(seed !== undefined && { seed }) }))
}

function seedOf(text: string): number | string {
  const seed = Number(text)
  return /^-?\d+$/.test(text) && Number.isSafeInteger(seed) ? seed : text
}

/** The first tie-break that cannot read the kind of ballot that the rule asks for, as a typed error to throw or to show. */
export function unfitTie(rule: Rule, ties: readonly TieBreak[]): TieUnfit | undefined {
  return unfitFor([rule.ballot], ties)
}

export function unfitFor(kinds: Iterable<BallotKind>, ties: readonly TieBreak[]): TieUnfit | undefined {
  for (const kind of kinds)
    for (const { name, accepts } of ties)
      if (accepts && !accepts.includes(kind)) return new TieUnfit(name, kind, accepts)
  return undefined
}

/** A tie inside the tie-break itself stays open: its own chain would be the chain that it is a part of. */
function withoutChain(universesMax: number): CountHelp {
  return { settle: (tied) => tied, universesMax, parallelUniverses: false }
}
