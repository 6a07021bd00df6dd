/**
 * One turn of a discussion: asks a participant, within its time, and makes a contribution of whatever comes back, absence included. Unlike
 * the discussion it knows one speaker and no plan. What a participant returns is untrusted: bounded, cleaned, and of the declared shape.
 */
import { within } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { Aborted, ColloquyError, TimedOut, messageOf } from '../base/error.ts'
import { cleanNotes, cleanText, cleanUsage, usageOfFailure } from './clean.ts'
import type { Act, Contribution, Participant, Position, Quote, Speech, Turn, Usage } from './participant.ts'

/** A contribution that is complete but for its place in the record. */
export type Offered = Omit<Contribution, 'id' | 'number'>

/** What one contribution may hold; more is cut, and a note says so. */
export interface SpeechLimits {
  /** Default 20,000. */
  readonly textMaxLength?: number
  /** Default 50. */
  readonly quotesMax?: number
}

/** A plan or what a participant returned is no discussion, or no speech. */
export class DiscussionInvalid extends ColloquyError {
  override readonly code = 'deliberation.invalid'
}

export interface Asking {
  readonly clock: Clock
  readonly turnTimeoutMs: number
  /** What is left of the meeting's time. */
  readonly remainingMs: number
  readonly limits: SpeechLimits
  readonly signal: AbortSignal | undefined
  /** Said in the contribution where the turn may have been asked before. */
  readonly notes: readonly string[]
  /** Real names in place of the labels under which the speaker knows the others. */
  readonly tell: (text: string) => string
}

/** Resolves with the contribution, or with one of somebody absent. Rejects with `base.aborted` alone. */
export async function ask(participant: Participant, turn: Turn, asking: Asking): Promise<Offered> {
  const { name } = participant
  const { clock, turnTimeoutMs, remainingMs, signal } = asking
  const timeoutMs = Math.max(0, Math.min(turnTimeoutMs, remainingMs))
  try {
    const speech = await within(clock, `the turn of ${name}`, timeoutMs, signal, (signal) =>
      participant.contribute(turn, signal),
    )
    return offer(turn, name, speech, asking)
  } catch (error) {
    if (signal?.aborted) throw new Aborted('the discussion', { cause: signal.reason })
    const cut = error instanceof TimedOut && timeoutMs < turnTimeoutMs
    return absent(name, turn, cut ? 'the time budget ended its turn' : messageOf(error), usageOfFailure(error))
  }
}

/** The contribution of somebody who was not heard. */
export function absent(
  participant: string,
  { round, act }: Pick<Turn, 'round' | 'act'>,
  reason: string,
  usage: Usage,
): Offered {
  const said = { text: '', quotes: [], answers: [], usage }
  return { participant, round, status: 'absent', ...actField(round, act), ...said, reason: cleanText(reason, 1000) }
}

function offer(turn: Turn, participant: string, speech: Speech, { limits, notes: before, tell }: Asking): Offered {
  const textMaxLength = limits.textMaxLength ?? 20_000
  const quotesMax = limits.quotesMax ?? 50
  if (typeof speech?.text !== 'string' || !Array.isArray(speech.quotes))
    throw new DiscussionInvalid(`${participant} returned no speech: it needs text, quotes and usage`)
  const notes = [...before, ...(Array.isArray(speech.notes) ? speech.notes : [])]
  if (speech.text.length > textMaxLength) notes.push(`cut at ${textMaxLength} of ${speech.text.length} characters`)
  if (speech.quotes.length > quotesMax)
    notes.push(`${speech.quotes.length - quotesMax} quotes beyond ${quotesMax} left out`)
  const text = cleanText(tell(cleanText(speech.text, textMaxLength)), textMaxLength)
  const passed = speech.pass === true
  if (text === '' && !passed) throw new DiscussionInvalid(`${participant} said nothing and did not pass`)
  const heard = new Set(turn.transcript.map((each) => each.id))
  const position = cleanPosition(speech.position, turn.options)
  return {
    participant,
    round: turn.round,
    status: passed ? 'passed' : 'given',
    ...actField(turn.round, turn.act),
    ...(position && { position }),
    text,
    quotes: speech.quotes.slice(0, quotesMax).map((quote) => cleanQuote(quote, turn.options)),
    answers: [...new Set(speech.answers)].filter((id) => heard.has(id)),
    usage: cleanUsage(speech.usage),
    ...(notes.length > 0 && { notes: cleanNotes(notes) }),
  }
}

/** What the round alone tells is not written. */
function actField(round: number, act: Act | undefined): { readonly act?: Act } {
  return act === undefined || act === (round === 0 ? 'draft' : 'speech') ? {} : { act }
}

function cleanPosition(position: Position | undefined, options: readonly string[]): Position | undefined {
  if (typeof position !== 'object' || position === null || !options.includes(position.option)) return undefined
  const { option, confidence } = position
  const isShare = typeof confidence === 'number' && confidence >= 0 && confidence <= 1
  return { option, ...(isShare && { confidence }) }
}

function cleanQuote(quote: Quote, options: readonly string[]): Quote {
  const { text, source, line, verified, bearing } = quote
  return {
    text: cleanText(text, 5000),
    source: cleanText(source, 1000),
    line: Number.isSafeInteger(line) && line >= 0 ? line : 0,
    verified,
    ...(bearing &&
      options.includes(bearing.option) && {
        bearing: { option: bearing.option, direction: bearing.direction === 'against' ? 'against' : 'for' },
      }),
  }
}
