/**
 * A poll: every participant casts one sealed ballot on a motion, the ballots are recorded, a named rule counts them. Unlike
 * a discussion nobody hears another's ballot before all are in. A ballot that does not fit is asked for once more with the
 * reason; then it is an abstention with that reason, never a guess at what was meant. Who fails or stays silent is absent.
 */
import { within } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { Aborted, ColloquyError, messageOf } from '../base/error.ts'
import type { Random } from '../base/random.ts'
import { scoped } from '../base/scope.ts'
import type { AskedKind, Ballot } from '../vote/ballot.ts'
import { checkBallot } from '../vote/check.ts'
import type { Grading } from '../vote/grading.ts'
import { cleanNotes, cleanText, cleanUsage, usageOfFailure } from './clean.ts'
import { totalUsage } from './core/spending.ts'
import type { CastVote, Contribution, Motion, Participant, Usage, Vote } from './participant.ts'

export interface PollOptions {
  readonly topic: string
  readonly options: readonly string[]
  readonly participants: readonly Participant[]
  /** The kind of ballot to ask for. */
  readonly ballot: AskedKind
  /** Of ballots with grades: the scale of the rule. */
  readonly scale?: Grading
  /** Whether a participant may let another vote for it. Default false. */
  readonly delegation?: boolean
  readonly transcript: readonly Contribution[]
  /** What one participant may see of it, where not all see all. Default: all of it. */
  readonly transcriptOf?: (participant: string) => readonly Contribution[]
  /** One ballot, the second asking included. Default 120,000. */
  readonly ballotTimeoutMs?: number
  readonly clock: Clock
  readonly random: Random
  /** Votes an earlier run recorded; those participants are not asked again. */
  readonly recorded?: readonly CastVote[]
  /** Makes a vote durable. Called in order of the participants, one at a time. */
  readonly record: (vote: CastVote) => Promise<CastVote>
  readonly signal?: AbortSignal
}

/** Thrown by a participant that answered, twice, with something that is no valid ballot: an abstention, not an absence. */
export class BallotRefused extends ColloquyError {
  override readonly code = 'deliberation.ballot_refused'
  /** What the answers cost all the same. */
  readonly usage: Usage = { inputTokens: 0, outputTokens: 0 }
}

/** All votes in order of the participants. Rejects with `base.aborted`, or what `record` rejects with. */
export function runPoll(options: PollOptions): Promise<readonly CastVote[]> {
  return scoped(options.signal, (signal) => collect({ ...options, signal }))
}

async function collect(options: PollOptions): Promise<readonly CastVote[]> {
  const votes = [...(options.recorded ?? [])]
  const done = new Set(votes.map((vote) => vote.participant))
  const waiting = options.participants.filter((participant) => !done.has(participant.name))
  const asked = waiting.map((participant) => ask(options, participant))
  for (const answer of asked) answer.catch(() => {})
  for (const answer of asked) votes.push(await options.record(await answer))
  return votes
}

async function ask(options: PollOptions, participant: Participant): Promise<CastVote> {
  const { name } = participant
  const timeoutMs = options.ballotTimeoutMs ?? 120_000
  const refusals: Refusal[] = []
  try {
    return await within(options.clock, `the ballot of ${name}`, timeoutMs, options.signal, (signal) =>
      askTwice(options, participant, refusals, signal),
    )
  } catch (error) {
    if (options.signal?.aborted) throw new Aborted('the poll', { cause: options.signal.reason })
    const failed: Paid = { usage: usageOfFailure(error) }
    const [first] = refusals
    // It did answer once, so it is present, though with nothing that counts.
    if (first) {
      const reason = `a ballot was refused: ${first.why}; asked again: ${messageOf(error)}`
      return withoutBallot(name, 'abstained', reason, [first.vote, failed])
    }
    return withoutBallot(name, error instanceof BallotRefused ? 'abstained' : 'absent', messageOf(error), [failed])
  }
}

interface Refusal {
  readonly vote: Vote
  readonly why: string
}

async function askTwice(
  options: PollOptions,
  participant: Participant,
  refusals: Refusal[],
  signal: AbortSignal,
): Promise<CastVote> {
  const first = await participant.cast(motion(options, participant.name, undefined), signal)
  const refused = refusal(first, options, participant.name)
  if (refused === undefined) return cast(participant.name, first, [first])
  refusals.push({ vote: first, why: refused })
  const second = await participant.cast(motion(options, participant.name, refused), signal)
  const again = refusal(second, options, participant.name)
  if (again === undefined) return cast(participant.name, second, [first, second])
  return withoutBallot(participant.name, 'abstained', `two ballots were refused: ${refused}; ${again}`, [first, second])
}

function motion(options: PollOptions, name: string, refused: string | undefined): Motion {
  return {
    topic: options.topic,
    options: options.options,
    ballot: options.ballot,
    ...(options.scale && { scale: options.scale }),
    ...(options.delegation === true && { delegates: delegatesFor(options, name) }),
    transcript: options.transcriptOf?.(name) ?? options.transcript,
    random: options.random.split(`ballot ${name}`),
    ...(refused !== undefined && { refused }),
  }
}

function delegatesFor({ participants }: PollOptions, name: string): readonly string[] {
  return participants.map((each) => each.name).filter((each) => each !== name)
}

function refusal(vote: Vote, options: PollOptions, name: string): string | undefined {
  if (typeof vote?.ballot !== 'object' || vote.ballot === null) return 'no ballot was returned'
  if (vote.delegate !== undefined) {
    if (options.delegation !== true) return 'nobody votes for another here; cast a ballot, or abstain'
    return delegatesFor(options, name).includes(vote.delegate)
      ? undefined
      : `it delegates to ${JSON.stringify(vote.delegate)?.slice(0, 80)}, who is no other voter`
  }
  return checkBallot(vote.ballot, options.options, options.ballot, options.scale)
}

function cast(participant: string, vote: Vote, asked: readonly Vote[]): CastVote {
  const notes = notesOf(asked)
  const delegated = vote.delegate !== undefined && {
    status: 'delegated' as const,
    to: vote.delegate,
    ballot: { kind: 'abstain' as const },
  }
  return {
    participant,
    status: vote.ballot.kind === 'abstain' ? 'abstained' : 'cast',
    ballot: plainBallot(vote.ballot),
    reason: cleanText(typeof vote.reason === 'string' ? vote.reason : '', 5000),
    usage: usageOf(asked),
    ...(notes.length > 0 && { notes }),
    ...delegated,
  }
}

function withoutBallot(
  participant: string,
  status: 'abstained' | 'absent',
  reason: string,
  asked: readonly Paid[],
): CastVote {
  const notes = notesOf(asked)
  return {
    participant,
    status,
    ballot: { kind: 'abstain' },
    reason: cleanText(reason, 5000),
    usage: usageOf(asked),
    ...(notes.length > 0 && { notes }),
  }
}

/** Only what a ballot is made of is recorded, whatever else came with it. */
function plainBallot(ballot: Ballot): Ballot {
  switch (ballot.kind) {
    case 'ranked':
      return { kind: 'ranked', ranking: ballot.ranking.map((level) => [...level]) }
    case 'approval':
      return { kind: 'approval', approves: [...ballot.approves] }
    case 'single':
      return { kind: 'single', choice: ballot.choice }
    case 'grades':
      return { kind: 'grades', grades: { ...ballot.grades } }
    case 'abstain':
    default:
      return { kind: 'abstain' }
  }
}

type Paid = Pick<Vote, 'usage' | 'notes'>

/** Both askings are paid, whichever ballot counts. */
function usageOf(asked: readonly Paid[]): Usage {
  return totalUsage(asked.map((vote) => cleanUsage(vote?.usage)))
}

function notesOf(asked: readonly Paid[]): readonly string[] {
  return cleanNotes(asked.flatMap((vote) => (Array.isArray(vote?.notes) ? vote.notes : [])))
}
