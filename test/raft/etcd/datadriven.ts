/**
 * Scenario files in the format of cockroachdb/datadriven: a command with its arguments, lines of input, `----`, and what is
 * to be printed up to a blank line. It reads and runs them; what the commands do is a suite's.
 */
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'

export interface Argument {
  readonly key: string
  /** `k` has none, `k=v` one, `k=(a,b)` as many as there are. */
  readonly values: readonly string[]
}

export interface ScenarioCase {
  /** Where the command stands, from 1. */
  readonly line: number
  readonly command: string
  readonly args: readonly Argument[]
  /** Without space around it. */
  readonly input: string
  /** With the line feed at the end of its last line; empty when nothing is to be printed. */
  readonly expected: string
}

/** What knows the commands of one kind of file. */
export interface Suite {
  readonly name: string
  readonly commands: ReadonlySet<string>
  /** A world of its own for each file: its cases are run in it, one after another, and give what they print. */
  open(): (each: ScenarioCase) => string
  /** Applied to what is expected and to what was printed before they are compared. */
  normalise?(text: string): string
}

export interface CaseResult {
  readonly line: number
  readonly command: string
  readonly passed: boolean
  readonly expected: string
  readonly actual: string
}

export interface FileResult {
  /** From the folder. */
  readonly path: string
  /** Undefined when no suite knows any command of it. */
  readonly suite: string | undefined
  readonly cases: readonly CaseResult[]
}

export class ScenarioFault extends Error {
  readonly line: number
  constructor(line: number, fault: string) {
    super(`line ${line}: ${fault}`)
    this.line = line
  }
}

/** Runs every file with a `----` line in the folder and those below it, in the order of their paths. */
export function runFolder(folder: string, suites: readonly Suite[]): FileResult[] {
  const results: FileResult[] = []
  for (const path of filesIn(folder)) {
    const text = readFileSync(path, 'utf8')
    if (/^\s*----\s*$/m.test(text)) results.push({ path: relative(folder, path), ...runScript(text, suites) })
  }
  return results
}

/** A fault in the file or a suite that nobody knows is a case that failed: nothing is passed over. */
export function runScript(text: string, suites: readonly Suite[]): Omit<FileResult, 'path'> {
  let cases: ScenarioCase[]
  try {
    cases = parseScript(text)
  } catch (error) {
    const line = error instanceof ScenarioFault ? error.line : 1
    return {
      suite: undefined,
      cases: [{ line, command: '', passed: false, expected: '', actual: `error: ${String(error)}` }],
    }
  }
  const suite = suiteOf(cases, suites)
  if (suite !== undefined) return { suite: suite.name, cases: runCases(cases, suite) }
  return {
    suite: undefined,
    cases: cases.map(({ line, command, expected }) => ({
      line,
      command,
      passed: false,
      expected,
      actual: `error: no suite knows any command of this file\n`,
    })),
  }
}

/** The suite that knows most of the commands; a command that it does not know fails by itself. */
export function suiteOf(cases: readonly ScenarioCase[], suites: readonly Suite[]): Suite | undefined {
  const known = (suite: Suite) => cases.filter(({ command }) => suite.commands.has(command)).length
  const best = suites.reduce<Suite | undefined>(
    (leader, suite) => (leader === undefined || known(suite) > known(leader) ? suite : leader),
    undefined,
  )
  return best !== undefined && known(best) > 0 ? best : undefined
}

function runCases(cases: readonly ScenarioCase[], suite: Suite): CaseResult[] {
  const run = suite.open()
  const normalise = (text: string) => suite.normalise?.(text) ?? text
  return cases.map((each) => {
    const { line, command, expected } = each
    let actual: string
    try {
      actual = withLineFeed(run(each))
    } catch (error) {
      actual = `error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`
    }
    return { line, command, passed: normalise(actual) === normalise(expected), expected, actual }
  })
}

function withLineFeed(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}

/** Links are followed; the bound is there for those that lead back. */
function filesIn(folder: string, depthMax = 16): string[] {
  if (depthMax === 0) return []
  return readdirSync(folder)
    .toSorted()
    .flatMap((name) => {
      const path = join(folder, name)
      const stat = statSync(path, { throwIfNoEntry: false })
      if (stat?.isDirectory() === true) return filesIn(path, depthMax - 1)
      return stat?.isFile() === true ? [path] : []
    })
}

/** Throws `ScenarioFault` where the text is not of the format. */
export function parseScript(text: string): ScenarioCase[] {
  const lines = new Lines(text)
  const cases: ScenarioCase[] = []
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    const at = lines.at
    let directive = line.trim()
    if (directive === '' || directive.startsWith('#')) continue
    while (directive.endsWith('\\')) {
      const next = lines.next()
      if (next === undefined) break
      directive = `${directive.slice(0, -1)} ${next.trim()}`
    }
    const { command, args } = parseDirective(directive, at)
    // It only gives a part of the file a name.
    if (command === 'subtest') continue
    const input = lines.upToSeparator()
    if (input === undefined) throw new ScenarioFault(at, `${command} has no ---- line`)
    cases.push({ line: at, command, args, input: input.join('\n').trim(), expected: readExpected(lines) })
  }
  return cases
}

/** The lines one by one, and where they stand. */
class Lines {
  readonly #lines: readonly string[]
  /** The number of the last one that was given. */
  at = 0
  constructor(text: string) {
    const lines = text.split(/\r?\n/)
    this.#lines = lines.at(-1) === '' ? lines.slice(0, -1) : lines
  }

  next(): string | undefined {
    return this.at < this.#lines.length ? this.#lines[this.at++] : undefined
  }

  /** What stands before the next `----`, which is taken too; undefined when there is none. */
  upToSeparator(): string[] | undefined {
    const before: string[] = []
    for (let line = this.next(); line !== undefined; line = this.next()) {
      if (line.trim() === '----') return before
      before.push(line)
    }
    return undefined
  }
}

/** Up to a blank line; or, where the separator stands twice, up to where it stands twice again, blank lines and all. */
function readExpected(lines: Lines): string {
  const expected: string[] = []
  let line = lines.next()
  if (line !== '----') {
    for (; line !== undefined && line.trim() !== ''; line = lines.next()) expected.push(line)
    return expected.map((each) => `${each}\n`).join('')
  }
  const opened = lines.at
  for (line = lines.next(); line !== undefined; line = lines.next()) {
    if (line === '----') {
      const second = lines.next()
      if (second === '----') {
        const after = lines.next()
        if (after !== undefined && after !== '') throw new ScenarioFault(lines.at, 'a blank line follows a double ----')
        return expected.map((each) => `${each}\n`).join('')
      }
      expected.push(line)
      if (second !== undefined) expected.push(second)
    } else expected.push(line)
  }
  throw new ScenarioFault(opened, 'a double ---- is not closed by another one')
}

/** `committed cfg=(1, 2) idx=(_,5)`: words at blanks, but for those within brackets. */
export function parseDirective(
  text: string,
  line = 1,
): { readonly command: string; readonly args: readonly Argument[] } {
  const [command, ...words] = splitOutside(text, /\s/, line).filter((word) => word !== '')
  if (command === undefined || command.includes('=')) throw new ScenarioFault(line, `${text} begins with no command`)
  return {
    command,
    args: words.map((word) => {
      const at = word.indexOf('=')
      if (at < 0) return { key: word, values: [] }
      const value = word.slice(at + 1)
      const list = value.length > 2 && value.startsWith('(') && value.endsWith(')')
      const values = list ? splitOutside(value.slice(1, -1), /,/, line).map((each) => each.trim()) : [value]
      return { key: word.slice(0, at), values }
    }),
  }
}

function splitOutside(text: string, separator: RegExp, line: number): string[] {
  const parts: string[] = []
  let part = ''
  let depth = 0
  for (const unit of text) {
    if (unit === '(') depth++
    if (unit === ')' && --depth < 0) throw new ScenarioFault(line, `${text} closes a bracket that is not open`)
    if (depth === 0 && separator.test(unit)) {
      parts.push(part)
      part = ''
    } else part += unit
  }
  if (depth > 0) throw new ScenarioFault(line, `${text} opens a bracket and does not close it`)
  return [...parts, part]
}
