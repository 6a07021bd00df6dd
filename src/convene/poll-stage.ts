/**
 * The poll of a convening: everybody is asked, each answer is an event before it counts, the declared rule counts. Unlike `holdPoll` it
 * knows the agenda and the journal; what the record shows of a ballot is the secrecy's to say.
 */
import { seededRandom } from '../base/random.ts'
import { holdPoll } from '../deliberation/hold-poll.ts'
import type { PollItem, PollResult } from '../deliberation/hold-poll.ts'
import type { Contribution } from '../deliberation/participant.ts'
import { isSealed } from '../deliberation/poll-plan.ts'
import type { PollPlan } from '../deliberation/poll-plan.ts'
import type { Agenda } from './agenda.ts'
import { conveneTypes } from './event.ts'
import type { Balloted } from './event.ts'
import type { Stage } from './stage.ts'

/** The plan that the agenda says. */
export function pollPlanOf({ poll, participants }: Pick<Agenda, 'poll' | 'participants'>): PollPlan {
  const { quorum, ...plan } = poll
  const weights = Object.fromEntries(participants.map(({ name, weight }) => [name, weight]))
  return { ...plan, quorum: { share: quorum }, weights }
}

export async function takePoll(stage: Stage, transcript: readonly Contribution[]): Promise<PollResult> {
  const { agenda, node, options, record } = stage
  const { turnTimeoutMs, signal } = options
  const plan = pollPlanOf(agenda)
  const votes = (record?.ballots ?? []).map(({ kind: _kind, weight: _weight, ...vote }): PollItem => ({
    item: 'vote',
    vote,
  }))
  return holdPoll({
    poll: stage.stream,
    topic: agenda.topic,
    options: agenda.options,
    participants: stage.participants,
    plan,
    seed: agenda.seed,
    transcript,
    ...(turnTimeoutMs !== undefined && { ballotTimeoutMs: turnTimeoutMs }),
    clock: node.clock,
    random: seededRandom(agenda.seed).split('poll'),
    entropy: node.entropy,
    ...(isSealed(plan) && { sealer: await node.sealer() }),
    recorded: [...votes, ...(record?.sealed ?? [])],
    record: (item) => keep(stage, item),
    ...(signal && { signal }),
  })
}

async function keep(stage: Stage, item: PollItem): Promise<void> {
  if (item.item !== 'vote') {
    await stage.append(conveneTypes.sealed, item, item.item === 'sealed' ? item.participant : 'chair')
    return
  }
  const { vote } = item
  const { kind, weight } = stage.seat(vote.participant)
  const balloted: Balloted = { kind, weight, ...vote }
  await stage.append(conveneTypes.ballot, balloted, vote.participant)
}
