import { describe, expect, it } from 'vitest'
import { actor } from '../../src/actor/define.ts'
import { actorSystem } from '../../src/actor/system.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { memoryHub } from '../../src/bus/memory.ts'
import { readNode } from '../../src/inspect/wire.ts'
import { inspectSubject, nodeControl } from '../../src/node/control.ts'
import { createNode } from '../../src/node/node.ts'

const empty = new Uint8Array(0)
const idle = actor({ type: 'idle', version: 1, state: () => ({}), on: { none: () => {} } })

describe('a node asked what it does', () => {
  it('answers for itself, and with all others of its realm', async () => {
    const hub = memoryHub()
    const bus = hub.connect()
    await using one = await createNode({ name: 'one', realm: 'r', bus: () => hub.connect() })
    await using two = await createNode({ name: 'two', realm: 'r', bus: () => hub.connect() })
    await using far = await createNode({ name: 'one', realm: 'elsewhere', bus: () => hub.connect() })
    await one.spawn(idle, undefined, { name: 'ida' }).ready
    const answer = readNode((await bus.request('clq.r.node.one.inspect', empty)).data)
    expect(answer).toMatchObject({ node: 'one', realm: 'r', actors: [{ name: 'ida', type: 'idle', phase: 'running' }] })
    expect(answer.process).toMatchObject({ pid: process.pid })
    expect(answer.process.rssBytes).toBeGreaterThan(answer.process.heapUsedBytes / 2)
    const names: string[] = []
    for await (const { data } of bus.requestMany('clq.r.nodes.inspect', empty, { max: 2 }))
      names.push(readNode(data).node)
    expect(names.sort()).toEqual([one.name, two.name])
    expect(far.realm).toBe('elsewhere')
  })

  it('gives one answer to all who ask within a tenth of a second', async () => {
    const clock = manualClock()
    const hub = memoryHub({ clock })
    const bus = hub.connect()
    await using node = await createNode({ name: 'a', clock, bus: () => hub.connect() })
    const ask = async () => readNode((await bus.request('clq.local.node.a.inspect', empty)).data)
    expect((await ask()).total.actors).toBe(0)
    node.spawn(idle)
    expect(await ask()).toMatchObject({ total: { actors: 0 }, upMs: 0 })
    await clock.advance(100)
    expect(await ask()).toMatchObject({ total: { actors: 1 }, upMs: 100 })
  })

  it('gives a dear answer for longer, so that looking takes a twentieth of the time at most', async () => {
    let nowMs = 0
    const clock = { ...manualClock(), monotonicMs: () => nowMs }
    const bus = memoryHub().connect()
    const usage = () => {
      nowMs += 50
      return { pid: 1, rssBytes: 1, heapUsedBytes: 1, heapTotalBytes: 1, cpuMs: 1 }
    }
    const actors = actorSystem({ node: 'a' })
    const control = nodeControl({ node: 'a', realm: 'r', bus, actors, clock, logger: silentLogger, usage })
    const upMs: number[] = []
    for (const askedMs of [0, 500, 999, 1000]) {
      nowMs = askedMs
      upMs.push(readNode((await bus.request('clq.r.node.a.inspect', empty)).data).upMs)
    }
    expect(upMs).toEqual([0, 0, 0, 1000])
    control.close()
  })

  it('lists fewer actors where the bus takes no more', async () => {
    const hub = memoryHub({ payloadMaxBytes: 20_000 })
    await using node = await createNode({ name: 'a', bus: () => hub.connect() })
    for (let left = 900; left > 0; left--) node.spawn(idle)
    const { data } = await hub.connect().request('clq.local.node.a.inspect', empty)
    const { actors, rest, total } = readNode(data)
    expect(data.length).toBeLessThanOrEqual(20_000)
    expect(total.actors).toBe(900)
    expect(actors.length).toBeGreaterThan(50)
    expect(rest).toEqual([expect.objectContaining({ type: 'idle', actors: 900 - actors.length })])
  })

  it('heeds nobody who left no place for an answer, and reads nothing of what it is asked with', async () => {
    const hub = memoryHub()
    const bus = hub.connect()
    await using node = await createNode({ name: 'a', bus: () => hub.connect() })
    bus.publish('clq.local.node.a.inspect', empty)
    const { data } = await bus.request('clq.local.node.a.inspect', new Uint8Array([0xff, 0xfe]))
    expect(readNode(data).node).toBe(node.name)
  })

  it('answers no more once it has stopped, and never with inspect: false', async () => {
    const hub = memoryHub()
    const mine = hub.connect()
    const stopped = await createNode({ name: 'a', bus: mine })
    await stopped.stop()
    await using closed = await createNode({ name: 'b', bus: () => hub.connect(), inspect: false })
    for (const subject of [inspectSubject('local', 'a'), inspectSubject('local', closed.name), inspectSubject('local')])
      await expect(hub.connect().request(subject, empty)).rejects.toMatchObject({ code: 'bus.no_responders' })
  })

  it('is opened and works over a bus that takes no subscription', async () => {
    const warned: unknown[] = []
    const bus = memoryHub().connect()
    await bus.close()
    const logger = { debug() {}, info() {}, error() {}, warn: (fields: unknown) => void warned.push(fields) }
    await using node = await createNode({
      name: 'a',
      bus,
      logger: { ...logger, child: () => ({ ...logger, child: () => never() }) },
    })
    await node.spawn(idle).ready
    expect(warned).toEqual([
      { subject: 'clq.local.node.a.inspect', code: 'bus.closed' },
      { subject: 'clq.local.nodes.inspect', code: 'bus.closed' },
    ])
  })

  it('has no subject for names that are no token', () => {
    for (const wrong of ['', 'a.b', '*', '>', 'a b'])
      for (const make of [() => inspectSubject(wrong), () => inspectSubject('r', wrong)])
        expect(make).toThrow(expect.objectContaining({ code: 'base.invalid_argument' }))
  })
})

function never(): never {
  throw new Error('nobody asks for a child of a child')
}
