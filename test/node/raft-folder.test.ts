/** Raft groups in folders that nobody runs: looked at, restored and recovered, also where that was interrupted. */
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { systemEntropy } from '../../src/base/entropy.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import { type Node, createNode } from '../../src/node/node.ts'
import { writeBackupFile } from '../../src/node/raft-backup-file.ts'
import {
  backupFolder,
  groupMeant,
  groupsIn,
  recoverFolder,
  restoreFolder,
  surveyFolder,
} from '../../src/node/raft-folder.ts'
import type { Raft } from '../../src/raft/raft.ts'
import { stateMachine } from '../../src/raft/state-machine.ts'

const world = { clock: systemClock, entropy: systemEntropy }
const quick = { heartbeatMs: 20, electionTimeoutMs: 200 }
const machine = stateMachine<readonly string[], string, number>({
  initial: [],
  apply: (state, command) => ({ state: [...state, command], result: state.length + 1 }),
})
const folders: string[] = []

afterEach(async () => {
  for (const each of folders.splice(0)) await rm(each, { recursive: true, force: true })
})

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'colloquy-raft-folder-'))
  folders.push(made)
  return made
}

async function opened(
  data: string,
  name = 'solo',
): Promise<{ node: Node; ops: Raft<readonly string[], string, number> }> {
  const node = await createNode({ name, data })
  try {
    return { node, ops: await node.raft('ops', { members: [name], machine, ...quick }) }
  } catch (error) {
    await node.stop()
    throw error
  }
}

/** A folder in which `one` and `two` were decided. */
async function decided(): Promise<{ data: string; groupId: string }> {
  const data = await folder()
  const { node, ops } = await opened(data)
  for (const command of ['one', 'two']) await ops.propose(command)
  const { groupId } = ops.status()
  await node.stop()
  return { data, groupId }
}

async function stateIn(data: string, name = 'solo'): Promise<readonly string[]> {
  const { node, ops } = await opened(data, name)
  const state = await ops.read((all) => all)
  await node.stop()
  return state
}

describe('a folder of raft groups', () => {
  it('says which groups it has, and refuses one that it has not', async () => {
    const { data, groupId } = await decided()
    expect(await groupsIn(data)).toEqual(['ops'])
    expect(await groupMeant(data, undefined)).toBe('ops')
    expect(await surveyFolder(data, 'ops')).toMatchObject({ group: 'ops', member: 'solo', groupId })
    const unknown = { code: 'node.raft_group_unknown', groups: ['ops'] }
    await expect(groupMeant(data, 'other')).rejects.toMatchObject(unknown)
    await expect(groupMeant(await folder(), undefined)).rejects.toMatchObject({ code: unknown.code, groups: [] })
  })

  it('is left alone while a process holds it', async () => {
    const { data } = await decided()
    const { node } = await opened(data)
    const locked = { code: 'store.locked' }
    await expect(recoverFolder(data, 'ops', world)).rejects.toMatchObject(locked)
    await expect(backupFolder(data, 'ops', world).next()).rejects.toMatchObject(locked)
    expect(await surveyFolder(data, 'ops')).toMatchObject({ ownerPid: process.pid })
    await node.stop()
    expect(await surveyFolder(data, 'ops')).not.toHaveProperty('ownerPid')
  })
})

describe('a recovery', () => {
  it('keeps the state, the old folder and the member, and makes another group', async () => {
    const { data, groupId } = await decided()
    const made = await recoverFolder(data, 'ops', world)
    expect(made).toMatchObject({ group: 'ops', member: 'solo' })
    expect(made.groupId).not.toBe(groupId)
    expect(await readdir(made.aside)).not.toHaveLength(0)
    expect(await stateIn(data)).toEqual(['one', 'two'])
    expect(await groupsIn(data)).toEqual(['ops'])
  })

  it('that was interrupted between its two steps is ended by the next, and no member begins anew meanwhile', async () => {
    const { data } = await decided()
    const { aside, groupId } = await recoverFolder(data, 'ops', world)
    await rename(join(data, 'raft', 'ops'), join(data, 'raft', 'ops.new'))
    await expect(opened(data)).rejects.toMatchObject({ code: 'node.raft_recovery_unfinished', group: 'ops' })
    expect(await groupsIn(data)).toEqual(['ops'])
    expect(await recoverFolder(data, 'ops', world)).toMatchObject({ groupId, aside })
    expect(await stateIn(data)).toEqual(['one', 'two'])
  })

  it('that was interrupted before it put anything aside begins anew', async () => {
    const { data } = await decided()
    await mkdir(join(data, 'raft', 'ops.new'))
    await writeFile(join(data, 'raft', 'ops.new', 'segment-0000000001'), 'half of it')
    expect(await groupsIn(data)).toEqual(['ops'])
    await recoverFolder(data, 'ops', world)
    expect(await stateIn(data)).toEqual(['one', 'two'])
  })
})

describe('a restoring', () => {
  it('makes a group under the names that are given, where there is none', async () => {
    const { data } = await decided()
    const file = join(await folder(), 'ops.backup')
    await writeBackupFile(file, backupFolder(data, 'ops', world), { entropy: systemEntropy })
    const to = join(await folder(), 'made')
    expect(await restoreFolder(file, to, { member: 'z' }, world)).toMatchObject({ group: 'ops', member: 'z' })
    expect(await stateIn(to, 'z')).toEqual(['one', 'two'])
    const there = { code: 'node.raft_already_there' }
    await expect(restoreFolder(file, to, {}, world)).rejects.toMatchObject(there)
    expect(await restoreFolder(file, to, { group: 'more' }, world)).toMatchObject({ group: 'more', member: 'solo' })
    await expect(restoreFolder(file, to, { group: '../x' }, world)).rejects.toMatchObject({
      code: 'base.invalid_argument',
    })
    const invalid = { code: 'node.raft_backup_invalid' }
    await expect(restoreFolder(join(to, 'nowhere'), to, {}, world)).rejects.toMatchObject(invalid)
  })

  it('of which a half was left behind is no group, and is made again', async () => {
    const { data } = await decided()
    const file = join(await folder(), 'ops.backup')
    await writeBackupFile(file, backupFolder(data, 'ops', world), { entropy: systemEntropy })
    const to = await folder()
    await mkdir(join(to, 'raft', 'ops.new'), { recursive: true })
    await writeFile(join(to, 'raft', 'ops.new', 'segment-0000000001'), 'half of it')
    expect(await groupsIn(to)).toEqual([])
    await restoreFolder(file, to, {}, world)
    expect(await stateIn(to)).toEqual(['one', 'two'])
  })

  it('a file that appears while a backup is written is not replaced, and nothing is left', async () => {
    const place = await folder()
    const file = join(place, 'ops.backup')
    async function* pieces() {
      await writeFile(file, 'somebody else')
      yield new Uint8Array(3)
    }
    const there = { code: 'node.raft_already_there' }
    await expect(writeBackupFile(file, pieces(), { entropy: systemEntropy })).rejects.toMatchObject(there)
    expect(await readdir(place)).toEqual(['ops.backup'])
    async function* broken() {
      yield new Uint8Array(3)
      throw new RangeError('no more')
    }
    await expect(writeBackupFile(`${file}.2`, broken(), { entropy: systemEntropy })).rejects.toThrow('no more')
    expect(await readdir(place)).toEqual(['ops.backup'])
  })
})
