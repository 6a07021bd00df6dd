/**
 * A file of ballots, as a person writes it in YAML or a program in JSON: what is chosen from, by which rule, who said what. Unlike an
 * agenda nobody is asked: everything is there, and it is counted on the spot. A ballot that cannot be counted is the count's to refuse,
 * with its reason; only a file that is no such file is an error here.
 *
 * | field | form | default |
 * | --- | --- | --- |
 * | `options` | 1 to 500 different texts | |
 * | `rule` | a rule by name, or `{ name: stv, seats: 2 }` | `schulze` |
 * | `quorum` | share of the weight that must be present: 0.5, '2/3', '66%' | any turnout decides |
 * | `ties` | rules and lots (`seeded:7`), asked in order | none: a tie is told as one |
 * | `unranked` | `tied-last` or `no-opinion` | `tied-last` |
 * | `seed` | whole number or text, for `seeded` without one | 0 |
 * | `ballots` | a list of `voter?`, `weight?` and one of `ranking`, `approves`, `choice`, `grades`, `abstain: true`, `delegate` | |
 * | `absent` | names of those who could have voted | none |
 *
 * A ranking lists options best first; several in a list of their own are tied: `ranking: [A, [B, C]]`.
 */
import { pathText, readYaml } from '../base/yaml-text.ts'
import type { YamlPath, YamlProblem } from '../base/yaml-text.ts'
import { nearest } from '../base/nearest.ts'
import { InvalidArgument, messageOf } from '../base/error.ts'
import type { Absence, CastBallot, Delegation, Election, ExactInput, Unranked } from '../vote/election.ts'
import { parseRational, toText } from '../vote/rational.ts'
import type { Rule } from '../vote/rule.ts'
import { ruleFrom } from '../vote/rule-from.ts'
import type { RuleSpec } from '../vote/rule-from.ts'
import { tieChain, unfitTie } from '../vote/tie.ts'
import type { TieBreak } from '../vote/tie.ts'
import { PollFileInvalid } from './error.ts'

export interface PollFile {
  readonly rule: Rule
  readonly election: Election
  readonly ties: readonly TieBreak[]
  readonly seed: number | string
}

/** Size of such a file, in UTF-16 units of its text. */
export const pollFileSizeMax: number = 16 * 1024 * 1024

const fields = ['options', 'rule', 'quorum', 'ties', 'unranked', 'seed', 'ballots', 'absent']
const ballotFields = ['voter', 'weight', 'ranking', 'approves', 'choice', 'grades', 'abstain', 'delegate']

/** Reads the file's text; `file` only names it in errors. Throws `convene.poll_file_invalid` with all that is wrong. */
export function parsePollFile(text: string, file: string): PollFile {
  const problems: YamlProblem[] = []
  // JSON goes past the reader that knows the places: a machine wrote it, and it may be long.
  const json = asJson(text)
  const yaml = json ? undefined : readYaml(text.startsWith('\ufeff') ? text.slice(1) : text)
  if (yaml && yaml.problems.length > 0) throw new PollFileInvalid(file, yaml.problems)
  const reader = new Reader((path, of, message) => {
    const place = yaml?.placeOf(path, of) ?? { line: 1, column: 1 }
    problems.push({ ...place, path: pathText(path), message })
  })
  const read = reader.read(json ? json.value : yaml?.value)
  if (!read || problems.length > 0) throw new PollFileInvalid(file, problems)
  return read
}

function asJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

type Tell = (path: YamlPath, of: 'key' | 'value', message: string) => void

class Reader {
  readonly #tell: Tell

  constructor(tell: Tell) {
    this.#tell = tell
  }

  read(value: unknown): PollFile | undefined {
    if (!isMap(value)) {
      this.#tell([], 'value', 'the file must be a map with options, rule and ballots')
      return undefined
    }
    this.#keys(value, [], fields)
    const options = this.#texts(value['options'], ['options'], 'a list of texts to choose from')
    const repeated = options.findIndex((each, at) => options.indexOf(each) !== at)
    if (repeated >= 0)
      this.#tell(['options', repeated], 'value', `repeats ${JSON.stringify(options[repeated])}; name each once`)
    const seed = this.#seed(value['seed'])
    const rule = this.#rule(value['rule'] ?? 'schulze')
    const ties = this.#ties(value['ties'], seed, rule)
    const unranked = this.#unranked(value['unranked'])
    const quorum = this.#quorum(value['quorum'])
    const { ballots, delegations } = this.#ballots(value['ballots'])
    const absent = this.#texts(value['absent'] ?? [], ['absent'], 'a list of names').map((voter): Absence => ({
      voter,
    }))
    if (!rule || !ties) return undefined
    const election: Election = {
      candidates: options,
      ballots,
      absent,
      unranked,
      ...(delegations.length > 0 && { delegations }),
      ...(quorum !== undefined && { quorum: { share: quorum } }),
    }
    return { rule, election, ties, seed }
  }

  #keys(map: Readonly<Record<string, unknown>>, path: YamlPath, known: readonly string[]): void {
    for (const key of Object.keys(map)) {
      if (known.includes(key)) continue
      const meant = nearest(key, known)
      const mend = meant === undefined ? `there is ${known.join(', ')}` : `did you mean ${meant}?`
      this.#tell([...path, key], 'key', `is no field; ${mend}`)
    }
  }

  #texts(value: unknown, path: YamlPath, form: string): readonly string[] {
    if (!Array.isArray(value)) {
      this.#tell(path, 'value', value === undefined ? `is missing; give ${form}` : `must be ${form}`)
      return []
    }
    return value.map((each: unknown, at) => {
      if (typeof each !== 'string' || each.trim() === '')
        this.#tell([...path, at], 'value', 'must be text; put it in quotes')
      return String(each)
    })
  }

  #seed(value: unknown = 0): number | string {
    if (typeof value === 'string' || Number.isSafeInteger(value)) return value as number | string
    this.#tell(['seed'], 'value', 'must be a whole number or text')
    return 0
  }

  #rule(value: unknown): Rule | undefined {
    try {
      return ruleFrom(value as RuleSpec)
    } catch (error) {
      const field = error instanceof InvalidArgument && error.argument !== 'rule' ? [error.argument] : []
      this.#tell(['rule', ...field], 'value', messageOf(error))
      return undefined
    }
  }

  #ties(value: unknown, seed: number | string, rule: Rule | undefined): readonly TieBreak[] | undefined {
    const texts = typeof value === 'string' ? [value] : this.#texts(value ?? [], ['ties'], 'a list of rules and lots')
    const chain = texts.map((text, at) => {
      try {
        const [tie] = tieChain([text], seed)
        const unfit = rule && tie && unfitTie(rule, [tie])
        if (unfit) this.#tell(['ties', at], 'value', unfit.message)
        return tie
      } catch (error) {
        this.#tell(['ties', at], 'value', messageOf(error))
        return undefined
      }
    })
    return chain.every((tie) => tie !== undefined) ? chain : undefined
  }

  #unranked(value: unknown = 'tied-last'): Unranked {
    if (value === 'tied-last' || value === 'no-opinion') return value
    this.#tell(['unranked'], 'value', 'must be tied-last or no-opinion')
    return 'tied-last'
  }

  #quorum(value: unknown): ExactInput | undefined {
    if (value === undefined) return undefined
    const text = typeof value === 'number' ? String(value) : typeof value === 'string' ? value.trim() : ''
    const percent = /^(\d{1,3}(?:\.\d{1,15})?)\s*%$/.exec(text)?.[1]
    const read = parseRational(percent === undefined ? text : `${percent}e-2`)
    if (read && read.num >= 0n && read.num <= read.den) return toText(read)
    this.#tell(['quorum'], 'value', "must be a share from 0 to 1, such as 0.5, '2/3' or '66%'")
    return undefined
  }

  #ballots(value: unknown): { ballots: readonly CastBallot[]; delegations: readonly Delegation[] } {
    const ballots: CastBallot[] = []
    const delegations: Delegation[] = []
    if (!Array.isArray(value))
      this.#tell(['ballots'], 'value', 'is missing; give a list, each with a ranking, a choice or the like')
    for (const [at, each] of (Array.isArray(value) ? (value as unknown[]) : []).entries()) {
      const read = this.#ballot(each, ['ballots', at], at + 1)
      if (read && 'to' in read) delegations.push(read)
      else if (read) ballots.push(read)
    }
    return { ballots, delegations }
  }

  #ballot(value: unknown, path: YamlPath, number: number): CastBallot | Delegation | undefined {
    if (!isMap(value)) {
      this.#tell(path, 'value', 'must be a map, such as { voter: ann, ranking: [A, [B, C]] }')
      return undefined
    }
    this.#keys(value, path, ballotFields)
    const said = ['ranking', 'approves', 'choice', 'grades', 'abstain', 'delegate'].filter(
      (key) => value[key] !== undefined,
    )
    const [kind] = said
    if (kind === undefined || said.length > 1) {
      this.#tell(
        path,
        'value',
        `must hold one of ranking, approves, choice, grades, abstain and delegate; it holds ${said.join(', ') || 'none'}`,
      )
      return undefined
    }
    const { voter = `ballot ${number}`, weight } = value
    const who = { voter: String(voter), ...(weight !== undefined && { weight: weight as ExactInput }) }
    const given = value[kind]
    if (kind === 'delegate') return { ...who, to: String(given) }
    // What is wrong with a ballot is told by the count, with the voter; it trusts no shape.
    return { ...who, ballot: ballotOf(kind, given) as CastBallot['ballot'] }
  }
}

function ballotOf(kind: string, given: unknown): unknown {
  switch (kind) {
    case 'ranking':
      return {
        kind: 'ranked',
        ranking: Array.isArray(given) ? given.map((level: unknown) => (Array.isArray(level) ? level : [level])) : given,
      }
    case 'approves':
      return { kind: 'approval', approves: given }
    case 'choice':
      return { kind: 'single', choice: given }
    case 'grades':
      return { kind: 'grades', grades: isMap(given) ? { ...given } : given }
    default:
      return given === true ? { kind: 'abstain' } : { kind: 'abstain: must be true' }
  }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
