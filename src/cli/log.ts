/**
 * `colloquy log`: finds the subcommand and loads it alone; a data folder in its place means `show`. It does no work of its
 * own; what an interrupt means, and a reader that goes away, is said here for all of them.
 */
import { existsSync } from 'node:fs'
import { nearest } from '../base/nearest.ts'
import { exitCode } from './command.ts'
import type { Command, CommandContext, ExitCode, UsageError } from './command.ts'
import { realLogWorld } from './log-world.ts'
import type { LogWorld } from './log-world.ts'
import {
  guarded,
  nobodyReads,
  noSubcommand,
  overview,
  refusing,
  stoppedOrUnread,
  subcommandLines,
} from './subcommand.ts'
import type { Subcommand } from './subcommand.ts'

const show: Subcommand<LogWorld> = {
  summary: 'list and filter events',
  load: async (world) => (await import('./log-show.ts')).showCommand(world),
}

const subcommands = new Map<string, Subcommand<LogWorld>>([
  ['ls', { summary: 'list the streams', load: async (world) => (await import('./log-ls.ts')).lsCommand(world) }],
  ['show', show],
  [
    'tail',
    {
      summary: 'show the last events, and follow',
      load: async (world) => (await import('./log-tail.ts')).tailCommand(world),
    },
  ],
  [
    'tree',
    {
      summary: 'draw what caused what in one conversation',
      load: async (world) => (await import('./log-tree.ts')).treeCommand(world),
    },
  ],
  [
    'export',
    {
      summary: 'write events as CloudEvents',
      load: async (world) => (await import('./log-export.ts')).exportCommand(world),
    },
  ],
  [
    'import',
    {
      summary: 'take exported events, or CloudEvents of others',
      load: async (world) => (await import('./log-import.ts')).importCommand(world),
    },
  ],
  [
    'verify',
    {
      summary: 'find what is damaged or missing',
      load: async (world) => (await import('./log-verify.ts')).verifyCommand(world),
    },
  ],
  [
    'rebuild',
    {
      summary: 'fold projections anew',
      load: async (world) => (await import('./log-rebuild.ts')).rebuildCommand(world),
    },
  ],
  [
    'archive',
    {
      summary: 'write old events away and erase them',
      load: async (world) => (await import('./log-archive.ts')).archiveCommand(world),
    },
  ],
  [
    'restore',
    {
      summary: 'bring archived events back',
      load: async (world) => (await import('./log-restore.ts')).restoreCommand(world),
    },
  ],
  [
    'backup',
    {
      summary: 'copy a data folder while it is written',
      load: async (world) => (await import('./log-backup.ts')).backupCommand(world),
    },
  ],
])

const help = `colloquy log <command> <data> [options]

Shows and keeps the events of a data folder; what only looks works beside the
process that writes.

Examples:
  colloquy log ls ./data
  colloquy log ./data --type colloquy.convene.ballot
  colloquy log tail ./data --follow
  colloquy log verify ./data
  colloquy log backup ./data ./copy

Commands:
${subcommandLines(subcommands)}

colloquy log <data> is colloquy log show <data>; colloquy log <command> --help
says more.
`

/** The command that the arguments name; for none a command that says what there is. */
export async function logCommand(args: readonly string[], world: LogWorld = realLogWorld): Promise<Command> {
  const [name, ...rest] = args
  if (name === undefined || name === '--help' || name === '-h') return overview('log', help, name === undefined)
  const found = subcommands.get(name)
  const refusal = found ? undefined : refusalOf(name, rest)
  if (refusal) return refusing('log', help, refusal)
  const command = await (found ?? show).load(world)
  return guarded(
    { ...command, run: (given, context) => unread(command, given, context) },
    found ? rest : args,
    stoppedOrUnread,
  )
}

/** Some end by themselves when they are stopped: whoever went away with what it had, as head does, has all it wanted. */
async function unread(command: Command, args: readonly string[], context: CommandContext): Promise<ExitCode> {
  const code = await command.run(args, context)
  return code === exitCode.stopped && nobodyReads(context.signal) ? exitCode.ok : code
}

/** A word that is neither a command nor a folder, and not meant as one. */
function refusalOf(name: string, rest: readonly string[]): UsageError | undefined {
  if (/[-/\\.:]/.test(name) || existsSync(name)) return undefined
  const meant = nearest(name, subcommands.keys())
  if (meant === undefined && (rest[0] === undefined || rest[0].startsWith('-'))) return undefined
  return noSubcommand(name.slice(0, 40), 'log', subcommands.keys())
}
