import { getEventListeners } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import { event, gather, ids, numbered } from '../../src/journal/conformance-kit.ts'
import type { Journal, SubscribeJournalOptions } from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'

/** A memory store that counts readings and shows the signals of those who wait for a change. */
function watchedStore(): { store: Store; readings: () => number; waiting: () => AbortSignal[] } {
  const inner = memoryStore({ schemas: [journalSchema] })
  onTestFinished(() => inner.close())
  let readings = 0
  const waiting = new Set<AbortSignal>()
  const store = new Proxy(inner, {
    get(target, name) {
      if (name === 'read') readings++
      if (name === 'changed')
        return (signal: AbortSignal) => {
          waiting.add(signal)
          return target.changed(signal).finally(() => waiting.delete(signal))
        }
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  return { store, readings: () => readings, waiting: () => [...waiting] }
}

async function started(journal: Journal, options: SubscribeJournalOptions = {}) {
  const cursor = journal.subscribe(options)[Symbol.asyncIterator]()
  await cursor.next()
  return cursor
}

describe('a subscription that was left', () => {
  it('leaves no listener on its signal and no wait for a change', async () => {
    const { store, waiting } = watchedStore()
    const journal = storeJournal(store)
    await journal.append('a', [event(1)])
    const { signal } = new AbortController()
    for (const pending of [false, true]) {
      const cursor = await started(journal, { signal })
      expect(getEventListeners(signal, 'abort')).toHaveLength(1)
      const next = pending ? cursor.next() : undefined
      await cursor.return?.()
      await next
      expect(getEventListeners(signal, 'abort')).toHaveLength(0)
      expect(waiting()).toEqual([])
    }
  })

  it('is the same after an abort, a close and an error', async () => {
    const { store, waiting } = watchedStore()
    const journal = storeJournal(store)
    await journal.append('a', [event(1)])
    const aborted = new AbortController()
    const first = await started(journal, { signal: aborted.signal })
    const pending = first.next()
    aborted.abort()
    expect(await pending).toEqual({ value: undefined, done: true })
    const other = new AbortController()
    const second = await started(journal, { signal: other.signal })
    const ending = second.next()
    await journal.close()
    expect(await ending).toEqual({ value: undefined, done: true })
    const again = storeJournal(store)
    const third = await started(again, { signal: other.signal })
    const failing = third.next()
    await store.close()
    await expect(failing).rejects.toMatchObject({ code: 'store.closed' })
    expect(await third.next()).toEqual({ value: undefined, done: true })
    for (const { signal } of [aborted, other]) expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    expect(waiting()).toEqual([])
  })
})

describe('a slow subscriber', () => {
  it('fetches nothing until it asks', async () => {
    const { store, readings } = watchedStore()
    const journal = storeJournal(store)
    await journal.append('a', [event(1)])
    const cursor = await started(journal)
    const before = readings()
    for (let batch = 0; batch < 20; batch++) await journal.append('a', numbered(1, 100))
    expect(readings()).toBe(before)
    await cursor.next()
    expect(readings()).toBe(before + 1)
    await cursor.return?.()
  })

  it('gets large events one by one, not with their page', async () => {
    const { store, readings } = watchedStore()
    const journal = storeJournal(store)
    await journal.append(
      'a',
      Array.from({ length: 5 }, (_, at) => event(at, { data: 'x'.repeat(100_000) })),
    )
    const cursor = journal.readAll()[Symbol.asyncIterator]()
    await cursor.next()
    const before = readings()
    await cursor.next()
    expect(readings()).toBe(before + 1)
    await cursor.return?.()
  })
})

describe('close', () => {
  it('waits for the appends under way and keeps them', async () => {
    const inner = memoryStore({ schemas: [journalSchema] })
    const gate = Promise.withResolvers<void>()
    const store: Store = {
      driver: inner.driver,
      durable: inner.durable,
      readonly: inner.readonly,
      stats: inner.stats,
      write: (procedure, args) => gate.promise.then(() => inner.write(procedure, args)),
      writeTogether: (calls) => inner.writeTogether(calls),
      read: (procedure, args) => inner.read(procedure, args),
      changed: (signal) => inner.changed(signal),
      backup: (folder, options) => inner.backup(folder, options),
      check: (options) => inner.check(options),
      close: () => inner.close(),
      [Symbol.asyncDispose]: () => inner.close(),
    }
    const journal = storeJournal(store)
    const order: string[] = []
    const appending = journal.append('a', [event(1)]).then(() => order.push('appended'))
    const closing = journal.close().then(() => order.push('closed'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(order).toEqual([])
    gate.resolve()
    await Promise.all([appending, closing])
    expect(order).toEqual(['appended', 'closed'])
    expect(ids(await gather(storeJournal(store).readAll()))).toEqual(['event-1'])
  })
})

describe('limits of one journal', () => {
  it('are those it was opened with', async () => {
    const limits = { eventMaxBytes: 20, batchMax: 2, batchMaxBytes: 30, streamMaxLength: 3 }
    const journal = memoryJournal({ limits })
    expect(journal.limits).toEqual(limits)
    const sized = (bytes: number) => event(1, { data: 'x'.repeat(bytes - 2) })
    await journal.append('abc', [sized(20), sized(10)])
    await expect(journal.append('abc', [sized(21)])).rejects.toMatchObject({
      code: 'journal.event_too_large',
      maxBytes: 20,
    })
    await expect(journal.append('abc', [sized(20), sized(11)])).rejects.toMatchObject({ limit: 'batchMaxBytes' })
    await expect(journal.append('abc', [sized(5), sized(5), sized(5)])).rejects.toMatchObject({ limit: 'batchMax' })
    await expect(journal.append('abcd', [sized(5)])).rejects.toMatchObject({ argument: 'stream' })
    expect(await journal.version('abc')).toBe(2)
  })
})
