/**
 * The audit record of a sealed poll, and its verification by somebody who trusts nobody. Unlike the closing of the poll, which
 * holds all ballots, the record holds what the poll's secrecy lets anybody see. Verification says what it checked, what does
 * not hold, and what a record of that kind does not let it check; it throws on nothing that stands in a record.
 */
import { canonicalJson } from '../base/canonical.ts'
import { messageOf } from '../base/error.ts'
import type { Ballot } from './ballot.ts'
import { checkTerms, electionOf } from './commit-reveal.ts'
import type { Commitment, Reveal, SealedClosing, SealedRefusal, SealedTerms, Unrevealed } from './commit-reveal.ts'
import { commitmentTo, digestText, isCommitment } from './commitment.ts'
import type { Digest } from './commitment.ts'
import type { Election } from './election.ts'
import type { Outcome } from './outcome.ts'

/** A reveal as the record shows it: with ballot and salt, or of a secret poll without. */
export interface AuditReveal {
  readonly voter: string
  readonly atMs: number
  readonly ballot?: Ballot
  readonly salt?: string
}

/** Plain JSON. */
export interface AuditRecord {
  readonly format: 'colloquy.vote.audit/1'
  readonly terms: SealedTerms
  readonly commitments: readonly Commitment[]
  readonly reveals: readonly AuditReveal[]
  readonly unrevealed: readonly Unrevealed[]
  readonly refusals: readonly SealedRefusal[]
  readonly refusalsUnlisted: number
  /** Of a secret poll: the digest of all ballots with their salts, for those who are shown them. */
  readonly sealed?: string
  /** Absent when the poll is void. Of a secret poll without the names of refused voters' ballots. */
  readonly outcome?: Outcome
  /** The digest of all else: who noted it elsewhere finds every later change. */
  readonly head: string
}

export function auditRecord(closing: SealedClosing, digest: Digest, outcome?: Outcome): AuditRecord {
  const { terms, commitments, reveals, unrevealed, refusals, refusalsUnlisted } = closing
  const secret = terms.secrecy === 'secret'
  const shown = outcome && (secret ? withoutReasons(outcome) : outcome)
  const body = {
    format: 'colloquy.vote.audit/1',
    terms,
    commitments,
    reveals: secret ? reveals.map(({ voter, atMs }) => ({ voter, atMs })) : reveals,
    unrevealed,
    refusals,
    refusalsUnlisted,
    ...(secret && { sealed: sealedDigest(reveals, digest) }),
    ...(shown && { outcome: shown }),
  } as const
  return { ...body, head: digestText(body, digest) }
}

/** The reason for a refusal may quote the ballot. */
function withoutReasons(outcome: Outcome): Outcome {
  const refused = outcome.counted.refused.map(({ voter }) => ({ voter, reason: 'the ballot cannot be counted' }))
  return { ...outcome, counted: { ...outcome.counted, refused } }
}

function sealedDigest(reveals: readonly Reveal[], digest: Digest): string {
  const ballots = reveals.map(({ voter, ballot, salt }) => ({ voter, ballot, salt }))
  return digestText(['colloquy.vote.sealed/1', ...ballots.sort((a, b) => (a.voter < b.voter ? -1 : 1))], digest)
}

export interface AuditOptions {
  /** The head as it was noted elsewhere; without it a record rewritten as a whole cannot be told from the first. */
  readonly head?: string
  /** Of a secret poll, for those who may see them: the ballots. */
  readonly ballots?: readonly Reveal[]
  /** Counts the election again by the rule and ties that the poll stated. Without it the outcome is not checked. */
  readonly recount?: (election: Election) => Outcome
}

export interface AuditReport {
  /** Nothing that was checked is wrong. Read with `open`: what was not checked may be. */
  readonly holds: boolean
  /** The head was handed in from elsewhere, and is this record's. */
  readonly anchored: boolean
  /** What does not hold, in plain sentences. */
  readonly faults: readonly string[]
  /** What could not be checked, and by whom it can. */
  readonly open: readonly string[]
}

export function verifyAudit(record: AuditRecord, digest: Digest, options: AuditOptions = {}): AuditReport {
  const faults: string[] = []
  const open: string[] = []
  try {
    new Audit(record, digest, options, faults, open).run()
  } catch (error) {
    faults.push(`The record cannot be read: ${messageOf(error)}`)
  }
  const anchored = options.head !== undefined && options.head === record?.head && faults.length === 0
  if (options.head === undefined) open.push('Unanchored: no head was given to compare with that of the record.')
  return { holds: faults.length === 0, anchored, faults, open }
}

class Audit {
  readonly #record: AuditRecord
  readonly #digest: Digest
  readonly #options: AuditOptions
  readonly #faults: string[]
  readonly #open: string[]

  constructor(record: AuditRecord, digest: Digest, options: AuditOptions, faults: string[], open: string[]) {
    this.#record = record
    this.#digest = digest
    this.#options = options
    this.#faults = faults
    this.#open = open
  }

  run(): void {
    const { head, ...body } = this.#record
    const { terms } = body
    if (body.format !== 'colloquy.vote.audit/1') this.#faults.push('The record is not of the format.')
    if (digestText(body, this.#digest) !== head)
      this.#faults.push('The head is not that of the record: it was changed.')
    if (this.#options.head !== undefined && this.#options.head !== head)
      this.#faults.push('The head is not the one that was given: this is another record.')
    const voters = checkTerms(terms)
    const commitments = this.#commitments(voters)
    const reveals = this.#reveals(commitments)
    this.#unrevealed(commitments)
    this.#outcome(reveals)
  }

  #commitments(voters: ReadonlySet<string>): Map<string, Commitment> {
    const { terms, commitments } = this.#record
    const known = new Map<string, Commitment>()
    const taken = new Set<string>()
    for (const each of commitments) {
      const { voter, commitment, atMs } = each
      if (!voters.has(voter)) this.#faults.push(`${voter} committed and may not vote.`)
      if (known.has(voter)) this.#faults.push(`${voter} committed twice.`)
      if (!isCommitment(commitment) || taken.has(commitment))
        this.#faults.push(`The commitment of ${voter} is none, or is another voter's.`)
      if (!(atMs < terms.commitUntilMs)) this.#faults.push(`The commitment of ${voter} was late.`)
      known.set(voter, each)
      taken.add(commitment)
    }
    return known
  }

  /** The reveals with their ballots, all right; undefined when the record does not hold them and they were not handed in. */
  #reveals(commitments: ReadonlyMap<string, Commitment>): readonly Reveal[] | undefined {
    const { terms, reveals, sealed } = this.#record
    const seen = new Set<string>()
    for (const { voter, atMs } of reveals) {
      if (seen.has(voter)) this.#faults.push(`${voter} revealed twice.`)
      if (!(atMs >= terms.commitUntilMs && atMs < terms.revealUntilMs))
        this.#faults.push(`The reveal of ${voter} was out of time.`)
      seen.add(voter)
    }
    const secret = terms.secrecy === 'secret'
    const shown = secret ? this.#options.ballots : (reveals as readonly Reveal[])
    if (secret && reveals.some((each) => 'ballot' in each || 'salt' in each))
      this.#faults.push('The record of a secret poll shows ballots.')
    if (!shown) {
      const who = (terms.seenBy ?? []).join(', ')
      this.#open.push(`Whether the ballots are those committed to and were counted so: ${who} can check that.`)
      return undefined
    }
    if (secret && sealedDigest(shown, this.#digest) !== sealed)
      this.#faults.push('The ballots handed in are not those that the record is sealed with.')
    if (secret && (shown.length !== seen.size || !shown.every(({ voter }) => seen.has(voter))))
      this.#faults.push('The ballots handed in are not of those who revealed.')
    for (const each of shown) this.#match(each, commitments.get(each.voter))
    return shown
  }

  #match({ voter, ballot, salt }: Reveal, committed: Commitment | undefined): void {
    if (!committed) {
      this.#faults.push(`${voter} revealed without a commitment.`)
      return
    }
    const given = commitmentTo({ poll: this.#record.terms.poll, voter, ballot, salt }, this.#digest)
    if (given !== committed.commitment)
      this.#faults.push(`Ballot and salt of ${voter} do not give the voter's commitment.`)
  }

  #unrevealed(commitments: ReadonlyMap<string, Commitment>): void {
    const { reveals, unrevealed } = this.#record
    const silent = new Set(commitments.keys())
    for (const { voter } of reveals)
      if (!silent.delete(voter)) this.#faults.push(`${voter} revealed and is not among those who committed.`)
    const told = new Set(unrevealed.map(({ voter }) => voter))
    if (told.size !== unrevealed.length || told.size !== silent.size || [...silent].some((voter) => !told.has(voter)))
      this.#faults.push('Those who did not reveal are not as the record tells.')
  }

  #outcome(reveals: readonly Reveal[] | undefined): void {
    const { terms, unrevealed, outcome } = this.#record
    const isVoid = terms.unrevealed === 'void' && unrevealed.length > 0
    if (isVoid && outcome) this.#faults.push('The poll is void and the record has an outcome.')
    if (isVoid || !reveals) return
    const { recount } = this.#options
    const election = electionOf(terms, reveals, unrevealed)
    if (!recount || !election) {
      this.#open.push('The outcome: hand in a recount by the rule of the poll.')
      return
    }
    const counted = recount(election)
    const again = terms.secrecy === 'secret' ? withoutReasons(counted) : counted
    if (!outcome || canonicalJson(again) !== canonicalJson(outcome))
      this.#faults.push('The ballots counted again do not give the outcome.')
  }
}
