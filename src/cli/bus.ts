/**
 * `colloquy bus`: finds the subcommand and loads it alone. It does no work of its own; what an interrupt means where nothing
 * was recorded is said here for all of them.
 */
import { inOptions } from './bus-words.ts'
import { realWorld } from './bus-world.ts'
import type { BusWorld } from './bus-world.ts'
import type { Command, CommandContext, ExitCode } from './command.ts'
import { chosen, stopped, subcommandLines } from './subcommand.ts'
import type { Subcommand } from './subcommand.ts'

const subcommands = new Map<string, Subcommand<BusWorld>>([
  [
    'serve',
    {
      summary: 'listen for NATS clients, with no server installed',
      load: async (world) => (await import('./bus-serve.ts')).serveCommand(world),
    },
  ],
  ['pub', { summary: 'publish', load: async (world) => (await import('./bus-pub.ts')).pubCommand(world) }],
  [
    'sub',
    {
      summary: 'subscribe, and print what comes',
      load: async (world) => (await import('./bus-sub.ts')).subCommand(world),
    },
  ],
  [
    'req',
    { summary: 'ask, and print the answers', load: async (world) => (await import('./bus-req.ts')).reqCommand(world) },
  ],
  [
    'reply',
    {
      summary: 'answer requests',
      load: async (world) => (await import('./bus-reply.ts')).replyCommand(world),
    },
  ],
  [
    'rtt',
    {
      summary: 'measure the way to the server and back',
      load: async (world) => (await import('./bus-rtt.ts')).rttCommand(world),
    },
  ],
  [
    'bench',
    {
      summary: 'measure throughput and latency',
      load: async (world) => (await import('./bus-bench.ts')).benchCommand(world),
    },
  ],
  [
    'acl',
    {
      summary: 'print the permissions that agents need',
      load: async () => (await import('./bus-acl.ts')).aclCommand,
    },
  ],
  [
    'context',
    {
      summary: 'keep servers and credentials under a name',
      load: async (world) => (await import('./bus-context.ts')).contextCommand(world),
    },
  ],
])

const help = `colloquy bus <command> [options]

Real-time messages over NATS subjects, on a server of yours or on one of ours.

Examples:
  colloquy bus serve
  colloquy bus sub 'orders.>'
  colloquy bus pub orders.new '{"id":1}'
  colloquy bus reply time.now "$(date)"
  colloquy bus req time.now --timeout 2s

Commands:
${subcommandLines(subcommands)}

colloquy bus <command> --help says more.
`

/** The command that the arguments name; for none, or an unknown one, a command that says so. */
export function busCommand(args: readonly string[], world: BusWorld = realWorld): Promise<Command> {
  return chosen({ name: 'bus', help, subcommands }, args, world, failed)
}

function failed(name: string, error: unknown, context: CommandContext): ExitCode {
  try {
    return stopped(name, error, context)
  } catch (thrown) {
    throw inOptions(thrown)
  }
}
