import { deepEqual } from 'node:assert/strict'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import { createSimDisk } from '../../src/sim/disk.ts'
import type { DiskEvent, SimDisk } from '../../src/sim/disk.ts'
import type { Disk } from '../../src/store/disk.ts'

const sector = 512
/** No time passes in operations, so that no clock has to be turned. */
const instant = { syncMinMs: 0, syncMaxMs: 0 }

function open(seed: number, observe?: (event: DiskEvent) => void): SimDisk {
  return createSimDisk({
    clock: manualClock(),
    random: seededRandom(seed),
    trouble: instant,
    ...(observe && { observe }),
  })
}

type Step =
  | { readonly do: 'write'; readonly offset: number; readonly length: number }
  | { readonly do: 'truncate'; readonly size: number }
  | { readonly do: 'sync' }

const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('write' as const), offset: fc.nat(3000), length: fc.integer({ min: 1, max: 1500 }) }),
    fc.record({ do: fc.constant('truncate' as const), size: fc.nat(4000) }),
    fc.record({ do: fc.constant('sync' as const) }),
  ),
  { maxLength: 12 },
)

/** The naive model: the whole contents, copied at each step. */
function after(state: Uint8Array, step: Step, value: number): Uint8Array {
  if (step.do === 'sync') return state
  const size = step.do === 'truncate' ? step.size : Math.max(state.length, step.offset + step.length)
  const next = new Uint8Array(size)
  next.set(state.subarray(0, size))
  if (step.do === 'write') next.fill(value, step.offset, step.offset + step.length)
  return next
}

/** A sector of one state, as it is in a file of this size. */
function sectorOf(state: Uint8Array, at: number, size: number): string {
  const piece = new Uint8Array(sector)
  piece.set(state.subarray(at * sector, (at + 1) * sector))
  return Buffer.from(piece.subarray(0, Math.max(0, Math.min(sector, size - at * sector)))).toString('hex')
}

/** Runs the steps, and gives every state since the last sync, that of the sync first. */
async function run(disk: Disk, list: readonly Step[]): Promise<Uint8Array[]> {
  const file = await disk.open('log', { create: true })
  await disk.syncFolder('')
  let states: Uint8Array[] = [new Uint8Array(0)]
  for (const [at, step] of list.entries()) {
    if (step.do === 'write') await file.write(step.offset, new Uint8Array(step.length).fill(at + 1))
    if (step.do === 'truncate') await file.truncate(step.size)
    if (step.do === 'sync') await file.sync()
    const next = after(states.at(-1) as Uint8Array, step, at + 1)
    states = step.do === 'sync' ? [next] : [...states, next]
  }
  expect(await file.read(0, 100_000)).toEqual(states.at(-1))
  return states
}

async function contents(disk: Disk, path: string): Promise<Uint8Array> {
  await using file = await disk.open(path)
  return file.read(0, file.size)
}

describe('simulated disk, bytes after a crash', () => {
  it('each sector is one that was there since the last sync, and so is the size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), steps, steps, async (seed, before, later) => {
        const sim = open(seed)
        const states = await run(sim.mount(), before)
        sim.crash('mixed')
        const found = await contents(sim.mount(), 'log')
        expect(states.map(({ length }) => length)).toContain(found.length)
        for (let at = 0; at * sector < found.length; at++)
          expect(states.map((state) => sectorOf(state, at, found.length))).toContain(sectorOf(found, at, found.length))
        // What the crash has left is what there is: a second one takes nothing from it, whatever was written over it.
        sim.crash('mixed')
        expect(await contents(sim.mount(), 'log')).toEqual(found)
        const disk = sim.mount()
        const file = await disk.open('log')
        await file.truncate(0)
        await file.sync()
        const again = await run(disk, later)
        sim.crash('lost')
        expect(await contents(sim.mount(), 'log')).toEqual(again[0])
      }),
      { numRuns: 300 },
    )
  })

  it('of unsynced writes all are lost, or all kept, when it is asked for', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), steps, fc.boolean(), async (seed, list, kept) => {
        const sim = open(seed)
        const states = await run(sim.mount(), list)
        sim.crash(kept ? 'kept' : 'lost')
        expect(await contents(sim.mount(), 'log')).toEqual(states.at(kept ? -1 : 0))
      }),
    )
  })

  it('writes are lost, kept and torn, in any order, over some seeds', async () => {
    const outcomes = new Set<string>()
    for (let seed = 0; seed < 200; seed++) {
      const sim = open(seed)
      const disk = sim.mount()
      const file = await disk.open('log', { create: true })
      await disk.syncFolder('')
      await file.write(0, new Uint8Array(3 * sector))
      await file.sync()
      await file.write(0, new Uint8Array(2 * sector).fill(1))
      await file.write(2 * sector, new Uint8Array(sector).fill(2))
      sim.crash()
      const found = await contents(sim.mount(), 'log')
      outcomes.add([0, 1, 2].map((at) => found[at * sector]).join(''))
    }
    expect([...outcomes].sort()).toEqual(['000', '002', '010', '012', '100', '102', '110', '112'])
  })

  it('a synced write is there after every crash, and the crash is told with what it did', async () => {
    const events: DiskEvent[] = []
    const sim = open(3, (event) => void events.push(event))
    const disk = sim.mount()
    const file = await disk.open('log', { create: true })
    await disk.syncFolder('')
    await file.write(0, Buffer.from('acknowledged'))
    await file.sync()
    await file.write(12, Buffer.from(' and not'))
    sim.crash('lost')
    expect(Buffer.from(await contents(sim.mount(), 'log')).toString()).toBe('acknowledged')
    expect(events).toContainEqual({ type: 'crashed', lost: 1, kept: 0, torn: 0, namesLost: 0, namesKept: 0 })
  })

  it('the bytes of a synced file are gone with its name, when only that was not synced', async () => {
    const sim = open(1)
    const file = await sim.mount().open('log', { create: true })
    await file.write(0, Buffer.from('x'))
    await file.sync()
    sim.crash('lost')
    await expect(sim.mount().open('log')).rejects.toMatchObject({ code: 'store.disk_missing' })
  })
})

const paths = ['x/a', 'x/b', 'y/a', 'y/b']
const at = fc.nat(paths.length - 1)
const nameSteps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('create' as const), at }),
    fc.record({ do: fc.constant('rename' as const), at, to: at }),
    fc.record({ do: fc.constant('remove' as const), at }),
    fc.record({ do: fc.constant('sync' as const), folder: fc.nat(1) }),
  ),
  { maxLength: 16 },
)

async function namesAfter(sim: SimDisk): Promise<Map<string, string>> {
  const disk = sim.mount()
  const found = new Map<string, string>()
  for (const folder of ['x', 'y'])
    for (const { name } of await disk.list(folder))
      found.set(`${folder}/${name}`, Buffer.from(await contents(disk, `${folder}/${name}`)).toString())
  return found
}

describe('simulated disk, names after a crash', () => {
  it('each name stands for what it stood for since its folder was synced, and no file is there twice or gone unasked', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), nameSteps, fc.constantFrom('lost', 'kept', 'mixed'), async (seed, list, fate) => {
        const sim = open(seed)
        const disk = sim.mount()
        for (const folder of ['x', 'y']) await disk.makeFolder(folder)
        await disk.syncFolder('')
        const now = new Map<string, string>()
        const past = new Map(paths.map((path) => [path, new Set<string | undefined>([undefined])]))
        // Files that were there at a sync of their folder, and that no step has removed or replaced.
        const safe = new Set<string>()
        let crossed = false
        const set = (path: string, file: string | undefined) => {
          if (file === undefined) now.delete(path)
          else now.set(path, file)
          past.get(path)?.add(file)
        }
        for (const [index, step] of list.entries()) {
          if (step.do === 'sync') {
            const folder = ['x', 'y'][step.folder] as string
            await disk.syncFolder(folder)
            // A rename between folders is durable with the sync of both.
            const done = crossed ? ['x', 'y'] : [folder]
            if (crossed) await disk.syncFolder(folder === 'x' ? 'y' : 'x')
            crossed = false
            for (const path of paths) if (done.includes(path[0] as string)) past.set(path, new Set([now.get(path)]))
            for (const [path, file] of now) if (done.includes(path[0] as string)) safe.add(file)
            continue
          }
          const path = paths[step.at] as string
          const there = now.get(path)
          if (step.do === 'create' && there === undefined) {
            const file = await disk.open(path, { create: true })
            await file.write(0, Buffer.from(`file ${index}`))
            await file.sync()
            await file.close()
            set(path, `file ${index}`)
          }
          if (there === undefined || step.do === 'create') continue
          if (step.do === 'remove') {
            await disk.remove(path)
            set(path, undefined)
            safe.delete(there)
          }
          if (step.do === 'rename' && step.to !== step.at) {
            const to = paths[step.to] as string
            safe.delete(now.get(to) ?? '')
            await disk.rename(path, to)
            set(path, undefined)
            set(to, there)
            crossed ||= path[0] !== to[0]
          }
        }
        sim.crash(fate)
        const found = await namesAfter(sim)
        for (const path of paths) {
          const value = found.get(path)
          // A file that was created and whose name was kept has its bytes, for they were synced.
          expect(past.get(path)?.has(value), `${path} is ${value}`).toBe(true)
        }
        expect(new Set(found.values()).size).toBe(found.size)
        for (const file of safe) expect([...found.values()]).toContain(file)
        if (fate === 'kept') deepEqual(found, now)
      }),
      { numRuns: 1000 },
    )
  })

  it('a file whose rename is lost keeps its name, though another has taken it since', async () => {
    const found = new Set<string>()
    for (let seed = 0; seed < 60; seed++) {
      const sim = open(seed)
      const disk = sim.mount()
      const create = async (content: string) => {
        await using file = await disk.open('a', { create: true })
        await file.write(0, Buffer.from(content))
        await file.sync()
      }
      await create('first')
      await disk.syncFolder('')
      await disk.rename('a', 'b')
      await create('second')
      sim.crash()
      const after = sim.mount()
      const names = (await after.list('')).map(({ name }) => name)
      found.add(
        JSON.stringify(
          await Promise.all(names.map(async (name) => `${name} ${String(Buffer.from(await contents(after, name)))}`)),
        ),
      )
    }
    expect([...found].sort()).toEqual(['["a first"]', '["a second","b first"]', '["b first"]'])
  })

  it('a removal that was synced stays, though the rename that brought the name there was not', async () => {
    for (const fate of ['lost', 'kept'] as const) {
      const sim = open(1)
      const disk = sim.mount()
      for (const folder of ['x', 'y']) await disk.makeFolder(folder)
      await (await disk.open('x/a', { create: true })).close()
      for (const folder of ['', 'x']) await disk.syncFolder(folder)
      await disk.rename('x/a', 'y/a')
      await disk.remove('y/a')
      await disk.syncFolder('y')
      sim.crash(fate)
      expect(await namesAfter(sim)).toEqual(new Map())
    }
  })

  it('a rename over a synced file leaves the old one or the new one, never none', async () => {
    const found = new Set<string>()
    for (let seed = 0; seed < 60; seed++) {
      const sim = open(seed)
      const disk = sim.mount()
      for (const [path, text] of [
        ['log', 'old'],
        ['log.new', 'new'],
      ] as const) {
        await using file = await disk.open(path, { create: true })
        await file.write(0, Buffer.from(text))
        await file.sync()
        if (path === 'log') await disk.syncFolder('')
      }
      await disk.rename('log.new', 'log')
      sim.crash()
      found.add(Buffer.from(await contents(sim.mount(), 'log')).toString())
    }
    expect([...found].sort()).toEqual(['new', 'old'])
  })

  it('what is in a folder whose name was not synced is gone with it', async () => {
    const sim = open(1)
    const disk = sim.mount()
    await disk.makeFolder('wal')
    await (await disk.open('wal/1', { create: true })).close()
    await disk.syncFolder('wal')
    sim.crash('lost')
    const next = sim.mount()
    expect(await next.list('')).toEqual([])
    await expect(next.open('wal/1')).rejects.toMatchObject({ code: 'store.disk_missing' })
    await next.makeFolder('wal')
    expect(await next.list('wal')).toEqual([])
  })
})
