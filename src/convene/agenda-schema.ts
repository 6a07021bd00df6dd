/**
 * What an agenda holds: each field with its form, bounds and default. Unlike the YAML reader it sees plain values and knows
 * no lines; it answers with paths, and with words that say the mend. Pure.
 */
import { z } from 'zod'
import { parseDuration } from '../base/duration.ts'
import { ColloquyError } from '../base/error.ts'
import { hasControl, isCleanText } from '../base/limit.ts'
import { compare, one, parseRational, toText, zero } from '../vote/rational.ts'
import { ruleNamed, rules } from '../vote/registry.ts'
import { parseTie } from '../vote/tie.ts'
import { problemsOf } from './agenda-words.ts'
import type { FieldProblem } from './agenda-words.ts'
import { discussionSection } from './discussion-schema.ts'
import type { DiscussionFields } from './discussion-schema.ts'
import { pollSection } from './poll-schema.ts'
import type { PollFields } from './poll-schema.ts'
import { debateSection } from './debate-schema.ts'
import type { DebateFields } from './debate-schema.ts'
import { nearest } from '../base/nearest.ts'

/** Bounds of an agenda; a convening beyond them is no longer a panel. */
export const agendaLimits: {
  readonly topicMaxLength: number
  readonly optionsMax: number
  readonly optionMaxLength: number
  readonly globsMax: number
  readonly globMaxLength: number
  readonly participantsMax: number
  readonly nameMaxLength: number
  readonly personaMaxLength: number
  readonly roundsMax: number
  readonly weightMax: number
  readonly tiesMax: number
} = {
  topicMaxLength: 2000,
  optionsMax: 50,
  optionMaxLength: 200,
  globsMax: 100,
  globMaxLength: 500,
  participantsMax: 50,
  nameMaxLength: 60,
  personaMaxLength: 2000,
  roundsMax: 20,
  weightMax: 1_000_000,
  tiesMax: 10,
}

/** Paragraphs: lines may break, nothing may repaint a terminal. */
const prose = (maxLength: number) =>
  z
    .string()
    .overwrite((text) => text.replace(/\r\n?/g, '\n').trim())
    .check(says((text) => textProblem(text.replace(/[\n\t]/g, ' '), maxLength)))

/** One line. */
const label = (maxLength: number) =>
  z
    .string()
    .overwrite((text) => text.trim())
    .check(says((text) => textProblem(text, maxLength)))

const option = label(agendaLimits.optionMaxLength).overwrite((text) => text.normalize('NFC'))

const nameForm = /^[\p{L}\p{N}][\p{L}\p{M}\p{N} ._'-]*$/u
const name = label(agendaLimits.nameMaxLength)
  .overwrite((text) => text.normalize('NFC'))
  .check(
    says((text) =>
      text === '' || nameForm.test(text)
        ? undefined
        : "may hold letters, digits, spaces and . _ ' - only, and starts with a letter or digit",
    ),
  )

const model = z
  .string()
  .overwrite((text) => text.trim())
  .check(
    says((text) =>
      text === 'extractive' || text === 'person' || (/^openai:\S{1,200}$/.test(text) && !hasControl(text))
        ? undefined
        : "is no model; write extractive, person, or openai:<model> such as 'openai:gpt-5-mini'",
    ),
  )

const participant = z.strictObject({
  name,
  persona: prose(agendaLimits.personaMaxLength).optional(),
  stance: option.optional(),
  model: model.optional(),
  weight: z.number().gt(0).max(agendaLimits.weightMax).default(1),
})

const time = z.string().transform((text, context) => {
  const ms = attempt(() => parseDuration(text))
  if (typeof ms === 'number' && ms > 0) return ms
  const message =
    typeof ms === 'number' ? 'must be longer than nothing; write 5m' : ms.message.replace(/^duration /, '')
  context.addIssue({ code: 'custom', message })
  return z.NEVER
})

const budget = z
  .strictObject({
    turns: z.int().min(1).max(100_000).optional(),
    tokens: z.int().min(1).max(1_000_000_000_000).optional(),
    time: time.optional(),
  })
  .transform(({ turns, tokens, time }) => ({
    ...(turns !== undefined && { turns }),
    ...(tokens !== undefined && { tokens }),
    ...(time !== undefined && { timeMs: time }),
  }))

const quorum = z.union([z.number(), z.string()]).transform((given, context) => {
  const text = String(given).trim()
  const percent = /^(\d{1,3}(?:\.\d{1,15})?)\s*%$/.exec(text)?.[1]
  const read = percent === undefined ? parseRational(text) : parseRational(`${percent}e-2`)
  if (read && compare(read, zero) >= 0 && compare(read, one) <= 0) return toText(read)
  context.addIssue({ code: 'custom', message: "must be a share from 0 to 1, such as 0.5, '2/3' or '66%'" })
  return z.NEVER
})

const rule = z.string().transform((text, context) => {
  const found = attempt(() => ruleNamed(text, askedRules).name)
  if (typeof found === 'string') return found
  const meant = nearest(text, ruleNames)
  context.addIssue({ code: 'custom', message: found.message + (meant === undefined ? '' : `; did you mean ${meant}?`) })
  return z.NEVER
})

const tie = z.string().transform((text, context) => {
  // A lot without a seed of its own is drawn by the agenda's, which may still be replaced: it stays as it is written.
  if (text.trim().toLowerCase() === 'seeded') return 'seeded'
  const found = attempt(() => parseTie(text).name)
  if (typeof found === 'string') return found
  context.addIssue({ code: 'custom', message: found.message })
  return z.NEVER
})

const poll = pollSection({ quorum, ties: oneOrMore(tie, 0, agendaLimits.tiesMax), label })

const seedText = label(agendaLimits.optionMaxLength)
const discussion = discussionSection({ name, time }, agendaLimits.roundsMax)

const commit = z
  .string()
  .overwrite((text) => text.trim())
  .check(
    says((text) =>
      /^raft:[\w-]{1,64}$/.test(text)
        ? undefined
        : 'names no raft group; write raft: and its name of letters, digits, - and _, such as raft:ops',
    ),
  )

const action = z.preprocess(
  (value) => (typeof value === 'string' ? { saga: value } : value),
  z.strictObject({
    saga: z
      .string()
      .overwrite((text) => text.trim())
      .check(
        says((text) =>
          /^[A-Za-z][\w-]{0,63}$/.test(text)
            ? undefined
            : 'names no saga; write its name, a letter and then up to 63 of letters, digits, _ and -',
        ),
      ),
    module: label(agendaLimits.globMaxLength).check(says(moduleProblem)).optional(),
    on: z.enum(['decided', 'always']).default('decided'),
  }),
)

/** The fields of an agenda; what lies between them is checked in `agenda.ts`. */
const schema = z.strictObject({
  topic: prose(agendaLimits.topicMaxLength),
  options: z.array(option).min(2).max(agendaLimits.optionsMax),
  evidence: oneOrMore(label(agendaLimits.globMaxLength), 1, agendaLimits.globsMax),
  participants: z.array(participant).min(2).max(agendaLimits.participantsMax),
  discussion: discussion.prefault({}),
  debate: debateSection({ prose, label, option, name, rule, budget }).optional(),
  poll: poll.prefault({}),
  seed: z.union([z.int(), seedText]).default(0),
  commit: commit.optional(),
  action: action.optional(),
})

export interface AgendaFields {
  readonly topic: string
  readonly options: readonly string[]
  readonly evidence: readonly string[]
  readonly participants: readonly {
    readonly name: string
    readonly persona?: string | undefined
    readonly stance?: string | undefined
    readonly model?: string | undefined
    readonly weight: number
  }[]
  readonly discussion: DiscussionFields
  readonly debate?: DebateFields | undefined
  readonly poll: PollFields
  readonly seed: number | string
  readonly commit?: string | undefined
  readonly action?:
    | { readonly saga: string; readonly module?: string | undefined; readonly on: 'decided' | 'always' }
    | undefined
}

/** The fields with their defaults, or all that is wrong with them. */
export function readFields(value: unknown): { readonly fields?: AgendaFields; readonly problems: FieldProblem[] } {
  const read = schema.safeParse(value, { reportInput: true })
  if (read.success) return { fields: read.data, problems: [] }
  return { problems: read.error.issues.flatMap((issue) => problemsOf(issue)) }
}

/** Rules that always give an outcome of one winner and count no grades: what joins judges. */
const askedRules = rules.filter((each) => each.ballot !== 'grades' && !each.bounded)
const ruleNames = askedRules.map((each) => each.name)

/** A text alone stands for a list of one. */
function oneOrMore<Item extends z.ZodType>(item: Item, min: number, max: number): z.ZodPreprocess<z.ZodArray<Item>> {
  return z.preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(item).min(min).max(max))
}

/** A check by a function that gives the mend, or undefined where all is well. */
function says(check: (text: string) => string | undefined): z.core.CheckFn<string> {
  return (payload) => {
    const message = check(payload.value)
    if (message !== undefined) payload.issues.push({ code: 'custom', message, input: payload.value })
  }
}

function textProblem(text: string, maxLength: number): string | undefined {
  if (text === '') return 'is empty; write some text, or remove the field if it is optional'
  if (text.length > maxLength) return `has ${text.length} characters and ${maxLength} is the most; shorten it`
  if (!isCleanText(text)) return 'holds control characters or half a character; remove them'
  return undefined
}

/** Where the file lies in truth is seen when it is loaded. */
function moduleProblem(text: string): string | undefined {
  if (text === '' || /\.(?:ts|mts|js|mjs)$/.test(text)) return undefined
  return 'is no module; name a file beside the agenda that ends in .ts, .mts, .js or .mjs'
}

/** What the function gives, or the typed error that it throws. */
function attempt<T>(work: () => T): T | ColloquyError {
  try {
    return work()
  } catch (error) {
    if (error instanceof ColloquyError) return error
    throw error
  }
}
