import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import { createSimDisk } from '../../src/sim/disk.ts'
import { Image } from '../../src/sim/disk-image.ts'
import type { DiskEvent, DiskTrouble, SimDisk } from '../../src/sim/disk.ts'
import type { DiskFile } from '../../src/store/disk.ts'

const instant = { syncMinMs: 0, syncMaxMs: 0 }

function stage(trouble: Partial<DiskTrouble> = instant, seed = 1) {
  const clock = manualClock()
  const events: DiskEvent[] = []
  const sim = createSimDisk({
    clock,
    random: seededRandom(seed),
    trouble,
    observe: (event) => void events.push(event),
    name: 'n1',
  })
  return { clock, events, sim }
}

const code = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: { code?: string }) => error.code,
  )

async function text(sim: SimDisk, path: string): Promise<string> {
  await using file = await sim.mount().open(path)
  return Buffer.from(await file.read(0, file.size)).toString()
}

async function created(sim: SimDisk, path: string, content = ''): Promise<DiskFile> {
  const disk = sim.mount()
  const file = await disk.open(path, { create: true })
  await file.write(0, Buffer.from(content))
  await file.sync()
  await disk.syncFolder('')
  return file
}

describe('simulated disk, trouble', () => {
  it('that is slow takes its time, syncs another than reads', async () => {
    const { clock, sim } = stage({ latencyMinMs: 2, latencyMaxMs: 2, syncMinMs: 10, syncMaxMs: 10 })
    const done: string[] = []
    const opening = sim.mount().open('log', { create: true })
    await clock.advance(2)
    const file = await opening
    void file.write(0, Buffer.from('x')).then(() => done.push('write'))
    void file.sync().then(() => done.push('sync'))
    await clock.advance(1)
    expect(done).toEqual([])
    await clock.advance(1)
    expect(done).toEqual(['write'])
    await clock.advance(9)
    expect(done).toEqual(['write'])
    await clock.advance(1)
    expect(done).toEqual(['write', 'sync'])
  })

  it('that stalls ends nothing before it is released, and a crash meanwhile ends it never', async () => {
    const { clock, sim } = stage()
    const file = await created(sim, 'log')
    const ended: string[] = []
    const stall = sim.stall()
    void file.write(0, Buffer.from('1')).then(() => ended.push('first'))
    await clock.advance(100_000)
    expect(ended).toEqual([])
    stall.end()
    await clock.advance(0)
    expect(ended).toEqual(['first'])
    const second = sim.stall()
    void file.write(1, Buffer.from('2')).then(
      () => ended.push('second'),
      () => ended.push('second rejected'),
    )
    await clock.advance(1)
    sim.crash('lost')
    second.end()
    await clock.advance(1)
    expect(ended).toEqual(['first'])
    expect(await text(sim, 'log')).toBe('')
  })

  it('that fails leaves a part of a write at most, and tells it', async () => {
    const lengths = new Set<number>()
    for (let seed = 0; seed < 80; seed++) {
      const { events, sim } = stage(instant, seed)
      const file = await created(sim, 'log')
      const trouble = sim.trouble({ errorChance: 1 })
      expect(await code(file.write(0, Buffer.from('abc')))).toBe('store.disk_error')
      expect(events.at(-1)).toMatchObject({ operation: 'write', outcome: 'failed', path: 'log' })
      expect(await code(file.read(0, 1))).toBe('store.disk_error')
      expect(await code(sim.mount().list(''))).toBe('store.disk_error')
      expect(await code(file.truncate(9))).toBe('store.disk_error')
      trouble.end()
      const left = await text(sim, 'log')
      expect('abc'.startsWith(left)).toBe(true)
      expect(file.size).toBe(left.length)
      lengths.add(left.length)
    }
    expect(lengths).toEqual(new Set([0, 1, 2, 3]))
  })

  it('that is full takes what has room, refuses the rest, and overwrites what it has', async () => {
    const { sim } = stage({ ...instant, capacityBytes: 10 })
    const file = await created(sim, 'log', '12345678')
    expect(await code(file.write(8, Buffer.from('abcd')))).toBe('store.disk_full')
    expect(await text(sim, 'log')).toBe('12345678ab')
    expect(file.size).toBe(10)
    await file.write(0, Buffer.from('x'))
    expect(await code(file.truncate(11))).toBe('store.disk_full')
    expect(await code(file.preallocate(20))).toBe('store.disk_full')
    await file.truncate(1)
    await file.write(1, Buffer.from('y'))
    const full = sim.fill()
    expect(await code(file.write(2, Buffer.from('z')))).toBe('store.disk_full')
    full.end()
    await file.write(2, Buffer.from('z'))
    expect(await text(sim, 'log')).toBe('xyz')
    expect(sim.usedBytes).toBe(3)
  })

  it('that preallocated has room for what is written within', async () => {
    const { sim } = stage()
    const file = await created(sim, 'log')
    await file.preallocate(100)
    sim.fill()
    await file.write(0, new Uint8Array(100).fill(1))
    expect(await code(file.write(100, new Uint8Array(1)))).toBe('store.disk_full')
  })

  it('that flips bits changes synced data too, one bit at a time, and tells which', async () => {
    const { events, sim } = stage()
    await created(sim, 'log', 'aaaa')
    await created(sim, 'empty')
    expect(sim.flip()).toBe(1)
    sim.crash('lost')
    const found = Buffer.from(await text(sim, 'log'), 'utf8')
    const flipped = events.find((event) => event.type === 'flipped')
    expect(flipped).toMatchObject({ path: 'log' })
    expect(found.equals(Buffer.from('aaaa'))).toBe(false)
    expect(sim.flip({ path: 'empty' })).toBe(0)
    expect(() => sim.flip({ path: 'none' })).toThrow(expect.objectContaining({ code: 'store.disk_missing' }))
  })

  it('that misdirects writes puts them at another sector of the file, and says that all went well', async () => {
    const moved = new Set<number>()
    for (let seed = 0; seed < 30; seed++) {
      const { events, sim } = stage(instant, seed)
      const file = await created(sim, 'log', 'a'.repeat(2048))
      const trouble = sim.trouble({ misdirectChance: 1 })
      await file.write(512, Buffer.from('b'.repeat(512)))
      trouble.end()
      const found = await text(sim, 'log')
      moved.add(found.indexOf('b'))
      expect(found.length).toBe(2048)
      expect(events.some(({ type }) => type === 'misdirected')).toBe(found.indexOf('b') !== 512)
    }
    expect([...moved].sort((one, other) => one - other)).toEqual([0, 512, 1024, 1536])
  })

  it('is checked, and heals at once', async () => {
    const { sim } = stage()
    for (const trouble of [
      { errorChance: 2 },
      { syncMinMs: -1 },
      { syncMinMs: 4, syncMaxMs: 3 },
      { full: 1 } as object,
    ])
      expect(() => sim.trouble(trouble)).toThrow(expect.objectContaining({ code: 'base.invalid_argument' }))
    const file = await created(sim, 'log')
    sim.trouble({ errorChance: 1 })
    sim.stall()
    sim.heal()
    expect(await code(file.write(0, Buffer.from('x')))).toBe('done')
  })
})

describe('simulated disk, a sync that fails', () => {
  it('uses up the handle, and a later sync by another one succeeds without what was lost', async () => {
    const outcomes = new Set<string>()
    for (let seed = 0; seed < 120; seed++) {
      const { events, sim } = stage(instant, seed)
      const file = await created(sim, 'log', 'old')
      await file.write(0, Buffer.from('new'))
      const trouble = sim.trouble({ syncErrorChance: 1 })
      expect(await code(file.sync())).toBe('store.disk_error')
      trouble.end()
      expect(await code(file.sync())).toBe('store.disk_error')
      expect(await code(file.write(0, Buffer.from('new')))).toBe('store.disk_error')
      await using again = await sim.mount().open('log')
      const seen = Buffer.from(await again.read(0, 9)).toString()
      await again.sync()
      sim.crash('kept')
      const left = await text(sim, 'log')
      outcomes.add(`${seen} then ${left}`)
      expect(events.some(({ type }) => type === 'sync-failed')).toBe(true)
    }
    expect([...outcomes].sort()).toEqual(['new then new', 'new then old', 'old then old'])
  })

  it('never takes what was synced before', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const { sim } = stage(instant, seed)
      const file = await created(sim, 'log', 'a'.repeat(1024))
      await file.write(1024, Buffer.from('b'.repeat(1024)))
      const trouble = sim.trouble({ syncErrorChance: 1 })
      await code(file.sync())
      trouble.end()
      sim.crash()
      expect((await text(sim, 'log')).slice(0, 1024)).toBe('a'.repeat(1024))
    }
  })
})

describe('simulated disk, incarnations', () => {
  it('a sync makes durable what was written before it, also beside another of the same file', async () => {
    const { clock, sim } = stage({ syncMinMs: 10, syncMaxMs: 10 })
    const making = created(sim, 'f')
    for (let at = 0; at < 40; at++) await clock.advance(1)
    const [one, other, third] = [await making, await sim.mount().open('f'), await sim.mount().open('f')]
    await one.write(0, Buffer.from('early'))
    const syncs = Promise.all([one.sync(), other.sync()])
    await third.write(5, Buffer.from(' late'))
    for (let at = 0; at < 40; at++) await clock.advance(1)
    await syncs
    sim.crash('lost')
    expect(await text(sim, 'f')).toBe('early')
  })

  it('holds no more unsynced than a machine would: the oldest is written back before a sync', () => {
    const image = new Image()
    const sectors = 1024
    const writes = 300
    for (let at = 0; at < writes; at++) image.write(0, new Uint8Array(sectors * 512).fill(at))
    expect(image.unsynced).toBeLessThan(writes / 2)
    const before = image.mark
    image.write(0, new Uint8Array([7]))
    image.sync(before)
    image.crash('lost', seededRandom(1))
    expect(image.read(0, 2)).toEqual(new Uint8Array([(writes - 1) % 256, (writes - 1) % 256]))
  })

  it('a crash revokes what was mounted: later calls reject, and what was under way never lands and never settles', async () => {
    const { clock, sim } = stage({ latencyMinMs: 5, latencyMaxMs: 5 })
    const disk = sim.mount()
    const opening = disk.open('log', { create: true })
    await clock.advance(5)
    const file = await opening
    const settled: string[] = []
    for (const [name, work] of [
      ['write', file.write(0, Buffer.from('x'))],
      ['sync', file.sync()],
      ['folder', disk.syncFolder('')],
    ] as const)
      void work.then(
        () => settled.push(name),
        () => settled.push(`${name} rejected`),
      )
    sim.crash('lost')
    await clock.advance(1000)
    expect(settled).toEqual([])
    expect(await code(file.read(0, 1))).toBe('sim.revoked')
    expect(await code(disk.list(''))).toBe('sim.revoked')
    const listing = sim.mount().list('')
    await clock.advance(5)
    expect(await listing).toEqual([])
  })

  it('the same seed gives the same events, and another seed others', async () => {
    const run = async (seed: number) => {
      const { events, sim } = stage({ ...instant, errorChance: 0.2, syncErrorChance: 0.2 }, seed)
      for (let round = 0; round < 20; round++) {
        const disk = sim.mount()
        const file = await disk.open('log', { create: true }).catch(() => undefined)
        await disk.syncFolder('').catch(() => {})
        for (let at = 0; at < 5; at++) await file?.write(at * 700, new Uint8Array(700).fill(at)).catch(() => {})
        await file?.sync().catch(() => {})
        await file?.write(0, new Uint8Array(2000)).catch(() => {})
        sim.flip()
        sim.crash()
      }
      return JSON.stringify(events)
    }
    expect(await run(1)).toBe(await run(1))
    expect(await run(1)).not.toBe(await run(2))
  })
})
