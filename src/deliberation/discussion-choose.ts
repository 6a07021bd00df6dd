/**
 * Who speaks next, where somebody outside the plan says it: bids of the speakers, a moderator, a function of the program. Whoever fails,
 * is late or names nobody who may speak does not hold up the talk: the floor goes to the next in order, and the choice says so.
 */
import { within } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { Aborted, messageOf } from '../base/error.ts'
import { cleanNotes, cleanText, cleanUsage, usageOfFailure } from './clean.ts'
import { highestBid, nextInOrder } from './core/floor.ts'
import { totalUsage } from './core/spending.ts'
import type { Participant, Turn, Usage } from './participant.ts'
import { contributionsOf } from './record.ts'
import type { DiscussionItem, FloorChoice } from './record.ts'

/** What a selector sees. */
export interface FloorState {
  readonly round: number
  /** Who may speak. */
  readonly candidates: readonly string[]
  readonly record: readonly DiscussionItem[]
}

/** The name of one of the candidates; undefined for the next in order. */
export type Selector = (state: FloorState) => string | undefined

export interface Choosing {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  /** Speakers in order. */
  readonly participants: ReadonlyMap<string, Participant>
  readonly moderator: Participant | undefined
  readonly selector: Selector | undefined
  /** What the named participant would be asked with. */
  readonly turnOf: (name: string) => Turn
}

const noUsage: Usage = { inputTokens: 0, outputTokens: 0 }

/** Rejects with `base.aborted` alone. */
export async function choose(by: FloorChoice['by'], state: FloorState, choosing: Choosing): Promise<FloorChoice> {
  const base = { item: 'choice', round: state.round, by } as const
  if (by === 'bids') return { ...base, ...(await byBids(state, choosing)) }
  const answer = by === 'moderator' ? await byModerator(state, choosing) : bySelector(state, choosing)
  if (answer.speaker !== undefined && state.candidates.includes(answer.speaker))
    return { ...base, ...answer, speaker: answer.speaker }
  const named =
    answer.speaker === undefined ? 'nobody' : `${JSON.stringify(cleanText(answer.speaker, 60))}, who may not speak now`
  const notes = [...(answer.notes ?? []), `it named ${named}; the next in order speaks`]
  return { ...base, speaker: fallback(state, choosing), usage: answer.usage, notes: cleanNotes(notes) }
}

type Answer = Pick<FloorChoice, 'usage' | 'reason' | 'notes'> & { readonly speaker: string | undefined }

async function byBids(
  state: FloorState,
  choosing: Choosing,
): Promise<Pick<FloorChoice, 'speaker' | 'bids' | 'usage' | 'notes'>> {
  const asked = await Promise.all(state.candidates.map((name) => bidOf(name, choosing)))
  const bids = asked.map(({ participant, urgency }) => ({ participant, urgency }))
  const notes = asked.flatMap(({ note }) => note ?? [])
  return {
    speaker: highestBid(bids, contributionsOf(state.record)),
    bids,
    usage: totalUsage(asked.map(({ usage }) => usage)),
    ...(notes.length > 0 && { notes: cleanNotes(notes) }),
  }
}

interface Asked {
  readonly participant: string
  readonly urgency: number
  readonly usage: Usage
  readonly note?: string
}

async function bidOf(participant: string, choosing: Choosing): Promise<Asked> {
  const who = choosing.participants.get(participant)
  if (!who?.bid) return { participant, urgency: 0, usage: noUsage }
  const { clock, timeoutMs, signal } = choosing
  try {
    const bid = await within(clock, `the bid of ${participant}`, timeoutMs, signal, async (signal) =>
      who.bid?.(choosing.turnOf(participant), signal),
    )
    const urgency = typeof bid?.urgency === 'number' && bid.urgency >= 0 && bid.urgency <= 1 ? bid.urgency : undefined
    return {
      participant,
      urgency: urgency ?? 0,
      usage: cleanUsage(bid?.usage),
      ...(urgency === undefined && { note: `${participant} gave no bid from 0 to 1` }),
    }
  } catch (error) {
    if (signal?.aborted) throw new Aborted('the discussion', { cause: signal.reason })
    return {
      participant,
      urgency: 0,
      usage: usageOfFailure(error),
      note: `${participant} did not bid: ${messageOf(error)}`,
    }
  }
}

async function byModerator({ candidates }: FloorState, choosing: Choosing): Promise<Answer> {
  const { moderator, clock, timeoutMs, signal } = choosing
  if (!moderator?.choose) return { speaker: undefined, usage: noUsage, notes: ['the moderator cannot choose'] }
  try {
    const chosen = await within(clock, `the choice of ${moderator.name}`, timeoutMs, signal, async (signal) =>
      moderator.choose?.(choosing.turnOf(moderator.name), candidates, signal),
    )
    return {
      speaker: typeof chosen?.speaker === 'string' ? chosen.speaker : undefined,
      usage: cleanUsage(chosen?.usage),
      ...(typeof chosen?.reason === 'string' && { reason: cleanText(chosen.reason, 1000) }),
    }
  } catch (error) {
    if (signal?.aborted) throw new Aborted('the discussion', { cause: signal.reason })
    return {
      speaker: undefined,
      usage: usageOfFailure(error),
      notes: [`${moderator.name} did not choose: ${messageOf(error)}`],
    }
  }
}

function bySelector(state: FloorState, { selector }: Choosing): Answer {
  try {
    const speaker: unknown = selector?.(state)
    return { speaker: typeof speaker === 'string' ? speaker : undefined, usage: noUsage }
  } catch (error) {
    return { speaker: undefined, usage: noUsage, notes: [`the selector failed: ${messageOf(error)}`] }
  }
}

function fallback({ candidates, record }: FloorState, { participants }: Choosing): string {
  const last = contributionsOf(record).findLast(({ round }) => round > 0)?.participant
  return nextInOrder([...participants.keys()], last, candidates)
}
