/**
 * The `debate` section of an agenda: which format, who speaks for which side, who judges and how. Unlike the rest of an agenda it
 * refers to participants and options by name, so that what lies between the fields is checked here too. Pure.
 *
 * | field | form | default |
 * | --- | --- | --- |
 * | `format` | oxford, lincoln-douglas, policy, cross-examination, british-parliamentary, panel | oxford |
 * | `when` | of `convene`: contested or always | contested |
 * | `margin` | 0 to 1: a smaller lead of the first option in the straw poll is contested | 0.25 |
 * | `motion` | text | the topic |
 * | `rebuttals` | 0 to 10, of oxford and panel | 1 |
 * | `crossExamination` | 0 to 20 questions that each side puts, in oxford and cross-examination | 0; there 3 |
 * | `seats` | 1 to 4 speakers of each side in the openings of oxford | 1 |
 * | `sides` | of `name?`, `position`, `option?` or `against?` (an option), `speakers` (participants); `colloquy debate` needs them | none |
 * | `audience`, `judges` | participants that do not speak | judges: all who do not speak and do not listen |
 * | `rubric` | criteria with their weights | evidence 4, rebuttal 4, coverage 2 |
 * | `evidence` | `onFail`: strike or flag; `citation`: required or optional | strike, optional |
 * | `orders`, `onFlip`, `combine` | all or one; abstain, average or keep-first; a voting rule | all, abstain, by the format |
 * | `baseline` | independent-vote or none | none |
 * | `audiencePolls` | ends or every-phase | ends |
 * | `settledAfter` | 1 to 100 polls without a move that end the rebuttals, with polls in every phase | none |
 * | `forfeitAfter`, `budget` | absent turns; turns, tokens and time | 2, none |
 */
import { z } from 'zod'
import { ColloquyError } from '../base/error.ts'
import type { DebateFormat } from '../deliberation/core/debate-format.ts'
import {
  britishParliamentary,
  crossExamination,
  lincolnDouglas,
  oxford,
  panel,
  policy,
} from '../deliberation/debate-formats.ts'
import type { FieldProblem } from './agenda-words.ts'

export const debateFormatNames = [
  'oxford',
  'lincoln-douglas',
  'policy',
  'cross-examination',
  'british-parliamentary',
  'panel',
] as const

export interface DebateSideFields {
  readonly name?: string | undefined
  readonly position: string
  readonly option?: string | undefined
  readonly against?: string | undefined
  readonly speakers: readonly string[]
}

export interface DebateFields {
  readonly format: (typeof debateFormatNames)[number]
  /** Of `convene`: only where the panel is divided after its discussion, or in any case. */
  readonly when: 'contested' | 'always'
  /** Lead of the first option in the last straw poll, by weight, 0 to 1, below which the panel is divided. */
  readonly margin: number
  readonly motion?: string | undefined
  readonly rebuttals: number
  /** Question and answer pairs that each side puts to the other. */
  readonly crossExamination: number
  readonly seats: number
  /** Empty where a convening is to choose its speakers itself. */
  readonly sides: readonly DebateSideFields[]
  readonly audience: readonly string[]
  /** Absent: everybody who neither speaks nor listens. */
  readonly judges?: readonly string[] | undefined
  readonly rubric?: Readonly<Record<string, number | string>> | undefined
  readonly evidence: { readonly onFail: 'strike' | 'flag'; readonly citation: 'required' | 'optional' }
  readonly orders: 'all' | 'one'
  readonly onFlip: 'abstain' | 'average' | 'keep-first'
  readonly combine?: string | undefined
  readonly baseline: 'independent-vote' | 'none'
  readonly audiencePolls: 'ends' | 'every-phase'
  readonly settledAfter?: number | undefined
  readonly forfeitAfter: number
  readonly budget?: { readonly turns?: number; readonly tokens?: number; readonly timeMs?: number } | undefined
}

/** The fields of other sections that this one has too. */
export interface DebateParts {
  readonly prose: (maxLength: number) => z.ZodType<string>
  readonly label: (maxLength: number) => z.ZodType<string>
  readonly option: z.ZodType<string>
  readonly name: z.ZodType<string>
  readonly rule: z.ZodType<string>
  readonly budget: z.ZodType<NonNullable<DebateFields['budget']>>
}

const peopleMax = 50

/** The section's schema, made of the fields that it shares with the agenda. */
export function debateSection(parts: DebateParts): z.ZodType<DebateFields> {
  const people = z.array(parts.name).max(peopleMax)
  const side = z.strictObject({
    name: parts.name.optional(),
    position: parts.prose(500),
    option: parts.option.optional(),
    against: parts.option.optional(),
    speakers: z.preprocess((value) => (typeof value === 'string' ? [value] : value), people.min(1)),
  })
  const evidence = z.strictObject({
    onFail: z.enum(['strike', 'flag']).default('strike'),
    citation: z.enum(['required', 'optional']).default('optional'),
  })
  return z.strictObject({
    format: z.enum(debateFormatNames).default('oxford'),
    when: z.enum(['contested', 'always']).default('contested'),
    margin: z.number().min(0).max(1).default(0.25),
    motion: parts.prose(2000).optional(),
    rebuttals: z.int().min(0).max(10).default(1),
    crossExamination: z.int().min(0).max(20).default(0),
    seats: z.int().min(1).max(4).default(1),
    sides: z.array(side).max(10).default([]),
    audience: people.default([]),
    judges: people.optional(),
    rubric: z.record(parts.label(60), z.union([z.number(), z.string()])).optional(),
    evidence: evidence.prefault({}),
    orders: z.enum(['all', 'one']).default('all'),
    onFlip: z.enum(['abstain', 'average', 'keep-first']).default('abstain'),
    combine: parts.rule.optional(),
    baseline: z.enum(['independent-vote', 'none']).default('none'),
    audiencePolls: z.enum(['ends', 'every-phase']).default('ends'),
    settledAfter: z.int().min(1).max(100).optional(),
    forfeitAfter: z.int().min(1).max(1000).default(2),
    budget: parts.budget.optional(),
  })
}

/** The format that the fields say, with the names of its sides. Throws what the format's function throws. */
export function debateFormatOf(
  fields: Pick<DebateFields, 'format' | 'rebuttals' | 'crossExamination' | 'seats' | 'sides'>,
): DebateFormat {
  const { format, rebuttals, crossExamination: pairs, seats, sides } = fields
  switch (format) {
    case 'oxford':
      return oxford({ rebuttals, seats, crossExamination: pairs })
    case 'lincoln-douglas':
      return lincolnDouglas()
    case 'policy':
      return policy()
    case 'cross-examination':
      return crossExamination(pairs === 0 ? {} : { pairs })
    case 'british-parliamentary':
      return britishParliamentary()
    case 'panel':
    default:
      return panel({ rounds: rebuttals, sides: sides.map((side, at) => side.name ?? `side ${at + 1}`) })
  }
}

/** What lies between the fields of the section and the agenda around it. */
export function debateProblems(
  debate: Readonly<Record<string, unknown>>,
  participants: readonly unknown[],
  options: readonly unknown[],
): FieldProblem[] {
  const names = new Set(participants.filter((name) => typeof name === 'string').map(folded))
  const known = new Set(options.filter((option) => typeof option === 'string').map(folded))
  const sides = listOf(debate['sides']).map((side) =>
    typeof side === 'object' && side !== null ? (side as Readonly<Record<string, unknown>>) : {},
  )
  const seated = new Map<string, string>()
  const problems: FieldProblem[] = []
  const seat = (name: unknown, path: FieldProblem['path'], role: string) => {
    if (typeof name !== 'string' || name.trim() === '') return
    const at = seated.get(folded(name))
    if (!names.has(folded(name))) problems.push(wrong(path, `${JSON.stringify(name)} is none of the participants`))
    else if (at !== undefined && (at === 'speaks' || role === 'speaks' || at === role))
      problems.push(wrong(path, `${JSON.stringify(name)} already ${at}; name another`))
    else seated.set(folded(name), role)
  }
  for (const [at, side] of sides.entries()) {
    for (const [place, name] of listOf(side['speakers']).entries())
      seat(name, ['debate', 'sides', at, 'speakers', place], 'speaks')
    for (const field of ['option', 'against']) {
      const option = side[field]
      if (typeof option === 'string' && !known.has(folded(option)))
        problems.push(wrong(['debate', 'sides', at, field], `${JSON.stringify(option)} is none of the options`))
    }
    if (side['option'] !== undefined && side['against'] !== undefined)
      problems.push(
        wrong(['debate', 'sides', at, 'against'], 'stands beside option; a side is for an option or against one'),
      )
  }
  for (const role of ['audience', 'judges'])
    for (const [at, name] of listOf(debate[role]).entries())
      seat(name, ['debate', role, at], role === 'judges' ? 'judges' : 'listens')
  if (debate['settledAfter'] !== undefined && debate['audiencePolls'] !== 'every-phase')
    problems.push(wrong(['debate', 'settledAfter'], 'needs audiencePolls: every-phase'))
  return [...problems, ...formatProblems(debate, sides, names.size - seated.size)]
}

function formatProblems(
  debate: Readonly<Record<string, unknown>>,
  sides: readonly Readonly<Record<string, unknown>>[],
  unseated: number,
): FieldProblem[] {
  const name = debateFormatNames.find((each) => each === (debate['format'] ?? 'oxford'))
  // Without sides a convening chooses its speakers; `colloquy debate` says that it cannot.
  if (name === undefined || sides.length === 0) return []
  try {
    const named = sides.map((side, at) => (typeof side['name'] === 'string' ? side['name'] : `side ${at + 1}`))
    const bare = named.map((side) => ({ name: side, position: '', speakers: [] }))
    const format = debateFormatOf({ format: name, rebuttals: 1, crossExamination: 0, seats: 1, sides: bare })
    const wanted = format.sides.map((side) => side.name)
    const problems: FieldProblem[] = []
    if (sides.length !== wanted.length)
      problems.push(wrong(['debate', 'sides'], `${name} has ${wanted.length} sides: ${wanted.join(', ')}`))
    for (const [at, side] of sides.entries())
      if (typeof side['name'] === 'string' && !wanted.includes(side['name']))
        problems.push(wrong(['debate', 'sides', at, 'name'], `is no side of ${name}; it has ${wanted.join(', ')}`))
    if (format.decision === 'audience' && listOf(debate['audience']).length === 0)
      problems.push(
        wrong(['debate', 'format'], `${name} is decided by its audience; add audience, a list of participants`),
      )
    if (format.decision === 'judges' && listOf(debate['judges']).length === 0 && unseated <= 0)
      problems.push(wrong(['debate', 'format'], `${name} is decided by judges; add a participant that does not speak`))
    return problems
  } catch (error) {
    if (error instanceof ColloquyError) return [wrong(['debate', 'format'], error.message)]
    throw error
  }
}

function wrong(path: FieldProblem['path'], message: string): FieldProblem {
  return { path, of: 'value', message }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : typeof value === 'string' ? [value] : []
}

function folded(text: unknown): string {
  return String(text).normalize('NFKC').trim().replace(/\s+/g, ' ').toLowerCase()
}
