/**
 * The count of a poll: recorded votes in, the outcome by the declared rule out. Unlike `tally` it has an answer for what cannot be
 * counted as declared, since the ballots are cast and paid by then: a lot that is told, or no outcome with the reason. Pure.
 */
import type { Election } from '../vote/election.ts'
import { TooLarge, TooManyUniverses } from '../vote/error.ts'
import type { Outcome } from '../vote/outcome.ts'
import type { Rule } from '../vote/rule.ts'
import { tally } from '../vote/tally.ts'
import { seeded } from '../vote/tie.ts'
import type { TieBreak } from '../vote/tie.ts'
import type { CastVote } from './participant.ts'

export interface PollCount {
  /** Absent where the rule cannot count these ballots within its bounds. */
  readonly outcome?: Outcome
  /** What a reader must know besides, in sentences. */
  readonly notes: readonly string[]
}

/** Counts; `seed` draws the lot where ties inside the count could be followed in too many ways. */
export function countPoll(rule: Rule, election: Election, ties: readonly TieBreak[], seed: number | string): PollCount {
  try {
    return { outcome: tally(rule, election, { ties }), notes: [] }
  } catch (error) {
    if (error instanceof TooLarge) return { notes: [tooLarge(error)] }
    if (!(error instanceof TooManyUniverses)) throw error
  }
  const note = `The ties inside the count could be followed in too many ways, so a lot by the seed broke them.`
  try {
    return { outcome: tally(rule, election, { ties: [...ties, seeded(seed)] }), notes: [note] }
  } catch (error) {
    if (error instanceof TooLarge) return { notes: [note, tooLarge(error)] }
    throw error
  }
}

function tooLarge({ message }: TooLarge): string {
  return `These ballots could not be counted exactly: ${message}. They are recorded, and another rule can count them.`
}

/** What the count starts from. Who never answered is eligible and not present; an abstention is both. */
export function electionOfVotes(
  votes: readonly CastVote[],
  weightOf: (participant: string) => number | string,
  terms: Pick<Election, 'candidates' | 'quorum' | 'unranked'>,
): Election {
  const weighted = (vote: CastVote) => ({ voter: vote.participant, weight: weightOf(vote.participant) })
  const delegated = votes.filter((vote) => vote.status === 'delegated')
  return {
    ...terms,
    ballots: votes
      .filter((vote) => vote.status === 'cast' || vote.status === 'abstained')
      .map((vote) => ({ ...weighted(vote), ballot: vote.ballot })),
    absent: votes.filter((vote) => vote.status === 'absent').map(weighted),
    ...(delegated.length > 0 && {
      delegations: delegated.map((vote) => ({ ...weighted(vote), to: vote.to ?? '' })),
    }),
  }
}
