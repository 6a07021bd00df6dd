/** `colloquy raft` in this process: what is refused as wrong use, and what is printed for people and for programs. */
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { codeOf } from '../../src/base/error.ts'
import { membersTable } from '../../src/cli/raft-lines.ts'
import { raftCommand } from '../../src/cli/raft.ts'
import { painter } from '../../src/cli/terminal.ts'
import { type Node, createNode } from '../../src/node/node.ts'
import { stateMachine } from '../../src/raft/state-machine.ts'
import { held } from './bus-kit.ts'

const quick = { heartbeatMs: 20, electionTimeoutMs: 200 }
const machine = stateMachine<number, number, number>({
  initial: 0,
  apply: (state, command) => ({ state: state + command, result: state + command }),
})
const folders: string[] = []

afterEach(async () => {
  for (const each of folders.splice(0)) await rm(each, { recursive: true, force: true })
})

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'colloquy-raft-cli-'))
  folders.push(made)
  return made
}

async function raft(...args: string[]) {
  const [stdout, stderr] = [held(), held()]
  let code: number | string
  try {
    code = await (await raftCommand(args)).run(args, { stdout, stderr, signal: new AbortController().signal })
  } catch (error) {
    code = codeOf(error)
    stderr.write(String(error))
  }
  return { code, out: stdout.text, err: stderr.text }
}

async function solo(...groups: string[]): Promise<{ data: string; node: Node }> {
  const data = await folder()
  const node = await createNode({ name: 'solo', data })
  for (const group of groups) await (await node.raft(group, { members: ['solo'], machine, ...quick })).propose(4)
  return { data, node }
}

describe('colloquy raft', () => {
  it.each([
    ['no command', []],
    ['no such command', ['statu', '.']],
    ['no folder', ['status']],
    ['a folder that is none', ['status', './nowhere-at-all']],
    ['an option that is none', ['status', '.', '--jsn']],
    ['one argument too many', ['diagnose', '.', 'x']],
    ['an action that is none', ['members', '.', 'ad', 'd']],
    ['an action without a name', ['members', '.', 'remove']],
    ['an option of another action', ['members', '.', 'remove', 'd', '--learner']],
    ['a time that is none', ['members', '.', 'remove', 'd', '--timeout', 'soon']],
    ['no time at all', ['members', '.', 'remove', 'd', '--timeout', '0s']],
    ['no file', ['backup', '.']],
  ])('refuses %s as wrong use', async (_what, args) => {
    const { code, out, err } = await raft(...args)
    expect(args.length === 0 ? code : `${code}`).toBe(args.length === 0 ? 2 : 'cli.usage')
    expect(out).toBe('')
    expect(err).not.toBe('')
  })

  it('says for each command what it does, with examples first and lines that fit', async () => {
    const { out } = await raft('--help')
    const names = [...out.matchAll(/^ {2}(\w+) {2,}\S/gm)].map(([, name = '']) => name)
    expect(names).toEqual(expect.arrayContaining(['status', 'diagnose', 'members', 'backup', 'restore', 'recover']))
    for (const name of names) {
      const { help } = await raftCommand([name])
      expect(help).toMatch(/^colloquy raft \w+/)
      expect(help).toMatch(/Exit codes: 0/)
      for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
    }
  })

  it('shows the groups of a folder, all or one, and wants one named where it needs one', async () => {
    const { data, node } = await solo('ops', 'more')
    const all = await raft('status', data)
    expect(all).toMatchObject({ code: 0, err: `as process ${process.pid} says\n` })
    for (const text of ['ops', 'more', 'solo, leader, running', 'leader solo, term 2, fencing token 2', 'voter, leads'])
      expect(all.out).toContain(text)
    for (const line of all.out.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    const one = JSON.parse((await raft('status', data, '--group', 'ops', '--json')).out) as { groups: object[] }
    expect(one).toMatchObject({ source: 'member', groups: [{ status: { group: 'ops', leader: 'solo' } }] })
    expect(one.groups).toHaveLength(1)
    const unclear = 'node.raft_group_unknown'
    expect(await raft('status', data, '--group', 'op')).toMatchObject({ code: unclear })
    expect(await raft('members', data)).toMatchObject({ code: unclear })
    expect(await raft('backup', data, join(data, 'x'))).toMatchObject({ code: unclear })
    expect(await raft('status', await folder())).toMatchObject({ code: unclear })
    const members = await raft('members', data, '--group', 'more', '--json')
    expect(JSON.parse(members.out)).toMatchObject({ group: 'more', members: [{ name: 'solo', role: 'voter' }] })
    expect(await raft('diagnose', data)).toMatchObject({ code: 0 })
    expect(await raft('members', data, 'transfer', 'solo', '--group', 'ops')).toMatchObject({ code: 0 })
    await node.stop()
    const ill = await raft('diagnose', data, '--group', 'ops')
    expect(ill).toMatchObject({ code: 1, out: expect.stringContaining('not_running') as string })
    expect(await raft('members', data, 'remove', 'x', '--group', 'ops')).toMatchObject({
      code: 'node.raft_not_running',
    })
  })

  it('backs up, restores and recovers without a member that runs, and does nothing that was not confirmed', async () => {
    const { data, node } = await solo('ops')
    const file = join(data, 'ops.backup')
    expect(await raft('backup', data, file, '--json')).toMatchObject({ code: 0, err: '' })
    expect(await raft('recover', data, '--unsafe', '--confirm', 'ops')).toMatchObject({ code: 'cli.usage' })
    const nowhere = await raft('backup', data, join(data, 'no', 'such', 'folder'))
    expect(nowhere).toMatchObject({
      code: 'node.file_unusable',
      err: expect.stringContaining('does not exist') as string,
    })
    await node.stop()
    const offline = await raft('backup', data, file, '--force')
    expect(offline.err).toContain('no member runs here')
    const before = await readdir(join(data, 'raft'))
    for (const more of [[], ['--unsafe'], ['--confirm', 'ops'], ['--unsafe', '--confirm', 'OPS']])
      expect(await raft('recover', data, ...more)).toMatchObject({ code: 'cli.usage' })
    expect(await readdir(join(data, 'raft'))).toEqual(before)
    const recovered = await raft('recover', data, '--unsafe', '--confirm', 'ops')
    expect(recovered).toMatchObject({
      code: 0,
      err: expect.stringContaining('solo is the only member of ops') as string,
    })
    const to = join(data, 'elsewhere')
    expect(await raft('restore', file, to, '--group', 'again', '--member', 'one')).toMatchObject({ code: 0 })
    expect(existsSync(join(to, 'raft', 'again'))).toBe(true)
    await using again = await createNode({ name: 'one', data: to })
    const ops = await again.raft('again', { members: ['one'], machine, ...quick })
    expect(await ops.read((state) => state)).toBe(4)
  })

  it('ends a recovery that was interrupted, and says so to everything else that is asked meanwhile', async () => {
    const { data, node } = await solo('ops')
    await node.stop()
    const first = await raft('recover', data, '--unsafe', '--confirm', 'ops', '--json')
    // As it is between the two renames.
    await rename(join(data, 'raft', 'ops'), join(data, 'raft', 'ops.new'))
    for (const asked of [
      ['status', data],
      ['diagnose', data],
      ['members', data],
      ['backup', data, join(data, 'ops.backup')],
    ]) {
      const { code, err } = await raft(...asked)
      expect(code).toBe('node.raft_recovery_unfinished')
      expect(err).toContain(`colloquy raft recover ${data} --group ops --unsafe --confirm ops`)
    }
    const ended = await raft('recover', data, '--group', 'ops', '--unsafe', '--confirm', 'ops', '--json')
    expect(ended).toEqual(first)
    expect(await raft('status', data)).toMatchObject({ code: 0 })
  })

  it('lists members in columns that names of any script and length fit, with nothing in them that a terminal obeys', () => {
    const names = ['a', '議事録', 'x'.repeat(60), 'e\u001b[2Jvil']
    const text = membersTable(
      {
        status: {
          leader: 'a',
          followers: [{ name: '議事録', matchIndex: 7, lagEntries: 3, state: 'snapshot', heard: false }],
        },
        members: names.map((name, at) => ({ name, id: at + 1, address: '', role: 'voter' as const })),
      } as unknown as Parameters<typeof membersTable>[0],
      painter(false),
    )
    expect(text).not.toContain('\u001b')
    expect(text.split('\n')).toHaveLength(6)
    expect(text).toContain('voter, leads')
    expect(text).toContain('3 behind, silent')
    expect(text).not.toContain('address')
  })
})
