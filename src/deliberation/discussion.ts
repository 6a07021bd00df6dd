/**
 * A discussion as it runs: asks participants as the plan says, hands each contribution to the record before it counts, and
 * lets the others hear it. Unlike a poll it decides nothing. A participant that throws, hangs or floods delays nobody past
 * its deadline: it is recorded as absent, with the reason.
 */
import { within } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { Aborted, ColloquyError, TimedOut, messageOf } from '../base/error.ts'
import type { Random } from '../base/random.ts'
import { scoped } from '../base/scope.ts'
import { nextStep, totalUsage, visibleTo } from './core/discussion.ts'
import type { Budget, DiscussionEnd, DiscussionPlan } from './core/discussion.ts'
import type { Contribution, Participant, Quote, Speech, Turn, Usage } from './participant.ts'
import { cleanNotes, cleanText, cleanUsage, usageOfFailure } from './clean.ts'

/** A contribution that is complete but for its place in the record. */
export type Offered = Omit<Contribution, 'id' | 'number'>

/** What one contribution may hold; more is cut, and a note says so. */
export interface SpeechLimits {
  /** Default 20,000. */
  readonly textMaxLength?: number
  /** Default 50. */
  readonly quotesMax?: number
}

export interface DiscussionOptions {
  readonly topic: string
  readonly options: readonly string[]
  readonly participants: readonly Participant[]
  /** Rounds after the sealed drafts. Default 2. */
  readonly rounds?: number
  readonly budget?: Budget
  /** One turn. Default 120,000. */
  readonly turnTimeoutMs?: number
  readonly limits?: SpeechLimits
  readonly clock: Clock
  readonly random: Random
  /** What an earlier run recorded; the discussion goes on after it. */
  readonly recorded?: readonly Contribution[]
  /** Time that earlier runs spent, against the budget. Default 0. */
  readonly elapsedMs?: number
  /** Makes a contribution durable; it counts when this resolves. Called in order, one at a time. */
  readonly record: (offered: Offered) => Promise<Contribution>
  /** Text of a turn as it forms; `text` adds to what came before for the same participant and round. */
  readonly onPreview?: (participant: string, round: number, text: string) => void
  /** Aborting ends the discussion with `base.aborted`; what is recorded stays. */
  readonly signal?: AbortSignal
}

export interface DiscussionResult {
  readonly transcript: readonly Contribution[]
  readonly ended: DiscussionEnd
  readonly usage: Usage
}

/** Two participants share a name, or there are too few. */
export class DiscussionInvalid extends ColloquyError {
  override readonly code = 'deliberation.invalid'
}

/** Runs a discussion to its end. Rejects with `base.aborted`, `deliberation.invalid`, or what `record` rejects with. */
export function runDiscussion(options: DiscussionOptions): Promise<DiscussionResult> {
  // Whoever still speaks when the discussion fails is told to stop, as after an abort.
  return scoped(options.signal, (signal) => talk({ ...options, signal }))
}

async function talk(options: DiscussionOptions): Promise<DiscussionResult> {
  const byName = indexByName(options.participants)
  const plan: DiscussionPlan = {
    participants: [...byName.keys()],
    rounds: options.rounds ?? 2,
    budget: options.budget ?? {},
  }
  const transcript: Contribution[] = [...(options.recorded ?? [])]
  for (const contribution of transcript) broadcast(options.participants, contribution)
  const startedMs = options.clock.monotonicMs()
  const elapsedMs = () => (options.elapsedMs ?? 0) + options.clock.monotonicMs() - startedMs
  for (;;) {
    if (options.signal?.aborted) throw new Aborted('the discussion', { cause: options.signal.reason })
    const step = nextStep(plan, transcript, elapsedMs())
    if (step.kind === 'end')
      return { transcript, ended: step.reason, usage: totalUsage(transcript.map((each) => each.usage)) }
    const seen = [...visibleTo(step.round, transcript)]
    const remainingMs = (plan.budget.timeMs ?? Number.POSITIVE_INFINITY) - elapsedMs()
    const asked = step.participants.map((name) => ask(options, byName.get(name)!, step.round, seen, remainingMs))
    for (const answer of asked) answer.catch(() => {})
    // In speaking order whoever is fastest, so that the same run gives the same record.
    for (const answer of asked) {
      const contribution = await options.record(await answer)
      transcript.push(contribution)
      broadcast(options.participants, contribution)
    }
  }
}

function indexByName(participants: readonly Participant[]): Map<string, Participant> {
  const byName = new Map(participants.map((participant) => [participant.name, participant]))
  if (byName.size !== participants.length) throw new DiscussionInvalid('each participant needs a name of its own')
  if (byName.size < 2) throw new DiscussionInvalid('a discussion needs two participants or more')
  return byName
}

function broadcast(participants: readonly Participant[], contribution: Contribution): void {
  for (const participant of participants) {
    try {
      participant.observe?.(contribution)
    } catch {
      // Hearing is the listener's own affair: a listener that fails must not undo what was recorded for all.
    }
  }
}

async function ask(
  options: DiscussionOptions,
  participant: Participant,
  round: number,
  transcript: readonly Contribution[],
  remainingMs: number,
): Promise<Offered> {
  const { name } = participant
  const turn: Turn = {
    topic: options.topic,
    options: options.options,
    round,
    rounds: options.rounds ?? 2,
    transcript,
    random: options.random.split(`turn ${round} ${name}`),
    preview: (text) => options.onPreview?.(name, round, text),
  }
  const turnTimeoutMs = options.turnTimeoutMs ?? 120_000
  const timeoutMs = Math.max(0, Math.min(turnTimeoutMs, remainingMs))
  try {
    const speech = await within(options.clock, `the turn of ${name}`, timeoutMs, options.signal, (signal) =>
      participant.contribute(turn, signal),
    )
    return offer(turn, name, speech, options.limits ?? {})
  } catch (error) {
    if (options.signal?.aborted) throw new Aborted('the discussion', { cause: options.signal.reason })
    const cut = error instanceof TimedOut && timeoutMs < turnTimeoutMs
    return absent(name, round, cut ? 'the time budget ended its turn' : messageOf(error), usageOfFailure(error))
  }
}

function absent(participant: string, round: number, reason: string, usage: Usage): Offered {
  const said = { text: '', quotes: [], answers: [], usage }
  return { participant, round, status: 'absent', ...said, reason: cleanText(reason, 1000) }
}

/** Takes what a participant returned as untrusted: bounded, cleaned, and of the declared shape. */
function offer(turn: Turn, participant: string, speech: Speech, limits: SpeechLimits): Offered {
  const textMaxLength = limits.textMaxLength ?? 20_000
  const quotesMax = limits.quotesMax ?? 50
  if (typeof speech?.text !== 'string' || !Array.isArray(speech.quotes))
    throw new DiscussionInvalid(`${participant} returned no speech: it needs text, quotes and usage`)
  const notes = Array.isArray(speech.notes) ? [...speech.notes] : []
  if (speech.text.length > textMaxLength) notes.push(`cut at ${textMaxLength} of ${speech.text.length} characters`)
  if (speech.quotes.length > quotesMax)
    notes.push(`${speech.quotes.length - quotesMax} quotes beyond ${quotesMax} left out`)
  const text = cleanText(speech.text, textMaxLength)
  const passed = speech.pass === true
  if (text === '' && !passed) throw new DiscussionInvalid(`${participant} said nothing and did not pass`)
  const heard = new Set(turn.transcript.map((each) => each.id))
  return {
    participant,
    round: turn.round,
    status: passed ? 'passed' : 'given',
    text,
    quotes: speech.quotes.slice(0, quotesMax).map((quote) => cleanQuote(quote, turn.options)),
    answers: [...new Set(speech.answers)].filter((id) => heard.has(id)),
    usage: cleanUsage(speech.usage),
    ...(notes.length > 0 && { notes: cleanNotes(notes) }),
  }
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
