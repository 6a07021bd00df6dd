/**
 * The ballots of a sealed poll, from asking to reveal. Unlike `SealedPoll` of `src/vote`, which judges commitments and reveals, it
 * keeps the ballots of participants who cannot keep a secret themselves, records every step, and goes on from any of them. Times in the
 * audit are steps of the poll, not of a clock: a poll that was interrupted for a week makes nobody late.
 */
import type { Entropy } from '../base/entropy.ts'
import { assert } from '../base/error.ts'
import type { Ballot } from '../vote/ballot.ts'
import { SealedPoll } from '../vote/commit-reveal.ts'
import type { SealedClosing, SealedTerms } from '../vote/commit-reveal.ts'
import { commitmentTo } from '../vote/commitment.ts'
import { totalUsage } from './core/spending.ts'
import { sha256 } from './poll-plan.ts'
import type { Attendance, PollPlan } from './poll-plan.ts'
import type { CastVote, Usage } from './participant.ts'
import { runPoll } from './poll.ts'
import type { PollOptions } from './poll.ts'
import type { Sealer } from './sealer.ts'

/** A participant was asked, and what it answered is fixed. */
export interface SealedVote {
  readonly item: 'sealed'
  readonly participant: string
  /** `absent`: it never answered, or failed to, for this reason. */
  readonly status: 'sealed' | 'absent'
  readonly reason?: string
  /** The vote and its salt, for the sealer. */
  readonly sealed?: string
  /** Not of a pseudonymous poll, where it would tie the voter to a ballot. */
  readonly commitment?: string
  readonly usage: Usage
}

/** Of a pseudonymous poll: the commitment under the drawn name; all of them together, in order of those names. */
export interface SealedCommitment {
  readonly item: 'commitment'
  readonly voter: string
  readonly commitment: string
}

export interface SealedReveal {
  readonly item: 'reveal'
  readonly voter: string
  /** Not of a secret poll. */
  readonly ballot?: Ballot
  readonly salt?: string
  readonly reason?: string
  /** Why there is none: the sealed ballot cannot be opened, or does not give the commitment. */
  readonly refused?: string
}

export type SealedItem = SealedVote | SealedCommitment | SealedReveal

interface Kept {
  readonly vote: CastVote
  readonly voter: string
  readonly salt: string
}

/** One who committed, by the name that stands in the audit. */
interface Committed {
  readonly voter: string
  readonly commitment: string
  readonly kept: Kept | undefined
}

export interface SealedBallotsOptions {
  readonly poll: string
  readonly plan: PollPlan
  readonly entropy: Entropy
  readonly sealer: Sealer
  readonly recorded: readonly SealedItem[]
  readonly record: (item: SealedItem) => Promise<unknown>
}

export interface SealedEnd {
  readonly closing: SealedClosing
  readonly votes: readonly CastVote[]
  readonly attendance: readonly Attendance[]
  readonly usage: Usage
}

const noUsage: Usage = { inputTokens: 0, outputTokens: 0 }

export class SealedBallots {
  readonly #options: SealedBallotsOptions
  readonly #asked: Omit<PollOptions, 'record' | 'recorded'>
  readonly #sealer: Sealer
  readonly #items: SealedItem[]
  readonly #isPseudonymous: boolean
  readonly #isSecret: boolean

  constructor(options: SealedBallotsOptions, asked: Omit<PollOptions, 'record' | 'recorded'>) {
    const { sealer, plan, recorded } = options
    this.#options = options
    this.#asked = asked
    this.#sealer = sealer
    this.#items = [...recorded]
    this.#isPseudonymous = plan.secrecy === 'pseudonymous'
    this.#isSecret = plan.secrecy === 'secret'
  }

  async run(): Promise<SealedEnd> {
    await this.#ask()
    const sealed = this.#items.filter((item) => item.item === 'sealed')
    const committed = await this.#commitments(sealed)
    const poll = new SealedPoll(this.#terms(sealed, committed), sha256)
    let step = 0
    for (const { voter, commitment } of committed) {
      const refused = poll.commit(voter, commitment, ++step)
      assert(!refused, `a commitment of our own is refused: ${refused?.reason}`)
    }
    step = poll.terms.commitUntilMs
    for (const each of committed) await this.#reveal(poll, each, step++)
    return {
      closing: poll.close(poll.terms.revealUntilMs),
      votes: this.#shown(sealed),
      attendance: sealed.map(({ participant, status }) => ({ participant, status })),
      usage: totalUsage(sealed.map((item) => item.usage)),
    }
  }

  /** What is asked is what any poll asks; only what is recorded of it differs. */
  async #ask(): Promise<void> {
    const known = this.#items.flatMap((item) => (item.item === 'sealed' ? [placeholder(item)] : []))
    await runPoll({
      ...this.#asked,
      recorded: known,
      record: async (vote) => {
        await this.#record(this.#seal(vote))
        return vote
      },
    })
  }

  #seal(vote: CastVote): SealedVote {
    const { participant, status, usage } = vote
    if (status === 'absent') return { item: 'sealed', participant, status, reason: vote.reason, usage }
    const { poll, entropy } = this.#options
    const hex = (length: number) => Buffer.from(entropy.bytes(length)).toString('hex')
    const voter = this.#isPseudonymous ? `voter-${hex(8)}` : participant
    const kept: Kept = { vote: { ...vote, participant: voter, usage: noUsage }, voter, salt: hex(32) }
    const commitment = commitmentTo({ poll, voter, ballot: vote.ballot, salt: kept.salt }, sha256)
    return {
      item: 'sealed',
      participant,
      status: 'sealed',
      sealed: this.#sealer.seal(JSON.stringify(kept), this.#label(participant)),
      ...(!this.#isPseudonymous && { commitment }),
      usage,
    }
  }

  #label(participant: string): string {
    return JSON.stringify(['colloquy.poll.sealed/1', this.#options.poll, participant])
  }

  #open({ participant, sealed = '' }: SealedVote): Kept | undefined {
    const text = this.#sealer.open(sealed, this.#label(participant))
    return text === undefined ? undefined : (JSON.parse(text) as Kept)
  }

  /** Who committed, in the order of the audit. Under drawn names that is their order, which tells nothing. */
  async #commitments(sealed: readonly SealedVote[]): Promise<readonly Committed[]> {
    const given = sealed.filter((item) => item.status === 'sealed').map((item) => ({ item, kept: this.#open(item) }))
    if (!this.#isPseudonymous)
      return given.map(({ item, kept }) => ({ voter: item.participant, commitment: item.commitment ?? '', kept }))
    const byVoter = new Map(given.flatMap(({ kept }) => (kept ? [[kept.voter, kept] as const] : [])))
    const known = new Map(
      this.#items.flatMap((each) => (each.item === 'commitment' ? [[each.voter, each] as const] : [])),
    )
    for (const voter of [...byVoter.keys()].sort()) {
      if (known.has(voter)) continue
      const { vote, salt } = byVoter.get(voter)!
      const commitment = commitmentTo({ poll: this.#options.poll, voter, ballot: vote.ballot, salt }, sha256)
      const item: SealedCommitment = { item: 'commitment', voter, commitment }
      known.set(voter, item)
      await this.#record(item)
    }
    return [...known.values()]
      .toSorted((a, b) => (a.voter < b.voter ? -1 : 1))
      .map(({ voter, commitment }) => ({ voter, commitment, kept: byVoter.get(voter) }))
  }

  #terms(sealed: readonly SealedVote[], committed: readonly Committed[]): SealedTerms {
    const { poll, plan } = this.#options
    const { options, participants } = this.#asked
    const weightOf = (name: string) => plan.weights?.[name] ?? 1
    const names = sealed.map(({ participant }) => participant)
    const voters = this.#isPseudonymous
      ? [
          ...committed.map(({ voter }) => ({ voter, weight: weightOf(names[0] ?? '') })),
          // Who is absent is known by name and has no ballot to hide; nor has whose sealed ballot cannot be opened.
          ...Array.from({ length: names.length - committed.length }, (_, at) => ({
            voter: `no ballot ${at + 1}`,
            weight: weightOf(names[0] ?? ''),
          })),
        ]
      : names.map((voter) => ({ voter, weight: weightOf(voter) }))
    return {
      poll,
      voters,
      secrecy: plan.secrecy ?? 'public',
      ...(this.#isSecret && { seenBy: plan.seenBy ?? [] }),
      commitUntilMs: participants.length + 1,
      revealUntilMs: 2 * participants.length + 2,
      ...(plan.unrevealed && { unrevealed: plan.unrevealed }),
      election: { candidates: options, ...(plan.quorum && { quorum: plan.quorum }) },
    }
  }

  /** Shows a ballot as far as the secrecy lets it; one of a secret poll goes to the count alone. */
  async #reveal(poll: SealedPoll, { voter, kept, commitment }: Committed, step: number): Promise<void> {
    const known = this.#items.find((item) => item.item === 'reveal' && item.voter === voter) as SealedReveal | undefined
    const ballot = known?.ballot ?? kept?.vote.ballot
    const salt = known?.salt ?? kept?.salt
    if (!ballot || salt === undefined) {
      await this.#refuse(known, voter, 'the sealed ballot cannot be opened with this key')
      return
    }
    const isRight = holds(commitment, { poll: poll.terms.poll, voter, ballot, salt })
    if (!isRight) await this.#refuse(known, voter, 'ballot and salt do not give the commitment')
    else if (!known) {
      const shown = { ballot, salt, ...(kept && { reason: kept.vote.reason }) }
      await this.#record({ item: 'reveal', voter, ...(!this.#isSecret && shown) })
    }
    poll.reveal(voter, ballot, salt, step)
  }

  async #refuse(known: SealedReveal | undefined, voter: string, refused: string): Promise<void> {
    if (!known) await this.#record({ item: 'reveal', voter, refused })
  }

  #shown(sealed: readonly SealedVote[]): readonly CastVote[] {
    if (this.#isSecret) return []
    const usages = new Map(sealed.map((item) => [item.participant, item.usage]))
    const reveals = this.#items.flatMap((item): CastVote[] => {
      if (item.item !== 'reveal' || !item.ballot) return []
      const { voter, ballot, reason = '' } = item
      const status = ballot.kind === 'abstain' ? 'abstained' : 'cast'
      return [{ participant: voter, status, ballot, reason, usage: usages.get(voter) ?? noUsage }]
    })
    const absent = sealed.filter((item) => item.status === 'absent').map((item) => placeholder(item))
    return [...reveals, ...absent]
  }

  async #record(item: SealedItem): Promise<void> {
    await this.#options.record(item)
    this.#items.push(item)
  }
}

function holds(commitment: string, shown: Parameters<typeof commitmentTo>[0]): boolean {
  try {
    return commitmentTo(shown, sha256) === commitment
  } catch {
    return false
  }
}

/** For the poll, which asks nobody of whom it has a vote. */
function placeholder({ participant, status, reason = '', usage }: SealedVote): CastVote {
  const isAbsent = status === 'absent'
  return { participant, status: isAbsent ? 'absent' : 'abstained', ballot: { kind: 'abstain' }, reason, usage }
}
