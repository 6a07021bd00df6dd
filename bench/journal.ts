/**
 * The journal against the least that could keep the same events: prepared statements on the same tables, indexes and file
 * settings, on the main thread, with the same number of events a transaction, its versions and positions counted in
 * variables. The baseline encodes the data with JSON.stringify and binds the attributes; it checks nothing, looks nothing
 * up and answers nobody. Operations are events that were acknowledged, or read.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { CloudEvent } from '../src/base/envelope.ts'
import { memoryJournal } from '../src/journal/memory.ts'
import { migrations } from '../src/journal/sqlite-schema.ts'
import { journalSchema, storeJournal } from '../src/journal/sqlite.ts'
import { databaseFile } from '../src/store/sqlite-file.ts'
import { openSqliteStore } from '../src/store/sqlite.ts'
import type { BenchCase, Side } from './harness.ts'

const streams = Array.from({ length: 16 }, (_, at) => `convene/0198b2a0-7c3e-7${at.toString(16).padStart(3, '0')}`)
const types = ['started', 'contribution', 'ballot', 'concluded'].map((name) => `colloquy.convene.${name}`)
const startMs = 1_767_225_600_000

/** An event as a convening makes them, with some 256 bytes of data; 64 share a correlation. */
function eventOf(number: number): CloudEvent {
  const id = (at: number) =>
    `0198b2a0-7c3e-7${(at % 4096).toString(16).padStart(3, '0')}-8abc-${at.toString(16).padStart(12, '0')}`
  return {
    specversion: '1.0',
    id: id(number),
    source: '/alpha/agent-7',
    type: types[number % types.length] as string,
    time: new Date(startMs + number).toISOString(),
    datacontenttype: 'application/json',
    correlationid: id(number - (number % 64)),
    causationid: id(number - 1),
    hop: number % 8,
    data: {
      round: number % 5,
      author: 'agent-7',
      text: 'What was said is kept as it was said, so that everyone can read it again and see why the others were convinced by it, or not.',
      quotes: [{ file: 'docs/decisions/0004.md', line: number % 400, score: 0.731 }],
      tokens: 1000 + (number % 1000),
    },
  }
}

function temporaryFolder(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'colloquy-bench-journal-'))
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Statements on the journal's own tables and the store's settings of the file. */
class Raw {
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
    this.#insert = this.database.prepare('INSERT INTO journal_event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
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

async function openJournal() {
  const { folder, remove } = temporaryFolder()
  const store = await openSqliteStore({ folder, schemas: [journalSchema] })
  const journal = storeJournal(store, { ownsStore: true })
  const close = async () => {
    await journal.close()
    remove()
  }
  return { journal, folder, close }
}

/** Batches made before the measuring, so that both sides measure the keeping and not the making. */
function batches(count: number, size: number): CloudEvent[][] {
  return Array.from({ length: count }, (_, batch) =>
    Array.from({ length: size }, (_, at) => eventOf(batch * size + at)),
  )
}

function appendCase(size: number, count: number): BenchCase {
  const given = batches(count, size)
  return {
    name: `append, ${size} a call, one after another`,
    unit: 'events/s',
    peerName: 'raw statements',
    ours: async (): Promise<Side> => {
      const { journal, close } = await openJournal()
      return {
        batch: async () => {
          for (const [at, events] of given.entries())
            await journal.append(streams[at % streams.length] as string, events)
          return count * size
        },
        dispose: close,
      }
    },
    peer: () => {
      const raw = new Raw()
      return {
        batch: () => {
          for (const [at, events] of given.entries()) raw.append(at % streams.length, events)
          return count * size
        },
        dispose: () => raw.dispose(),
      }
    },
  }
}

/** Writers that each wait for their last append: what group commit is for. */
function writersCase(writers: number, turns: number): BenchCase {
  const given = batches(writers, turns)
  return {
    name: `append, ${writers} writers of one event each`,
    unit: 'events/s',
    peerName: 'raw, one transaction an event',
    ours: async (): Promise<Side> => {
      const { journal, close } = await openJournal()
      const write = async (writer: number, events: readonly CloudEvent[]) => {
        for (const event of events) await journal.append(streams[writer % streams.length] as string, [event])
      }
      return {
        batch: async () => {
          await Promise.all(given.map((events, writer) => write(writer, events)))
          return writers * turns
        },
        dispose: close,
      }
    },
    peer: () => {
      const raw = new Raw()
      return {
        batch: () => {
          for (const [writer, events] of given.entries())
            for (const event of events) raw.append(writer % streams.length, [event])
          return writers * turns
        },
        dispose: () => raw.dispose(),
      }
    },
  }
}

const many = 1_000_000

/** One journal of a million events, made once for the reading cases and removed when the last of them is done. */
let filled: { journal: Awaited<ReturnType<typeof openJournal>>; users: number } | undefined

async function useFilled(): Promise<Awaited<ReturnType<typeof openJournal>>> {
  if (!filled) {
    const journal = await openJournal()
    filled = { journal, users: 0 }
    const size = 1000
    for (let first = 0; first < many; first += size)
      await journal.journal.append(
        streams[(first / size) % streams.length] as string,
        Array.from({ length: size }, (_, at) => eventOf(first + at)),
      )
  }
  filled.users++
  return filled.journal
}

async function releaseFilled(): Promise<void> {
  if (filled && --filled.users === 0) {
    const { journal } = filled
    filled = undefined
    await journal.close()
  }
}

const reading: BenchCase = {
  name: 'read all of a million events',
  unit: 'events/s',
  peerName: 'raw SELECT, iterate and JSON.parse',
  rounds: 3,
  ours: async (): Promise<Side> => {
    const { journal } = await useFilled()
    return {
      batch: async () => {
        let read = 0
        for await (const { event } of journal.readAll()) if (event.id !== '') read++
        return read
      },
      dispose: releaseFilled,
    }
  },
  peer: async (): Promise<Side> => {
    const { folder } = await useFilled()
    const database = new DatabaseSync(databaseFile(folder), { readOnly: true })
    const select = database.prepare('SELECT * FROM journal_event ORDER BY position')
    return {
      batch: () => {
        let read = 0
        for (const row of select.iterate()) if (JSON.parse(row['data'] as string) !== null) read++
        return read
      },
      dispose: async () => {
        database.close()
        await releaseFilled()
      },
    }
  },
}

const inMemory: BenchCase = {
  name: 'memory journal, append, 1 a call',
  unit: 'events/s',
  peerName: 'structuredClone into an array',
  ours: () => {
    const [events = []] = batches(1, 50_000)
    return {
      batch: async () => {
        await using journal = memoryJournal()
        for (const [at, event] of events.entries())
          await journal.append(streams[at % streams.length] as string, [event])
        return events.length
      },
    }
  },
  peer: () => {
    const [events = []] = batches(1, 50_000)
    return {
      batch: async () => {
        const kept: CloudEvent[] = []
        for (const event of events) kept.push(await Promise.resolve(structuredClone(event)))
        return kept.length
      },
    }
  },
}

export const cases: readonly BenchCase[] = [
  appendCase(1, 1000),
  appendCase(16, 1000),
  appendCase(100, 300),
  appendCase(1000, 50),
  writersCase(16, 100),
  writersCase(128, 30),
  reading,
  inMemory,
]
