import * as fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { numbered } from '../../src/journal/conformance-kit.ts'
import type { ConsumeOptions, ConsumerGroup, Delivery } from '../../src/journal/group.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { Procedure } from '../../src/store/store.ts'

async function held(group: ConsumerGroup): Promise<number> {
  const { waiting, inFlight, delayed } = await group.status()
  return waiting + inFlight + delayed
}

/** Takes everything there is with some consumers; what the group held at most at any delivery. */
async function worked(group: ConsumerGroup, count: number, consumers: readonly ConsumeOptions[]) {
  const over = new AbortController()
  const versions: number[] = []
  let most = 0
  await Promise.all(
    consumers.map(async (options) => {
      for await (const delivery of group.consume({ ...options, signal: over.signal })) {
        versions.push(delivery.recorded.version)
        most = Math.max(most, await held(group))
        await delivery.ack()
        if (versions.length === count) over.abort()
      }
    }),
  )
  return { versions, most }
}

describe('a group without keys', () => {
  it('holds a few times what its consumers may take, and no more than heldMax', async () => {
    const plan = fc.record({
      prefetches: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 3 }),
      inFlightMax: fc.integer({ min: 1, max: 50 }),
      more: fc.integer({ min: 0, max: 50 }),
      count: fc.integer({ min: 1, max: 700 }),
    })
    await fc.assert(
      fc.asyncProperty(plan, async ({ prefetches, inFlightMax, more, count }) => {
        await using journal = memoryJournal()
        await journal.append('a', numbered(1, count))
        const heldMax = inFlightMax + more
        await using group = await journal.group('g', { inFlightMax, heldMax })
        const demand = Math.min(
          inFlightMax,
          prefetches.reduce((sum, prefetch) => sum + prefetch, 0),
        )
        const consumers = prefetches.map((prefetch) => ({ prefetch }))
        const { versions, most } = await worked(group, count, consumers)
        expect(versions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, at) => at + 1))
        expect(most).toBeLessThanOrEqual(Math.min(heldMax, 5 * demand))
        expect(await held(group)).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  it('begins again after a crash without holding more than there was', async () => {
    const store = memoryStore({ schemas: [journalSchema] })
    onTestFinished(() => store.close())
    const crashed = storeJournal(store)
    await crashed.append('a', numbered(1, 1000))
    const options = { inFlightMax: 1, heldMax: 1 }
    const worker = (await crashed.group('g', options)).consume({ prefetch: 1 })[Symbol.asyncIterator]()
    for (let version = 1; version <= 2; version++) await ((await worker.next()).value as Delivery).ack()
    await worker.next()
    await using journal = storeJournal(store)
    await using again = await journal.group('g', options)
    expect(await held(again)).toBe(1)
    const { versions, most } = await worked(again, 998, [{ prefetch: 1 }])
    expect([versions[0], versions.at(-1), most]).toEqual([3, 1000, 1])
  })

  it('does not deliver what was erased between the reading of its page and the end of that', async () => {
    const inner = memoryStore({ schemas: [journalSchema] })
    onTestFinished(() => inner.close())
    const [came, open] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const store = new Proxy(inner, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (name !== 'read') return typeof value === 'function' ? value.bind(target) : value
        return async (procedure: Procedure<unknown, unknown>, args: unknown) => {
          const found = await target.read(procedure, args)
          if (procedure.name !== 'allPage') return found
          came.resolve()
          await open.promise
          return found
        }
      },
    })
    await using journal = storeJournal(store)
    await journal.append('a', numbered(1, 4))
    await using group = await journal.group('g')
    const worker = group.consume({ prefetch: 1 })[Symbol.asyncIterator]()
    const asked = worker.next()
    await came.promise
    await journal.truncate('a', 4)
    open.resolve()
    expect(((await asked).value as Delivery).recorded.version).toBe(4)
    await worker.return?.()
  })

  it('goes on with more when another consumer comes, and with less when it has left', async () => {
    await using journal = memoryJournal()
    await using group = await journal.group('g')
    const slow = group.consume({ prefetch: 1 })[Symbol.asyncIterator]()
    const asked = slow.next()
    await journal.append('a', numbered(1, 3000))
    const first = (await asked).value as Delivery
    await expect.poll(() => held(group)).toBe(4)
    const fast = group.consume({ prefetch: 500 })[Symbol.asyncIterator]()
    await fast.next()
    await expect.poll(async () => (await group.status()).inFlight).toBe(501)
    await fast.return?.()
    await first.ack()
    const before = await held(group)
    for (let settled = 0; settled < 100; settled++) {
      const { value } = await slow.next()
      await (value as Delivery).ack()
    }
    expect(await held(group)).toBe(before - 100)
    await slow.return?.()
  })
})

describe('a group with keys', () => {
  it('looks beyond a key that waits, with whatever room is left', async () => {
    const clock = manualClock()
    await using journal = memoryJournal({ clock })
    await journal.append('a', numbered(1, 95))
    await journal.append('b', numbered(1, 50))
    const options = { partitionBy: ({ stream }: { readonly stream: string }) => stream, inFlightMax: 10, heldMax: 100 }
    await using group = await journal.group('g', options)
    const seen: string[] = []
    let most = 0
    for await (const delivery of group.consume()) {
      const { stream, version } = delivery.recorded
      most = Math.max(most, await held(group))
      seen.push(`${stream}${version}`)
      if (stream === 'a') await delivery.nack({ delayMs: 60_000 })
      else await delivery.ack()
      if (version === 50) break
    }
    expect(seen).toEqual(['a1', ...Array.from({ length: 50 }, (_, at) => `b${at + 1}`)])
    expect(most).toBeLessThanOrEqual(100)
  })
})
