/**
 * Dodgson: who needs the fewest swaps of neighbours on ballots to beat every other pairwise wins (Dodgson, "A method of
 * taking votes on more than two issues", 1876; Bartholdi, Tovey and Trick, "Voting schemes for which it can be difficult to
 * tell who won the election", 1989, show that it is hard). Unlike Tideman's approximation it is exact, and so exponential:
 * past its bounds it is `vote.too_large`.
 *
 * A ballot of weight n is n ballots; with fractions of weight, the common denominator says how many. On ballots with ties
 * a candidate first leaves its level, one swap for each other candidate on it, and then passes whole levels, one swap for
 * each candidate on them; under `no-opinion` a ballot that does not list a candidate cannot raise it.
 */
import { TooLarge } from '../error.ts'
import { minimiseWhole } from '../integer-programme.ts'
import type { Demand } from '../integer-programme.ts'
import { pairwise } from '../pairwise.ts'
import type { PairwiseMatrix } from '../pairwise.ts'
import type { Profile } from '../profile.ts'
import { rational, subtract, toText } from '../rational.ts'
import type { Rational } from '../rational.ts'
import { levelsOf } from '../rule.ts'
import type { Count, Rule } from '../rule.ts'

/** Different ways to raise one candidate. */
const raisesMax = 400
const branchesMax = 2000

export const dodgson: Rule = {
  name: 'dodgson',
  title: 'Dodgson',
  ballot: 'ranked',
  accepts: ['ranked', 'approval', 'single'],
  bounded: true,
  candidatesMax: (voters) => 1 + Math.floor(raisesMax / Math.max(voters, 1)),
  unit: 'swaps',
  method: [
    'A swap lets a candidate pass the next one above it on one ballot; ballots of weight n are n ballots.',
    'For each candidate the fewest swaps are sought after which it beats every other pairwise; the fewest of all win.',
  ],
  count,
}

function count(profile: Profile): Count {
  const matrix = pairwise(profile)
  const swaps = profile.candidates.map((_, candidate) => swapsFor(profile, matrix, candidate))
  // Who cannot be raised enough on any ballots stands behind all others.
  const ranking = levelsOf(swaps.length, (a, b) => {
    const [one, other] = [swaps[a], swaps[b]]
    if (one === undefined || other === undefined) return Number(one === undefined) - Number(other === undefined)
    return one < other ? -1 : one > other ? 1 : 0
  })
  const notes = swaps.map((each, at) =>
    each === undefined
      ? `No swaps let ${profile.candidates[at]} beat every other.`
      : `${profile.candidates[at]} needs ${toText(rational(each, profile.scale))} swaps, by weight, to beat every other.`,
  )
  return { ranking, matrix, notes }
}

/** The fewest swaps in units; undefined when none are enough. */
function swapsFor(profile: Profile, matrix: PairwiseMatrix, candidate: number): bigint | undefined {
  const lacking = new Map<number, bigint>()
  for (const other of profile.candidates.keys()) {
    if (other === candidate) continue
    const { num, den } = subtract(matrix[other]?.[candidate] as Rational, matrix[candidate]?.[other] as Rational)
    const behind = (num * profile.scale) / den
    if (behind >= 0n) lacking.set(other, behind + 1n)
  }
  if (lacking.size === 0) return 0n
  const kinds = raisesOf(profile, candidate, lacking)
  const raises = kinds.flatMap((kind, at) => kind.raises.map((raise) => ({ ...raise, kind: at })))
  if (raises.length > raisesMax)
    throw new TooLarge('dodgson', 'different ways to raise one candidate', raisesMax, 'choose dodgson-tideman')
  const demands: Demand[] = [...lacking].map(([other, least]) => ({
    row: raises.map(({ gains }) => gains.get(other) ?? 0n),
    least,
  }))
  for (const [at, { units }] of kinds.entries())
    demands.push({ row: raises.map(({ kind }) => (kind === at ? -1n : 0n)), least: -units })
  const found = minimiseWhole({ costs: raises.map(({ swaps }) => swaps), demands }, branchesMax)
  if (found.kind === 'unknown') throw new TooLarge('dodgson', 'branches', branchesMax, 'choose dodgson-tideman')
  return found.kind === 'least' ? found.cost : undefined
}

interface Raise {
  readonly swaps: bigint
  /** What the margin to each of those lacking grows by. */
  readonly gains: ReadonlyMap<number, bigint>
}

/** The ballots on which a candidate can be raised in the same ways to some use. */
interface BallotKindRaises {
  units: bigint
  readonly raises: readonly Raise[]
}

function raisesOf(profile: Profile, candidate: number, lacking: ReadonlyMap<number, bigint>): BallotKindRaises[] {
  const kinds = new Map<string, BallotKindRaises>()
  for (const { levels, units } of profile.ballots) {
    const raises = raisesOn(profile, levels, candidate, lacking)
    if (raises.length === 0) continue
    const key = raises.map(({ swaps, gains }) => `${swaps}:${[...gains].join(';')}`).join('|')
    const kind = kinds.get(key)
    if (kind) kind.units += BigInt(units)
    else kinds.set(key, { units: BigInt(units), raises })
  }
  return [...kinds.values()]
}

/** The raises on one ballot that end just above somebody to whom the candidate is lacking. */
function raisesOn(
  profile: Profile,
  levels: readonly (readonly number[])[],
  candidate: number,
  lacking: ReadonlyMap<number, bigint>,
): Raise[] {
  const at = levels.findIndex((level) => level.includes(candidate))
  if (at < 0 && profile.unranked === 'no-opinion') return []
  const own = at < 0 ? unlisted(profile, levels) : (levels[at] as readonly number[])
  const above = (at < 0 ? levels : levels.slice(0, at)).toReversed()
  const raises: Raise[] = []
  const gains = new Map<number, bigint>()
  let swaps = 0n
  for (const [step, level] of [own.filter((other) => other !== candidate), ...above].entries()) {
    swaps += BigInt(level.length)
    const before = gains.size
    for (const other of level.toSorted((a, b) => a - b)) if (lacking.has(other)) gains.set(other, step === 0 ? 1n : 2n)
    if (gains.size > before) raises.push({ swaps, gains: new Map(gains) })
  }
  return raises
}

function unlisted({ candidates }: Profile, levels: readonly (readonly number[])[]): number[] {
  const listed = new Set(levels.flat())
  return [...candidates.keys()].filter((candidate) => !listed.has(candidate))
}
