/**
 * Profile: an election after checking, in the form in which rules count it: candidates as places in a list, weights as
 * whole units of one common denominator. Unlike an election it holds only ballots that count; the refused and the
 * abstentions stand beside it in the reading, with reasons and weights.
 */
import { LimitExceeded } from '../base/error.ts'
import { plainName } from '../base/limit.ts'
import type { BallotKind, Candidate } from './ballot.ts'
import { BallotReader } from './check.ts'
import type { ReadBallot } from './check.ts'
import { electionLimits } from './election.ts'
import type { Election, ExactInput, Unranked } from './election.ts'
import { InvalidElection } from './error.ts'
import {
  add,
  greatestCommonDivisor,
  multiply,
  one,
  parseRational,
  compare,
  rational,
  toText,
  zero,
} from './rational.ts'
import type { Grading } from './grading.ts'
import type { Rational } from './rational.ts'
import { Sums } from './sums.ts'
import type { Units } from './sums.ts'

export interface ProfileBallot {
  readonly kind: BallotKind
  /** Best first; places in `candidates`. A single choice is one level of one, an approval one level. */
  readonly levels: readonly (readonly number[])[]
  /** Of a ballot with grades the grade of each level, in millionths, the highest first. */
  readonly grades?: readonly number[]
  readonly units: Units
}

export interface Profile {
  readonly candidates: readonly Candidate[]
  readonly unranked: Unranked
  readonly ballots: readonly ProfileBallot[]
  /** Units in a weight of 1. */
  readonly scale: bigint
  /** Weight of all ballots here. */
  readonly weight: Rational
}

/** A ballot that was not counted, and why. */
export interface Refusal {
  readonly voter: string
  readonly reason: string
}

export interface QuorumReading {
  readonly share: Rational
  readonly eligible: Rational
  readonly needed: Rational
  readonly present: Rational
  readonly met: boolean
}

export interface Reading {
  readonly profile: Profile
  readonly refused: readonly Refusal[]
  readonly abstained: number
  readonly abstainedWeight: Rational
  readonly quorum?: QuorumReading
}

/** Checks an election for rules that count these kinds. Throws `vote.invalid_election` or `base.limit_exceeded`. */
export function readElection(election: Election, accepts: readonly BallotKind[], grading?: Grading): Reading {
  const reader = new BallotReader(checkCandidates(election.candidates), accepts, grading)
  const unranked = checkUnranked(election.unranked)
  const { book, counted, abstained, refused, refusedWeights } = sortBallots(election, reader)
  const absent = readAbsent(election, book)
  const scale = book.scale()
  const ballots = counted.map(({ kind, levels, grades, weight }) =>
    grades ? { kind, levels, grades, units: weight.units } : { kind, levels, units: weight.units },
  )
  const weight = sumOf(ballots, scale)
  const abstainedWeight = sumOf(abstained, scale)
  const present = add(weight, abstainedWeight)
  const quorum = readQuorum(election, present, add(present, sumOf([...refusedWeights, ...absent], scale)))
  return {
    profile: { candidates: [...election.candidates], unranked, ballots, scale, weight },
    refused,
    abstained: abstained.length,
    abstainedWeight,
    ...(quorum && { quorum }),
  }
}

function checkCandidates(candidates: readonly Candidate[]): Map<Candidate, number> {
  if (!Array.isArray(candidates) || candidates.length === 0)
    throw new InvalidElection('candidates', 'must be a list of at least one')
  if (candidates.length > electionLimits.candidatesMax)
    throw new LimitExceeded('candidatesMax', electionLimits.candidatesMax, candidates.length)
  const index = new Map<Candidate, number>()
  for (const candidate of candidates) {
    plainName('candidate', candidate, electionLimits.candidateMaxLength)
    if (index.has(candidate))
      throw new InvalidElection('candidates', `repeat ${JSON.stringify(candidate)}; name each once`)
    index.set(candidate, index.size)
  }
  return index
}

function checkUnranked(unranked: Unranked | undefined): Unranked {
  if (unranked === undefined || unranked === 'tied-last' || unranked === 'no-opinion') return unranked ?? 'tied-last'
  throw new InvalidElection('unranked', `must be tied-last or no-opinion; it is ${String(unranked).slice(0, 40)}`)
}

interface Sorted {
  readonly book: WeightBook
  readonly counted: readonly (ReadBallot & { readonly weight: Weight })[]
  readonly abstained: readonly Weight[]
  readonly refused: readonly Refusal[]
  /** One entry for each voter named whose ballot was refused and whose weight could be read. */
  readonly refusedWeights: readonly Weight[]
}

function sortBallots(election: Election, reader: BallotReader): Sorted {
  const { ballots } = election
  if (!Array.isArray(ballots)) throw new InvalidElection('ballots', 'must be a list; it may be empty')
  if (ballots.length > electionLimits.ballotsMax)
    throw new LimitExceeded('ballotsMax', electionLimits.ballotsMax, ballots.length)
  const book = new WeightBook()
  const castBy = new Map<unknown, number>()
  for (const cast of ballots) castBy.set(cast?.voter, (castBy.get(cast?.voter) ?? 0) + 1)
  const counted: (ReadBallot & { weight: Weight })[] = []
  const abstained: Weight[] = []
  const refused: Refusal[] = []
  const refusedWeights = new Map<string, Weight>()
  for (const cast of ballots) {
    const weight = book.read(cast?.weight)
    const reason = voterReason(cast?.voter, castBy.get(cast?.voter))
    const read = reason ?? (weight ? reader.read(cast.ballot) : weightReason(cast.weight))
    if (typeof read === 'string') {
      const voter = nameOf(cast?.voter)
      refused.push({ voter, reason: read })
      // Of a voter who cast several, the largest weight counts as eligible, once.
      const before = refusedWeights.get(voter)
      if (weight && voter && (!before || compare(weight.value, before.value) > 0)) refusedWeights.set(voter, weight)
    } else if (weight && read) counted.push({ ...read, weight })
    else if (weight) abstained.push(weight)
  }
  return { book, counted, abstained, refused, refusedWeights: [...refusedWeights.values()] }
}

function voterReason(voter: unknown, ballots = 0): string | undefined {
  if (typeof voter !== 'string' || voter === '') return 'it names no voter'
  return ballots > 1 ? `the voter cast ${ballots} ballots; none of them counts` : undefined
}

function weightReason(weight: unknown): string {
  const text = typeof weight === 'string' ? JSON.stringify(weight.slice(0, 40)) : undefined
  const shown = text ?? (typeof weight === 'number' ? weight : typeof weight)
  return `the weight ${shown} is not a finite number of 0 or more`
}

function nameOf(voter: unknown): string {
  return typeof voter === 'string' ? voter : ''
}

/** A weight as given, and in units once all weights of the election are known. */
interface Weight {
  readonly value: Rational
  units: Units
}

/** Above this a unit stays a bigint: a number times twice the candidates must leave room for sums below 2^53. */
const smallUnitsMax = 2n ** 40n

/** Reads each different weight once and finds the denominator common to all. */
class WeightBook {
  readonly #read = new Map<unknown, Weight | undefined>([[undefined, { value: one, units: 1 }]])

  /** Undefined when it is no finite number of 0 or more. */
  read(given: unknown): Weight | undefined {
    const known = this.#read.get(given)
    if (known || this.#read.has(given)) return known
    const value = typeof given === 'number' || typeof given === 'string' ? parseRational(given) : undefined
    const weight = value && value.num >= 0n ? { value, units: 0 } : undefined
    this.#read.set(given, weight)
    return weight
  }

  /** Sets the units of all weights and gives the units in a weight of 1. */
  scale(): bigint {
    let scale = 1n
    for (const weight of this.#read.values()) {
      const den = weight?.value.den ?? 1n
      if (scale % den === 0n) continue
      scale *= den / greatestCommonDivisor(scale, den)
      const digits = scale.toString().length
      if (digits > electionLimits.weightDigitsMax)
        throw new LimitExceeded('weightDigitsMax', electionLimits.weightDigitsMax, digits)
    }
    for (const weight of this.#read.values()) {
      if (!weight) continue
      const units = weight.value.den === scale ? weight.value.num : (weight.value.num * scale) / weight.value.den
      weight.units = units <= smallUnitsMax ? Number(units) : units
    }
    return scale
  }
}

/** The sum of units, as a weight. */
function sumOf(weights: readonly { readonly units: Units }[], scale: bigint): Rational {
  const sum = new Sums(1)
  for (const { units } of weights) sum.add(0, units)
  return rational(sum.total(0), scale)
}

function readAbsent(election: Election, book: WeightBook): Weight[] {
  const cast = new Set(election.ballots.map((each) => each?.voter))
  return (election.absent ?? []).map(({ voter, weight }) => {
    if (cast.has(voter)) throw new InvalidElection('absent', `names ${JSON.stringify(voter)}, who cast a ballot`)
    cast.add(voter)
    const read = book.read(weight)
    if (!read) throw new InvalidElection('absent', `gives ${JSON.stringify(voter)} a weight: ${weightReason(weight)}`)
    return read
  })
}

function readQuorum(election: Election, present: Rational, named: Rational): QuorumReading | undefined {
  if (!election.quorum) return undefined
  const share = readExact('quorum.share', election.quorum.share)
  if (compare(share, zero) < 0 || compare(share, one) > 0)
    throw new InvalidElection('quorum.share', `must be from 0 to 1; it is ${toText(share)}`)
  const { eligible: given } = election.quorum
  const eligible = given === undefined ? named : readExact('quorum.eligible', given)
  if (compare(eligible, present) < 0)
    throw new InvalidElection('quorum.eligible', `is ${toText(eligible)}, less than the ${toText(present)} present`)
  const needed = multiply(share, eligible)
  return { share, eligible, needed, present, met: compare(present, needed) >= 0 }
}

function readExact(field: string, given: ExactInput): Rational {
  const read = typeof given === 'number' || typeof given === 'string' ? parseRational(given) : undefined
  if (read) return read
  throw new InvalidElection(field, `must be a number or a fraction such as '2/3'; it is ${String(given).slice(0, 40)}`)
}
