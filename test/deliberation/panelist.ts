/** A participant made of plain functions, for tests: says what it is told to, or fails as it is told to. */
import type { Motion, Participant, Speech, Turn, Vote } from '../../src/deliberation/participant.ts'

export const noUsage = { inputTokens: 0, outputTokens: 0 }

export function speech(text: string, more: Partial<Speech> = {}): Speech {
  return { text, quotes: [], usage: noUsage, ...more }
}

export function vote(choice: string, more: Partial<Vote> = {}): Vote {
  return { ballot: { kind: 'single', choice }, reason: 'as told', usage: noUsage, ...more }
}

export interface Panelist extends Participant {
  readonly turns: Turn[]
  readonly motions: Motion[]
  readonly heard: string[]
}

export function panelist(
  name: string,
  does: {
    contribute?: (turn: Turn, signal: AbortSignal) => Promise<Speech> | Speech
    cast?: (motion: Motion, signal: AbortSignal) => Promise<Vote> | Vote
  } = {},
): Panelist {
  const turns: Turn[] = []
  const motions: Motion[] = []
  const heard: string[] = []
  return {
    name,
    kind: 'code',
    turns,
    motions,
    heard,
    async contribute(turn, signal) {
      turns.push(turn)
      return (await does.contribute?.(turn, signal)) ?? speech(`${name} in round ${turn.round}`)
    },
    async cast(motion, signal) {
      motions.push(motion)
      return (await does.cast?.(motion, signal)) ?? vote(motion.options[0] ?? '')
    },
    observe: (contribution) => void heard.push(contribution.id),
  }
}
