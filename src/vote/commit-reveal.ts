/**
 * Commit-reveal: a poll in which everybody commits to a ballot before anybody shows one. Unlike a plain election it has two
 * deadlines and keeps a record of all that was refused. It is pure: time comes in with each call, the digest with the poll.
 *
 * 1. Until `commitUntilMs` each eligible voter may commit once. 2. From then until `revealUntilMs` who committed reveals ballot
 * and salt; a wrong reveal is recorded and may be mended, `revealsMax` times in all. 3. `close` settles those who did not
 * reveal by the stated policy, and gives the election to count and the record to audit. A call out of its time is refused and
 * recorded, never an error.
 */
import { canonicalJson } from '../base/canonical.ts'
import { InvalidArgument, LimitExceeded, messageOf } from '../base/error.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'
import type { Ballot } from './ballot.ts'
import { commitmentLimits, commitmentTo, isCommitment } from './commitment.ts'
import type { Digest } from './commitment.ts'
import { electionLimits } from './election.ts'
import type { CastBallot, Election, ExactInput } from './election.ts'
import { InvalidElection } from './error.ts'

/**
 * `public`: the record shows each voter's ballot. `pseudonymous`: it shows ballots under names that only whoever gave them out
 * can resolve; hand those names in as voters. `secret`: it shows commitments and who revealed, and no ballot; `seenBy` says
 * who may see the ballots, and anybody shown them can check them against the record.
 */
export type Secrecy = 'public' | 'secret' | 'pseudonymous'

export interface SealedVoter {
  readonly voter: string
  /** 0 or more. Default 1. */
  readonly weight?: ExactInput
}

/** What is settled before the first commitment; the record states all of it. */
export interface SealedTerms {
  /** Unlike that of any other poll of these voters, or a commitment of one could be used in the other. */
  readonly poll: string
  /** Who may vote. */
  readonly voters: readonly SealedVoter[]
  readonly secrecy: Secrecy
  /** Of a secret poll, and only there: who may see the ballots, one or more. */
  readonly seenBy?: readonly string[]
  /** In the same time as the calls. A commitment at this time or later is late. */
  readonly commitUntilMs: number
  /** A reveal at this time or later is late. */
  readonly revealUntilMs: number
  /**
   * What who committed and did not rightly reveal in time counts as: `absent` (default; no help to the quorum), `abstain`
   * (present, for nobody), `void` (the poll has no result, so that nobody gains by keeping silent).
   */
  readonly unrevealed?: 'absent' | 'abstain' | 'void'
  /** Reveals of one voter that are looked at, the right one included, 1 to 100. Default 3. */
  readonly revealsMax?: number
  /** All else that the count needs. */
  readonly election: Omit<Election, 'ballots' | 'absent' | 'delegations' | 'delegationStepsMax'>
}

/** Why a call was refused. `wrong`: the reveal does not give the voter's commitment. `copied`: another voter's commitment. */
export type SealedRefusalCause =
  | 'not-eligible'
  | 'malformed'
  | 'late'
  | 'early'
  | 'committed-before'
  | 'copied'
  | 'not-committed'
  | 'wrong'
  | 'revealed-before'
  | 'too-many'

export interface SealedRefusal {
  readonly call: 'commit' | 'reveal'
  readonly voter: string
  readonly atMs: number
  readonly cause: SealedRefusalCause
  readonly reason: string
}

export interface Commitment {
  readonly voter: string
  readonly commitment: string
  readonly atMs: number
}

export interface Reveal {
  readonly voter: string
  readonly ballot: Ballot
  readonly salt: string
  readonly atMs: number
}

/** Who committed and did not rightly reveal in time: with no call at all, a wrong one, or a late one. */
export interface Unrevealed {
  readonly voter: string
  readonly why: 'missing' | 'wrong' | 'late'
}

export interface SealedClosing {
  readonly terms: SealedTerms
  readonly commitments: readonly Commitment[]
  readonly reveals: readonly Reveal[]
  readonly unrevealed: readonly Unrevealed[]
  readonly refusals: readonly SealedRefusal[]
  /** Refusals beyond `sealedLimits.refusalsMax`: counted, and no longer listed. */
  readonly refusalsUnlisted: number
  /** Absent when the policy makes the poll void. */
  readonly election?: Election
}

/** Refusals listed; a flood is counted on. */
export const sealedLimits: { readonly refusalsMax: number } = { refusalsMax: 10_000 }

const termKeys = [
  'poll',
  'voters',
  'secrecy',
  'seenBy',
  'commitUntilMs',
  'revealUntilMs',
  'unrevealed',
  'revealsMax',
  'election',
]

export class SealedPoll {
  readonly terms: SealedTerms
  readonly #digest: Digest
  readonly #voters: ReadonlySet<string>
  readonly #commitments = new Map<string, Commitment>()
  readonly #taken = new Set<string>()
  readonly #reveals = new Map<string, Reveal>()
  readonly #tries = new Map<string, number>()
  readonly #why = new Map<string, Unrevealed['why']>()
  readonly #refusals: SealedRefusal[] = []
  #unlisted = 0
  #atMs = Number.MIN_SAFE_INTEGER
  #closed = false

  /** Throws `vote.invalid_election`, `base.invalid_argument`, `base.limit_exceeded`. */
  constructor(terms: SealedTerms, digest: Digest) {
    this.#voters = checkTerms(terms)
    this.terms = terms
    this.#digest = digest
  }

  /** Undefined when the commitment was taken. Times of calls may not go back: `base.invalid_argument`. */
  commit(voter: string, commitment: string, atMs: number): SealedRefusal | undefined {
    this.#moveTo(atMs)
    const refuse = (cause: SealedRefusalCause, reason: string) => this.#refuse('commit', voter, cause, reason)
    if (!this.#voters.has(voter)) return refuse('not-eligible', 'is not among the voters')
    if (atMs >= this.terms.commitUntilMs) return refuse('late', 'commitments ended before')
    if (!isCommitment(commitment)) return refuse('malformed', 'a commitment is 64 characters of lower-case hex')
    if (this.#commitments.has(voter)) return refuse('committed-before', 'the first commitment stands')
    if (this.#taken.has(commitment)) return refuse('copied', 'another voter committed to the same')
    this.#commitments.set(voter, { voter, commitment, atMs })
    this.#taken.add(commitment)
    return undefined
  }

  /** Undefined when the reveal was taken. The ballot of a refused one is kept nowhere. */
  reveal(voter: string, ballot: Ballot, salt: string, atMs: number): SealedRefusal | undefined {
    this.#moveTo(atMs)
    const refuse = (cause: SealedRefusalCause, reason: string) => this.#refuse('reveal', voter, cause, reason)
    const committed = this.#commitments.get(voter)
    if (!this.#voters.has(voter)) return refuse('not-eligible', 'is not among the voters')
    if (!committed) return refuse('not-committed', 'committed to nothing')
    if (atMs < this.terms.commitUntilMs) return refuse('early', 'others may still commit, and would see the ballot')
    if (this.#reveals.has(voter)) return refuse('revealed-before', 'the first right reveal stands')
    if (atMs >= this.terms.revealUntilMs) {
      if (!this.#why.has(voter)) this.#why.set(voter, 'late')
      return refuse('late', 'reveals ended before')
    }
    const tries = (this.#tries.get(voter) ?? 0) + 1
    this.#tries.set(voter, tries)
    const max = this.terms.revealsMax ?? 3
    if (tries > max) return refuse('too-many', `more than ${max} reveals`)
    const reason = this.#wrong(committed, ballot, salt)
    if (reason !== undefined) {
      this.#why.set(voter, 'wrong')
      return refuse('wrong', reason)
    }
    // A copy: who revealed may change the object afterwards, and the record must not follow.
    this.#reveals.set(voter, { voter, ballot: JSON.parse(canonicalJson(ballot)) as Ballot, salt, atMs })
    return undefined
  }

  /**
   * Ends the poll at `revealUntilMs` or later, or as soon as commitments ended and all have revealed; before that, and a second
   * time, `base.invalid_argument`.
   */
  close(atMs: number): SealedClosing {
    this.#moveTo(atMs)
    const complete = atMs >= this.terms.commitUntilMs && this.#reveals.size === this.#commitments.size
    if (atMs < this.terms.revealUntilMs && !complete)
      throw new InvalidArgument('atMs', `must be ${this.terms.revealUntilMs} or later; some may still reveal`)
    this.#closed = true
    const commitments = [...this.#commitments.values()]
    const reveals = [...this.#reveals.values()]
    const unrevealed = commitments
      .filter(({ voter }) => !this.#reveals.has(voter))
      .map(({ voter }): Unrevealed => ({ voter, why: this.#why.get(voter) ?? 'missing' }))
    const election = electionOf(this.terms, reveals, unrevealed)
    return {
      terms: this.terms,
      commitments,
      reveals,
      unrevealed,
      refusals: [...this.#refusals],
      refusalsUnlisted: this.#unlisted,
      ...(election && { election }),
    }
  }

  #wrong({ voter, commitment }: Commitment, ballot: Ballot, salt: string): string | undefined {
    try {
      const shown = commitmentTo({ poll: this.terms.poll, voter, ballot, salt }, this.#digest)
      return shown === commitment ? undefined : 'ballot and salt do not give the commitment'
    } catch (error) {
      return messageOf(error)
    }
  }

  #moveTo(atMs: number): void {
    wholeNumber('atMs', atMs, Number.MIN_SAFE_INTEGER)
    if (this.#closed) throw new InvalidArgument('atMs', 'is after the close; the poll takes nothing more')
    if (atMs < this.#atMs) throw new InvalidArgument('atMs', `must not go back; the last call was at ${this.#atMs}`)
    this.#atMs = atMs
  }

  #refuse(call: SealedRefusal['call'], voter: string, cause: SealedRefusalCause, reason: string): SealedRefusal {
    const name = typeof voter === 'string' ? voter.slice(0, commitmentLimits.nameMaxLength).toWellFormed() : ''
    const refusal = { call, voter: name, atMs: this.#atMs, cause, reason }
    if (this.#refusals.length < sealedLimits.refusalsMax) this.#refusals.push(refusal)
    else this.#unlisted++
    return refusal
  }
}

/** The election that a closing gives; undefined when it is void. */
export function electionOf(
  terms: SealedTerms,
  reveals: readonly Pick<Reveal, 'voter' | 'ballot'>[],
  unrevealed: readonly Unrevealed[],
): Election | undefined {
  const policy = terms.unrevealed ?? 'absent'
  if (policy === 'void' && unrevealed.length > 0) return undefined
  const revealed = new Map(reveals.map(({ voter, ballot }) => [voter, ballot]))
  const silent = new Set(policy === 'abstain' ? unrevealed.map(({ voter }) => voter) : [])
  const ballots: CastBallot[] = []
  const absent: SealedVoter[] = []
  for (const each of terms.voters) {
    const ballot = revealed.get(each.voter) ?? (silent.has(each.voter) ? { kind: 'abstain' as const } : undefined)
    if (ballot) ballots.push({ ...each, ballot })
    else absent.push(each)
  }
  return { ...terms.election, ballots, absent }
}

/** Checks the terms and gives the voters. */
export function checkTerms(terms: SealedTerms): ReadonlySet<string> {
  checkKeys('terms', terms, termKeys)
  plainName('poll', terms.poll, commitmentLimits.nameMaxLength)
  if (!['public', 'secret', 'pseudonymous'].includes(terms.secrecy))
    throw new InvalidArgument('secrecy', 'must be public, secret or pseudonymous')
  const seenBy = terms.seenBy ?? []
  if (!Array.isArray(seenBy) || (terms.secrecy === 'secret') !== seenBy.length > 0)
    throw new InvalidArgument('seenBy', 'must say who may see the ballots of a secret poll, and of no other')
  for (const name of seenBy) plainName('seenBy', name, commitmentLimits.nameMaxLength)
  wholeNumber('commitUntilMs', terms.commitUntilMs, Number.MIN_SAFE_INTEGER)
  wholeNumber('revealUntilMs', terms.revealUntilMs, terms.commitUntilMs + 1)
  wholeNumber('revealsMax', terms.revealsMax ?? 3, 1, 100)
  if (!['absent', 'abstain', 'void'].includes(terms.unrevealed ?? 'absent'))
    throw new InvalidArgument('unrevealed', 'must be absent, abstain or void')
  return checkVoters(terms)
}

function checkVoters({ voters, election }: SealedTerms): ReadonlySet<string> {
  const fromPoll = ['ballots', 'absent', 'delegations']
  if (typeof election !== 'object' || election === null || fromPoll.some((key) => key in election))
    throw new InvalidArgument(
      'election',
      'must be an election without ballots and absences, which come from the poll, and without delegations, which would show',
    )
  if (!Array.isArray(voters) || voters.length === 0)
    throw new InvalidElection('voters', 'must be a list of at least one')
  if (voters.length > electionLimits.ballotsMax)
    throw new LimitExceeded('ballotsMax', electionLimits.ballotsMax, voters.length)
  const known = new Set<string>()
  for (const each of voters) {
    checkKeys('voters', each, ['voter', 'weight'])
    plainName('voter', each.voter, commitmentLimits.nameMaxLength)
    if (known.has(each.voter))
      throw new InvalidElection('voters', `repeat ${JSON.stringify(each.voter)}; name each once`)
    known.add(each.voter)
  }
  return known
}
