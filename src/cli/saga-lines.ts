/**
 * Runs of sagas as lines for people: how one stands, step by step, what came when, and the exact commands that may be said next. Pure; what
 * it prints is cleaned for a terminal.
 */
import { faultText, recordText, turnText } from '../workflow/history-text.ts'
import type { Turn } from '../workflow/history-text.ts'
import type { RunAccount, StepAccount } from '../workflow/account.ts'
import type { Fault } from '../workflow/core/record.ts'
import { columnsOf, cut, fit } from './columns.ts'
import { oneLine } from './log-lines.ts'
import { shellWord } from './shell-word.ts'
import type { Paint } from './terminal.ts'

const statusColours = { open: 'blue', completed: 'green', compensated: 'yellow', 'needs-attention': 'red' } as const

function statusText(status: RunAccount['status'], paint: Paint): string {
  return paint(statusColours[status], status)
}

/** For a table whose column `column` is the status. */
export function statusColour(column: number): (cell: string, at: number) => Parameters<Paint>[0] | undefined {
  return (cell, at) =>
    at === column && cell in statusColours ? statusColours[cell as RunAccount['status']] : undefined
}

/** To the second, in UTC. */
export function secondsText(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15
    ? new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
    : String(ms)
}

/** Cells in columns as wide as they need be; columns without any cell are left out. `colour`: of a cell, by its text and column. */
export function table(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  paint: Paint,
  colour: (cell: string, column: number) => Parameters<Paint>[0] | undefined = () => undefined,
): string {
  const used = titles.map((_title, at) => rows.some((row) => row[at] !== ''))
  const widths = titles.map((title, at) =>
    rows.reduce((most, row) => Math.max(most, columnsOf(row[at] ?? '')), title.length),
  )
  const painted = (cell: string, at: number, coloured: boolean): string => {
    // Painted after it was fitted: colours take no columns.
    const text = fit(cell, widths[at] ?? 0)
    const of = coloured ? colour(cell, at) : undefined
    return of === undefined ? text : paint(of, text)
  }
  const line = (cells: readonly string[], coloured: boolean): string =>
    `  ${cells.flatMap((cell, at) => (used[at] ? [painted(cell, at, coloured)] : [])).join('  ')}`.trimEnd()
  return `${paint('dim', line(titles, false))}\n${rows.map((row) => `${line(row, true)}\n`).join('')}`
}

/** All that is known of a run. `rest`: what the proposed commands end with, such as the folder. */
export function accountText(account: RunAccount, rest: string, paint: Paint): string {
  const { run, saga, version, status, phase, parent, startedAtMs, worker, locks, waiting, error, guessed } = account
  const lines = [
    `${paint('bold', oneLine(run))}  ${oneLine(saga)} v${version}  ${statusText(status, paint)}`,
    `  started ${secondsText(startedAtMs)}, ${status === 'open' ? 'worked on' : 'last worked on'} by ${oneLine(worker)}`,
    ...(parent === undefined ? [] : [`  child of ${oneLine(parent)}`]),
    ...(waiting ? ['  it has not begun: it waits for a lock, or for its turn'] : []),
    ...(phase === 'failing' ? ['  it is given up: what is under way comes to its end first'] : []),
    ...(phase === 'undoing' ? ['  it goes back: what stands is undone'] : []),
    ...(error ? [`  ${paint('red', 'why')}  ${fault(error)}`] : []),
    ...(locks.length === 0 ? [] : [`  holds the locks ${locks.map(oneLine).join(', ')}`]),
    ...(guessed
      ? [
          paint(
            'dim',
            `  its definition is not at hand: kinds, and what can be undone, are guessed; --module shows them`,
          ),
        ]
      : []),
  ]
  return `${lines.join('\n')}\n${stepsTable(account.steps, paint)}${resultText(account, paint)}${nextText(account, rest, paint)}`
}

function stepsTable(steps: readonly StepAccount[], paint: Paint): string {
  if (steps.length === 0) return ''
  const rows = steps.map((step) => [
    oneLine(step.step),
    step.declaration === undefined || step.declaration === 'undo' ? step.kind : `${step.kind}, ${step.declaration}`,
    statusWords[step.status],
    step.attempts === 0 ? '' : `${step.attempts} failed`,
    step.untilMs === undefined ? '' : secondsText(step.untilMs),
    cut(stepError(step), 120),
  ])
  return table(['STEP', 'KIND', 'STATUS', 'ATTEMPTS', 'UNTIL', 'ERROR'], rows, paint)
}

const statusWords: Readonly<Record<StepAccount['status'], string>> = {
  begun: 'under way',
  done: 'done',
  skipped: 'skipped',
  failed: 'failed',
  stopped: 'given up',
  undoing: 'being undone',
  undone: 'undone',
  undoFailed: 'undo failed',
  left: 'left',
  held: 'child rests',
}

function stepError({ error, undoError }: StepAccount): string {
  return [...(error ? [fault(error)] : []), ...(undoError ? [`undo: ${fault(undoError)}`] : [])].join('; ')
}

function fault(of: Fault): string {
  return oneLine(faultText(of))
}

/** What it gave, and what stays of what it did. */
function resultText({ result }: Pick<RunAccount, 'result'>, paint: Paint): string {
  if (!result) return ''
  const { status, output, error, undoErrors, leaves } = result
  const lines = [
    ...(status === 'completed' && output !== undefined
      ? [`  ${paint('green', 'output')}  ${cut(oneLine(JSON.stringify(output) ?? ''), 2000)}`]
      : []),
    ...(status === 'completed' && error ? [`  its output could not be made: ${fault(error)}`] : []),
    ...undoErrors.map(({ step, error: of }) => `  ${paint('red', 'undo')}  ${oneLine(step)}: ${fault(of)}`),
    ...leaves.map(({ step, why }) => `  ${paint('yellow', 'left')}  ${oneLine(step)}: ${oneLine(why)}`),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/** What an operator, or whoever is asked, can say next. */
function nextText(account: RunAccount, rest: string, paint: Paint): string {
  const { run, steps, status, error } = account
  const lines: string[] = []
  const block = (step: StepAccount, how: string, commands: readonly Proposed[]): void => {
    lines.push(`  ${paint('bold', oneLine(step.step))} ${how}:`)
    const said = commands.map(([words, why]) => [`colloquy saga ${words}${rest}`, why] as const)
    const width = Math.max(...said.map(([words]) => words.length))
    for (const [words, why] of said) lines.push(`    ${words.padEnd(width)}  ${paint('dim', `# ${why}`)}`)
  }
  for (const step of steps.filter(({ unresolved }) => unresolved)) {
    const { child } = step
    const look: Proposed[] = child === undefined ? [] : [[`show ${shellWord(child)}`, 'its child: decide there first']]
    const ways = waysOf(step, error !== undefined).map(([how, why]): Proposed => [
      `resolve ${shellWord(run)} ${shellWord(step.step)} ${how}`,
      why,
    ])
    block(step, 'waits for an operator', [...look, ...ways])
  }
  for (const step of steps) {
    const { kind, status: is, signal, by, approval } = step
    if (kind !== 'wait' || is !== 'begun' || signal === undefined) continue
    const [data, why] = approval ? [`'{"approved":true}'`, 'a yes'] : ['JSON', 'with its data, if it takes any']
    const command: Proposed = [`signal ${shellWord(run)} ${shellWord(signal)} ${data}`, why]
    block(step, `waits for ${by === undefined ? 'a signal' : oneLine(by)}`, [command])
  }
  for (const step of steps) {
    const { child, status: is, unresolved } = step
    if (child === undefined || unresolved || (is !== 'begun' && is !== 'undoing')) continue
    block(step, 'is a run of its own', [[`show ${shellWord(child)}`, 'how it stands']])
  }
  if (status === 'needs-attention' && lines.length === 0)
    lines.push('  what it rests for is not known without its definition; --module FILE names it')
  return lines.map((line) => `${line}\n`).join('')
}

/** A command without what all begin and end with, and what it is for. */
type Proposed = readonly [words: string, why: string]

function waysOf({ kind }: StepAccount, back: boolean): readonly Proposed[] {
  if (back)
    return [
      ['retry', 'undo it again'],
      ['skip', 'leave it as it is, and go on undoing'],
      ['done', 'it was undone by hand'],
      ['forward', 'go on instead of back'],
    ]
  const output = kind === 'child' || kind === 'step' ? ' --output JSON' : ''
  return [
    ['retry', 'try it again'],
    ['skip', 'go on without it'],
    [`done${output}`, 'it was done by hand'],
  ]
}

/** A turn: its time and records in words, a line each. `name`: shown where several runs are told of together. */
export function turnLines(turn: Turn, paint: Paint, name?: string): string {
  const { time, records } = turn
  const words = [turnText(turn), ...records.map(recordText)].filter((text) => text !== undefined)
  if (words.length === 0) return ''
  const of = name === undefined ? '' : `${paint('dim', oneLine(name))}  `
  const head = time === undefined ? '' : `${paint('dim', oneLine(time))}  `
  return words.map((text) => `${head}${of}${oneLine(text)}\n`).join('')
}
