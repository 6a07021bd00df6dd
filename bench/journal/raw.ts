/**
 * The least that could keep the same events: prepared statements on the same tables, indexes and file settings, on the main
 * thread, with the same number of events a transaction, its versions and positions counted in variables. It encodes the data
 * with JSON.stringify and binds the attributes; it checks nothing, sums nothing up, looks nothing up and answers nobody.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { CloudEvent } from '../../src/base/envelope.ts'
import { migrations } from '../../src/journal/sqlite-schema.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Side } from '../harness.ts'
import { batches, streams } from './events.ts'

export function temporaryFolder(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'colloquy-bench-journal-'))
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Statements on the journal's own tables and the store's settings of the file. */
export class Raw {
  readonly database: DatabaseSync
  readonly #remove: () => void
  readonly #begin
  readonly #commit
  readonly #insert
  readonly #update
  readonly #versions = new Map<number, number>()
  #position = 0

  constructor() {
    const { folder, remove } = temporaryFolder()
    this.#remove = remove
    this.database = new DatabaseSync(join(folder, 'raw.db'))
    this.database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;
      PRAGMA wal_autocheckpoint = 4096; PRAGMA temp_store = MEMORY; ${migrations.join(';')}`)
    for (const name of streams)
      this.database.prepare('INSERT INTO journal_stream (name, version) VALUES (?, 0)').run(name)
    this.#begin = this.database.prepare('BEGIN IMMEDIATE')
    this.#commit = this.database.prepare('COMMIT')
    this.#insert = this.database.prepare('INSERT INTO journal_event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)')
    this.#update = this.database.prepare('UPDATE journal_stream SET version = ? WHERE id = ?')
  }

  append(stream: number, events: readonly CloudEvent[]): void {
    this.#begin.run()
    let version = this.#versions.get(stream) ?? 0
    for (const event of events) {
      const { type, id, source, time, correlationid, causationid, hop, data } = event
      const timeMs = Date.parse(time ?? '')
      const values = [type, id, source, null, timeMs, correlationid ?? null, causationid ?? null, hop ?? null] as const
      this.#insert.run(++this.#position, stream + 1, ++version, ...values, null, JSON.stringify(data))
    }
    this.#versions.set(stream, version)
    this.#update.run(version, stream + 1)
    this.#commit.run()
  }

  dispose(): void {
    this.database.close()
    this.#remove()
  }
}

export async function openJournal() {
  const { folder, remove } = temporaryFolder()
  const store = await openSqliteStore({ folder, schemas: [journalSchema] })
  const journal = storeJournal(store, { ownsStore: true })
  const close = async () => {
    await journal.close()
    remove()
  }
  return { journal, folder, close, remove }
}

/** A journal of 100,000 events. */
export async function filled(): ReturnType<typeof openJournal> {
  const opened = await openJournal()
  for (const [at, events] of batches(100, 1000).entries())
    await opened.journal.append(streams[at % streams.length] as string, events)
  return opened
}

/** Our side of a case that appends given batches one after another, each to the next stream. */
export async function appending(given: readonly (readonly CloudEvent[])[]): Promise<Side> {
  const { journal, close } = await openJournal()
  return {
    batch: async () => {
      for (const [at, events] of given.entries()) await journal.append(streams[at % streams.length] as string, events)
      return given.reduce((sum, { length }) => sum + length, 0)
    },
    dispose: close,
  }
}
