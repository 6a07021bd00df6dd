import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { memoryStore } from '../../src/store/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { backupPlace, makeBackup } from '../../src/store/sqlite-backup-folder.ts'
import type { Store } from '../../src/store/store.ts'
import { addBatch, batchesAfter, batchSchema } from './procedures.ts'
import { startChild } from './spawn.ts'

const schemas = [batchSchema]
const program = fileURLToPath(new URL('./backup-program.ts', import.meta.url))

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-backup-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

const batch = (at: number) => ({
  batch: `b${String(at).padStart(6, '0')}`,
  parts: 4,
  payload: `b${String(at).padStart(6, '0')} ${'x'.repeat(1000)}`,
})

async function namesOf(store: Store): Promise<string[]> {
  const names: string[] = []
  for (;;) {
    const page = await store.read(batchesAfter, names.at(-1) ?? '')
    if (page.length === 0) return names
    for (const { batch: name, found, parts } of page) {
      expect(found).toBe(parts)
      names.push(name)
    }
  }
}

async function fill(store: Store, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, at) => store.write(addBatch, batch(at))))
}

describe('the backup of a sqlite store', () => {
  it('is whole and consistent while writes go on, which do not wait for it', async () => {
    const folder = await temporaryFolder()
    await using store = await openSqliteStore({ folder: join(folder, 'data'), schemas })
    await fill(store, 2000)
    const copy = join(folder, 'copy')
    const copying = { over: false }
    let written = 2000
    const sizes: number[] = []
    const backup = store.backup(copy, { onProgress: ({ bytes, totalBytes }) => sizes.push(bytes / totalBytes) })
    void backup.finally(() => (copying.over = true))
    while (!copying.over) await store.write(addBatch, batch(written++))
    await backup
    expect(written).toBeGreaterThan(2001)
    expect(sizes.every((part) => part >= 0 && part <= 1)).toBe(true)
    expect((await readdir(copy)).sort()).toEqual(['colloquy.db'])
    expect([(await stat(copy)).mode & 0o777, (await stat(join(copy, 'colloquy.db'))).mode & 0o777]).toEqual([
      0o700, 0o600,
    ])
    await using again = await openSqliteStore({ folder: copy, schemas })
    const names = await namesOf(again)
    expect(names.length).toBeGreaterThanOrEqual(2000)
    expect(names).toEqual(Array.from({ length: names.length }, (_, at) => batch(at).batch))
    await again.write(addBatch, batch(9999))
    expect(await again.check()).toEqual([])
  })

  it('leaves the folder locked for its owner', async () => {
    const folder = await temporaryFolder()
    await using store = await openSqliteStore({ folder: join(folder, 'data'), schemas })
    await fill(store, 10)
    await store.backup(join(folder, 'copy'))
    const child = startChild('leave', join(folder, 'data'))
    await child.ended
    expect(child.lines).toEqual([`store.locked ${process.pid}`])
    await store.write(addBatch, batch(10))
  })

  it('is made by another process beside the owner, and of a folder that nobody owns, in which it leaves nothing', async () => {
    const folder = await temporaryFolder()
    const data = join(folder, 'data')
    const owner = await openSqliteStore({ folder: data, schemas })
    await fill(owner, 20)
    const run = promisify(execFile)
    await run(process.execPath, [program, data, join(folder, 'beside')])
    await owner.close()
    const before = await readdir(data)
    await using reader = await openSqliteStore({ folder: data, schemas, readonly: true })
    await reader.backup(join(folder, 'quiet'))
    expect(await reader.check()).toEqual([])
    expect(await readdir(data)).toEqual(before)
    for (const copy of ['beside', 'quiet']) {
      await using again = await openSqliteStore({ folder: join(folder, copy), schemas, readonly: true })
      expect(await namesOf(again)).toHaveLength(20)
    }
  })

  it('that is killed in the middle leaves nothing that passes for one, and the next try clears it away', async () => {
    const folder = await temporaryFolder()
    const data = join(folder, 'data')
    const copy = join(folder, 'copy')
    const owner = await openSqliteStore({ folder: data, schemas })
    await Promise.all(
      Array.from({ length: 4000 }, (_, at) =>
        owner.write(addBatch, { ...batch(at), payload: `${batch(at).batch} ${'y'.repeat(4000)}` }),
      ),
    )
    await owner.close()
    const child = spawn(process.execPath, [program, data, copy], { stdio: 'ignore' })
    const ended = once(child, 'exit')
    const begun = () => readdirSync(folder).find((name) => name.endsWith('.unfinished'))
    const passing = () => readdirSync(join(folder, begun() ?? '')).includes('colloquy.db.part')
    while (!passing() && child.exitCode === null) await nextTurn()
    child.kill('SIGKILL')
    expect((await ended)[1]).toBe('SIGKILL')
    expect(existsSync(copy)).toBe(false)
    expect(await readdir(join(folder, begun() ?? ''))).not.toContain('colloquy.db')
    await expect(openSqliteStore({ folder: copy, schemas, readonly: true })).rejects.toMatchObject({
      code: 'store.unavailable',
    })
    await using reader = await openSqliteStore({ folder: data, schemas, readonly: true })
    await reader.backup(copy)
    expect((await readdir(folder)).sort()).toEqual(['copy', 'data'])
    await using again = await openSqliteStore({ folder: copy, schemas, readonly: true })
    expect(await namesOf(again)).toHaveLength(4000)
  })

  it('that is cancelled on its way leaves nothing once the store is closed', async () => {
    const folder = await temporaryFolder()
    const store = await openSqliteStore({ folder: join(folder, 'data'), schemas })
    await fill(store, 2000)
    const stop = new AbortController()
    const backup = store.backup(join(folder, 'copy'), { signal: stop.signal })
    while (!readdirSync(folder).some((name) => name.endsWith('.unfinished'))) await nextTurn()
    stop.abort()
    await expect(backup).rejects.toMatchObject({ code: 'base.aborted' })
    await store.close()
    expect(await readdir(folder)).toEqual(['data'])
  })

  it('does not clear away what is not its own', async () => {
    const folder = await temporaryFolder()
    const gone = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
    await once(gone, 'exit')
    const mark = '0123456789abcdef.unfinished'
    const theirs = ['copy.unfinished', `copy.${process.pid}-${mark}`, `copy.${gone.pid}-${mark}`]
    for (const name of theirs) {
      await mkdir(join(folder, name))
      await writeFile(join(folder, name, 'mine.txt'), 'mine')
    }
    await using store = await openSqliteStore({ folder: join(folder, 'data'), schemas })
    await store.backup(join(folder, 'copy'))
    for (const name of theirs) expect(await readdir(join(folder, name))).toEqual(['mine.txt'])
  })

  it('that goes on beside another to the same folder is refused whole, or is the one', async () => {
    const folder = await temporaryFolder()
    await using store = await openSqliteStore({ folder: join(folder, 'data'), schemas })
    await fill(store, 500)
    const copy = join(folder, 'copy')
    const done = await Promise.allSettled(Array.from({ length: 4 }, () => store.backup(copy)))
    const refused = done.filter((each) => each.status === 'rejected')
    expect(refused).toHaveLength(3)
    for (const { reason } of refused) {
      expect(reason).toMatchObject({ code: 'store.unavailable' })
      expect(String(reason)).toContain(copy)
    }
    expect((await readdir(folder)).sort()).toEqual(['copy', 'data'])
    await using again = await openSqliteStore({ folder: copy, schemas, readonly: true })
    expect(await namesOf(again)).toHaveLength(500)
  })

  it('is no backup when its file was replaced meanwhile, and names the copy where the copy failed', async () => {
    const folder = await temporaryFolder()
    const whole = join(folder, 'copy')
    const replace = (file: string) => {
      rmSync(file)
      writeFileSync(`${file}.other`, 'other')
      renameSync(`${file}.other`, file)
    }
    expect(() => makeBackup(backupPlace(whole), replace)).toThrow(/copy.*was replaced/)
    const failing = (errcode: number) => () => {
      throw Object.assign(new Error('disk I/O error'), { errcode })
    }
    const [write, open, read] = [778, 14, 266]
    for (const errcode of [write, open])
      expect(() => makeBackup(backupPlace(whole), failing(errcode))).toThrow(`${whole} cannot be made (disk I/O error)`)
    expect(() => makeBackup(backupPlace(whole), failing(read))).toThrow(/^disk I\/O error$/)
    expect(await readdir(folder)).toEqual([])
  })

  it('is let finish by close', async () => {
    const folder = await temporaryFolder()
    const store = await openSqliteStore({ folder: join(folder, 'data'), schemas })
    await fill(store, 100)
    const backup = store.backup(join(folder, 'copy'))
    await store.close()
    await backup
    await using again = await openSqliteStore({ folder: join(folder, 'copy'), schemas, readonly: true })
    expect(await namesOf(again)).toHaveLength(100)
  })
})

describe('the backup of a memory store', () => {
  it('is a data folder of the sqlite driver', async () => {
    const folder = await temporaryFolder()
    await using store = memoryStore({ schemas })
    await fill(store, 30)
    await store.backup(join(folder, 'copy'))
    await using again = await openSqliteStore({ folder: join(folder, 'copy'), schemas })
    expect(await namesOf(again)).toHaveLength(30)
  })
})
