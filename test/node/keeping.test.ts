import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { gather, numbered, versions } from '../../src/journal/conformance-kit.ts'
import { projection } from '../../src/journal/projection.ts'
import { reactor } from '../../src/journal/reactor.ts'
import { eventOf } from '../../src/bus/event.ts'
import { memoryBus } from '../../src/bus/memory.ts'
import { createNode } from '../../src/node/node.ts'
import type { NodeOptions } from '../../src/node/node.ts'
import { inlineCounts } from './keeping-inline.ts'

/** Counts events by stream. */
const counts = projection({
  name: 'counts',
  init: () => ({ n: 0 }),
  key: ({ stream }) => stream,
  on: { 'conformance.counted': (state: { n: number }) => void state.n++ },
})

async function data(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-keeping-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

describe.each(['in memory', 'in a data folder'])('a node that keeps %s', (where) => {
  const open = async (more: Partial<NodeOptions> = {}) =>
    createNode({ name: 'alpha', ...(where === 'in a data folder' && { data: await data() }), ...more })

  it('runs projections over its journal, and ends them with itself', async () => {
    const node = await open()
    const running = await node.projection(counts)
    await node.journal.append('a', numbered(1, 5))
    await running.caughtUp()
    expect(await running.get('a')).toEqual({ n: 5 })
    expect(await node.view(counts).get('a')).toEqual({ n: 5 })
    await node.stop()
    await expect(node.projection(counts)).rejects.toMatchObject({ code: 'node.stopped' })
    await expect(running.caughtUp()).rejects.toMatchObject({ code: 'journal.closed' })
  })

  it('runs reactors over its journal and its bus', async () => {
    await using node = await open()
    const heard = node.bus.subscribe('told.>')
    await node.reactor(
      reactor({
        name: 'teller',
        on: { 'conformance.counted': ({ id }, { publish }) => publish('told.it', { type: 'told', data: id }) },
      }),
    )
    await node.journal.append('a', numbered(1, 2))
    const told: unknown[] = []
    for await (const message of heard) {
      const event = eventOf(message)
      told.push([event?.source, event?.causationid, event?.data])
      if (told.length === 2) break
    }
    expect(told).toEqual([
      ['/alpha/teller', 'event-1', 'event-1'],
      ['/alpha/teller', 'event-2', 'event-2'],
    ])
  })

  it('commits inline projections with the append', async () => {
    await using node = await open({ inline: [inlineCounts] })
    await node.journal.append('a', numbered(1, 5))
    expect(await node.view(inlineCounts).get('a')).toEqual({ n: 5 })
  })

  it('erases by the clock what streams say is not kept', async () => {
    const clock = manualClock()
    await using node = await open({ clock, retainEveryMs: 60_000 })
    await node.journal.append('a', numbered(1, 5))
    await node.journal.setMetadata('a', { maxCount: 2 })
    await clock.advance(59_999)
    expect(versions(await gather(node.journal.read('a')))).toEqual([1, 2, 3, 4, 5])
    await clock.advance(1)
    while ((await node.journal.stream('a')).firstVersion === 1) await new Promise(setImmediate)
    expect(versions(await gather(node.journal.read('a')))).toEqual([4, 5])
    await node.journal.append('a', numbered(6, 6))
    // A round that is due while the last one is not quite over is left out.
    while ((await node.journal.stream('a')).firstVersion === 4) {
      await clock.advance(60_000)
      await new Promise(setImmediate)
    }
    expect(versions(await gather(node.journal.read('a')))).toEqual([5, 6])
  })
})

it('stops by its deadline though a handler never ends, and leaves a bus that was handed in open', async () => {
  const clock = manualClock()
  const bus = memoryBus()
  const node = await createNode({ name: 'alpha', bus, clock })
  const begun = Promise.withResolvers<void>()
  await node.reactor(
    reactor({
      name: 'stuck',
      on: {
        'conformance.counted': () => {
          begun.resolve()
          return new Promise<void>(() => {})
        },
      },
    }),
  )
  await node.journal.append('a', numbered(1, 1))
  await begun.promise
  const stopped = new AbortController()
  const stopping = node.stop({ deadlineMs: 2000 }).finally(() => stopped.abort())
  while (!stopped.signal.aborted && clock.monotonicMs() < 60_000) {
    await clock.advance(100)
    await new Promise(setImmediate)
  }
  await stopping
  expect(clock.monotonicMs()).toBeLessThan(4000)
  bus.publish('still.open', new Uint8Array())
  await bus.close()
})

it('refuses an interval of the retention that is none', async () => {
  await expect(createNode({ name: 'alpha', retainEveryMs: -1 })).rejects.toMatchObject({
    code: 'base.invalid_argument',
  })
})
