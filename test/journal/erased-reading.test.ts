/** What readers see between the moment in which events are hidden and the moment in which they are gone. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { event, gather, ids, numbered } from '../../src/journal/conformance-kit.ts'
import type { Journal, Recorded } from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'

/** A journal whose store erases nothing as long as it is told so: as after a crash between hiding and erasing. */
function hiding(): { journal: Journal; erase: (yes: boolean) => void } {
  const inner = memoryStore({ schemas: [journalSchema] })
  onTestFinished(() => inner.close())
  let erases = false
  const store = new Proxy(inner, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (name !== 'write') return typeof value === 'function' ? (value.bind(target) as unknown) : value
      return (...[procedure, args]: Parameters<Store['write']>) =>
        procedure.name === 'eraseSome' && !erases ? Promise.resolve(0) : target.write(procedure, args)
    },
  })
  return { journal: storeJournal(store), erase: (yes) => (erases = yes) }
}

describe('events that are hidden and not yet erased', () => {
  it('are seen by no reading, condition or key, and are erased by the next retention', async () => {
    const { journal, erase } = hiding()
    await journal.append('a', numbered(1, 3), { idempotencyKey: 'k' })
    await journal.append('b', [event(4)])
    expect(await journal.truncate('a', 4)).toEqual({ events: 0 })
    expect(ids(await gather(journal.readAll()))).toEqual(['event-4'])
    expect(ids(await gather(journal.readAll({ backward: true })))).toEqual(['event-4'])
    expect(ids(await gather(journal.readAll({ filter: { streams: ['a', 'b'] } })))).toEqual(['event-4'])
    expect(await gather(journal.read('a'))).toEqual([])
    expect(await gather(journal.readBackward('a'))).toEqual([])
    for (const filter of [{ streams: ['a'] }, { streams: ['a'], types: ['conformance.counted'] }])
      await journal.append('c', [event(5)], { unless: { filter } })
    expect(await journal.appended('k')).toBeUndefined()
    // The key is free again, though its row is still there.
    expect((await journal.append('a', numbered(6, 8), { idempotencyKey: 'k' })).duplicate).toBeUndefined()
    expect((await journal.append('a', numbered(6, 8), { idempotencyKey: 'k' })).duplicate).toBe(true)
    erase(true)
    expect(await journal.retain({ nowMs: 0 })).toEqual({ events: 3, streams: 1 })
    expect((await journal.append('a', numbered(6, 8), { idempotencyKey: 'k' })).duplicate).toBe(true)
  })
})

describe.each(['memory', 'sqlite'])('a large event that is erased after its page was read (%s)', (driver) => {
  const open = () =>
    driver === 'memory' ? memoryJournal() : storeJournal(memoryStore({ schemas: [journalSchema] }), { ownsStore: true })
  const large = (first: number, last: number) =>
    numbered(first, last).map((each) => ({ ...each, data: 'x'.repeat(9000) }))

  it('is passed over by whoever reads on, event by event', async () => {
    await using journal = open()
    await journal.append('a', large(1, 5))
    await journal.append('b', [event(6)])
    for (const reading of [journal.readAll(), journal.subscribe()]) {
      const cursor = reading[Symbol.asyncIterator]()
      const seen: Recorded[] = [(await cursor.next()).value as Recorded]
      await journal.truncate('a', (await journal.stream('a')).version)
      while (seen.at(-1)?.stream !== 'b') seen.push((await cursor.next()).value as Recorded)
      await cursor.return?.()
      const left = ids(seen)
      expect(left.at(-1)).toBe('event-6')
      // Memory has given its page away already; what is fetched late is what is kept.
      expect(left.length).toBeLessThanOrEqual(driver === 'sqlite' ? 3 : 6)
    }
  })

  it('is passed over in batches, which end before their data are too many', async () => {
    await using journal = open()
    const mib = numbered(1, 12).map((each) => ({ ...each, data: 'x'.repeat(1024 * 1024 - 2) }))
    for (const each of mib) await journal.append('a', [each])
    const sizes: number[] = []
    const seen: string[] = []
    let from = ''
    for await (const { events, position, caughtUp } of journal.readAll({ batch: 512 })) {
      sizes.push(events.length)
      seen.push(...ids(events))
      expect(ids(await gather(journal.readAll({ from, limit: events.length })))).toEqual(ids(events))
      expect(caughtUp).toBe(seen.length === 12)
      from = position
    }
    expect(sizes).toEqual([8, 4])
    expect(seen).toEqual(ids(await gather(journal.readAll())))
    const down: string[] = []
    for await (const { events } of journal.readAll({ batch: 512, backward: true })) down.push(...ids(events))
    expect(down).toEqual(seen.toReversed())
  })
})

it('a batch subscription that waits ends at once when it is left', async () => {
  await using journal = memoryJournal()
  await journal.append('a', [event(1)])
  const batches = journal.subscribe({ batch: 10 })[Symbol.asyncIterator]()
  await batches.next()
  const waiting = batches.next()
  expect(await batches.return?.()).toEqual({ value: undefined, done: true })
  expect(await waiting).toEqual({ value: undefined, done: true })
})
