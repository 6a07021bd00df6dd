/**
 * A person's ballot as a line: how each kind is written, and what a line means. Unlike a model's ballot it is one line of option
 * numbers, short enough to type. What does not fit is refused with the reason, never mended. Pure.
 */
import type { Ballot } from '../vote/ballot.ts'
import { checkBallot } from '../vote/check.ts'
import type { Motion } from './participant.ts'

export type AskedBallot = Pick<Motion, 'ballot' | 'options' | 'scale' | 'delegates'>

export interface TypedVote {
  readonly ballot: Ballot
  readonly delegate?: string
}

/** How the ballot is to be written. */
export function ballotHint({ ballot, scale, delegates = [] }: AskedBallot): string {
  const { min, max, whole, sum, squaresMax } = scale ?? { min: 0, max: 5 }
  const bounds = [
    `${whole ? 'whole grades' : 'grades'} from ${min} to ${max}`,
    sum !== undefined && `which sum to ${sum}`,
    squaresMax !== undefined && `whose squares sum to at most ${squaresMax}`,
  ].filter(Boolean)
  const forms = {
    single: 'the number of one option: 2',
    approval: 'the numbers of all options that you can accept: 1 3',
    ranked: 'the numbers best first, = between equals: 2 > 1 = 3',
    grades: `a grade for each option, ${bounds.join(', ')}: 1=${max} 2=${min}`,
  }
  const delegate = delegates.length > 0 ? `; or /delegate and a name (${delegates.join(', ')})` : ''
  return `${forms[ballot]}; or /abstain${delegate}`
}

/** The vote, or why the line is none. */
export function typedVote(line: string, asked: AskedBallot): TypedVote | string {
  const text = line.trim()
  if (text === '/abstain') return { ballot: { kind: 'abstain' } }
  if (text.startsWith('/delegate')) {
    const name = text.slice('/delegate'.length).trim()
    if (!asked.delegates?.includes(name)) return `nobody of that name takes votes here: ${JSON.stringify(name)}`
    return { ballot: { kind: 'abstain' }, delegate: name }
  }
  const ballot = ballotOf(text, asked)
  if (typeof ballot === 'string') return ballot
  return checkBallot(ballot, asked.options, asked.ballot, asked.scale) ?? { ballot }
}

function ballotOf(text: string, { ballot: kind, options }: AskedBallot): Ballot | string {
  if (text === '') return 'the line is empty'
  if (kind === 'grades') return gradesOf(text, options)
  const levels = text
    .split('>')
    .map((level) => level.split(kind === 'ranked' ? '=' : /[\s,]+/).map((part) => part.trim()))
  const unknown = levels.flat().find((part) => optionOf(part, options) === undefined)
  if (unknown !== undefined) return notAnOption(unknown, options)
  const named = levels.map((level) => level.flatMap((part) => optionOf(part, options) ?? []))
  if (kind === 'ranked') return { kind, ranking: named }
  if (named.length > 1) return '> has no meaning in this ballot'
  const chosen = named.flat()
  if (kind === 'approval') return { kind, approves: chosen }
  const [choice] = chosen
  return choice !== undefined && chosen.length === 1 ? { kind, choice } : 'exactly one option can be chosen'
}

function gradesOf(text: string, options: readonly string[]): Ballot | string {
  const grades = new Map<string, number>()
  for (const part of text.replace(/\s*=\s*/g, '=').split(/[\s,]+/)) {
    const [number = '', grade = ''] = part.split('=')
    const option = optionOf(number, options)
    if (option === undefined) return notAnOption(number, options)
    if (grades.has(option)) return `the option ${number} is graded twice`
    if (!/^-?\d{1,7}(\.\d{1,6})?$/.test(grade)) return `${JSON.stringify(grade)} is no grade`
    grades.set(option, Number(grade))
  }
  return { kind: 'grades', grades: Object.fromEntries(grades) }
}

function optionOf(number: string, options: readonly string[]): string | undefined {
  return /^\d{1,6}$/.test(number) ? options[Number(number) - 1] : undefined
}

function notAnOption(text: string, options: readonly string[]): string {
  return `${JSON.stringify(text.slice(0, 40))} is not the number of an option, 1 to ${options.length}`
}
