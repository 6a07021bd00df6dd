/**
 * Participant: anyone who can take part in a deliberation: plain code, a language model, a person, a remote service.
 * Unlike an actor it needs no mailbox: the discussion asks, it answers, or it is recorded as absent. Interfaces only.
 *
 * A participant must answer from what it is given: after a crash the same turn may be asked again of a new instance, with
 * the same transcript. Whatever it holds besides is a cache.
 */
import type { Random } from '../base/random.ts'
import type { AskedKind, Ballot } from '../vote/ballot.ts'
import type { Grading } from '../vote/grading.ts'

/** A passage quoted from the evidence, with its place. */
export interface Quote {
  readonly text: string
  /** Path of the document, relative to the evidence root, with `/`. */
  readonly source: string
  /** First line of the quote in the source, from 1; of a PDF the page; 0 where the speaker named no source. */
  readonly line: number
  /** Found verbatim in the source, white space aside. What is not verified is kept and shown as such. */
  readonly verified: boolean
  /** The option that the speaker says the quote bears on, and whether for or against it. */
  readonly bearing?: { readonly option: string; readonly direction: 'for' | 'against' }
}

export interface Usage {
  readonly inputTokens: number
  readonly outputTokens: number
  /** What it cost in US dollars, where whoever answers knows. */
  readonly usd?: number
  /** Counted from characters, not reported by a provider. */
  readonly estimated?: boolean
}

/** An upper bound of what a turn will cost, for budgets that are kept before a call is made. */
export interface Estimate {
  readonly tokens: number
  readonly usd?: number
}

/** How much somebody wants to speak next. */
export interface Bid {
  /** From 0, not at all, to 1. */
  readonly urgency: number
  readonly usage: Usage
}

/** Who is to speak next, as a moderator says it. */
export interface Chosen {
  /** One of the candidates. */
  readonly speaker: string
  readonly reason?: string
  readonly usage: Usage
}

/** A text that the discussion works on. */
export interface Draft {
  /** From 1. */
  readonly version: number
  readonly by: string
  readonly text: string
}

/**
 * What a turn asks for: `draft` a sealed first draft; `speech` a turn of a discussion; `critique` what is wrong with a draft or
 * with what others said; `revision` a better one; `synthesis` one text of all; `dissent` what of it the speaker does not share; `opening`, `rebuttal`, `question`,
 * `answer` and `closing` are those of a debate.
 */
export type Act =
  | 'draft'
  | 'speech'
  | 'critique'
  | 'revision'
  | 'synthesis'
  | 'dissent'
  | 'opening'
  | 'rebuttal'
  | 'question'
  | 'answer'
  | 'closing'

/** Whom a speaker of a debate speaks for. */
export interface Side {
  /** Unique in the debate: `pro`, `con`, `opening-government`. */
  readonly name: string
  /** What it stands for, in words. */
  readonly position: string
  /** The option that it argues for, or against, where the motion has options. */
  readonly bearing?: { readonly option: string; readonly direction: 'for' | 'against' }
}

/** What a speaker holds best at the end of its turn. */
export interface Position {
  /** One of the options. */
  readonly option: string
  /** From 0 to 1. */
  readonly confidence?: number
}

/** What a participant says in one turn. */
export interface Speech {
  readonly text: string
  readonly quotes: readonly Quote[]
  readonly usage: Usage
  /** Ids of the contributions that it answers. */
  readonly answers?: readonly string[]
  readonly position?: Position
  /** Nothing to add: heard, but not new. When everybody passes in one round, the discussion has ended. */
  readonly pass?: boolean
  /** What a reader of the record should know, such as a call that was made twice. */
  readonly notes?: readonly string[]
}

/** A turn as it stands in the record. */
export interface Contribution {
  /** Unique in its discussion and the same on every run of it: `c1`, `c2`. What `answers` name. */
  readonly id: string
  /** Place in the transcript, from 1. */
  readonly number: number
  readonly participant: string
  /** 0: the sealed first drafts; then the rounds from 1. */
  readonly round: number
  readonly status: 'given' | 'passed' | 'absent'
  /** Absent in records of plain discussions: a draft in round 0, else a speech. */
  readonly act?: Act
  /** Name of the side that it spoke for. */
  readonly side?: string
  readonly position?: Position
  readonly text: string
  readonly quotes: readonly Quote[]
  readonly answers: readonly string[]
  readonly usage: Usage
  /** Why it is absent. */
  readonly reason?: string
  readonly notes?: readonly string[]
}

export interface Turn {
  readonly topic: string
  readonly options: readonly string[]
  /** 0: a sealed first draft, nothing of the others is visible. */
  readonly round: number
  /** Rounds planned after the drafts. */
  readonly rounds: number
  /** Default: `draft` in round 0, else `speech`. Who does not know an act speaks as in a `speech`. */
  readonly act?: Act
  /** What the format asks for in words. */
  readonly task?: string
  readonly side?: Side
  /** The shared text as it stands, where the discussion refines one. */
  readonly draft?: Draft
  /** What this participant may see, in order; its own contributions included. */
  readonly transcript: readonly Contribution[]
  /** Repeatable chance of this participant for this turn. */
  readonly random: Random
  /** Shows text while it forms: a preview that may still change, never the record. */
  readonly preview: (text: string) => void
}

export interface Motion {
  readonly topic: string
  readonly options: readonly string[]
  /** The kind of ballot that the rule counts. */
  readonly ballot: AskedKind
  /** Of ballots with grades: the scale, and what else a ballot must keep to. */
  readonly scale?: Grading
  /** To whom the voter may hand its vote instead of casting one; absent where the poll takes no delegations. */
  readonly delegates?: readonly string[]
  readonly transcript: readonly Contribution[]
  readonly random: Random
  /** Why the first ballot was refused, when this asks once more. */
  readonly refused?: string
}

/** A vote with its reasons. */
export interface Vote {
  readonly ballot: Ballot
  /** One of the motion's `delegates`, who votes for this voter too; the ballot is then an abstention. */
  readonly delegate?: string
  readonly reason: string
  readonly usage: Usage
  readonly notes?: readonly string[]
}

/** A ballot as it stands in the record. */
export interface CastVote {
  readonly participant: string
  /**
   * `absent`: it never answered, or failed to; its ballot is then an abstention that does not count as presence. `delegated`: another
   * votes for it, and its ballot says nothing.
   */
  readonly status: 'cast' | 'abstained' | 'absent' | 'delegated'
  /** Who votes for it. */
  readonly to?: string
  readonly ballot: Ballot
  /** Why it was cast so, or why it counts as an abstention. */
  readonly reason: string
  readonly usage: Usage
  readonly notes?: readonly string[]
}

export interface Participant {
  /** Unique in its discussion. */
  readonly name: string
  /** What answers: `extractive`, or the model's name. Shown with every contribution. */
  readonly kind: string
  /** One turn. A throw or a passed deadline is recorded as absence, with the reason. */
  contribute(turn: Turn, signal: AbortSignal): Promise<Speech>
  /**
   * One ballot. An invalid one is asked for once more, then recorded as an abstention; a throw or a passed deadline is
   * recorded as absence, which does not help the quorum. Either with the reason.
   */
  cast(motion: Motion, signal: AbortSignal): Promise<Vote>
  /** What the turn may cost at most. Optional: without it nothing is kept for the turn, and what it costs too much is told. */
  estimate?(turn: Turn): Estimate
  /** Where the floor goes to the highest bid. Optional: who has none, fails or is late bids 0. */
  bid?(turn: Turn, signal: AbortSignal): Promise<Bid>
  /** As a moderator: who speaks next. Optional: without it the next in order does. */
  choose?(turn: Turn, candidates: readonly string[], signal: AbortSignal): Promise<Chosen>
  /** Hears a contribution as soon as it counts. Optional; it must not wait. */
  observe?(contribution: Contribution): void
}
