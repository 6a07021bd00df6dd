/**
 * `colloquy saga`: finds the subcommand and loads it alone. It does no work of its own; what an interrupt means, and a reader that goes away,
 * is said here for all of them.
 */
import { Aborted } from '../base/error.ts'
import { exitCode } from './command.ts'
import type { Command } from './command.ts'
import { realSagaWorld } from './saga-world.ts'
import type { SagaWorld } from './saga-world.ts'
import { noSubcommand, overview, subcommandLines } from './subcommand.ts'
import type { Subcommand } from './subcommand.ts'

const subcommands = new Map<string, Subcommand<SagaWorld>>([
  [
    'ls',
    {
      summary: 'list the runs of a data folder',
      load: async (world) => (await import('./saga-ls.ts')).lsCommand(world),
    },
  ],
  [
    'show',
    {
      summary: 'show a run: its steps, why it stands, what may be said to it',
      load: async (world) => (await import('./saga-show.ts')).showCommand(world),
    },
  ],
  [
    'cancel',
    {
      summary: 'have a run go back, or stop where it is',
      load: async (world) => (await import('./saga-cancel.ts')).cancelCommand(world),
    },
  ],
  [
    'resolve',
    {
      summary: 'decide on a step that a run rests for',
      load: async (world) => (await import('./saga-resolve.ts')).resolveCommand(world),
    },
  ],
  [
    'signal',
    {
      summary: 'send a run a signal that it waits for',
      load: async (world) => (await import('./saga-signal.ts')).signalCommand(world),
    },
  ],
  [
    'run',
    {
      summary: 'run a saga of a module here, to its end',
      load: async (world) => (await import('./saga-run.ts')).runCommand(world),
    },
  ],
])

const help = `colloquy saga <command> [options]

Runs sagas, shows their runs, and decides where one rests for an operator. What
only looks works beside the process that runs them; what changes a run is said
to that process through its data folder, or, where none runs, is done here with
--module.

Examples:
  colloquy saga run ./trip.ts --input '{"traveller":"ada"}' --id trip-7 --data ./data
  colloquy saga ls --data ./data --status needs-attention
  colloquy saga show trip-7 --history
  colloquy saga signal trip-7 approve '{"approved":true}'
  colloquy saga cancel trip-7 --reason 'the traveller is ill'
  colloquy saga resolve trip-7 charge retry

Commands:
${subcommandLines(subcommands)}

colloquy saga <command> --help says more.
`

/** The command that the arguments name; for none a command that says what there is. */
export async function sagaCommand(args: readonly string[], world: SagaWorld = realSagaWorld): Promise<Command> {
  const [name, ...rest] = args
  if (name === undefined || name === '--help' || name === '-h') return overview('saga', help, name === undefined)
  const found = subcommands.get(name)
  if (found === undefined) {
    const refusal = noSubcommand(name.slice(0, 40), 'saga', subcommands.keys())
    return { name: 'saga', help, run: () => Promise.reject(refusal) }
  }
  const command = await found.load(world)
  return {
    name: command.name,
    help: command.help,
    async run(_args, context) {
      try {
        return await command.run(rest, context)
      } catch (error) {
        if (!context.signal.aborted || !(error instanceof Aborted)) throw error
        // Whoever went away with what it had, as head does, has all it wanted.
        if (nobodyReads(context.signal)) return exitCode.ok
        context.stderr.write(`colloquy ${command.name}: stopped\n`)
        return exitCode.stopped
      }
    },
  }
}

function nobodyReads({ reason }: AbortSignal): boolean {
  return reason instanceof Error && 'code' in reason && reason.code === 'EPIPE'
}
