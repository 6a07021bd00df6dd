/**
 * A command that stands for several, as `bus`, `log`, `raft` and `saga` do: what it lists, and what it says where none of them is named, one that
 * there is not, or one that was stopped. Each is loaded only when it is asked for.
 */
import { Aborted } from '../base/error.ts'
import { nearest } from '../base/nearest.ts'
import { UsageError, exitCode } from './command.ts'
import type { Command, CommandContext, ExitCode } from './command.ts'

export interface Subcommand<World> {
  readonly summary: string
  readonly load: (world: World) => Promise<Command>
}

/** For the help: a line for each, its name and what it does. */
export function subcommandLines(subcommands: ReadonlyMap<string, Subcommand<never>>): string {
  return [...subcommands].map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`).join('\n')
}

/** Prints the help; where nothing was named at all that is an error of usage. */
export function overview(name: string, help: string, missing: boolean): Command {
  return {
    name,
    help,
    async run(_args, { stdout, stderr }) {
      ;(missing ? stderr : stdout).write(help)
      return missing ? exitCode.usage : exitCode.ok
    },
  }
}

/** For a name that is none of the command's, with the nearest that is. */
export function noSubcommand(name: string, command: string, names: Iterable<string>): UsageError {
  const meant = nearest(name, names)
  const mend = meant === undefined ? '' : `; did you mean ${meant}?`
  return new UsageError(`there is no command ${JSON.stringify(name)} of ${command}${mend}`)
}

export interface Several<World> {
  /** What they stand under: `raft`. */
  readonly name: string
  readonly help: string
  readonly subcommands: ReadonlyMap<string, Subcommand<World>>
}

/** What a command that failed gives, or throws. */
export type Failed = (name: string, error: unknown, context: CommandContext) => ExitCode

/** The command that the arguments name; for none, or an unknown one, a command that says so. */
export async function chosen<World>(
  { name, help, subcommands }: Several<World>,
  [wanted, ...rest]: readonly string[],
  world: World,
  failed: Failed = stopped,
): Promise<Command> {
  if (wanted === undefined || wanted === '--help' || wanted === '-h') return overview(name, help, wanted === undefined)
  const found = subcommands.get(wanted)
  if (found) return guarded(await found.load(world), rest, failed)
  return refusing(name, help, noSubcommand(wanted.slice(0, 40), name, subcommands.keys()))
}

export function refusing(name: string, help: string, refusal: UsageError): Command {
  return { name, help, run: () => Promise.reject(refusal) }
}

/** The command with these arguments; an interrupt is no error of it. */
export function guarded(command: Command, args: readonly string[], failed: Failed): Command {
  return {
    name: command.name,
    help: command.help,
    async run(_args, context) {
      try {
        return await command.run(args, context)
      } catch (error) {
        return failed(command.name, error, context)
      }
    },
  }
}

/** Says that it was stopped, if it was; what is no interrupt is thrown. */
export function stopped(name: string, error: unknown, { signal, stderr }: CommandContext): ExitCode {
  if (!signal.aborted || !(error instanceof Aborted)) throw error
  stderr.write(`colloquy ${name}: stopped\n`)
  return exitCode.stopped
}

/** As `stopped`; but whoever went away with what it had, as head does, has all it wanted. */
export function stoppedOrUnread(name: string, error: unknown, context: CommandContext): ExitCode {
  if (error instanceof Aborted && context.signal.aborted && nobodyReads(context.signal)) return exitCode.ok
  return stopped(name, error, context)
}

export function nobodyReads({ reason }: AbortSignal): boolean {
  return reason instanceof Error && 'code' in reason && reason.code === 'EPIPE'
}
