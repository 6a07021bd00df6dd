import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { archiveFile } from '../../src/journal/archive-file.ts'
import { archive } from '../../src/journal/archive.ts'
import type { ArchiveOptions, ArchiveSink } from '../../src/journal/archive.ts'
import { event, gather, numbered } from '../../src/journal/conformance-kit.ts'
import { importEvents } from '../../src/journal/import-events.ts'
import type { Journal, Recorded } from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { restoreEvents } from '../../src/journal/restore-events.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'

const journals = {
  memory: () => memoryJournal(),
  sqlite: () => storeJournal(memoryStore({ schemas: [journalSchema] }), { ownsStore: true }),
}
const both = Object.entries(journals)

/** A sink in memory. `tear`: how many bytes it still takes before it breaks. */
class Shelf implements ArchiveSink {
  kept: Buffer | undefined
  writes = 0
  tear = Number.POSITIVE_INFINITY
  async read() {
    const { kept } = this
    return kept && pieces(kept)
  }
  async write(bytes: AsyncIterable<Uint8Array>) {
    this.writes++
    let left = this.tear
    const parts: Uint8Array[] = []
    for await (const part of bytes) {
      left -= part.length
      if (left < 0) throw new Error('the shelf is full')
      parts.push(part)
    }
    this.kept = Buffer.concat(parts)
  }
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 777) yield bytes.subarray(at, at + 777)
}

async function filled(make: () => Journal): Promise<Journal> {
  const journal = make()
  for (let at = 1; at <= 30; at++) await journal.append(at % 3 === 0 ? 'other' : `a/${at % 3}`, [event(at)])
  return journal
}

const t0 = 1_767_225_600_000
const old: Pick<ArchiveOptions, 'streams' | 'before'> = { streams: ['a/*'], before: { version: 8 } }

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-archive-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

describe('an archive', () => {
  it.each(both)('takes the events that it erases, and gives them back to their places (%s)', async (_name, make) => {
    await using journal = await filled(make)
    const before = await gather(journal.readAll())
    const shelf = new Shelf()
    const told: string[] = []
    const onProgress: ArchiveOptions['onProgress'] = ({ stage, events }) => told.push(`${stage} ${events}`)
    expect(await archive(journal, { ...old, sink: shelf, onProgress })).toEqual({ events: 14, erased: 14, streams: 2 })
    expect(told).toEqual(['writing 14', 'checking 14', 'erasing 7', 'erasing 14'])
    const gone = ({ stream, version }: Recorded) => stream.startsWith('a/') && version < 8
    expect(await gather(journal.readAll())).toEqual(before.filter((each) => !gone(each)))
    const lines = gunzipSync(shelf.kept ?? '')
      .toString()
      .trimEnd()
      .split('\n')
    expect(lines).toHaveLength(15)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ clqstream: 'a/1', clqversion: '1', type: 'conformance.counted' })
    expect(await restoreEvents(journal, pieces(shelf.kept ?? Buffer.alloc(0)))).toMatchObject({
      events: 14,
      skipped: 0,
    })
    expect(await gather(journal.readAll())).toEqual(before)
    expect(await restoreEvents(journal, pieces(shelf.kept ?? Buffer.alloc(0)))).toMatchObject({
      events: 0,
      skipped: 14,
    })
  })

  it.each(both)(
    'takes what is older than a time, up to the first that is young or has none (%s)',
    async (_name, make) => {
      await using journal = make()
      await journal.append('a', [event(1), event(5), event(3), event(9), event(2)])
      await journal.append(
        'b',
        [event(1), { ...event(2), time: '' as never }].map(
          ({ time, ...rest }) => (time === '' ? rest : { ...rest, time }) as never,
        ),
      )
      await journal.append('c', [event(1)])
      await journal.append('d', [event(20)])
      const shelf = new Shelf()
      const done = await archive(journal, { streams: ['*'], before: { timeMs: t0 + 6 }, sink: shelf })
      expect(done).toEqual({ events: 5, erased: 5, streams: 3 })
      const firsts = (await gather(journal.streams())).map(({ stream, firstVersion }) => `${stream} ${firstVersion}`)
      expect(firsts).toEqual(['a 4', 'b 2', 'c 2', 'd 1'])
    },
  )

  it('of nothing is nothing', async () => {
    await using journal = await filled(journals.memory)
    const shelf = new Shelf()
    const none = { events: 0, erased: 0, streams: 0 }
    expect(await archive(journal, { streams: ['absent', 'x*'], before: { version: 5 }, sink: shelf })).toEqual(none)
    expect(await archive(journal, { streams: ['*'], before: { version: 1 }, sink: shelf })).toEqual(none)
    expect(shelf.writes).toBe(0)
  })

  it('of events larger than the limit of who archives and restores can be read back', async () => {
    const store = memoryStore({ schemas: [journalSchema] })
    const wide = storeJournal(store, { limits: { eventMaxBytes: 4_000_000 } })
    const narrow = storeJournal(store, { limits: { eventMaxBytes: 1000 } })
    await wide.append('a', [event(1, { data: 'x'.repeat(3_000_000) }), event(2)])
    const before = await gather(wide.readAll())
    const shelf = new Shelf()
    expect(await archive(narrow, { streams: ['a'], before: { version: 2 }, sink: shelf })).toMatchObject({ erased: 1 })
    const bytes = shelf.kept ?? Buffer.alloc(0)
    await expect(restoreEvents(narrow, pieces(bytes))).rejects.toMatchObject({ code: 'journal.event_too_large' })
    await restoreEvents(wide, pieces(bytes))
    expect(await gather(wide.readAll())).toEqual(before)
    await store.close()
  })

  it('is taken into another journal by an import', async () => {
    await using journal = await filled(journals.memory)
    const shelf = new Shelf()
    await archive(journal, { ...old, sink: shelf })
    await using other = memoryJournal()
    await importEvents(other, pieces(shelf.kept ?? Buffer.alloc(0)))
    expect(await other.version('a/1')).toBe(7)
  })

  it('erases nothing that it could not write, or that does not come back as it was', async () => {
    await using journal = await filled(journals.memory)
    const before = await gather(journal.readAll())
    const shelf = new Shelf()
    shelf.tear = 100
    await expect(archive(journal, { ...old, sink: shelf })).rejects.toThrow('full')
    const forgetful = new Shelf()
    forgetful.read = async () => undefined
    await expect(archive(journal, { ...old, sink: forgetful })).rejects.toMatchObject({ code: 'base.invalid_argument' })
    shelf.tear = Number.POSITIVE_INFINITY
    const lying = new Shelf()
    lying.write = async (bytes) => {
      const whole = gunzipSync(Buffer.concat(await gather(bytes)))
      lying.kept = gzipSync(whole.toString().replace('"number":4', '"number":5'))
    }
    await expect(archive(journal, { ...old, sink: lying })).rejects.toMatchObject({ code: 'journal.transfer_broken' })
    expect(await gather(journal.readAll())).toEqual(before)
    const stopped = archive(journal, { ...old, sink: shelf, signal: AbortSignal.abort() })
    await expect(stopped).rejects.toMatchObject({ code: 'base.aborted' })
    expect(await gather(journal.readAll())).toEqual(before)
  })

  it('does not erase what a file of other events holds', async () => {
    await using journal = await filled(journals.memory)
    const before = await gather(journal.readAll())
    const shelf = new Shelf()
    await using other = journals.memory()
    for (let at = 1; at <= 30; at++) await other.append(at % 3 === 0 ? 'other' : `a/${at % 3}`, [event(at + 1)])
    await archive(other, { ...old, sink: shelf })
    await expect(archive(journal, { ...old, sink: shelf })).rejects.toMatchObject({ code: 'journal.archive_conflict' })
    const less = new Shelf()
    const dying = new AbortController()
    const onProgress: ArchiveOptions['onProgress'] = ({ stage }) => {
      if (stage === 'checking') dying.abort()
    }
    const stopped = archive(journal, {
      streams: ['a/1'],
      before: { version: 8 },
      sink: less,
      onProgress,
      signal: dying.signal,
    })
    await expect(stopped).rejects.toMatchObject({ code: 'base.aborted' })
    const lacking = { code: 'journal.archive_conflict', stream: 'a/2' }
    await expect(archive(journal, { ...old, sink: less })).rejects.toMatchObject(lacking)
    expect(await gather(journal.readAll())).toEqual(before)
    await using twin = await filled(journals.memory)
    const same = archive(twin, { streams: ['a/1'], before: { version: 5 }, sink: less })
    await expect(same).rejects.toMatchObject({ code: 'journal.archive_conflict' })
    expect(await archive(journal, { streams: ['a/1'], before: { version: 5 }, sink: less })).toMatchObject({
      erased: 4,
    })
  })

  it.each(both)('goes on where it was, wherever it broke off (%s)', async (_name, make) => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 4 }), fc.nat(2), async (breaks, erasedBefore) => {
        await using journal = await filled(make)
        const before = await gather(journal.readAll())
        const shelf = new Shelf()
        for (let at = 0; at < breaks; at++) {
          shelf.tear = at * 300
          await archive(journal, { ...old, sink: shelf }).catch(() => {})
        }
        shelf.tear = Number.POSITIVE_INFINITY
        const dying = new AbortController()
        let left = erasedBefore
        const onProgress: ArchiveOptions['onProgress'] = ({ stage }) => {
          if (stage === 'erasing' && left-- === 0) dying.abort()
        }
        await archive(journal, { ...old, sink: shelf, onProgress, signal: dying.signal }).catch(() => {})
        await archive(journal, { ...old, sink: shelf })
        expect((await gather(journal.streams({ prefix: 'a/' }))).map(({ firstVersion }) => firstVersion)).toEqual([
          8, 8,
        ])
        await restoreEvents(journal, pieces(shelf.kept ?? Buffer.alloc(0)))
        expect(await gather(journal.readAll())).toEqual(before)
      }),
      { numRuns: 25 },
    )
  })

  it('is refused by names and bounds that make no sense, and read-only', async () => {
    const journal = memoryJournal()
    const bad: Partial<ArchiveOptions>[] = [
      { streams: [] },
      { before: { version: 0 } },
      { before: { timeMs: 0.5 } },
      { stream: 'a' } as Partial<ArchiveOptions>,
    ]
    for (const each of bad)
      await expect(archive(journal, { ...old, sink: new Shelf(), ...each })).rejects.toMatchObject({
        code: 'base.invalid_argument',
      })
  })
})

describe('restoring an archive', () => {
  it.each(both)(
    'refuses another journal, a damaged file and events of others, and changes nothing (%s)',
    async (_name, make) => {
      await using journal = await filled(make)
      const shelf = new Shelf()
      await archive(journal, { ...old, sink: shelf })
      const after = await gather(journal.readAll())
      const bytes = shelf.kept ?? Buffer.alloc(0)
      await using other = make()
      const foreign = { code: 'journal.restore_foreign', journal: await other.id(), found: await journal.id() }
      await expect(restoreEvents(other, pieces(bytes))).rejects.toMatchObject(foreign)
      await using twin = await filled(make)
      expect(new Set([await twin.id(), await other.id(), await journal.id()]).size).toBe(3)
      await twin.truncate('a/1', 8)
      await expect(restoreEvents(twin, pieces(bytes))).rejects.toMatchObject({ code: 'journal.restore_foreign' })
      expect((await twin.stream('a/1')).firstVersion).toBe(8)
      const plain = gunzipSync(bytes)
      await expect(restoreEvents(journal, pieces(plain.subarray(0, 900)))).rejects.toMatchObject({
        code: 'journal.transfer_broken',
      })
      await expect(restoreEvents(journal, pieces(bytes.subarray(0, 100)))).rejects.toMatchObject({
        code: 'journal.transfer_broken',
      })
      const theirs = Buffer.from('[{"specversion":"1.0","id":"1","source":"s","type":"t"}]')
      await expect(restoreEvents(journal, pieces(theirs))).rejects.toMatchObject({ code: 'base.invalid_argument' })
      expect(await gather(journal.readAll())).toEqual(after)
    },
  )

  it.each(both)('of several archives goes from the latest to the first (%s)', async (_name, make) => {
    await using journal = await filled(make)
    const before = await gather(journal.readAll())
    const [first, second] = [new Shelf(), new Shelf()]
    await archive(journal, { streams: ['a/1'], before: { version: 4 }, sink: first })
    await archive(journal, { streams: ['a/1'], before: { version: 8 }, sink: second })
    await expect(restoreEvents(journal, pieces(first.kept ?? Buffer.alloc(0)))).rejects.toMatchObject({
      code: 'journal.restore_conflict',
    })
    await restoreEvents(journal, pieces(second.kept ?? Buffer.alloc(0)))
    await restoreEvents(journal, pieces(first.kept ?? Buffer.alloc(0)))
    expect(await gather(journal.readAll())).toEqual(before)
  })
})

describe('an archive in a file', () => {
  it('is for its owner alone, has no passing file beside it, and never replaces one', async () => {
    const folder = await temporaryFolder()
    await using journal = await filled(journals.memory)
    const path = join(folder, 'old.ndjson.gz')
    await archive(journal, { ...old, sink: archiveFile(path) })
    expect(await readdir(folder)).toEqual(['old.ndjson.gz'])
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const bytes = await readFile(path)
    const failed = { code: 'journal.archive_unwritable', file: path }
    await expect(archiveFile(path).write(pieces(Buffer.from('x')))).rejects.toMatchObject(failed)
    expect(await readFile(path)).toEqual(bytes)
    const late = join(folder, 'late')
    const overtaken = async function* () {
      yield Buffer.from('a')
      await writeFile(late, 'of somebody else')
    }
    await expect(archiveFile(late).write(overtaken())).rejects.toMatchObject({ code: 'journal.archive_unwritable' })
    expect(await readFile(late, 'utf8')).toBe('of somebody else')
    await rm(late)
    const broken = async function* () {
      yield Buffer.from('a')
      throw new Error('the source broke')
    }
    await expect(archiveFile(join(folder, 'b')).write(broken())).rejects.toThrow('source broke')
    expect(await readdir(folder)).toEqual(['old.ndjson.gz'])
    await expect(archiveFile(join(folder, 'no', 'b')).write(pieces(bytes))).rejects.toMatchObject({
      code: 'journal.archive_unwritable',
    })
    await mkdir(join(folder, 'kept'))
    await writeFile(join(folder, 'kept', 'x'), '')
    await chmod(join(folder, 'kept', 'x'), 0o400)
    await expect(archiveFile(join(folder, 'kept', 'x', 'y')).read()).rejects.toMatchObject({
      code: 'journal.archive_unwritable',
    })
  })

  it('touches no file that somebody else has beside it, and clears away what attempts that are gone have left', async () => {
    const folder = await temporaryFolder()
    await using journal = await filled(journals.memory)
    const gone = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
    await once(gone, 'exit')
    const mark = '0123456789abcdef'
    const theirs = ['old.gz.part', `.old.gz.${process.pid}-${mark}.part`, `.old.gz.${gone.pid}-mine.part`]
    for (const name of [...theirs, `.old.gz.${gone.pid}-${mark}.part`]) await writeFile(join(folder, name), 'mine')
    await archive(journal, { ...old, sink: archiveFile(join(folder, 'old.gz')) })
    expect((await readdir(folder)).sort()).toEqual([...theirs, 'old.gz'].sort())
    for (const name of theirs) expect(await readFile(join(folder, name), 'utf8')).toBe('mine')
  })

  it('that two write at once is of one of them, whole; the other is refused and erases nothing', async () => {
    const folder = await temporaryFolder()
    await using first = await filled(journals.memory)
    await using second = journals.memory()
    for (let at = 1; at <= 30; at++) await second.append(`a/${at % 3}`, [event(at + 100)])
    const path = join(folder, 'old.gz')
    const [before, beforeToo] = [await gather(first.readAll()), await gather(second.readAll())]
    const done = await Promise.allSettled(
      [first, second].map((journal) => archive(journal, { ...old, sink: archiveFile(path) })),
    )
    expect(done.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const [won, lost] = done[0]?.status === 'fulfilled' ? [first, second] : [second, first]
    expect(await gather(lost.readAll())).toEqual(lost === first ? before : beforeToo)
    await restoreEvents(won, pieces(await readFile(path)))
    expect(await gather(won.readAll())).toEqual(won === first ? before : beforeToo)
    expect(await readdir(folder)).toEqual(['old.gz'])
  })

  it('that is replaced or changed after it was read back has nothing erased', async () => {
    const folder = await temporaryFolder()
    await using journal = await filled(journals.memory)
    const before = await gather(journal.readAll())
    const path = join(folder, 'old.gz')
    const swaps = [
      () => {
        renameSync(path, join(folder, 'elsewhere'))
        writeFileSync(path, 'other')
      },
      () => appendFileSync(path, 'more'),
      () => rmSync(path),
    ]
    for (const swap of swaps) {
      let told = 0
      const onProgress: ArchiveOptions['onProgress'] = ({ stage }) => {
        if (stage === 'checking' && told++ === 0) swap()
      }
      await expect(archive(journal, { ...old, sink: archiveFile(path), onProgress })).rejects.toMatchObject({
        code: 'journal.archive_conflict',
      })
      expect(await gather(journal.readAll())).toEqual(before)
      await rm(path, { force: true })
    }
  })

  it('loses nothing through kill -9 at any point, when it is done again', async () => {
    const folder = await temporaryFolder()
    const data = join(folder, 'data')
    const path = join(folder, 'old.ndjson.gz')
    const open = async () =>
      storeJournal(await openSqliteStore({ folder: data, schemas: [journalSchema] }), { ownsStore: true })
    const first = await open()
    for (let at = 0; at < 6; at++) await first.append(`s${at}`, numbered(1, 1500))
    const before = await gather(first.readAll())
    await first.close()
    const program = fileURLToPath(new URL('./archive-program.ts', import.meta.url))
    const seen: string[] = []
    for (const stop of ['writing 4096', 'written', 'checking 2048', 'erasing 1000', 'erasing 3000', 'never']) {
      const child = spawn(process.execPath, [program, data, path, stop], { stdio: ['ignore', 'pipe', 'inherit'] })
      const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
      seen.push(signal ?? String(code))
      await using journal = await open()
      const kept = new Set((await gather(journal.readAll())).map(({ position }) => position))
      if (kept.size === before.length) continue
      await using copy = memoryJournal()
      await importEvents(copy, pieces(await readFile(path)))
      for (const { stream, version, position } of before)
        expect(kept.has(position) || version <= (await copy.version(stream))).toBe(true)
    }
    expect(seen).toEqual(['SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGKILL', '0'])
    await using journal = await open()
    for await (const { firstVersion } of journal.streams()) expect(firstVersion).toBe(1001)
    await restoreEvents(journal, pieces(await readFile(path)))
    expect(await gather(journal.readAll())).toEqual(before)
  }, 60_000)
})
