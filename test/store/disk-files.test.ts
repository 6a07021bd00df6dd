import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { diskChecks } from '../../src/store/conformance-disk.ts'
import type { DiskBench } from '../../src/store/conformance-disk.ts'
import { openedFile } from '../../src/store/disk-file.ts'
import { filesDisk } from '../../src/store/disk-files.ts'
import { DiskFailed } from '../../src/store/error.ts'

async function bench(): Promise<DiskBench & { readonly folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-disk-'))
  return {
    folder,
    disk: filesDisk({ folder }),
    reopen: async () => filesDisk({ folder }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

describe('disk conformance, files', () => {
  it.for(diskChecks)('$name', async (check) => {
    await expect(check.run(bench)).resolves.toBe(undefined)
  })
})

describe('files disk', () => {
  it('lists only names that it could have made, and no links', async () => {
    await using own = await bench()
    await writeFile(join(own.folder, 'log'), '')
    await writeFile(join(own.folder, '.hidden'), '')
    await writeFile(join(own.folder, 'with space'), '')
    await mkdir(join(own.folder, 'folder'))
    await symlink(join(own.folder, 'log'), join(own.folder, 'link'))
    expect(await own.disk.list('')).toEqual([
      { name: 'folder', kind: 'folder' },
      { name: 'log', kind: 'file' },
    ])
  })

  it('tells that its own folder is missing', async () => {
    const disk = filesDisk({ folder: join(tmpdir(), 'colloquy-disk-that-nobody-made') })
    await expect(disk.list('')).rejects.toMatchObject({ code: 'store.disk_missing' })
  })

  it.skipIf(process.platform !== 'linux')('tells a full disk from a failed one', async () => {
    await using own = await bench()
    // Linux has a device that is always full; elsewhere there is none, hence the skip.
    await symlink('/dev/full', join(own.folder, 'full'))
    await using file = await own.disk.open('full')
    await expect(file.write(0, new Uint8Array(1))).rejects.toMatchObject({ code: 'store.disk_full', path: 'full' })
  })

  it('refuses further writes after a sync that failed, with the error of it', async () => {
    let synced = 0
    const failure = new DiskFailed('log', 'sync')
    const file = openedFile('log', 0, {
      read: async () => new Uint8Array(0),
      write: async () => {},
      sync: async () => {
        synced++
        throw failure
      },
      truncate: async () => {},
      size: async () => 0,
      close: async () => {},
    })
    const waiting = [file.sync(), file.write(0, new Uint8Array(1)), file.sync()]
    for (const each of await Promise.allSettled(waiting)) expect(each).toEqual({ status: 'rejected', reason: failure })
    for (const call of [() => file.sync(), () => file.write(0, new Uint8Array(1)), () => file.truncate(0)])
      await expect(call()).rejects.toBe(failure)
    expect(synced).toBe(1)
    await expect(file.read(0, 1)).resolves.toHaveLength(0)
    await file.close()
  })

  it('refuses further writes after a synced write that failed', async () => {
    const failure = new DiskFailed('log', 'synced write')
    const file = openedFile('log', 0, {
      read: async () => new Uint8Array(0),
      write: async () => {},
      writeSynced: async () => {
        throw failure
      },
      sync: async () => {},
      truncate: async () => {},
      size: async () => 0,
      close: async () => {},
    })
    for (const call of [() => file.writeSynced?.(0, new Uint8Array(1)), () => file.sync(), () => file.truncate(0)])
      await expect(call()).rejects.toBe(failure)
    await file.close()
  })

  it.skipIf(process.platform !== 'linux')(
    'a synced write goes to the file that was opened, whoever has its name',
    async () => {
      await using own = await bench()
      await using file = await own.disk.open('log', { create: true })
      await own.disk.rename('log', 'old')
      await using other = await own.disk.open('log', { create: true })
      await file.writeSynced?.(0, Uint8Array.of(1))
      await file.writeSynced?.(1, Uint8Array.of(2))
      expect(other.size).toBe(0)
      expect(await other.read(0, 9)).toHaveLength(0)
      expect([...(await file.read(0, 9))]).toEqual([1, 2])
    },
  )

  it('bounds the calls that wait', async () => {
    await using own = await bench()
    await using file = await own.disk.open('log', { create: true })
    const calls = Array.from({ length: 5000 }, () => file.write(0, new Uint8Array(1)))
    const codes = (await Promise.allSettled(calls)).map((each) =>
      each.status === 'rejected' ? (each.reason as { code?: string }).code : 'written',
    )
    expect(codes.filter((code) => code === 'written')).toHaveLength(4097)
    expect(codes.filter((code) => code === 'base.limit_exceeded')).toHaveLength(903)
    await file.write(0, new Uint8Array(1))
  })
})
