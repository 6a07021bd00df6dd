/** The door of a raft member: who gets in, what is asked, and what becomes of those who say something else. On real sockets of loopback. */
import * as fc from 'fast-check'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { type Server, connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { systemEntropy } from '../../src/base/entropy.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import { createNode } from '../../src/node/node.ts'
import { NodeDoor, doorFileOf } from '../../src/node/door.ts'
import { DoorChannel, proofOf } from '../../src/node/door-channel.ts'
import { goToDoor } from '../../src/node/door-client.ts'
import { askGroups, askMember, backupBytes, viewGroups } from '../../src/node/raft-door-client.ts'
import { type AnyRaft, raftDesk } from '../../src/node/raft-door.ts'
import { lookAtGroups } from '../../src/node/raft-look.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { emptyConfState } from '../../src/raft/core/message.ts'
import { electionMachine } from '../../src/raft/election.ts'
import { stateMachine } from '../../src/raft/state-machine.ts'

const world = { clock: systemClock, entropy: systemEntropy }
const quick = { heartbeatMs: 20, electionTimeoutMs: 200 }
const machine = stateMachine<number, number, number>({
  initial: 0,
  apply: (state, command) => ({ state: state + command, result: state + command }),
})
const ends: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'colloquy-door-'))
  ends.push(() => rm(made, { recursive: true, force: true }))
  return made
}

/** A group that only remembers what it was asked to do. */
function pretender(asked: unknown[]): AnyRaft {
  const note =
    (what: string) =>
    (...given: unknown[]) => {
      asked.push([what, ...given.filter((each) => typeof each === 'string')])
      return Promise.resolve()
    }
  const status = { group: 'ops', member: 'a', transport: undefined, followers: [], leader: undefined }
  return {
    group: 'ops',
    member: 'a',
    status: () => status,
    members: () => [],
    diagnose: () => [],
    addMember: note('add'),
    removeMember: note('remove'),
    promote: note('promote'),
    demote: note('demote'),
    transferLeadership: note('transfer'),
    with: () => ({
      async barrier() {
        asked.push(['barrier'])
        return 7
      },
    }),
    async backup() {
      asked.push(['backup'])
      const content = { sizeBytes: 3, sha256: '' }
      // The first was begun before anybody asked.
      const index = asked.filter((each) => JSON.stringify(each) === '["backup"]').length > 1 ? 8 : 6
      const metadata = { index, term: 2, confState: emptyConfState }
      return {
        metadata,
        content,
        chunks: async function* () {
          yield new Uint8Array(3)
        },
      }
    },
  } as unknown as AnyRaft
}

async function door(asked: unknown[], clock = manualClock()) {
  const data = await folder()
  const opened = new NodeDoor({ node: 'a', data, clock, entropy: systemEntropy, logger: silentLogger })
  await opened.add(raftDesk(() => [pretender(asked)], clock))
  ends.push(() => opened.close())
  const { port, token } = JSON.parse(await readFile(doorFileOf(data), 'utf8')) as { port: number; token: string }
  return { data, port, token, clock, close: () => opened.close() }
}

describe('the door of a node', () => {
  it('shows its groups and operates them, and is gone when it stops', async () => {
    const data = await folder()
    await using node = await createNode({ name: 'solo', data })
    const ops = await node.raft('ops', { members: ['solo'], machine, ...quick })
    await node.election('boss', { members: ['solo'], ...quick })
    await ops.propose(4)
    const seen = await viewGroups(data, world)
    expect(seen).toMatchObject({ door: 'open', pid: process.pid })
    const { groups, source } = await lookAtGroups(data, world)
    expect(source).toBe('member')
    expect(groups.map(({ status }) => status.group).toSorted()).toEqual(['boss', 'ops'])
    const found = groups.find(({ status }) => status.group === 'ops')!
    const { transport: _transport, ...status } = ops.status()
    expect(found.status).toEqual({ ...status, leader: 'solo' })
    expect(found).toMatchObject({ members: ops.members(), findings: [{ code: 'ok' }] })
    const refusal = askMember(data, { op: 'change', group: 'ops', kind: 'promote', name: 'x', timeoutMs: 2000 }, world)
    await expect(refusal).rejects.toMatchObject({ code: 'node.member_refused', reason: 'raft.change_refused' })
    const unknown = askMember(data, { op: 'transfer', group: 'no', timeoutMs: 2000 }, world)
    await expect(unknown).rejects.toMatchObject({ reason: 'node.raft_group_unknown' })
    expect((await stat(doorFileOf(data))).mode & 0o777).toBe(0o600)
    await node.stop()
    expect(await readdir(dirname(doorFileOf(data)))).toEqual([])
    const after = await lookAtGroups(data, world)
    expect(after).toMatchObject({ source: 'log', why: 'no process has a door there' })
    expect(after.groups.find(({ status: each }) => each.group === 'ops')).toMatchObject({
      status: { groupId: status.groupId, term: status.term, lastIndex: status.lastIndex, sessions: 1 },
      findings: [{ code: 'not_running' }],
    })
  })

  it('is not there where the node was told to have none, or keeps nothing', async () => {
    const data = await folder()
    await using node = await createNode({ name: 'solo', data, raft: { door: false } })
    await node.raft('ops', { members: ['solo'], machine: electionMachine, ...quick })
    expect(await viewGroups(data, world)).toEqual({ door: 'none' })
    const { groups } = await lookAtGroups(data, world)
    // The process is there all the same, and its folder says so.
    expect(groups[0]?.findings[0]).toMatchObject({ code: 'silent' })
    await using memory = await createNode({ name: 'memory' })
    await memory.raft('ops', { members: ['memory'], machine: electionMachine, ...quick })
    expect(memory.raftGroup('ops')?.group).toBe('ops')
    expect(memory.raftGroup('other')).toBe(undefined)
  })

  it('whose file others may read is not used, and one in a folder that others may write to is not made', async () => {
    const { data } = await door([])
    await chmod(doorFileOf(data), 0o644)
    await expect(viewGroups(data, world)).rejects.toMatchObject({ code: 'node.not_private' })
    const open = await folder()
    await mkdir(join(open, 'door'))
    await chmod(join(open, 'door'), 0o777)
    await using node = await createNode({ name: 'solo', data: open })
    const ops = await node.raft('ops', { members: ['solo'], machine, ...quick })
    expect((await ops.propose(1)).result).toBe(1)
    expect(await viewGroups(open, world)).toEqual({ door: 'none' })
  })
})

/** Says these pieces to the door after its greeting, and gives what it says until it ends. */
async function say(port: number, pieces: (nonce: string) => readonly unknown[]): Promise<unknown[]> {
  const channel = new DoorChannel(connect(port, '127.0.0.1'))
  const heard: unknown[] = []
  try {
    const greeting = await channel.receive()
    const { nonce } = ('json' in greeting ? greeting.json : {}) as { nonce: string }
    for (const piece of pieces(nonce))
      await (piece instanceof Uint8Array ? channel.sendBytes(piece) : channel.sendJson(piece))
    for (;;) heard.push(await channel.receive())
  } catch {
    return heard
  } finally {
    channel.socket.destroy()
  }
}

const mine = 'ab'.repeat(32)

describe('whoever comes to the door', () => {
  it('without the token, or with it in another place, is told nothing and does nothing', async () => {
    const asked: unknown[] = []
    const { port, token } = await door(asked)
    const question = { op: 'change', group: 'ops', kind: 'remove', name: 'a', timeoutMs: 1000 }
    const proofs = (nonce: string) => [
      proofOf('00'.repeat(32), 'asker', [mine, nonce]),
      proofOf(token, 'door', [mine, nonce]),
      proofOf(token, 'asker', [nonce, mine]),
      proofOf(token, 'asker', [mine, mine]),
      token,
    ]
    for (let at = 0; at < 5; at++)
      expect(await say(port, (nonce) => [{ nonce: mine, proof: proofs(nonce)[at], question }])).toEqual([])
    expect(asked).toEqual([])
    const right = await say(port, (nonce) => [{ nonce: mine, proof: proofOf(token, 'asker', [mine, nonce]), question }])
    expect(right).toMatchObject([{ json: { done: true } }])
    expect(asked).toEqual([['remove', 'a']])
  })

  it('with anything else at all changes nothing, and the next is served', async () => {
    const asked: unknown[] = []
    const { port, token, data } = await door(asked)
    const view = { ...world, clock: systemClock }
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          fc.json().map((text) => JSON.parse(text) as unknown),
        ),
        async (what) => {
          await say(port, () => [what])
        },
      ),
      { numRuns: 30 },
    )
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (question) => {
        const [answer] = await say(port, (nonce) => [
          { nonce: mine, proof: proofOf(token, 'asker', [mine, nonce]), question },
        ])
        expect(answer).toMatchObject({ json: { error: { code: 'node.not_served' } } })
      }),
      { numRuns: 30 },
    )
    expect(asked).toEqual([])
    await askMember(data, { op: 'transfer', group: 'ops', to: 'b', timeoutMs: 1000 }, view)
    expect(asked).toEqual([['transfer', 'b']])
  })

  it('for a backup waits until the member has all that was committed before, unless told not to', async () => {
    const asked: unknown[] = []
    const { data } = await door(asked)
    const take = async (stale: boolean) => {
      const open = await goToDoor(data, world)
      if (open.door !== 'open') throw new Error(open.door)
      await using asking = open
      await askGroups(asking, { op: 'backup', group: 'ops', stale, timeoutMs: 1000 })
      const parts: Uint8Array[] = []
      for await (const part of backupBytes(asking)) parts.push(part)
      return Buffer.concat(parts).subarray(0, 8).toString()
    }
    expect(await take(false)).toBe('clqraft1')
    expect(asked.splice(0)).toEqual([['barrier'], ['backup'], ['backup']])
    expect(await take(true)).toBe('clqraft1')
    expect(asked).toEqual([['backup']])
  })

  it('and says nothing is cut off after five seconds; of too many some are closed at once', async () => {
    const { port, clock } = await door([])
    const sockets = Array.from({ length: 24 }, () => connect(port, '127.0.0.1'))
    let closed = 0
    const allClosed = Promise.all(
      sockets.map(async (socket) => {
        socket.on('error', () => {}).resume()
        await once(socket, 'close')
        closed++
        if (closed === 8) someClosed()
      }),
    )
    let someClosed = (): void => {}
    await new Promise<void>((resolve) => (someClosed = resolve))
    expect(closed).toBe(8)
    await clock.advance(5000)
    await allClosed
  })
})

describe('an old file of a door', () => {
  async function listening(serve: (channel: DoorChannel) => Promise<void>): Promise<string> {
    const data = await folder()
    await mkdir(join(data, 'door'), { mode: 0o700 })
    const server: Server = createServer((socket) => void serve(new DoorChannel(socket)).catch(() => socket.destroy()))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    ends.push(() => new Promise((resolve) => server.close(resolve)))
    const { port } = server.address() as AddressInfo
    const file = { version: 1, host: '127.0.0.1', port, token: '11'.repeat(32), node: 'a', pid: 4242 }
    await writeFile(doorFileOf(data), JSON.stringify(file), { mode: 0o600 })
    return data
  }

  it('at which nobody listens, or another program, is told apart from a door', async () => {
    const { data, close } = await door([])
    const text = await readFile(doorFileOf(data), 'utf8')
    await close()
    await writeFile(doorFileOf(data), text, { mode: 0o600 })
    expect(await viewGroups(data, world)).toMatchObject({ door: 'stale', pid: process.pid })
    const other = await listening(async ({ socket }) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    expect(await viewGroups(other, world)).toEqual({ door: 'stale', pid: 4242 })
    await writeFile(doorFileOf(other), '{"version":2}', { mode: 0o600 })
    expect(await viewGroups(other, world)).toEqual({ door: 'none' })
  })

  it('at which somebody greets as a door and does not know the token gets no trust', async () => {
    const data = await listening(async (channel) => {
      await channel.sendJson({ door: 'colloquy node', version: 1, nonce: mine })
      await channel.receive()
      await channel.sendJson({ proof: mine, groups: [] })
    })
    await expect(viewGroups(data, world)).rejects.toMatchObject({ code: 'node.door_broken' })
  })

  it('at which somebody says nothing is silent after two seconds', async () => {
    const connected: (() => void)[] = []
    const data = await listening(() => new Promise(() => connected.forEach((tell) => tell())))
    const clock = manualClock()
    const came = new Promise<void>((resolve) => connected.push(resolve))
    const going = goToDoor(data, { clock, entropy: systemEntropy })
    await came
    await clock.advance(2000)
    expect(await going).toMatchObject({ door: 'silent', pid: 4242 })
  })
})
