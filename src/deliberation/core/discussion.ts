/**
 * The plan of a discussion as a pure function of its record: sealed first drafts, then round-robin rounds, until a stop
 * condition holds. Unlike a machine with hidden state it can be asked at any moment, after a crash too, and says the same:
 * what was recorded is the whole state. It never asks a participant itself; `discussion.ts` one floor up does.
 */
import type { Contribution, Usage } from '../participant.ts'

export interface Budget {
  /** Contributions in all, absences included. Default: no bound but the rounds. */
  readonly turns?: number
  /** Input and output tokens in all, checked before each turn; the last turn may pass it, which the usage shows. */
  readonly tokens?: number
  /** Time spent talking. */
  readonly timeMs?: number
}

export interface DiscussionPlan {
  /** Names in speaking order. */
  readonly participants: readonly string[]
  /** Rounds after the sealed drafts. */
  readonly rounds: number
  readonly budget: Budget
}

/**
 * Why a discussion ended. `rounds`: all were held; `exhausted`: in one whole round nobody had anything new;
 * `turns`, `tokens`, `time`: that part of the budget is used up.
 */
export type DiscussionEnd = 'rounds' | 'exhausted' | 'turns' | 'tokens' | 'time'

export type DiscussionStep =
  /** These may speak now, at the same time, none seeing the others' answers to this ask. */
  | { readonly kind: 'ask'; readonly round: number; readonly participants: readonly string[] }
  | { readonly kind: 'end'; readonly reason: DiscussionEnd }

/** What comes next, given what is recorded and how long the talk took so far. */
export function nextStep(plan: DiscussionPlan, record: readonly Contribution[], elapsedMs: number): DiscussionStep {
  const exceeded = exceededBudget(plan.budget, record, elapsedMs)
  const due = dueSpeakers(plan, record)
  if (due.participants.length === 0) return { kind: 'end', reason: 'rounds' }
  if (isExhausted(plan, record, due.round)) return { kind: 'end', reason: 'exhausted' }
  if (exceeded) return { kind: 'end', reason: exceeded }
  const turnsLeft = (plan.budget.turns ?? Number.POSITIVE_INFINITY) - record.length
  return { kind: 'ask', round: due.round, participants: due.participants.slice(0, turnsLeft) }
}

function exceededBudget(budget: Budget, record: readonly Contribution[], elapsedMs: number): DiscussionEnd | undefined {
  if (budget.turns !== undefined && record.length >= budget.turns) return 'turns'
  const spent = totalUsage(record.map((contribution) => contribution.usage))
  if (budget.tokens !== undefined && spent.inputTokens + spent.outputTokens >= budget.tokens) return 'tokens'
  if (budget.timeMs !== undefined && elapsedMs >= budget.timeMs) return 'time'
  return undefined
}

/** Round 0 asks all who have not drafted at once; a later round asks the next one in order. */
function dueSpeakers(
  plan: DiscussionPlan,
  record: readonly Contribution[],
): { round: number; participants: readonly string[] } {
  for (let round = 0; round <= plan.rounds; round++) {
    const heard = new Set(record.filter((each) => each.round === round).map((each) => each.participant))
    const missing = plan.participants.filter((name) => !heard.has(name))
    if (missing.length > 0) return { round, participants: round === 0 ? missing : missing.slice(0, 1) }
  }
  return { round: plan.rounds, participants: [] }
}

/** True when the round before the due one brought nothing from anybody: another would repeat it. */
function isExhausted(plan: DiscussionPlan, record: readonly Contribution[], dueRound: number): boolean {
  const last = record.filter((contribution) => contribution.round === dueRound - 1)
  const complete = last.length === plan.participants.length
  return complete && last.every((contribution) => contribution.status !== 'given')
}

/** What a participant may see when it is asked: nothing in the sealed round, then all that counts. */
export function visibleTo(round: number, record: readonly Contribution[]): readonly Contribution[] {
  return round === 0 ? [] : record
}

/** The sum; estimated if any part is. */
export function totalUsage(parts: readonly Usage[]): Usage {
  let inputTokens = 0
  let outputTokens = 0
  let estimated = false
  for (const part of parts) {
    inputTokens += part.inputTokens
    outputTokens += part.outputTokens
    estimated ||= part.estimated === true
  }
  return { inputTokens, outputTokens, ...(estimated && { estimated }) }
}

/** Why a discussion whose polling has begun had ended: by its record alone, or else by time, which the record does not tell. */
export function endOf(plan: DiscussionPlan, record: readonly Contribution[]): DiscussionEnd {
  const step = nextStep(plan, record, 0)
  return step.kind === 'end' ? step.reason : 'time'
}

/**
 * Time spent talking in one run, from the times at which its events were recorded. A gap counts as one turn at most: the
 * rest of it lay between a process that died and the next.
 */
export function talkedMs(startedAtMs: number, recordedAtMs: readonly number[], turnTimeoutMs: number): number {
  let total = 0
  let previousMs = startedAtMs
  for (const atMs of recordedAtMs) {
    total += Math.min(Math.max(atMs - previousMs, 0), turnTimeoutMs)
    previousMs = atMs
  }
  return total
}
