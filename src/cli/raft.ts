/**
 * `colloquy raft`: finds the subcommand and loads it alone. It does no work of its own; what an interrupt means is said here for all of
 * them.
 */
import type { Command } from './command.ts'
import { realDoorWorld } from './door-world.ts'
import type { DoorWorld } from './door-world.ts'
import { chosen, subcommandLines } from './subcommand.ts'
import type { Subcommand } from './subcommand.ts'

const subcommands = new Map<string, Subcommand<DoorWorld>>([
  [
    'demo',
    {
      summary: 'a group of processes here, its leader killed with -9, what was kept',
      load: async (world) => (await import('./raft-demo.ts')).demoCommand(world),
    },
  ],
  [
    'status',
    {
      summary: 'show the groups of a data folder: leader, members, how far each is',
      load: async (world) => (await import('./raft-status.ts')).statusCommand(world),
    },
  ],
  [
    'diagnose',
    {
      summary: 'say why there is no leader, or what else is wrong, and the mend',
      load: async (world) => (await import('./raft-diagnose.ts')).diagnoseCommand(world),
    },
  ],
  [
    'members',
    {
      summary: 'list, add, promote, demote and remove members; hand over leadership',
      load: async (world) => (await import('./raft-members.ts')).membersCommand(world),
    },
  ],
  [
    'backup',
    {
      summary: 'write the state of a group to a file, while it runs or not',
      load: async (world) => (await import('./raft-backup.ts')).backupCommand(world),
    },
  ],
  [
    'restore',
    {
      summary: 'make a new group of one member from a backup',
      load: async (world) => (await import('./raft-restore.ts')).restoreCommand(world),
    },
  ],
  [
    'recover',
    {
      summary: 'when a quorum is lost for good: make a survivor a new group',
      load: async (world) => (await import('./raft-recover.ts')).recoverCommand(world),
    },
  ],
])

const help = `colloquy raft <command> [options]

Shows and operates raft groups, through the data folder of a member.

Examples:
  colloquy raft demo
  colloquy raft status ./data
  colloquy raft diagnose ./data
  colloquy raft members ./data --group ops add d
  colloquy raft backup ./data ops.backup

Commands:
${subcommandLines(subcommands)}

colloquy raft <command> --help says more.
`

/** The command that the arguments name; for none a command that says what there is. */
export function raftCommand(args: readonly string[], world: DoorWorld = realDoorWorld): Promise<Command> {
  return chosen({ name: 'raft', help, subcommands }, args, world)
}
