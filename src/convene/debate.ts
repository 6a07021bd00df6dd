/**
 * The debate of an agenda, held on a node: evidence is indexed, sides, audience and judges are seated, and the journal holds
 * every item before it counts. Unlike `runDebate` it owns the record: a run that died goes on after the last event, a finished
 * one is only shown. Unlike `convene` it ends in a verdict on a motion, not in a poll on the options. It never prints.
 */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../base/canonical.ts'
import { assert } from '../base/error.ts'
import { seededRandom } from '../base/random.ts'
import { scoped } from '../base/scope.ts'
import type { DebateItem } from '../deliberation/core/debate-record.ts'
import { talkedMs } from '../deliberation/core/discussion.ts'
import { defaultRubric, readRubric } from '../deliberation/core/rubric.ts'
import { debatePlan, runDebate } from '../deliberation/debate.ts'
import type { DebateOptions, DebateSide, JudgeSeat } from '../deliberation/debate.ts'
import { extractiveJudge } from '../deliberation/extractive-judge.ts'
import { llmJudge } from '../deliberation/llm-judge.ts'
import type { Participant } from '../deliberation/participant.ts'
import { passageIndex } from '../deliberation/passage-index.ts'
import type { PassageIndex } from '../deliberation/passage-index.ts'
import type { Node } from '../node/node.ts'
import type { Agenda, AgendaParticipant } from './agenda.ts'
import { asDebateEvent, debateTypes } from './debate-event.ts'
import type { DebateConcluded, DebateEvent, DebateStarted } from './debate-event.ts'
import { debateFormatOf } from './debate-schema.ts'
import type { DebateFields } from './debate-schema.ts'
import { NoDebate } from './error.ts'
import type { Evidence } from './evidence.ts'
import { checkModels, openPanel, seatsOf } from './panel.ts'

export interface HoldDebateOptions {
  readonly evidence: Evidence
  /** Starts anew even if this debate is recorded already. Default false. */
  readonly fresh?: boolean
  /** Refuses (`node.not_durable`) a node without a data folder. Default false. */
  readonly durable?: boolean
  /** One turn, vote or judgement. Default 120,000. */
  readonly turnTimeoutMs?: number
  /** Each event as it is recorded, those of earlier runs first. Must not wait. */
  readonly onEvent?: (event: DebateEvent) => void
  readonly onPreview?: (participant: string, text: string) => void
  /** Aborting ends the run with `base.aborted`; it can be run again to go on. */
  readonly signal?: AbortSignal
}

/** How a debate went, and where it is recorded. */
export interface HeldDebate {
  readonly stream: string
  /** Events of earlier runs; all of them when it was finished before. */
  readonly recorded: number
  readonly concluded: DebateConcluded
}

/** Raised when what participants say from the same input changes. */
const format = 1

/**
 * Holds the debate of the agenda's `debate` section. Rejects with `convene.no_debate` without one, with `base.aborted`, and with
 * the errors of `runDebate`, of the models and of the journal.
 */
export async function holdDebate(node: Node, agenda: Agenda, options: HoldDebateOptions): Promise<HeldDebate> {
  const { debate } = agenda
  if (!debate) throw new NoDebate('the agenda asks for no debate')
  if (debate.sides.length === 0) throw new NoDebate('the debate section names no sides')
  if (options.durable === true) node.durableStore('this debate')
  const kinds = seatsOf(node, agenda, []).map((seat) => seat.kind)
  const evidence = options.evidence.documents.map(({ source, hash }) => ({ source, hash }))
  const identity = createHash('sha256').update(canonicalJson({ format, agenda, evidence, kinds })).digest('hex')
  const log = await openLog(node, identity, options)
  if (log.concluded) return { stream: log.stream, recorded: log.version, concluded: log.concluded }
  checkModels(node, agenda, [])
  const panel = openPanel(node, withStances(agenda, debate), options.evidence, [])
  const index = passageIndex(options.evidence.documents)
  try {
    const recorded = log.version
    const seated = seat(node, agenda, debate, panel.participants, index, options)
    const record = async (item: DebateItem) => {
      await log.append(debateTypes.item, item, agentOf(item))
      return item
    }
    const elapsedMs = talkedMs(log.timesMs, seated.turnTimeoutMs ?? 120_000)
    const run = { ...seated, record, recorded: log.items, elapsedMs }
    debatePlan(run)
    if (log.version === 0)
      await log.append(debateTypes.started, started(identity, agenda, debate, run, options), 'chair')
    const { record: _items, ...concluded } = await scoped(options.signal, (signal) => runDebate({ ...run, signal }))
    await log.append(debateTypes.concluded, concluded, 'chair')
    return { stream: log.stream, recorded, concluded }
  } finally {
    index.close()
    panel.close()
  }
}

function agentOf(item: DebateItem): string {
  if (item.item === 'judgement') return item.judge
  return item.item === 'stop' ? 'chair' : item.participant
}

interface Log {
  readonly stream: string
  readonly items: readonly DebateItem[]
  /** When the events of earlier runs were recorded. */
  readonly timesMs: readonly number[]
  readonly concluded: DebateConcluded | undefined
  /** Version of the last event. */
  readonly version: number
  append(type: DebateEvent['type'], data: DebateEvent['data'], agent: string): Promise<void>
}

async function openLog(node: Node, identity: string, options: HoldDebateOptions): Promise<Log> {
  const streamOf = (run: number) => `debate/${identity.slice(0, 32)}/${run}`
  let run = 1
  while ((await node.journal.version(streamOf(run + 1))) > 0) run++
  if (options.fresh === true && (await node.journal.version(streamOf(run))) > 0) run++
  const stream = streamOf(run)
  const events: DebateEvent[] = []
  for await (const recorded of node.journal.read(stream)) {
    const event = asDebateEvent(recorded)
    assert(event, `${stream} holds an event that is none of a debate's`)
    events.push(event)
    options.onEvent?.(event)
  }
  let last = events.at(-1)
  let version = events.length
  return {
    stream,
    items: events.flatMap((event) => (event.type === debateTypes.item ? [event.data] : [])),
    timesMs: events.map((event) => Date.parse(event.time ?? '')).filter(Number.isFinite),
    concluded: last?.type === debateTypes.concluded ? last.data : undefined,
    get version() {
      return version
    },
    async append(type, data, agent) {
      const event = node.event(agent, { type, data, subject: stream, ...(last && { cause: last }) })
      await node.journal.append(stream, [event], { expectedVersion: version })
      version++
      last = event as DebateEvent
      options.onEvent?.(last)
    },
  }
}

/** Speakers speak for their side, whatever stance they would have of their own. */
function withStances(agenda: Agenda, debate: DebateFields): Agenda {
  const stances = new Map(
    debate.sides.flatMap(({ option, against, speakers, position }) =>
      speakers.map((name) => [name, option ?? (against === undefined ? position : `against ${against}`)] as const),
    ),
  )
  const participants = agenda.participants.map((each): AgendaParticipant => {
    const stance = stances.get(each.name)
    return stance === undefined ? each : { ...each, stance }
  })
  return { ...agenda, participants }
}

/** The debate that the section says, with everybody in their seats: all but the record. */
export function seat(
  node: Node,
  agenda: Agenda,
  debate: DebateFields,
  participants: readonly Participant[],
  index: PassageIndex,
  options: HoldDebateOptions,
): Omit<DebateOptions, 'record'> {
  const byName = new Map(participants.map((each) => [each.name, each]))
  const person = (name: string): Participant => {
    const found = byName.get(name)
    assert(found, `${name} has no seat`)
    return found
  }
  const debateFormat = debateFormatOf(debate)
  const sides = debate.sides.map((side, at): DebateSide => {
    const { option, against } = side
    const bearing =
      option !== undefined
        ? ({ option, direction: 'for' } as const)
        : against === undefined
          ? undefined
          : ({ option: against, direction: 'against' } as const)
    return {
      name: side.name ?? debateFormat.sides[at]!.name,
      position: side.position,
      ...(bearing && { bearing }),
      speakers: side.speakers.map(person),
    }
  })
  const { turnTimeoutMs, onPreview } = options
  return {
    motion: debate.motion ?? agenda.topic,
    options: agenda.options,
    format: debateFormat,
    sides,
    audience: debate.audience.map(person),
    audiencePolls: debate.audiencePolls,
    ...(debate.settledAfter !== undefined && { settledAfter: debate.settledAfter }),
    judges: judgesOf(agenda, debate).map((each) => judgeSeat(node, each, index)),
    ...(debate.rubric && { rubric: debate.rubric }),
    orders: debate.orders,
    onFlip: debate.onFlip,
    ...(debate.combine !== undefined && { combine: debate.combine }),
    evidence: { documents: options.evidence.documents, ...debate.evidence },
    baseline: debate.baseline,
    ...(debate.budget && { budget: debate.budget }),
    forfeitAfter: debate.forfeitAfter,
    clock: node.clock,
    random: seededRandom(agenda.seed).split('debate'),
    ...(turnTimeoutMs !== undefined && { turnTimeoutMs }),
    ...(onPreview && { onPreview }),
  }
}

function judgesOf(agenda: Agenda, debate: DebateFields): readonly AgendaParticipant[] {
  const { judges, audience, sides } = debate
  const busy = new Set([...audience, ...sides.flatMap((side) => side.speakers)])
  const wanted = judges === undefined ? undefined : new Set(judges)
  return agenda.participants.filter(({ name }) => (wanted ? wanted.has(name) : !busy.has(name)))
}

function judgeSeat(node: Node, judge: AgendaParticipant, index: PassageIndex): JudgeSeat {
  const { name, persona, model, weight } = judge
  const answers = model === undefined || model === 'extractive' ? undefined : node.model(model)
  const seated = answers
    ? llmJudge(answers, { name, ...(persona !== undefined && { persona }) })
    : extractiveJudge({ name, index })
  return { judge: seated, weight }
}

function started(
  identity: string,
  agenda: Agenda,
  debate: DebateFields,
  run: Omit<DebateOptions, 'record'>,
  { evidence }: HoldDebateOptions,
): DebateStarted {
  const { criteria } = readRubric(run.rubric ?? defaultRubric, 10)
  return {
    debate: identity,
    motion: run.motion,
    format: run.format.name,
    decision: run.format.decision,
    sides: run.sides.map(({ name, position, speakers }) => ({
      name,
      position,
      speakers: speakers.map((speaker) => ({ name: speaker.name, kind: speaker.kind })),
    })),
    audience: debate.audience,
    judges: (run.judges ?? []).map((each) => {
      const { judge, weight = 1 } = each as JudgeSeat
      return { name: judge.name, kind: judge.kind, weight }
    }),
    rubric: criteria,
    evidence: { documents: evidence.documents.length, bytes: evidence.bytes, onFail: debate.evidence.onFail },
    seed: agenda.seed,
  }
}
