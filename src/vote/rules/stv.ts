/**
 * Single transferable vote: who reaches the quota is elected and what is above it moves on; else the last one leaves. Unlike
 * instant runoff it fills several seats, so that a group with as many quotas of weight wins as many of them. The surplus
 * moves by the weighted inclusive Gregory method: every ballot that an elected candidate holds moves on with the same fraction
 * of its worth (Tideman, "The single transferable vote", Journal of Economic Perspectives 9, 1995). Unlike Meek's method it
 * never moves weight to somebody who is elected already.
 */
import { InvalidArgument } from '../../base/error.ts'
import { checkKeys, wholeNumber } from '../../base/limit.ts'
import { checkSeats, committeeRanking, distinct, seatsText, waysToSeat } from '../committee.ts'
import { TooManyUniverses } from '../error.ts'
import type { Profile } from '../profile.ts'
import { compare, divide, multiply, rational, subtract, toText, zero } from '../rational.ts'
import type { Rational } from '../rational.ts'
import type { Count, CountHelp, CountRound, Rule } from '../rule.ts'
import { Holdings } from '../stv-holdings.ts'
import { stvQuota, stvQuotas } from '../stv-quota.ts'
import type { StvQuota } from '../stv-quota.ts'

export interface StvOptions {
  /** Seats to fill, 1 or more. */
  readonly seats: number
  /** Default `droop`. */
  readonly quota?: StvQuota
  /**
   * Decimals to which the worth of a moved ballot is cut, 1 to 100; what is cut off is exhausted. Default: none, it is exact,
   * and a count whose fractions grow beyond 1,000 digits (a dozen or more elected by surpluses, one after another) is refused.
   */
  readonly digits?: number
}

const exactSeatsMax = 6

/** Throws `base.invalid_argument`; its count throws `vote.too_large` and `vote.too_many_universes`. */
export function stv(options: StvOptions): Rule {
  checkKeys('stv', options, ['seats', 'quota', 'digits'])
  const seats = checkSeats(options.seats)
  const quota = options.quota ?? 'droop'
  if (!stvQuotas.includes(quota)) throw new InvalidArgument('quota', `must be one of ${stvQuotas.join(', ')}`)
  const digits = options.digits === undefined ? undefined : wholeNumber('digits', options.digits, 1, 100)
  return {
    name: quota === 'droop' ? 'stv' : `stv-${quota}`,
    title: `Single transferable vote (${seatsText(seats)}, ${quota} quota)`,
    ballot: 'ranked',
    accepts: ['ranked', 'single'],
    seats,
    bounded: digits === undefined,
    // Each surplus doubles the digits of a fraction at most: after five of them those of everyday weights are far from the bound.
    candidatesMax: () => (seats <= exactSeatsMax ? Number.POSITIVE_INFINITY : seats),
    unit: 'votes',
    method: [
      `Each ballot counts for its best candidate still in; several tied there share it equally; a ballot that ranks nobody still in is exhausted. ${quotaText[quota]}`,
      'All who reach the quota are elected, the largest first where seats are short; each of their ballots moves on with the part of its worth that their surplus is of their votes.',
      'When nobody reaches it, the one with the least leaves and the ballots move on whole. When no more are left than seats, all of them are elected.',
      ...(digits === undefined ? [] : [`The worth of a moved ballot is cut to ${digits} decimals.`]),
      'A tie that the tie chain leaves open is followed every way.',
    ],
    count: (profile, help) => new StvCount(profile, help, seats, quota, digits).run(),
  }
}

const quotaText: Readonly<Record<StvQuota, string>> = {
  droop: 'The quota is the whole part of the weight divided by the seats and one more, plus 1.',
  hare: 'The quota is the weight divided by the seats.',
  'hagenbach-bischoff': 'The quota is the weight divided by the seats and one more.',
  imperiali: 'The quota is the weight divided by the seats and two more.',
}

/** One situation of the count. */
interface Situation {
  readonly round: number
  readonly hopeful: readonly number[]
  /** In order of election. */
  readonly elected: readonly number[]
  readonly holdings: Holdings
  /** What happened since the count began, the order between two elections left out: it decides nothing. */
  readonly history: History
}

interface History {
  /** Up to and with the last election. */
  readonly before: string
  readonly leftSince: readonly number[]
}

class StvCount {
  readonly #profile: Profile
  readonly #help: CountHelp
  readonly #seats: number
  readonly #quota: Rational
  readonly #name: string
  readonly #quotaName: StvQuota
  readonly #open: Situation[]
  readonly #seen = new Set<string>()
  readonly #committees: (readonly number[])[] = []
  readonly #rounds: CountRound[] = []

  constructor(profile: Profile, help: CountHelp, seats: number, quota: StvQuota, digits: number | undefined) {
    this.#profile = profile
    this.#help = help
    this.#seats = seats
    this.#quotaName = quota
    this.#name = 'stv'
    this.#quota = stvQuota(quota, profile.weight, seats)
    const hopeful = profile.candidates.map((_, at) => at)
    const holdings = Holdings.first(profile, hopeful, digits)
    this.#open = [{ round: 1, hopeful, elected: [], holdings, history: { before: '', leftSince: [] } }]
  }

  run(): Count {
    for (let at = this.#open.shift(); at; at = this.#open.shift()) this.#round(at)
    const committees = distinct(this.#committees)
    return {
      ranking: committeeRanking(committees, this.#profile.candidates.length),
      committees,
      rounds: this.#rounds,
      notes: [`The ${this.#quotaName} quota is ${toText(this.#quota)}.`],
    }
  }

  #round(situation: Situation): void {
    const { hopeful, elected, holdings } = situation
    const seatsOpen = this.#seats - elected.length
    const votes = new Map(hopeful.map((candidate) => [candidate, holdings.votes(candidate)]))
    if (hopeful.length <= seatsOpen) {
      this.#record(situation, votes, hopeful, [])
      this.#committees.push([...elected, ...hopeful])
      return
    }
    const reached = byVotes(votes).filter((candidate) => compare(votes.get(candidate) as Rational, this.#quota) >= 0)
    if (reached.length > 0) this.#elect(situation, votes, reached)
    else this.#eliminate(situation, votes)
  }

  #elect(situation: Situation, votes: ReadonlyMap<number, Rational>, reached: readonly number[]): void {
    const { hopeful, elected, holdings, history, round } = situation
    const seatsOpen = this.#seats - elected.length
    for (const won of this.#seated(reached, votes, seatsOpen, round)) {
      this.#record(situation, votes, won, [])
      const all = [...elected, ...won]
      if (all.length === this.#seats) {
        this.#committees.push(all)
        continue
      }
      const left = hopeful.filter((candidate) => !won.includes(candidate))
      const moved = won.map((candidate) => {
        const total = votes.get(candidate) as Rational
        return { from: candidate, share: divide(subtract(total, this.#quota), total) }
      })
      const before = `${history.before}|${[...history.leftSince].sort(ascending).join(',')}+${[...won].sort(ascending).join(',')}`
      this.#follow({
        round: round + 1,
        hopeful: left,
        elected: all,
        holdings: holdings.move(moved, left),
        history: { before, leftSince: [] },
      })
    }
  }

  /** Everybody who reached the quota, or where seats are short every way to give them to the largest. */
  #seated(
    reached: readonly number[],
    votes: ReadonlyMap<number, Rational>,
    seatsOpen: number,
    round: number,
  ): readonly (readonly number[])[] {
    if (reached.length <= seatsOpen) return [reached]
    const last = votes.get(reached[seatsOpen - 1] as number) as Rational
    const above = reached.filter((candidate) => compare(votes.get(candidate) as Rational, last) > 0)
    const tied = reached.filter((candidate) => compare(votes.get(candidate) as Rational, last) === 0)
    const seats = seatsOpen - above.length
    if (tied.length === seats) return [[...above, ...tied]]
    const where = `the last seat in round ${round}`
    return waysToSeat({ rule: this.#name, tied, seats, where }, this.#help).map((set) => [...above, ...set])
  }

  #eliminate(situation: Situation, votes: ReadonlyMap<number, Rational>): void {
    const { hopeful, elected, holdings, history, round } = situation
    const ways = this.#leaving(situation, votes)
    this.#record(
      situation,
      votes,
      [],
      ways.map((candidate) => [candidate]),
    )
    for (const leaving of ways) {
      const left = hopeful.filter((candidate) => candidate !== leaving)
      this.#follow({
        round: round + 1,
        hopeful: left,
        elected,
        holdings: holdings.move([{ from: leaving, share: rational(1) }], left),
        history: { before: history.before, leftSince: [...history.leftSince, leaving] },
      })
    }
  }

  #leaving({ hopeful, elected, round }: Situation, votes: ReadonlyMap<number, Rational>): readonly number[] {
    const least = votes.get(byVotes(votes).at(-1) as number) as Rational
    const last = hopeful.filter((candidate) => compare(votes.get(candidate) as Rational, least) === 0)
    if (last.length === 1) return last
    // Whom no ballot counts for changes nothing by leaving. As long as all of them must go, their order is of no account.
    if (least.num === 0n && hopeful.length - last.length >= this.#seats - elected.length)
      return [last.reduce((first, each) => (this.#nameOf(each) < this.#nameOf(first) ? each : first))]
    const names = hopeful.map((candidate) => this.#nameOf(candidate)).join(', ')
    return this.#help.settle(last, 'worst', `the last place in round ${round} (still in: ${names})`)
  }

  #follow(next: Situation): void {
    const key = `${next.history.before}|${[...next.history.leftSince].sort(ascending).join(',')}`
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    // A plain count has a round or two for each candidate; only what is more than that comes from ties.
    if (this.#open.length + 1 > this.#help.universesMax || this.#seen.size > this.#statesMax())
      throw new TooManyUniverses(this.#name, this.#help.universesMax)
    this.#open.push(next)
  }

  #statesMax(): number {
    return this.#help.universesMax + this.#profile.candidates.length
  }

  #record(
    { round, hopeful, elected, holdings }: Situation,
    votes: ReadonlyMap<number, Rational>,
    won: readonly number[],
    eliminated: readonly (readonly number[])[],
  ): void {
    const kept = multiply(this.#quota, rational(elected.length))
    const counting = holdings.sum(hopeful)
    this.#rounds.push({
      number: round,
      tallies: hopeful.map((candidate) => ({ candidate, weight: votes.get(candidate) ?? zero })),
      exhausted: subtract(subtract(this.#profile.weight, kept), counting),
      elected: won,
      eliminated,
    })
  }

  #nameOf(candidate: number): string {
    return this.#profile.candidates[candidate] as string
  }
}

const ascending = (a: number, b: number): number => a - b

/** Candidates, the most votes first. */
function byVotes(votes: ReadonlyMap<number, Rational>): number[] {
  return [...votes.keys()].sort((a, b) => compare(votes.get(b) as Rational, votes.get(a) as Rational) || a - b)
}
