/**
 * `colloquy saga`: finds the subcommand and loads it alone. It does no work of its own; what an interrupt means, and a reader that goes away,
 * is said here for all of them.
 */
import type { Command } from './command.ts'
import { realDoorWorld } from './door-world.ts'
import type { DoorWorld } from './door-world.ts'
import { chosen, stoppedOrUnread, subcommandLines } from './subcommand.ts'
import type { Subcommand } from './subcommand.ts'

const subcommands = new Map<string, Subcommand<DoorWorld>>([
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
export function sagaCommand(args: readonly string[], world: DoorWorld = realDoorWorld): Promise<Command> {
  return chosen({ name: 'saga', help, subcommands }, args, world, stoppedOrUnread)
}
