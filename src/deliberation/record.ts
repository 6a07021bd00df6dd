/**
 * The record of a discussion: all that happened in it and that decides what comes next, in order. Unlike the transcript, which is what
 * participants said, it holds who was given the floor, what straw polls said, what a person decided on the budget and why the talk
 * ended. It is plain JSON. Types and guards only.
 *
 * What is in it is never asked again. Where an answer from outside decides, the answer is an item, so that the same record leads to the
 * same next step on every run.
 */
import type { Budget, DiscussionEnd } from './core/plan.ts'
import type { CastVote, Contribution, Usage } from './participant.ts'

/** Who was given the floor by bids, by a moderator or by the selector. */
export interface FloorChoice {
  readonly item: 'choice'
  readonly round: number
  readonly by: 'bids' | 'moderator' | 'selector'
  readonly speaker: string
  readonly bids?: readonly { readonly participant: string; readonly urgency: number }[]
  readonly reason?: string
  /** Of all who were asked. */
  readonly usage: Usage
  readonly notes?: readonly string[]
}

/** Ballots cast between rounds, or when the talk was over; they decide nothing. */
export interface StrawPoll {
  readonly item: 'poll'
  /** The round after which it was held. */
  readonly round: number
  readonly votes: readonly CastVote[]
}

/** What a person decided when a part of the budget was used up. */
export interface Escalation {
  readonly item: 'escalation'
  readonly reason: DiscussionEnd
  readonly decision: 'conclude' | 'stop' | 'more'
  /** The budget from now on, with `more`. */
  readonly budget?: Budget
  readonly by: string
}

/** The talk is over; what follows is the synthesis, the dissent and the last straw poll. */
export interface TalkEnd {
  readonly item: 'end'
  readonly reason: DiscussionEnd
}

export type DiscussionItem = Contribution | FloorChoice | StrawPoll | Escalation | TalkEnd

/** True for what a participant said, passed on, or was absent from. */
export function isContribution(item: DiscussionItem): item is Contribution {
  return !('item' in item)
}

/** What was said, in order. */
export function contributionsOf(record: readonly DiscussionItem[]): readonly Contribution[] {
  return record.filter(isContribution)
}

type Decisive = Exclude<DiscussionItem, Contribution>

/** The last item of a kind that is no contribution; undefined where there is none. */
export function lastOf<Kind extends Decisive['item']>(
  record: readonly DiscussionItem[],
  kind: Kind,
): Extract<Decisive, { readonly item: Kind }> | undefined {
  return record.findLast(
    (item): item is Extract<Decisive, { readonly item: Kind }> => !isContribution(item) && item.item === kind,
  )
}
