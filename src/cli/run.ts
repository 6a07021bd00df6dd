/**
 * Dispatch: finds the command, gives it streams and an interrupt, and turns its errors into a message and an exit code.
 * Data goes to stdout, talk to stderr; an error says its code, its cause and the mend.
 */
import { once } from 'node:events'
import { Aborted, ColloquyError, messageOf } from '../base/error.ts'
import { nearest } from '../base/nearest.ts'
import { packageVersion } from '../base/package-version.ts'
import { UsageError, exitCode } from './command.ts'
import type { Command, CommandContext, ExitCode, Output } from './command.ts'
import { colourWanted } from './terminal.ts'

interface Entry {
  readonly name: string
  readonly summary: string
  /** Commands are loaded one at a time: who asks for a version need not wait for a database. The arguments choose below it. */
  readonly load: (args: readonly string[]) => Promise<Command>
}

const commands: readonly Entry[] = [
  {
    name: 'convene',
    summary: 'discuss a question over documents, vote, record the decision',
    load: async () => (await import('./convene.ts')).conveneCommand,
  },
  {
    name: 'poll',
    summary: 'count a file of ballots by a named rule, and check the record of a sealed poll',
    load: async () => (await import('./poll.ts')).pollCommand,
  },
  {
    name: 'debate',
    summary: 'hold the debate of an agenda over its documents, to a verdict',
    load: async () => (await import('./debate.ts')).debateCommand,
  },
  {
    name: 'replay',
    summary: 'print a finished convening from its journal',
    load: async () => (await import('./replay.ts')).replayCommand,
  },
  {
    name: 'verify',
    summary: 'check a transcript: unchanged, quotes, ballots, tally',
    load: async () => (await import('./verify.ts')).verifyCommand,
  },
  {
    name: 'log',
    summary: 'show, export, verify, archive and back up the events of a data folder',
    load: async (args) => (await import('./log.ts')).logCommand(args),
  },
  {
    name: 'bus',
    summary: 'serve, publish, subscribe, ask and measure over NATS subjects',
    load: async (args) => (await import('./bus.ts')).busCommand(args),
  },
  {
    name: 'raft',
    summary: 'show and operate raft groups: status, members, backup, recovery',
    load: async (args) => (await import('./raft.ts')).raftCommand(args),
  },
  {
    name: 'saga',
    summary: 'run sagas, show their runs, and decide where one rests for an operator',
    load: async (args) => (await import('./saga.ts')).sagaCommand(args),
  },
  {
    name: 'top',
    summary: 'show the actors of running nodes, live',
    load: async () => (await import('./top.ts')).topCommand,
  },
  {
    name: 'sim',
    summary: 'run a scenario in seeded worlds, with faults, and say which seeds fail',
    load: async () => (await import('./sim.ts')).simCommand,
  },
]

/** Runs one command line; the exit code is 0 done, 1 failure, 2 usage, 3 tied or without quorum, 4 stopped, 5 undone, 6 waits for an operator. */
export async function main(args: readonly string[]): Promise<ExitCode> {
  const interrupt = new AbortController()
  const stdout = output(process.stdout, (error) => closed(error, interrupt))
  // Whoever does not hear the talk may still want the data.
  const stderr = output(process.stderr, () => {})
  const [name, ...rest] = args
  if (name === '--version' || name === '-V') return print(stdout, `${packageVersion()}\n`)
  if (name === undefined || name === 'help' || name === '--help' || name === '-h')
    return help(rest, name === undefined ? stderr : stdout, name === undefined ? exitCode.usage : exitCode.ok)
  const command = await commands.find((each) => each.name === name)?.load(rest)
  if (!command) {
    const meant = nearest(
      name,
      commands.map((each) => each.name),
    )
    stderr.write(`colloquy: there is no command ${JSON.stringify(name)}${meant ? `; did you mean ${meant}?` : ''}\n\n`)
    return help([], stderr, exitCode.usage)
  }
  if (asksForHelp(rest)) return print(stdout, command.help)
  const code = await runCommand(command, rest, { stdout, stderr, interrupt })
  return unwritable ? exitCode.failure : code
}

async function runCommand(
  command: Command,
  args: readonly string[],
  { interrupt, ...streams }: Pick<CommandContext, 'stdout' | 'stderr'> & { readonly interrupt: AbortController },
): Promise<ExitCode> {
  const onSignal = (signal: NodeJS.Signals) => {
    // The first asks to stop; whoever insists is obeyed at once, and the journal holds what was recorded.
    if (interrupt.signal.aborted) process.exit(130)
    interrupt.abort(signal)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  try {
    return await command.run(args, { ...streams, signal: interrupt.signal })
  } catch (error) {
    if (interrupt.signal.aborted && error instanceof Aborted) {
      streams.stderr.write(`colloquy ${command.name}: stopped before anything was recorded\n`)
      return exitCode.stopped
    }
    return report(command, error, streams.stderr)
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
}

/** Data could not be written, for another reason than that nobody reads it. */
let unwritable = false

/** Nobody reads on (`| head`), or the disk is full: what runs is stopped as by an interrupt, and recorded as that. */
function closed(error: NodeJS.ErrnoException, interrupt: AbortController): void {
  if (error.code !== 'EPIPE' && !unwritable) {
    unwritable = true
    process.stderr.write(`colloquy: stdout cannot be written: ${error.message}\n`)
    // A stream tells of its error late: what was written last may fail after the command has ended.
    process.exitCode = exitCode.failure
  }
  interrupt.abort(error)
}

function report(command: Command, error: unknown, stderr: Output): ExitCode {
  const code = error instanceof ColloquyError ? ` [${error.code}]` : ''
  stderr.write(`colloquy ${command.name}: ${messageOf(error)}${code}\n`)
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof Error && !messageOf(error).includes(cause.message)) stderr.write(`  because: ${cause.message}\n`)
  const usage = error instanceof UsageError || isUsage(error)
  if (error instanceof UsageError) stderr.write(`  see: colloquy ${command.name} --help\n`)
  if (!(error instanceof ColloquyError) && error instanceof Error) stderr.write(`${error.stack ?? ''}\n`)
  return usage ? exitCode.usage : exitCode.failure
}

/** What the user wrote (agenda, evidence, options) is wrong, rather than what happened. */
function isUsage(error: unknown): boolean {
  return error instanceof ColloquyError && usageCodes.has(error.code)
}

const usageCodes: ReadonlySet<string> = new Set([
  'convene.action_module_unusable',
  'convene.action_unknown',
  'convene.agenda_invalid',
  'convene.agenda_unreadable',
  'convene.evidence_invalid',
  'model.insecure_url',
  'model.key_missing',
  'node.unknown_model',
  'node.unknown_scheme',
  'vote.unknown_rule',
  'base.invalid_argument',
  'bus.invalid_header',
  'bus.invalid_subject',
  'cli.users_invalid',
  'journal.invalid_position',
  'node.context_unknown',
  'node.credentials_in_url',
])

/** What stands after `--` is data, whatever it looks like. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return (end === -1 ? args : args.slice(0, end)).some((each) => each === '--help' || each === '-h')
}

async function help([name, ...rest]: readonly string[], to: Output, code: ExitCode): Promise<ExitCode> {
  const command = await commands.find((each) => each.name === name)?.load(rest)
  if (command) to.write(command.help)
  else {
    const list = commands.map((each) => `  ${each.name.padEnd(10)} ${each.summary}`).join('\n')
    to.write(
      `colloquy: agents that talk, agree and act together\n\nTry:\n  colloquy convene agenda.yaml\n\nCommands:\n${list}\n\n` +
        `colloquy <command> --help says more; colloquy --version says which version this is.\n`,
    )
  }
  return code
}

function print(to: Output, text: string): ExitCode {
  to.write(text)
  return exitCode.ok
}

function output(stream: NodeJS.WriteStream, onError: (error: NodeJS.ErrnoException) => void): Output {
  let broken = false
  stream.on('error', (error: NodeJS.ErrnoException) => {
    broken = true
    onError(error)
  })
  return {
    isTTY: stream.isTTY,
    get columns() {
      return stream.columns ?? 100
    },
    colour: colourWanted(stream),
    write: (text) => {
      if (!broken) stream.write(text)
    },
    room(signal) {
      if (broken || !stream.writableNeedDrain) return undefined
      const goOn = () => {}
      return once(stream, 'drain', { signal }).then(goOn, goOn)
    },
  }
}
