/**
 * `colloquy raft recover`: what is left when a quorum is lost for good: one survivor becomes a group of its own. Unlike every other
 * command it may lose what was acknowledged, and says so before it does anything.
 */
import { goToDoor } from '../node/door-client.ts'
import { groupMeant, recoverFolder } from '../node/raft-folder.ts'
import { jsonLine } from './bus-show.ts'
import { UsageError, exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command } from './command.ts'
import { existingFolder, groupOf, groupOption } from './raft-arguments.ts'
import type { DoorWorld } from './door-world.ts'
import { printable } from './terminal.ts'

const help = `colloquy raft recover <data> --unsafe --confirm <group> [options]

For a group whose quorum is lost for good, and for nothing else: makes the
member of this data folder the only voter of a new group, with all that its log
holds. Members that come back belong to the old group, and neither takes a word
of the other.

What it may cost: whatever was acknowledged by the lost members and is not in
this log is gone; what was proposed and never acknowledged may now be decided.
If a majority of the old group still runs somewhere, there are two groups
afterwards: stop all others first, and choose the survivor whose log goes the
furthest (colloquy raft status <data> of each: whose last entry has the highest
term, and among those the longest log).

Examples:
  colloquy raft recover ./data --unsafe --confirm ops
  colloquy raft recover ./data --group ops --unsafe --confirm ops --json

Options:
  --unsafe          says that this is understood
  --confirm GROUP   the name of the group, typed once more
  --group NAME      when the folder holds several groups
  --json            one object on stdout: group, member, groupId, index, aside

The old folder is kept beside the new one. Run again after an interruption, it
goes on.

Exit codes: 0 done, 1 failure, 2 usage: nothing was done.
`

const options = {
  ...groupOption,
  unsafe: { type: 'boolean' },
  confirm: { type: 'string' },
  json: { type: 'boolean' },
} as const

export function recoverCommand(world: DoorWorld): Command {
  return {
    name: 'raft recover',
    help,
    async run(args, { stdout, stderr, signal }) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<data>'] })
      const data = existingFolder(positionals[0] ?? '')
      const door = await goToDoor(data, { ...world, signal })
      if (door.door === 'open') {
        await door[Symbol.asyncDispose]()
        throw new UsageError(`process ${door.pid} runs the members of this folder; stop it first`)
      }
      const group = await groupMeant(data, groupOf(values))
      if (values['unsafe'] !== true)
        throw new UsageError(
          `this may lose what was acknowledged, and makes ${group} a new group without its other members; read the help, then say --unsafe --confirm ${group}`,
        )
      if (textOption(values, 'confirm') !== group)
        throw new UsageError(
          `--confirm must be the name of the group, ${JSON.stringify(group)}, to show that it is meant`,
        )
      const { others, ...made } = await recoverFolder(data, group, world)
      if (values['json'] === true) stdout.write(jsonLine(made))
      else {
        const { member, index, commitIndex, groupId, aside } = made
        stderr.write(
          `${printable(member)} is the only member of ${printable(group)} now, in the new group ${groupId}\n`,
        )
        stderr.write(`it holds all of its log, up to ${index}${unsure(index, commitIndex)}\n`)
        if (others.length > 0)
          stderr.write(
            `${others.map(printable).join(', ')}: empty their folders, start them with join, then colloquy raft members add\n`,
          )
        stderr.write(`the old log is kept at ${printable(aside)}\n`)
      }
      return exitCode.ok
    },
  }
}

function unsure(index: number, commitIndex: number): string {
  return index > commitIndex
    ? `; ${commitIndex + 1} to ${index} were not known to be committed, and count as that now`
    : ''
}
