/**
 * A person as a participant: asked at a terminal for contributions and ballots, and for what becomes of a budget that is used up. Unlike
 * an actor or a model a person may be away: each question has a deadline of its own, after which they pass and abstain, or are absent.
 * What counts then is stated, never guessed; and what another wrote is never printed as if it were our own words.
 */
import type { Clock } from '../base/clock.ts'
import { within } from '../base/clock.ts'
import { ColloquyError, InvalidArgument, TimedOut } from '../base/error.ts'
import { plainName, wholeNumber } from '../base/limit.ts'
import { systemClock } from '../base/system-clock.ts'
import { cleanText } from './clean.ts'
import type { Budget, DiscussionEnd } from './core/plan.ts'
import { ballotHint, typedVote } from './human-ballot.ts'
import type { TypedVote } from './human-ballot.ts'
import type { Conversation, HumanTerminal } from './human-terminal.ts'
import type { Contribution, Motion, Participant, Speech, Turn, Vote } from './participant.ts'
import type { Escalation } from './record.ts'

export interface HumanOptions {
  /** Unique in the discussion. */
  readonly name: string
  /** People may share one; they are asked one after the other. */
  readonly terminal: HumanTerminal
  /** For one question, from when it is asked. The discussion's own limit may end it earlier, as absence. Default 600,000. */
  readonly deadlineMs?: number
  /** After the deadline: `abstain` passes the turn and casts an abstention, `absent` is recorded as absence. Default `abstain`. */
  readonly onTimeout?: 'abstain' | 'absent'
  /** Longest contribution in characters; the person is told what was cut. Default 20,000. */
  readonly textMaxLength?: number
  readonly clock?: Clock
}

/** The input of a person has ended, so that no answer can come. */
export class HumanGone extends ColloquyError {
  override readonly code = 'deliberation.human_gone'
  constructor(name: string) {
    super(`the input of ${name} has ended; nobody is there to answer`)
  }
}

const triesMax = 5
const endMark = '.'
const noUsage = { inputTokens: 0, outputTokens: 0 }

/**
 * Throws `base.invalid_argument`. A turn rejects with `deliberation.human_gone`, `base.aborted`, and where `onTimeout` is `absent`
 * with `base.timeout`; each makes the person absent.
 */
export function human(options: HumanOptions): Participant {
  const name = plainName('name', options.name, 128)
  const ask = asking(options)
  const textMaxLength = wholeNumber('textMaxLength', options.textMaxLength ?? 20_000, 1, 1_000_000)
  let shown = 0
  return {
    name,
    kind: 'human',
    contribute: (turn, signal) =>
      ask<Speech>(
        signal,
        (late) => ({ text: '', quotes: [], usage: noUsage, pass: true, notes: [late] }),
        async (talk, limit) => {
          shown = showNews(talk, turn.transcript, shown, name)
          askTurn(talk, name, turn)
          return speechFrom(await readText(talk, limit, name, textMaxLength))
        },
      ),
    cast: (motion, signal) =>
      ask<Vote>(
        signal,
        (late) => ({ ballot: { kind: 'abstain' }, reason: late, usage: noUsage }),
        async (talk, limit) => {
          shown = showNews(talk, motion.transcript, shown, name)
          return readVote(talk, limit, name, motion)
        },
      ),
  }
}

export interface HumanEscalationOptions extends HumanOptions {
  /** The budget from now on if they choose more. Absent: they cannot choose it. */
  readonly more?: Budget
}

/** For `escalate` of a discussion: a person decides what becomes of a budget that is used up. After the deadline: `conclude`. */
export function humanEscalation(
  options: HumanEscalationOptions,
): (reason: DiscussionEnd, signal: AbortSignal) => Promise<Omit<Escalation, 'item' | 'reason'>> {
  const by = plainName('name', options.name, 128)
  const ask = asking(options)
  const { more } = options
  const choices = ['conclude', 'stop', ...(more ? ['more'] : [])]
  return (reason, signal) =>
    ask<Omit<Escalation, 'item' | 'reason'>>(
      signal,
      () => ({ decision: 'conclude', by }),
      async (talk, limit) => {
        talk.say(`${by}, the discussion has met its limit of ${reason}.`)
        for (let tries = 0; tries < triesMax; tries++) {
          const line = await lineFrom(talk, `${choices.join(', ')}?`, limit, by)
          if (line === 'conclude' || line === 'stop') return { decision: line, by }
          if (line === 'more' && more) return { decision: 'more', budget: more, by }
          talk.say(`Please answer with one of: ${choices.join(', ')}.`)
        }
        return { decision: 'conclude', by }
      },
    )
}

type Ask = <T>(
  signal: AbortSignal,
  ifLate: (note: string) => T,
  work: (talk: Conversation, limit: AbortSignal) => Promise<T>,
) => Promise<T>

function asking({ name, terminal, clock = systemClock, ...rest }: HumanOptions): Ask {
  const deadlineMs = wholeNumber('deadlineMs', rest.deadlineMs ?? 600_000, 1)
  const onTimeout = rest.onTimeout ?? 'abstain'
  if (onTimeout !== 'abstain' && onTimeout !== 'absent')
    throw new InvalidArgument('onTimeout', 'must be abstain or absent')
  const what = `the answer of ${name}`
  // The deadline begins when the terminal is free, and ends the conversation, so that the next question is not held up.
  return (signal, ifLate, work) =>
    terminal.talk(async (talk) => {
      try {
        return await within(clock, what, deadlineMs, signal, (limit) => work(talk, limit))
      } catch (error) {
        if (!(error instanceof TimedOut)) throw error
        talk.say(`\nTime is up, ${name}.`)
        if (onTimeout === 'absent') throw error
        return ifLate(`did not answer within ${deadlineMs} ms`)
      }
    })
}

/** What was said since the last question, by others; how much of the transcript is known now. */
function showNews(talk: Conversation, transcript: readonly Contribution[], known: number, name: string): number {
  for (const each of transcript) {
    if (each.number <= known || each.participant === name) continue
    talk.say(each.status === 'given' ? `${each.participant}:` : `${each.participant} (${each.status})`)
    if (each.text !== '') talk.show(each.text)
    for (const { text, source, line, verified } of each.quotes)
      talk.show(`"${text}" (${source}:${line}${verified ? '' : ', not verified'})`)
  }
  return Math.max(known, transcript.at(-1)?.number ?? 0)
}

function askTurn(talk: Conversation, name: string, { topic, options, round, act, task, side, draft }: Turn): void {
  talk.say(`\n${name}, your turn: ${act ?? (round === 0 ? 'draft' : 'speech')}, round ${round}.`)
  talk.show(topic)
  for (const [at, option] of options.entries()) talk.show(`${at + 1}. ${option}`)
  if (side) talk.show(`You speak for ${side.name}: ${side.position}`)
  if (task !== undefined) talk.show(task)
  if (draft) talk.show(`Draft ${draft.version} by ${draft.by}:\n${draft.text}`)
  talk.say(`End with a line of "${endMark}" alone; /pass says nothing.`)
}

interface Typed {
  readonly text: string
  readonly cut: boolean
  readonly pass: boolean
}

async function readText(talk: Conversation, limit: AbortSignal, name: string, maxLength: number): Promise<Typed> {
  let text = ''
  let cut = false
  for (;;) {
    const line = await talk.line('>', limit)
    if (line === undefined && text === '') throw new HumanGone(name)
    if (line === undefined || line === endMark) break
    if (line === '/pass' && text === '') return { text: '', cut: false, pass: true }
    const longer = text === '' ? line : `${text}\n${line}`
    if (longer.length > maxLength && !cut) talk.say(`Only ${maxLength} characters are kept; the rest is cut off.`)
    cut ||= longer.length > maxLength
    text = longer.slice(0, maxLength)
  }
  const said = cleanText(text, maxLength)
  return { text: said, cut, pass: said === '' }
}

function speechFrom({ text, cut, pass }: Typed): Speech {
  return { text, quotes: [], usage: noUsage, ...(pass && { pass }), ...(cut && { notes: ['cut off at its limit'] }) }
}

async function readVote(talk: Conversation, limit: AbortSignal, name: string, motion: Motion): Promise<Vote> {
  talk.say(`\n${name}, your ballot.`)
  talk.show(motion.topic)
  for (const [at, option] of motion.options.entries()) talk.show(`${at + 1}. ${option}`)
  if (motion.refused !== undefined) talk.show(`Your ballot before was refused: ${motion.refused}`)
  const vote = await readBallot(talk, limit, name, motion)
  if (!vote) {
    const reason = `no valid ballot in ${triesMax} tries`
    return { ballot: { kind: 'abstain' }, reason, usage: noUsage }
  }
  const reason = (await talk.line('Why, in a line (may be empty)?', limit)) ?? ''
  return { ...vote, reason, usage: noUsage }
}

async function readBallot(
  talk: Conversation,
  limit: AbortSignal,
  name: string,
  motion: Motion,
): Promise<TypedVote | undefined> {
  talk.say(`Write ${ballotHint(motion)}`)
  for (let tries = 0; tries < triesMax; tries++) {
    const vote = typedVote(await lineFrom(talk, 'ballot>', limit, name), motion)
    if (typeof vote !== 'string') return vote
    talk.say(`That cannot be counted: ${vote}.`)
  }
  return undefined
}

async function lineFrom(talk: Conversation, prompt: string, limit: AbortSignal, name: string): Promise<string> {
  const line = await talk.line(prompt, limit)
  if (line === undefined) throw new HumanGone(name)
  return line.trim()
}
