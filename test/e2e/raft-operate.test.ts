/**
 * Operating a raft group of real processes: `colloquy raft status|diagnose|members|backup|restore|recover` on members that run, that
 * are stopped, that were killed with -9, and on folders that nobody runs.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { readBackupFile } from '../../src/node/raft-backup-file.ts'
import { readLogForRecovery } from '../../src/raft/log-segments.ts'
import { filesDisk } from '../../src/store/disk-files.ts'
import { decodeEnvelope } from '../../src/raft/command-envelope.ts'
import { type Finished, endsWithUs, run, temporaryFolder } from './cli.ts'

const program = fileURLToPath(new URL('raft-operate-program.ts', import.meta.url))

interface Said {
  readonly said: 'ready' | 'leader' | 'acknowledged' | 'refused'
  readonly name?: string
  readonly value?: string
  readonly index?: number
}

interface Member {
  readonly child: ChildProcess
  readonly lines: Said[]
  readonly stderr: () => string
  /** Resolves once so many lines are such. */
  until(holds: (lines: readonly Said[]) => boolean): Promise<void>
  kill(signal?: NodeJS.Signals): Promise<void>
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  for (const server of servers) server.close()
  return ports
}

function member(args: Readonly<Record<string, string | boolean>>): Member {
  const words = Object.entries(args).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, String(value)],
  )
  const child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  endsWithUs(child)
  // Whatever the test left running; one that ended before hears nothing of it.
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: Said[] = []
  const waits = new Set<() => void>()
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = once(child, 'exit')
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.endsWith('}')) lines.push(JSON.parse(line) as Said)
    for (const wait of waits) wait()
  })
  return {
    child,
    lines,
    stderr: () => stderr,
    until: (holds) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!holds(lines)) return
          waits.delete(look)
          resolve()
        }
        void ended.then(() => reject(new Error(`a member ended: ${stderr}`)))
        waits.add(look)
        look()
      }),
    async kill(signal = 'SIGKILL') {
      child.kill(signal)
      await ended
    },
  }
}

async function three(folder: string) {
  const ports = await freePorts(3)
  const names = ['a', 'b', 'c'] as const
  const members = names.map((name, at) => `${name}=tcp://127.0.0.1:${ports[at]}`).join(',')
  const at = (name: (typeof names)[number]) => join(folder, name)
  const start = (name: (typeof names)[number], more: Readonly<Record<string, string | boolean>> = {}) =>
    member({ name, data: at(name), port: String(ports[names.indexOf(name)]), members, ...more })
  return { start, at, members }
}

const json = (finished: Finished): Record<string, never> => JSON.parse(finished.stdout) as Record<string, never>

interface StatusJson {
  readonly source: string
  readonly why?: string
  readonly groups: readonly {
    readonly status: Record<string, unknown>
    readonly members: readonly { readonly name: string; readonly role: string }[]
    readonly findings: readonly { readonly code: string }[]
  }[]
}

async function status(data: string): Promise<StatusJson> {
  const finished = await run(['raft', 'status', data, '--json'])
  expect({ code: finished.code, stderr: finished.stderr }).toEqual({ code: 0, stderr: '' })
  return json(finished) as unknown as StatusJson
}

/** Asked again and again until it is so: a process takes its time, and no time is part of the verdict. */
async function eventually<T>(ask: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await ask()
    if (holds(value)) return value
  }
}

/** All commands of a log or a backup, in their order; `from` where its first entry stands. */
async function commandsIn(data: string): Promise<string[]> {
  const log = await readLogForRecovery({ disk: filesDisk({ folder: data }), folder: 'raft/ops' })
  return (log?.entries ?? []).flatMap(({ type, data: bytes }) => {
    if (type !== 'EntryNormal' || bytes === undefined || bytes.length === 0) return []
    const envelope = decodeEnvelope(bytes)
    return envelope.kind === 'command' ? [JSON.parse(Buffer.from(envelope.command).toString()) as string] : []
  })
}

const acknowledged = (lines: readonly Said[]) =>
  lines.filter(({ said }) => said === 'acknowledged').map(({ value }) => value!)

describe('colloquy raft on a group that runs', () => {
  it('shows members and leader, changes them, hands leadership over, and says what is wrong', async () => {
    await using folder = await temporaryFolder()
    const { start, at, members } = await three(folder.path)
    const running = { a: start('a'), b: start('b'), c: start('c') }
    for (const each of Object.values(running)) await each.until((lines) => lines.some(({ said }) => said === 'ready'))
    const seen = await eventually(
      () => status(at('a')),
      ({ groups }) => groups[0]?.status['leader'] !== undefined,
    )
    expect(seen.source).toBe('member')
    expect(seen.groups[0]?.members.map(({ name, role }) => `${name} ${role}`)).toEqual([
      'a voter',
      'b voter',
      'c voter',
    ])
    const leader = seen.groups[0]!.status['leader'] as 'a' | 'b' | 'c'
    const leading = await status(at(leader))
    const led = leading.groups[0]!.status
    expect(led).toMatchObject({ role: 'leader', fencing: led['term'] })
    expect(led['followers']).toHaveLength(2)
    // The file that opens the door is its owner's alone.
    expect((await stat(join(at('a'), 'door', 'door.json'))).mode & 0o777).toBe(0o600)

    const [other = 'a', third = 'b'] = (['a', 'b', 'c'] as const).filter((name) => name !== leader)
    const handed = await run(['raft', 'members', at(third), 'transfer', other])
    expect(handed).toMatchObject({ code: 0 })
    await eventually(
      () => status(at(third)),
      ({ groups }) => groups[0]?.status['leader'] === other,
    )
    const [port] = await freePorts(1)
    const joined = member({ name: 'd', data: join(folder.path, 'd'), port: String(port), members, join: true })
    const added = await run([
      'raft',
      'members',
      at(third),
      'add',
      'd',
      '--address',
      `tcp://127.0.0.1:${port}`,
      '--json',
    ])
    expect(added).toMatchObject({ code: 0 })
    expect(json(added)['members'] as unknown).toContainEqual(expect.objectContaining({ name: 'd', role: 'voter' }))
    expect(await run(['raft', 'members', at(other), 'remove', 'd'])).toMatchObject({ code: 0 })
    // An address that no transport can use is refused where it is given, and harms nobody.
    const misled = await run(['raft', 'members', at(other), 'add', 'e', '--address', 'nowhere'])
    expect(misled).toMatchObject({ code: 1, stderr: expect.stringContaining('base.invalid_argument') as string })
    const refused = await run(['raft', 'members', at(other), 'promote', 'x'])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('raft.change_refused')
    expect((await run(['raft', 'members', at(other), 'promot', 'x'])).code).toBe(2)
    await joined.kill('SIGTERM')

    expect(await run(['raft', 'diagnose', at(other)])).toMatchObject({ code: 0 })
    await running[leader].kill()
    await running[third].kill()
    const ill = await eventually(
      () => run(['raft', 'diagnose', at(other), '--json']),
      ({ stdout }) => stdout.includes('no_quorum'),
    )
    expect(ill.code).toBe(1)
    expect(ill.stdout).toContain('bring members back')
    expect((await run(['raft', 'backup', at(other), join(folder.path, 'x'), '--timeout', '1s'])).stderr).toContain(
      'raft.no_',
    )
    expect(await run(['raft', 'backup', at(other), join(folder.path, 'x'), '--stale'])).toMatchObject({ code: 0 })
    const gone = await status(at(leader))
    expect(gone).toMatchObject({ source: 'log', why: expect.stringContaining('is gone') as string })
    await running[other].kill('SIGTERM')
    expect(await readdir(join(at(other), 'raft'))).toEqual(['ops'])
    expect((await status(at(other))).why).toContain('no process has a door there')
  })

  it('backs up to a prefix that holds all that was acknowledged before it began, and restores it as a new group', async () => {
    await using folder = await temporaryFolder()
    const { start, at } = await three(folder.path)
    const [a] = [start('a', { propose: 'x', snapshotEvery: '50' }), start('b'), start('c')]
    await a.until((lines) => acknowledged(lines).length > 60)
    const before = acknowledged(a.lines)
    const file = join(folder.path, 'ops.backup')
    const made = await run(['raft', 'backup', at('b'), file, '--json'])
    expect(made).toMatchObject({ code: 0, stderr: '' })
    const after = acknowledged(a.lines)
    expect(await run(['raft', 'backup', at('b'), file])).toMatchObject({ code: 1 })
    expect(await run(['raft', 'backup', at('c'), file, '--force'])).toMatchObject({ code: 0 })
    expect(await run(['raft', 'backup', at('b'), `${file}.2`])).toMatchObject({ code: 0 })
    expect((await stat(`${file}.2`)).mode & 0o777).toBe(0o600)

    const restored = join(folder.path, 'restored')
    const { code, stdout } = await run(['raft', 'restore', file, restored, '--member', 'z', '--json'])
    expect(code).toBe(0)
    const { groupId } = JSON.parse(stdout) as { readonly groupId: string }
    expect(groupId).not.toBe((await status(at('a'))).groups[0]?.status['groupId'])
    expect((await run(['raft', 'restore', file, restored, '--member', 'z'])).stderr).toContain(
      'node.raft_already_there',
    )
    const [port] = await freePorts(1)
    const z = member({
      name: 'z',
      data: restored,
      port: String(port),
      members: `z=tcp://127.0.0.1:${port}`,
      propose: 'y',
    })
    await z.until((lines) => acknowledged(lines).length > 3)
    const state = join(folder.path, 'state.backup')
    await run(['raft', 'backup', restored, state])
    await z.kill()
    const values = await stateOf(state)
    const kept = values.filter((each) => each.startsWith('x'))
    // A prefix: the first so many, each once, in their order, all that was answered before the backup was asked for among them.
    expect(kept).toEqual(kept.map((_, at) => `x${at + 1}`))
    expect(kept.length).toBeGreaterThanOrEqual(before.length)
    expect(values.slice(kept.length, kept.length + 4)).toEqual(['y1', 'y2', 'y3', 'y4'])
    expect(after.length).toBeGreaterThanOrEqual(before.length)

    const damaged = await readFile(file)
    damaged[Math.floor(damaged.length / 2)]! ^= 1
    await writeFile(file, damaged)
    const refused = await run(['raft', 'restore', file, join(folder.path, 'never')])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('node.raft_backup_invalid')
    await a.kill()
  })
})

/** The state in the snapshot of a backup: behind the header of the room, JSON. */
async function stateOf(file: string): Promise<string[]> {
  await using backup = await readBackupFile(file)
  const parts: Uint8Array[] = []
  for await (const part of backup.content.snapshot!.chunks()) parts.push(part)
  const bytes = Buffer.concat(parts)
  return JSON.parse(bytes.subarray(4 + bytes.readUInt32LE()).toString()) as string[]
}

describe('colloquy raft recover', () => {
  it('makes the survivor of a lost quorum a new group with all that it had; the old members stay out', async () => {
    await using folder = await temporaryFolder()
    const { start, at } = await three(folder.path)
    const [a, b, c] = [start('a', { propose: 'x' }), start('b'), start('c')]
    await a.until((lines) => acknowledged(lines).length > 30)
    await a.kill()
    await b.kill()
    const early = await run(['raft', 'recover', at('c'), '--unsafe', '--confirm', 'ops'])
    expect(early.code).toBe(2)
    expect(early.stderr).toContain('stop it first')
    await c.kill()
    expect((await run(['raft', 'recover', at('c')])).code).toBe(2)
    expect((await run(['raft', 'recover', at('c'), '--unsafe', '--confirm', 'opps'])).code).toBe(2)
    const had = await commandsIn(at('c'))
    const promised = acknowledged(a.lines).filter((value) => had.includes(value))
    expect(promised.length).toBeGreaterThan(0)
    const old = (await status(at('c'))).groups[0]!.status['groupId']
    const recovered = await run(['raft', 'recover', at('c'), '--unsafe', '--confirm', 'ops', '--json'])
    expect(recovered).toMatchObject({ code: 0, stderr: '' })
    const made = JSON.parse(recovered.stdout) as { readonly groupId: string; readonly aside: string }
    expect(made.groupId).not.toBe(old)
    expect(await readdir(made.aside)).not.toHaveLength(0)

    const again = start('c', { propose: 'y' })
    await again.until((lines) => acknowledged(lines).length > 3)
    // The old ones come back, and neither side takes a word of the other.
    const olds = [start('a'), start('b')]
    for (const each of olds) await each.until((lines) => lines.some(({ said }) => said === 'ready'))
    const refusing = await eventually(
      () => status(at('c')),
      ({ groups }) => Number(groups[0]?.status['refusedFrames']) > 0,
    )
    expect(refusing.groups[0]).toMatchObject({ status: { role: 'leader', groupId: made.groupId } })
    expect(refusing.groups[0]?.members).toMatchObject([{ name: 'c', role: 'voter' }])
    expect((await status(at('a'))).groups[0]?.status['groupId']).toBe(old)
    for (const each of olds) await each.kill()
    await again.kill()
    const after = await commandsIn(at('c'))
    expect(after.slice(0, had.length)).toEqual(had)
    for (const value of promised) expect(after).toContain(value)
    expect(after.slice(had.length, had.length + 3)).toEqual(['y1', 'y2', 'y3'])
  })
})
