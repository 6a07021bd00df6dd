import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { batchesAfter, batchSchema } from '../store/procedures.ts'
import { killChildren, startChild } from '../store/spawn.ts'

const root = mkdtempSync(join(tmpdir(), 'colloquy-store-'))
afterEach(killChildren)
afterAll(() => rmSync(root, { recursive: true }))

describe('the lock of a data folder', () => {
  it('is held by a living process, which is named, and freed by kill -9', async () => {
    const folder = join(root, 'held')
    const holder = startChild('hold', folder)
    await holder.line(1)
    expect(holder.lines).toEqual(['open'])
    for (let times = 0; times < 3; times++)
      await expect(openSqliteStore({ folder, schemas: [batchSchema] })).rejects.toMatchObject({
        code: 'store.locked',
        ownerPid: holder.process.pid,
        folder,
      })
    await holder.kill()
    const store = await openSqliteStore({ folder, schemas: [batchSchema] })
    await store.close()
  })

  it('lets others read while it is held', async () => {
    const folder = join(root, 'read')
    const holder = startChild('hold', folder)
    await holder.line(1)
    await using store = await openSqliteStore({ folder, schemas: [batchSchema], readonly: true })
    expect(await store.read(batchesAfter, '')).toEqual([])
    await holder.kill()
    expect(await store.read(batchesAfter, '')).toEqual([])
  })

  it('goes to one of several processes that want it at once', async () => {
    const folder = join(root, 'race')
    const children = Array.from({ length: 4 }, () => startChild('hold', folder))
    await Promise.all(children.map((child) => child.line(1)))
    const owners = children.filter((child) => child.lines[0] === 'open')
    expect(owners).toHaveLength(1)
    expect(children.filter((child) => child.lines[0]?.startsWith('store.locked'))).toHaveLength(3)
    await Promise.all(children.map((child) => child.kill()))
  })
})
