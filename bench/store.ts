/**
 * The sqlite store against prepared statements on the calling thread: same schema and indexes, same settings, a commit and
 * a sync a call. What the store adds is a thread, two messages and group commit; what it spares the caller, the blocking,
 * is not in the figure.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isMainThread } from 'node:worker_threads'
import { procedure } from '../src/store/procedure.ts'
import { openSqliteStore } from '../src/store/sqlite.ts'
import type { Procedure, Schema } from '../src/store/store.ts'
import type { BenchCase, Side } from './harness.ts'

const table = `
  CREATE TABLE bench_event (
    position INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    version INTEGER NOT NULL,
    id TEXT NOT NULL,
    data TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX bench_event_stream ON bench_event (stream, version);
  CREATE UNIQUE INDEX bench_event_id ON bench_event (id);
`
const schemas: readonly Schema[] = [{ room: 'bench', migrations: [table] }]
const insert = 'INSERT INTO bench_event (stream, version, id, data) VALUES (?, ?, ?, ?)'

type EventRow = [stream: string, version: number, id: string, data: string]

export const append: Procedure<readonly EventRow[], number> = procedure(import.meta.url, 'append', (tx, rows) => {
  const statement = tx.sql(insert)
  for (const [stream, version, id, data] of rows) statement.run(stream, version, id, data)
  return rows.length
})

/** Rows as a journal has them: 256 bytes of data, ids that rise with time as UUIDv7 do, a hundred streams. */
function rowSource(): (count: number) => EventRow[] {
  let made = 0
  const data = JSON.stringify({ text: 'x'.repeat(245) })
  return (count) =>
    Array.from({ length: count }, () => {
      made++
      const id = `0190${made.toString(16).padStart(12, '0')}-7000-8000-000000000000`
      return [`agent/${made % 100}`, made, id, data]
    })
}

function inFolder(open: (folder: string) => Promise<Side & { dispose: () => Promise<void> | void }>) {
  return async (): Promise<Side> => {
    const folder = mkdtempSync(join(tmpdir(), 'colloquy-bench-'))
    const side = await open(folder)
    return {
      ...side,
      dispose: async () => {
        await side.dispose()
        rmSync(folder, { recursive: true })
      },
    }
  }
}

const callsOf = (perCall: number): number => Math.max(40, Math.min(1500, Math.round(30_000 / perCall)))

const ours = (perCall: number, writers: number) =>
  inFolder(async (folder) => {
    const store = await openSqliteStore({ folder, schemas })
    const rows = rowSource()
    return {
      async batch() {
        let calls = callsOf(perCall) * (writers > 1 ? 4 : 1)
        let completed = 0
        const writer = async () => {
          while (calls-- > 0) {
            const kept = await store.write(append, rows(perCall))
            completed += kept
          }
        }
        await Promise.all(Array.from({ length: writers }, writer))
        return completed
      },
      dispose: () => store.close(),
    }
  })

const raw = (perCall: number) =>
  inFolder(async (folder) => {
    const database = new DatabaseSync(join(folder, 'raw.db'))
    database.exec(`
      PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 4096;
      ${table}
    `)
    const begin = database.prepare('BEGIN IMMEDIATE')
    const commit = database.prepare('COMMIT')
    const statement = database.prepare(insert)
    const rows = rowSource()
    return {
      batch() {
        const calls = callsOf(perCall)
        for (let call = 0; call < calls; call++) {
          const batch = rows(perCall)
          begin.run()
          for (const [stream, version, id, data] of batch) statement.run(stream, version, id, data)
          commit.run()
        }
        return calls * perCall
      },
      dispose: () => database.close(),
    }
  })

const write = (perCall: number, writers: number): BenchCase => ({
  name: `write ${perCall} a call, ${writers === 1 ? 'one writer' : `${writers} writers`}`,
  unit: 'rows/s',
  peerName: `raw, ${perCall} a commit`,
  ours: ours(perCall, writers),
  peer: raw(perCall),
})

// The worker imports this module for its procedure only.
export const cases: readonly BenchCase[] = isMainThread
  ? [
      ...[1, 16, 100, 1000].map((perCall) => write(perCall, 1)),
      ...[1, 16, 100, 1000].map((perCall) => write(perCall, 16)),
      write(1, 128),
      write(1, 1024),
    ]
  : []
