import { describe, expect, it } from 'vitest'
import { event } from '../../src/journal/conformance-kit.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { journal } from '../../src/journal/typed.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { gated } from './gated-schema.ts'

const done = { value: undefined, done: true }
const ports = [
  ['memory', () => memoryJournal()],
  ['sqlite', () => storeJournal(memoryStore({ schemas: [journalSchema] }), { ownsStore: true })],
] as const

describe('a subscription in batches that waits', () => {
  it.each(ports)('ends at once when it is left, on %s and through a typed journal over it', async (_name, open) => {
    await using port = open()
    await port.append('a', [event(1)])
    const typed = journal<Record<string, unknown>>(port)
    for (const subscription of [port.subscribe({ batch: 10 }), typed.subscribe({ batch: 10 })]) {
      const iterator = subscription[Symbol.asyncIterator]()
      expect((await iterator.next()).done).toBe(false)
      const waiting = iterator.next()
      // It waits for a change by then, and none comes.
      await new Promise((resolve) => setImmediate(resolve))
      expect(await iterator.return?.()).toEqual(done)
      expect(await waiting).toEqual(done)
      expect(await iterator.next()).toEqual(done)
    }
  })
})

describe('a typed reading that waits for a schema', () => {
  it('gives nothing any more when it is left', async () => {
    const port = memoryJournal()
    await port.append('a', [event(1)])
    const { schema, waiting } = gated((value) => ({ value: value as never }))
    const typed = journal<Record<string, never>>(port, {
      schemas: { 'conformance.counted': schema },
      validate: 'both',
    })
    for (const [at, reading] of [typed.readAll(), typed.readAll({ batch: 5 }), typed.read('a')].entries()) {
      const iterator = reading[Symbol.asyncIterator]()
      const asked = iterator.next()
      await expect.poll(() => waiting.length).toBe(at + 1)
      expect(await iterator.return?.()).toEqual(done)
      waiting[at]?.()
      expect(await asked).toEqual(done)
    }
  })
})
