/**
 * The extractive participant: plain code that takes part by quoting. Unlike a model it needs no network and no key, is the
 * same on every run, and says nothing of its own: each contribution is one to three sentences of the evidence, verbatim,
 * with file and line. It is no language model: it matches words and counts cues, and its ballots say with what figures.
 *
 * It keeps nothing between turns: a new one in the middle of a discussion goes on exactly as the old one would have.
 */
import { Aborted } from '../base/error.ts'
import { plainName } from '../base/limit.ts'
import { act, leastHeard, positionOf, urgencyOf } from './extractive-acts.ts'
import { vote } from './extractive-ballot.ts'
import type { Voice } from './extractive-speech.ts'
import type { Participant, Speech, Usage } from './participant.ts'
import type { PassageIndex } from './passage-index.ts'

export interface ExtractiveOptions {
  readonly name: string
  /** Who it is and what it cares about, in free text: steers which passages it finds telling. */
  readonly persona?: string
  /** The option it speaks for, or `against <option>`; other free text steers like a persona. Without one it speaks of all. */
  readonly stance?: string
  /** Shared by all participants; whoever made it closes it. */
  readonly index: PassageIndex
}

/** Throws `base.invalid_argument` for a name that is empty, longer than 200 characters or holds control characters. */
export function extractive(options: ExtractiveOptions): Participant {
  const { index, persona, stance } = options
  const name = plainName('name', options.name, 200)
  const voice: Voice = {
    name,
    index,
    ...(persona !== undefined && { persona: persona.slice(0, textMaxLength) }),
    ...(stance !== undefined && { stance: stance.slice(0, textMaxLength) }),
  }
  return {
    name,
    kind: 'extractive',
    async contribute(turn, signal): Promise<Speech> {
      checkSignal(signal, name)
      const { lines, quotes, answers } = act(voice, turn)
      checkSignal(signal, name)
      const position = positionOf(voice, turn)
      const held = position ? { position } : {}
      if (lines.length === 0) {
        const nothing = turn.act === 'dissent' ? nothingContrary : nothingNew
        return { text: nothing, quotes: [], usage: usageOf(nothing), ...held, pass: true }
      }
      for (const [at, line] of lines.entries()) turn.preview(at === 0 ? line : `\n${line}`)
      const text = lines.join('\n')
      return { text, quotes, usage: usageOf(text), ...held, ...(answers.length > 0 && { answers }) }
    },
    async cast(motion, signal) {
      checkSignal(signal, name)
      const { ballot, reason } = vote(voice, motion)
      return { ballot, reason, usage: usageOf(reason) }
    },
    async bid(turn, signal) {
      checkSignal(signal, name)
      return { urgency: urgencyOf(voice, turn), usage: usageOf('') }
    },
    async choose(turn, candidates, signal) {
      checkSignal(signal, name)
      const { speaker, reason } = leastHeard(turn, candidates)
      return { speaker, reason, usage: usageOf(reason) }
    },
  }
}

const textMaxLength = 4000
const nothingContrary = 'I hold nothing that most of the others do not.'
const nothingNew = 'I find nothing in the evidence that bears on this and was not said.'

function checkSignal(signal: AbortSignal, name: string): void {
  if (signal.aborted) throw new Aborted(`the turn of ${name}`, { cause: signal.reason })
}

/** No model reads or writes, so what counts is the length of what others will read: four characters a token. */
function usageOf(text: string): Usage {
  return { inputTokens: 0, outputTokens: Math.ceil(text.length / 4), estimated: true }
}
