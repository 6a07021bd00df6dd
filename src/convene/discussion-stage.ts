/**
 * The discussion of a convening: the agenda's plan on the panel, every item an event before it counts. Unlike `runDiscussion`, which
 * talks, it knows the journal: what was recorded is not asked again, and once anything came after the talk it grows no more.
 */
import { seededRandom } from '../base/random.ts'
import { endOf, talkedMs } from '../deliberation/core/discussion.ts'
import { totalUsage } from '../deliberation/core/spending.ts'
import { runDiscussion } from '../deliberation/discussion.ts'
import type { DiscussionResult } from '../deliberation/discussion.ts'
import { contributionsOf, isContribution } from '../deliberation/record.ts'
import type { DiscussionItem } from '../deliberation/record.ts'
import { planOf } from './discussion-plan.ts'
import { conveneTypes } from './event.ts'
import type { Contributed } from './event.ts'
import type { ConveneRecord } from './record.ts'
import type { Stage } from './stage.ts'

/** What the poll and the conclusion need of a discussion. */
export type Talk = Pick<DiscussionResult, 'transcript' | 'record' | 'ended' | 'usage'>

export async function holdDiscussion(stage: Stage): Promise<Talk> {
  const { agenda, options, node, record } = stage
  const plan = planOf(agenda)
  const before = record?.discussion ?? []
  // Whoever has cast a ballot has done so on this transcript: it grows no more.
  if (record && isOver(record)) {
    const transcript = contributionsOf(before)
    return { transcript, record: before, ended: endOf(plan, before), usage: usageOf(before) }
  }
  const { turnTimeoutMs = 120_000, onPreview, signal } = options
  const { participants: names, ...terms } = plan
  const byName = new Map(stage.participants.map((participant) => [participant.name, participant]))
  const moderator = plan.floor?.kind === 'moderator' ? byName.get(plan.floor.moderator) : undefined
  return runDiscussion({
    ...terms,
    topic: agenda.topic,
    options: agenda.options,
    participants: names.flatMap((name) => byName.get(name) ?? []),
    ...(moderator && { moderator }),
    ...(agenda.discussion.anonymous === true && { anonymous: true }),
    turnTimeoutMs,
    clock: node.clock,
    random: seededRandom(agenda.seed).split('discussion'),
    recorded: before,
    elapsedMs: talked(record, turnTimeoutMs),
    record: (item) => keep(stage, item),
    ...(onPreview && { onPreview }),
    ...(signal && { signal }),
  })
}

function isOver({ contested, debated, ballots, sealed }: ConveneRecord): boolean {
  return contested !== undefined || debated.length > 0 || ballots.length > 0 || sealed.length > 0
}

async function keep(stage: Stage, item: DiscussionItem): Promise<void> {
  if (!isContribution(item)) {
    const agent = item.item === 'choice' ? item.speaker : 'chair'
    await stage.append(conveneTypes.discussed, item, agent)
    return
  }
  const { id, number, ...said } = item
  const contribution: Contributed = { id, number, kind: stage.seat(said.participant).kind, ...said }
  await stage.append(conveneTypes.contribution, contribution, said.participant)
  const { inputTokens, outputTokens } = said.usage
  stage.node.telemetry.count('colloquy.tokens', inputTokens + outputTokens, { participant: said.participant })
}

function usageOf(items: readonly DiscussionItem[]): Talk['usage'] {
  return totalUsage(
    items.flatMap((item) => {
      if (isContribution(item) || item.item === 'choice') return [item.usage]
      return item.item === 'poll' ? item.votes.map(({ usage }) => usage) : []
    }),
  )
}

/** What earlier runs spent of the time budget; what lay between a stop and the next run is nobody's talk. */
function talked(record: ConveneRecord | undefined, turnTimeoutMs: number): number {
  const runs: number[][] = [[]]
  for (const event of record?.events ?? []) {
    if (event.time) runs.at(-1)?.push(Date.parse(event.time))
    if (event.type === conveneTypes.concluded) runs.push([])
  }
  return runs.reduce((sum, times) => sum + talkedMs(times, turnTimeoutMs), 0)
}
