/**
 * Meek's method: a transferable vote in which elected candidates keep of every ballot just as much as they need, found by
 * iteration. Unlike `stv` weight also reaches those who are elected already, the quota falls as ballots are exhausted, and
 * nobody's vote depends on the order of elections. As in the reference rule of the Proportional Representation Foundation
 * (Hill, Wichmann and Woodall, "Algorithm 123: single transferable vote by Meek's method", The Computer Journal 30, 1987)
 * numbers have a stated count of decimals and are rounded the same way everywhere; they are not exact fractions.
 */
import { checkKeys, wholeNumber } from '../../base/limit.ts'
import { checkSeats, committeeRanking, distinct, seatsText } from '../committee.ts'
import { TooManyUniverses } from '../error.ts'
import { Keeping } from '../meek-keeping.ts'
import type { Shares } from '../meek-keeping.ts'
import type { Profile } from '../profile.ts'
import { rational, toText } from '../rational.ts'
import type { Count, CountHelp, CountRound, Rule } from '../rule.ts'

export interface MeekOptions {
  /** Seats to fill, 1 or more. */
  readonly seats: number
  /**
   * Decimals of every number, 3 to 100. Default 9. A surplus below a millionth counts as moved with 9, in general 10 to
   * the power of minus two thirds of them.
   */
  readonly digits?: number
}

/** Throws `base.invalid_argument`; its count throws `vote.too_many_universes`. */
export function meek(options: MeekOptions): Rule {
  checkKeys('meek', options, ['seats', 'digits'])
  const seats = checkSeats(options.seats)
  const digits = wholeNumber('digits', options.digits ?? 9, 3, 100)
  return {
    name: 'meek',
    title: `Meek's method (${seatsText(seats)}, ${digits} decimals)`,
    ballot: 'ranked',
    accepts: ['ranked', 'single'],
    seats,
    unit: 'votes',
    method: [
      'Each candidate keeps a part of every ballot that reaches them: those still in all of it, the elected what they need for the quota, those who left nothing; the rest goes to the next on the ballot, and is exhausted when there is none.',
      `The quota is what is not exhausted divided by the seats and one more. All numbers have ${digits} decimals.`,
      'Who reaches the quota is elected, and the parts are found anew. When nobody does and hardly any surplus is left, the one with the least leaves. When no more are left than seats, all of them are elected.',
      'A tie for the least that the tie chain leaves open is followed every way.',
    ],
    count: (profile, help) => countMeek(profile, help, seats, digits),
  }
}

interface Situation {
  readonly round: number
  readonly hopeful: readonly number[]
  readonly elected: readonly number[]
  readonly keeping: Keeping
}

function countMeek(profile: Profile, help: CountHelp, seats: number, digits: number): Count {
  const all = profile.candidates.map((_, at) => at)
  const rounds: CountRound[] = []
  const committees: (readonly number[])[] = []
  const seen = new Set<string>()
  const open: Situation[] = [{ round: 1, hopeful: all, elected: [], keeping: Keeping.first(profile, seats, digits) }]
  let quota = 0n
  for (let situation = open.shift(); situation; situation = open.shift()) {
    const { round, keeping } = situation
    const { shares, elected, hopeful } = settleParts(situation, seats)
    quota = shares.quota
    const won = elected.filter((candidate) => !situation.elected.includes(candidate))
    const full = elected.length >= seats
    const fill = !full && elected.length + hopeful.length <= seats
    const committee = full ? elected : [...elected, ...hopeful]
    const ways =
      full || fill ? [] : leaving(profile, hopeful, shares, help, { round, seatsOpen: seats - elected.length })
    rounds.push(toRound(situation, shares, keeping, fill ? [...won, ...hopeful] : won, ways))
    if (full || fill) committees.push(committee)
    for (const candidate of ways) {
      const left = hopeful.filter((other) => other !== candidate)
      const key = `${[...left].sort(ascending).join(',')}|${[...elected].sort(ascending).join(',')}|${keeping.key()}`
      if (seen.has(key)) continue
      seen.add(key)
      if (seen.size > help.universesMax + all.length) throw new TooManyUniverses('meek', help.universesMax)
      open.push({ round: round + 1, hopeful: left, elected, keeping: keeping.without(candidate) })
    }
  }
  const winning = distinct(committees)
  return {
    ranking: committeeRanking(winning, profile.candidates.length),
    committees: winning,
    rounds,
    notes: [`The last quota is ${toText(rational(quota, 10n ** BigInt(digits)))}.`],
  }
}

/** Elects and finds the parts again until hardly any surplus is left, or it no longer falls. */
function settleParts(
  situation: Situation,
  seats: number,
): { shares: Shares; elected: readonly number[]; hopeful: readonly number[] } {
  let { elected, hopeful } = situation
  const { keeping } = situation
  let shares = keeping.distribute()
  let before: bigint | undefined
  for (;;) {
    const reached = hopeful
      .filter((candidate) => (shares.votes[candidate] as bigint) >= shares.quota)
      .sort((a, b) => descending(shares.votes[a] as bigint, shares.votes[b] as bigint))
      .slice(0, seats - elected.length)
    elected = elected.concat(reached)
    hopeful = hopeful.filter((candidate) => !reached.includes(candidate))
    if (elected.length >= seats || elected.length + hopeful.length <= seats) return { shares, elected, hopeful }
    const surplus = elected.reduce(
      (sum, candidate) => sum + positive((shares.votes[candidate] as bigint) - shares.quota),
      0n,
    )
    if (reached.length === 0 && (surplus < keeping.hardly || (before !== undefined && surplus >= before)))
      return { shares, elected, hopeful }
    before = reached.length > 0 ? undefined : surplus
    keeping.adjust(elected, shares)
    shares = keeping.distribute()
  }
}

/** Those whom only a surplus still to be moved tells apart from the last are tied with them, as in the reference rule. */
function leaving(
  profile: Profile,
  hopeful: readonly number[],
  { votes, surplusOf }: Shares,
  help: CountHelp,
  { round, seatsOpen }: { readonly round: number; readonly seatsOpen: number },
): readonly number[] {
  const least = hopeful.reduce<bigint | undefined>((min, at) => {
    const mine = votes[at] as bigint
    return min === undefined || mine < min ? mine : min
  }, undefined) as bigint
  // Whom nothing reaches changes nothing by leaving. As long as all of them must go, their order is of no account.
  const empty = hopeful.filter((at) => votes[at] === 0n)
  if (empty.length > 0 && hopeful.length - empty.length >= seatsOpen)
    return [empty.reduce((first, at) => (nameAt(profile, at) < nameAt(profile, first) ? at : first))]
  const last = hopeful.filter((at) => (votes[at] as bigint) <= least + surplusOf)
  if (last.length === 1) return last
  const names = hopeful.map((candidate) => profile.candidates[candidate]).join(', ')
  return help.settle(last, 'worst', `the last place in round ${round} (still in: ${names})`)
}

function toRound(
  situation: Situation,
  { votes, exhausted }: Shares,
  { one }: Keeping,
  won: readonly number[],
  ways: readonly number[],
): CountRound {
  const inside = [...situation.hopeful, ...situation.elected].sort(ascending)
  return {
    number: situation.round,
    tallies: inside.map((candidate) => ({ candidate, weight: rational(votes[candidate] as bigint, one) })),
    exhausted: rational(exhausted, one),
    elected: won,
    eliminated: ways.map((candidate) => [candidate]),
  }
}

function nameAt({ candidates }: Profile, at: number): string {
  return candidates[at] as string
}

const ascending = (a: number, b: number): number => a - b
const descending = (a: bigint, b: bigint): number => (a > b ? -1 : a < b ? 1 : 0)
const positive = (value: bigint): bigint => (value > 0n ? value : 0n)
