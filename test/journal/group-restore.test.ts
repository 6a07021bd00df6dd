import { describe, expect, it, onTestFinished } from 'vitest'
import { event, gather } from '../../src/journal/conformance-kit.ts'
import type { Delivery } from '../../src/journal/group.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'

describe('an event that was acknowledged', () => {
  it('is not delivered again when it was erased at a restart and restored before the next', async () => {
    const store = memoryStore({ schemas: [journalSchema] })
    onTestFinished(() => store.close())
    const first = storeJournal(store)
    await first.append('held', [event(1)])
    await first.append('away', [event(2)])
    await first.append('late', [event(3)])
    const away = await gather(first.read('away'))
    const worker = (await first.group('g')).consume({ prefetch: 10 })[Symbol.asyncIterator]()
    const next = async () => (await worker.next()).value as Delivery
    await next()
    await (await next()).ack()
    await first.truncate('away', 2)
    // Each journal object takes the group over as a process does that begins after a crash.
    await (await storeJournal(store).group('g')).status()
    const third = storeJournal(store)
    await third.restore('away', away)
    const group = await third.group('g')
    expect(await group.status()).toMatchObject({ parked: 0, lag: 2 })
    const told: string[] = []
    for await (const delivery of group.consume()) {
      told.push(delivery.recorded.stream)
      await delivery.ack()
      if (told.length === 2) break
    }
    expect(told).toEqual(['held', 'late'])
    expect((await group.status()).lag).toBe(0)
    await third.close()
  })
})
