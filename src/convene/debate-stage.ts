/**
 * The debate of a convening: held between discussion and poll when the panel is divided, or in any case, as the agenda's `debate` section
 * says. Unlike `debate.ts`, which holds the same section alone and ends in a verdict, it is one stage of a record: its verdict decides
 * nothing, it is told, and the voters of the poll have heard the debate.
 *
 * How divided a panel is, is the margin of its last straw poll: the weight for the leading option less that for the next, by the weight
 * of all who named an option; 0 when nobody named any. Below the agenda's `margin` it is contested. Where the section names no sides the
 * two leading options are argued for by one each, whoever holds them best, and of a debate that its audience decides the others are that.
 */
import { assert } from '../base/error.ts'
import { totalUsage } from '../deliberation/core/spending.ts'
import type { DebateItem } from '../deliberation/core/debate-record.ts'
import { shownTo } from '../deliberation/core/hearing.ts'
import { runDebate } from '../deliberation/debate.ts'
import type { DebateResult } from '../deliberation/debate.ts'
import type { Contribution, Usage } from '../deliberation/participant.ts'
import { passageIndex } from '../deliberation/passage-index.ts'
import { lastOf } from '../deliberation/record.ts'
import type { Agenda } from './agenda.ts'
import { seat } from './debate.ts'
import type { DebateFields } from './debate-schema.ts'
import type { Talk } from './discussion-stage.ts'
import { conveneTypes } from './event.ts'
import type { Contested } from './event.ts'
import type { Stage } from './stage.ts'

export interface Debated {
  /** What the voters hear of it, numbered on from the discussion. */
  readonly transcript: readonly Contribution[]
  readonly usage: Usage
  /** Whether it was called for, and how it ended, in sentences. */
  readonly notes: readonly string[]
}

const none: Debated = { transcript: [], usage: { inputTokens: 0, outputTokens: 0 }, notes: [] }

export async function debateBetween(stage: Stage, talk: Talk): Promise<Debated> {
  const { agenda, record } = stage
  const { debate } = agenda
  if (!debate) return none
  let contested = record?.contested
  if (!contested) {
    contested = measure(agenda, debate, talk, (name) => stage.seat(name).weight)
    await stage.append(conveneTypes.contested, contested, 'chair')
  }
  const measured = `The lead of the first option in the straw poll was ${contested.margin} of the weight, and below ${contested.threshold} the panel counts as divided`
  const why = contested.reason === undefined ? '' : `; ${contested.reason}`
  if (!contested.held) return { ...none, notes: [`${measured}: no debate was held${why}.`] }
  const result = await hold(stage, withSides(agenda, debate, contested))
  return {
    transcript: heard(result.record, talk.transcript.length),
    usage: totalUsage(result.record.flatMap((item) => (item.item === 'stop' ? [] : [item.usage]))),
    notes: [`${measured}: a debate was held. ${verdictText(result)}`],
  }
}

/** A function of the agenda and the record alone. */
function measure(agenda: Agenda, debate: DebateFields, talk: Talk, weightOf: (name: string) => number): Contested {
  const choices = new Map<string, string>()
  for (const { participant, ballot } of lastOf(talk.record, 'poll')?.votes ?? [])
    if (ballot.kind === 'single') choices.set(participant, ballot.choice)
  const totals = agenda.options.map((option, at) => ({ option, at, weight: 0 }))
  for (const [name, choice] of choices) {
    const total = totals.find(({ option }) => option === choice)
    if (total) total.weight += weightOf(name)
  }
  const [first, second] = totals.toSorted((a, b) => b.weight - a.weight || a.at - b.at)
  assert(first && second, 'an agenda has two options or more')
  const all = totals.reduce((sum, { weight }) => sum + weight, 0)
  const margin = all === 0 ? 0 : Math.round(((first.weight - second.weight) / all) * 1_000_000) / 1_000_000
  const contested = margin < debate.margin
  const measured = { contested, margin, threshold: debate.margin }
  if (!contested && debate.when === 'contested') return { ...measured, held: false }
  if (debate.sides.length > 0) return { ...measured, held: true }
  if (agenda.participants.length < 3)
    return { ...measured, held: false, reason: 'two speakers leave nobody of the panel to listen or judge' }
  return { ...measured, held: true, sides: speakersFor(agenda, [first.option, second.option], choices) }
}

/** For each side whoever holds its option best: by straw ballot, by stance, then whoever holds neither; in the agenda's order. */
function speakersFor(
  agenda: Agenda,
  options: readonly [string, string],
  choices: ReadonlyMap<string, string>,
): NonNullable<Contested['sides']> {
  const taken = new Set<string>()
  return options.map((option, at) => {
    const other = options[1 - at]
    const fitness = ({ name, stance }: Agenda['participants'][number]) => {
      if (choices.get(name) === option) return 3
      if (choices.get(name) === other) return 0
      return stance === option ? 2 : stance === other ? 0 : 1
    }
    const free = agenda.participants.filter(({ name }) => !taken.has(name))
    const [best] = free.toSorted((a, b) => fitness(b) - fitness(a))
    assert(best, 'a panel has somebody for each side')
    taken.add(best.name)
    return { option, speaker: best.name }
  })
}

function withSides(agenda: Agenda, debate: DebateFields, { sides }: Contested): DebateFields {
  if (!sides) return debate
  const speaking = new Set(sides.map(({ speaker }) => speaker))
  const others = agenda.participants.map(({ name }) => name).filter((name) => !speaking.has(name))
  return {
    ...debate,
    sides: sides.map(({ option, speaker }) => ({ position: option, option, speakers: [speaker] })),
    audience: debate.format === 'oxford' ? others : [],
  }
}

async function hold(stage: Stage, debate: DebateFields): Promise<DebateResult> {
  const { agenda, node, options, participants, record } = stage
  const { evidence, turnTimeoutMs, onPreview, signal } = options
  const index = passageIndex(evidence.documents)
  try {
    const seated = seat(node, agenda, debate, participants, index, {
      evidence,
      ...(turnTimeoutMs !== undefined && { turnTimeoutMs }),
      ...(onPreview && { onPreview: (name, text) => onPreview(name, 0, text) }),
    })
    return await runDebate({
      ...seated,
      recorded: record?.debated ?? [],
      record: async (item) => {
        await stage.append(conveneTypes.debated, item, agentOf(item))
        return item
      },
      ...(signal && { signal }),
    })
  } finally {
    index.close()
  }
}

function agentOf(item: DebateItem): string {
  if (item.item === 'judgement') return item.judge
  return item.item === 'stop' ? 'chair' : item.participant
}

/** Debates number their contributions from 1 again; to the voters they follow on the discussion. */
function heard(items: readonly DebateItem[], after: number): readonly Contribution[] {
  return items
    .flatMap((item) => (item.item === 'contribution' ? (shownTo(item) ?? []) : []))
    .map((each) => ({ ...each, id: `d${each.number}`, number: after + each.number, answers: [] }))
}

function verdictText({ verdict }: DebateResult): string {
  switch (verdict.status) {
    case 'decided':
      return `It was won by ${verdict.winner}, by ${verdict.by}.`
    case 'tied':
      return 'It ended level.'
    case 'open':
    default:
      return 'Nobody could say who won it.'
  }
}
