/**
 * What the schema library found, in words for the author of an agenda: what is wrong with which field, and the mend. Unlike
 * the library's own messages they know what each field is for. Pure.
 */
import type { z } from 'zod'
import { nearest } from '../base/nearest.ts'

export interface FieldProblem {
  readonly path: readonly (string | number)[]
  /** Whether the key or the value is the place to look at. */
  readonly of: 'key' | 'value'
  readonly message: string
}

/** The keys of each map, by its place with list indexes left out; and what each holds. */
const fields: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '': {
    topic: 'the question, as text',
    options: 'a list of two or more texts to choose from',
    evidence: "a list of files or globs, such as 'docs/**/*.md'",
    participants: 'a list of two or more, each with a name',
    discussion: 'a map of rounds and budget',
    debate: 'a map of format, sides, judges and the like',
    poll: 'a map of rule, quorum and ties',
    seed: 'a whole number or text; a number of more than 15 digits goes in quotes',
    commit: 'raft: and the name of a raft group, such as raft:ops',
    action: 'the name of a saga, or a map of saga, module and on',
  },
  action: {
    saga: 'the name of a saga, as text',
    module: 'a file beside the agenda that exports the saga, such as actions.ts',
    on: 'decided or always',
  },
  participants: {
    name: 'text that is unlike the other names',
    persona: 'text: who speaks, and what matters to them',
    stance: 'one of the options',
    model: "extractive or 'openai:<model>'",
    weight: 'a number above 0, a million at most',
  },
  discussion: {
    rounds: 'a whole number from 0 to 20',
    budget: 'a map of turns, tokens and time',
    drafts: 'true or false',
    anonymous: 'true or false',
    detect: 'true or false',
    floor: 'round-robin, together, mention, bids or { kind: moderator, moderator: <name> }',
    topology: 'all, or a map such as { kind: ring, reach: 1 }',
    acts: 'a list of speech, critique and revision',
    editor: 'one of the participants',
    synthesis: 'a map such as { by: <name>, dissent: true }',
    polls: 'a map such as { everyRounds: 1, last: true }',
    stop: 'a map such as { kind: consensus, rounds: 2 }',
  },
  'discussion.synthesis': { by: 'one of the participants', dissent: 'true or false' },
  'discussion.polls': { everyRounds: 'a whole number from 1 to 20', last: 'true or false' },
  'discussion.budget': {
    turns: 'a whole number from 1 to 100,000',
    tokens: 'a whole number from 1 to 10^12',
    time: 'a duration with its unit, such as 90s or 5m',
    usd: 'a number from 0',
    perParticipant: 'a map of turns, tokens and usd',
    onExceed: 'conclude or stop',
  },
  debate: {
    format: 'oxford, lincoln-douglas, policy, cross-examination, british-parliamentary or panel',
    when: 'contested or always',
    margin: 'a share from 0 to 1, such as 0.25',
    motion: 'what is debated, as text',
    rebuttals: 'a whole number from 0 to 10',
    crossExamination: 'a whole number from 0 to 20',
    seats: 'a whole number from 1 to 4',
    sides: 'a list of two or more, each with a position and speakers',
    audience: 'a list of participants that do not speak',
    judges: 'a list of participants that do not speak',
    rubric: 'a map of criteria with their weights, such as evidence: 4',
    evidence: 'a map of onFail and citation',
    orders: 'all or one',
    onFlip: 'abstain, average or keep-first',
    combine: 'the name of a voting rule, such as majority',
    baseline: 'independent-vote or none',
    audiencePolls: 'ends or every-phase',
    settledAfter: 'a whole number from 1 to 100',
    forfeitAfter: 'a whole number from 1 to 1000',
    budget: 'a map of turns, tokens and time',
  },
  'debate.sides': {
    name: 'a side of the format, such as for',
    position: 'what the side holds, as text',
    option: 'the option that it argues for',
    against: 'the option that it argues against',
    speakers: 'a list of participants',
  },
  'debate.evidence': { onFail: 'strike or flag', citation: 'required or optional' },
  'debate.budget': {
    turns: 'a whole number from 1 to 100,000',
    tokens: 'a whole number from 1 to 10^12',
    time: 'a duration with its unit, such as 90s or 5m',
  },
  poll: {
    rule: 'the name of a voting rule, such as schulze, or a map such as { name: stv, seats: 2 }',
    secrecy: 'public, secret or pseudonymous',
    sealed: 'true or false',
    seenBy: 'who may see the ballots, as text',
    unrevealed: 'absent, abstain or void',
    delegation: 'true or false',
    quorum: "a share from 0 to 1, such as 0.5, '2/3' or '66%'",
    ties: "a list of rules and lots, such as borda, 'seeded:7'",
  },
}

/** An issue of the library, told once for each key or value that it concerns. */
export function problemsOf(issue: z.core.$ZodIssue): FieldProblem[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol')
  if (issue.code !== 'unrecognized_keys') return [{ path, of: 'value', message: words(issue, path) }]
  const known = Object.keys(fields[placeText(path)] ?? {})
  return issue.keys.map((key) => ({ path: [...path, key], of: 'key', message: unknownKey(key, known) }))
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearest(key, known)
  if (meant !== undefined) return `is no field; did you mean ${meant}?`
  return `is no field; there is ${known.join(', ')}`
}

function words(issue: z.core.$ZodIssue, path: FieldProblem['path']): string {
  const { code, input } = issue
  if (code === 'invalid_type' || code === 'invalid_union') return wrongType(input, path)
  // What the library says of a choice is for programmers.
  if (code === 'invalid_value' && hintFor(path) !== undefined) return unknownChoice(issue, path)
  if (code === 'too_small') return `${amount(input)}; give ${hintFor(path) ?? `${String(issue.minimum)} or more`}`
  if (code !== 'too_big') return issue.message
  const most = Array.isArray(input) ? undefined : hintFor(path)
  return `${amount(input)}; ${most === undefined ? `the most is ${String(issue.maximum)}` : `give ${most}`}`
}

function unknownChoice({ input, values }: z.core.$ZodIssueInvalidValue, path: FieldProblem['path']): string {
  if (typeof input !== 'string') return wrongType(input, path)
  const meant = nearest(input, values.map(String))
  const mend = meant === undefined ? `give ${hintFor(path) ?? 'another'}` : `did you mean ${meant}?`
  return `is ${JSON.stringify(input.slice(0, 40))}; ${mend}`
}

function wrongType(input: unknown, path: FieldProblem['path']): string {
  const key = path.at(-1)
  if (path.length === 0)
    return input === null || input === undefined
      ? 'the agenda is empty; it needs topic, options, evidence and participants'
      : `the agenda is ${kindOf(input)}; it must be a map with topic, options, evidence and participants`
  const hint = hintFor(path)
  if (input === undefined) return `is missing; add \`${String(key)}:\`, ${hint ?? 'as text'}`
  if (input === null) return `has no value; give ${hint ?? 'a text'}, or remove it if it is optional`
  const quote = typeof input === 'number' || typeof input === 'boolean' ? quoted(input, path) : ''
  return `is ${kindOf(input)}; give ${hint ?? (isEntry(path) ? 'a map with a name' : 'text')}${quote}`
}

/** What belongs at a place; undefined for the entries of lists. */
function hintFor(path: FieldProblem['path']): string | undefined {
  const key = path.at(-1)
  return typeof key === 'string' ? fields[placeText(path.slice(0, -1))]?.[key] : undefined
}

function isEntry(path: FieldProblem['path']): boolean {
  return path[0] === 'participants' && path.length === 2
}

const texts: ReadonlySet<unknown> = new Set(['topic', 'options', 'name', 'persona', 'stance', 'evidence'])

/** A number or a truth value where text belongs was text to its author. */
function quoted(input: number | boolean, path: FieldProblem['path']): string {
  return path.some((part) => texts.has(part)) ? `; put it in quotes: '${String(input)}'` : ''
}

function amount(input: unknown): string {
  return Array.isArray(input) ? `has ${input.length === 0 ? 'none' : input.length}` : `is ${String(input).slice(0, 40)}`
}

function kindOf(input: unknown): string {
  if (Array.isArray(input)) return 'a list'
  if (typeof input === 'object') return 'a map'
  return typeof input === 'string' ? 'text' : typeof input === 'boolean' ? `the truth value ${input}` : `a number`
}

function placeText(path: FieldProblem['path']): string {
  return path.filter((part) => typeof part === 'string').join('.')
}
