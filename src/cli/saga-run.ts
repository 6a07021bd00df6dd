/**
 * `colloquy saga run`: starts a saga of a module, or goes on with a run of it, and works on it here to its end. Unlike a node it works on this
 * run alone. The first interrupt lets steps under way end and says how to go on; the second ends the process.
 */
import { Closed, TimedOut } from '../base/error.ts'
import { idSource } from '../base/id.ts'
import { randomFrom } from '../base/entropy.ts'
import { start } from '../journal/journal.ts'
import type { Filter, Journal, Position, Recorded } from '../journal/journal.ts'
import { openSagas } from '../node/saga-folder.ts'
import type { OpenedSagas } from '../node/saga-folder.ts'
import { findAmong, showRun } from '../node/saga-shown.ts'
import { runStream, runStreams } from '../workflow/event.ts'
import type { TakenData } from '../workflow/event.ts'
import { readHistory } from '../workflow/history.ts'
import { turnOf } from '../workflow/history-text.ts'
import type { Run, RunResult } from '../workflow/workflow.ts'
import { jsonLine } from './bus-show.ts'
import { UsageError, exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command, CommandContext, ExitCode, ParsedOptions } from './command.ts'
import { oneLine } from './log-lines.ts'
import { dataArgument, dataOption, jsonOf, loadSagas, sagaOf } from './saga-arguments.ts'
import { shellWord } from './shell-word.ts'
import type { SagaModule } from './saga-arguments.ts'
import { accountText, turnLines } from './saga-lines.ts'
import type { DoorWorld } from './door-world.ts'
import { painter } from './terminal.ts'

const help = `colloquy saga run <module> [options]

Starts a saga that a module exports and works on it here, to its end; each step
is told as it goes. With --id and --data it can be interrupted, or killed, and
the same again goes on; meanwhile colloquy saga show, signal, cancel and resolve
reach it through the folder. The module is code and is run.

Examples:
  colloquy saga run ./trip.ts --input '{"traveller":"ada"}'
  colloquy saga run ./trip.ts --input @trip.json --id trip-7 --data ./data
  colloquy saga run ./trip.ts --id trip-7 --data ./data      # goes on
  colloquy saga run ./trip.ts --saga refund --input 7 --json | jq .result

Options:
  --saga NAME    which, where the module exports several (default: its default
                 export)
  --input JSON   the input, or @file; a run that goes on has its own
  --id ID        the same id is the same run (default: a new one)
  --data DIR     keep the run in this folder (default: in memory, gone at the end)
  --json         one object a turn, and a last one: result

Exit codes: 0 completed, 5 compensated: all that could be undone is, 6 rests for
an operator, 4 interrupted, 2 usage, 1 failure.
`

const options = {
  ...dataOption,
  saga: { type: 'string' },
  input: { type: 'string' },
  id: { type: 'string' },
  json: { type: 'boolean' },
} as const

export function runCommand(world: DoorWorld): Command {
  return {
    name: 'saga run',
    help,
    async run(args, context) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<module>'] })
      const input = textOption(values, 'input')
      const given = input === undefined ? undefined : { input: await jsonOf(input, '--input') }
      const module = await loadSagas(positionals[0] ?? '', 'the module')
      const id = textOption(values, 'id') ?? idSource(world.clock, randomFrom(world.entropy))()
      const data = textOption(values, 'data')
      const asked: Wanted = { module, id, values, given }
      const { sagas } = module
      await using opened = await openSagas({
        ...world,
        sagas,
        place: id,
        access: 'make',
        ...(data !== undefined && { data }),
      })
      return await new Showing(asked, opened, context).run()
    },
  }
}

interface Wanted {
  readonly module: SagaModule
  readonly id: string
  readonly values: ParsedOptions
  readonly given: { readonly input: unknown } | undefined
}

class Showing {
  readonly #wanted: Wanted
  readonly #opened: OpenedSagas
  readonly #context: CommandContext
  readonly #json: boolean
  /** It was begun in an earlier life, or by another process. */
  #existed = false
  /** All turns up to here were told. */
  #shown: Position = start

  constructor(wanted: Wanted, opened: OpenedSagas, context: CommandContext) {
    this.#wanted = wanted
    this.#opened = opened
    this.#context = context
    this.#json = wanted.values['json'] === true
  }

  async run(): Promise<ExitCode> {
    const { journal, workflow } = this.#opened
    const { stderr, signal } = this.#context
    const { id, values } = this.#wanted
    if (values['data'] === undefined) stderr.write('Nothing is kept after this run; --data DIR keeps it.\n')
    const following = new AbortController()
    const head = await journal.head()
    const run = await this.#begin()
    // What an earlier life of this command left was taken up when the folder was opened.
    const taken = this.#existed ? await beforeTaken(journal, id, workflow.status().worker) : undefined
    const ended = this.#existed && taken === undefined ? await resultNow(run) : undefined
    if (ended) return this.#tell(ended)
    this.#shown = taken ?? head
    const shown = this.#follow(journal, following.signal)
    // What it fails with is heard where it is awaited.
    shown.catch(() => {})
    try {
      // What another process left is not taken up by itself before its lease is over.
      if (this.#existed && taken === undefined) await run.takeUp()
      const result = await run.result({ signal })
      following.abort()
      await shown
      await this.#showRest(journal)
      return await this.#tell(result)
    } catch (error) {
      if (!signal.aborted) throw error
      following.abort()
      stderr.write(`stopping: steps under way get 10 s to end; interrupt again to end at once\n`)
      await this.#opened.close()
      stderr.write(
        values['data'] === undefined
          ? `${oneLine(id)} is gone: nothing was kept\n`
          : `${oneLine(id)} is kept as far as it came; it goes on with:\n  ${this.#again()}\n`,
      )
      return exitCode.stopped
    } finally {
      following.abort()
    }
  }

  async #begin(): Promise<Run> {
    const { journal, workflow } = this.#opened
    const { module, id, values, given } = this.#wanted
    const saga = textOption(values, 'saga')
    const history = await readHistory(journal, id)
    this.#existed = history !== undefined
    if (!history) {
      const { name } = sagaOf(module, saga).definition
      this.#context.stderr.write(`${oneLine(id)} is a run of ${name}\n`)
      return workflow.startByName(name, given?.input, { id })
    }
    this.#context.stderr.write(`going on with ${oneLine(id)}, a run of ${oneLine(history.data.saga)}\n`)
    if (saga !== undefined && saga !== history.data.saga)
      throw new UsageError(`${id} is a run of ${history.data.saga}; leave out --saga, or take another --id`)
    // Refuses another input than it began with.
    return given ? workflow.startByName(history.data.saga, given.input, { id }) : workflow.run(id)
  }

  get #filter(): Filter {
    const stream = runStream(this.#wanted.id)
    return { streams: [stream, `${stream}/*`] }
  }

  /** Tells each turn of the run and of its children as it comes. */
  async #follow(journal: Journal, signal: AbortSignal): Promise<void> {
    for await (const recorded of journal.subscribe({ from: this.#shown, filter: this.#filter, signal })) {
      this.#show(recorded)
      await this.#context.stdout.room(signal)
    }
    if (!signal.aborted) throw new Closed('the journal')
  }

  /** What was recorded by the time of the result and is not told yet. */
  async #showRest(journal: Journal): Promise<void> {
    for await (const recorded of journal.readAll({ from: this.#shown, filter: this.#filter })) this.#show(recorded)
  }

  #show(recorded: Recorded): void {
    const { stdout } = this.#context
    const name = recorded.stream.slice(runStreams.length)
    const turn = turnOf(name, recorded)
    const of = name === this.#wanted.id ? undefined : name
    stdout.write(this.#json ? jsonLine(turn) : turnLines(turn, painter(stdout.colour), of))
    this.#shown = recorded.position
  }

  async #tell(result: RunResult): Promise<ExitCode> {
    const { stdout } = this.#context
    if (this.#json) stdout.write(jsonLine({ result }))
    else {
      const { module, id, values } = this.#wanted
      const find = findAmong(module.sagas.map(({ definition }) => definition))
      const { account } = await showRun(this.#opened.journal, id, find, false)
      const rest = values['data'] === undefined ? '' : `${dataArgument(values)} --module ${shellWord(module.file)}`
      stdout.write(`\n${accountText(account, rest, painter(stdout.colour))}`)
    }
    return codes[result.status]
  }

  /** The command that goes on, for a shell. */
  #again(): string {
    const { module, id, values } = this.#wanted
    return `colloquy saga run ${shellWord(module.file)} --id ${shellWord(id)} --data ${shellWord(textOption(values, 'data') ?? '')}`
  }
}

const codes = {
  completed: exitCode.ok,
  compensated: exitCode.compensated,
  'needs-attention': exitCode.attention,
} as const satisfies Readonly<Record<RunResult['status'], ExitCode>>

/** The place before this worker took the run up; undefined when it did not. */
async function beforeTaken(journal: Journal, run: string, worker: string): Promise<Position | undefined> {
  let taken = false
  for await (const { event, position } of journal.readBackward(runStream(run))) {
    if (taken) return position
    taken = event.type === 'saga.taken' && (event.data as TakenData).worker === worker
  }
  return undefined
}

/** Undefined while it goes on. */
async function resultNow(run: Run): Promise<RunResult | undefined> {
  try {
    return await run.result({ timeoutMs: 0 })
  } catch (error) {
    if (error instanceof TimedOut) return undefined
    throw error
  }
}
