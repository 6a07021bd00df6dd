import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { deferred } from '../../src/base/deferred.ts'
import { systemEntropy } from '../../src/base/entropy.ts'
import type { Disk, DiskFile } from '../../src/store/disk.ts'
import { filesDisk } from '../../src/store/disk-files.ts'
import { lockFolder } from '../../src/store/lock.ts'
import { openSegmentLog } from '../../src/store/segment-log.ts'
import type { SegmentLogOptions } from '../../src/store/segment-log.ts'
import { scanSegmentLog } from '../../src/store/segment-log-scan.ts'
import { instantDisk, numberedRecord, numberOf, openFound, upTo } from './segment-log-kit.ts'

const folders: string[] = []

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-segments-'))
  folders.push(folder)
  return folder
}

async function fresh(): Promise<Disk> {
  return filesDisk({ folder: await freshFolder() })
}

const names = async (disk: Disk) => (await disk.list('wal')).map(({ name }) => name)

/** The same disk, but for writes that fail once so many bytes of them are there. */
function failingWrites(disk: Disk, left: (data: Uint8Array) => number | undefined): Disk {
  return {
    driver: disk.driver,
    open: async (...given) => {
      const inner = await disk.open(...given)
      const write = inner.write.bind(inner)
      inner.write = async (offset, data) => {
        const bytes = left(data)
        if (bytes === undefined) return write(offset, data)
        await write(offset, data.subarray(0, bytes))
        throw new Error('the cable is out')
      }
      return inner
    },
    list: (...given) => disk.list(...given),
    remove: (...given) => disk.remove(...given),
    rename: (...given) => disk.rename(...given),
    makeFolder: (...given) => disk.makeFolder(...given),
    syncFolder: (...given) => disk.syncFolder(...given),
  }
}

/** A disk whose files tell of each write and sync, and wait or fail when they are told to. */
function watched(disk: Disk, on: (what: 'write' | 'sync', bytes: number) => Promise<void> | void): Disk {
  const file = (inner: DiskFile): DiskFile => ({
    path: inner.path,
    get size() {
      return inner.size
    },
    read: (...given) => inner.read(...given),
    write: async (offset, data) => {
      await on('write', data.length)
      await inner.write(offset, data)
    },
    sync: async () => {
      await on('sync', 0)
      await inner.sync()
    },
    truncate: (...given) => inner.truncate(...given),
    preallocate: (...given) => inner.preallocate(...given),
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => inner.close(),
  })
  return {
    driver: 'watched',
    open: async (...given) => file(await disk.open(...given)),
    list: (...given) => disk.list(...given),
    remove: (...given) => disk.remove(...given),
    rename: (...given) => disk.rename(...given),
    makeFolder: (...given) => disk.makeFolder(...given),
    syncFolder: (...given) => disk.syncFolder(...given),
  }
}

describe('segment log on real files', () => {
  it('gives back what was appended, over segments and openings, each record in its segment', async () => {
    const disk = await fresh()
    const written: number[] = []
    for (let life = 0; life < 4; life++) {
      const { log, numbers, segments } = await openFound(disk)
      expect(numbers).toEqual(upTo(life * 12))
      expect(segments).toEqual(written)
      for (const at of upTo(12, life * 12)) written.push(await log.append([numberedRecord(at, (at * 97) % 900)]))
      await log.close()
    }
    expect(written.at(-1)).toBeGreaterThan(5)
  })

  it('gives back records of any size and kind, in batches of any size', async () => {
    const record = fc.record({
      kind: fc.integer({ min: 1, max: 255 }),
      payload: fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.nat(3400).map((size) => new Uint8Array(size)),
      ),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(record, { maxLength: 6 }), { maxLength: 8 }), async (batches) => {
        const disk = instantDisk(1).mount()
        const options = { disk, entropy: systemEntropy, segmentBytes: 4096, batchMaxBytes: 1024 }
        const found: SegmentLogOptions['onRecord'] = () => {
          throw new Error('nothing was written')
        }
        const log = await openSegmentLog({ ...options, onRecord: found })
        await Promise.all(batches.map((each) => log.append(each)))
        await log.close()
        const read: unknown[] = []
        await (await openSegmentLog({ ...options, onRecord: (each) => void read.push(each) })).close()
        expect(read).toEqual(batches.flat().map(({ kind, payload }) => ({ kind, payload })))
      }),
      { numRuns: 100 },
    )
  })

  it('calls that wait while a sync runs go in one write and one sync', async () => {
    const calls: string[] = []
    let gate: Promise<void> | undefined
    const disk = watched(await fresh(), (what) => {
      calls.push(what)
      return what === 'sync' ? gate : undefined
    })
    const { log } = await openFound(disk, { segmentBytes: 65_536, batchMaxBytes: 32_768 })
    calls.length = 0
    const opening = deferred()
    gate = opening.promise
    const first = log.append([numberedRecord(0)])
    await expect.poll(() => calls.length).toBe(2)
    const others = upTo(40, 1).map((at) => log.append([numberedRecord(at)]))
    opening.resolve()
    await Promise.all([first, ...others])
    expect(calls).toEqual(['write', 'sync', 'write', 'sync'])
    await log.close()
  })

  it('an append without sync resolves when it is written, and the next sync is one for both', async () => {
    const calls: string[] = []
    const disk = watched(await fresh(), (what) => void calls.push(what))
    const { log } = await openFound(disk)
    calls.length = 0
    await log.append([numberedRecord(0)], { sync: false })
    expect(calls).toEqual(['write'])
    await log.append([numberedRecord(1)])
    expect(calls).toEqual(['write', 'write', 'sync'])
    await log.append([numberedRecord(2)], { sync: false })
    await log.close()
    expect(calls).toEqual(['write', 'write', 'sync', 'write', 'sync'])
  })

  it('a synced write stands for write and sync where all before it is synced and it is one batch, and nowhere else', async () => {
    const calls: string[] = []
    const inner = await fresh()
    const disk = watched(inner, (what) => void calls.push(what))
    const able: Disk = {
      ...disk,
      open: async (...given) => {
        const file = await disk.open(...given)
        const writeSynced = async (offset: number, data: Uint8Array): Promise<void> => {
          calls.push('synced write')
          await using other = await inner.open(file.path)
          await other.write(offset, data)
          await other.sync()
        }
        return Object.assign(file, { writeSynced })
      },
    }
    const { log } = await openFound(able, { segmentBytes: 65_536, batchMaxBytes: 4096 })
    const said = async (work: Promise<unknown>): Promise<string[]> => {
      calls.length = 0
      await work
      return [...calls]
    }
    expect(await said(log.append([numberedRecord(0)]))).toEqual(['synced write'])
    expect(await said(log.append([numberedRecord(1)], { sync: false }))).toEqual(['write'])
    expect(await said(log.append([numberedRecord(2)]))).toEqual(['write', 'sync'])
    const two = [log.append([numberedRecord(3)]), log.append([numberedRecord(4)], { sync: false })]
    expect(await said(Promise.all(two))).toEqual(['synced write'])
    const large = [5, 6, 7].map((at) => numberedRecord(at, 2500))
    expect(await said(log.append(large))).toEqual(['write', 'write', 'write', 'sync'])
    const other = [log.append([numberedRecord(8)], { sync: false }), log.append([numberedRecord(9)])]
    expect(await said(Promise.all(other))).toEqual(['write', 'sync'])
    await log.close()
    const again = await openFound(inner)
    expect(again.numbers).toEqual(upTo(10))
    await again.log.close()
  })

  it.each(['write', 'sync'] as const)(
    'after a failed %s it takes nothing more, and what was acknowledged is there',
    async (kind) => {
      const inner = await fresh()
      let failing = false
      const disk = watched(inner, (what) => {
        if (failing && what === kind) throw new Error('the cable is out')
      })
      const { log } = await openFound(disk)
      await log.append([numberedRecord(0)])
      failing = true
      const both = [log.append([numberedRecord(1)]), log.append([numberedRecord(2)], { sync: false })]
      const outcomes = await Promise.allSettled(both)
      expect(outcomes[0]).toMatchObject({ status: 'rejected', reason: { code: 'store.log_failed', folder: 'wal' } })
      failing = false
      await expect(log.append([numberedRecord(3)])).rejects.toMatchObject({ code: 'store.log_failed' })
      await expect(log.append([numberedRecord(3)], { sync: false })).rejects.toMatchObject({ code: 'store.log_failed' })
      await log.close()
      const again = await openFound(inner)
      expect(again.numbers[0]).toBe(0)
      expect(again.numbers).toEqual(upTo(again.numbers.length))
      expect(again.numbers.length).toBeLessThan(4)
      await again.log.close()
    },
  )

  it('what a failed write has left of a batch is cut wherever it ends, and the log goes on behind what was acknowledged', async () => {
    for (let left = 0; left <= 1024; left += left % 512 > 500 || left % 512 < 40 ? 1 : 13) {
      const disk = instantDisk(left).mount()
      let failing = false
      const failed = failingWrites(disk, () => (failing ? left : undefined))
      const { log } = await openFound(failed)
      for (const number of [0, 1]) await log.append([numberedRecord(number)])
      failing = true
      await expect(log.append([numberedRecord(2, 700)])).rejects.toMatchObject({ code: 'store.log_failed' })
      await log.close()
      const again = await openFound(disk)
      expect(again.numbers).toEqual(upTo(left === 1024 ? 3 : 2))
      await again.log.append([numberedRecord(again.numbers.length)])
      await again.log.close()
      const last = await openFound(disk)
      expect(last.numbers).toEqual(upTo(again.numbers.length + 1))
      await last.log.close()
    }
  })

  it('what is left of a batch is erased again when erasing it has failed half-way', async () => {
    for (const erased of [8, 31, 100, 300, 508, 511]) {
      const disk = instantDisk(erased).mount()
      let failing: 'no' | 'append' | 'erasure' = 'no'
      const failed = failingWrites(disk, (data) => {
        if (failing === 'append') return 600
        return failing === 'erasure' && data.every((byte) => byte === 0) ? erased : undefined
      })
      const { log } = await openFound(failed)
      for (const number of [0, 1]) await log.append([numberedRecord(number)])
      failing = 'append'
      await expect(log.append([numberedRecord(2, 700)])).rejects.toMatchObject({ code: 'store.log_failed' })
      await log.close()
      failing = 'erasure'
      await expect(openFound(failed)).rejects.toThrow('the cable is out')
      const again = await openFound(disk)
      expect(again.numbers).toEqual([0, 1])
      await again.log.append([numberedRecord(2)])
      await again.log.close()
    }
  })

  it('removes whole segments before one, and goes on without them', async () => {
    const disk = await fresh()
    const { log } = await openFound(disk)
    const at = new Map<number, number>()
    for (const number of upTo(20)) at.set(number, await log.append([numberedRecord(number, 600)]))
    const sizeBefore = log.sizeBytes
    const middle = at.get(10) as number
    await log.removeBefore(middle)
    expect(log.firstSegment).toBe(middle)
    expect(log.sizeBytes).toBeLessThan(sizeBefore)
    expect((await names(disk))[0]).toBe(`segment-${String(middle).padStart(10, '0')}`)
    await expect(log.removeBefore(log.activeSegment + 1)).rejects.toMatchObject({ code: 'base.invalid_argument' })
    await log.close()
    const again = await openFound(disk)
    const kept = upTo(20).filter((number) => (at.get(number) as number) >= middle)
    expect(again.numbers).toEqual(kept)
    expect(again.log.sizeBytes).toBeLessThan(sizeBefore)
    await again.log.close()
  })

  it('a call larger than a segment goes over as many as it takes', async () => {
    const disk = await fresh()
    const { log } = await openFound(disk, { batchMaxBytes: 1024 * 1024 })
    const calls = [upTo(30), upTo(30, 30)].map((each) => log.append(each.map((at) => numberedRecord(at, 300))))
    await Promise.all([...calls, log.append([numberedRecord(60, 3500)])])
    await log.close()
    const again = await openFound(disk)
    expect(again.numbers).toEqual(upTo(61))
    await again.log.close()
  })

  it('the next segment is there before it is needed', async () => {
    const disk = await fresh()
    const { log } = await openFound(disk)
    for (const at of upTo(5)) await log.append([numberedRecord(at, 400)])
    expect(log.activeSegment).toBe(1)
    await expect.poll(() => names(disk)).toEqual(['segment-0000000001', 'segment-0000000002'])
    await log.close()
  })

  it('segments of a new size take the place of empty ones', async () => {
    const disk = await fresh()
    const small = await openFound(disk)
    for (const at of upTo(5)) await small.log.append([numberedRecord(at, 400)])
    await small.log.close()
    const large = await openFound(disk, { segmentBytes: 16_384 })
    for (const at of upTo(3, 5)) await large.log.append([numberedRecord(at, 12_000)])
    await large.log.close()
    const again = await openFound(disk)
    expect(again.numbers).toEqual(upTo(8))
    await again.log.close()
  })

  it('what is wrong with an argument is said, and nothing is written', async () => {
    const disk = await fresh()
    const { log } = await openFound(disk, { backlogMaxBytes: 1000 })
    const invalid = { code: 'base.invalid_argument' }
    await expect(log.append([{ kind: 0, payload: new Uint8Array(1) }])).rejects.toMatchObject(invalid)
    await expect(log.append([{ kind: 256, payload: new Uint8Array(1) }])).rejects.toMatchObject(invalid)
    await expect(log.append([{ kind: 1, payload: 'x' as unknown as Uint8Array }])).rejects.toMatchObject(invalid)
    const limit = { code: 'base.limit_exceeded' }
    await expect(log.append([{ kind: 1, payload: new Uint8Array(4096) }])).rejects.toMatchObject(limit)
    const [one, other] = [log.append([numberedRecord(0, 900)]), log.append([numberedRecord(1, 900)])]
    await expect(other).rejects.toMatchObject({ ...limit, limit: 'backlogMaxBytes' })
    await one
    await expect(log.append([], { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'base.aborted' })
    await log.close()
    await log.close()
    await expect(log.append([numberedRecord(1)])).rejects.toMatchObject({ code: 'base.closed' })
    const again = await openFound(disk)
    expect(again.numbers).toEqual([0])
    await again.log.close()
    for (const wrong of [{ segmentBytes: 5000 }, { segmentBytes: 512 }, { batchMaxBytes: 0 }, { folder: '../x' }])
      await expect(openFound(disk, wrong)).rejects.toMatchObject(invalid)
  })

  it('holds the lock of its folder until it is closed, and lets go when the opening fails', async () => {
    const folder = await freshFolder()
    const disk = filesDisk({ folder })
    const open = async () => openFound(disk, { folder: '', lock: lockFolder(folder, 0) })
    const { log } = await open()
    await expect(open()).rejects.toMatchObject({ code: 'store.locked' })
    await log.append([numberedRecord(1)])
    await log.close()
    const file = await disk.open('segment-0000000001')
    await file.write(600, Uint8Array.of(1))
    await file.close()
    await expect(open()).rejects.toMatchObject({ code: 'store.log_corrupt' })
    await expect(open()).rejects.toMatchObject({ code: 'store.log_corrupt' })
  })
})

describe('segment log that is damaged', () => {
  async function filled(): Promise<Disk> {
    const disk = instantDisk(7).mount()
    const { log } = await openFound(disk)
    for (const at of upTo(16)) await log.append([numberedRecord(at, 700)])
    await log.close()
    return disk
  }

  const overwritten = async (disk: Disk, path: string, offset: number, data: Uint8Array) => {
    await using file = await disk.open(path)
    await file.write(offset, data)
    await file.sync()
  }

  const segment = (number: number) => `wal/segment-000000000${number}`

  it('a batch in the middle is named by file and offset, and nothing is changed', async () => {
    const disk = await filled()
    await overwritten(disk, segment(2), 1024, Uint8Array.of(1, 2, 3))
    await expect(openFound(disk)).rejects.toMatchObject({ code: 'store.log_corrupt', file: segment(2), offset: 1024 })
    await expect(openFound(disk)).rejects.toMatchObject({ file: segment(2), offset: 1024 })
  })

  it('a batch of zeros is refused where a later one was written after its sync', async () => {
    const disk = await filled()
    await overwritten(disk, segment(2), 512, new Uint8Array(1024))
    await expect(openFound(disk)).rejects.toMatchObject({ file: segment(2), offset: 512, problem: /was synced/ })
  })

  it('the last batch of a segment that is zeros is refused, since the next segment goes on behind it', async () => {
    const disk = await filled()
    await overwritten(disk, segment(2), 512 * 5, new Uint8Array(1024))
    await expect(openFound(disk)).rejects.toMatchObject({ file: segment(2), offset: 2560, problem: /is missing/ })
  })

  it.each([1, 2, 3])('a missing segment %s is refused', async (number) => {
    const disk = await filled()
    await disk.remove(segment(number))
    await expect(openFound(disk)).rejects.toMatchObject({ code: 'store.log_corrupt', file: segment(number) })
  })

  it('a segment of another log, of another number or of another length is refused', async () => {
    for (const [from, to] of [
      [segment(3), segment(2)],
      ['other/segment-0000000002', segment(2)],
    ] as const) {
      const disk = await filled()
      const other = await openFound(disk, { folder: 'other', entropy: systemEntropy })
      for (const at of upTo(8)) await other.log.append([numberedRecord(at, 700)])
      await other.log.close()
      await disk.rename(from, to)
      await expect(openFound(disk)).rejects.toMatchObject({ code: 'store.log_corrupt' })
    }
    const disk = await filled()
    await using file = await disk.open(segment(2))
    await file.truncate(3584)
    await expect(openFound(disk)).rejects.toMatchObject({ file: segment(2), offset: 3584 })
  })

  it('reading alone changes nothing, and tells the same', async () => {
    const disk = await filled()
    await overwritten(disk, segment(6), 2560, Uint8Array.of(9))
    const numbers: number[] = []
    const scan = await scanSegmentLog(disk, 'wal', (record) => void numbers.push(numberOf(record)))
    expect(scan.lastBatch).toBe(16)
    await using file = await disk.open(segment(6))
    expect([...(await file.read(2560, 1))]).toEqual([9])
    expect(numbers).toEqual(upTo(16))
    expect((await scanSegmentLog(disk, 'nowhere', () => {})).active).toBe(undefined)
  })
})
