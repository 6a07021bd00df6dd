/**
 * The check of one ballot against those who stand: why it cannot be counted, in words that help whoever cast it to mend it,
 * or how a rule counts it. It trusts nothing of the ballot's shape, since ballots come from models and from other machines.
 */
import type { BallotKind, Candidate } from './ballot.ts'
import { gradeOf, scaleReason } from './grading.ts'
import type { Grading } from './grading.ts'

/** A ballot that can be counted: levels best first, as places in the list of candidates. */
export interface ReadBallot {
  readonly kind: BallotKind
  readonly levels: readonly (readonly number[])[]
  /** Of a ballot with grades the grade of each level, in millionths. */
  readonly grades?: readonly number[]
}

/**
 * Why the ballot cannot be counted by a rule that takes these kinds; undefined when it can, or is an abstention. The same
 * check as in `tally`, for asking a voter again while there is time.
 */
export function checkBallot(
  ballot: unknown,
  candidates: readonly Candidate[],
  accepts: BallotKind | readonly BallotKind[],
  grading?: Grading,
): string | undefined {
  const index = new Map(candidates.map((candidate, at) => [candidate, at]))
  const read = new BallotReader(index, typeof accepts === 'string' ? [accepts] : accepts, grading).read(ballot)
  return typeof read === 'string' ? read : undefined
}

/** Reads many ballots of one election. */
export class BallotReader {
  readonly #index: ReadonlyMap<Candidate, number>
  readonly #accepts: ReadonlySet<unknown>
  /** Per candidate the ballot that last listed it: finds a doubled one without a set for each ballot. */
  readonly #listedBy: Int32Array
  /** The level of one candidate, by place: nearly all levels are one, and sharing them spares a million small arrays. */
  readonly #alone: readonly (readonly number[])[]
  readonly #grading: Grading | undefined
  #ballots = 0

  constructor(index: ReadonlyMap<Candidate, number>, accepts: readonly BallotKind[], grading?: Grading) {
    this.#index = index
    this.#accepts = new Set(accepts)
    this.#grading = grading
    this.#listedBy = new Int32Array(index.size)
    this.#alone = Array.from({ length: index.size }, (_, at) => [at])
  }

  /** The ballot as a rule counts it, undefined for an abstention, or the reason for its refusal. */
  read(ballot: unknown): ReadBallot | undefined | string {
    if (typeof ballot !== 'object' || ballot === null) return 'the ballot is not an object'
    const { kind } = ballot as { kind?: unknown }
    if (kind === 'abstain') return undefined
    if (!this.#accepts.has(kind))
      return `a ballot of kind ${quoted(kind)} is not counted here; cast ${[...this.#accepts].join(' or ')}`
    this.#ballots++
    switch (kind as BallotKind) {
      case 'single':
        return this.#single((ballot as { choice?: unknown }).choice)
      case 'approval':
        return this.#approval((ballot as { approves?: unknown }).approves)
      case 'ranked':
        return this.#ranked((ballot as { ranking?: unknown }).ranking)
      case 'grades':
        return this.#grades((ballot as { grades?: unknown }).grades)
      default:
        return `a ballot of kind ${quoted(kind)} is unknown`
    }
  }

  #single(choice: unknown): ReadBallot | string {
    const at = this.#place(choice)
    return typeof at === 'string' ? at : { kind: 'single', levels: [[at]] }
  }

  #approval(approves: unknown): ReadBallot | string {
    if (!Array.isArray(approves)) return 'approves is not a list of candidates'
    if (approves.length === 0) return 'it approves nobody; to be for nobody, abstain'
    const level = this.#level(approves)
    return typeof level === 'string' ? level : { kind: 'approval', levels: [level] }
  }

  #ranked(ranking: unknown): ReadBallot | string {
    if (!Array.isArray(ranking)) return 'ranking is not a list of levels'
    if (ranking.length === 0) return 'it ranks nobody; to be for nobody, abstain'
    const levels: (readonly number[])[] = []
    for (const given of ranking as unknown[]) {
      if (!Array.isArray(given)) return `level ${levels.length + 1} is not a list of candidates`
      if (given.length === 0) return `level ${levels.length + 1} is empty`
      const level = this.#level(given)
      if (typeof level === 'string') return level
      levels.push(level)
    }
    return { kind: 'ranked', levels }
  }

  #grades(given: unknown): ReadBallot | string {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) return 'grades is not an object'
    const graded: { place: number; grade: number }[] = []
    for (const [candidate, value] of Object.entries(given)) {
      const place = this.#place(candidate)
      if (typeof place === 'string') return place
      const grade = gradeOf(value)
      if (grade === undefined) return `the grade of ${quoted(candidate)} is not a number with at most six decimals`
      graded.push({ place, grade })
    }
    if (graded.length === 0) return 'it grades nobody; to be for nobody, abstain'
    const reason = this.#grading && scaleReason(this.#grading, graded)
    if (reason !== undefined) return reason
    graded.sort((a, b) => b.grade - a.grade || a.place - b.place)
    const levels: number[][] = []
    const grades: number[] = []
    for (const { place, grade } of graded) {
      if (grades.at(-1) === grade) levels.at(-1)?.push(place)
      else {
        levels.push([place])
        grades.push(grade)
      }
    }
    return { kind: 'grades', levels, grades }
  }

  #level(given: readonly unknown[]): readonly number[] | string {
    if (given.length === 1) {
      const place = this.#place(given[0])
      return typeof place === 'string' ? place : (this.#alone[place] as readonly number[])
    }
    const level: number[] = []
    for (const candidate of given) {
      const place = this.#place(candidate)
      if (typeof place === 'string') return place
      level.push(place)
    }
    return level
  }

  #place(candidate: unknown): number | string {
    const at = this.#index.get(candidate as Candidate)
    if (at === undefined) return `${quoted(candidate)} is not a candidate`
    if (this.#listedBy[at] === this.#ballots) return `${quoted(candidate)} is listed twice`
    this.#listedBy[at] = this.#ballots
    return at
  }
}

function quoted(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value)
    : typeof value
}
