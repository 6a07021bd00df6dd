import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { requirement } from '../requirement.ts'
import { addBatch, batchesAfter, batchSchema } from '../store/procedures.ts'
import { killChildren, startChild } from '../store/spawn.ts'
import { acknowledgements, tracing } from '../store/trace.ts'
import { smallDisk } from './small-disk.ts'

const root = mkdtempSync(join(tmpdir(), 'colloquy-store-'))
const disk = smallDisk('4m')
const small = disk.folder
const hasStrace = requirement(
  spawnSync('strace', ['-V'], { stdio: 'ignore' }).status === 0,
  'the order of sync and acknowledgement',
  'install strace',
)

afterAll(async () => {
  await killChildren()
  disk.remove()
  rmSync(root, { recursive: true })
})

describe('sqlite store on a full disk', () => {
  // Without the right to mount there is no disk to fill; sizeMaxBytes is tested everywhere.
  it.skipIf(!disk.mounted)(
    'refuses with store.full, keeps what it acknowledged, goes on when there is room',
    async () => {
      const folder = join(small, 'data')
      const ballast = join(small, 'ballast')
      writeFileSync(ballast, Buffer.alloc(1_000_000))
      const kept: string[] = []
      const add = async (batch: string) => {
        kept.push(await store.write(addBatch, { batch, parts: 2, payload: `${batch} `.repeat(1000) }))
      }
      const names = async () => (await store.read(batchesAfter, '')).map(({ batch }) => batch)
      let store = await openSqliteStore({ folder, schemas: [batchSchema] })
      const fill = async () => {
        for (let at = 0; ; at++)
          await Promise.all(['a', 'b', 'c'].map((part) => add(`b${String(at).padStart(5, '0')}${part}`)))
      }
      await expect(fill()).rejects.toMatchObject({ code: 'store.full' })
      await expect(add('no room')).rejects.toMatchObject({ code: 'store.full' })
      expect(await names()).toEqual(kept.toSorted())
      rmSync(ballast)
      await add('room again')
      expect(await names()).toEqual(kept.toSorted())
      await store.close()
      store = await openSqliteStore({ folder, schemas: [batchSchema] })
      expect(await names()).toEqual(kept.toSorted())
      await store.close()
      const database = new DatabaseSync(join(folder, 'colloquy.db'), { readOnly: true })
      expect(database.prepare('PRAGMA integrity_check').all()).toMatchObject([{ integrity_check: 'ok' }])
      database.close()
    },
  )
})

describe('sqlite store and its syncs', () => {
  // The order of system calls can only be seen with a tracer.
  it.skipIf(!hasStrace)('acknowledges no write before the log is synced', async () => {
    const trace = join(root, 'trace')
    const child = startChild('serial', join(root, 'data'), '0', tracing(trace))
    expect(await child.ended).toBe(0)
    expect(child.lines).toHaveLength(21)
    expect(acknowledgements(readFileSync(trace, 'utf8'), 'one ')).toEqual(Array.from({ length: 20 }, () => 'synced'))
  })

  // A sync that fails can only be had from a tracer that answers in the kernel's place.
  it.skipIf(!hasStrace)('writes no more after one sync has failed, though the next would succeed', async () => {
    const folder = join(root, 'failing')
    const once = ['strace', '-f', '-o', join(root, 'injected'), '-e', 'inject=fsync,fdatasync:error=EIO:when=25']
    const child = startChild('refused', folder, '0', once)
    expect(await child.ended).toBe(0)
    expect(child.lines.slice(-3)).toEqual(['store.failed', 'store.failed', 'store.failed'])
    const acknowledged = child.lines.slice(1, -3)
    expect(acknowledged.length).toBeGreaterThan(0)
    await using store = await openSqliteStore({ folder, schemas: [batchSchema] })
    const kept = (await store.read(batchesAfter, '')).map(({ batch }) => batch)
    expect(kept).toEqual(expect.arrayContaining(acknowledged))
  })
})
