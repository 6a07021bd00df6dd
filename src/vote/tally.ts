/**
 * Tally: from a rule and an election to an outcome. What is the same for all rules is here: the check of the ballots, the
 * quorum, the tie for the first place. A pure function: the same election gives the same outcome, in whatever order ballots
 * and candidates come, but for the order in which sets are listed.
 */
import { wholeNumber } from '../base/limit.ts'
import { committeeRanking, settleCommittees } from './committee.ts'
import { followDelegations, withRefusals } from './delegation.ts'
import type { Election } from './election.ts'
import { RuleBroken } from './error.ts'
import type { DelegationOutcome, Outcome, OutcomeStatus, QuorumOutcome, Round, TieStep } from './outcome.ts'
import { readElection } from './profile.ts'
import type { Profile, QuorumReading, Reading } from './profile.ts'
import { toText } from './rational.ts'
import type { Rational } from './rational.ts'
import type { Count, CountHelp, CountRound, Rule } from './rule.ts'
import { unfitFor } from './tie.ts'
import type { TieBreak } from './tie.ts'

export interface TallyOptions {
  /** Asked in order when candidates are tied for the first place, or for leaving inside a count. Default: none; ties stay. */
  readonly ties?: readonly TieBreak[]
  /**
   * True: ties inside a count are followed every way, whatever chain is declared, and the winners are all who win some way;
   * the chain is asked for the first place alone. Default false: the chain breaks them, and only what it leaves open is
   * followed every way. Either way no tie is broken in silence.
   */
  readonly parallelUniverses?: boolean
  /**
   * Different situations followed where a tie inside a count stays open; beyond it `vote.too_many_universes`. Each costs a
   * pass over the ballots, so the default is 4096 up to 10,000 ballots of 16 candidates (twelve tied in every round fit) and
   * falls as either grows: 40 with a million ballots.
   */
  readonly universesMax?: number
}

/**
 * Counts the election. Ballots that cannot be counted are in `counted.refused` with the reason, never a throw.
 * Throws `vote.invalid_election`, `vote.tie_unfit`, `vote.too_many_universes`, `vote.rule_broken`, `base.limit_exceeded`.
 */
export function tally(rule: Rule, election: Election, options: TallyOptions = {}): Outcome {
  const ties = options.ties ?? []
  const delegated = followDelegations(election)
  const reading = readElection(delegated?.election ?? election, rule.accepts, rule.grading)
  const { profile } = reading
  const universesMax = wholeNumber('universesMax', options.universesMax ?? defaultUniverses(profile), 1)
  const unfit = unfitFor(new Set(profile.ballots.map((ballot) => ballot.kind)), ties)
  if (unfit) throw unfit
  const chain = new Chain(ties, profile, universesMax)
  // Without any weight every rule would find its own accident; nobody has said anything, so everybody is tied.
  const empty = profile.weight.num === 0n
  const settle: CountHelp['settle'] = options.parallelUniverses
    ? (tied) => tied
    : (tied, want, where) => chain.settle(tied, want, where)
  const counted: Count = empty
    ? { ranking: [profile.candidates.map((_, at) => at)] }
    : rule.count(profile, { settle, universesMax, parallelUniverses: options.parallelUniverses ?? false })
  checkRanking(rule, counted, profile)
  const quorate = reading.quorum?.met ?? true
  // A committee without members, where nobody can be paid for, is nobody's victory.
  const nobody = counted.nobody ?? counted.committees?.every(({ length }) => length === 0) ?? false
  const won = quorate && !empty && !nobody
  const count = won ? settleSeats(counted, chain, profile) : counted
  const ranking = won && !count.committees ? settleFirst(count, chain) : count.ranking
  const single = (count.committees ?? ranking[0])?.length === 1
  const status = statusOf(quorate, nobody, !empty && single)
  const delegation = delegated && withRefusals(delegated.outcome, reading.refused)
  return toOutcome({ rule, reading, count, ranking, status, tieSteps: chain.steps, ...(delegation && { delegation }) })
}

function statusOf(quorate: boolean, nobody: boolean, single: boolean): OutcomeStatus {
  if (!quorate) return 'no-quorum'
  if (nobody) return 'no-winner'
  return single ? 'decided' : 'tied'
}

function defaultUniverses({ ballots, candidates }: Profile): number {
  return Math.max(1, Math.floor(655_360_000 / Math.max(ballots.length, 10_000) / Math.max(candidates.length, 16)))
}

type Lottery = NonNullable<Count['lottery']>

/** The declared chain at work on one profile: each tie-break orders the candidates once, each use is a step. */
class Chain {
  readonly steps: TieStep[] = []
  readonly #ties: readonly TieBreak[]
  readonly #profile: Profile
  readonly #universesMax: number
  readonly #orders = new Map<TieBreak, readonly (readonly number[])[]>()

  constructor(ties: readonly TieBreak[], profile: Profile, universesMax: number) {
    this.#ties = ties
    this.#profile = profile
    this.#universesMax = universesMax
  }

  /** With a lottery, a tie-break that can draw by its probabilities does that instead of asking its order. */
  settle(tied: readonly number[], want: 'best' | 'worst', where: string, lottery?: Lottery): readonly number[] {
    let open = tied
    for (const tie of this.#ties) {
      if (open.length < 2) break
      const levels = lottery && tie.draw ? [[tie.draw(this.#profile, lottery)]] : this.#orderOf(tie)
      const held = open
      const level =
        want === 'best'
          ? levels.find((each) => each.some((candidate) => held.includes(candidate)))
          : levels.findLast((each) => each.some((candidate) => held.includes(candidate)))
      const remained = held.filter((candidate) => level?.includes(candidate) ?? true)
      this.steps.push({ where, want, tied: this.#names(held), by: tie.name, remained: this.#names(remained) })
      open = remained
    }
    return open
  }

  #orderOf(tie: TieBreak): readonly (readonly number[])[] {
    const known = this.#orders.get(tie)
    if (known) return known
    const levels = tie.order(this.#profile, this.#universesMax)
    this.#orders.set(tie, levels)
    return levels
  }

  #names(candidates: readonly number[]): string[] {
    return namesOf(this.#profile, candidates)
  }
}

/** Committees that are tied go through the chain whole. */
function settleSeats(count: Count, chain: Chain, { candidates }: Profile): Count {
  if (!count.committees) return count
  const committees = settleCommittees(count.committees, (tied) => chain.settle(tied, 'best', 'a seat'))
  return { ...count, committees, ranking: committeeRanking(committees, candidates.length) }
}

function settleFirst({ ranking, lottery }: Count, chain: Chain): readonly (readonly number[])[] {
  const [first = [], ...rest] = ranking
  if (first.length === 1) return ranking
  const remained = chain.settle(first, 'best', 'the first place', lottery)
  if (remained.length === first.length) return ranking
  return [remained, first.filter((candidate) => !remained.includes(candidate)), ...rest]
}

function checkRanking(rule: Rule, { ranking, scores, lottery }: Count, { candidates }: Profile): void {
  const placed = new Set(ranking.flat())
  const whole = ranking.flat().length === candidates.length && candidates.every((_, at) => placed.has(at))
  if (!whole || ranking.some((level) => level.length === 0))
    throw new RuleBroken(rule.name, 'gave a ranking that does not place every candidate once')
  if (lottery && lottery.length !== candidates.length)
    throw new RuleBroken(rule.name, `gave ${lottery.length} probabilities for ${candidates.length} candidates`)
  if (scores && scores.length !== candidates.length)
    throw new RuleBroken(rule.name, `gave ${scores.length} scores for ${candidates.length} candidates`)
}

interface Found {
  readonly rule: Rule
  readonly reading: Reading
  readonly count: Count
  readonly ranking: Count['ranking']
  readonly status: OutcomeStatus
  readonly tieSteps: readonly TieStep[]
  readonly delegation?: DelegationOutcome
}

function toOutcome({ rule, reading, count, ranking, status, tieSteps, delegation }: Found): Outcome {
  const { profile, quorum } = reading
  const levels = ranking.map((level) => namesOf(profile, level))
  const { committees, scores, rounds, matrix } = count
  return {
    status,
    rule: rule.name,
    title: rule.title,
    candidates: profile.candidates,
    winners: status === 'no-quorum' || status === 'no-winner' ? [] : (levels[0] ?? []),
    ranking: levels,
    ...(rule.seats !== undefined && { seats: rule.seats }),
    ...(committees && { committees: status === 'no-quorum' ? [] : committees.map((each) => namesOf(profile, each)) }),
    counted: {
      ballots: profile.ballots.length,
      weight: toText(profile.weight),
      abstained: reading.abstained,
      abstainedWeight: toText(reading.abstainedWeight),
      refused: reading.refused,
    },
    ...(quorum && { quorum: quorumText(quorum) }),
    ...(delegation && { delegation }),
    ...(scores && {
      scores: profile.candidates.map((candidate, at) => ({ candidate, score: toText(scores[at] as Rational) })),
    }),
    ...(rounds && { rounds: rounds.map((round) => roundText(round, profile)) }),
    ...(matrix && { matrix: matrix.map((row, a) => row.map((cell, b) => (a === b ? '' : toText(cell)))) }),
    tieSteps,
    proof: {
      unranked: profile.unranked,
      unit: rule.unit,
      method: [...rule.method],
      notes: [...(count.notes ?? [])],
      tables: [...(count.tables ?? [])],
    },
  }
}

function quorumText({ share, eligible, needed, present, met }: QuorumReading): QuorumOutcome {
  return { share: toText(share), eligible: toText(eligible), needed: toText(needed), present: toText(present), met }
}

function roundText(round: CountRound, profile: Profile): Round {
  return {
    number: round.number,
    tallies: round.tallies.map(({ candidate, weight }) => ({
      candidate: profile.candidates[candidate] as string,
      weight: toText(weight),
    })),
    exhausted: toText(round.exhausted),
    elected: namesOf(profile, round.elected),
    eliminated: round.eliminated.map((set) => namesOf(profile, set)),
  }
}

/** Names of a set, in the order of the candidates. */
function namesOf(profile: Profile, places: readonly number[]): string[] {
  return [...places].sort((a, b) => a - b).map((at) => profile.candidates[at] as string)
}
