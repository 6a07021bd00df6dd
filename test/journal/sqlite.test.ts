import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { event, gather, ids, numbered, take } from '../../src/journal/conformance-kit.ts'
import { journalChecks } from '../../src/journal/conformance.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { successor } from '../../src/journal/sqlite-filter.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'

const schemas = [journalSchema]

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-journal-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function openFolder(folder: string, readonly = false): Promise<Journal> {
  return storeJournal(await openSqliteStore({ folder, schemas, readonly }), { ownsStore: true })
}

describe('journal in a memory store', () => {
  const open = async () => storeJournal(memoryStore({ schemas }), { ownsStore: true })

  it.each(journalChecks)('$name', async (check) => {
    const outcome = check.needs.includes('durable') ? 'unsupported' : 'passed'
    expect(await check.run({ open })).toBe(outcome)
  })
})

describe('journal in a sqlite store', () => {
  it.each(journalChecks)('$name', async (check) => {
    const folder = await temporaryFolder()
    const reopen = async (journal: Journal) => {
      await journal.close()
      return openFolder(folder)
    }
    expect(await check.run({ open: () => openFolder(folder), reopen })).toBe('passed')
  })

  it('leaves the store open for its owner unless it owns it', async () => {
    const store = memoryStore({ schemas })
    const first = storeJournal(store)
    await first.append('a', [event(1)])
    await first.close()
    const second = storeJournal(store, { ownsStore: true })
    expect(await second.version('a')).toBe(1)
    await second.close()
    await expect(storeJournal(store).version('a')).rejects.toMatchObject({ code: 'store.closed' })
  })

  it('refuses limits that make no sense', () => {
    const store = memoryStore({ schemas })
    for (const limits of [{ eventMaxBytes: 0 }, { batchMax: 1.5 }, { streamMaxLength: 5000 }])
      expect(() => storeJournal(store, { limits })).toThrow(/limits\./)
  })
})

describe('read-only journal', () => {
  it('refuses to append, reads, and follows what the owner appends', async () => {
    const folder = await temporaryFolder()
    const owner = await openFolder(folder)
    await owner.append('a', numbered(1, 3))
    const reader = await openFolder(folder, true)
    await expect(reader.append('a', [event(4)])).rejects.toMatchObject({ code: 'journal.readonly' })
    expect(ids(await gather(reader.readAll()))).toEqual(['event-1', 'event-2', 'event-3'])
    const following = take(reader.subscribe(), 6)
    for (let number = 4; number <= 6; number++) await owner.append('b', [event(number)])
    expect(ids(await following)).toEqual(['event-1', 'event-2', 'event-3', 'event-4', 'event-5', 'event-6'])
    expect(await reader.version('b')).toBe(3)
    await reader.close()
    await owner.close()
  })
})

describe('a damaged journal', () => {
  it.each([
    ['text that is cut off', `'{"broken'`],
    ['a tag of a codec that nobody knows', `'{"n":{"$nosuch":1}}'`],
    ['two values in the place of one', `'1,2'`],
    ['what parts the events of a page', `'1' || char(30) || '2'`],
  ])('says which event cannot be read for %s, and gives those before it', async (_what, data) => {
    const folder = await temporaryFolder()
    const first = await openFolder(folder)
    await first.append('a', numbered(1, 3))
    await first.close()
    const { databaseFile } = await import('../../src/store/sqlite-file.ts')
    const database = new DatabaseSync(databaseFile(folder))
    database.exec(`UPDATE journal_event SET data = ${data} WHERE position = 2`)
    database.close()
    const again = await openFolder(folder)
    const seen: number[] = []
    const reading = (async () => {
      for await (const { version } of again.readAll()) seen.push(version)
    })()
    await expect(reading).rejects.toMatchObject({ code: 'journal.event_unreadable', stream: 'a', version: 2 })
    expect(seen).toEqual([1])
    await again.close()
  })
})

describe('the end of a prefix', () => {
  it('is the next text in the order of code points', () => {
    expect(successor('convene/')).toBe('convene0')
    expect(successor('a\u{10ffff}')).toBe('b')
    expect(successor('\ud7ff')).toBe('\ue000')
    expect(successor('')).toBeUndefined()
    expect(successor('\u{10ffff}')).toBeUndefined()
  })
})
