/**
 * Agenda: what a panel is convened for, as a person writes it in YAML: the question, the options, the evidence, who takes
 * part, how they discuss and vote. Unlike the events of a convening it is only what was asked for. It holds plain JSON with
 * every default filled in, and nothing of the file it came from: it is part of a convening's identity.
 *
 * | field | form | default |
 * | --- | --- | --- |
 * | `topic` | text | |
 * | `options` | 2 to 50 different texts | |
 * | `evidence` | a glob or a list, from the agenda's folder; `!` before one leaves out what it matches | |
 * | `participants` | 2 to 50 of `name`, `persona?`, `stance?` (an option), `model?`, `weight?` | `weight` 1 |
 * | `discussion` | see `discussion-schema.ts` | two rounds after sealed drafts |
 * | `debate` | see `debate-schema.ts`; `colloquy debate` holds it, and `convene` between discussion and poll | none |
 * | `poll` | see `poll-schema.ts` | `schulze`, half of the weight present |
 * | `seed` | whole number or text | 0 |
 * | `commit` | `raft:<group>`: the raft group that must take the outcome before it counts | the journal alone |
 * | `action` | the name of a saga that the decision starts; or `saga`, `module?` (a file beside the agenda), `on?` | nothing; `on` decided |
 */
import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { InvalidArgument } from '../base/error.ts'
import type { DiscussionFields } from './discussion-schema.ts'
import { readFields } from './agenda-schema.ts'
import type { AgendaFields } from './agenda-schema.ts'
import type { FieldProblem } from './agenda-words.ts'
import { pathText, readYaml } from '../base/yaml-text.ts'
import { AgendaInvalid, AgendaUnreadable } from './error.ts'
import { nearest } from '../base/nearest.ts'
import { debateProblems } from './debate-schema.ts'
import type { DebateFields } from './debate-schema.ts'
import { planOf } from './discussion-plan.ts'
import { pollProblems } from './poll-schema.ts'
import type { PollFields } from './poll-schema.ts'
import { bytesText, readRegularFile, systemReason } from './regular-file.ts'
import { decodeText } from './text-decode.ts'

export interface Agenda {
  readonly topic: string
  /** What can be decided, in the author's order. */
  readonly options: readonly string[]
  /** Globs relative to the agenda's folder. */
  readonly evidence: readonly string[]
  readonly participants: readonly AgendaParticipant[]
  readonly discussion: DiscussionFields
  /** Of `convene` held between discussion and poll, by its `when`; of `colloquy debate` alone. Absent: none. */
  readonly debate?: DebateFields
  readonly poll: PollFields
  readonly seed: number | string
  /** `raft:<group>`: the outcome counts once this group has taken it. */
  readonly commit?: string
  /** What the outcome starts. */
  readonly action?: AgendaAction
}

export interface AgendaAction {
  /** Name of the saga. */
  readonly saga: string
  /** The file that exports it, from the agenda's folder; absent, whoever convenes hands the saga in. */
  readonly module?: string
  /** `decided`: a decision alone starts it; `always`: a tie and a missed quorum do too. */
  readonly on: 'decided' | 'always'
}

export interface AgendaParticipant {
  /** Unlike the other names, upper and lower case aside. */
  readonly name: string
  /** Who speaks, and what matters to them. */
  readonly persona?: string
  /** The option that it speaks for. */
  readonly stance?: string
  /** `extractive` or `openai:<model>`; absent, whoever convenes chooses. */
  readonly model?: string
  /** Of its ballot; above 0. */
  readonly weight: number
}

/** Size of an agenda, in bytes of its file or UTF-16 units of its text. */
export const agendaSizeMax: number = 1024 * 1024

/** Reads an agenda; `file` only names it in errors. Throws `convene.agenda_invalid` with all that is wrong. */
export function parseAgenda(text: string, file: string): Agenda {
  if (text.length > agendaSizeMax)
    throw new AgendaInvalid(file, [
      atStart(`it holds ${bytesText(text.length)} and ${bytesText(agendaSizeMax)} is the most`),
    ])
  const yaml = readYaml(text.startsWith('\ufeff') ? text.slice(1) : text)
  if (yaml.problems.length > 0) throw new AgendaInvalid(file, yaml.problems)
  const { fields, problems } = readFields(yaml.value)
  // What lies between fields is told together with what is wrong inside them, so it is read from whatever there is.
  problems.push(...crossProblems(yaml.value))
  if (fields) problems.push(...planProblems(fields))
  if (!fields || problems.length > 0)
    throw new AgendaInvalid(
      file,
      problems.map(({ path, of, message }) => {
        const { line, column } = yaml.placeOf(path, of)
        return { line, column, path: pathText(path), message }
      }),
    )
  return toAgenda(fields)
}

/** Reads an agenda's file. Throws `convene.agenda_unreadable` or `convene.agenda_invalid`. */
export async function readAgenda(path: string): Promise<Agenda> {
  let real: string
  try {
    real = await realpath(resolve(path))
  } catch (cause) {
    throw new AgendaUnreadable(path, systemReason(cause), { cause })
  }
  const read = await readRegularFile(real, { sizeMaxBytes: agendaSizeMax, limit: 'the most for an agenda' })
  if ('reason' in read) throw new AgendaUnreadable(path, read.reason)
  const decoded = decodeText(read.bytes)
  if ('reason' in decoded)
    throw new AgendaInvalid(path, [
      { line: decoded.line, column: 1, path: '', message: `the agenda ${decoded.reason}` },
    ])
  return parseAgenda(decoded.text, path)
}

export interface AgendaDefaults {
  /** For participants whose entry names none. */
  readonly model?: string
  /** In place of the agenda's own. */
  readonly seed?: number | string
}

/** The agenda with what whoever convenes chooses. Throws `base.invalid_argument` for a seed that no agenda could hold. */
export function withDefaults(agenda: Agenda, defaults: AgendaDefaults): Agenda {
  const { model, seed } = defaults
  if (
    seed !== undefined &&
    (typeof seed === 'number' ? !Number.isSafeInteger(seed) : seed.length < 1 || seed.length > 200)
  )
    throw new InvalidArgument('seed', 'must be a whole number or text of 1 to 200 characters')
  return {
    ...agenda,
    participants: agenda.participants.map((each) =>
      model === undefined || each.model !== undefined ? each : { ...each, model },
    ),
    seed: seed ?? agenda.seed,
  }
}

function atStart(message: string): { line: number; column: number; path: string; message: string } {
  return { line: 1, column: 1, path: '', message }
}

/** The same text to a reader: case, width, accents' spelling and white space aside. */
function folded(text: string): string {
  return text.normalize('NFKC').trim().replace(/\s+/g, ' ').toLowerCase()
}

function toAgenda(fields: AgendaFields): Agenda {
  const { topic, options, evidence, discussion, debate, poll, seed, commit, action } = fields
  const byFold = new Map(options.map((option) => [folded(option), option]))
  return {
    topic,
    options,
    evidence,
    participants: fields.participants.map(({ name, persona, stance, model, weight }) => ({
      name,
      ...(persona !== undefined && { persona }),
      ...(stance !== undefined && { stance: byFold.get(folded(stance)) ?? stance }),
      ...(model !== undefined && { model }),
      weight,
    })),
    discussion,
    ...(debate !== undefined && { debate: withPlainNames(debate, fields) }),
    poll,
    seed,
    ...(commit !== undefined && { commit }),
    ...(action && {
      action: { saga: action.saga, ...(action.module !== undefined && { module: action.module }), on: action.on },
    }),
  }
}

/** Names and options as they are written where they are declared, whatever case they are referred to in. */
function withPlainNames(debate: DebateFields, { options, participants }: AgendaFields): DebateFields {
  const byFold = (texts: readonly string[]) => new Map(texts.map((text) => [folded(text), text]))
  const [known, names] = [byFold(options), byFold(participants.map(({ name }) => name))]
  const optionOf = (text: string) => known.get(folded(text)) ?? text
  const nameOf = (text: string) => names.get(folded(text)) ?? text
  return {
    ...debate,
    sides: debate.sides.map(({ option, against, speakers, ...side }) => ({
      ...side,
      ...(option !== undefined && { option: optionOf(option) }),
      ...(against !== undefined && { against: optionOf(against) }),
      speakers: speakers.map(nameOf),
    })),
    audience: debate.audience.map(nameOf),
    ...(debate.judges && { judges: debate.judges.map(nameOf) }),
  }
}

function crossProblems(value: unknown): FieldProblem[] {
  const root = asMap(value)
  const options = asList(root['options'])
  const participants = asList(root['participants']).map(asMap)
  const names = participants.map((participant) => participant['name'])
  const nameAt = (at: number) => ['participants', at, 'name'] as const
  return [
    ...repeats(options, (at) => ['options', at], 'option'),
    ...repeats(names, nameAt, 'participant'),
    ...participants.flatMap((participant, at) => stanceProblem(participant['stance'], options, at)),
    ...globProblems(root['evidence']),
    ...pollProblems(asMap(root['poll']), participants, options),
    ...(root['debate'] === undefined ? [] : debateProblems(asMap(root['debate']), names, options)),
  ]
}

/** What lies between the fields of the discussion: who is named in it, and what a floor or a graph needs. */
function planProblems(fields: AgendaFields): FieldProblem[] {
  try {
    planOf(toAgenda(fields))
    return []
  } catch (error) {
    if (!(error instanceof InvalidArgument)) throw error
    return [{ path: ['discussion', ...error.argument.split('.')], of: 'value', message: error.message }]
  }
}

function repeats(
  values: readonly unknown[],
  pathOf: (at: number) => FieldProblem['path'],
  what: string,
): FieldProblem[] {
  const seen = new Map<string, string>()
  return values.flatMap((value, at) => {
    if (typeof value !== 'string' || value.trim() === '') return []
    const key = folded(value)
    const first = seen.get(key)
    seen.set(key, first ?? value)
    if (first === undefined) return []
    const message = `${JSON.stringify(value)} repeats the ${what} ${JSON.stringify(first)}; rename or remove one`
    return [{ path: pathOf(at), of: 'value' as const, message }]
  })
}

function stanceProblem(stance: unknown, options: readonly unknown[], at: number): FieldProblem[] {
  const texts = options.filter((option) => typeof option === 'string')
  if (typeof stance !== 'string' || stance.trim() === '' || texts.length === 0) return []
  if (texts.some((option) => folded(option) === folded(stance))) return []
  const meant = nearest(stance, texts)
  const mend =
    meant === undefined ? `write one of: ${texts.slice(0, 8).join('; ')}` : `did you mean ${JSON.stringify(meant)}?`
  const message = `${JSON.stringify(stance.slice(0, 80))} is none of the options; ${mend}`
  return [{ path: ['participants', at, 'stance'], of: 'value', message }]
}

function globProblems(evidence: unknown): FieldProblem[] {
  const globs = asList(typeof evidence === 'string' ? [evidence] : evidence)
  if (globs.length === 0 || !globs.every((glob) => typeof glob === 'string' && glob.startsWith('!'))) return []
  const message = 'only leaves out; add a glob without ! that says what to read'
  return [{ path: ['evidence'], of: 'value', message }]
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function asMap(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}
