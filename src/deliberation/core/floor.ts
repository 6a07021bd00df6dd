/**
 * The floor: who may speak next in a round, by the plan and the record. Where somebody outside decides (bids, a moderator, a selector) it
 * says so, and reads the answer from the record afterwards. Pure.
 */
import type { Act, Contribution } from '../participant.ts'
import { contributionsOf, isContribution } from '../record.ts'
import type { DiscussionItem, FloorChoice } from '../record.ts'
import type { DiscussionPlan, Floor } from './plan.ts'

export type FloorStep =
  /** These, at the same time where `sealed`. */
  | { readonly kind: 'ask'; readonly participants: readonly string[]; readonly sealed: boolean }
  /** One of these, and somebody outside says which. */
  | { readonly kind: 'choose'; readonly by: FloorChoice['by']; readonly candidates: readonly string[] }

/** What a round from 1 on asks for. */
export function actOf(plan: DiscussionPlan, round: number): Act {
  const acts = plan.acts ?? ['speech']
  return acts[(round - 1) % acts.length] as Act
}

/** Who speaks in a round, in order. */
export function speakersOf(plan: DiscussionPlan, round: number): readonly string[] {
  const { editor, participants } = plan
  if (editor === undefined || round === 0) return participants
  const act = actOf(plan, round)
  if (act === 'revision') return [editor]
  return act === 'critique' ? participants.filter((name) => name !== editor) : participants
}

/** Who speaks next in this round; undefined when it is whole. */
export function nextInRound(
  plan: DiscussionPlan,
  record: readonly DiscussionItem[],
  round: number,
): FloorStep | undefined {
  const speakers = speakersOf(plan, round)
  const said = contributionsOf(record).filter((each) => each.round === round)
  const floor: Floor = round === 0 ? { kind: 'together' } : (plan.floor ?? { kind: 'round-robin' })
  if (!isGiven(floor)) {
    const missing = speakers.filter((name) => !said.some(({ participant }) => participant === name))
    if (missing.length === 0) return undefined
    const together = floor.kind === 'together'
    return { kind: 'ask', participants: together ? missing : missing.slice(0, 1), sealed: together }
  }
  if (said.length >= speakers.length) return undefined
  const candidates = candidatesOf(speakers, contributionsOf(record), floor.repeatsMax ?? 1)
  const [only] = candidates
  const ask = (name: string): FloorStep => ({ kind: 'ask', participants: [name], sealed: false })
  if (candidates.length === 1) return ask(only as string)
  if (floor.kind === 'mention') return ask(mentioned(plan, contributionsOf(record), candidates))
  // A person who was asked for more budget since has not undone the choice.
  const last = record.findLast((item) => isContribution(item) || item.item === 'choice')
  if (last && !isContribution(last) && last.item === 'choice' && last.round === round) return ask(last.speaker)
  return { kind: 'choose', by: floor.kind, candidates }
}

type GivenFloor = Exclude<Floor, { readonly kind: 'round-robin' | 'together' }>

/** A floor that goes from one to another, turn by turn. */
function isGiven(floor: Floor): floor is GivenFloor {
  return floor.kind !== 'round-robin' && floor.kind !== 'together'
}

/** All but whoever spoke as often in a row as one may. */
function candidatesOf(
  speakers: readonly string[],
  said: readonly Contribution[],
  repeatsMax: number,
): readonly string[] {
  const last = said.filter(({ round }) => round > 0).slice(-repeatsMax)
  const name = last[0]?.participant
  const isFull = last.length === repeatsMax && last.every(({ participant }) => participant === name)
  const others = speakers.filter((each) => each !== name)
  return isFull && others.length > 0 ? others : speakers
}

function mentioned(plan: DiscussionPlan, said: readonly Contribution[], candidates: readonly string[]): string {
  const last = said.findLast(({ round, status }) => round > 0 && status === 'given') ?? said.at(-1)
  const named = last && firstNamed(last.text, candidates)
  if (named !== undefined) return named
  const answered = said.find(({ id }) => id === last?.answers[0])?.participant
  if (answered !== undefined && candidates.includes(answered)) return answered
  return nextInOrder(plan.participants, said.findLast(({ round }) => round > 0)?.participant, candidates)
}

/** The candidate whose name stands first after an `@`, in any case; of two that begin alike the longer. */
function firstNamed(text: string, candidates: readonly string[]): string | undefined {
  const lower = text.toLowerCase()
  let best: { readonly at: number; readonly name: string } | undefined
  for (const name of candidates) {
    const mark = `@${name.toLowerCase()}`
    let at = lower.indexOf(mark)
    // A name may be the beginning of another, who may not speak now.
    while (at !== -1 && /^[\p{L}\p{N}_]/u.test(lower.slice(at + mark.length, at + mark.length + 2)))
      at = lower.indexOf(mark, at + 1)
    if (at === -1) continue
    if (!best || at < best.at || (at === best.at && name.length > best.name.length)) best = { at, name }
  }
  return best?.name
}

/** The first candidate after a name in speaking order; of all where there is no such name. */
export function nextInOrder(
  order: readonly string[],
  after: string | undefined,
  candidates: readonly string[],
): string {
  const from = after === undefined ? 0 : order.indexOf(after) + 1
  const turned = [...order.slice(from), ...order.slice(0, from)]
  return turned.find((name) => candidates.includes(name)) ?? (candidates[0] as string)
}

/** The highest bid; of equal ones who spoke least, then the first in order. */
export function highestBid(
  bids: readonly { readonly participant: string; readonly urgency: number }[],
  said: readonly Contribution[],
): string {
  const turns = (name: string) =>
    said.filter(({ participant, status }) => participant === name && status === 'given').length
  const best = [...bids].sort((a, b) => b.urgency - a.urgency || turns(a.participant) - turns(b.participant))[0]
  return (best as { readonly participant: string }).participant
}
