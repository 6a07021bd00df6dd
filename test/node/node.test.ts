import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { memoryBus } from '../../src/bus/memory.ts'
import { connectBus } from '../../src/node/connect-bus.ts'
import { createNode } from '../../src/node/node.ts'
import { dataFolder, openJournal } from '../../src/node/open-journal.ts'
import { openModel } from '../../src/node/open-model.ts'
import { checkRuntime } from '../../src/node/runtime.ts'

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-node-'))
  folders.push(folder)
  return folder
}

describe('a node', () => {
  it('keeps what was appended in its data folder, and nothing without one', async () => {
    const data = await temporaryFolder()
    await using first = await createNode({ name: 'alpha', data })
    await first.journal.append('s', [first.event('ann', { type: 't', data: { n: 1 } })])
    await first.stop()
    await using second = await createNode({ name: 'alpha', data })
    expect(await second.journal.version('s')).toBe(1)
    await using third = await createNode({ name: 'alpha' })
    expect(third.durable).toBe(false)
    expect(await third.journal.version('s')).toBe(0)
  })

  it('refuses what must survive the process when it keeps nothing', async () => {
    await using node = await createNode({ name: 'alpha' })
    expect(() => node.durableStore('a saga')).toThrow(expect.objectContaining({ code: 'node.not_durable' }))
  })

  it('names its events by node and agent, and makes none once it stops', async () => {
    await using node = await createNode({ name: 'alpha' })
    expect(node.event('ann b', { type: 't', data: 1 }).source).toBe('/alpha/ann%20b')
    await node.stop()
    expect(() => node.event('ann', { type: 't', data: 1 })).toThrow(expect.objectContaining({ code: 'node.stopped' }))
    expect(() => node.durableStore('x')).toThrow(expect.objectContaining({ code: 'node.stopped' }))
    await node.stop()
  })

  it('closes the bus that it opened and leaves one that was handed in', async () => {
    const mine = memoryBus()
    const opened = memoryBus()
    const one = await createNode({ name: 'one', bus: mine })
    const two = await createNode({ name: 'two', bus: async () => opened })
    await one.stop()
    await two.stop()
    mine.publish('still.open', new Uint8Array())
    expect(() => opened.publish('closed', new Uint8Array())).toThrow(expect.objectContaining({ code: 'bus.closed' }))
    await mine.close()
  })

  it('frees the data folder when the bus cannot be opened', async () => {
    const data = await temporaryFolder()
    const failing = createNode({ name: 'alpha', data, bus: () => Promise.reject(new Error('no server')) })
    await expect(failing).rejects.toThrow('no server')
    await using node = await createNode({ name: 'alpha', data })
    expect(node.durable).toBe(true)
  })

  it('stops by the deadline even if a subscriber never finishes', async () => {
    const clock = manualClock()
    const node = await createNode({ name: 'alpha', clock })
    const stuck = node.bus.subscribe('a')
    const first = Promise.withResolvers<void>()
    void stuck.each(() => (first.resolve(), new Promise(() => {}))).catch(() => {})
    node.bus.publish('a', new Uint8Array())
    await first.promise
    const stopping = node.stop({ deadlineMs: 500 })
    await clock.advance(500)
    await stopping
    expect(() => node.bus.publish('a', new Uint8Array())).toThrow(expect.objectContaining({ code: 'bus.closed' }))
  })

  it('refuses a second owner of its data folder, by name', async () => {
    const data = await temporaryFolder()
    await using node = await createNode({ name: 'alpha', data })
    await expect(createNode({ name: 'beta', data })).rejects.toMatchObject({
      code: 'store.locked',
      message: expect.stringContaining(data),
    })
    expect(node.durable).toBe(true)
  })

  it.each(['', 'a.b', 'a b', 'a*', 'x'.repeat(65), 'ä'])('refuses the name %j', async (name) => {
    await expect(createNode({ name })).rejects.toMatchObject({ code: 'base.invalid_argument' })
  })

  it('opens each model once, by the resolver handed in or by name', async () => {
    await using node = await createNode({ name: 'alpha' })
    expect(node.model('openai:m')).toBe(node.model('openai:m'))
    expect(node.model('openai:m').name).toBe('openai:m')
    expect(() => node.model('oracle')).toThrow(expect.objectContaining({ code: 'node.unknown_model' }))
    const asked: string[] = []
    const own = openModel('openai:own')
    await using other = await createNode({ name: 'beta', models: (name) => (asked.push(name), own) })
    other.model('mine')
    expect(other.model('mine')).toBe(own)
    expect(asked).toEqual(['mine'])
  })
})

describe('urls', () => {
  it('open a journal in memory or in a folder', async () => {
    await using inMemory = await openJournal('memory:')
    expect(inMemory.driver).toBe('memory')
    const folder = await temporaryFolder()
    await using onDisk = await openJournal(`file:${folder}`)
    expect(onDisk.capabilities.durable).toBe(true)
  })

  it('open a journal read-only beside its owner, and create nothing', async () => {
    const folder = await temporaryFolder()
    await expect(openJournal(join(folder, 'none'), { readonly: true })).rejects.toMatchObject({
      code: 'store.unavailable',
    })
    await using owner = await createNode({ name: 'alpha', data: folder })
    await owner.journal.append('s', [owner.event('ann', { type: 't', data: 1 })])
    await using reader = await openJournal(folder, { readonly: true })
    expect(await reader.version('s')).toBe(1)
    await expect(reader.append('s', [owner.event('ann', { type: 't', data: 2 })])).rejects.toMatchObject({
      code: 'journal.readonly',
    })
  })

  it('name the drivers there are when the scheme is unknown', async () => {
    await expect(openJournal('kafka://x')).rejects.toMatchObject({ code: 'node.unknown_scheme' })
    await expect(connectBus('mqtt://x')).rejects.toThrow('memory:')
    await using bus = await connectBus('memory:')
    expect(bus.driver).toBe('memory')
  })

  it('leave paths and Windows drives alone', () => {
    expect(dataFolder('./data')).toBe('./data')
    expect(dataFolder('C:\\data')).toBe('C:\\data')
    expect(dataFolder('file:///a/b')).toBe('/a/b')
  })
})

describe('the runtime', () => {
  it('must be Node.js 24 or newer', () => {
    expect(() => checkRuntime('20.19.0')).toThrow(expect.objectContaining({ code: 'node.runtime_too_old' }))
    checkRuntime('24.0.0')
    checkRuntime('26.1.0')
  })
})
