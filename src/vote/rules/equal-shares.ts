/**
 * Method of equal shares: each ballot has an equal part of the money that buys the seats, and spends it on candidates that it
 * approves (Peters and Skowron, "Proportionality and the limits of welfarism", 2020). Unlike proportional approval voting it
 * is polynomial and satisfies EJR+: no group that deserves a member and agrees on one is left out (Brill and Peters, "Robust
 * and verifiable proportionality axioms", 2023). It may leave seats empty; the completion says who gets them.
 */
import { InvalidArgument } from '../../base/error.ts'
import { checkKeys } from '../../base/limit.ts'
import { approvalGroups } from '../approval-groups.ts'
import type { ApprovalGroup } from '../approval-groups.ts'
import { checkSeats, committeeRanking, distinct, seatsText } from '../committee.ts'
import { TooManyUniverses } from '../error.ts'
import type { Profile } from '../profile.ts'
import { add, compare, divide, multiply, one, rational, subtract, toText, zero } from '../rational.ts'
import type { Rational } from '../rational.ts'
import type { Count, CountHelp, Rule } from '../rule.ts'

/**
 * What becomes of seats that nobody can pay for. `phragmen`: ballots go on earning from what they have left, and the next who
 * can be paid for is elected. `approvals`: the most approved of the others. `none`: they stay empty.
 */
export type EqualSharesCompletion = 'phragmen' | 'approvals' | 'none'

export interface EqualSharesOptions {
  /** Seats to fill, 1 or more. */
  readonly seats: number
  /** Default `phragmen`. */
  readonly completion?: EqualSharesCompletion
}

const completions: Readonly<Record<EqualSharesCompletion, string>> = {
  phragmen:
    'Seats left over go on as by Phragmén: all ballots earn at the same speed on top of what is left, and whom the supporters can pay first is elected.',
  approvals: 'Seats left over go to the most approved of the others.',
  none: 'Seats that nobody can pay for stay empty.',
}

/** Throws `base.invalid_argument`; its count throws `vote.too_many_universes`. */
export function equalShares(options: EqualSharesOptions): Rule {
  checkKeys('equalShares', options, ['seats', 'completion'])
  const seats = checkSeats(options.seats)
  const completion = options.completion ?? 'phragmen'
  if (!Object.hasOwn(completions, completion))
    throw new InvalidArgument('completion', `must be one of ${Object.keys(completions).join(', ')}`)
  return {
    name: completion === 'phragmen' ? 'equal-shares' : `equal-shares-${completion}`,
    aliases: completion === 'phragmen' ? ['mes', 'rule-x'] : [],
    title: `Method of equal shares (${seatsText(seats)})`,
    ballot: 'approval',
    accepts: ['approval', 'single'],
    seats,
    unit: 'approvals',
    method: [
      'A seat costs 1, and the ballots have as much together as there are seats, each by its weight.',
      'Who can be paid by those who approve them, each giving the same per weight or all that it has left, is elected at the least such share; then the next.',
      completions[completion],
      'A tie that the tie chain leaves open is followed every way.',
    ],
    count: (profile, help) => countShares(profile, help, Math.min(seats, profile.candidates.length), seats, completion),
  }
}

/** One situation: money is per weight of 1, so that ballots of any weight compare. */
interface Situation {
  readonly elected: readonly number[]
  readonly money: readonly Rational[]
  /** Whether the first part is over: nobody can be paid from shares alone. */
  readonly completing: boolean
  readonly notes: readonly string[]
}

interface Voters extends Pick<ApprovalGroup, 'approves'> {
  readonly weight: Rational
}

function countShares(
  profile: Profile,
  help: CountHelp,
  seats: number,
  seatsAsked: number,
  completion: EqualSharesCompletion,
): Count {
  const voters = approvalGroups(profile).map(({ approves, units }): Voters => ({
    approves,
    weight: rational(BigInt(units), profile.scale),
  }))
  const share = divide(rational(seatsAsked), profile.weight)
  const committees: (readonly number[])[] = []
  const seen = new Set<string>()
  let notes: readonly string[] | undefined
  const open: Situation[] = [{ elected: [], money: voters.map(() => share), completing: false, notes: [] }]
  for (let situation = open.pop(); situation; situation = open.pop()) {
    const step = situation.elected.length < seats ? nextStep(situation, voters, profile, completion) : undefined
    if (!step) {
      committees.push(situation.elected)
      notes ??= situation.notes
      continue
    }
    const where = `seat ${situation.elected.length + 1} (elected: ${namesOf(profile, situation.elected)})`
    for (const candidate of [...help.settle(step.tied, 'best', where)].reverse()) {
      const next = step.elect(candidate)
      const key = `${[...next.elected].sort((a, b) => a - b).join(',')} ${next.money.map(toText).join(' ')} ${next.completing}`
      if (seen.has(key)) continue
      seen.add(key)
      if (seen.size > help.universesMax + seats) throw new TooManyUniverses('equal-shares', help.universesMax)
      open.push(next)
    }
  }
  const all = distinct(committees)
  return {
    ranking: committeeRanking(all, profile.candidates.length),
    committees: all,
    scores: approvalsOf(profile, voters),
    notes: notes ?? [],
  }
}

interface Step {
  readonly tied: readonly number[]
  elect(candidate: number): Situation
}

function nextStep(
  situation: Situation,
  voters: readonly Voters[],
  profile: Profile,
  completion: EqualSharesCompletion,
): Step | undefined {
  if (!situation.completing) {
    const bought = leastBy(profile, situation, (candidate) => shareFor(candidate, voters, situation.money))
    if (bought) return purchase(bought, situation, voters, profile)
  }
  switch (completion) {
    case 'none':
      return undefined
    case 'approvals':
      return byApprovals(situation, voters, profile)
    case 'phragmen':
    default:
      return byPhragmen(situation, voters, profile)
  }
}

interface Least {
  readonly tied: readonly number[]
  readonly value: Rational
}

function leastBy(
  { candidates }: Profile,
  { elected }: Situation,
  valueOf: (candidate: number) => Rational | undefined,
): Least | undefined {
  let least: { tied: number[]; value: Rational } | undefined
  for (const candidate of candidates.keys()) {
    if (elected.includes(candidate)) continue
    const value = valueOf(candidate)
    if (!value) continue
    const order = least ? compare(value, least.value) : -1
    if (order < 0) least = { tied: [candidate], value }
    else if (order === 0) least?.tied.push(candidate)
  }
  return least
}

/** What each supporter gives per weight, at most all that it has, so that together they give 1; undefined when they cannot. */
function shareFor(candidate: number, voters: readonly Voters[], money: readonly Rational[]): Rational | undefined {
  const supporters = voters
    .map(({ approves, weight }, at) => ({ approves, weight, has: money[at] as Rational }))
    .filter(({ approves, has }) => has.num > 0n && approves.includes(candidate))
    .sort((a, b) => compare(a.has, b.has))
  let weight = supporters.reduce((sum, each) => add(sum, each.weight), zero)
  let missing = one
  for (const each of supporters) {
    // All who are left can give the same: it is the share if the poorest of them has it.
    const share = divide(missing, weight)
    if (compare(share, each.has) <= 0) return share
    missing = subtract(missing, multiply(each.has, each.weight))
    weight = subtract(weight, each.weight)
  }
  return undefined
}

function purchase({ tied, value }: Least, situation: Situation, voters: readonly Voters[], profile: Profile): Step {
  return {
    tied,
    elect: (candidate) => ({
      ...situation,
      elected: [...situation.elected, candidate],
      money: situation.money.map((has, at) => {
        if (!voters[at]?.approves.includes(candidate)) return has
        return compare(has, value) <= 0 ? zero : subtract(has, value)
      }),
      notes: [
        ...situation.notes,
        `${profile.candidates[candidate]} is elected at a share of ${toText(value)} per weight.`,
      ],
    }),
  }
}

/** The least further income per weight with which the supporters have 1 together, on top of what they have left. */
function byPhragmen(situation: Situation, voters: readonly Voters[], profile: Profile): Step | undefined {
  const wait = leastBy(profile, situation, (candidate) => {
    let weight = zero
    let has = zero
    for (const [at, voter] of voters.entries()) {
      if (!voter.approves.includes(candidate)) continue
      weight = add(weight, voter.weight)
      has = add(has, multiply(situation.money[at] as Rational, voter.weight))
    }
    return weight.num === 0n ? undefined : divide(subtract(one, has), weight)
  })
  if (!wait) return byApprovals(situation, voters, profile)
  return {
    tied: wait.tied,
    elect: (candidate) => ({
      elected: [...situation.elected, candidate],
      money: situation.money.map((has, at) => (voters[at]?.approves.includes(candidate) ? zero : add(has, wait.value))),
      completing: true,
      notes: [
        ...situation.notes,
        `${profile.candidates[candidate]} is elected after a further income of ${toText(wait.value)} per weight.`,
      ],
    }),
  }
}

function byApprovals(situation: Situation, voters: readonly Voters[], profile: Profile): Step | undefined {
  const approvals = approvalsOf(profile, voters)
  const most = leastBy(profile, situation, (candidate) => subtract(zero, approvals[candidate] as Rational))
  return (
    most && {
      tied: most.tied,
      elect: (candidate) => ({
        ...situation,
        elected: [...situation.elected, candidate],
        completing: true,
        notes: [...situation.notes, `${profile.candidates[candidate]} is elected by approvals.`],
      }),
    }
  )
}

function approvalsOf({ candidates }: Profile, voters: readonly Voters[]): Rational[] {
  const sums = candidates.map(() => zero)
  for (const { approves, weight } of voters)
    for (const candidate of approves) sums[candidate] = add(sums[candidate] as Rational, weight)
  return sums
}

function namesOf({ candidates }: Profile, places: readonly number[]): string {
  return places.length === 0 ? 'nobody yet' : places.map((at) => candidates[at]).join(', ')
}
