/**
 * From hearings to a verdict: what each judge found in each order, whether the order changed it, and what the panel says by a
 * named voting rule. Unlike a judge it weighs nothing: it counts what was recorded. Pure and exact.
 */
import type { Ballot } from '../../vote/ballot.ts'
import type { Outcome } from '../../vote/outcome.ts'
import { toText } from '../../vote/rational.ts'
import type { Rational } from '../../vote/rational.ts'
import type { Rule } from '../../vote/rule.ts'
import { tally } from '../../vote/tally.ts'
import type { TieBreak } from '../../vote/tie.ts'
import type { JudgementItem } from './debate-record.ts'
import { levelsBy, meanOf, weightedScore } from './rubric.ts'
import type { Rubric } from './rubric.ts'

/**
 * What a judge's vote is when no side stands first in all its orders: `abstain`; `average`: the mean of the orders, which
 * cancels what a place in the order earns; `keep-first`: its first order alone.
 */
export type OnFlip = 'abstain' | 'average' | 'keep-first'

/** What one judge found in one order. */
export interface Finding {
  readonly order: readonly string[]
  readonly status: JudgementItem['status']
  /** Weighted mean by side, exactly; absent where the judge gave a ranking alone, or nothing. */
  readonly totals?: Readonly<Record<string, string>>
  /** Sides best first; absent where nothing was found. */
  readonly ranking?: readonly (readonly string[])[]
  readonly reason: string
}

/** One judge's part in the verdict. */
export interface JudgeVote {
  readonly judge: string
  readonly kind: string
  readonly weight: number
  readonly status: 'cast' | 'abstained' | 'absent'
  /** The order of hearing decided who stood first: nothing about the debate did. */
  readonly flipped: boolean
  /** Absent when it abstained or was absent. */
  readonly ranking?: readonly (readonly string[])[]
  /** Mean points by side and criterion over the orders that count, as decimals for people; exact sums stand in `findings`. */
  readonly scores?: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly findings: readonly Finding[]
  /** Why it did not vote, where it did not. */
  readonly why?: string
}

export interface PanelJudge {
  readonly name: string
  readonly kind: string
  readonly weight: number
}

export interface VerdictTerms {
  /** Sides in the order of the format. */
  readonly sides: readonly string[]
  readonly judges: readonly PanelJudge[]
  readonly rubric: Rubric
  readonly onFlip: OnFlip
  readonly rule: Rule
  readonly ties: readonly TieBreak[]
}

export interface PanelVerdict {
  readonly votes: readonly JudgeVote[]
  /** Undefined where no judge voted. */
  readonly outcome?: Outcome
}

/** What the panel says at one stage; `hearings` are those of that stage. */
export function panelVerdict(terms: VerdictTerms, hearings: readonly JudgementItem[]): PanelVerdict {
  const votes = terms.judges.map((judge) =>
    judgeVote(
      terms,
      judge,
      hearings.filter((item) => item.judge === judge.name),
    ),
  )
  if (!votes.some((vote) => vote.ranking)) return { votes }
  const ballots = votes.flatMap((vote) => {
    if (vote.status === 'absent') return []
    return [{ voter: vote.judge, weight: vote.weight, ballot: ballotOf(vote, terms.rule) }]
  })
  return { votes, outcome: tally(terms.rule, { candidates: terms.sides, ballots }, { ties: terms.ties }) }
}

/** The ballot of a ranking for the kind that a rule asks for. Two equal first places are no single choice. */
function ballotOf({ ranking }: JudgeVote, rule: Rule): Ballot {
  const first = ranking?.[0]
  if (!ranking || !first) return { kind: 'abstain' }
  if (rule.ballot === 'ranked') return { kind: 'ranked', ranking }
  if (rule.ballot === 'approval') return { kind: 'approval', approves: first }
  return first.length === 1 ? { kind: 'single', choice: first[0]! } : { kind: 'abstain' }
}

function judgeVote(terms: VerdictTerms, judge: PanelJudge, hearings: readonly JudgementItem[]): JudgeVote {
  const findings = hearings.map((item) => findingOf(terms, item))
  const base = { judge: judge.name, kind: judge.kind, weight: judge.weight, findings }
  const without = findings.find((finding) => !finding.ranking)
  if (findings.length === 0 || without) {
    const absent = findings.every((finding) => finding.status === 'absent')
    const why = without ? `${without.status} as it heard ${without.order.join(', ')}` : 'heard nothing'
    return { ...base, status: absent ? 'absent' : 'abstained', flipped: false, why }
  }
  const flipped = !terms.sides.some((side) => findings.every((finding) => finding.ranking![0]!.includes(side)))
  if (flipped && terms.onFlip === 'abstain')
    return { ...base, status: 'abstained', flipped, why: 'its verdict turned with the order of hearing' }
  const counted = flipped && terms.onFlip === 'keep-first' ? hearings.slice(0, 1) : hearings
  return { ...base, status: 'cast', flipped, ...standing(terms, counted) }
}

function findingOf(terms: VerdictTerms, item: JudgementItem): Finding {
  const base = { order: item.order, status: item.status, reason: item.reason }
  if (item.status !== 'given') return base
  if (!item.scores) return { ...base, ...(item.ranking && { ranking: item.ranking }) }
  const totals = totalsOf(terms, item.scores)
  const texts = Object.fromEntries(Array.from(totals, ([side, total]) => [side, toText(total)]))
  return { ...base, totals: texts, ranking: levelsBy(totals) }
}

function totalsOf(
  { sides, rubric }: VerdictTerms,
  scores: NonNullable<JudgementItem['scores']>,
): Map<string, Rational> {
  return new Map(sides.map((side) => [side, weightedScore(scores[side]!, rubric)]))
}

/** The ranking and the mean points of the hearings that count. */
function standing(terms: VerdictTerms, counted: readonly JudgementItem[]): Pick<JudgeVote, 'ranking' | 'scores'> {
  const scored = counted.flatMap((item) => (item.scores ? [item.scores] : []))
  if (scored.length < counted.length) return { ranking: rankingOfRankings(terms, counted) }
  const each = scored.map((scores) => totalsOf(terms, scores))
  const totals = new Map(terms.sides.map((side) => [side, meanOf(each.map((one) => one.get(side)!))]))
  const points = (side: string, name: string) => scored.reduce((sum, one) => sum + one[side]![name]!, 0) / scored.length
  const scores = Object.fromEntries(
    terms.sides.map((side) => [
      side,
      Object.fromEntries(terms.rubric.criteria.map(({ name }) => [name, round(points(side, name))])),
    ]),
  )
  return { ranking: levelsBy(totals), scores }
}

function round(value: number): number {
  return Math.round(value * 1e6) / 1e6
}

/** Rankings over the orders are joined by their mean places (Borda's count); levels keep the order of the sides. */
function rankingOfRankings(terms: VerdictTerms, counted: readonly JudgementItem[]): readonly (readonly string[])[] {
  const places = new Map<string, number>(terms.sides.map((side) => [side, 0]))
  for (const item of counted) {
    let above = 0
    for (const level of findingOf(terms, item).ranking ?? []) {
      for (const side of level) places.set(side, places.get(side)! + 2 * above + level.length - 1)
      above += level.length
    }
  }
  const sums = [...new Set(places.values())].sort((a, b) => a - b)
  return sums.map((sum) => terms.sides.filter((side) => places.get(side) === sum))
}
