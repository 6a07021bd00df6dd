import { describe, expect, it } from 'vitest'
import { sleep } from '../../src/base/clock.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import { busChecks } from '../../src/bus/conformance.ts'
import type { Bus } from '../../src/bus/bus.ts'
import { memoryHub } from '../../src/bus/memory.ts'
import { journalChecks } from '../../src/journal/conformance.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { simulate } from '../../src/sim/simulate.ts'
import type { World } from '../../src/sim/world.ts'
import { diskChecks, storeChecks } from '../../src/store/conformance.ts'
import type { Disk } from '../../src/store/disk.ts'
import { memoryStore } from '../../src/store/memory.ts'

/** What a check gave, run as the code of a node. */
async function inNode<Result>(check: (world: World) => Promise<Result>): Promise<Result> {
  const result = Promise.withResolvers<Result>()
  await simulate({ seed: 1 }, async (world) => {
    world.node('under test', async () => result.resolve(await check(world)))
    await result.promise
  })
  return result.promise
}

describe('memory bus in a world, on the clock and entropy of the system', () => {
  it.for(busChecks)('$name', async (check) => {
    const open = async () => {
      const hub = memoryHub()
      const [a, b] = [hub.connect(), hub.connect()]
      const close = async () => void (await Promise.all([a.close(), b.close()]))
      return {
        a,
        b,
        settle: async () => {},
        pass: (ms: number) => sleep(systemClock, ms),
        [Symbol.asyncDispose]: close,
      }
    }
    await expect(inNode(() => check.run(open))).resolves.toBe(undefined)
  })
})

describe('the bus of a world, between two of its nodes', () => {
  it.for(busChecks)('$name', async (check) => {
    const checked = async (world: World) => {
      const buses = await Promise.all(
        ['a', 'b'].map((name) => new Promise<Bus>((resolve) => world.node(name, ({ bus }) => resolve(bus)))),
      )
      const [a, b] = buses as [Bus, Bus]
      const close = async () => void (await Promise.all([a.close(), b.close()]))
      await check.run(async () => ({
        a,
        b,
        settle: async () => {},
        pass: (ms) => world.sleep(ms),
        [Symbol.asyncDispose]: close,
      }))
    }
    await expect(inNode(checked)).resolves.toBe(undefined)
  })
})

describe('memory store in a world', () => {
  // What a backup writes is real, whatever the store: test/e2e/sim-escape.test.ts.
  it.each(storeChecks.filter(({ name }) => !name.startsWith('a backup')))('$name', async (check) => {
    await expect(inNode(() => check.run((schemas) => memoryStore({ schemas })))).resolves.toBe(undefined)
  })
})

describe('memory journal in a world', () => {
  it.each(journalChecks)('$name', async (check) => {
    const outcome = check.needs.includes('durable') ? 'unsupported' : 'passed'
    expect(await inNode(() => check.run({ open: async () => memoryJournal() }))).toBe(outcome)
  })
})

describe('the disk of a node of a world', () => {
  it.for(diskChecks)('$name', async (check) => {
    const checked = async (world: World) => {
      const disk = await new Promise<Disk>((resolve) => world.node('disk', (ports) => resolve(ports.disk)))
      await check.run(async () => ({ disk, reopen: async () => disk, [Symbol.asyncDispose]: async () => {} }))
    }
    await expect(inNode(checked)).resolves.toBe(undefined)
  })
})
