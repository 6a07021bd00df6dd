/**
 * The checks that every driver of the Disk must pass, one for each promise of the port that can be seen while power lasts.
 * What a loss of power leaves cannot be shown by a driver of real files from inside; the simulated disk shows it by crashing.
 * Unlike tests they know no runner:
 *
 * ```ts
 * for (const check of diskChecks) it(check.name, () => check.run(openMine))
 * ```
 */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { codeOf } from '../base/error.ts'
import type { Disk, DiskFile } from './disk.ts'

/** An empty disk, made for one check. */
export interface DiskBench extends AsyncDisposable {
  readonly disk: Disk
  /** Another Disk over the same files, as the next process would open it. */
  readonly reopen: () => Promise<Disk>
}

export type OpenDisk = () => Promise<DiskBench>

export interface DiskCheck {
  /** A fact; the key of a skip list. */
  readonly name: string
  readonly run: (open: OpenDisk) => Promise<void>
}

function check(name: string, body: (disk: Disk, bench: DiskBench) => Promise<void>): DiskCheck {
  return {
    name,
    async run(open) {
      await using bench = await open()
      await body(bench.disk, bench)
    },
  }
}

/** A file that is created, used and closed. */
async function withFile(disk: Disk, path: string, use: (file: DiskFile) => Promise<void>): Promise<void> {
  await using file = await disk.open(path, { create: true })
  await use(file)
}

async function contents(disk: Disk, path: string): Promise<number[]> {
  await using file = await disk.open(path)
  return [...(await file.read(0, file.size + 1))]
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

const names = async (disk: Disk, folder = ''): Promise<string[]> => (await disk.list(folder)).map(({ name }) => name)

export const diskChecks: readonly DiskCheck[] = [
  ...fileChecks(),
  ...syncedChecks(),
  ...openingChecks(),
  ...sizeChecks(),
  ...folderChecks(),
  ...refusalChecks(),
  ...argumentChecks(),
]

function fileChecks(): DiskCheck[] {
  return [
    check('what was written is read, in whole and in part, by any handle', async (disk) => {
      await withFile(disk, 'log', async (file) => {
        await file.write(0, bytes(1, 2, 3, 4))
        deepEqual([...(await file.read(0, 4))], [1, 2, 3, 4])
        deepEqual([...(await file.read(1, 2))], [2, 3])
        deepEqual(await contents(disk, 'log'), [1, 2, 3, 4])
      })
    }),
    check('a read ends at the end of the file, and what was read is the caller’s', async (disk) => {
      await withFile(disk, 'log', async (file) => {
        await file.write(0, bytes(1, 2, 3))
        const read = await file.read(2, 10)
        deepEqual([...read], [3])
        read.fill(9)
        deepEqual([...(await file.read(0, 3))], [1, 2, 3])
        equal((await file.read(3, 10)).length, 0)
        equal((await file.read(300, 10)).length, 0)
        equal((await file.read(0, 0)).length, 0)
      })
    }),
    check('writes of any length and place come back, over the borders of sectors too', async (disk) => {
      await withFile(disk, 'log', async (file) => {
        const mirror = new Uint8Array(5000)
        for (let at = 0; at < 60; at++) {
          const offset = (at * 397) % 4000
          const data = new Uint8Array(1 + ((at * 271) % 1000)).fill(at + 1)
          await file.write(offset, data)
          mirror.set(data, offset)
        }
        deepEqual(await file.read(0, file.size), mirror.slice(0, file.size))
        await file.sync()
        deepEqual(await file.read(0, file.size), mirror.slice(0, file.size))
      })
    }),
    check(
      'writes that are not awaited land in the order of the calls, and sync is behind them',
      async (disk, bench) => {
        await withFile(disk, 'log', async (file) => {
          const writes = Array.from({ length: 50 }, (_none, at) => file.write(at % 3, bytes(at, at)))
          await file.sync()
          await Promise.all(writes)
          deepEqual([...(await file.read(0, 9))], [48, 49, 49, 47])
        })
        deepEqual(await contents(await bench.reopen(), 'log'), [48, 49, 49, 47])
      },
    ),
    check('a view into a larger buffer is written as it is, no more', async (disk) => {
      await withFile(disk, 'log', async (file) => {
        await file.write(0, Uint8Array.from([9, 9, 1, 2, 9, 9]).subarray(2, 4))
        deepEqual([...(await file.read(0, 9))], [1, 2])
      })
    }),
  ]
}

function syncedChecks(): DiskCheck[] {
  return [
    check('a synced write, where there is one, is a write in its place among the others', async (disk, bench) => {
      await withFile(disk, 'log', async (file) => {
        if (file.writeSynced === undefined) return
        const calls = [
          file.write(0, bytes(1, 1, 1, 1)),
          file.writeSynced(1, bytes(2, 2)),
          file.write(2, bytes(3)),
          file.writeSynced(6, bytes(4)),
        ]
        await Promise.all(calls)
        equal(file.size, 7)
        deepEqual(await contents(await bench.reopen(), 'log'), [1, 2, 3, 1, 0, 0, 4])
        equal(await outcome(() => file.writeSynced!(-1, bytes(1))), 'base.invalid_argument')
      })
    }),
  ]
}

function openingChecks(): DiskCheck[] {
  return [
    check('what was synced is there for the next process', async (disk, bench) => {
      await disk.makeFolder('wal')
      await withFile(disk, 'wal/1', async (file) => {
        await file.write(0, bytes(1, 2))
        await file.sync()
      })
      await disk.syncFolder('wal')
      await disk.syncFolder('')
      const next = await bench.reopen()
      deepEqual(await contents(next, 'wal/1'), [1, 2])
      deepEqual(await names(next, 'wal'), ['1'])
    }),
    check('an existing file is opened as it is, with its size', async (disk) => {
      await withFile(disk, 'log', (file) => file.write(0, bytes(1, 2, 3)))
      await withFile(disk, 'log', async (file) => {
        equal(file.size, 3)
        equal(file.path, 'log')
      })
    }),
    check('close is idempotent, waits for the calls before it, and ends the handle', async (disk) => {
      const file = await disk.open('log', { create: true })
      const write = file.write(0, bytes(1))
      await Promise.all([file.close(), file.close()])
      await write
      for (const work of [
        () => file.read(0, 1),
        () => file.write(0, bytes(1)),
        () => file.sync(),
        () => file.truncate(0),
      ])
        await rejects(work, { code: 'base.closed' })
      deepEqual(await contents(disk, 'log'), [1])
    }),
  ]
}

function sizeChecks(): DiskCheck[] {
  return [
    check('a gap before a write reads as zeros', async (disk) => {
      await withFile(disk, 'log', async (file) => {
        await file.write(2, bytes(7))
        await file.write(1030, bytes(8))
        equal(file.size, 1031)
        const read = await file.read(0, 2000)
        equal(read.length, 1031)
        deepEqual(
          [...read.entries()].filter(([, byte]) => byte !== 0),
          [
            [2, 7],
            [1030, 8],
          ],
        )
      })
    }),
    check('truncate cuts, and what is lengthened again is zeros', async (disk) => {
      await withFile(disk, 'log', async (file) => {
        await file.write(0, bytes(1, 2, 3, 4))
        await file.truncate(2)
        equal(file.size, 2)
        deepEqual([...(await file.read(0, 9))], [1, 2])
        await file.truncate(4)
        deepEqual([...(await file.read(0, 9))], [1, 2, 0, 0])
        await file.truncate(0)
        equal(file.size, 0)
        await file.write(2, bytes(5))
        deepEqual([...(await file.read(0, 9))], [0, 0, 5])
      })
    }),
    check('preallocate lengthens with zeros, and leaves what is there and what is longer', async (disk) => {
      await withFile(disk, 'log', async (file) => {
        await file.write(0, bytes(1))
        await file.preallocate(600_000)
        equal(file.size, 600_000)
        const read = await file.read(0, 700_000)
        equal(read.length, 600_000)
        ok(read.every((byte, at) => byte === (at === 0 ? 1 : 0)))
        await file.preallocate(10)
        equal(file.size, 600_000)
      })
    }),
    check('writing nothing changes nothing, not the size either', async (disk) => {
      await withFile(disk, 'log', async (file) => {
        await file.write(10, new Uint8Array(0))
        equal(file.size, 0)
        equal((await file.read(0, 20)).length, 0)
      })
    }),
  ]
}

function folderChecks(): DiskCheck[] {
  return [
    check('list gives files and folders of one folder, sorted', async (disk) => {
      await disk.makeFolder('b')
      for (const path of ['c', 'a', 'b/inner', 'B']) await withFile(disk, path, async () => {})
      deepEqual(await disk.list(''), [
        { name: 'B', kind: 'file' },
        { name: 'a', kind: 'file' },
        { name: 'b', kind: 'folder' },
        { name: 'c', kind: 'file' },
      ])
      deepEqual(await names(disk, 'b'), ['inner'])
    }),
    check('remove takes the name away, and an open handle goes on', async (disk) => {
      await withFile(disk, 'log', async (file) => {
        await file.write(0, bytes(1))
        await disk.remove('log')
        deepEqual(await names(disk), [])
        await file.write(1, bytes(2))
        deepEqual([...(await file.read(0, 9))], [1, 2])
        await withFile(disk, 'log', async (other) => equal(other.size, 0))
      })
    }),
    check('rename moves a file, also into another folder and over another file', async (disk) => {
      await disk.makeFolder('old')
      await withFile(disk, 'a', (file) => file.write(0, bytes(1)))
      await withFile(disk, 'b', (file) => file.write(0, bytes(2)))
      await disk.rename('a', 'b')
      deepEqual(await names(disk), ['b', 'old'])
      deepEqual(await contents(disk, 'b'), [1])
      await disk.rename('b', 'old/b')
      deepEqual(await names(disk), ['old'])
      deepEqual(await contents(disk, 'old/b'), [1])
      await disk.rename('old/b', 'old/b')
      deepEqual(await contents(disk, 'old/b'), [1])
      await disk.syncFolder('old')
      await disk.syncFolder('')
    }),
    check('an open handle follows its file through a rename', async (disk) => {
      await withFile(disk, 'a', async (file) => {
        await disk.rename('a', 'b')
        await file.write(0, bytes(3))
      })
      deepEqual(await contents(disk, 'b'), [3])
    }),
    check('makeFolder leaves a folder that exists', async (disk) => {
      await disk.makeFolder('a')
      await withFile(disk, 'a/b', async () => {})
      await disk.makeFolder('a')
      deepEqual(await names(disk, 'a'), ['b'])
    }),
  ]
}

function refusalChecks(): DiskCheck[] {
  return [
    check('what is not there is store.disk_missing', async (disk) => {
      const missing = { code: 'store.disk_missing' }
      await rejects(disk.open('a'), missing)
      await rejects(disk.open('folder/a', { create: true }), missing)
      await rejects(disk.list('folder'), missing)
      await rejects(disk.remove('a'), missing)
      await rejects(disk.rename('a', 'b'), missing)
      await rejects(disk.makeFolder('a/b'), missing)
      await rejects(disk.syncFolder('folder'), missing)
      await withFile(disk, 'a', async () => {})
      await rejects(disk.rename('a', 'folder/a'), missing)
      deepEqual(await names(disk), ['a'])
    }),
    check('a folder is no file, and a file no folder: store.disk_error', async (disk) => {
      const failed = { code: 'store.disk_error' }
      await disk.makeFolder('folder')
      await withFile(disk, 'file', async () => {})
      await rejects(disk.open('folder'), failed)
      await rejects(disk.remove('folder'), failed)
      await rejects(disk.rename('folder', 'other'), failed)
      await rejects(disk.rename('file', 'folder'), failed)
      await rejects(disk.makeFolder('file'), failed)
      deepEqual(await names(disk), ['file', 'folder'])
    }),
  ]
}

function argumentChecks(): DiskCheck[] {
  return [
    check('paths that lead elsewhere, or that another system would not take, are refused', async (disk) => {
      const long = 'x'.repeat(129)
      for (const path of [
        '..',
        '.',
        'a/../b',
        '/a',
        'a/',
        'a//b',
        'a\\b',
        'a\0',
        'é',
        '.a',
        'a.',
        'a b',
        long,
        'a/'.repeat(9),
      ])
        for (const call of [
          () => disk.open(path, { create: true }),
          () => disk.list(path),
          () => disk.remove(path),
          () => disk.rename('a', path),
          () => disk.makeFolder(path),
        ])
          equal(await outcome(call), 'base.invalid_argument', JSON.stringify(path))
      equal(await outcome(() => disk.open('')), 'base.invalid_argument')
      await withFile(disk, 'A-b_0.log.1', async () => {})
    }),
    check('arguments out of range are refused', async (disk) => {
      await withFile(disk, 'log', async (file) => {
        const calls = [
          () => file.write(-1, bytes(1)),
          () => file.write(0.5, bytes(1)),
          () => file.write(Number.MAX_SAFE_INTEGER, bytes(1)),
          () => file.write(0, 'text' as unknown as Uint8Array),
          () => file.read(-1, 1),
          () => file.read(0, -1),
          () => file.read(0, Number.POSITIVE_INFINITY),
          () => file.truncate(-1),
          () => file.truncate(Number.NaN),
          () => file.preallocate(-1),
        ]
        for (const call of calls) equal(await outcome(call), 'base.invalid_argument')
        equal(file.size, 0)
      })
    }),
    check('a call whose signal is aborted is base.aborted', async (disk) => {
      await withFile(disk, 'log', async (file) => {
        const signal = AbortSignal.abort(new Error('enough'))
        const calls = [
          () => file.write(0, bytes(1), { signal }),
          () => file.sync({ signal }),
          () => file.read(0, 1, { signal }),
          () => file.truncate(1, { signal }),
          () => disk.list('', { signal }),
          () => disk.open('log', { signal }),
        ]
        for (const call of calls) equal(await outcome(call), 'base.aborted')
        equal(file.size, 0)
      })
    }),
  ]
}

/** The code that a call rejects or throws with. */
async function outcome(call: () => Promise<unknown>): Promise<string> {
  try {
    await call()
    return 'nothing'
  } catch (error) {
    return codeOf(error)
  }
}
