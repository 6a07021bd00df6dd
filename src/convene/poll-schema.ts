/**
 * The `poll` section of an agenda: by which rule the ballots are counted, how many must be present, who sees which ballot when. It is the
 * plan of `deliberation/poll-plan.ts` as a person writes it. Pure.
 *
 * | field | form | default |
 * | --- | --- | --- |
 * | `rule` | a rule of `src/vote` by name, or with its options: `{ name: stv, seats: 2 }` | `schulze` |
 * | `quorum` | share of the weight that must be present: 0.5, '2/3', '66%' | half |
 * | `ties` | rules and lots (`seeded`, `seeded:7`), asked in order | none: a tie is told as one |
 * | `secrecy` | public, secret, pseudonymous | public |
 * | `sealed` | whether every ballot is fixed before one is shown | false where it is public |
 * | `seenBy` | of a secret poll: who may see the ballots, as text | whoever holds the key of the node |
 * | `unrevealed` | what a ballot counts as that cannot be revealed: absent, abstain, void | absent |
 * | `delegation` | whether a participant may let another vote for it | false |
 */
import { z } from 'zod'
import { ColloquyError, InvalidArgument } from '../base/error.ts'
import { planProblem } from '../deliberation/poll-plan.ts'
import type { PollPlan } from '../deliberation/poll-plan.ts'
import { ruleFrom, ruleSpec, ruleUnfit } from '../vote/rule-from.ts'
import type { RuleSpec } from '../vote/rule-from.ts'
import { tieChain, unfitTie } from '../vote/tie.ts'
import type { FieldProblem } from './agenda-words.ts'

export type PollFields = Omit<PollPlan, 'quorum' | 'weights' | 'ties'> & {
  /** Share of the weight that must be present, 0 to 1, exactly: `1/2`, `2/3`, `1`. Abstentions are present. */
  readonly quorum: string
  /** As `tieChain` of `src/vote` reads them. */
  readonly ties: readonly string[]
}

/** The fields of other sections that this one has too. */
export interface PollParts {
  readonly quorum: z.ZodType<string>
  readonly ties: z.ZodType<string[]>
  readonly label: (maxLength: number) => z.ZodType<string>
}

/** Who may see the ballots of a secret poll where the agenda does not say. */
const keyHolder = 'whoever holds the key of the node'

export function pollSection({ quorum, ties, label }: PollParts): z.ZodType<PollFields> {
  const seenBy = z.preprocess(
    (value) => (typeof value === 'string' ? [value] : value),
    z.array(label(200)).min(1).max(50),
  )
  return z
    .strictObject({
      rule: rule.default('schulze'),
      quorum: quorum.default('1/2'),
      ties: ties.prefault([]),
      secrecy: z.enum(['public', 'secret', 'pseudonymous']).optional(),
      sealed: z.boolean().optional(),
      seenBy: seenBy.optional(),
      unrevealed: z.enum(['absent', 'abstain', 'void']).optional(),
      delegation: z.boolean().optional(),
    })
    .transform(({ rule: spec, quorum: share, ties: chain, ...rest }) => {
      const given = Object.entries(rest).filter(([, value]) => value !== undefined)
      const seen = rest.secrecy === 'secret' && rest.seenBy === undefined ? { seenBy: [keyHolder] } : {}
      return { rule: spec, quorum: share, ties: chain, ...Object.fromEntries(given), ...seen }
    })
}

const rule = z.unknown().transform((value, context): RuleSpec => {
  try {
    return ruleSpec(value as RuleSpec)
  } catch (error) {
    if (!(error instanceof ColloquyError)) throw error
    const field = error instanceof InvalidArgument && error.argument !== 'rule' ? [error.argument] : []
    context.addIssue({ code: 'custom', path: field, message: error.message, input: value })
    return z.NEVER
  }
})

/** What lies between the fields of the section and the agenda around it. */
export function pollProblems(
  poll: Readonly<Record<string, unknown>>,
  participants: readonly Readonly<Record<string, unknown>>[],
  options: readonly unknown[],
): FieldProblem[] {
  try {
    const { secrecy, sealed, delegation, seenBy, ties } = poll
    const chosen = ruleFrom((poll['rule'] ?? 'schulze') as RuleSpec)
    const texts = typeof ties === 'string' ? [ties] : Array.isArray(ties) ? ties : []
    const problems = texts.flatMap((text: unknown, at): FieldProblem[] => {
      const unfit = typeof text === 'string' ? unfitTie(chosen, tieChain([text], 0)) : undefined
      return unfit ? [wrong(['poll', 'ties', at], unfit.message)] : []
    })
    const unfit = ruleUnfit(chosen, options.length, participants.length)
    if (unfit !== undefined && options.length > 0) problems.push(wrong(['poll', 'rule'], unfit))
    const weights = participants.map((each, at) => [`${at}`, (each['weight'] ?? 1) as number] as const)
    const seen = seenBy ?? (secrecy === 'secret' ? [keyHolder] : [])
    const plan = { rule: 'schulze', secrecy, sealed, delegation, seenBy: seen, weights: Object.fromEntries(weights) }
    const problem = planProblem(plan as Parameters<typeof planProblem>[0], Object.keys(plan.weights))
    if (problem) {
      const [field, mend] = problem
      problems.push(wrong(['poll', field === 'weights' ? 'secrecy' : field], `${field} ${mend}`))
    }
    return problems
  } catch (error) {
    // An unknown rule or tie-break is told where the field is read.
    if (error instanceof ColloquyError) return []
    throw error
  }
}

function wrong(path: FieldProblem['path'], message: string): FieldProblem {
  return { path, of: 'value', message }
}
