/** `colloquy raft backup`: the state of a group as one file. Unlike a copy of the folder it is no member, and can only become a new group. */
import { Aborted } from '../base/error.ts'
import { goToDoor } from '../node/door-client.ts'
import type { OpenDoor } from '../node/door-client.ts'
import { DoorBroken } from '../node/door-error.ts'
import { askGroups, backupBytes } from '../node/raft-door-client.ts'
import { MemberRefused, NotRunning } from '../node/raft-error.ts'
import { readBackupFile, writeBackupFile } from '../node/raft-backup-file.ts'
import { backupFolder, chosenGroup, groupMeant } from '../node/raft-folder.ts'
import { lookAtGroups } from '../node/raft-look.ts'
import { jsonLine } from './bus-show.ts'
import { exitCode, parseCommandLine } from './command.ts'
import type { Command } from './command.ts'
import { sizeText } from './log-lines.ts'
import { progressOn } from './log-progress.ts'
import { existingFolder, groupOf, groupOption, timeoutOf, timeoutOption } from './raft-arguments.ts'
import type { DoorWorld } from './door-world.ts'
import { printable } from './terminal.ts'

const help = `colloquy raft backup <data> <file> [options]

Writes a backup of a group: its state, sessions and place in the log, with a
checksum over all. A member that runs first applies all that was committed when
it was asked, so whatever was acknowledged before is in it. When none runs, all
that the log of this member holds is taken, and that may be behind the group.
The file appears when it is whole and synced.

Examples:
  colloquy raft backup ./data ops-2026-01-31.backup
  colloquy raft restore ops-2026-01-31.backup ./elsewhere

Options:
  --group NAME     when the folder holds several groups
  --stale          what the running member has, also without a quorum
  --force          a file that is there gives way
  --timeout TIME   how long the group may take, as in 30s (default: 30s)
  --json           one object on stdout: file, group, groupId, index, term, bytes

Exit codes: 0 done, 1 failure, 2 usage, 4 interrupted: nothing is left.
`

const options = {
  ...groupOption,
  ...timeoutOption,
  stale: { type: 'boolean' },
  force: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

export function backupCommand(world: DoorWorld): Command {
  return {
    name: 'raft backup',
    help,
    async run(args, { stdout, stderr, signal }) {
      const { values, positionals } = parseCommandLine(args, options, { names: ['<data>', '<file>'] })
      const [url = '', file = ''] = positionals
      const asked = { group: groupOf(values), stale: values['stale'] === true, timeoutMs: timeoutOf(values) }
      const data = existingFolder(url)
      using progress = progressOn(stderr, world.clock)
      const replace = values['force'] === true
      const write = async (): Promise<{ readonly bytes: number; readonly source: 'member' | 'log' }> => {
        const { pieces, source } = await piecesOf(data, asked, world, signal)
        const onProgress = (written: number) => progress.show(sizeText(written))
        const options = { entropy: world.entropy, replace, onProgress }
        return { bytes: await writeBackupFile(file, untilStopped(pieces, signal), options), source }
      }
      const { bytes, source } = await whileReplaced(write)
      progress.clear()
      await using backup = await readBackupFile(file)
      const { group, groupId, member, index, term, commitIndex } = backup.header
      if (values['json'] === true)
        stdout.write(jsonLine({ file, source, group, groupId, member, index, term, commitIndex, bytes }))
      else {
        stderr.write(
          `backed up ${printable(group)} to ${index} in term ${term}: ${printable(file)}, ${sizeText(bytes)}\n`,
        )
        if (source === 'log') stderr.write(`${offlineNote(index, commitIndex)}\n`)
      }
      return exitCode.ok
    },
  }
}

function offlineNote(index: number, commitIndex: number): string {
  const behind = 'no member runs here, and the group may be further than this log'
  return index > commitIndex
    ? `${behind}; entries ${commitIndex + 1} to ${index} are not known to be committed`
    : behind
}

async function piecesOf(
  data: string,
  {
    group,
    stale,
    timeoutMs,
  }: { readonly group: string | undefined; readonly stale: boolean; readonly timeoutMs: number },
  world: DoorWorld,
  signal: AbortSignal,
): Promise<{ readonly pieces: AsyncIterable<Uint8Array>; readonly source: 'member' | 'log' }> {
  const seen = await lookAtGroups(data, { ...world, signal })
  if (seen.source === 'log') {
    return { pieces: backupFolder(data, await groupMeant(data, group), world), source: 'log' }
  }
  const meant = chosenGroup(
    seen.groups.map(({ status }) => status.group),
    group,
  )
  const door = await goToDoor(data, { ...world, signal })
  if (door.door !== 'open') throw new NotRunning(data, 'it went away meanwhile')
  try {
    const answer = await askGroups(door, { op: 'backup', group: meant, stale, timeoutMs })
    if (!('backup' in answer)) throw new DoorBroken('its answer is to another question')
    return { pieces: piecesThrough(door), source: 'member' }
  } catch (error) {
    await door[Symbol.asyncDispose]()
    throw error
  }
}

/** The bytes behind the answer; the door is closed behind them. */
async function* piecesThrough(door: OpenDoor): AsyncGenerator<Uint8Array, void> {
  await using open = door
  yield* backupBytes(open)
}

const attemptsMax = 5

/** A member may make its next snapshot before this one was begun to be read; then the next is as good. */
async function whileReplaced<T>(write: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await write()
    } catch (error) {
      const replaced = error instanceof MemberRefused && error.reason === 'raft.snapshot_replaced'
      if (!replaced || attempt >= attemptsMax) throw error
    }
  }
}

async function* untilStopped(pieces: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    if (signal.aborted) throw new Aborted('a backup', { cause: signal.reason })
    yield piece
  }
}
