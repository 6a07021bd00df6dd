/**
 * What a discussion has cost, from its record, and what is kept for calls under way. Unlike a meter it keeps before it spends: a call for
 * which nothing is left is not made. What a call costs beyond what was kept for it is told as overshoot. Pure.
 */
import type { Estimate, Usage } from '../participant.ts'
import { isContribution } from '../record.ts'
import type { DiscussionItem } from '../record.ts'
import type { Budget, Spend } from './plan.ts'

export type Spent = Required<Spend>

/** The sum; estimated if any part is. */
export function totalUsage(parts: readonly Usage[]): Usage {
  let inputTokens = 0
  let outputTokens = 0
  let usd: number | undefined
  let estimated = false
  for (const part of parts) {
    inputTokens += part.inputTokens
    outputTokens += part.outputTokens
    if (part.usd !== undefined) usd = (usd ?? 0) + part.usd
    estimated ||= part.estimated === true
  }
  return { inputTokens, outputTokens, ...(usd !== undefined && { usd }), ...(estimated && { estimated }) }
}

/** All of it, or what one participant cost. The cost of a choice of the floor is the meeting's, not anybody's. */
export function spentOf(record: readonly DiscussionItem[], participant?: string): Spent {
  let [turns, tokens, usd] = [0, 0, 0]
  const add = (usage: Usage): void => {
    tokens += usage.inputTokens + usage.outputTokens
    usd += usage.usd ?? 0
  }
  for (const item of record) {
    if (isContribution(item)) {
      if (participant !== undefined && item.participant !== participant) continue
      turns++
      add(item.usage)
    } else if (item.item === 'poll') {
      for (const vote of item.votes) if (participant === undefined || vote.participant === participant) add(vote.usage)
    } else if (item.item === 'choice' && participant === undefined) add(item.usage)
  }
  return { turns, tokens, usd }
}

/** What somebody cost more than was kept for it. */
export interface Overshoot {
  readonly participant: string
  readonly tokens: number
  readonly usd: number
}

/**
 * The first bound of the meeting that these calls together would pass: what is spent and all that they may cost. Nothing is kept for a
 * call without an estimate.
 */
export function wouldPass(
  budget: Budget,
  spent: Spent,
  estimates: readonly (Estimate | undefined)[],
): 'tokens' | 'usd' | undefined {
  const sum = (of: (estimate: Estimate) => number) =>
    estimates.reduce((total, each) => total + (each ? of(each) : 0), 0)
  if (budget.tokens !== undefined && spent.tokens + sum(({ tokens }) => tokens) > budget.tokens) return 'tokens'
  if (budget.usd !== undefined && spent.usd + sum(({ usd = 0 }) => usd) > budget.usd) return 'usd'
  return undefined
}

/** Which bound of its own keeps a participant from another call. */
export function usedUp(budget: Budget, spent: Spent, estimate: Estimate | undefined): keyof Spend | undefined {
  const { turns, tokens, usd } = budget.perParticipant ?? {}
  if (turns !== undefined && spent.turns >= turns) return 'turns'
  if (tokens !== undefined && (spent.tokens >= tokens || spent.tokens + (estimate?.tokens ?? 0) > tokens))
    return 'tokens'
  if (usd !== undefined && (spent.usd >= usd || spent.usd + (estimate?.usd ?? 0) > usd)) return 'usd'
  return undefined
}

/** What a usage is beyond its estimate; undefined where nothing was kept or it sufficed. */
export function overshootOf(participant: string, estimate: Estimate | undefined, usage: Usage): Overshoot | undefined {
  if (!estimate) return undefined
  const tokens = Math.max(0, usage.inputTokens + usage.outputTokens - estimate.tokens)
  const usd = estimate.usd === undefined ? 0 : Math.max(0, (usage.usd ?? 0) - estimate.usd)
  return tokens > 0 || usd > 0 ? { participant, tokens, usd } : undefined
}
