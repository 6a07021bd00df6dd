/**
 * One turn of a debate: the speaker is asked within its bounds, and what it returns is taken as untrusted: cleaned, cut, and
 * each quote looked up in its source, whatever the speaker says of it. Unlike a discussion's turn a quote that does not stand
 * there may be struck. Who throws or passes its deadline is absent, with the reason.
 */
import { within } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { Aborted, TimedOut, messageOf } from '../base/error.ts'
import type { Random } from '../base/random.ts'
import { cleanNotes, cleanText, cleanUsage, usageOfFailure } from './clean.ts'
import { DebateInvalid } from './core/debate-error.ts'
import { seenBy } from './core/debate.ts'
import type { DueTurn, PlannedSide } from './core/debate.ts'
import type { DebateItem, SpokenItem } from './core/debate-record.ts'
import { shownTo } from './core/hearing.ts'
import type { Act, Contribution, Participant, Position, Quote, Speech, Turn, Usage } from './participant.ts'
import type { QuoteFinder } from './quote.ts'

/** A spoken item that is complete but for its place in the record. */
export type OfferedSpeech = Omit<SpokenItem, 'id' | 'number'>

/** How quotes are treated in one debate. */
export interface EvidenceTerms {
  /** Undefined where there are no documents: then nothing verifies and nothing is struck. */
  readonly finder: QuoteFinder | undefined
  readonly onFail: 'strike' | 'flag'
  readonly citationRequired: boolean
}

export interface SpeechTerms {
  readonly motion: string
  readonly options: readonly string[]
  readonly rounds: number
  readonly evidence: EvidenceTerms
  readonly textMaxLength: number
  readonly quotesMax: number
  readonly turnTimeoutMs: number
  readonly clock: Clock
  readonly random: Random
  readonly onPreview: ((participant: string, text: string) => void) | undefined
  readonly signal: AbortSignal | undefined
}

/** Asks one speaker. Rejects with `base.aborted` alone. */
export async function askSpeaker(
  terms: SpeechTerms,
  due: DueTurn,
  speaker: Participant,
  side: PlannedSide,
  record: readonly DebateItem[],
  remainingMs: number,
): Promise<OfferedSpeech> {
  const turn = turnOf(terms, due, side, record)
  const ownMs = Math.min(terms.turnTimeoutMs, due.bounds.timeMs ?? Number.POSITIVE_INFINITY)
  const timeoutMs = Math.max(0, Math.min(ownMs, remainingMs))
  try {
    const speech = await within(terms.clock, `the turn of ${speaker.name}`, timeoutMs, terms.signal, (signal) =>
      speaker.contribute(turn, signal),
    )
    return offer(terms, due, turn, speech)
  } catch (error) {
    if (terms.signal?.aborted) throw new Aborted('the debate', { cause: terms.signal.reason })
    const cut = error instanceof TimedOut && timeoutMs < ownMs
    const reason = cut ? 'the time budget ended its turn' : messageOf(error)
    return {
      ...placeOf(due),
      status: 'absent',
      text: '',
      quotes: [],
      answers: [],
      usage: usageOfFailure(error),
      reason: cleanText(reason, 1000),
    }
  }
}

function placeOf(due: DueTurn): Pick<SpokenItem, 'item' | 'participant' | 'round' | 'act' | 'phase' | 'side' | 'seat'> {
  const { participant, round, act, seat, phase, pair } = due
  const place = { item: 'contribution' as const, participant, round, act, phase: phase.name }
  return { ...place, side: seat.side, seat: seat.seat, ...(pair !== undefined && { pair }) }
}

function turnOf(terms: SpeechTerms, due: DueTurn, side: PlannedSide, record: readonly DebateItem[]): Turn {
  const seen = seenBy(record, due)
  const transcript: readonly Contribution[] = seen.flatMap((item) => shownTo(item) ?? [])
  const { name, position, bearing } = side
  const purpose = `turn ${due.phase.name} ${due.seat.side} ${due.seat.seat} ${due.pair ?? 0} ${due.act}`
  return {
    topic: terms.motion,
    options: terms.options,
    round: due.round,
    rounds: terms.rounds,
    act: due.act,
    task: taskOf(terms, due, seen),
    side: { name, position, ...(bearing && { bearing }) },
    transcript,
    random: terms.random.split(purpose),
    preview: (text) => terms.onPreview?.(due.participant, text),
  }
}

const tasks: Readonly<Partial<Record<Act, string>>> = {
  opening: 'Open the case of your side: say what you hold and what the evidence tells for it.',
  speech: 'Build the case of your side and answer what was said against it.',
  rebuttal: 'Answer what the other side said, point by point where you can.',
  closing: 'Close for your side: weigh what was said on both. Bring no new argument.',
  question: 'Ask the other side one question about its case. Pass if you have none.',
  answer: 'Answer the last question put to you, and nothing else.',
}

function taskOf(terms: SpeechTerms, due: DueTurn, seen: readonly SpokenItem[]): string {
  const { phase, pair } = due
  const own = phase.kind === 'speeches' ? phase.task : undefined
  const asked = due.act === 'answer' ? seen.findLast((item) => item.act === 'question') : undefined
  const parts = [
    own ?? tasks[due.act] ?? '',
    pair !== undefined && phase.kind === 'cross-examination' ? `This is pair ${pair} of ${phase.pairs}.` : '',
    asked ? `The question is #${asked.number}.` : '',
    terms.evidence.citationRequired && due.act !== 'question' ? 'A speech without a verified quote is not heard.' : '',
    `At most ${textMaxLength(terms, due)} characters.`,
  ]
  return parts.filter((part) => part !== '').join(' ')
}

function textMaxLength(terms: SpeechTerms, due: DueTurn): number {
  return Math.min(due.bounds.textMaxLength ?? terms.textMaxLength, terms.textMaxLength)
}

function offer(terms: SpeechTerms, due: DueTurn, turn: Turn, speech: Speech): OfferedSpeech {
  if (typeof speech?.text !== 'string' || !Array.isArray(speech.quotes))
    throw new DebateInvalid(`${due.participant} returned no speech: it needs text, quotes and usage`)
  const notes: string[] = Array.isArray(speech.notes) ? [...speech.notes] : []
  const max = textMaxLength(terms, due)
  if (speech.text.length > max) notes.push(`cut at ${max} of ${speech.text.length} characters`)
  if (speech.quotes.length > terms.quotesMax)
    notes.push(`${speech.quotes.length - terms.quotesMax} quotes beyond ${terms.quotesMax} left out`)
  const text = cleanText(speech.text, max)
  const passed = speech.pass === true
  if (text === '' && !passed) throw new DebateInvalid(`${due.participant} said nothing and did not pass`)
  const usage: Usage = cleanUsage(speech.usage)
  const { tokensMax } = due.bounds
  if (tokensMax !== undefined && usage.outputTokens > tokensMax)
    notes.push(`used ${usage.outputTokens} output tokens where ${tokensMax} are the bound`)
  const quotes = speech.quotes.slice(0, terms.quotesMax).map((quote) => checkedQuote(terms, quote))
  const judged = judgeQuotes(terms, due, quotes, passed, notes)
  const heard = new Set(turn.transcript.map((each) => each.id))
  const position = positionOf(speech.position, terms.options)
  return {
    ...placeOf(due),
    status: passed ? 'passed' : 'given',
    text,
    answers: Array.isArray(speech.answers) ? [...new Set(speech.answers)].filter((id) => heard.has(id)) : [],
    usage,
    ...(position && { position }),
    ...judged,
    ...(notes.length > 0 && { notes: cleanNotes(notes) }),
  }
}

/** What of the quotes is shown, and whether the speech is. */
function judgeQuotes(
  { evidence }: SpeechTerms,
  due: DueTurn,
  quotes: readonly Quote[],
  passed: boolean,
  notes: string[],
): Pick<SpokenItem, 'quotes' | 'struck' | 'uncited'> {
  if (!evidence.finder) return { quotes }
  const failed = quotes.filter((quote) => !quote.verified)
  const verified = quotes.filter((quote) => quote.verified)
  const strike = evidence.onFail === 'strike' && failed.length > 0
  if (failed.length > 0)
    notes.push(
      `${failed.length} of ${quotes.length} quotes do not stand in their source and are ${strike ? 'struck' : 'flagged'}`,
    )
  const bare = evidence.citationRequired && !passed && due.act !== 'question' && verified.length === 0
  if (bare) notes.push('it cites nothing that stands in the evidence, and is not shown to opponents and judges')
  return { quotes: strike ? verified : quotes, ...(strike && { struck: failed }), ...(bare && { uncited: true }) }
}

function checkedQuote({ evidence, options }: SpeechTerms, quote: Quote): Quote {
  const text = cleanText(quote.text, 5000)
  const source = cleanText(quote.source, 1000)
  const found = evidence.finder?.find(text, source)
  const line = Number.isSafeInteger(quote.line) && quote.line >= 0 ? quote.line : 0
  const { bearing } = quote
  return {
    ...(found
      ? { text: found.text, source, line: found.line, verified: true }
      : { text, source, line, verified: false }),
    ...(bearing &&
      options.includes(bearing.option) && {
        bearing: { option: bearing.option, direction: bearing.direction === 'against' ? 'against' : 'for' },
      }),
  }
}

function positionOf(position: Position | undefined, options: readonly string[]): Position | undefined {
  if (!position || !options.includes(position.option)) return undefined
  const { option, confidence } = position
  const sound = typeof confidence === 'number' && confidence >= 0 && confidence <= 1
  return { option, ...(sound && { confidence }) }
}
