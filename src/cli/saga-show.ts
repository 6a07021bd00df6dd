/**
 * `colloquy saga show`: one run, from the process that works on it or from the journal. Unlike `ls` it looks at every step; without the definition
 * it says what the records do. It changes nothing.
 */
import { Aborted } from '../base/error.ts'
import { openData } from '../node/open-data.ts'
import { askShown } from '../node/saga-door-client.ts'
import { findAmong, showRun } from '../node/saga-shown.ts'
import type { SagaShown } from '../node/saga-shown.ts'
import { RunUnknown } from '../workflow/error.ts'
import { turnsOf } from '../workflow/history-text.ts'
import { jsonLine } from './bus-show.ts'
import { UsageError, exitCode, parseCommandLine } from './command.ts'
import type { Command, CommandContext, ParsedOptions } from './command.ts'
import { dataArgument, restOf, dataOption, folderOf, moduleOf, moduleOption } from './saga-arguments.ts'
import { shellWord } from './shell-word.ts'
import { accountText, turnLines } from './saga-lines.ts'
import type { DoorWorld } from './door-world.ts'
import { painter } from './terminal.ts'

const help = `colloquy saga show <run> [options]

Shows how a run stands: its steps with their attempts and errors, what it waits
for and until when, its locks; of a run that rests for an operator both errors
of each step, and the commands that may be said next. A process that runs it is
asked; else the journal is read, which needs no definition, but without one
kinds of steps are guessed.

Examples:
  colloquy saga show trip-7
  colloquy saga show trip-7 --data ./data --history
  colloquy saga show trip-7 --module ./trip.ts --mermaid > trip-7.mmd
  colloquy saga show trip-7 --json | jq .steps

Options:
  --data DIR      the data folder (default: ./data)
  --history       every turn with its time, and what was recorded in words
  --mermaid       a flowchart with the state of each step; needs the definition
  --module FILE   exports the saga; it is code and is run
  --json          one object: the run and its steps; with --history one a turn

Exit codes: 0 done, 1 failure or no such run, 2 usage, 4 interrupted.
`

const options = {
  ...dataOption,
  ...moduleOption,
  history: { type: 'boolean' },
  mermaid: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

export function showCommand(world: DoorWorld): Command {
  return {
    name: 'saga show',
    help,
    async run(args, context) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<run>'] })
      const { stdout } = context
      const run = positionals[0] ?? ''
      const [history, mermaid, json] = [values['history'] === true, values['mermaid'] === true, values['json'] === true]
      if (mermaid && (history || json)) throw new UsageError('--mermaid goes with neither --history nor --json')
      const folder = folderOf(values)
      if (history) await writeHistory(folder, run, json, world, context)
      else {
        const shown = await shownOf(folder, run, mermaid, values, world, context)
        if (mermaid) stdout.write(pictureIn(shown, run, values))
        else if (json) stdout.write(jsonLine(shown.account))
        else stdout.write(accountText(shown.account, restOf(values), painter(stdout.colour)))
      }
      return exitCode.ok
    },
  }
}

async function shownOf(
  folder: string,
  run: string,
  mermaid: boolean,
  values: ParsedOptions,
  world: DoorWorld,
  { signal }: CommandContext,
): Promise<SagaShown> {
  const module = await moduleOf(values)
  const asked = module ? undefined : await askShown(folder, run, mermaid, { ...world, signal })
  if (asked) return asked
  await using data = await openData(folder, { access: 'read', clock: world.clock })
  const find = findAmong((module?.sagas ?? []).map(({ definition }) => definition))
  return await showRun(data.journal, run, find, mermaid)
}

function pictureIn({ account, picture }: SagaShown, run: string, values: ParsedOptions): string {
  if (picture !== undefined) return picture
  const mend = `colloquy saga show ${shellWord(run)} --mermaid${dataArgument(values)} --module FILE`
  throw new UsageError(
    account.guessed && values['module'] !== undefined
      ? `the picture needs the definition: ${account.guessed.message}`
      : `the picture needs the definition, and no process here has it; say ${mend} with the file that exports ${account.saga}`,
  )
}

async function writeHistory(
  folder: string,
  run: string,
  json: boolean,
  { clock }: DoorWorld,
  { stdout, signal }: CommandContext,
): Promise<void> {
  await using data = await openData(folder, { access: 'read', clock })
  const paint = painter(stdout.colour)
  let turns = 0
  for await (const turn of turnsOf(data.journal, run)) {
    turns++
    stdout.write(json ? jsonLine(turn) : turnLines(turn, paint))
    await stdout.room(signal)
    if (signal.aborted) throw new Aborted('the history', { cause: signal.reason })
  }
  if (turns === 0) throw new RunUnknown(run)
}
