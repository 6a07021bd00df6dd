/** `colloquy raft members`: who belongs to a group, and changes of it. Unlike status it may change the group; a member that runs does it. */
import { askMember } from '../node/raft-door-client.ts'
import type { Question } from '../node/raft-door-words.ts'
import { chosenGroup } from '../node/raft-folder.ts'
import { type GroupSeen, lookAtGroups } from '../node/raft-look.ts'
import { jsonLine } from './bus-show.ts'
import { UsageError, exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command, ParsedOptions } from './command.ts'
import { existingFolder, groupOf, groupOption, timeoutOf, timeoutOption } from './raft-arguments.ts'
import { membersTable, sourceLine } from './raft-lines.ts'
import type { DoorWorld } from './door-world.ts'
import { painter, printable } from './terminal.ts'

const help = `colloquy raft members <data> [add|promote|demote|remove|transfer] [name] [options]

Lists the members of a group, or changes them: the member of this data folder
is asked, and passes it on to the leader. A change is done when it says so; one
that did not come about in time may still.

Examples:
  colloquy raft members ./data
  colloquy raft members ./data add d --address tcp://10.0.0.4:7400
  colloquy raft members ./data add e --learner
  colloquy raft members ./data remove a
  colloquy raft members ./data transfer b

  add        a member that runs with join: it gets the log, then a vote
  promote    gives a learner a vote, once it has caught up
  demote     takes its vote
  remove     takes it out; it is not told when it is cut off
  transfer   hands leadership to it, or to the furthest without a name

Options:
  --group NAME      when the folder holds several groups
  --address ADDR    where the transport finds a new member
  --learner         it gets no vote, until promote
  --timeout TIME    how long it may take, as in 30s (default: 30s)
  --json            one object on stdout: group, members

Exit codes: 0 done, 1 failure or refused, 2 usage, 4 interrupted: it may be done.
`

const options = {
  ...groupOption,
  ...timeoutOption,
  address: { type: 'string' },
  learner: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

const actions = ['add', 'promote', 'demote', 'remove', 'transfer'] as const
type Action = (typeof actions)[number]

export function membersCommand(world: DoorWorld): Command {
  return {
    name: 'raft members',
    help,
    async run(args, { stdout, stderr, signal }) {
      const { values, positionals } = parseCommandLine(args, options, {
        names: ['<data>'],
        optional: ['action', 'name'],
      })
      const [url = '', action, name] = positionals
      const asked = actionOf(action, name, values)
      const timeoutMs = timeoutOf(values)
      const data = existingFolder(url)
      const around = { ...world, signal }
      const before = await lookAtGroups(data, around)
      const group = chosenGroup(
        before.groups.map(({ status }) => status.group),
        groupOf(values),
      )
      if (asked) {
        await askMember(data, questionOf(asked, name, group, timeoutMs, values), around)
        stderr.write(`${doneText(asked, name)} in ${printable(group)}\n`)
      }
      const after = asked ? await lookAtGroups(data, around) : before
      const seen = after.groups.find(({ status }) => status.group === group)
      if (seen === undefined) return exitCode.ok
      if (values['json'] === true) stdout.write(jsonLine(asJson(after.source, seen)))
      else {
        if (!asked) stderr.write(sourceLine(after))
        stdout.write(membersTable(seen, painter(stdout.colour)))
      }
      return exitCode.ok
    },
  }
}

function asJson(source: string, { status, members }: GroupSeen): object {
  const { group, leader, followers } = status
  return {
    source,
    group,
    ...(leader !== undefined && { leader }),
    members,
    ...(followers !== undefined && { followers }),
  }
}

function actionOf(text: string | undefined, name: string | undefined, values: ParsedOptions): Action | undefined {
  const adds = values['address'] !== undefined || values['learner'] === true
  if (text !== 'add' && adds) throw new UsageError('--address and --learner go with add')
  if (text === undefined) return undefined
  const action = actions.find((each) => each === text)
  if (action === undefined)
    throw new UsageError(`${JSON.stringify(text.slice(0, 40))} is none of ${actions.join(', ')}`)
  if (name === undefined && action !== 'transfer') throw new UsageError(`the name of whom to ${action} is missing`)
  return action
}

function questionOf(
  action: Action,
  name: string | undefined,
  group: string,
  timeoutMs: number,
  values: ParsedOptions,
): Question {
  if (action === 'transfer') return { op: 'transfer', group, timeoutMs, ...(name !== undefined && { to: name }) }
  const address = textOption(values, 'address')
  return {
    op: 'change',
    group,
    kind: action,
    name: name ?? '',
    timeoutMs,
    ...(address !== undefined && { address }),
    ...(values['learner'] === true && { learner: true }),
  }
}

function doneText(action: Action, name: string | undefined): string {
  const who = printable(name ?? '')
  switch (action) {
    case 'add':
      return `added ${who}`
    case 'promote':
      return `promoted ${who}`
    case 'demote':
      return `demoted ${who}`
    case 'remove':
      return `removed ${who}`
    case 'transfer':
    default:
      return name === undefined ? 'handed over leadership' : `handed leadership to ${who}`
  }
}
