import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { deferred } from '../../src/base/deferred.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { event, numbered } from '../../src/journal/conformance-kit.ts'
import type { ConsumeOptions, ConsumerGroup, Delivery, ParkedEvent } from '../../src/journal/group.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { procedure } from '../../src/store/procedure.ts'
import type { Procedure, Store } from '../../src/store/store.ts'

const schemas = [journalSchema]

function consumer(group: ConsumerGroup, options?: ConsumeOptions): AsyncIterator<Delivery> {
  return group.consume(options)[Symbol.asyncIterator]()
}

async function one(iterator: AsyncIterator<Delivery>): Promise<Delivery> {
  const { value, done } = await iterator.next()
  expect(done).toBe(false)
  return value
}

async function parkedOf(group: ConsumerGroup): Promise<ParkedEvent[]> {
  const all: ParkedEvent[] = []
  for await (const parked of group.parked()) all.push(parked)
  return all
}

const told = ({ recorded, attempt }: Delivery): [string, number] => [recorded.event.id, attempt]

/** A store whose writes of groups can be held back, counted and broken. */
function guarded(inner: Store): {
  readonly store: Store
  writes: number
  hold: (() => Promise<void>) | undefined
  failure: Error | undefined
} {
  const guard = {
    store: inner,
    writes: 0,
    hold: undefined as (() => Promise<void>) | undefined,
    failure: undefined as Error | undefined,
  }
  guard.store = new Proxy(inner, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (name !== 'write') return typeof value === 'function' ? value.bind(target) : value
      return async (procedure: Procedure<unknown, unknown>, args: unknown) => {
        if (procedure.name !== 'saveGroup') return target.write(procedure, args)
        guard.writes++
        if (guard.failure) throw guard.failure
        await guard.hold?.()
        return target.write(procedure, args)
      }
    },
  })
  return guard
}

describe('visibility', () => {
  it('is measured by the monotonic clock: setting the wall clock neither hastens nor delays a delivery', async () => {
    const clock = manualClock()
    await using journal = memoryJournal({ clock })
    await journal.append('a', numbered(1, 2))
    await using group = await journal.group('g', { visibilityTimeoutMs: 1000 })
    const first = consumer(group, { prefetch: 2 })
    await one(first)
    const delayed = await one(first)
    await delayed.nack({ delayMs: 1500 })
    clock.setNow(clock.now() + 1e9)
    await clock.advance(999)
    expect((await group.status()).inFlight).toBe(1)
    clock.setNow(0)
    const second = consumer(group)
    const again = one(second)
    await clock.advance(1)
    expect(told(await again)).toEqual(['event-1', 2])
    const later = one(second)
    await clock.advance(500)
    expect(told(await later)).toEqual(['event-2', 2])
    await Promise.all([first.return?.(), second.return?.()])
  })

  it('begins when the loop takes the delivery; what waits in a queue too long goes to others and does not count', async () => {
    const clock = manualClock()
    await using journal = memoryJournal({ clock })
    await journal.append('a', numbered(1, 3))
    await using group = await journal.group('g', { visibilityTimeoutMs: 1000, maxDeliveries: 1 })
    const slow = consumer(group, { prefetch: 3 })
    const first = await one(slow)
    await clock.advance(900)
    const second = await one(slow)
    await first.ack()
    await clock.advance(900)
    const other = consumer(group)
    expect(told(await one(other))).toEqual(['event-3', 1])
    await second.ack()
    const { parked, inFlight } = await group.status()
    expect([parked, inFlight]).toEqual([0, 1])
    await Promise.all([slow.return?.(), other.return?.()])
  })

  it('can be extended as often as the work needs, and without it the last delivery is parked with what happened', async () => {
    const clock = manualClock()
    await using journal = memoryJournal({ clock })
    await journal.append('a', numbered(1, 1))
    await using group = await journal.group('g', { visibilityTimeoutMs: 1000, maxDeliveries: 2 })
    const worker = consumer(group, { prefetch: 1 })
    const first = await one(worker)
    for (let round = 0; round < 5; round++) {
      await clock.advance(900)
      await first.extend()
    }
    await first.extend(5000)
    await clock.advance(4999)
    expect((await group.status()).inFlight).toBe(1)
    await first.nack({ reason: 'too hard' })
    const second = await one(worker)
    await clock.advance(1000)
    await expect(second.extend()).rejects.toMatchObject({ code: 'journal.lease_lost' })
    const [parked] = await parkedOf(group)
    expect(parked).toMatchObject({
      attempts: 2,
      reason: 'not settled within 1000 ms; before that: too hard',
      parkedAtMs: clock.now(),
    })
    await worker.return?.()
  })

  it('keeps no timer when nobody waits', async () => {
    const clock = manualClock()
    await using journal = memoryJournal({ clock })
    await journal.append('a', numbered(1, 1))
    await using group = await journal.group('g')
    const worker = consumer(group)
    await (await one(worker)).nack({ delayMs: 1000 })
    expect(clock.pending).toBe(1)
    await worker.return?.()
    await group.status()
    expect(clock.pending).toBe(0)
  })
})

describe('what is written', () => {
  it('has each attempt before its event is handed out', async () => {
    const guard = guarded(memoryStore({ schemas }))
    await using journal = storeJournal(guard.store, { ownsStore: true })
    await journal.append('a', numbered(1, 1))
    await using group = await journal.group('g')
    const gate = deferred()
    guard.hold = () => gate.promise
    const worker = consumer(group)
    let handed = false
    const waiting = one(worker).then((delivery) => {
      handed = true
      return delivery
    })
    await expect.poll(() => guard.writes).toBe(1)
    expect(handed).toBe(false)
    gate.resolve()
    const delivery = await waiting
    const second = deferred()
    guard.hold = () => second.promise
    let acked = false
    const ack = delivery.ack().finally(() => {
      acked = true
    })
    await expect.poll(() => guard.writes).toBe(2)
    expect(acked).toBe(false)
    second.resolve()
    await ack
    await worker.return?.()
  })

  it('is one write for all that is claimed and settled meanwhile', async () => {
    const guard = guarded(memoryStore({ schemas }))
    await using journal = storeJournal(guard.store, { ownsStore: true })
    await journal.append('a', numbered(1, 5120))
    await using group = await journal.group('g')
    // A store whose writes take a turn, as those that sync do.
    guard.hold = () => new Promise((resolve) => setImmediate(resolve))
    const acks: Promise<void>[] = []
    for await (const delivery of group.consume({ prefetch: 512 })) {
      acks.push(delivery.ack())
      if (acks.length === 5120) break
    }
    await Promise.all(acks)
    expect(guard.writes).toBeLessThan(5120 / 100)
    expect((await group.status()).lag).toBe(0)
  })

  it('breaks the group when it cannot be kept: whoever settles and whoever consumes hears of it, and it can be opened again', async () => {
    const guard = guarded(memoryStore({ schemas }))
    await using journal = storeJournal(guard.store, { ownsStore: true })
    await journal.append('a', numbered(1, 2))
    const group = await journal.group('g')
    const worker = consumer(group)
    const [first, second] = [await one(worker), await one(worker)]
    await first.ack()
    const waiting = worker.next()
    guard.failure = new Error('the disk is full')
    const ack = second.ack()
    await expect(ack).rejects.toBe(guard.failure)
    await expect(waiting).rejects.toBe(guard.failure)
    await expect(second.ack()).rejects.toBe(guard.failure)
    await expect(group.status()).rejects.toBe(guard.failure)
    await group.close()
    guard.failure = undefined
    await using again = await journal.group('g')
    const other = consumer(again)
    expect(told(await one(other))).toEqual(['event-2', 2])
    await other.return?.()
  })

  it('belongs to the last journal that opened the group: another one over the same store cannot undo it', async () => {
    await using store = memoryStore({ schemas })
    await using old = storeJournal(store)
    await old.append('a', numbered(1, 2))
    const group = await old.group('g')
    const worker = consumer(group, { prefetch: 1 })
    const delivery = await one(worker)
    await using fresh = storeJournal(store)
    await using taken = await fresh.group('g')
    await expect(delivery.ack()).rejects.toMatchObject({ code: 'journal.group_taken', group: 'g' })
    await expect(worker.next()).rejects.toMatchObject({ code: 'journal.group_taken' })
    const other = consumer(taken)
    expect(told(await one(other))).toEqual(['event-1', 2])
    await other.return?.()
  })
})

describe('after a crash', () => {
  /** A new life over the same store, the old one simply left. */
  const reborn = (store: Store, clock = manualClock()) => ({ journal: storeJournal(store, { clock }), clock })

  it('an attempt that was handed out counts, and the poison is parked though nobody could say so', async () => {
    await using store = memoryStore({ schemas })
    await reborn(store).journal.append('a', numbered(1, 8))
    const attempts = new Map<string, number>()
    for (let life = 0; life < 4; life++) {
      const { journal } = reborn(store)
      const group = await journal.group('g', { maxDeliveries: 3 })
      const worker = consumer(group, { prefetch: 8 })
      while ((await group.status()).lag > 0) {
        const delivery = await one(worker)
        attempts.set(...told(delivery))
        if (delivery.recorded.event.id === 'event-5') break
        await delivery.ack()
      }
    }
    expect(attempts.get('event-5')).toBe(3)
    const { journal } = reborn(store)
    const group = await journal.group('g', { maxDeliveries: 3 })
    const parked = await parkedOf(group)
    expect(parked.map(({ recorded, attempts }) => [recorded?.event.id, attempts])).toEqual([['event-5', 3]])
    expect((await group.status()).lag).toBe(0)
  })

  it('a delay goes on, and a wall clock that was set back cannot make it longer than was asked', async () => {
    await using store = memoryStore({ schemas })
    const first = reborn(store)
    await first.journal.append('a', numbered(1, 1))
    const group = await first.journal.group('g')
    const worker = consumer(group)
    await (await one(worker)).nack({ delayMs: 1000 })
    for (const [wallMs, waitMs] of [
      [first.clock.now() + 400, 600],
      [0, 1000],
    ] as const) {
      const { journal, clock } = reborn(store, manualClock(wallMs))
      const again = await journal.group('g')
      const waiting = consumer(again).next()
      let handed = false
      waiting.then(({ done }) => (handed ||= !done)).catch(() => {})
      await clock.advance(waitMs - 1)
      expect(handed).toBe(false)
      await journal.close()
      expect((await waiting).done).toBe(true)
    }
    const { journal } = reborn(store, manualClock(first.clock.now() + 1e12))
    const other = consumer(await journal.group('g'))
    expect(told(await one(other))).toEqual(['event-1', 2])
  })
})

describe('a consumer group', () => {
  it('works on a journal that an older version made', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-group-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const old = { room: 'journal', migrations: journalSchema.migrations.slice(0, 2) }
    const before = storeJournal(await openSqliteStore({ folder, schemas: [old] }), { ownsStore: true })
    await before.append('a', numbered(1, 3))
    await expect(before.group('g')).rejects.toMatchObject({ code: 'store.sql' })
    await before.close()
    await using journal = storeJournal(await openSqliteStore({ folder, schemas }), { ownsStore: true })
    await using group = await journal.group('g')
    const worker = consumer(group)
    for (let number = 1; number <= 3; number++) await (await one(worker)).ack()
    await worker.return?.()
    expect((await group.status()).lag).toBe(0)
  })

  it('ends its consumers with what partitionBy throws, or with a key that is none', async () => {
    await using journal = memoryJournal()
    await journal.append('a', numbered(1, 1))
    const thrown = new Error('no key')
    const group = await journal.group('g', {
      partitionBy: () => {
        throw thrown
      },
    })
    await expect(consumer(group).next()).rejects.toBe(thrown)
    const other = await journal.group('other', { partitionBy: () => '' })
    await expect(consumer(other).next()).rejects.toMatchObject({ code: 'base.invalid_argument' })
  })

  it('is refused by a read-only journal', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-group-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    await using owner = storeJournal(await openSqliteStore({ folder, schemas }), { ownsStore: true })
    await owner.append('a', numbered(1, 1))
    await using reader = storeJournal(await openSqliteStore({ folder, schemas, readonly: true }), { ownsStore: true })
    await expect(reader.group('g')).rejects.toMatchObject({ code: 'journal.readonly' })
  })

  it('cuts off a reason that is too long, and refuses one that is no text', async () => {
    await using journal = memoryJournal()
    await journal.append('a', numbered(1, 1))
    await using group = await journal.group('g')
    const worker = consumer(group)
    const delivery = await one(worker)
    await expect(delivery.park(1 as unknown as string)).rejects.toMatchObject({ code: 'base.invalid_argument' })
    await delivery.park(`${'x'.repeat(1023)}🙂`)
    const [parked] = await parkedOf(group)
    expect(parked?.reason).toBe(`${'x'.repeat(1023)}\ufffd`)
    await worker.return?.()
  })

  it('shares what is there among the consumers that want some', async () => {
    await using journal = memoryJournal()
    await using group = await journal.group('g')
    const workers = ['a', 'b', 'c'].map((name) => consumer(group, { name, prefetch: 100 }))
    const firsts = workers.map((worker) => worker.next())
    await journal.append('a', numbered(1, 30))
    await Promise.all(firsts)
    const { consumers } = await group.status()
    expect(consumers).toEqual(['a', 'b', 'c'].map((name) => ({ name, inFlight: 10 })))
    for (const worker of workers) await worker.return?.()
  })

  it('gives what comes to a loop that waits before one that is busy', async () => {
    await using journal = memoryJournal()
    await using group = await journal.group('g')
    const busy = consumer(group, { name: 'busy', prefetch: 10 })
    const first = one(busy)
    await journal.append('a', [event(1)])
    await first
    const idle = consumer(group, { name: 'idle', prefetch: 10 })
    for (let number = 2; number <= 5; number++) {
      const next = one(idle)
      await journal.append('a', [event(number)])
      const delivery = await next
      expect(told(delivery)).toEqual([`event-${number}`, 1])
      await delivery.ack()
    }
    await Promise.all([busy.return?.(), idle.return?.()])
  })

  it('gives the queue of an aborted consumer to others at once, though its loop is still on a delivery', async () => {
    await using journal = memoryJournal()
    await journal.append('a', numbered(1, 3))
    await using group = await journal.group('g')
    const leaving = new AbortController()
    const first = consumer(group, { prefetch: 3, signal: leaving.signal })
    const delivery = await one(first)
    leaving.abort()
    const other = consumer(group)
    expect(told(await one(other))).toEqual(['event-2', 1])
    expect(told(await one(other))).toEqual(['event-3', 1])
    await delivery.ack()
    expect((await first.next()).done).toBe(true)
    await other.return?.()
  })

  it('leaves nothing in the store when it is removed', async () => {
    await using store = memoryStore({ schemas })
    await using journal = storeJournal(store)
    await journal.append('a', numbered(1, 4))
    const group = await journal.group('g')
    const worker = consumer(group)
    await (await one(worker)).park('aside')
    await (await one(worker)).nack({ delayMs: 1000 })
    await worker.return?.()
    const rows = procedure(import.meta.url, 'rows', (tx) =>
      ['journal_group', 'journal_group_delivery', 'journal_group_parked'].map(
        (table) => tx.sql(`SELECT count(*) AS n FROM ${table}`).get()?.['n'],
      ),
    )
    expect(await store.read(rows, null)).not.toContain(0)
    await group.remove()
    expect(await store.read(rows, null)).toEqual([0, 0, 0])
  })

  it('fetches no more than it may hold, and goes on when some are settled', async () => {
    await using journal = memoryJournal()
    for (let batch = 0; batch < 40; batch++) await journal.append('a', numbered(batch * 100 + 1, batch * 100 + 100))
    await using group = await journal.group('g', { partitionBy: ({ stream }) => stream, inFlightMax: 10, heldMax: 600 })
    const worker = consumer(group, { prefetch: 10 })
    const first = await one(worker)
    await expect.poll(async () => (await group.status()).waiting).toBe(599)
    expect((await group.status()).lag).toBe(4000)
    await first.ack()
    for (let number = 2; number <= 4000; number++) {
      const delivery = await one(worker)
      expect(delivery.recorded.version).toBe(number)
      await delivery.ack()
    }
    expect((await group.status()).lag).toBe(0)
    await worker.return?.()
  })
})

const drivers: [string, () => Journal][] = [
  ['memory', () => memoryJournal()],
  ['sqlite', () => storeJournal(memoryStore({ schemas }), { ownsStore: true })],
]

describe.each(drivers)('a group on the %s driver', (_name, open) => {
  it('gives every event to its consumers until it is acknowledged once, whatever they do, and keys in order', async () => {
    const plan = fc.record({
      keys: fc.array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1, maxLength: 60 }),
      ways: fc.infiniteStream(fc.constantFrom('ack', 'ack', 'ack', 'nack', 'park', 'leave', 'late')),
      prefetch: fc.integer({ min: 1, max: 20 }),
      workers: fc.integer({ min: 1, max: 4 }),
    })
    await fc.assert(
      fc.asyncProperty(plan, async ({ keys, ways, prefetch, workers }) => {
        await using journal = open()
        const partitionBy = ({ stream }: { readonly stream: string }) => (stream === 'free' ? undefined : stream)
        await using group = await journal.group('g', { partitionBy, maxDeliveries: 1000 })
        const acked: string[] = []
        const order = new Map<string, number[]>()
        const done = new AbortController()
        const worker = async () => {
          while (!done.signal.aborted)
            for await (const delivery of group.consume({ prefetch, signal: done.signal })) {
              const { recorded } = delivery
              const way = ways.next().value
              if (way === 'leave') break
              if (way === 'nack') await delivery.nack({ reason: 'again' })
              else if (way === 'park') {
                await delivery.park('aside')
                await group.replayParked()
              } else {
                if (way === 'late') await journal.version(recorded.stream)
                await delivery.ack()
                acked.push(recorded.event.id)
                order.set(recorded.stream, [...(order.get(recorded.stream) ?? []), recorded.version])
                if (acked.length === keys.length) done.abort()
              }
            }
        }
        const working = Promise.all(Array.from({ length: workers }, worker))
        for (const [at, key] of keys.entries()) await journal.append(key || 'free', [event(at + 1)])
        await working
        expect(new Set(acked).size).toBe(keys.length)
        expect(acked).toHaveLength(keys.length)
        expect((await group.status()).checkpoint).toBe(await journal.head())
      }),
      { numRuns: 60 },
    )
  })
})
