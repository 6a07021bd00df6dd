/**
 * Runoff: the rounds that instant runoff and Coombs share. Each ballot counts for its best candidate still in; until one has
 * more than half of the weight that still counts, somebody leaves, and the rule alone says who. Unlike a rule it has no name.
 *
 * A tie for leaving goes through the declared chain. What remains tied is followed every way ("parallel universes"): the
 * winners are all who win some way, and a candidate stands in the ranking at the best place that it takes on any way.
 * Situations with the same candidates left are one, so the work is bounded by sets of candidates, not by orders.
 */
import { TooManyUniverses } from './error.ts'
import type { Profile, ProfileBallot } from './profile.ts'
import { add, compare, rational, subtract, zero } from './rational.ts'
import type { Rational } from './rational.ts'
import { levelsOf } from './rule.ts'
import type { Count, CountHelp, CountRound } from './rule.ts'
import { SharedSums } from './sums.ts'

/** One round as the rule that says who leaves sees it. */
export interface RunoffRound {
  readonly inside: readonly number[]
  /** First preferences by candidate; only those still in have some. */
  readonly votes: readonly (Rational | undefined)[]
}

export interface RunoffRule {
  readonly name: string
  /** What the tie is for, as in `the last place`. */
  readonly tieFor: string
  /** Those of whom one leaves. */
  leaving(profile: Profile, round: RunoffRound): readonly number[]
}

/** Who is still in, and the level at which each ballot stands: candidates only leave, so a ballot only moves on. */
interface Situation {
  readonly round: number
  readonly inside: readonly number[]
  /** Absent when it is not known yet. */
  readonly standing?: Int32Array
}

export function countRunoff(profile: Profile, rule: RunoffRule, help: CountHelp): Count {
  const size = profile.candidates.length
  const all = profile.candidates.map((_, at) => at)
  const bestPlace = all.map(() => size)
  const place = (candidate: number, at: number) => {
    bestPlace[candidate] = Math.min(bestPlace[candidate] as number, at)
  }
  const rounds: CountRound[] = []
  const open: Situation[] = [{ round: 1, inside: all }]
  const seen = new Set<string>()
  for (let situation = open.shift(); situation; situation = open.shift()) {
    const { round, inside, standing = new Int32Array(profile.ballots.length) } = situation
    const counted = countRound(profile, inside, standing)
    const ways = counted.leader === undefined ? waysOn(profile, rule, situation, counted, help) : []
    if (counted.leader !== undefined) placeLast(inside, counted, place)
    rounds.push({
      number: round,
      tallies: inside.map((candidate) => ({ candidate, weight: counted.votes[candidate] as Rational })),
      exhausted: counted.exhausted,
      elected: counted.leader === undefined ? [] : [counted.leader],
      eliminated: ways,
    })
    for (const leaving of ways) {
      for (const candidate of leaving) place(candidate, inside.length - leaving.length + 1)
      const left = inside.filter((candidate) => !leaving.includes(candidate))
      const key = left.join(',')
      if (seen.has(key)) continue
      seen.add(key)
      if (seen.size >= help.universesMax) throw new TooManyUniverses(rule.name, help.universesMax)
      // An only way goes on from where the ballots stand; of several each finds that anew, so that none waits in memory.
      open.push({ round: round + 1, inside: left, ...(ways.length === 1 && { standing }) })
    }
  }
  return { ranking: levelsOf(size, (a, b) => (bestPlace[a] as number) - (bestPlace[b] as number)), rounds }
}

interface RoundCount {
  /** By candidate; only those still in have one. */
  readonly votes: readonly (Rational | undefined)[]
  readonly exhausted: Rational
  /** Who has more than half of what still counts. */
  readonly leader?: number
}

/** Counts for those inside, and moves each ballot's standing on. */
function countRound(profile: Profile, inside: readonly number[], standing: Int32Array): RoundCount {
  const size = profile.candidates.length
  const isInside = new Uint8Array(size)
  for (const candidate of inside) isInside[candidate] = 1
  const sums = new SharedSums(size)
  for (let number = 0; number < profile.ballots.length; number++) {
    const { levels, units } = profile.ballots[number] as ProfileBallot
    let at = standing[number] as number
    let sharers = 0
    for (; at < levels.length; at++) {
      const level = levels[at] as readonly number[]
      if (level.length === 1) sharers = isInside[level[0] as number] as number
      else for (const candidate of level) sharers += isInside[candidate] as number
      if (sharers > 0) break
    }
    standing[number] = at
    if (sharers === 0) continue
    for (const candidate of levels[at] as readonly number[])
      if (isInside[candidate] === 1) sums.add(candidate, units, sharers)
  }
  const votes: (Rational | undefined)[] = profile.candidates.map(() => undefined)
  let counting = zero
  for (const candidate of inside) counting = add(counting, (votes[candidate] = sums.total(candidate, profile.scale)))
  const half = rational(counting.num, 2n * counting.den)
  const leader = inside.find((candidate) => compare(votes[candidate] as Rational, half) > 0)
  return { votes, exhausted: subtract(profile.weight, counting), ...(leader !== undefined && { leader }) }
}

/** The sets of whom one leaves: one set, or one for each candidate whom the tie chain leaves tied. */
function waysOn(
  profile: Profile,
  rule: RunoffRule,
  { round, inside }: Situation,
  { votes }: RoundCount,
  help: CountHelp,
): (readonly number[])[] {
  // Taking out whom no ballot counts for changes no tally, so their order is of no account.
  const last = rule.leaving(profile, { inside, votes })
  if (last.length === 1 || last.every((candidate) => votes[candidate]?.num === 0n)) return [last]
  const names = inside.map((candidate) => profile.candidates[candidate]).join(', ')
  const where = `${rule.tieFor} in round ${round} (still in: ${names})`
  return help.settle(last, 'worst', where).map((candidate) => [candidate])
}

/** Places of those still in when one has the majority: by votes, equal votes at the same place. */
function placeLast(
  inside: readonly number[],
  { votes }: RoundCount,
  place: (candidate: number, at: number) => void,
): void {
  for (const candidate of inside) {
    const mine = votes[candidate] as Rational
    place(candidate, 1 + inside.filter((other) => compare(votes[other] as Rational, mine) > 0).length)
  }
}
