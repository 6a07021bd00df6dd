/**
 * The course of a discussion as a pure function of its plan and record: sealed first drafts, then rounds in which the floor goes from one
 * to the next, straw polls between them, until a stop condition holds or the budget is used up; then a synthesis with the dissent. Unlike
 * a machine with hidden state it can be asked at any moment, after a crash too, and says the same: what was recorded is the whole state.
 * It never asks a participant itself; `discussion.ts` one floor up does.
 */
import type { Act, Contribution, Draft } from '../participant.ts'
import { contributionsOf, isContribution, lastOf } from '../record.ts'
import type { DiscussionItem, FloorChoice } from '../record.ts'
import { actOf, nextInRound, speakersOf } from './floor.ts'
import { shinglesOf, similarity } from './novelty.ts'
import type { Budget, DiscussionEnd, DiscussionPlan } from './plan.ts'
import { loop, stopReason } from './stop.ts'
import { spentOf } from './spending.ts'

export type DiscussionStep =
  /** These may speak now; where `sealed` at the same time, none seeing the others' answers to this ask. */
  | {
      readonly kind: 'ask'
      readonly round: number
      readonly act: Act
      readonly participants: readonly string[]
      readonly sealed: boolean
    }
  | {
      readonly kind: 'choose'
      readonly round: number
      readonly by: FloorChoice['by']
      readonly candidates: readonly string[]
    }
  /** Everybody casts a straw ballot; `round` is the last that is whole, or the one after it when the talk is over. */
  | { readonly kind: 'poll'; readonly round: number }
  /** A person decides how to go on. */
  | { readonly kind: 'escalate'; readonly reason: DiscussionEnd }
  /** The talk is over, which is to be recorded, for something follows. */
  | { readonly kind: 'over'; readonly reason: DiscussionEnd; readonly detail?: string }
  | { readonly kind: 'end'; readonly reason: DiscussionEnd; readonly detail?: string }

/** What comes next, given what is recorded and how long the talk took so far. */
export function nextStep(plan: DiscussionPlan, record: readonly DiscussionItem[], elapsedMs: number): DiscussionStep {
  const over = lastOf(record, 'end')
  if (over) return afterTalk(plan, record, over.reason)
  const escalation = lastOf(record, 'escalation')
  if (escalation?.decision === 'stop') return { kind: 'end', reason: 'stopped' }
  if (escalation?.decision === 'conclude') return ended(plan, escalation.reason)
  const round = dueRound(plan, record)
  const whole = (round ?? plan.rounds + 1) - 1
  if (isPollDue(plan, record, whole)) return { kind: 'poll', round: whole }
  if (round === undefined) return ended(plan, 'rounds')
  const stop = stopOf(plan, record, whole)
  if (stop) return ended(plan, stop.kind, stop.detail)
  const exceeded = exceededBudget(budgetOf(plan, record), record, elapsedMs)
  if (exceeded) return exceed(plan, exceeded)
  return talk(plan, record, round)
}

/** What a used-up part of the budget leads to. */
export function exceed(plan: DiscussionPlan, reason: DiscussionEnd): Exclude<DiscussionStep, { readonly kind: 'ask' }> {
  const { onExceed = 'conclude' } = plan.budget
  if (onExceed === 'escalate') return { kind: 'escalate', reason }
  return onExceed === 'stop' ? { kind: 'end', reason } : ended(plan, reason)
}

/** The budget that holds now: a person may have given more, of one part and later of another. */
export function budgetOf(plan: DiscussionPlan, record: readonly DiscussionItem[]): Budget {
  const budget = { ...plan.budget }
  for (const item of record) if (!isContribution(item) && item.item === 'escalation') Object.assign(budget, item.budget)
  return budget
}

function ended(
  plan: DiscussionPlan,
  reason: DiscussionEnd,
  detail?: string,
): Exclude<DiscussionStep, { readonly kind: 'ask' }> {
  const more = plan.synthesis !== undefined || plan.polls?.last === true
  return { kind: more ? 'over' : 'end', reason, ...(detail !== undefined && { detail }) }
}

function talk(plan: DiscussionPlan, record: readonly DiscussionItem[], round: number): DiscussionStep {
  const step = nextInRound(plan, record, round)
  if (step?.kind === 'choose') return { ...step, round }
  const { participants, sealed } = step ?? { participants: [], sealed: false }
  const left = (budgetOf(plan, record).turns ?? Infinity) - contributionsOf(record).length
  return {
    kind: 'ask',
    round,
    act: round === 0 ? 'draft' : actOf(plan, round),
    participants: participants.slice(0, left),
    sealed,
  }
}

function afterTalk(plan: DiscussionPlan, record: readonly DiscussionItem[], reason: DiscussionEnd): DiscussionStep {
  const { synthesis, polls, participants } = plan
  const at = record.findLastIndex((item) => !isContribution(item) && item.item === 'end')
  const since = record.slice(at + 1)
  const said = contributionsOf(since)
  const round = lastRound(record.slice(0, at)) + 1
  if (synthesis) {
    if (said.length === 0) return { kind: 'ask', round, act: 'synthesis', participants: [synthesis.by], sealed: false }
    const missing = participants.filter((name) => !said.some(({ participant }) => participant === name))
    if (synthesis.dissent !== false && said[0]?.status === 'given' && missing.length > 0)
      return { kind: 'ask', round, act: 'dissent', participants: missing, sealed: true }
  }
  if (polls?.last === true && !lastOf(since, 'poll')) return { kind: 'poll', round }
  return { kind: 'end', reason }
}

function lastRound(record: readonly DiscussionItem[]): number {
  return contributionsOf(record).reduce((last, { round }) => Math.max(last, round), 0)
}

/** The first round in which somebody is to speak; undefined when all were held. */
function dueRound(plan: DiscussionPlan, record: readonly DiscussionItem[]): number | undefined {
  for (let round = plan.drafts === false ? 1 : 0; round <= plan.rounds; round++)
    if (speakersOf(plan, round).length > 0 && nextInRound(plan, record, round)) return round
  return undefined
}

function isPollDue(plan: DiscussionPlan, record: readonly DiscussionItem[], whole: number): boolean {
  const every = plan.polls?.everyRounds
  if (every === undefined || whole < 0 || whole % every !== 0 || (whole === 0 && plan.drafts === false)) return false
  return !record.some((item) => !isContribution(item) && item.item === 'poll' && item.round === whole)
}

interface Stopped {
  readonly kind: DiscussionEnd
  readonly detail: string
}

function stopOf(plan: DiscussionPlan, record: readonly DiscussionItem[], whole: number): Stopped | undefined {
  if (isExhausted(plan, record, whole))
    return { kind: 'exhausted', detail: `nobody said anything new in round ${whole}` }
  const said = contributionsOf(record)
  const circle =
    plan.detect === false
      ? undefined
      : loop(
          said.filter(({ round }) => round > 0),
          loopWindow,
          alikeMin,
        )
  if (circle !== undefined) return { kind: 'loop', detail: circle }
  return plan.stop && stopReason(plan.stop, { record, roundsWhole: whole })
}

const loopWindow = 12
/** Above it two texts are the same but for a word. */
const alikeMin = 0.9

/** True when the last whole round brought nothing from anybody: another would repeat it. */
function isExhausted(plan: DiscussionPlan, record: readonly DiscussionItem[], whole: number): boolean {
  if (whole < (plan.drafts === false ? 1 : 0)) return false
  const said = contributionsOf(record)
  const last = said.filter(({ round }) => round === whole)
  return (
    last.length > 0 &&
    last.every((each) => each.status !== 'given' || (plan.detect !== false && isRepeated(said, each)))
  )
}

function isRepeated(said: readonly Contribution[], { participant, round, text, act }: Contribution): boolean {
  if (act === 'revision') return false
  const shingles = shinglesOf(text)
  return said.some(
    (each) =>
      each.participant === participant &&
      each.round < round &&
      each.status === 'given' &&
      similarity(shinglesOf(each.text), shingles) >= alikeMin,
  )
}

function exceededBudget(
  budget: Budget,
  record: readonly DiscussionItem[],
  elapsedMs: number,
): DiscussionEnd | undefined {
  const { turns, tokens, usd } = spentOf(record)
  if (budget.turns !== undefined && turns >= budget.turns) return 'turns'
  if (budget.tokens !== undefined && tokens >= budget.tokens) return 'tokens'
  if (budget.usd !== undefined && usd >= budget.usd) return 'usd'
  return budget.timeMs !== undefined && elapsedMs >= budget.timeMs ? 'time' : undefined
}

/** What counts as said before an ask: in a sealed one nothing of the same round. */
export function heardBefore(
  { round, sealed }: Pick<Extract<DiscussionStep, { readonly kind: 'ask' }>, 'round' | 'sealed'>,
  record: readonly DiscussionItem[],
): readonly Contribution[] {
  const said = contributionsOf(record)
  return sealed ? said.filter((each) => each.round < round || each.act === 'synthesis') : said
}

/** The shared text as it stands; undefined where there is none. */
export function draftOf(plan: DiscussionPlan, record: readonly DiscussionItem[]): Draft | undefined {
  const { editor } = plan
  if (editor === undefined) return undefined
  const versions = contributionsOf(record).filter(
    ({ participant, status, act, round }) =>
      participant === editor && status === 'given' && (act === 'revision' || act === 'draft' || round === 0),
  )
  const last = versions.at(-1)
  return last && { version: versions.length, by: editor, text: last.text }
}

/** Why a discussion whose polling has begun had ended: by its record alone, or else by time, which the record does not tell. */
export function endOf(plan: DiscussionPlan, record: readonly DiscussionItem[]): DiscussionEnd {
  const step = nextStep(plan, record, 0)
  return step.kind === 'end' || step.kind === 'over' ? step.reason : 'time'
}

/**
 * Time spent talking in one run, from the times at which its events were recorded, the first of which began it. A gap counts as one turn
 * at most: the rest of it lay between a process that died and the next.
 */
export function talkedMs(recordedAtMs: readonly number[], turnTimeoutMs: number): number {
  let total = 0
  let previousMs = recordedAtMs[0] ?? 0
  for (const atMs of recordedAtMs) {
    total += Math.min(Math.max(atMs - previousMs, 0), turnTimeoutMs)
    previousMs = atMs
  }
  return total
}
