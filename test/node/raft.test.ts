/** Raft groups and elections of whole nodes, on real time: over a shared bus, in memory and on disk. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/system-clock.ts'
import { memoryBus } from '../../src/bus/memory.ts'
import { type Node, createNode } from '../../src/node/node.ts'
import { stateMachine } from '../../src/raft/state-machine.ts'

const machine = stateMachine<readonly string[], string, number>({
  initial: [],
  apply: (state, command) => ({ state: [...state, command], result: state.length + 1 }),
})
const quick = { heartbeatMs: 20, electionTimeoutMs: 200 }
const folders: string[] = []

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'colloquy-raft-'))
  folders.push(made)
  return made
}

afterEach(async () => {
  for (const each of folders.splice(0)) await rm(each, { recursive: true, force: true })
})

async function nodes(data?: readonly string[]): Promise<Node[]> {
  const bus = memoryBus({ clock: systemClock })
  return Promise.all(['a', 'b', 'c'].map((name, at) => createNode({ name, bus, ...(data && { data: data[at]! }) })))
}

describe('a node in a raft group', () => {
  it('decides with the others over their bus', async () => {
    const made = await nodes()
    const ops = await Promise.all(made.map((node) => node.raft('ops', { members: ['a', 'b', 'c'], machine, ...quick })))
    const outcomes = await Promise.all(ops.map((each) => each.propose(each.member)))
    expect(outcomes.map(({ result }) => result).toSorted((one, other) => one - other)).toEqual([1, 2, 3])
    expect(await ops[1]!.read((state) => state.length)).toBe(3)
    for (const node of made) await node.stop()
    await expect(ops[0]!.propose('late')).rejects.toMatchObject({ code: 'base.closed' })
    await expect(made[0]!.raft('ops', { members: ['a'], machine })).rejects.toMatchObject({ code: 'node.stopped' })
  })

  it('keeps in its data folder what was answered', async () => {
    const data = await Promise.all([folder(), folder(), folder()])
    const options = { members: ['a', 'b', 'c'], machine, ...quick }
    const first = await nodes(data)
    const before = await Promise.all(first.map((node) => node.raft('ops', options)))
    for (const each of ['one', 'two', 'three']) await before[0]!.propose(each)
    for (const node of first) await node.stop()
    expect(await readdir(join(data[0], 'raft', 'ops'))).not.toHaveLength(0)
    const second = await nodes(data)
    const after = await Promise.all(second.map((node) => node.raft('ops', options)))
    expect(await after[2]!.read((state) => state)).toEqual(['one', 'two', 'three'])
    for (const node of second) await node.stop()
  })

  it('alone is a group too, and can be elected', async () => {
    const data = await folder()
    await using node = await createNode({ name: 'solo', data })
    await using coordinator = await node.election('coordinator', { members: ['solo'], ...quick })
    const leadership = await coordinator.lead()
    expect(leadership.signal.aborted).toBe(false)
    expect(coordinator.leader()).toMatchObject({ name: 'solo', fencing: leadership.fencing })
    await expect(node.raft('no dots.here', { members: ['solo'], machine })).rejects.toMatchObject({
      code: 'base.invalid_argument',
    })
  })
})
