/**
 * The `discussion` section of an agenda: who speaks when, who hears whom, when the talk ends and what it may cost. It is the plan of
 * `deliberation/core/plan.ts` as a person writes it; that file says what each part does and checks what lies between them. Pure.
 *
 * | field | form | default |
 * | --- | --- | --- |
 * | `rounds` | 0 to 20, after the drafts | 2 |
 * | `drafts` | whether it begins with sealed drafts | true |
 * | `floor` | round-robin, together, mention, bids, or `{ kind: moderator, moderator: <name> }`; `repeatsMax` | round-robin |
 * | `topology` | all, `{ kind: ring, reach: 1 }`, `{ kind: star, hub: <name> }`, `{ kind: regular, degree: 2 }`, `{ kind: custom, hears }` | all |
 * | `anonymous` | whether speakers know each other by labels only | false |
 * | `acts` | what the rounds ask for in turn: speech, critique, revision | speech |
 * | `editor` | who writes the one text that is refined | none |
 * | `synthesis` | `{ by: <name>, dissent: true }` | none |
 * | `polls` | straw polls: `{ everyRounds: 1, last: true }` | none; the last where a debate may follow |
 * | `stop` | `{ kind: consensus, rounds: 2 }` and the like; `{ kind: any, of: [...] }` | the rounds and the budget |
 * | `detect` | whether loops and repetition end it | true |
 * | `budget` | `turns?`, `tokens?`, `usd?`, `time?`, `perParticipant?`, `onExceed?`: conclude or stop | none |
 */
import { z } from 'zod'
import { nearest } from '../base/nearest.ts'
import type { Budget, DiscussionPlan, Floor, Stop, Topology } from '../deliberation/core/plan.ts'

/** The plan, the agenda's participants speaking in its order. */
export type DiscussionFields = Omit<DiscussionPlan, 'participants'> & {
  /** Whether speakers know each other by labels only. */
  readonly anonymous?: boolean
}

/** The fields of other sections that this one has too. */
export interface DiscussionParts {
  readonly name: z.ZodType<string>
  /** Milliseconds of a duration with its unit. */
  readonly time: z.ZodType<number>
}

/** What the keys of each kind are. */
type Forms = Readonly<Record<string, readonly string[]>>

const floors: Forms = {
  'round-robin': [],
  together: [],
  mention: ['repeatsMax'],
  bids: ['repeatsMax'],
  moderator: ['moderator', 'repeatsMax'],
}
const topologies: Forms = { all: [], ring: ['reach'], star: ['hub'], regular: ['degree'], custom: ['hears'] }
const stops: Forms = {
  turns: ['max'],
  rounds: ['max'],
  consensus: ['rounds'],
  stable: ['measure', 'rounds', 'threshold'],
  'no-new': ['rounds', 'novelty'],
  repetition: ['window', 'similarity'],
  confident: ['min'],
  phrase: ['text', 'by'],
  any: ['of'],
  all: ['of'],
}

export function discussionSection({ name, time }: DiscussionParts, roundsMax: number): z.ZodType<DiscussionFields> {
  const spend = {
    turns: z.int().min(1).max(100_000).optional(),
    tokens: z.int().min(1).max(1_000_000_000_000).optional(),
    usd: z.number().min(0).max(1_000_000_000).optional(),
  }
  const budget = z
    .strictObject({
      ...spend,
      time: time.optional(),
      perParticipant: z.strictObject(spend).transform(given).optional(),
      onExceed: z.enum(['conclude', 'stop']).optional(),
    })
    .transform(({ time: timeMs, ...rest }) => given({ ...rest, timeMs }) as Budget)
  const act = z.enum(['speech', 'critique', 'revision'])
  const acts = z.preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(act).min(1).max(20))
  return z
    .strictObject({
      rounds: z.int().min(0).max(roundsMax).default(2),
      budget: budget.prefault({}),
      drafts: z.boolean().optional(),
      anonymous: z.boolean().optional(),
      floor: kinded<Floor>(floors).optional(),
      topology: kinded<Topology>(topologies).optional(),
      acts: acts.optional(),
      editor: name.optional(),
      synthesis: z.strictObject({ by: name, dissent: z.boolean().optional() }).transform(given).optional(),
      polls: z
        .strictObject({ everyRounds: z.int().min(1).max(roundsMax).optional(), last: z.boolean().optional() })
        .transform(given)
        .optional(),
      stop: kinded<Stop>(stops).optional(),
      detect: z.boolean().optional(),
    })
    .transform((read) => given(read) as DiscussionFields)
}

/** A map with a `kind`; the kind alone stands for one without more. */
function kinded<Kinded>(forms: Forms): z.ZodType<Kinded> {
  return z.unknown().transform((value, context) => {
    const map = typeof value === 'string' ? { kind: value } : value
    const problem = formProblem(map, forms, [])
    // Plain objects, since those of YAML have no prototype and are no plain JSON to whoever compares.
    if (!problem) return JSON.parse(JSON.stringify(map)) as Kinded
    context.addIssue({ code: 'custom', path: [...problem.path], message: problem.message, input: value })
    return z.NEVER
  })
}

interface FormProblem {
  readonly path: readonly (string | number)[]
  readonly message: string
}

function formProblem(value: unknown, forms: Forms, path: FormProblem['path']): FormProblem | undefined {
  const kinds = Object.keys(forms)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { path, message: `must be one of ${kinds.join(', ')}, or a map with a kind` }
  const { kind, ...rest } = value as Record<string, unknown>
  if (typeof kind !== 'string' || !Object.hasOwn(forms, kind)) {
    const meant = typeof kind === 'string' ? nearest(kind, kinds) : undefined
    const mend = meant === undefined ? `give one of ${kinds.join(', ')}` : `did you mean ${meant}?`
    return { path: [...path, 'kind'], message: `is no kind; ${mend}` }
  }
  const takes = forms[kind] ?? []
  const slip = Object.keys(rest).find((key) => !takes.includes(key))
  if (slip !== undefined)
    return { path: [...path, slip], message: `is no field of ${kind}; it takes ${takes.join(', ') || 'nothing more'}` }
  if (!takes.includes('of')) return undefined
  if (!Array.isArray(rest['of'])) return { path: [...path, 'of'], message: 'must be a list of conditions' }
  for (const [at, each] of (rest['of'] as unknown[]).entries()) {
    const problem = formProblem(each, forms, [...path, 'of', at])
    if (problem) return problem
  }
  return undefined
}

/** Without what was not given. */
function given<Fields extends object>(fields: Fields): { [Key in keyof Fields]: Exclude<Fields[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}
