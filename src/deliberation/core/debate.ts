/**
 * The plan of a debate as a pure function of its record: what comes next, who is asked and what each may see. Unlike a machine
 * with hidden state it says the same after a crash. It asks nobody; `debate.ts` one floor up does.
 *
 * Order: 1. the judges before any talk, where a baseline is asked for, 2. the phases of the format, polls of the audience among
 * them, 3. the judges, each in every order, 4. the end. A side that is absent too often has forfeited and is asked no more.
 */
import type { Act, Side } from '../participant.ts'
import type { AudiencePhase, CrossPhase, DebateFormat, SeatRef, SpeechPhase, TurnBounds } from './debate-format.ts'
import type { AudienceItem, DebateItem, JudgementItem, SpokenItem } from './debate-record.ts'
import { totalUsage } from './spending.ts'

export interface DebateBudget {
  /** Contributions in all, absences included. */
  readonly turns?: number
  /** Input and output tokens of the speakers, checked before each turn; the last turn may pass it, which the cost shows. */
  readonly tokens?: number
  /** Time spent in the debate. */
  readonly timeMs?: number
}

export interface PlannedSide extends Side {
  /** Names of its speakers; seat 3 of two speakers is the first again. */
  readonly speakers: readonly string[]
}

/** All that the course of a debate depends on, beside its record. Plain JSON. */
export interface DebatePlan {
  readonly format: DebateFormat
  /** In the format's order. */
  readonly sides: readonly PlannedSide[]
  readonly audience: readonly string[]
  /** `every-phase`: after each phase besides, so that the record says after which one somebody moved. */
  readonly audiencePolls: 'ends' | 'every-phase'
  /** Polls in a row in which nobody moved that end the rebuttals and cross-examinations; absent: none do. */
  readonly settledAfter?: number
  readonly judges: readonly string[]
  /** `all`: each judge hears every order (two of two sides, four of four); `one`: one order each, turned from judge to judge. */
  readonly orders: 'all' | 'one'
  readonly baseline: boolean
  /** Absent turns of one side that end its part. */
  readonly forfeitAfter: number
  readonly budget: DebateBudget
}

/** One turn that is due. */
export interface DueTurn {
  readonly phase: SpeechPhase | CrossPhase
  /** Phases with speech before this one: 0 in the first. */
  readonly round: number
  readonly seat: SeatRef
  readonly participant: string
  readonly act: Act
  readonly pair?: number
  readonly bounds: TurnBounds
}

export interface DueHearing {
  readonly judge: string
  readonly stage: 'before' | 'after'
  readonly order: readonly string[]
}

/**
 * `held`: every phase; `settled`: all but what was left out since the audience moved no more; `forfeit`: one side is left, or none; the
 * others name the part of the budget that is used up.
 */
export type DebateEnd = 'held' | 'settled' | 'forfeit' | 'turns' | 'tokens' | 'time'

export type DebateStep =
  /** These may speak now, at the same time, none seeing another's answer to this ask. */
  | { readonly kind: 'speak'; readonly turns: readonly DueTurn[] }
  | { readonly kind: 'poll'; readonly phase: AudiencePhase; readonly members: readonly string[] }
  | { readonly kind: 'judge'; readonly hearings: readonly DueHearing[] }
  /** The time is used up: this is recorded, then asked again. */
  | { readonly kind: 'stop'; readonly reason: 'time' }
  | { readonly kind: 'end'; readonly ended: DebateEnd }

/** What comes next, given what is recorded and how long the debate took so far. */
export function nextStep(plan: DebatePlan, record: readonly DebateItem[], elapsedMs: number): DebateStep {
  if (plan.baseline) {
    const hearings = dueHearings(plan, record, 'before')
    if (hearings.length > 0) return { kind: 'judge', hearings }
  }
  // Whoever has judged did so on this talk: it grows no more.
  const judged = record.some((item) => item.item === 'judgement' && item.stage === 'after')
  const talk = judged ? undefined : nextTalk(plan, record, elapsedMs)
  if (talk) return talk
  const ended = endOf(plan, record)
  // Who is alone has won without a word about the case; a judge could only repeat it.
  const hearings = ended === 'forfeit' && plan.sides.length === 2 ? [] : dueHearings(plan, record, 'after')
  return hearings.length > 0 ? { kind: 'judge', hearings } : { kind: 'end', ended }
}

/** Why talk ended, or would end now. */
export function endOf(plan: DebatePlan, record: readonly DebateItem[]): DebateEnd {
  if (plan.sides.length - forfeited(plan, record).size <= 1) return 'forfeit'
  if (!talkLeft(plan, record))
    return heldPhases(plan, record).length < effectivePhases(plan).length ? 'settled' : 'held'
  return usedUp(plan, record) ?? 'held'
}

function talkLeft(plan: DebatePlan, record: readonly DebateItem[]): boolean {
  const all = effectivePhases(plan)
  return heldPhases(plan, record).some((phase) => phase.kind !== 'audience' && dueIn(plan, record, phase, all))
}

function nextTalk(plan: DebatePlan, record: readonly DebateItem[], elapsedMs: number): DebateStep | undefined {
  const over = usedUp(plan, record) ?? (endOf(plan, record) === 'forfeit' ? 'forfeit' : undefined)
  const phases = heldPhases(plan, record)
  const all = effectivePhases(plan)
  for (const phase of phases) {
    if (phase.kind === 'audience') {
      const members = dueMembers(plan, record, phase)
      // After talk was cut only the last poll is still held, so that before and after can be compared.
      const wanted = over === undefined || phase === phases.at(-1) || phase === phases[0]
      if (members.length > 0 && wanted) return { kind: 'poll', phase, members }
      continue
    }
    if (over !== undefined) continue
    const due = dueIn(plan, record, phase, all)
    if (!due) continue
    if (elapsedMs >= (plan.budget.timeMs ?? Number.POSITIVE_INFINITY)) return { kind: 'stop', reason: 'time' }
    return { kind: 'speak', turns: due.slice(0, turnsLeft(plan, record)) }
  }
  return undefined
}

function spoken(record: readonly DebateItem[]): readonly SpokenItem[] {
  return record.filter((item) => item.item === 'contribution')
}

function turnsLeft(plan: DebatePlan, record: readonly DebateItem[]): number {
  return (plan.budget.turns ?? Number.POSITIVE_INFINITY) - spoken(record).length
}

function usedUp(plan: DebatePlan, record: readonly DebateItem[]): DebateEnd | undefined {
  if (record.some((item) => item.item === 'stop')) return 'time'
  const { tokens } = plan.budget
  if (turnsLeft(plan, record) <= 0) return 'turns'
  const spent = totalUsage(spoken(record).map((item) => item.usage))
  if (tokens !== undefined && spent.inputTokens + spent.outputTokens >= tokens) return 'tokens'
  return undefined
}

/** Names of the sides that were absent too often. */
export function forfeited(plan: DebatePlan, record: readonly DebateItem[]): ReadonlySet<string> {
  const absences = new Map<string, number>()
  for (const item of spoken(record))
    if (item.status === 'absent') absences.set(item.side, (absences.get(item.side) ?? 0) + 1)
  return new Set([...absences].flatMap(([side, count]) => (count >= plan.forfeitAfter ? [side] : [])))
}

/** The phases as they are held: without the audience where there is none, with its polls where it is asked more often. */
export function effectivePhases(plan: DebatePlan): readonly (SpeechPhase | CrossPhase | AudiencePhase)[] {
  const { format, audience, audiencePolls } = plan
  if (audience.length === 0) return format.phases.filter((phase) => phase.kind !== 'audience')
  const phases = [...format.phases]
  if (phases[0]?.kind !== 'audience') phases.unshift({ kind: 'audience', name: 'audience before' })
  if (phases.at(-1)?.kind !== 'audience') phases.push({ kind: 'audience', name: 'audience after' })
  if (audiencePolls === 'ends') return phases
  return phases.flatMap((phase, at) => {
    const polled = phase.kind === 'audience' || phases[at + 1]?.kind === 'audience'
    return polled ? [phase] : [phase, { kind: 'audience' as const, name: `audience after ${phase.name}` }]
  })
}

/**
 * The phases without those that a settled audience makes needless: rebuttals and cross-examinations after the poll in which nobody had
 * moved for so many polls, and the polls after them. What settled it is complete in the record, so that it never opens again.
 */
function heldPhases(plan: DebatePlan, record: readonly DebateItem[]): readonly AnyPhase[] {
  const phases = effectivePhases(plan)
  const { settledAfter } = plan
  if (settledAfter === undefined) return phases
  let unmoved = 0
  let before: string | undefined
  for (const { phase, votes } of audiencePollsOf(plan, record)) {
    if (votes.length < plan.audience.length) break
    const now = JSON.stringify(plan.audience.map((name) => votes.find((vote) => vote.participant === name)?.side ?? ''))
    unmoved = now === before ? unmoved + 1 : 0
    before = now
    if (unmoved < settledAfter) continue
    const at = phases.findIndex((each) => each.name === phase)
    const left = new Set(
      phases
        .slice(at + 1)
        .filter(isReply)
        .map((each) => each.name),
    )
    return phases.filter((each) => !left.has(each.name) && !left.has(each.name.replace(/^audience after /, '')))
  }
  return phases
}

function isReply(phase: AnyPhase): boolean {
  return phase.kind === 'cross-examination' || (phase.kind === 'speeches' && phase.act === 'rebuttal')
}

function dueMembers(plan: DebatePlan, record: readonly DebateItem[], phase: AudiencePhase): readonly string[] {
  const asked = new Set(
    record.flatMap((item) => (item.item === 'audience' && item.phase === phase.name ? [item.participant] : [])),
  )
  return plan.audience.filter((name) => !asked.has(name))
}

type AnyPhase = SpeechPhase | CrossPhase | AudiencePhase

/** The turns of a phase that are due at once; undefined when it is over. */
function dueIn(
  plan: DebatePlan,
  record: readonly DebateItem[],
  phase: SpeechPhase | CrossPhase,
  phases: readonly AnyPhase[],
): readonly DueTurn[] | undefined {
  const out = forfeited(plan, record)
  const held = spoken(record).filter((item) => item.phase === phase.name)
  const talk = phases.filter((each) => each.kind !== 'audience')
  const base = { phase, round: talk.indexOf(phase), bounds: phase.bounds ?? {} }
  if (phase.kind === 'cross-examination') {
    const due = dueOfCross(phase, held, out)
    return due && [{ ...base, ...due, participant: speakerOf(plan, due.seat) }]
  }
  const done = new Set(held.map((item) => `${item.side} ${item.seat}`))
  const missing = phase.speakers.filter((ref) => !out.has(ref.side) && !done.has(`${ref.side} ${ref.seat}`))
  if (missing.length === 0) return undefined
  return (phase.sealed === true ? missing : missing.slice(0, 1)).map((ref) => ({
    ...base,
    seat: ref,
    participant: speakerOf(plan, ref),
    act: phase.act,
  }))
}

function dueOfCross(
  phase: CrossPhase,
  held: readonly SpokenItem[],
  out: ReadonlySet<string>,
): { readonly seat: SeatRef; readonly act: Act; readonly pair: number } | undefined {
  if (out.has(phase.questioner.side) || out.has(phase.answerer.side)) return undefined
  for (let pair = 1; pair <= phase.pairs; pair++) {
    const question = held.find((item) => item.pair === pair && item.act === 'question')
    if (!question) return { seat: phase.questioner, act: 'question', pair }
    if (question.status === 'passed') return undefined
    const answered = held.some((item) => item.pair === pair && item.act === 'answer')
    if (question.status === 'given' && !answered) return { seat: phase.answerer, act: 'answer', pair }
  }
  return undefined
}

/** Who sits in a seat. */
function speakerOf(plan: DebatePlan, ref: SeatRef): string {
  const { speakers } = plan.sides.find((side) => side.name === ref.side)!
  return speakers[(ref.seat - 1) % speakers.length]!
}

/**
 * What a speaker may see when its turn is due: its own words always; of earlier phases what the format says; of its own phase
 * what came before, unless it is sealed.
 */
export function seenBy(record: readonly DebateItem[], due: DueTurn): readonly SpokenItem[] {
  const { phase } = due
  const { sees } = phase
  const sealed = phase.kind === 'speeches' && phase.sealed === true
  return spoken(record).filter((item) => {
    if (item.participant === due.participant && item.side === due.seat.side) return true
    if (item.phase === phase.name) return !sealed
    return sees === 'all' || (sees !== 'nothing' && sees.includes(item.phase))
  })
}

/** The orders in which one judge hears the sides: every rotation, begun at the judge's own place so that a panel is balanced. */
export function ordersFor(plan: DebatePlan, judge: string): readonly (readonly string[])[] {
  const names = plan.sides.map((side) => side.name)
  const start = plan.judges.indexOf(judge)
  const count = plan.orders === 'all' ? names.length : 1
  return Array.from({ length: count }, (_, at) => {
    const from = (start + at) % names.length
    return [...names.slice(from), ...names.slice(0, from)]
  })
}

function dueHearings(
  plan: DebatePlan,
  record: readonly DebateItem[],
  stage: JudgementItem['stage'],
): readonly DueHearing[] {
  const done = new Set(
    record.flatMap((item) =>
      item.item === 'judgement' && item.stage === stage ? [JSON.stringify([item.judge, item.order])] : [],
    ),
  )
  return plan.judges.flatMap((judge) =>
    ordersFor(plan, judge)
      .filter((order) => !done.has(JSON.stringify([judge, order])))
      .map((order) => ({ judge, stage, order })),
  )
}

/** Votes of the audience in the order of its polls; of each poll all that were recorded. */
export function audiencePollsOf(
  plan: DebatePlan,
  record: readonly DebateItem[],
): readonly { readonly phase: string; readonly votes: readonly AudienceItem[]; readonly after: string | undefined }[] {
  return effectivePhases(plan).flatMap(({ kind, name }) => {
    if (kind !== 'audience') return []
    const first = record.findIndex((item) => item.item === 'audience' && item.phase === name)
    if (first === -1) return []
    const votes = record.filter((item) => item.item === 'audience' && item.phase === name)
    return [{ phase: name, votes: votes as readonly AudienceItem[], after: spoken(record.slice(0, first)).at(-1)?.id }]
  })
}
