/**
 * Pairwise comparison: for each two candidates the weight of the ballots that put one above the other. The ground of every
 * rule of Condorcet's kind; it decides nothing itself.
 */
import type { BallotKind } from './ballot.ts'
import type { Profile } from './profile.ts'
import { rational } from './rational.ts'
import type { Rational } from './rational.ts'
import { Sums } from './sums.ts'

/** `above[a][b]`: weight of the ballots that put a above b. Ballots that tie the two are in neither cell. */
export type PairwiseMatrix = readonly (readonly Rational[])[]

/** Every kind of ballot says who stands above whom; of grades the higher ones stand above. */
export const pairwiseKinds: readonly BallotKind[] = ['ranked', 'approval', 'single', 'grades']

/** How every rule of the kind begins, for the explanation. */
export const pairwiseMethod =
  'For each two candidates, the weight of the ballots that put one above the other is compared.'

export function pairwise(profile: Profile): PairwiseMatrix {
  const size = profile.candidates.length
  const sums = new Sums(size * size)
  /** The ballot's candidates, best first, and for each where the first one below it stands. */
  const order = new Int32Array(size)
  const below = new Int32Array(size)
  for (const { levels, units } of profile.ballots) {
    const { listed, end } = flatten(levels, profile.unranked === 'tied-last', order, below)
    const cells = sums.direct(units)
    for (let high = 0; high < listed; high++) {
      const row = (order[high] as number) * size
      if (cells && typeof units === 'number')
        for (let low = below[high] as number; low < end; low++) (cells[row + (order[low] as number)] as number) += units
      else for (let low = below[high] as number; low < end; low++) sums.add(row + (order[low] as number), units)
    }
  }
  return Array.from({ length: size }, (_, a) =>
    Array.from({ length: size }, (_, b) => rational(sums.total(a * size + b), profile.scale)),
  )
}

/** Fills `order` and `below`; the unlisted stand last where they count as below all listed. */
function flatten(
  levels: readonly (readonly number[])[],
  withUnlisted: boolean,
  order: Int32Array,
  below: Int32Array,
): { listed: number; end: number } {
  let listed = 0
  for (const level of levels) {
    const next = listed + level.length
    for (const candidate of level) {
      order[listed] = candidate
      below[listed++] = next
    }
  }
  if (!withUnlisted || listed === order.length) return { listed, end: listed }
  const isListed = new Uint8Array(order.length)
  for (let at = 0; at < listed; at++) isListed[order[at] as number] = 1
  let end = listed
  for (let candidate = 0; candidate < order.length; candidate++) if (isListed[candidate] === 0) order[end++] = candidate
  return { listed, end }
}
