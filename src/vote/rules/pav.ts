/**
 * Proportional approval voting: the committee with which the ballots are most content, where a ballot is 1 for its first
 * member, 1/2 more for the second, 1/3 for the third (Thiele, "Om Flerfoldsvalg", 1895). Unlike the method of equal shares it
 * looks at whole committees, so it is exact only at exponential cost: by branch and bound, and past its bound it is refused,
 * never approximated.
 */
import { checkKeys, wholeNumber } from '../../base/limit.ts'
import { approvalGroups } from '../approval-groups.ts'
import type { ApprovalGroup } from '../approval-groups.ts'
import { checkSeats, committeeRanking, distinct, seatsText } from '../committee.ts'
import { TooLarge } from '../error.ts'
import type { Profile } from '../profile.ts'
import { greatestCommonDivisor, rational, toText } from '../rational.ts'
import type { Count, Rule } from '../rule.ts'
import { Sums } from '../sums.ts'

export interface PavOptions {
  /** Seats to fill, 1 or more. */
  readonly seats: number
  /**
   * Partial committees that the search may look into; each costs a pass over the different ballots. Default 100,000; 1,000
   * times less for 10,000 different ballots and more.
   */
  readonly nodesMax?: number
  /** Committees that may share the best score. Default 1000. */
  readonly committeesMax?: number
}

/** Throws `base.invalid_argument`; its count throws `vote.too_large`. */
export function pav(options: PavOptions): Rule {
  checkKeys('pav', options, ['seats', 'nodesMax', 'committeesMax'])
  const seats = checkSeats(options.seats)
  const nodesMax = options.nodesMax === undefined ? undefined : wholeNumber('nodesMax', options.nodesMax, 1)
  const committeesMax = wholeNumber('committeesMax', options.committeesMax ?? 1000, 1)
  return {
    name: 'pav',
    aliases: ['proportional-approval'],
    title: `Proportional approval voting (${seatsText(seats)})`,
    ballot: 'approval',
    accepts: ['approval', 'single'],
    seats,
    bounded: true,
    candidatesMax: (voters) => Math.min(wholeSearchMax, Math.floor(Math.log2(nodesMax ?? defaultNodes(voters)))),
    unit: 'approvals',
    method: [
      'A ballot that approves k members of a committee gives it 1 + 1/2 + ... + 1/k, times its weight.',
      'The committee with the largest sum wins; committees with the same sum are tied.',
    ],
    count: (profile) => new PavCount(profile, seats, nodesMax, committeesMax).run(),
  }
}

/** Of so many candidates no more than 924 committees are of one size, so that all of them may be tied. */
const wholeSearchMax = 12

function defaultNodes(ballots: number): number {
  return Math.max(100, Math.floor(100_000_000 / Math.max(1000, ballots * 100)))
}

interface Node {
  /** Places in the order of the search: who is in, and where the next may come from. */
  readonly members: readonly number[]
  readonly next: number
  readonly score: bigint
}

class PavCount {
  readonly #profile: Profile
  readonly #seats: number
  readonly #nodesMax: number
  readonly #committeesMax: number
  readonly #groups: readonly ApprovalGroup[]
  /** `1/k` in whole parts, by the number of members that a ballot has already. */
  readonly #parts: readonly bigint[]
  readonly #shared: bigint
  /** Candidates, the most approved first: the best committees are found early, and most others never looked at. */
  readonly #order: readonly number[]

  constructor(profile: Profile, seats: number, nodesMax: number | undefined, committeesMax: number) {
    this.#profile = profile
    this.#seats = Math.min(seats, profile.candidates.length)
    this.#groups = approvalGroups(profile)
    this.#nodesMax = nodesMax ?? defaultNodes(this.#groups.length)
    this.#committeesMax = committeesMax
    let shared = 1n
    for (let k = 2n; k <= BigInt(this.#seats); k++) shared = (shared * k) / greatestCommonDivisor(shared, k)
    this.#shared = shared
    this.#parts = Array.from({ length: this.#seats }, (_, k) => shared / BigInt(k + 1))
    const gains = this.#gains([])
    this.#order = profile.candidates
      .map((_, at) => at)
      .sort((a, b) => Number((gains[b] as bigint) - (gains[a] as bigint)) || a - b)
  }

  run(): Count {
    let best = this.#greedy()
    let found: (readonly number[])[] = []
    const open: Node[] = [{ members: [], next: 0, score: 0n }]
    let nodes = 0
    for (let node = open.pop(); node; node = open.pop()) {
      if (++nodes > this.#nodesMax)
        throw new TooLarge('pav', 'partial committees', this.#nodesMax, 'raise nodesMax, or choose equal-shares')
      const { members, next, score } = node
      const gains = this.#gains(members)
      const left = this.#seats - members.length
      if (score + this.#mostFrom(gains, next, left) < best) continue
      const children: Node[] = []
      for (let at = next; at <= this.#order.length - left; at++) {
        const member = this.#order[at] as number
        const reached = score + (gains[member] as bigint)
        if (left > 1) {
          // Without those before it, what is still to come bounds this branch and, gains only falling, all later ones.
          if (score + this.#mostFrom(gains, at, left) < best) break
          children.push({ members: [...members, member], next: at + 1, score: reached })
        } else if (reached >= best) {
          if (reached > best) found = []
          best = reached
          found.push([...members, member])
          if (found.length > this.#committeesMax)
            throw new TooLarge('pav', 'committees of the same score', this.#committeesMax, 'raise committeesMax')
        }
      }
      open.push(...children.reverse())
    }
    return this.#toCount(distinct(found), best)
  }

  /** A bound from below to start with: the one with the largest gain, again and again. */
  #greedy(): bigint {
    const members: number[] = []
    let score = 0n
    while (members.length < this.#seats) {
      const gains = this.#gains(members)
      const [first = 0] = gains
        .map((_, at) => at)
        .filter((at) => !members.includes(at))
        .sort((a, b) => ((gains[a] as bigint) > (gains[b] as bigint) ? -1 : 1))
      score += gains[first] as bigint
      members.push(first)
    }
    return score
  }

  /** What each candidate would add to these members, in units times the shared denominator. */
  #gains(members: readonly number[]): bigint[] {
    const size = this.#profile.candidates.length
    const isMember = new Uint8Array(size)
    for (const member of members) isMember[member] = 1
    // Summed by the number of members that a ballot has, so that parts are multiplied once and not for each ballot.
    const sums = Array.from({ length: members.length + 1 }, () => new Sums(size))
    for (const { approves, units } of this.#groups) {
      let has = 0
      for (const candidate of approves) has += isMember[candidate] as number
      const cells = sums[has] as Sums
      for (const candidate of approves) cells.add(candidate, units)
    }
    return Array.from({ length: size }, (_, candidate) =>
      sums.reduce((sum, each, has) => sum + each.total(candidate) * (this.#parts[has] ?? 0n), 0n),
    )
  }

  /** The largest gains from that place on: no committee adds more, since each gain only falls as others come in. */
  #mostFrom(gains: readonly bigint[], next: number, count: number): bigint {
    const from = this.#order.slice(next).map((candidate) => gains[candidate] as bigint)
    from.sort((a, b) => (a > b ? -1 : a < b ? 1 : 0))
    return from.slice(0, count).reduce((sum, gain) => sum + gain, 0n)
  }

  #toCount(committees: readonly (readonly number[])[], best: bigint): Count {
    const score = rational(best, this.#shared * this.#profile.scale)
    const approvals = this.#approvals()
    return {
      ranking: committeeRanking(committees, this.#profile.candidates.length),
      committees,
      scores: approvals.map((units) => rational(units, this.#profile.scale)),
      notes: [
        `The best sum is ${toText(score)}; ${committees.length === 1 ? 'one committee has' : `${committees.length} committees have`} it.`,
      ],
    }
  }

  #approvals(): bigint[] {
    const sums = new Sums(this.#profile.candidates.length)
    for (const { approves, units } of this.#groups) for (const candidate of approves) sums.add(candidate, units)
    return this.#profile.candidates.map((_, candidate) => sums.total(candidate))
  }
}
