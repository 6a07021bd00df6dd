/** `colloquy raft status`: the groups of a data folder, from the member that runs or from what it has kept. It changes nothing. */
import { lookAtGroups } from '../node/raft-look.ts'
import { chosenGroup } from '../node/raft-folder.ts'
import { jsonLine } from './bus-show.ts'
import { exitCode, parseCommandLine } from './command.ts'
import type { Command } from './command.ts'
import { existingFolder, groupOf, groupOption } from './raft-arguments.ts'
import { groupLines, sourceLine } from './raft-lines.ts'
import type { DoorWorld } from './door-world.ts'
import { painter } from './terminal.ts'

const help = `colloquy raft status <data> [options]

Shows the raft groups of a data folder: who leads, which term, how far log and
state are, and, at the leader, how far each member is. The member that runs is
asked; when none does, its log is read, which may be behind the group.

Examples:
  colloquy raft status ./data
  colloquy raft status ./data --group ops --json | jq .groups[0].status.leader

Options:
  --group NAME   this group alone
  --json         one object on stdout: source, pid, groups

Exit codes: 0 done, 1 failure, 2 usage.
`

const options = { ...groupOption, json: { type: 'boolean' } } as const

export function statusCommand(world: DoorWorld): Command {
  return {
    name: 'raft status',
    help,
    async run(args, { stdout, stderr, signal }) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<data>'] })
      const data = existingFolder(positionals[0] ?? '')
      const seen = await lookAtGroups(data, { ...world, signal })
      const names = seen.groups.map(({ status }) => status.group)
      const wanted = groupOf(values)
      // All of them, unless one is named; none is an error of its own.
      const chosen = wanted !== undefined || names.length === 0 ? [chosenGroup(names, wanted)] : names
      const groups = seen.groups.filter(({ status }) => chosen.includes(status.group))
      if (values['json'] === true) stdout.write(jsonLine({ ...seen, groups }))
      else {
        stderr.write(sourceLine(seen))
        const paint = painter(stdout.colour)
        stdout.write(groups.map((each) => groupLines(each, paint)).join('\n'))
      }
      return exitCode.ok
    },
  }
}
