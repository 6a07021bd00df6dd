/** The journal on a disk that fills up, in a folder that is taken away, in a file of an older schema, under a tracer. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { event, gather, ids, numbered } from '../../src/journal/conformance-kit.ts'
import { migrations } from '../../src/journal/sqlite-schema.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { createNode } from '../../src/node/node.ts'
import { applicationId } from '../../src/store/migrate.ts'
import { databaseFile } from '../../src/store/sqlite-file.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { requirement } from '../requirement.ts'
import { acknowledgements, tracing } from '../store/trace.ts'
import { smallDisk } from './small-disk.ts'

const root = mkdtempSync(join(tmpdir(), 'colloquy-journal-fault-'))
const disk = smallDisk('6m')
const small = disk.folder
const hasStrace = requirement(
  spawnSync('strace', ['-V'], { stdio: 'ignore' }).status === 0,
  'the order of sync and acknowledgement',
  'install strace',
)

afterAll(() => {
  disk.remove()
  rmSync(root, { recursive: true })
})

const openIn = async (folder: string) =>
  storeJournal(await openSqliteStore({ folder, schemas: [journalSchema] }), { ownsStore: true })

describe('journal on a full disk', () => {
  // Without the right to mount there is no disk to fill; sizeMaxBytes of the store is tested everywhere.
  it.skipIf(!disk.mounted)(
    'refuses in mid-commit with store.full, keeps what it acknowledged and nothing else',
    async () => {
      const folder = join(small, 'data')
      const ballast = join(small, 'ballast')
      writeFileSync(ballast, Buffer.alloc(1_000_000))
      const kept: string[] = []
      const append = async (at: number, stream: string) => {
        const events = numbered(at * 10, at * 10 + 9).map((each) => ({ ...each, data: 'x'.repeat(500) }))
        await journal.append(stream, events)
        kept.push(...events.map(({ id }) => `${stream} ${id}`))
      }
      const fill = async () => {
        for (let at = 0; ; at++) await Promise.all(['a', 'b', 'c'].map((stream) => append(at, stream)))
      }
      const all = async () => (await gather(journal.readAll())).map(({ stream, event }) => `${stream} ${event.id}`)
      let journal = await openIn(folder)
      await expect(fill()).rejects.toMatchObject({ code: 'store.full' })
      await expect(append(9_000_000, 'a')).rejects.toMatchObject({ code: 'store.full' })
      expect((await all()).toSorted()).toEqual(kept.toSorted())
      rmSync(ballast)
      await append(9_100_000, 'a')
      expect((await all()).toSorted()).toEqual(kept.toSorted())
      await journal.close()
      journal = await openIn(folder)
      expect((await all()).toSorted()).toEqual(kept.toSorted())
      await journal.close()
    },
  )
})

describe('journal whose database is taken away under a running node', () => {
  it.each(['deleted', 'moved', 'replaced'] as const)('acknowledges nothing more when it was %s', async (how) => {
    const folder = join(root, how)
    const node = await createNode({ name: 'alpha', data: folder })
    await node.journal.append('a', [event(1)])
    const file = databaseFile(folder)
    if (how === 'deleted') for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`)
    else renameSync(file, join(folder, 'elsewhere.db'))
    if (how === 'replaced') {
      mkdirSync(join(root, 'other'))
      await (await openIn(join(root, 'other'))).close()
      renameSync(databaseFile(join(root, 'other')), file)
    }
    const refused = { code: 'store.failed' }
    await expect(node.journal.append('a', [event(2)])).rejects.toMatchObject(refused)
    await expect(node.journal.append('b', [event(3)])).rejects.toMatchObject(refused)
    await node.stop()
  })
})

describe('journal under a tracer of system calls', () => {
  // The order of system calls can only be seen with a tracer.
  it.skipIf(!hasStrace)('acknowledges nothing before the log is synced, whichever call it was', async () => {
    const trace = join(root, 'trace')
    const script = fileURLToPath(new URL('../journal/serial-writer.ts', import.meta.url))
    const [command, ...args] = [...tracing(trace), process.execPath, script, join(root, 'traced')]
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    expect(await once(child, 'exit')).toEqual([0, null])
    const found = acknowledgements(readFileSync(trace, 'utf8'), 'acknowledged')
    expect(found).toEqual(Array.from({ length: 30 }, () => 'synced'))
  })
})

/** A database as an older version of the package left it, with three events in two streams. */
function olderDatabase(folder: string, steps: number): void {
  mkdirSync(folder, { recursive: true })
  const database = new DatabaseSync(databaseFile(folder))
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA application_id = ${applicationId};
    CREATE TABLE store_schema (room TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT;
    ${migrations.slice(0, steps).join('\n')}
    INSERT INTO store_schema VALUES ('journal', ${steps});
    INSERT INTO journal_stream (id, name, version) VALUES (1, 'a', 2), (2, 'b', 1);`)
  const insert = database.prepare(
    `INSERT INTO journal_event (position, stream, version, type, id, source, time, data) VALUES (?, ?, ?, 't', ?, '/s', ?, ?)`,
  )
  insert.run(1, 1, 1, 'event-1', 1_767_225_600_000, '{"number":1}')
  insert.run(2, 2, 1, 'event-2', null, 'null')
  insert.run(3, 1, 2, 'event-3', 1_767_225_600_001, '{"$date":"2026-01-01T00:00:00.000Z"}')
  database.close()
}

describe('journal in a database of an older schema', () => {
  const older = Array.from({ length: migrations.length - 1 }, (_, at) => at + 1)

  it.each(older)('is brought from step %s to the present, with all its events', async (steps) => {
    const folder = join(root, `older-${steps}`)
    olderDatabase(folder, steps)
    const readonly = openSqliteStore({ folder, schemas: [journalSchema], readonly: true })
    await expect(readonly).rejects.toMatchObject({ code: 'store.schema_older' })
    await using journal = await openIn(folder)
    const all = await gather(journal.readAll())
    expect(ids(all)).toEqual(['event-1', 'event-2', 'event-3'])
    expect(all.map(({ stream, version, event }) => [stream, version, event.data])).toEqual([
      ['a', 1, { number: 1 }],
      ['b', 1, null],
      ['a', 2, new Date('2026-01-01T00:00:00.000Z')],
    ])
    const more = await journal.append('a', [event(4)], { expectedVersion: 2, idempotencyKey: 'k' })
    expect(more).toEqual({ version: 3, position: '4' })
    expect(await journal.truncate('a', 3)).toEqual({ events: 2 })
    expect(ids(await gather(journal.readAll()))).toEqual(['event-2', 'event-4'])
  })

  it('is refused when it is newer, and left as it was', async () => {
    const folder = join(root, 'newer')
    await (await openIn(folder)).close()
    const database = new DatabaseSync(databaseFile(folder))
    database.exec(`UPDATE store_schema SET version = ${migrations.length + 1} WHERE room = 'journal'`)
    database.close()
    await expect(openIn(folder)).rejects.toMatchObject({ code: 'store.schema_newer' })
  })
})
