/**
 * What came of a debate, worked out from its plan and record alone: the verdict, who moved and after which turn, what each side
 * cost, how far the judges agree and what may have swayed them, and whether the debate changed anything. Pure; the same record
 * always gives the same result.
 */
import type { Outcome } from '../../vote/outcome.ts'
import type { Usage } from '../participant.ts'
import { krippendorffAlpha, lengthBias, selfPreference } from './agreement.ts'
import type { Agreement, Correlation, JudgedSide, SelfPreference } from './agreement.ts'
import { audiencePollsOf, forfeited } from './debate.ts'
import type { DebateEnd, DebatePlan } from './debate.ts'
import type { AudienceItem, DebateItem, JudgementItem, SpokenItem } from './debate-record.ts'
import { panelVerdict } from './debate-verdict.ts'
import type { JudgeVote, PanelVerdict, VerdictTerms } from './debate-verdict.ts'
import { totalUsage } from './spending.ts'
import { shownText } from './hearing.ts'
import { parseRational, toNumber } from '../../vote/rational.ts'

export interface Verdict {
  /** `decided`: one side has won; `tied`: several are level; `open`: nobody could say. */
  readonly status: 'decided' | 'tied' | 'open'
  readonly by: 'judges' | 'audience' | 'forfeit'
  /** The side that has won; absent unless decided. */
  readonly winner?: string
  /** Sides best first, each level a tie; empty when open. */
  readonly ranking: readonly (readonly string[])[]
  /** Weight of the judges that put the side first alone, or members of the audience that are for it at the end. */
  readonly votes: Readonly<Record<string, number>>
  /** Judges by weight, or members, that are for no side. */
  readonly undecided: number
}

/** Members of the audience for each side before and after; only those that answered both polls. */
export interface AudienceShift {
  readonly before: Readonly<Record<string, number>>
  readonly after: Readonly<Record<string, number>>
  readonly gain: Readonly<Record<string, number>>
  readonly undecidedBefore: number
  readonly undecidedAfter: number
  /** Members that answered both. */
  readonly counted: number
  /** Members that missed one. */
  readonly leftOut: number
}

/** Somebody holds something else than before. */
export interface Flip {
  readonly who: string
  readonly role: 'speaker' | 'audience' | 'judge'
  /** A side, an option, or `undecided`. */
  readonly from: string
  readonly to: string
  /** Id of the last contribution before it was seen; absent when nobody had spoken. */
  readonly after?: string
  /** Id of the contribution after which it still was not so; where given, the turn lies between the two. */
  readonly since?: string
}

export interface SideCost {
  readonly side: string
  readonly usage: Usage
  readonly turns: number
  readonly absent: number
  readonly struck: number
}

export interface Dissent {
  readonly judge: string
  /** Whom it put first. */
  readonly first: readonly string[]
  /** In its own words, as in its first hearing. */
  readonly reason: string
}

export interface Comparison {
  /** The same judges before any talk. */
  readonly before: Verdict
  /** Judges that stood first for another side, or none, than before. */
  readonly moved: number
  readonly sameDecision: boolean
  /** Tokens of the debate beside those of the independent vote alone. */
  readonly tokens: { readonly independent: number; readonly debate: number }
  readonly words: readonly string[]
}

export interface DebateReport {
  readonly verdict: Verdict
  readonly ended: DebateEnd
  readonly forfeited: readonly string[]
  readonly judges: readonly JudgeVote[]
  /** How the panel's rule counted; absent where no judge voted. */
  readonly outcome?: Outcome
  readonly audience?: AudienceShift
  readonly flips: readonly Flip[]
  readonly dissents: readonly Dissent[]
  /** Judges whose verdict turned with the order of hearing. */
  readonly orderFlips: readonly string[]
  readonly agreement: {
    /** Which side is better, one unit for each criterion. */
    readonly nominal: Agreement
    /** Mean points, one unit for each side and criterion. */
    readonly interval: Agreement
  }
  readonly lengthBias: Correlation
  readonly selfPreference: SelfPreference
  readonly cost: { readonly sides: readonly SideCost[]; readonly judges: Usage; readonly audience: Usage }
  readonly baseline?: Comparison
}

export interface ReportTerms extends VerdictTerms {
  /** What answers for each speaker. */
  readonly kinds: ReadonlyMap<string, string>
}

export function reportOf(
  plan: DebatePlan,
  terms: ReportTerms,
  record: readonly DebateItem[],
  ended: DebateEnd,
): DebateReport {
  const panel = panelVerdict(terms, hearingsOf(record, 'after'))
  const out = forfeited(plan, record)
  const audience = audienceShift(plan, record)
  const verdict = decide(plan, terms, panel, audience, out)
  const judged = judgedSides(plan, terms, record, panel)
  return {
    verdict,
    ended,
    forfeited: [...out],
    judges: panel.votes,
    ...(panel.outcome && { outcome: panel.outcome }),
    ...(audience && { audience }),
    flips: [...speakerFlips(record), ...audienceFlips(plan, record), ...judgeFlips(plan, terms, record, panel)],
    dissents: dissentsOf(panel, verdict),
    orderFlips: panel.votes.flatMap((vote) => (vote.flipped ? [vote.judge] : [])),
    agreement: agreementOf(terms, panel),
    lengthBias: lengthBias(judged),
    selfPreference: selfPreference(judged),
    cost: costOf(plan, record),
    ...(plan.baseline && { baseline: comparison(terms, record, panel) }),
  }
}

function hearingsOf(record: readonly DebateItem[], stage: JudgementItem['stage']): readonly JudgementItem[] {
  return record.filter((item) => item.item === 'judgement').filter((item) => item.stage === stage)
}

function spokenOf(record: readonly DebateItem[]): readonly SpokenItem[] {
  return record.filter((item) => item.item === 'contribution')
}

function decide(
  plan: DebatePlan,
  terms: ReportTerms,
  panel: PanelVerdict,
  audience: AudienceShift | undefined,
  out: ReadonlySet<string>,
): Verdict {
  const left = terms.sides.filter((side) => !out.has(side))
  if (left.length <= 1) {
    const votes = zeros(terms.sides)
    const [winner] = left
    if (winner === undefined) return { status: 'open', by: 'forfeit', ranking: [], votes, undecided: 0 }
    const others = terms.sides.filter((side) => side !== winner)
    return { status: 'decided', by: 'forfeit', winner, ranking: [[winner], others], votes, undecided: 0 }
  }
  if (plan.format.decision === 'audience' && audience) return byAudience(terms.sides, audience)
  return lastBehind(byJudges(terms, panel), out)
}

/** Who left comes last, whatever the judges found. */
function lastBehind(verdict: Verdict, out: ReadonlySet<string>): Verdict {
  if (out.size === 0 || verdict.ranking.length === 0) return verdict
  const kept = verdict.ranking
    .map((level) => level.filter((side) => !out.has(side)))
    .filter((level) => level.length > 0)
  const first = kept[0]!
  return {
    by: verdict.by,
    votes: verdict.votes,
    undecided: verdict.undecided,
    status: first.length === 1 ? 'decided' : 'tied',
    ...(first.length === 1 && { winner: first[0]! }),
    ranking: [...kept, [...out]],
  }
}

function zeros(sides: readonly string[]): Record<string, number> {
  return Object.fromEntries(sides.map((side) => [side, 0]))
}

function byJudges(terms: VerdictTerms, { votes, outcome }: PanelVerdict): Verdict {
  const forSide = zeros(terms.sides)
  let undecided = 0
  for (const vote of votes) {
    const first = vote.ranking?.[0]
    if (first?.length === 1) forSide[first[0]!]! += vote.weight
    else undecided += vote.weight
  }
  const base = { by: 'judges' as const, votes: forSide, undecided }
  if (!outcome || outcome.status === 'no-winner') return { ...base, status: 'open', ranking: outcome?.ranking ?? [] }
  if (outcome.status !== 'decided') return { ...base, status: 'tied', ranking: outcome.ranking }
  return { ...base, status: 'decided', winner: outcome.winners[0]!, ranking: outcome.ranking }
}

function byAudience(sides: readonly string[], shift: AudienceShift): Verdict {
  const base = { by: 'audience' as const, votes: shift.after, undecided: shift.undecidedAfter }
  if (shift.counted === 0) return { ...base, status: 'open', ranking: [] }
  const gains = [...new Set(sides.map((side) => shift.gain[side]!))].sort((a, b) => b - a)
  const ranking = gains.map((gain) => sides.filter((side) => shift.gain[side] === gain))
  const [first] = ranking
  return first!.length === 1
    ? { ...base, status: 'decided', winner: first![0]!, ranking }
    : { ...base, status: 'tied', ranking }
}

function audienceShift(plan: DebatePlan, record: readonly DebateItem[]): AudienceShift | undefined {
  const polls = audiencePollsOf(plan, record)
  const [first] = polls
  const last = polls.at(-1)
  if (!first || !last || first === last) return undefined
  const sides = plan.sides.map((side) => side.name)
  const answered = (votes: readonly AudienceItem[]) =>
    new Map(votes.filter((vote) => vote.status !== 'absent').map((vote) => [vote.participant, vote.side]))
  const [early, late] = [answered(first.votes), answered(last.votes)]
  const both = plan.audience.filter((member) => early.has(member) && late.has(member))
  const count = (votes: ReadonlyMap<string, string | undefined>, side: string | undefined) =>
    both.filter((member) => votes.get(member) === side).length
  const tallied = (votes: ReadonlyMap<string, string | undefined>) =>
    Object.fromEntries(sides.map((side) => [side, count(votes, side)]))
  const [before, after] = [tallied(early), tallied(late)]
  return {
    before,
    after,
    gain: Object.fromEntries(sides.map((side) => [side, after[side]! - before[side]!])),
    undecidedBefore: count(early, undefined),
    undecidedAfter: count(late, undefined),
    counted: both.length,
    leftOut: plan.audience.length - both.length,
  }
}

const undecided = 'undecided'

function speakerFlips(record: readonly DebateItem[]): readonly Flip[] {
  const held = new Map<string, { readonly option: string; readonly id: string }>()
  return spokenOf(record).flatMap((item): Flip[] => {
    const option = item.position?.option
    if (option === undefined) return []
    const before = held.get(item.participant)
    held.set(item.participant, { option, id: item.id })
    if (!before || before.option === option) return []
    return [
      { who: item.participant, role: 'speaker', from: before.option, to: option, after: item.id, since: before.id },
    ]
  })
}

function audienceFlips(plan: DebatePlan, record: readonly DebateItem[]): readonly Flip[] {
  const held = new Map<string, { readonly side: string; readonly after: string | undefined }>()
  return audiencePollsOf(plan, record).flatMap(({ votes, after }) =>
    votes.flatMap((vote): Flip[] => {
      if (vote.status === 'absent') return []
      const side = vote.side ?? undecided
      const before = held.get(vote.participant)
      held.set(vote.participant, { side, after })
      if (!before || before.side === side) return []
      return [
        {
          who: vote.participant,
          role: 'audience',
          from: before.side,
          to: side,
          ...(after !== undefined && { after }),
          ...(before.after !== undefined && { since: before.after }),
        },
      ]
    }),
  )
}

function firstOf(vote: JudgeVote): string {
  const first = vote.ranking?.[0]
  return first?.length === 1 ? first[0]! : undecided
}

function judgeFlips(
  plan: DebatePlan,
  terms: ReportTerms,
  record: readonly DebateItem[],
  panel: PanelVerdict,
): readonly Flip[] {
  if (!plan.baseline || panel.votes.every((vote) => vote.findings.length === 0)) return []
  const before = panelVerdict(terms, hearingsOf(record, 'before'))
  const last = spokenOf(record).at(-1)?.id
  return panel.votes.flatMap((vote, at): Flip[] => {
    const [from, to] = [firstOf(before.votes[at]!), firstOf(vote)]
    return from === to ? [] : [{ who: vote.judge, role: 'judge', from, to, ...(last !== undefined && { after: last }) }]
  })
}

function dissentsOf({ votes }: PanelVerdict, { winner }: Verdict): readonly Dissent[] {
  if (winner === undefined) return []
  return votes.flatMap((vote) => {
    const first = vote.ranking?.[0]
    if (!first || (first.length === 1 && first[0] === winner)) return []
    return [{ judge: vote.judge, first, reason: vote.findings[0]!.reason }]
  })
}

function agreementOf(terms: VerdictTerms, { votes }: PanelVerdict): DebateReport['agreement'] {
  const scored = votes.map((vote) => vote.scores)
  const criteria = terms.rubric.criteria.map(({ name }) => name)
  const better = criteria.map((name) =>
    scored.map((scores) => {
      if (!scores) return undefined
      const most = Math.max(...terms.sides.map((side) => scores[side]![name]!))
      return terms.sides.filter((side) => scores[side]![name] === most).join(' = ')
    }),
  )
  const points = criteria.flatMap((name) => terms.sides.map((side) => scored.map((scores) => scores?.[side]?.[name])))
  return { nominal: krippendorffAlpha(better, 'nominal'), interval: krippendorffAlpha(points, 'interval') }
}

function judgedSides(
  plan: DebatePlan,
  terms: ReportTerms,
  record: readonly DebateItem[],
  panel: PanelVerdict,
): readonly (readonly JudgedSide[])[] {
  const heard = spokenOf(record).filter((item) => item.status === 'given' && item.uncited !== true)
  const length = (side: string) =>
    heard.filter((item) => item.side === side).reduce((sum, item) => sum + shownText(item).length, 0)
  return panel.votes.flatMap((vote) => {
    const totals = vote.findings.flatMap((finding) => (finding.totals ? [finding.totals] : []))
    if (totals.length === 0) return []
    return [
      plan.sides.map((side): JudgedSide => ({
        judge: vote.judge,
        judgeKind: vote.kind,
        side: side.name,
        sideKinds: [...new Set(side.speakers.map((speaker) => terms.kinds.get(speaker) ?? ''))],
        length: length(side.name),
        total: totals.reduce((sum, one) => sum + numberOf(one[side.name]!), 0) / totals.length,
      })),
    ]
  })
}

function numberOf(exact: string): number {
  const value = parseRational(exact)
  return value ? toNumber(value) : Number.NaN
}

function costOf(plan: DebatePlan, record: readonly DebateItem[]): DebateReport['cost'] {
  const sides = plan.sides.map(({ name }): SideCost => {
    const own = spokenOf(record).filter((item) => item.side === name)
    return {
      side: name,
      usage: totalUsage(own.map((item) => item.usage)),
      turns: own.length,
      absent: own.filter((item) => item.status === 'absent').length,
      struck: own.reduce((sum, item) => sum + (item.struck?.length ?? 0), 0),
    }
  })
  const usageOf = (kind: 'judgement' | 'audience') =>
    totalUsage(record.flatMap((item) => (item.item === kind ? [item.usage] : [])))
  return { sides, judges: usageOf('judgement'), audience: usageOf('audience') }
}

function comparison(terms: ReportTerms, record: readonly DebateItem[], panel: PanelVerdict): Comparison {
  const early = panelVerdict(terms, hearingsOf(record, 'before'))
  const before = byJudges(terms, early)
  const after = byJudges(terms, panel)
  const moved = panel.votes.filter((vote, at) => firstOf(vote) !== firstOf(early.votes[at]!)).length
  const sameDecision = before.status === after.status && before.winner === after.winner
  const tokensOf = (usages: readonly Usage[]) => {
    const { inputTokens, outputTokens } = totalUsage(usages)
    return inputTokens + outputTokens
  }
  const tokens = {
    independent: tokensOf(hearingsOf(record, 'before').map((item) => item.usage)),
    debate: tokensOf([...spokenOf(record), ...hearingsOf(record, 'after')].map((item) => item.usage)),
  }
  const words = [
    `Before any talk: ${standingText(before)}. After the debate: ${standingText(after)}.`,
    `${moved} of ${panel.votes.length} judges moved, and ${sameDecision ? 'the decision is the same as without a debate' : 'the debate changed the decision'}.`,
    `The independent vote cost ${tokens.independent} tokens, the debate and its judging ${tokens.debate}.`,
    'Whether the change is for the better this cannot say: it knows no right answer.',
  ]
  return { before, moved, sameDecision, tokens, words }
}

function standingText({ status, winner, ranking, votes, undecided: none }: Verdict): string {
  const counts = Object.entries(votes).map(([side, count]) => `${side} ${count}`)
  const said =
    status === 'decided'
      ? `${winner} leads`
      : status === 'tied'
        ? `${ranking[0]!.join(' and ')} are level`
        : 'nothing is decided'
  return `${said} (${[...counts, `${none} undecided`].join(', ')})`
}
