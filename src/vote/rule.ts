/**
 * Rule: the port of every voting rule. A rule is a named value with one pure function from a profile to a count; it knows
 * neither quorum nor refused ballots nor the final tie, which are the same for all rules and are `tally`'s. Interfaces, and
 * the two helpers that most rules need.
 */
import type { BallotKind } from './ballot.ts'
import type { Grading } from './grading.ts'
import type { PairwiseMatrix } from './pairwise.ts'
import type { Profile } from './profile.ts'
import { compare } from './rational.ts'
import type { Rational } from './rational.ts'

export interface Rule {
  /** Lower case with hyphens; unique among the rules in use. */
  readonly name: string
  readonly aliases?: readonly string[]
  /** For people. */
  readonly title: string
  /** The kind to ask voters for. */
  readonly ballot: BallotKind
  /** All kinds that it can count; others are refused with that reason. */
  readonly accepts: readonly BallotKind[]
  /** For ballots with grades: the scale, and what else a ballot must keep to. */
  readonly grading?: Grading
  /** True when its exact count may pass a bound and throw `vote.too_large`, whatever chain is declared. */
  readonly bounded?: boolean
  /** Of a bounded rule, where it can be known: up to how many candidates it counts the ballots of so many voters, whatever they say. */
  readonly candidatesMax?: (voters: number) => number
  /** Of a rule for several winners: how many it elects; its count then gives `committees`. */
  readonly seats?: number
  /** What its scores and tallies count, in the plural: `votes`, `points`. */
  readonly unit: string
  /** How it counts, in sentences that a person can follow with the ballots in hand. */
  readonly method: readonly string[]
  /**
   * Counts a profile with some weight in it. The result must not depend on the order of the ballots, nor on that of the
   * candidates but for the order inside a set; a tie that it meets on the way goes through `help.settle`, or is followed
   * every way.
   */
  count(profile: Profile, help: CountHelp): Count
}

/** What a rule may ask for while it counts. */
export interface CountHelp {
  /**
   * Applies the declared tie chain to a tie inside the count and records the steps: who of the tied remains as best, or as
   * worst. More than one remains when no chain is declared or it does not tell them apart, and all of them remain when the
   * tally was asked for parallel universes.
   */
  settle(tied: readonly number[], want: 'best' | 'worst', where: string): readonly number[]
  /** Whether ties inside the count are to be followed every way; a rule that has a symmetric way out of them asks. */
  readonly parallelUniverses: boolean
  /** Different situations that a rule may follow when a tie remains; beyond it, `vote.too_many_universes`. */
  readonly universesMax: number
}

/** Candidates are places in `profile.candidates`; weights are exact. */
export interface Count {
  /** Best first; each level a set of tied candidates; every candidate once. */
  readonly ranking: readonly (readonly number[])[]
  /** True when nobody meets what the rule demands, such as a majority; the ranking then only says how it stood. */
  readonly nobody?: boolean
  /**
   * Of a rule for several seats: every committee that wins, each once; several where a tie stayed open. The first level of
   * the ranking is then whoever is in one of them.
   */
  readonly committees?: readonly (readonly number[])[]
  /** One for each candidate. */
  readonly scores?: readonly Rational[]
  /** Of a rule that leaves the choice to chance: the probability of each candidate, which a seeded lot draws by. */
  readonly lottery?: readonly Rational[]
  readonly rounds?: readonly CountRound[]
  readonly matrix?: PairwiseMatrix
  /** Further tables that a check by hand needs. */
  readonly tables?: readonly CountTable[]
  /** Plain sentences on this count, such as which path beats which. */
  readonly notes?: readonly string[]
}

/** One situation of a count that goes in rounds. */
export interface CountRound {
  readonly number: number
  /** Who is still in, with the weight that each has now. */
  readonly tallies: readonly { readonly candidate: number; readonly weight: Rational }[]
  /** Weight of the ballots that rank nobody who is still in. */
  readonly exhausted: Rational
  readonly elected: readonly number[]
  /**
   * Who leaves after this round: one set in a plain count, none in a last round, several where a tie is followed every way
   * and each way leads to a round of its own.
   */
  readonly eliminated: readonly (readonly number[])[]
}

/** A square table by candidate, `cells[row][column]`, in exact text. */
export interface CountTable {
  readonly name: string
  readonly title: string
  readonly cells: readonly (readonly string[])[]
}

/** Levels from scores, the highest first. */
export function rankByScore(scores: readonly Rational[]): number[][] {
  return levelsOf(scores.length, (a, b) => compare(scores[b] as Rational, scores[a] as Rational))
}

/** Levels of 0 to `size` - 1 by a comparison; what compares as 0 shares a level. */
export function levelsOf(size: number, order: (a: number, b: number) => number): number[][] {
  const sorted = Array.from({ length: size }, (_, at) => at).sort((a, b) => order(a, b) || a - b)
  const levels: number[][] = []
  for (const candidate of sorted) {
    const level = levels.at(-1)
    if (level && order(level[0] as number, candidate) === 0) level.push(candidate)
    else levels.push([candidate])
  }
  return levels
}
