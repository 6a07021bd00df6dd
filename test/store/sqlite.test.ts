import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import { procedure } from '../../src/store/procedure.ts'
import { openSqliteStore, type SqliteStoreOptions } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import {
  type Batch,
  addBatch,
  batchesAfter,
  batchSchema,
  endThread,
  failAfterAdding,
  removeBatches,
} from './procedures.ts'

const root = mkdtempSync(join(tmpdir(), 'colloquy-store-'))
afterAll(() => rmSync(root, { recursive: true }))

let made = 0
const newFolder = (): string => join(root, `${made++}`)
const open = (folder: string, options: Partial<SqliteStoreOptions> = {}): Promise<Store> =>
  openSqliteStore({ folder, schemas: [batchSchema], ...options })
const one = (batch: string, bytes = 10): Batch => ({ batch, parts: 2, payload: 'p'.repeat(bytes) })
const names = async (store: Store): Promise<string[]> => (await store.read(batchesAfter, '')).map(({ batch }) => batch)

/** A folder with `count` batches, closed in order. */
async function filled(count: number): Promise<string> {
  const folder = newFolder()
  await using store = await open(folder)
  await Promise.all(
    Array.from({ length: count }, (_, at) => store.write(addBatch, one(`b${String(at).padStart(4, '0')}`, 500))),
  )
  return folder
}

describe('sqlite store', () => {
  it('keeps what it acknowledged over a close', async () => {
    const folder = await filled(20)
    await using store = await open(folder)
    expect(await names(store)).toHaveLength(20)
  })

  it('leaves one file and the file of the lock after a close', async () => {
    expect(readdirSync(await filled(1))).toEqual(['colloquy.db', 'lock.db'])
  })

  it.skipIf(process.platform === 'win32')('makes folder and files for their owner only', async () => {
    // Windows has no such modes; there the folder's access list decides.
    const folder = join(newFolder(), 'deep')
    await using store = await open(folder)
    await store.write(addBatch, one('a'))
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    for (const file of readdirSync(folder))
      expect([file, statSync(join(folder, file)).mode & 0o777]).toEqual([file, 0o600])
  })

  it('commits all that wait in one transaction', async () => {
    await using store = await open(newFolder(), { groupMaxMs: 60_000 })
    await Promise.all(Array.from({ length: 100 }, (_, at) => store.write(addBatch, one(`${at}`))))
    expect(store.stats).toEqual({ commits: 1, writes: 100, failures: 0 })
  })

  it('puts at most groupMax writes into one transaction', async () => {
    await using store = await open(newFolder(), { groupMax: 10, groupMaxMs: 60_000 })
    await Promise.all(Array.from({ length: 95 }, (_, at) => store.write(addBatch, one(`${at}`))))
    expect(store.stats).toEqual({ commits: 10, writes: 95, failures: 0 })
  })

  it('refuses more than backlogMax writes that wait, and takes more when they are done', async () => {
    await using store = await open(newFolder(), { backlogMax: 4 })
    const writes = ['a', 'b', 'c', 'd'].map((batch) => store.write(addBatch, one(batch)))
    await expect(store.write(addBatch, one('e'))).rejects.toMatchObject({ code: 'store.backlog_full' })
    await Promise.all(writes)
    await store.write(addBatch, one('f'))
    expect(await names(store)).toEqual(['a', 'b', 'c', 'd', 'f'])
  })

  it('rejects a procedure that its module does not export, and only that call', async () => {
    await using store = await open(newFolder())
    const missing = procedure(import.meta.url, 'missing', () => null)
    const nowhere = procedure('file:///nowhere/at/all.ts', 'missing', () => null)
    const results = await Promise.allSettled([
      store.write(missing, null),
      store.write(addBatch, one('a')),
      store.write(nowhere, null),
    ])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected'])
  })

  it('rejects what waits with store.failed when its worker dies, and stays closed to writes', async () => {
    const folder = newFolder()
    const store = await open(folder)
    await store.write(addBatch, one('a'))
    const results = await Promise.allSettled([store.write(endThread, null), store.write(addBatch, one('b'))])
    expect(results).toMatchObject([
      { status: 'rejected', reason: { code: 'store.failed' } },
      { status: 'rejected', reason: { code: 'store.failed' } },
    ])
    await expect(store.write(addBatch, one('c'))).rejects.toMatchObject({ code: 'store.failed' })
    expect(await names(store)).toEqual(['a'])
    await store.close()
    await using again = await open(folder)
    expect(await names(again)).toEqual(['a'])
  })

  it('refuses a second store of the same process, and takes it after the first is closed', async () => {
    const folder = newFolder()
    const first = await open(folder)
    await expect(open(folder)).rejects.toMatchObject({ code: 'store.locked', ownerPid: process.pid })
    await first.write(addBatch, one('a'))
    await first.close()
    await using second = await open(folder)
    expect(await names(second)).toEqual(['a'])
  })

  it('rejects with store.busy while another program writes, and goes on when it has ended', async () => {
    const folder = newFolder()
    await using store = await open(folder, { busyTimeoutMs: 10 })
    const other = new DatabaseSync(join(folder, 'colloquy.db'))
    other.exec('BEGIN IMMEDIATE')
    await expect(store.write(addBatch, one('a'))).rejects.toMatchObject({ code: 'store.busy' })
    other.exec('ROLLBACK')
    other.close()
    await store.write(addBatch, one('b'))
    expect(await names(store)).toEqual(['b'])
  })

  it('says no to options outside their range', async () => {
    const wrong: Partial<SqliteStoreOptions>[] = [
      { backlogMax: 0 },
      { groupMax: 1.5 },
      { sizeMaxBytes: 10 },
      { schemas: [batchSchema, batchSchema] },
      { schemas: [{ room: 'No Room', migrations: [] }] },
    ]
    for (const options of wrong)
      await expect(open(newFolder(), options)).rejects.toMatchObject({ code: 'base.invalid_argument' })
  })
})

describe('sqlite store: migrations', () => {
  const { migrations } = batchSchema
  const later = { room: 'batch', migrations: [...migrations, 'ALTER TABLE batch_row ADD COLUMN note TEXT'] }

  it('adds the steps that are new and keeps the rows', async () => {
    const folder = await filled(3)
    await using store = await open(folder, { schemas: [later] })
    expect(await names(store)).toHaveLength(3)
  })

  it('refuses a newer schema with store.schema_newer and touches nothing', async () => {
    const folder = await filled(3)
    await (await open(folder, { schemas: [later] })).close()
    const before = readFileSync(join(folder, 'colloquy.db'))
    for (const readonly of [false, true])
      await expect(open(folder, { readonly })).rejects.toMatchObject({
        code: 'store.schema_newer',
        room: 'batch',
        found: 2,
        known: 1,
      })
    expect(readFileSync(join(folder, 'colloquy.db')).equals(before)).toBe(true)
    expect(readdirSync(folder)).toEqual(['colloquy.db', 'lock.db'])
  })

  it('leaves all as it was when a step fails', async () => {
    const folder = await filled(3)
    const broken = [
      { room: 'other', migrations: ['CREATE TABLE other_thing (id INTEGER)'] },
      { room: 'batch', migrations: [...migrations, 'DROP TABLE batch_row', 'SELECT nonsense'] },
    ]
    await expect(open(folder, { schemas: broken })).rejects.toMatchObject({ code: 'store.sql' })
    await using store = await open(folder)
    expect(await names(store)).toHaveLength(3)
  })

  it('refuses the database of another program with store.unavailable', async () => {
    const folder = newFolder()
    mkdirSync(folder)
    const foreign = new DatabaseSync(join(folder, 'colloquy.db'))
    foreign.exec('CREATE TABLE theirs (id INTEGER)')
    foreign.close()
    await expect(open(folder)).rejects.toMatchObject({ code: 'store.unavailable' })
    await expect(open(folder, { readonly: true })).rejects.toMatchObject({ code: 'store.unavailable' })
  })
})

describe('sqlite store: damage', () => {
  it.each([
    ['garbage', (file: string) => writeFileSync(file, Buffer.alloc(20_000, 'no database '))],
    ['a truncated file', (file: string) => truncateSync(file, Math.floor(statSync(file).size / 8192) * 4096)],
    ['an empty file', (file: string) => truncateSync(file, 0)],
    ['a header alone', (file: string) => truncateSync(file, 100)],
  ])('opens %s with store.corrupt, leaves it as it is and frees the folder', async (_what, damage) => {
    const folder = await filled(200)
    const file = join(folder, 'colloquy.db')
    damage(file)
    const before = readFileSync(file)
    for (const readonly of [false, true, false])
      await expect(open(folder, { readonly })).rejects.toMatchObject({ code: 'store.corrupt', file })
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  it('refuses to write with store.corrupt once a page is damaged', async () => {
    const folder = await filled(200)
    const file = join(folder, 'colloquy.db')
    const bytes = readFileSync(file)
    // All but the pages of the schema, which opening reads.
    bytes.fill(0xa5, 3 * 4096)
    writeFileSync(file, bytes)
    const store = await open(folder)
    await expect(store.write(addBatch, one('b0100a'))).rejects.toMatchObject({ code: 'store.corrupt' })
    await expect(store.write(addBatch, one('x'))).rejects.toMatchObject({ code: 'store.corrupt' })
    await store.close()
  })

  it('does not play the log of a lost database into a new one', async () => {
    const folder = await filled(1)
    const file = join(folder, 'colloquy.db')
    rmSync(file)
    writeFileSync(`${file}-wal`, 'what was not yet folded in')
    await expect(open(folder)).rejects.toMatchObject({ code: 'store.corrupt', file })
  })

  it.skipIf(process.platform === 'win32').each([
    ['removed', (file: string) => rmSync(file)],
    ['moved away', (file: string) => renameSync(file, `${file}.old`)],
  ])('acknowledges nothing after its file was %s', async (_what, damage) => {
    // Windows does not let an open file be moved.
    const folder = newFolder()
    const store = await open(folder)
    await store.write(addBatch, one('a'))
    damage(join(folder, 'colloquy.db'))
    await expect(store.write(addBatch, one('b'))).rejects.toMatchObject({ code: 'store.failed' })
    await expect(store.write(addBatch, one('c'))).rejects.toMatchObject({ code: 'store.failed' })
    await store.close()
  })

  it('fails with store.unavailable when the folder is a file', async () => {
    const folder = newFolder()
    writeFileSync(folder, 'a file')
    await expect(open(folder)).rejects.toMatchObject({ code: 'store.unavailable' })
    await expect(open(folder, { readonly: true })).rejects.toMatchObject({ code: 'store.unavailable' })
  })
})

describe('sqlite store: sizeMaxBytes', () => {
  it('refuses what does not fit with store.full, keeps what was acknowledged, and goes on when there is room', async () => {
    const folder = newFolder()
    await using store = await open(folder, { sizeMaxBytes: 400_000 })
    const kept: string[] = []
    const fill = async () => {
      for (let at = 0; ; at++) kept.push(await store.write(addBatch, one(`b${String(at).padStart(4, '0')}`, 5000)))
    }
    await expect(fill()).rejects.toMatchObject({ code: 'store.full' })
    expect(await names(store)).toEqual(kept)
    expect(statSync(join(folder, 'colloquy.db')).size).toBeLessThanOrEqual(400_000)
    await store.write(removeBatches, null)
    await store.write(addBatch, one('later', 5000))
    expect(await names(store)).toEqual(['later'])
  })

  it('refuses only the write that is too much for the room, not those that wait with it', async () => {
    await using store = await open(newFolder(), { sizeMaxBytes: 400_000, groupMaxMs: 60_000 })
    const results = await Promise.allSettled([
      store.write(addBatch, one('a')),
      store.write(addBatch, one('huge', 1_000_000)),
      store.write(failAfterAdding, one('none')),
      store.write(addBatch, one('b')),
    ])
    expect(results).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'store.full' } },
      { status: 'rejected', reason: { message: 'no none' } },
      { status: 'fulfilled' },
    ])
    expect(await names(store)).toEqual(['a', 'b'])
  })
})
