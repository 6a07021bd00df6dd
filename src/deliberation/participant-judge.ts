/**
 * A participant as a judge: whoever can vote can judge by a ranking. Unlike a judge with a rubric it gives no scores: it is
 * asked for one ballot over the positions of the sides, after the debate as it hears it, with letters for names.
 */
import type { Contribution, Participant } from './participant.ts'
import type { HeardSpeech, Judge, Judgement } from './judge.ts'

export function participantJudge(participant: Participant): Judge {
  return {
    name: participant.name,
    kind: participant.kind,
    async judge(hearing, signal) {
      const byPosition = new Map(hearing.sides.map((side) => [`${side.label}: ${side.position}`, side.label]))
      const { motion, random, refused } = hearing
      const vote = await participant.cast(
        {
          topic: `Which side did better in the debate on: ${motion}`,
          options: [...byPosition.keys()],
          ballot: 'ranked',
          transcript: hearing.speeches.map(contributionOf),
          random,
          ...(refused !== undefined && { refused }),
        },
        signal,
      )
      return judgementOf(vote, byPosition)
    },
  }
}

function contributionOf(speech: HeardSpeech, at: number): Contribution {
  const { id, label, seat, act, text, quotes, answers } = speech
  return {
    id,
    number: at + 1,
    participant: `${label}${seat}`,
    round: at,
    status: 'given',
    act,
    side: label,
    text,
    quotes,
    answers,
    usage: { inputTokens: 0, outputTokens: 0 },
  }
}

function judgementOf(
  { ballot, reason, usage, notes }: Awaited<ReturnType<Participant['cast']>>,
  byPosition: ReadonlyMap<string, string>,
): Judgement {
  const said = { reason, usage, ...(notes && { notes }) }
  if (ballot?.kind === 'abstain') return { ...said, abstain: true }
  // A ballot of another kind leaves the ranking out, and the debate asks once more with that reason.
  if (ballot?.kind !== 'ranked') return said
  const ranked = ballot.ranking.map((level) => level.map((position) => byPosition.get(position) ?? position))
  const named = new Set(ranked.flat())
  const rest = [...byPosition.values()].filter((label) => !named.has(label))
  return { ...said, ranking: rest.length > 0 ? [...ranked, rest] : ranked }
}
