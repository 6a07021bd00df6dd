/**
 * One hearing of one judge: it is asked within its deadline, once more if its judgement does not fit, and what it says is
 * written down by side in place of by letter. Unlike the verdict this weighs nothing. Whatever goes wrong is a recorded refusal
 * or absence, never a guess at what was meant.
 */
import { within } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { Aborted, ColloquyError, messageOf } from '../base/error.ts'
import type { Random } from '../base/random.ts'
import { cleanNotes, cleanText, cleanUsage, usageOfFailure } from './clean.ts'
import type { DebatePlan, DueHearing } from './core/debate.ts'
import type { DebateItem, JudgementItem } from './core/debate-record.ts'
import { hearingOf, labelOf } from './core/hearing.ts'
import { judgementProblem } from './core/rubric.ts'
import type { Rubric } from './core/rubric.ts'
import { totalUsage } from './core/spending.ts'
import type { Hearing, Judge, Judgement } from './judge.ts'
import type { Usage } from './participant.ts'

/** Thrown by a judge that answered with what is no judgement, and knows that asking again will not help. */
export class JudgementRefused extends ColloquyError {
  override readonly code = 'deliberation.judgement_refused'
  /** What the answers cost all the same. */
  readonly usage: Usage
  constructor(message: string, usage: Usage, options?: ErrorOptions) {
    super(message, options)
    this.usage = usage
  }
}

export interface JudgingTerms {
  readonly plan: DebatePlan
  readonly motion: string
  readonly options: readonly string[]
  readonly rubric: Rubric
  readonly timeoutMs: number
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal | undefined
}

interface Refusal {
  readonly judgement: Judgement
  readonly why: string
}

/** Asks one judge for one hearing. Rejects with `base.aborted` alone. */
export async function askJudge(
  terms: JudgingTerms,
  due: DueHearing,
  judge: Judge,
  record: readonly DebateItem[],
): Promise<JudgementItem> {
  const refusals: Refusal[] = []
  const base = { item: 'judgement' as const, judge: due.judge, stage: due.stage, order: due.order }
  const heard = heardBy(terms, due, record)
  const what = `the judgement of ${judge.name}`
  try {
    return await within(terms.clock, what, terms.timeoutMs, terms.signal, async (signal) => {
      const first = await judge.judge({ ...heard }, signal)
      const problem = problemOf(terms, due, first)
      if (problem === undefined) return { ...base, ...recorded(due, first, [first]) }
      refusals.push({ judgement: first, why: problem })
      const second = await judge.judge({ ...heard, refused: problem }, signal)
      const again = problemOf(terms, due, second)
      if (again === undefined) return { ...base, ...recorded(due, second, [first, second]) }
      return { ...base, ...without('refused', `two judgements were refused: ${problem}; ${again}`, [first, second]) }
    })
  } catch (error) {
    if (terms.signal?.aborted) throw new Aborted('the debate', { cause: terms.signal.reason })
    const failed = { usage: usageOfFailure(error) }
    const [first] = refusals
    if (first) {
      const reason = `a judgement was refused: ${first.why}; asked again: ${messageOf(error)}`
      return { ...base, ...without('refused', reason, [first.judgement, failed]) }
    }
    return { ...base, ...without(error instanceof JudgementRefused ? 'refused' : 'absent', messageOf(error), [failed]) }
  }
}

function heardBy(terms: JudgingTerms, due: DueHearing, record: readonly DebateItem[]): Hearing {
  const spoken = due.stage === 'before' ? [] : record.filter((item) => item.item === 'contribution')
  const { sides, speeches } = hearingOf(terms.plan, spoken, due.order)
  return {
    motion: terms.motion,
    options: terms.options,
    sides,
    speeches,
    rubric: terms.rubric.criteria,
    scoreMax: terms.rubric.scoreMax,
    stage: due.stage,
    random: terms.random.split(`hearing ${due.stage} ${due.judge} ${due.order.join(' ')}`),
  }
}

function problemOf(terms: JudgingTerms, due: DueHearing, judgement: Judgement): string | undefined {
  const labels = due.order.map((side) => labelOf(due.order, side))
  return judgementProblem(judgement, terms.rubric, labels)
}

type Said = Omit<JudgementItem, 'item' | 'judge' | 'stage' | 'order'>

/** By side what was said by letter; only what a judgement is made of is recorded, whatever else came with it. */
function recorded(due: DueHearing, judgement: Judgement, asked: readonly Paid[]): Said {
  const { scores, ranking, abstain } = judgement
  const sideOf = new Map(due.order.map((side) => [labelOf(due.order, side), side]))
  const reason = cleanText(typeof judgement.reason === 'string' ? judgement.reason : '', 5000)
  if (abstain === true) return { status: 'abstained', reason, ...paid(asked) }
  return {
    status: 'given',
    ...(scores && {
      scores: Object.fromEntries(Array.from(sideOf, ([label, side]) => [side, { ...scores[label]! }])),
    }),
    ...(!scores && ranking && { ranking: ranking.map((level) => level.map((label) => sideOf.get(label)!)) }),
    reason,
    ...paid(asked),
  }
}

function without(status: 'refused' | 'absent', reason: string, asked: readonly Paid[]): Said {
  return { status, reason: cleanText(reason, 5000), ...paid(asked) }
}

type Paid = Partial<Pick<Judgement, 'usage' | 'notes'>>

/** Both askings are paid, whichever judgement counts. */
function paid(asked: readonly Paid[]): Pick<JudgementItem, 'usage' | 'notes'> {
  const notes = cleanNotes(asked.flatMap((each) => (Array.isArray(each?.notes) ? each.notes : [])))
  return { usage: totalUsage(asked.map((each) => cleanUsage(each?.usage))), ...(notes.length > 0 && { notes }) }
}
