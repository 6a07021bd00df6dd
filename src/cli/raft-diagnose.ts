/** `colloquy raft diagnose`: what is wrong with a group, in sentences with the mend. Unlike status it draws conclusions. */
import { lookAtGroups } from '../node/raft-look.ts'
import { chosenGroup } from '../node/raft-folder.ts'
import { jsonLine } from './bus-show.ts'
import { exitCode, parseCommandLine } from './command.ts'
import type { Command } from './command.ts'
import { existingFolder, groupOf, groupOption } from './raft-arguments.ts'
import { sourceLine } from './raft-lines.ts'
import type { DoorWorld } from './door-world.ts'
import { painter, printable, wrap } from './terminal.ts'

const help = `colloquy raft diagnose <data> [options]

Says in sentences why a group has no leader or no quorum, what makes it slow,
and what to do about it, as the member of this data folder sees it. Ask each
member: one that is cut off sees other things than the rest.

Examples:
  colloquy raft diagnose ./data
  colloquy raft diagnose ./data --json | jq -r .groups[].findings[].code

Options:
  --group NAME   this group alone
  --json         one object on stdout: source, pid, groups with their findings

Exit codes: 0 nothing is wrong, 1 something is, or a failure, 2 usage.
`

const options = { ...groupOption, json: { type: 'boolean' } } as const

export function diagnoseCommand(world: DoorWorld): Command {
  return {
    name: 'raft diagnose',
    help,
    async run(args, { stdout, stderr, signal }) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<data>'] })
      const seen = await lookAtGroups(existingFolder(positionals[0] ?? ''), { ...world, signal })
      const names = seen.groups.map(({ status }) => status.group)
      const wanted = groupOf(values)
      const chosen = wanted !== undefined || names.length === 0 ? [chosenGroup(names, wanted)] : names
      const groups = seen.groups
        .filter(({ status }) => chosen.includes(status.group))
        .map(({ status: { group, member }, findings }) => ({ group, member, findings }))
      if (values['json'] === true) stdout.write(jsonLine({ ...seen, groups }))
      else {
        stderr.write(sourceLine(seen))
        const paint = painter(stdout.colour)
        for (const { group, member, findings } of groups) {
          stdout.write(`${paint('bold', printable(group))}, ${printable(member)}\n`)
          for (const { code, text } of findings) {
            const colour = isFine(code) ? 'green' : 'yellow'
            stdout.write(`  ${paint(colour, code)}\n${wrap(printable(text), Math.min(stdout.columns, 100), '    ')}\n`)
          }
        }
      }
      return groups.every(({ findings }) => findings.every(({ code }) => isFine(code))) ? exitCode.ok : exitCode.failure
    },
  }
}

/** A learner is no fault, and a transfer ends. */
function isFine(code: string): boolean {
  return code === 'ok' || code === 'learner' || code === 'transferring'
}
