/**
 * What the record of a debate holds, item by item, in order. Unlike events it knows no envelope: whoever keeps it wraps it.
 * All that decides is in it, so that the plan can be asked again after a crash and says the same. Types only.
 */
import type { CastVote } from '../participant.ts'
import type { Contribution, Quote, Usage } from '../participant.ts'

/** A turn as it was given, with what was struck of it. */
export interface SpokenItem extends Contribution {
  readonly item: 'contribution'
  /** Name of the phase. */
  readonly phase: string
  readonly side: string
  /** In the side's team, from 1. */
  readonly seat: number
  /** Of a question or an answer: which pair of its phase, from 1. */
  readonly pair?: number
  /** Quotes that do not stand in their source: kept here, shown neither to opponents nor to judges. */
  readonly struck?: readonly Quote[]
  /** True: the whole speech is not shown, since it cites nothing that verifies and the debate asks for that. */
  readonly uncited?: boolean
}

/** One vote of one member of the audience. */
export interface AudienceItem extends CastVote {
  readonly item: 'audience'
  readonly phase: string
  /** The side whose position was chosen; absent for the undecided. */
  readonly side?: string
}

/** One hearing of one judge. */
export interface JudgementItem {
  readonly item: 'judgement'
  readonly judge: string
  readonly stage: 'before' | 'after'
  /** Sides in the order in which they were heard: the first was `A` to this judge, the second `B`. */
  readonly order: readonly string[]
  /** `refused`: twice nothing that fits; `absent`: no answer. Neither counts. */
  readonly status: 'given' | 'abstained' | 'refused' | 'absent'
  /** Points by side and criterion. */
  readonly scores?: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Sides best first, each level a tie; only where there are no scores. */
  readonly ranking?: readonly (readonly string[])[]
  readonly reason: string
  readonly usage: Usage
  readonly notes?: readonly string[]
}

/** Talk was ended by what the record could not tell otherwise. */
export interface StopItem {
  readonly item: 'stop'
  readonly reason: 'time'
}

export type DebateItem = SpokenItem | AudienceItem | JudgementItem | StopItem
