/**
 * Delegation: voters who hand their weight to another, who may hand it on ("liquid democracy"; Blum and Zuber, "Liquid
 * democracy: potentials, problems, and perspectives", 2016). Unlike a tally it reads no ballot: it follows each delegation to
 * somebody who cast one, gives that ballot the weight, and records who votes for whom. A chain that leads nowhere, in a circle
 * or too far gives nobody anything; the voter then counts as absent. Nothing is passed on in silence.
 */
import { LimitExceeded } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import { electionLimits } from './election.ts'
import type { Absence, CastBallot, Delegation, Election, ExactInput } from './election.ts'
import { InvalidElection } from './error.ts'
import type { DelegationOutcome, IdleCause, IdleDelegation } from './outcome.ts'
import type { Refusal } from './profile.ts'
import { add, one, parseRational, toText, zero } from './rational.ts'
import type { Rational } from './rational.ts'

export interface Delegated {
  /** Without delegations: the weights are with those who vote, the others are absent. */
  readonly election: Election
  readonly outcome: DelegationOutcome
}

/** Longer texts of a weight are not read. */
const weightTextMax = 200
/** Names listed of a circle; one may be as long as the electorate. */
const circleNamesMax = 10

/**
 * Follows all delegations of an election; undefined when it has none. Throws `vote.invalid_election`,
 * `base.invalid_argument` and `base.limit_exceeded`.
 */
export function followDelegations(election: Election): Delegated | undefined {
  const { delegations } = election
  if (delegations === undefined) return undefined
  if (!Array.isArray(delegations)) throw new InvalidElection('delegations', 'must be a list; it may be empty')
  if (!Array.isArray(election.ballots)) throw new InvalidElection('ballots', 'must be a list; it may be empty')
  const voters = delegations.length + election.ballots.length
  if (voters > electionLimits.ballotsMax) throw new LimitExceeded('ballotsMax', electionLimits.ballotsMax, voters)
  const stepsMax = wholeNumber('delegationStepsMax', election.delegationStepsMax ?? 16, 1, 1000)
  return new Following(election, delegations, stepsMax).run()
}

/** What becomes known only with the ballots: the delegate's own was refused, so nobody's weight went with it. */
export function withRefusals(outcome: DelegationOutcome, refused: readonly Refusal[]): DelegationOutcome {
  const reasons = new Map(refused.map(({ voter, reason }) => [voter, reason]))
  const lost = outcome.carried.filter(({ by }) => reasons.has(by))
  if (lost.length === 0) return outcome
  const idle = lost.map(({ voter, to, by }): IdleDelegation => ({
    voter,
    to,
    cause: 'refused',
    reason: `the ballot of ${by} was refused: ${reasons.get(by)}`,
  }))
  return { carried: outcome.carried.filter(({ by }) => !reasons.has(by)), idle: [...outcome.idle, ...idle] }
}

/** Where a voter's weight ends: with the ballot of `by`, or nowhere and why. */
type End = { readonly by: string; readonly steps: number } | { readonly cause: IdleCause; readonly reason: string }

class Following {
  readonly #election: Election
  readonly #delegations: readonly Delegation[]
  readonly #stepsMax: number
  readonly #ballots = new Map<unknown, number>()
  readonly #delegatedTo = new Map<string, string[]>()
  readonly #ends = new Map<string, End>()

  constructor(election: Election, delegations: readonly Delegation[], stepsMax: number) {
    this.#election = election
    this.#delegations = delegations
    this.#stepsMax = stepsMax
    for (const cast of election.ballots) this.#ballots.set(cast?.voter, (this.#ballots.get(cast?.voter) ?? 0) + 1)
    for (const each of delegations) {
      if (!isName(each?.voter)) continue
      const known = this.#delegatedTo.get(each.voter)
      if (known) known.push(each.to)
      else this.#delegatedTo.set(each.voter, [each.to])
    }
  }

  run(): Delegated {
    const carried: { voter: string; to: string; by: string; steps: number; weight: string }[] = []
    const idle: IdleDelegation[] = []
    const received = new Map<string, Rational>()
    const absent: Absence[] = []
    const done = new Set<string>()
    for (const delegation of this.#delegations) {
      const voter = isName(delegation?.voter) ? delegation.voter : ''
      const to = isName(delegation?.to) ? delegation.to : ''
      const weight = weightOf(delegation?.weight)
      const end = this.#refusal(voter, to, weight) ?? this.#end(voter)
      if ('by' in end && weight) {
        carried.push({ voter, to, by: end.by, steps: end.steps, weight: toText(weight) })
        received.set(end.by, add(received.get(end.by) ?? zero, weight))
        continue
      }
      if (!('by' in end)) idle.push({ voter, to, ...end })
      const isAbsent = voter !== '' && !this.#ballots.has(voter) && !done.has(voter)
      if (isAbsent && weight) absent.push({ voter, weight: toText(weight) })
      if (weight) done.add(voter)
    }
    return { election: this.#direct(received, absent), outcome: { carried, idle } }
  }

  #refusal(voter: string, to: string, weight: Rational | undefined): End | undefined {
    if (voter === '' || to === '') return { cause: 'invalid', reason: 'it names no voter or nobody to vote for them' }
    const cast = this.#ballots.get(voter) ?? 0
    if (cast > 0) return { cause: 'own-ballot', reason: 'the voter cast a ballot, which counts instead' }
    const times = this.#delegatedTo.get(voter)?.length ?? 0
    if (times > 1) return { cause: 'doubled', reason: `the voter delegated ${times} times; none of them counts` }
    if (!weight) return { cause: 'invalid', reason: 'its weight is not a finite number of 0 or more' }
    return undefined
  }

  /** Walks on until somebody voted or the end is known, then tells all on the way; so each is walked over once. */
  #end(from: string): End {
    const way: string[] = []
    const onWay = new Map<string, number>()
    let at = from
    let end = this.#known(at)
    while (!end) {
      onWay.set(at, way.length)
      way.push(at)
      at = this.#delegatedTo.get(at)?.[0] as string
      const met = onWay.get(at)
      end = met === undefined ? this.#known(at) : circle(way.slice(met))
    }
    for (const voter of way.reverse()) {
      end = this.#stepOn(end)
      this.#ends.set(voter, end)
    }
    return end
  }

  #stepOn(end: End): End {
    if (!('by' in end)) return end
    const steps = end.steps + 1
    return steps <= this.#stepsMax
      ? { by: end.by, steps }
      : { cause: 'too-far', reason: `more than ${this.#stepsMax} steps lead to a ballot` }
  }

  /** Undefined for a voter whose one delegation leads on. */
  #known(voter: string): End | undefined {
    const ballots = this.#ballots.get(voter) ?? 0
    if (ballots === 1) return { by: voter, steps: 0 }
    if (ballots > 1) return { cause: 'no-ballot', reason: `${voter} cast ${ballots} ballots; none of them counts` }
    const known = this.#ends.get(voter)
    if (known) return known
    const to = this.#delegatedTo.get(voter)
    if (!to) return { cause: 'no-ballot', reason: `it leads to ${voter}, who neither voted nor delegated` }
    if (to.length > 1) return { cause: 'no-ballot', reason: `it leads to ${voter}, who delegated ${to.length} times` }
    return isName(to[0]) ? undefined : { cause: 'no-ballot', reason: `it leads to ${voter}, who delegated to nobody` }
  }

  #direct(received: ReadonlyMap<string, Rational>, absent: readonly Absence[]): Election {
    const { delegations: _delegations, delegationStepsMax: _stepsMax, ...election } = this.#election
    for (const each of election.absent ?? [])
      if (this.#delegatedTo.has(each?.voter))
        throw new InvalidElection('absent', `names ${JSON.stringify(each.voter)}, who delegated`)
    const ballots = election.ballots.map((cast): CastBallot => {
      const more = received.get(cast?.voter)
      const own = more && weightOf(cast.weight)
      return more && own ? { ...cast, weight: textOf(add(own, more)) } : cast
    })
    return { ...election, ballots, absent: [...(election.absent ?? []), ...absent] }
  }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function weightOf(given: ExactInput | undefined): Rational | undefined {
  if (given === undefined) return one
  const weight = typeof given === 'number' || typeof given === 'string' ? parseRational(given) : undefined
  return weight && weight.num >= 0n ? weight : undefined
}

function textOf(weight: Rational): string {
  const text = toText(weight)
  if (text.length > weightTextMax) throw new LimitExceeded('weightTextMax', weightTextMax, text.length)
  return text
}

function circle(names: readonly string[]): End {
  const shown = names.slice(0, circleNamesMax).join(' to ')
  const more = names.length > circleNamesMax ? ` and ${names.length - circleNamesMax} more` : ''
  return { cause: 'circle', reason: `it leads in a circle: ${shown}${more} to ${names[0]}` }
}
