/**
 * A command that stands for several, as `bus`, `log` and `raft` do: what it lists, and what it says where none of them is named, or one that
 * there is not. Each is loaded only when it is asked for.
 */
import { nearest } from '../base/nearest.ts'
import { UsageError, exitCode } from './command.ts'
import type { Command } from './command.ts'

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
