/**
 * A whole poll: everybody is asked, the ballots are counted, and the record says as much of them as the poll's secrecy lets anybody see.
 * Unlike `runPoll`, which only asks, it knows rule, weights, quorum and ties, and in a sealed poll fixes every ballot before one is
 * shown. It goes on from any beginning of its record and asks nobody twice.
 *
 * 1. Everybody is asked at the same time. A public poll records each ballot; a sealed one records it sealed, with its commitment.
 * 2. When all are in, they are revealed: of a public poll with the voter's name, of a pseudonymous one under names drawn by the secure
 *    generator, which nothing in the record ties to anybody; of a secret poll only that the reveal was right.
 * 3. They are counted, and the audit record is made: see `vote/commit-reveal-audit.ts` for what it lets anybody check.
 *
 * A ballot between 1 and 2 is kept in the record itself, sealed with the caller's key (`sealer.ts`), and nowhere else. Who has lost the
 * key can neither reveal nor read it; such a voter is treated as who did not reveal.
 */
import type { Clock } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import { assert, InvalidArgument } from '../base/error.ts'
import { plainName } from '../base/limit.ts'
import type { Random } from '../base/random.ts'
import { auditRecord } from '../vote/commit-reveal-audit.ts'
import type { AuditRecord } from '../vote/commit-reveal-audit.ts'
import type { Outcome } from '../vote/outcome.ts'
import { ruleFrom, ruleUnfit } from '../vote/rule-from.ts'
import { tieChain, unfitTie } from '../vote/tie.ts'
import { totalUsage } from './core/spending.ts'
import { countPoll, electionOfVotes } from './count-poll.ts'
import type { CastVote, Contribution, Participant, Usage } from './participant.ts'
import { runPoll } from './poll.ts'
import { isSealed, planProblem, sha256 } from './poll-plan.ts'
import type { Attendance, PollPlan } from './poll-plan.ts'
import { SealedBallots } from './sealed-ballots.ts'
import type { SealedItem } from './sealed-ballots.ts'
import type { Sealer } from './sealer.ts'

/** A ballot of a poll that is public and not sealed, as it comes in. */
export interface OpenItem {
  readonly item: 'vote'
  readonly vote: CastVote
}

export type PollItem = OpenItem | SealedItem

export interface HoldPollOptions {
  /** Unlike that of any other poll of these voters: commitments bind it. */
  readonly poll: string
  readonly topic: string
  readonly options: readonly string[]
  readonly participants: readonly Participant[]
  readonly plan: PollPlan
  /** For the lot of ties that name no seed of their own. */
  readonly seed: number | string
  /** What was said before. Default: nothing. */
  readonly transcript?: readonly Contribution[]
  readonly transcriptOf?: (participant: string) => readonly Contribution[]
  /** One ballot or one reveal. Default 120,000. */
  readonly ballotTimeoutMs?: number
  readonly clock: Clock
  readonly random: Random
  /** Salts and pseudonyms of a sealed poll. */
  readonly entropy: Entropy
  /** Of a sealed poll: keeps the ballots in the record until, or instead of, their reveal. */
  readonly sealer?: Sealer
  /** What an earlier run recorded. */
  readonly recorded?: readonly PollItem[]
  /** Makes an item durable; it counts when this resolves. One at a time, in order. */
  readonly record: (item: PollItem) => Promise<unknown>
  readonly signal?: AbortSignal
}

export interface PollResult {
  /** What anybody may see: by name, under pseudonyms, or of a secret poll none. */
  readonly votes: readonly CastVote[]
  readonly attendance: readonly Attendance[]
  /** Absent where it is void, or the rule cannot count these ballots within its bounds; the notes say which. */
  readonly outcome?: Outcome
  /** Of a sealed poll. */
  readonly audit?: AuditRecord
  readonly notes: readonly string[]
  readonly usage: Usage
}

/**
 * Holds a poll to its end. Throws `base.invalid_argument`, `vote.unknown_rule`, `vote.unknown_tie` or `vote.tie_unfit` before anybody is
 * asked; rejects with `base.aborted`, or what `record` rejects with.
 */
export async function holdPoll(options: HoldPollOptions): Promise<PollResult> {
  const { plan, participants, seed } = options
  const rule = checkPoll(options)
  const ties = tieChain(plan.ties ?? [], seed)
  const asked = {
    topic: options.topic,
    options: options.options,
    participants,
    ballot: rule.ballot,
    ...(rule.grading && { scale: rule.grading }),
    delegation: plan.delegation === true,
    transcript: options.transcript ?? [],
    ...(options.transcriptOf && { transcriptOf: options.transcriptOf }),
    ...(options.ballotTimeoutMs !== undefined && { ballotTimeoutMs: options.ballotTimeoutMs }),
    clock: options.clock,
    random: options.random,
    ...(options.signal && { signal: options.signal }),
  }
  const recorded = options.recorded ?? []
  if (!isSealed(plan)) {
    const votes = await runPoll({
      ...asked,
      recorded: recorded.flatMap((item) => (item.item === 'vote' ? [item.vote] : [])),
      record: async (vote) => {
        await options.record({ item: 'vote', vote })
        return vote
      },
    })
    const quorum = plan.quorum && { quorum: plan.quorum }
    const election = electionOfVotes(votes, (name) => plan.weights?.[name] ?? 1, {
      candidates: options.options,
      ...quorum,
    })
    const attendance = votes.map(({ participant, status }) => ({ participant, status }))
    const usage = totalUsage(votes.map((vote) => vote.usage))
    return { votes, attendance, usage, ...countPoll(rule, election, ties, seed) }
  }
  const { poll, entropy, sealer } = options
  assert(sealer, 'a sealed poll has a sealer')
  const before = recorded.filter((item) => item.item !== 'vote')
  const sealed = new SealedBallots({ poll, plan, entropy, sealer, recorded: before, record: options.record }, asked)
  const { closing, votes, attendance, usage } = await sealed.run()
  if (!closing.election) {
    const notes = [
      'Somebody did not reveal the ballot it committed to, and by the terms of the poll that makes it void.',
    ]
    return { votes, attendance, usage, audit: auditRecord(closing, sha256), notes }
  }
  const { outcome, notes } = countPoll(rule, closing.election, ties, seed)
  const audit = auditRecord(closing, sha256, outcome)
  // Of a secret poll the outcome as the audit shows it: the reason of a refusal may quote the ballot.
  const shown = audit.outcome && { outcome: audit.outcome }
  return { votes, attendance, usage, audit, ...shown, notes }
}

function checkPoll({ plan, options, participants, seed, sealer, poll }: HoldPollOptions): ReturnType<typeof ruleFrom> {
  plainName('poll', poll, 1000)
  const rule = ruleFrom(plan.rule)
  const unfit = ruleUnfit(rule, options.length, participants.length)
  if (unfit !== undefined) throw new InvalidArgument('rule', unfit)
  const unfitChain = unfitTie(rule, tieChain(plan.ties ?? [], seed))
  if (unfitChain) throw unfitChain
  const problem = planProblem(
    plan,
    participants.map(({ name }) => name),
  )
  if (problem) throw new InvalidArgument(...problem)
  if (isSealed(plan) && !sealer) throw new InvalidArgument('sealer', 'must be given to a sealed poll')
  return rule
}
