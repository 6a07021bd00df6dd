/**
 * How a word of an operator reaches a run: said to the process that works on it, or, where none does and a module is named, said and carried out
 * here until the run has come to a stand. The commands cancel, resolve and signal differ in the word alone.
 */
import { Aborted, codeOf } from '../base/error.ts'
import type { SagaWord } from '../node/saga-word.ts'
import { sayTo } from '../node/saga-word.ts'
import { askSaid, notRunning } from '../node/saga-door-client.ts'
import { openSagas } from '../node/saga-folder.ts'
import type { OpenedSagas } from '../node/saga-folder.ts'
import { findAmong } from '../node/saga-shown.ts'
import type { RunAccount } from '../workflow/account.ts'
import type { AnySaga } from '../workflow/saga.ts'
import { untilStill } from '../workflow/still.ts'
import { jsonLine } from './bus-show.ts'
import { exitCode } from './command.ts'
import type { CommandContext, ExitCode, ParsedOptions } from './command.ts'
import { restOf, dataOption, folderOf, moduleOf, moduleOption } from './saga-arguments.ts'
import { timeoutOf, timeoutOption } from './raft-arguments.ts'
import { accountText } from './saga-lines.ts'
import type { DoorWorld } from './door-world.ts'
import { oneLine } from './log-lines.ts'
import { painter } from './terminal.ts'

export const sayOptions: typeof dataOption &
  typeof moduleOption &
  typeof timeoutOption & { readonly json: { readonly type: 'boolean' } } = {
  ...dataOption,
  ...moduleOption,
  ...timeoutOption,
  json: { type: 'boolean' },
}

export const sayHelp = `  --data DIR       the data folder (default: ./data)
  --module FILE    where no process runs the saga: exports it, and the run is
                   worked on here until it ends, rests or waits; it is code
  --timeout TIME   how long the process may take, as in 30s (default: 30s)
  --json           one object: the run and its steps, as it stands then
`

export const sayExits = `Exit codes: 0 said and recorded, 1 failure or refused, 2 usage, 4 interrupted: look
with colloquy saga show whether it was recorded.
`

/** `done`: what is told once it was said. */
export async function say(
  { run, word, done }: { readonly run: string; readonly word: SagaWord; readonly done: string },
  values: ParsedOptions,
  world: DoorWorld,
  context: CommandContext,
): Promise<ExitCode> {
  const { stdout, stderr, signal } = context
  const timeoutMs = timeoutOf(values)
  const folder = folderOf(values)
  const module = await moduleOf(values)
  const asked = await askSaid(folder, run, word, timeoutMs, { ...world, signal })
  let account: RunAccount
  if ('account' in asked) {
    stderr.write(`${oneLine(done)}\n`)
    account = asked.account
  } else if (module) account = await sayHere(folder, run, word, module.sagas, done, world, context)
  else throw notRunning(folder, asked)
  if (values['json'] === true) stdout.write(jsonLine(account))
  else stdout.write(accountText(account, restOf(values), painter(stdout.colour)))
  return exitCode.ok
}

async function sayHere(
  folder: string,
  run: string,
  word: SagaWord,
  sagas: readonly AnySaga[],
  done: string,
  world: DoorWorld,
  { stderr, signal }: CommandContext,
): Promise<RunAccount> {
  await using opened = await openSagas({ ...world, data: folder, sagas, place: run })
  await sayTo(opened.workflow, run, word)
  stderr.write(`${oneLine(done)}; no process runs it, so it is worked on here\n`)
  const find = findAmong(sagas.map(({ definition }) => definition))
  try {
    const account = await untilStill(opened.journal, await takeUpParents(opened, run), find, signal)
    return account.run === run ? account : await untilStill(opened.journal, run, find, signal)
  } catch (error) {
    if (signal.aborted && error instanceof Aborted)
      stderr.write('it was recorded; steps under way get 10 s to end, and the run goes on when it is worked on again\n')
    throw error
  }
}

/** A run that is a child is worked on with its parents, which wait for it; gives the topmost that can be worked on. */
async function takeUpParents({ workflow }: OpenedSagas, run: string): Promise<string> {
  let top = run
  for (;;) {
    const { parent } = await (await workflow.run(top)).view()
    if (parent === undefined) return top
    try {
      await (await workflow.run(parent)).takeUp()
    } catch (error) {
      // Its saga is not in the module, or it is over: the child was worked on all the same.
      if (codeOf(error).startsWith('workflow.')) return top
      throw error
    }
    top = parent
  }
}
