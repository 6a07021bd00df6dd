/**
 * `colloquy sim`: runs a scenario in seeded worlds and says which seeds fail. It chooses seeds and faults; what happens in a
 * world is the file's. The faults of a failing seed are reduced to those it needs, so that what it prints is all that the
 * next run takes.
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Clock } from '../base/clock.ts'
import { ColloquyError, messageOf } from '../base/error.ts'
import { systemClock } from '../base/system-clock.ts'
import { WorldFailed, simulate } from '../sim/index.ts'
import type { Fault, Scenario, SimReport } from '../sim/index.ts'
import { isScenario } from '../sim/scenario.ts'
import { jsonLine } from './bus-show.ts'
import { UsageError, exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command, CommandContext, ExitCode, Output, ParsedOptions } from './command.ts'
import { counted } from './log-lines.ts'
import { shellWord } from './shell-word.ts'
import { painter, printable } from './terminal.ts'

const help = `colloquy sim <file> [options]

Runs the scenario that a file exports as its default (see colloquy/sim) in
seeded worlds, one after the other, until one fails.

Examples:
  colloquy sim cluster.ts --seed 7             # the world of one seed, again
  colloquy sim cluster.ts --seeds 1000
  colloquy sim cluster.ts --seed 7 --trace
  colloquy sim cluster.ts --seed 7 --faults '[{"atMs":900,"kind":"crash","node":"a"}]'
  colloquy sim cluster.ts --seeds 100 --json | jq 'select(.failed)'

Options:
  --seed SEED       the first seed, a whole number (default 1)
  --seeds COUNT     how many, one after the other (default 1)
  --faults FAULTS   in place of those drawn from the seed: JSON, or a file of it
  --keep-going      goes on after a seed that failed
  --reduce RUNS     runs to find which faults a failure needs (default 100; 0: none)
  --trace           every line of the trace on stdout
  --json            one object a seed, and a last one: summary

Exit codes: 0 all seeds passed, 1 a seed failed or the file cannot be run, 2 usage, 4 interrupted.
`

const options = {
  seed: { type: 'string' },
  seeds: { type: 'string' },
  faults: { type: 'string' },
  'keep-going': { type: 'boolean' },
  reduce: { type: 'string' },
  trace: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

/** The file exports no scenario, or cannot be loaded. */
export class ScenarioInvalid extends ColloquyError {
  override readonly code = 'cli.scenario_invalid'
}

interface Wanted {
  readonly file: string
  readonly scenario: Scenario
  readonly firstSeed: number
  readonly seeds: number
  readonly faults: readonly Fault[] | undefined
  /** As they were given: what is said to be run again has them too. */
  readonly faultsText: string | undefined
  readonly keepGoing: boolean
  readonly reduceRunsMax: number
  readonly trace: boolean
  readonly json: boolean
}

/** `clock`: the machine's, for how fast worlds run. */
export function simCommandIn({ clock }: { readonly clock: Clock }): Command {
  return {
    name: 'sim',
    help,
    async run(args, context) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<file>'] })
      const file = positionals[0] ?? ''
      const numbers = {
        firstSeed: wholeOption(values, 'seed', 1, Number.MIN_SAFE_INTEGER),
        seeds: wholeOption(values, 'seeds', 1, 1),
        reduceRunsMax: wholeOption(values, 'reduce', 100, 0, 100_000),
      }
      const last = numbers.firstSeed + (numbers.seeds - 1)
      if (!Number.isSafeInteger(last)) throw new UsageError(`--seeds must end at ${Number.MAX_SAFE_INTEGER} or before`)
      const faultsText = textOption(values, 'faults')
      const faults = await faultsOption(faultsText)
      const scenario = await loadScenario(file)
      const flags = {
        keepGoing: values['keep-going'] === true,
        trace: values['trace'] === true,
        json: values['json'] === true,
      }
      return new SeedRun({ file, scenario, faults, faultsText, ...numbers, ...flags }, clock, context).run()
    },
  }
}

export const simCommand: Command = simCommandIn({ clock: systemClock })

function wholeOption(
  values: ParsedOptions,
  name: string,
  usual: number,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  const text = textOption(values, name)
  if (text === undefined) return usual
  const number = /^-?\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(number) && number >= min && number <= max) return number
  throw new UsageError(`--${name} must be a whole number from ${min} to ${max}`)
}

async function faultsOption(given: string | undefined): Promise<readonly Fault[] | undefined> {
  if (given === undefined) return undefined
  const text = given.trimStart().startsWith('[') ? given : await readFile(given, 'utf8').catch(unreadable)
  try {
    // What it holds is checked where it is used, fault by fault.
    return JSON.parse(text) as readonly Fault[]
  } catch (cause) {
    throw new UsageError(`--faults is no JSON: ${messageOf(cause)}`, { cause })
  }
}

function unreadable(cause: unknown): never {
  throw new UsageError(`--faults is neither a list in JSON nor a file that can be read: ${messageOf(cause)}`, { cause })
}

async function loadScenario(file: string): Promise<Scenario> {
  let loaded: object
  try {
    loaded = (await import(pathToFileURL(resolve(file)).href)) as object
  } catch (cause) {
    throw new ScenarioInvalid(`${file} cannot be loaded`, { cause })
  }
  const found: unknown = Reflect.get(loaded, 'default')
  if (isScenario(found)) return found
  throw new ScenarioInvalid(`${file} must export a scenario as its default: export default scenario({ name, run })`)
}

/** One run of the command: seed after seed. */
class SeedRun {
  readonly #wanted: Wanted
  readonly #clock: Clock
  readonly #context: CommandContext
  readonly #out: Output
  readonly #counters = new Map<string, number>()
  readonly #failed: number[] = []
  #passed = 0
  #simulatedMs = 0
  #steps = 0

  constructor(wanted: Wanted, clock: Clock, context: CommandContext) {
    this.#wanted = wanted
    this.#clock = clock
    this.#context = context
    this.#out = context.stdout
  }

  async run(): Promise<ExitCode> {
    const { firstSeed, seeds, keepGoing } = this.#wanted
    const { signal } = this.#context
    const beganMs = this.#clock.monotonicMs()
    let interrupted = false
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      interrupted = signal.aborted || (await this.#one(seed)) === 'interrupted'
      if (interrupted || (this.#failed.length > 0 && !keepGoing)) break
      await this.#out.room(signal)
    }
    this.#summary((this.#clock.monotonicMs() - beganMs) / 1000, interrupted)
    if (this.#failed.length > 0) return exitCode.failure
    return interrupted ? exitCode.stopped : exitCode.ok
  }

  async #one(seed: number): Promise<'passed' | 'failed' | 'interrupted'> {
    const { scenario, faults, faultsText, reduceRunsMax, trace } = this.#wanted
    const replay = this.#again(seed, faultsText)
    try {
      const report = await simulate(
        {
          ...scenario.options,
          seed,
          replay,
          reduceRunsMax,
          signal: this.#context.signal,
          ...(faults !== undefined && { faults }),
          ...(trace && { trace: (line) => this.#line(seed, line) }),
        },
        scenario.run,
      )
      this.#passed++
      this.#add(report)
      this.#tell(report)
      return 'passed'
    } catch (error) {
      if (!(error instanceof WorldFailed)) throw error
      if (error.code === 'sim.interrupted') return 'interrupted'
      this.#failed.push(seed)
      this.#add(error.run)
      this.#tellFailure(seed, error)
      return 'failed'
    }
  }

  /** The command that runs a seed again, for a shell. */
  #again(seed: number, faults: string | undefined): string {
    const chosen = seed < 0 ? `--seed=${seed}` : `--seed ${seed}`
    return `colloquy sim ${shellWord(this.#wanted.file)} ${chosen}${faults === undefined ? '' : ` --faults ${shellWord(faults)}`}`
  }

  #add({ simulatedMs, steps, counters }: Pick<SimReport, 'simulatedMs' | 'steps' | 'counters'>): void {
    this.#simulatedMs += simulatedMs
    this.#steps += steps
    for (const [counter, times] of Object.entries(counters))
      this.#counters.set(counter, (this.#counters.get(counter) ?? 0) + times)
  }

  #line(seed: number, line: string): void {
    this.#out.write(this.#wanted.json ? jsonLine({ seed, line }) : `${printable(line)}\n`)
  }

  #tell({ seed, digest, simulatedMs, steps, counters, faults }: SimReport): void {
    if (this.#wanted.json)
      return this.#out.write(
        jsonLine({ seed, failed: false, digest, simulatedMs, steps, counters, faults: faults.length }),
      )
    const paint = painter(this.#out.colour)
    const facts = `${secondsText(simulatedMs)}  ${counted(steps, 'step')}  ${counted(faults.length, 'fault')}  ${digest.slice(0, 16)}`
    this.#out.write(`${paint('green', 'passed')}  seed ${seed}  ${facts}\n`)
  }

  #tellFailure(seed: number, error: WorldFailed): void {
    const { digest, simulatedMs, steps, counters, faults, reduced, replay } = error.run
    if (this.#wanted.json) {
      const facts = { digest, simulatedMs, steps, counters, faults, ...(reduced !== undefined && { reduced }), replay }
      return this.#out.write(jsonLine({ seed, failed: true, code: error.code, message: error.message, ...facts }))
    }
    const paint = painter(this.#out.colour)
    this.#out.write(
      `${paint('red', 'failed')}  seed ${seed}  ${digest.slice(0, 16)}  [${error.code}]\n${printableLines(error.message)}\n`,
    )
    if (reduced !== undefined && reduced.length < faults.length)
      this.#out.write(`  fewer: ${printable(this.#again(seed, JSON.stringify(reduced)))}\n`)
    const { cause } = error
    if (cause instanceof Error && cause.stack !== undefined) this.#out.write(`${printableLines(cause.stack)}\n`)
    return undefined
  }

  #summary(seconds: number, interrupted: boolean): void {
    const counters = Object.fromEntries([...this.#counters].toSorted(([one], [other]) => (one < other ? -1 : 1)))
    const simulatedMs = this.#simulatedMs
    const [passed, failed] = [this.#passed, this.#failed]
    if (this.#wanted.json) {
      const summary = {
        scenario: this.#wanted.scenario.name,
        passed,
        failed,
        interrupted,
        simulatedMs,
        steps: this.#steps,
        counters,
      }
      return this.#out.write(jsonLine({ summary }))
    }
    const told = Object.entries(counters).map(
      ([counter, times]) => `  ${printable(counter)} ${times.toLocaleString('en')}`,
    )
    const rate =
      seconds > 0 ? `, ${Math.round(simulatedMs / 1000 / seconds).toLocaleString('en')} simulated seconds a second` : ''
    const outcome = failed.length > 0 ? `; failed: ${failed.join(', ')}` : ''
    this.#context.stderr.write(
      `${printable(this.#wanted.scenario.name)}: ${passed} of ${passed + failed.length} seeds passed${outcome}${interrupted ? '; interrupted' : ''}\n` +
        `${secondsText(simulatedMs)} in ${counted(this.#steps, 'step')}${rate}\n${told.join('\n')}${told.length > 0 ? '\n' : ''}`,
    )
    return undefined
  }
}

function secondsText(ms: number): string {
  return `${(ms / 1000).toLocaleString('en', { maximumFractionDigits: 1 })} s simulated`
}

/** Line by line, each as far in as it was. */
function printableLines(text: string): string {
  return text
    .split('\n')
    .map((line) => `${/^ */.exec(line)?.[0] ?? ''}${printable(line).trimStart()}`)
    .join('\n')
}
