/**
 * Committees: what a rule for several seats elects. A tie between candidates leaves several committees that win, each whole;
 * unlike the levels of a ranking their members do not win one by one. Here are the steps that all such rules share: the seats
 * for which some are tied, and the declared chain among committees that are.
 */
import { wholeNumber } from '../base/limit.ts'
import { electionLimits } from './election.ts'
import { TooManyUniverses } from './error.ts'
import type { CountHelp } from './rule.ts'

/** The seats as given, checked: a whole number of 1 or more. Throws `base.invalid_argument`. */
export function checkSeats(seats: number): number {
  return wholeNumber('seats', seats, 1, electionLimits.candidatesMax)
}

/** For titles: `1 seat`, `3 seats`. */
export function seatsText(seats: number): string {
  return `${seats} ${seats === 1 ? 'seat' : 'seats'}`
}

/** What it takes to fill seats from a tie. */
export interface TiedSeats {
  /** The rule's name, for the error. */
  readonly rule: string
  readonly tied: readonly number[]
  /** How many of them get a seat; fewer than there are. */
  readonly seats: number
  /** For the record of the tie chain. */
  readonly where: string
}

/** Every way to seat some of the tied that the chain leaves open; one way when it decides. */
export function waysToSeat({ rule, tied, seats, where }: TiedSeats, help: CountHelp): (readonly number[])[] {
  const seated: number[] = []
  let open = tied
  for (;;) {
    const wanted = seats - seated.length
    if (wanted === 0) return [seated]
    if (open.length <= wanted) return [[...seated, ...open]]
    const best = help.settle(open, 'best', where)
    if (best.length > wanted || best.length === open.length)
      return subsets(best, wanted, rule, help.universesMax).map((set) => [...seated, ...set])
    seated.push(...best)
    open = open.filter((candidate) => !best.includes(candidate))
  }
}

/** All subsets of that size; `vote.too_many_universes` when there are more than the bound. */
function subsets(of: readonly number[], size: number, rule: string, max: number): number[][] {
  const found: number[][] = []
  const at = Array.from({ length: size }, (_, place) => place)
  for (;;) {
    if (found.length >= max) throw new TooManyUniverses(rule, max)
    found.push(at.map((place) => of[place] as number))
    let moving = size - 1
    while (moving >= 0 && at[moving] === of.length - size + moving) moving--
    if (moving < 0) return found
    at[moving] = (at[moving] as number) + 1
    for (let after = moving + 1; after < size; after++) at[after] = (at[after - 1] as number) + 1
  }
}

/** Committees as sets, each once, in one order whatever way led to them. */
export function distinct(committees: Iterable<readonly number[]>): number[][] {
  const byKey = new Map<string, number[]>()
  for (const committee of committees) {
    const members = [...committee].sort((a, b) => a - b)
    byKey.set(members.join(','), members)
  }
  return [...byKey.values()].sort(byMembers)
}

function byMembers(a: readonly number[], b: readonly number[]): number {
  for (const [at, member] of a.entries()) {
    const other = b[at]
    if (other === undefined) return 1
    if (member !== other) return member - other
  }
  return a.length - b.length
}

/**
 * The declared chain among tied committees: of the members in whom they differ those whom the chain puts best count first,
 * and the committees with the most of them stay; then the next best. A committee is never mixed from others.
 */
export function settleCommittees(
  committees: readonly (readonly number[])[],
  settle: (tied: readonly number[]) => readonly number[],
): readonly (readonly number[])[] {
  let open = committees
  const asked = new Set<number>()
  while (open.length > 1) {
    const held = open
    const differ = [...new Set(held.flat())]
      .filter((member) => !asked.has(member) && !held.every((committee) => committee.includes(member)))
      .sort((a, b) => a - b)
    // One whole inside another: no order of members tells the two apart, and that one is larger is no reason that anybody declared.
    if (differ.length < 2) return open
    const best = settle(differ)
    // Committees may be of unlike sizes, where a rule leaves seats empty; when nothing is told apart, that must not decide.
    if (best.length === differ.length) return open
    const counts = held.map((committee) => committee.filter((member) => best.includes(member)).length)
    const most = Math.max(...counts)
    open = held.filter((_, at) => counts[at] === most)
    for (const member of best) asked.add(member)
  }
  return open
}

/** The ranking that committees give: whoever is in one that wins, then the others. */
export function committeeRanking(committees: readonly (readonly number[])[], size: number): number[][] {
  const inside = new Set(committees.flat())
  const all = Array.from({ length: size }, (_, at) => at)
  return [all.filter((at) => inside.has(at)), all.filter((at) => !inside.has(at))].filter(({ length }) => length > 0)
}
