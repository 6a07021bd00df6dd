import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, open as openFile, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { codeOf } from '../../src/base/error.ts'
import { event, gather, numbered } from '../../src/journal/conformance-kit.ts'
import type { Journal, Recorded } from '../../src/journal/journal.ts'
import { journalSchema, storeJournal, verifyJournal } from '../../src/journal/sqlite.ts'
import type { Finding, VerifyOptions, VerifySummary } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'

const schemas = [journalSchema]

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-verify-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

const openStore = (folder: string, readonly = false) => openSqliteStore({ folder, schemas, readonly })

/** Streams of all kinds: kept, truncated, emptied, ended, restored, of large events, with keys and metadata. */
async function fill(journal: Journal): Promise<void> {
  await journal.append('plain', numbered(1, 20), { idempotencyKey: 'first' })
  await journal.append('empty', numbered(1, 4), { idempotencyKey: 'gone' })
  for (let at = 1; at <= 6; at++)
    await journal.append('large', [
      event(at, { data: { text: String(at).repeat(at * 4000) }, correlationid: `c${at % 2}`, hop: at }),
    ])
  await journal.appendMany(
    ['a', 'b'].map((stream) => ({ stream, events: numbered(1, 3) })),
    { idempotencyKey: 'both' },
  )
  const all = await gather(journal.read('plain'))
  await journal.truncate('plain', 15)
  await journal.restore('plain', all.slice(9, 14))
  await journal.truncate('empty', 5)
  await journal.append('ended', numbered(1, 3))
  await journal.tombstone('ended', event(4))
  await journal.setMetadata('known', { maxCount: 3, custom: { a: 1 } })
  await journal.append('plain', [event(30, { data: 'äöü 🙂', subject: 's', extension: 7 })])
}

async function verified(
  store: Store,
  options?: VerifyOptions,
): Promise<{ findings: Finding[]; summary: VerifySummary }> {
  const verification = verifyJournal(store, options)
  return { findings: await gather(verification), summary: verification.summary }
}

async function filledFolder(): Promise<string> {
  const folder = await temporaryFolder()
  const journal = storeJournal(await openStore(folder), { ownsStore: true })
  await fill(journal)
  await journal.close()
  return folder
}

const kept = 11 + 1 + 6 + 6 + 1

describe('the verification of a sound journal', () => {
  it('finds nothing, and says what it has looked at', async () => {
    const store = memoryStore({ schemas })
    await using journal = storeJournal(store, { ownsStore: true })
    expect(await verified(store)).toMatchObject({ findings: [], summary: { events: 0, head: '', complete: true } })
    await fill(journal)
    const { findings, summary } = await verified(store)
    expect(findings).toEqual([])
    expect(summary).toEqual({
      events: kept,
      bytes: expect.any(Number) as number,
      unchecked: 0,
      streams: 7,
      keys: 2,
      head: '41',
      findings: 0,
      faults: 0,
      complete: true,
    })
    expect(summary.bytes).toBeGreaterThan(80_000)
    const later = await verified(store, { from: '40', reaches: '41', pages: false })
    expect(later.summary).toMatchObject({ events: 1, complete: true })
    await expect(gather(verifyJournal(store, { signal: AbortSignal.abort() }))).rejects.toMatchObject({
      code: 'base.aborted',
    })
    expect(() => verifyJournal(store, { reaches: 'x' })).toThrow(/position/)
    await expect(verified(store, { from: '42' })).rejects.toMatchObject({ code: 'journal.invalid_position' })
    expect(() => verifyJournal(store, { form: '1' } as VerifyOptions)).toThrow(/form/)
  })

  it('goes through long streams and many of them in pages, and tells how far it is', async () => {
    const store = memoryStore({ schemas })
    await using journal = storeJournal(store, { ownsStore: true })
    for (let at = 0; at < 3; at++) await journal.append('long', numbered(1, 4000))
    await Promise.all(
      Array.from({ length: 300 }, (_, at) => journal.append(`s${at}`, numbered(1, 2), { idempotencyKey: `${at}` })),
    )
    const lefts: number[] = []
    const { findings, summary } = await verified(store, {
      onProgress: ({ stage, left }) => stage === 'events' && lefts.push(left),
    })
    expect(findings).toEqual([])
    expect(summary).toMatchObject({ events: 12_600, streams: 301, keys: 300 })
    expect(lefts.length).toBeGreaterThan(40)
    expect(lefts).toEqual(lefts.toSorted((a, b) => b - a))
    expect(lefts.at(-1)).toBe(0)
  })

  it('makes no false alarm while the owner of the folder writes and truncates', async () => {
    const folder = await temporaryFolder()
    await using journal = storeJournal(await openStore(folder), { ownsStore: true })
    await fill(journal)
    await using reader = await openStore(folder, true)
    const writer = { over: false }
    const writing = (async () => {
      for (let at = 0; !writer.over; at++) {
        await journal.append(`s${at % 5}`, numbered(1, 7), { idempotencyKey: `k${at}` })
        const { version, firstVersion } = await journal.stream('s0')
        if (at % 10 === 9 && version > firstVersion) await journal.truncate('s0', version - 1)
      }
    })()
    const kinds = new Set<string>()
    for (let round = 0; round < 15; round++)
      for (const { kind } of (await verified(reader, { pages: round === 0 })).findings) kinds.add(kind)
    writer.over = true
    await writing
    kinds.delete('leftover')
    expect([...kinds]).toEqual([])
  })

  it('makes none of a stream that is truncated while it goes through it', async () => {
    const store = memoryStore({ schemas })
    await using journal = storeJournal(store, { ownsStore: true })
    await journal.append('long', numbered(1, 10_000))
    let truncating: Promise<unknown> | undefined
    const { findings, summary } = await verified(store, {
      onProgress: ({ stage }) => {
        if (stage === 'streams') truncating ??= journal.truncate('long', 9001)
      },
    })
    expect(await truncating).toEqual({ events: 9000 })
    expect({ findings, streams: summary.streams }).toEqual({ findings: [], streams: 1 })
  })

  it('counts events from before there were checksums', async () => {
    const folder = await filledFolder()
    change(folder, 'UPDATE journal_event SET checksum = NULL WHERE position < 30')
    const { findings, summary } = await verified(await openStore(folder, true))
    expect(findings).toEqual([])
    expect(summary.unchecked).toBeGreaterThan(5)
  })
})

function change(folder: string, sql: string): void {
  const database = new DatabaseSync(join(folder, 'colloquy.db'))
  database.exec(sql)
  database.close()
}

describe('the verification of a changed journal', () => {
  it.each<[string, string, Partial<Finding>[]]>([
    [
      'data',
      `UPDATE journal_event SET data = replace(data, '3', '4') WHERE data = '{"number":13}'`,
      [{ kind: 'checksum', stream: 'plain', version: 13, position: '13' }],
    ],
    ...['type', 'id', 'source', 'subject', 'time', 'correlationid', 'causationid', 'hop', 'extra'].map(
      (column): [string, string, Partial<Finding>[]] => [
        `the ${column}`,
        `UPDATE journal_event SET ${column} = 7 WHERE position = 13`,
        [{ kind: 'checksum', stream: 'plain', version: 13 }],
      ],
    ),
    [
      'a checksum',
      'UPDATE journal_event SET checksum = checksum + 1 WHERE position = 13',
      [{ kind: 'checksum', version: 13 }],
    ],
    [
      'a missing checksum',
      'UPDATE journal_event SET checksum = NULL WHERE position = 13',
      [{ kind: 'unchecked', version: 13 }],
    ],
    [
      'a position',
      'UPDATE journal_event SET position = 9 WHERE position = 13',
      [
        { kind: 'checksum', version: 13, position: '9' },
        { kind: 'order', version: 13 },
      ],
    ],
    [
      'a swap of two versions',
      'UPDATE journal_event SET version = version + 100 WHERE position IN (12, 13); UPDATE journal_event SET version = 13 WHERE position = 12; UPDATE journal_event SET version = 12 WHERE position = 13',
      [
        { kind: 'checksum', position: '12' },
        { kind: 'checksum', position: '13' },
        { kind: 'order', version: 13 },
      ],
    ],
    [
      'an event that is gone',
      'DELETE FROM journal_event WHERE position = 13',
      [{ kind: 'gap', stream: 'plain', version: 13 }],
    ],
    [
      'events that are gone',
      'DELETE FROM journal_event WHERE position IN (12, 13, 14)',
      [{ kind: 'gap', stream: 'plain', version: 12, message: 'it is missing, with all up to version 14' }],
    ],
    [
      'the end of a stream',
      'DELETE FROM journal_event WHERE position = 30',
      [{ kind: 'tail', stream: 'large', version: 6 }],
    ],
    [
      'the name of a stream',
      "UPDATE journal_stream SET name = 'b2' WHERE name = 'b'",
      [1, 2, 3].map((version) => ({ kind: 'checksum' as const, stream: 'b2', version })),
    ],
    [
      'a stream that is gone',
      "DELETE FROM journal_stream WHERE name = 'a'",
      [{ kind: 'order' }, ...[1, 2, 3].map((version) => ({ kind: 'stream' as const, version }))],
    ],
    [
      'a stream that is gone with its events',
      "DELETE FROM journal_event WHERE stream = (SELECT id FROM journal_stream WHERE name = 'a'); DELETE FROM journal_stream WHERE name = 'a'",
      [{ kind: 'order' }],
    ],
    [
      'a version of a stream that is too high',
      "UPDATE journal_stream SET version = 5 WHERE name = 'a'",
      [{ kind: 'order' }, { kind: 'tail', stream: 'a', version: 4 }],
    ],
    [
      'a version of a stream that is too low',
      "UPDATE journal_stream SET version = 2 WHERE name = 'a'",
      [{ kind: 'order' }, { kind: 'tail', stream: 'a', version: 3 }],
    ],
    [
      'a first version that is too high',
      "UPDATE journal_stream SET first = 2 WHERE name = 'a'",
      [{ kind: 'leftover', stream: 'a' }],
    ],
    [
      'a first version that makes no sense',
      "UPDATE journal_stream SET first = 9 WHERE name = 'a'",
      [
        { kind: 'stream', stream: 'a' },
        { kind: 'leftover', stream: 'a' },
      ],
    ],
    [
      'a first version that is too low',
      "UPDATE journal_stream SET first = 1 WHERE name = 'empty'",
      [
        { kind: 'stream', stream: 'empty' },
        { kind: 'tail', stream: 'empty', version: 1 },
      ],
    ],
    [
      'metadata',
      "UPDATE journal_stream SET metadata = '{' WHERE name = 'known'",
      [{ kind: 'stream', stream: 'known' }],
    ],
    ['a key to nowhere', "UPDATE journal_key SET version = 77 WHERE key = 'both'", [{ kind: 'key' }]],
    [
      'a key to another place',
      "UPDATE journal_key SET ends = replace(ends, '3', '2')",
      [{ kind: 'key', stream: 'b', version: 3, position: '36' }],
    ],
    ['a key without a fingerprint', "UPDATE journal_key SET fingerprint = '' WHERE key = 'both'", [{ kind: 'key' }]],
    ['the floor', 'DELETE FROM journal_floor', [{ kind: 'order' }]],
    [
      'the last events of all',
      "DELETE FROM journal_event WHERE position = 41; UPDATE journal_stream SET version = version - 1 WHERE name = 'plain'",
      [{ kind: 'tail', message: expect.stringContaining('must reach 41') as string }],
    ],
  ])('finds %s', async (_what, sql, expected) => {
    const folder = await filledFolder()
    change(folder, sql)
    await using store = await openStore(folder, true)
    const { findings, summary } = await verified(store, { reaches: '41' })
    expect(findings).toMatchObject(expected)
    expect(summary.findings).toBe(expected.length)
    const harmless = expected.filter(({ kind }) => kind === 'leftover' || kind === 'unchecked')
    expect(summary.faults).toBe(expected.length - harmless.length)
  })

  it('finds a damaged page, and goes on with what can be read', async () => {
    const folder = await filledFolder()
    const database = new DatabaseSync(join(folder, 'colloquy.db'))
    const page = Number(
      database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'journal_event_version'").get()?.['rootpage'],
    )
    database.close()
    const file = await openFile(join(folder, 'colloquy.db'), 'r+')
    await file.write(Buffer.alloc(64, 0xff), 0, 64, (page - 1) * 4096)
    await file.close()
    await using store = await openStore(folder, true)
    const { findings, summary } = await verified(store)
    expect(findings.map(({ kind }) => kind)).toContain('page')
    expect(summary).toMatchObject({ complete: false, events: kept })
  })
})

const flips = Number(process.env['VERIFY_FLIPS'] ?? 60)
const seed = process.env['VERIFY_SEED'] ?? '1'

describe('a flipped bit', () => {
  it(
    `in the file or its log is told, or every event is as it was appended (${flips} flips, seed ${seed})`,
    { timeout: 60_000 + flips * 2000 },
    async () => {
      const random = seededRandom(seed)
      const quiet = await filledFolder()
      const logged = join(await temporaryFolder(), 'copy')
      const owner = await temporaryFolder()
      const journal = storeJournal(await openStore(owner), { ownsStore: true })
      await fill(journal)
      // By another process: whoever owns the folder must not open its files.
      await promisify(execFile)('cp', ['-r', owner, logged])
      const wanted = await contents(journal)
      await journal.close()
      const told: Record<string, number> = {}
      for (let flip = 0; flip < flips; flip++) {
        const folder = join(await temporaryFolder(), 'data')
        const fromLog = flip % 3 === 2
        await cp(fromLog ? logged : quiet, folder, { recursive: true })
        const path = join(folder, fromLog ? 'colloquy.db-wal' : 'colloquy.db')
        const bytes = await readFile(path)
        const at = random.integer(bytes.length)
        const bit = random.integer(8)
        bytes[at] = (bytes[at] as number) ^ (1 << bit)
        await writeFile(path, bytes)
        const what = await judged(folder, wanted)
        told[what] = (told[what] ?? 0) + 1
        expect(what, `${path} byte ${at} bit ${bit}`).not.toBe('altered in silence')
        await rm(folder, { recursive: true, force: true })
      }
      expect(Object.keys(told)).toContain('told')
    },
  )
})

async function contents(journal: Journal): Promise<{ all: Recorded[]; streams: Recorded[][] }> {
  const all = await gather(journal.readAll())
  const names = [...new Set(all.map(({ stream }) => stream))].sort()
  const streams: Recorded[][] = []
  for (const name of names) streams.push(await gather(journal.read(name)))
  return { all, streams }
}

async function judged(folder: string, wanted: Awaited<ReturnType<typeof contents>>): Promise<string> {
  try {
    await using store = await openStore(folder, true)
    const { findings, summary } = await verified(store, { reaches: '41' })
    if (findings.length > 0 || !summary.complete) return 'told'
    const found = await contents(storeJournal(store))
    try {
      expect(found).toEqual(wanted)
      return 'unharmed'
    } catch {
      return 'altered in silence'
    }
  } catch (error) {
    return codeOf(error) === 'unknown' ? `unknown: ${String(error)}` : 'refused to open'
  }
}

describe('the log of a database', () => {
  /** The files as a crash leaves them: the log is not folded into the file, and nobody owns the folder. */
  async function crashed(restarted: boolean): Promise<{ folder: string; events: Recorded[]; log: Buffer }> {
    const folder = await temporaryFolder()
    const data = join(folder, 'data')
    await using journal = storeJournal(await openStore(data), { ownsStore: true })
    for (let at = 1; at <= 12; at++) await journal.append(`s${at % 3}`, numbered(at, at + 1))
    if (restarted) {
      const aside = new DatabaseSync(join(data, 'colloquy.db'))
      aside.exec('PRAGMA wal_checkpoint(RESTART)')
      aside.close()
      for (let at = 1; at <= 3; at++) await journal.append('later', [event(at)])
    }
    const copy = join(folder, 'copy')
    await mkdir(copy)
    for (const name of ['colloquy.db', 'colloquy.db-wal']) await cp(join(data, name), join(copy, name))
    return { folder: copy, events: await gather(journal.readAll()), log: await readFile(join(copy, 'colloquy.db-wal')) }
  }

  async function seen(folder: string): Promise<{ events: Recorded[]; kinds: string[]; faults: number }> {
    await rm(join(folder, 'colloquy.db-shm'), { force: true })
    const store = await openStore(folder, true)
    await using journal = storeJournal(store, { ownsStore: true })
    const { findings, summary } = await verified(store)
    return { events: await gather(journal.readAll()), kinds: findings.map(({ kind }) => kind), faults: summary.faults }
  }

  it('that is sound after a crash gives no finding', async () => {
    for (const restarted of [false, true]) {
      const { folder, events } = await crashed(restarted)
      expect(await seen(folder)).toEqual({ events, kinds: [], faults: 0 })
    }
  })

  it.each([false, true])(
    'with a flipped bit anywhere loses no event in silence (log begun anew: %s)',
    async (restarted) => {
      const { folder, events, log } = await crashed(restarted)
      expect(events.length).toBeGreaterThan(20)
      await fc.assert(
        fc.asyncProperty(fc.nat(log.length - 1), fc.nat(7), async (at, bit) => {
          const flipped = Buffer.from(log)
          flipped[at] = (flipped[at] as number) ^ (1 << bit)
          await writeFile(join(folder, 'colloquy.db-wal'), flipped)
          const found = await seen(folder)
          expect(found.kinds.length === 0 ? found.events : events).toEqual(events)
        }),
        {
          numRuns: 20,
          examples: [
            [0, 0],
            [17, 3],
            [32 + 8, 1],
            [log.length - 4096 - 16, 1],
            [log.length - 1, 1],
          ],
        },
      )
    },
    60_000,
  )

  it('that is damaged before its end is a fault; one that breaks off within its last frame may be in order', async () => {
    const { folder, log, events } = await crashed(false)
    const path = join(folder, 'colloquy.db-wal')
    const damaged = Buffer.from(log)
    damaged[32 + 24 + 100] = (damaged[32 + 24 + 100] as number) ^ 1
    await writeFile(path, damaged)
    expect(await seen(folder)).toMatchObject({ events: [], faults: 1, kinds: ['log'] })
    await writeFile(path, log.subarray(0, log.length - 1000))
    const torn = await seen(folder)
    expect(torn).toMatchObject({ faults: 0, kinds: ['torn'] })
    expect(torn.events).toEqual(events.slice(0, torn.events.length))
    expect(torn.events.length).toBeLessThan(events.length)
  })

  it('that held the tables is called damaged by who only reads, and nobody is told to write', async () => {
    const folder = await temporaryFolder()
    const database = new DatabaseSync(join(folder, 'colloquy.db'))
    database.exec(`PRAGMA application_id = 1668051321; PRAGMA journal_mode = WAL`)
    database.close()
    await writeFile(join(folder, 'colloquy.db-wal'), Buffer.alloc(9000, 7))
    const refused = await openStore(folder, true).catch((error: unknown) => error as Error)
    expect(refused).toMatchObject({ code: 'store.corrupt' })
    expect((refused as Error).message).not.toContain('for writing')
    await rm(join(folder, 'colloquy.db-wal'))
    await expect(openStore(folder, true)).rejects.toMatchObject({ code: 'store.schema_older' })
  })

  it('holds no tables alone: they are in the file as soon as a store is open', async () => {
    const folder = await temporaryFolder()
    await using store = await openStore(folder)
    await mkdir(join(folder, 'copy'))
    await cp(join(folder, 'colloquy.db'), join(folder, 'copy', 'colloquy.db'))
    await using copy = await openStore(join(folder, 'copy'), true)
    expect(store.readonly).not.toBe(copy.readonly)
  })
})
