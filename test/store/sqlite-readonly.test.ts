import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { openSqliteStore, type SqliteStoreOptions } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { addBatch, batchesAfter, batchSchema } from './procedures.ts'

const root = mkdtempSync(join(tmpdir(), 'colloquy-store-'))
afterAll(() => rmSync(root, { recursive: true }))

let made = 0
const newFolder = (): string => join(root, `${made++}`)
const open = (folder: string, options: Partial<SqliteStoreOptions> = {}): Promise<Store> =>
  openSqliteStore({ folder, schemas: [batchSchema], ...options })
const names = async (store: Store): Promise<string[]> => (await store.read(batchesAfter, '')).map(({ batch }) => batch)
const add = (store: Store, batch: string): Promise<string> => store.write(addBatch, { batch, parts: 1, payload: '' })

describe('sqlite store, read-only', () => {
  it('fails with store.unavailable where there is no database, and makes nothing', async () => {
    const folder = newFolder()
    await expect(open(folder, { readonly: true })).rejects.toMatchObject({ code: 'store.unavailable' })
    expect(existsSync(folder)).toBe(false)
  })

  it('fails with store.schema_older where a room has no tables yet', async () => {
    const folder = newFolder()
    await (await open(folder)).close()
    const newer = { ...batchSchema, migrations: [...batchSchema.migrations, 'SELECT 1'] }
    await expect(open(folder, { readonly: true, schemas: [newer] })).rejects.toMatchObject({
      code: 'store.schema_older',
      room: 'batch',
      found: 1,
      known: 2,
    })
  })

  it('reads a folder that nobody owns without making or changing a file', async () => {
    const folder = newFolder()
    const owner = await open(folder)
    await add(owner, 'a')
    await owner.close()
    const files = readdirSync(folder)
    const bytes = readFileSync(join(folder, 'colloquy.db'))
    const store = await open(folder, { readonly: true })
    expect(await names(store)).toEqual(['a'])
    expect(readdirSync(folder)).toEqual(files)
    await store.close()
    expect(readdirSync(folder)).toEqual(files)
    expect(readFileSync(join(folder, 'colloquy.db')).equals(bytes)).toBe(true)
  })

  it('sees what an owner writes that comes and goes, several times', async () => {
    const folder = newFolder()
    await (await open(folder)).close()
    await using reader = await open(folder, { readonly: true })
    const expected: string[] = []
    for (let round = 0; round < 3; round++) {
      expect(await names(reader)).toEqual(expected)
      const owner = await open(folder)
      expected.push(await add(owner, `${round} a`))
      expect(await names(reader)).toEqual(expected)
      expected.push(await add(owner, `${round} b`))
      await owner.close()
    }
    expect(await names(reader)).toEqual(expected)
  })

  it('refuses to write with store.readonly', async () => {
    const folder = newFolder()
    await using owner = await open(folder)
    await using reader = await open(folder, { readonly: true })
    await expect(add(reader, 'a')).rejects.toMatchObject({ code: 'store.readonly' })
    expect(await names(owner)).toEqual([])
  })

  it.each(['owned', 'free'])(
    'wakes at a commit of an owner, asking only while somebody waits (%s at first)',
    async (first) => {
      const folder = newFolder()
      let owner = await open(folder)
      if (first === 'free') await owner.close()
      const clock = manualClock()
      await using reader = await open(folder, { readonly: true, clock, pollMs: 50 })
      expect(clock.pending).toBe(0)
      let told = 0
      const waits = [1, 2].map(async () => {
        await reader.changed()
        told++
      })
      expect(clock.pending).toBe(1)
      await clock.advance(500)
      expect([told, clock.pending]).toEqual([0, 1])
      if (first === 'free') owner = await open(folder)
      await add(owner, 'a')
      await clock.advance(50)
      await Promise.all(waits)
      expect([told, clock.pending]).toEqual([2, 0])
      await owner.close()
    },
  )

  it('stops asking when those who waited have gone', async () => {
    const folder = newFolder()
    await (await open(folder)).close()
    const clock = manualClock()
    await using reader = await open(folder, { readonly: true, clock })
    const controller = new AbortController()
    const waiting = reader.changed(controller.signal)
    controller.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'base.aborted' })
    await clock.advance(50)
    expect(clock.pending).toBe(0)
  })

  it('is closed once: waits reject, calls are refused', async () => {
    const folder = newFolder()
    await (await open(folder)).close()
    const clock = manualClock()
    const reader = await open(folder, { readonly: true, clock })
    const waiting = reader.changed()
    // Nobody awaits this one: were it an unhandled rejection, the runner would say so.
    void reader.changed(new AbortController().signal)
    await reader.close()
    await reader.close()
    await expect(waiting).rejects.toMatchObject({ code: 'store.closed' })
    expect(clock.pending).toBe(0)
    for (const call of [() => names(reader), () => add(reader, 'a'), () => reader.changed()])
      await expect(call()).rejects.toMatchObject({ code: 'store.closed' })
  })
})
