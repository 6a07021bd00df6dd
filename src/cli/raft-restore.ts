/** `colloquy raft restore`: a new group of one member from a backup. Unlike recover it needs no member of the old one. */
import { restoreFolder } from '../node/raft-folder.ts'
import { dataFolder } from '../node/open-journal.ts'
import { jsonLine } from './bus-show.ts'
import { exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command } from './command.ts'
import { groupOf, groupOption } from './raft-arguments.ts'
import type { DoorWorld } from './door-world.ts'
import { printable } from './terminal.ts'

const help = `colloquy raft restore <file> <data> [options]

Makes a new group of one member from a backup, in a data folder that has none of
its name: with a new group id, so that no member of the old group takes it for
its own. Start it like any other, then add members to it.

Examples:
  colloquy raft restore ops.backup ./data
  colloquy raft restore ops.backup ./data --member a --group ops-again

Options:
  --member NAME   of the one member (default: the one the backup is of)
  --group NAME    of the group (default: that of the backup)
  --json          one object on stdout: group, member, groupId, index

Exit codes: 0 done, 1 failure, 2 usage.
`

const options = { ...groupOption, member: { type: 'string' }, json: { type: 'boolean' } } as const

export function restoreCommand(world: DoorWorld): Command {
  return {
    name: 'raft restore',
    help,
    async run(args, { stdout, stderr }) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<file>', '<data>'] })
      const [file = '', url = ''] = positionals
      const [group, member] = [groupOf(values), textOption(values, 'member')]
      const names = { ...(group !== undefined && { group }), ...(member !== undefined && { member }) }
      const made = await restoreFolder(file, dataFolder(url), names, world)
      if (values['json'] === true) stdout.write(jsonLine(made))
      else
        stderr.write(
          `restored ${printable(made.group)} to ${made.index}: ${printable(made.member)} alone, in the new group ${made.groupId}\n`,
        )
      return exitCode.ok
    },
  }
}
