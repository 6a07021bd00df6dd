import * as fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { gather } from '../../src/journal/conformance-kit.ts'
import { decider } from '../../src/journal/decider.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { journal } from '../../src/journal/typed.ts'
import type { EventOf } from '../../src/journal/typed-journal.ts'
import { gated } from './gated-schema.ts'

describe('an append that waits for a schema', () => {
  it('gives each stream its own, whatever its caller does to the lists meanwhile', async () => {
    const changed = fc.record({ counts: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }) })
    await fc.assert(
      fc.asyncProperty(changed, async ({ counts }) => {
        const port = memoryJournal()
        const { schema, waiting } = gated((value) => ({ value: value as never }))
        const slow = journal<{ slow: string }>(port, { schemas: { slow: schema } })
        const given = counts.map((count, at) => ({
          stream: `s${at}`,
          events: Array.from({ length: count }, (_, n) => ({ type: 'slow' as const, data: `${at}.${n}` })),
          expectedVersion: 'none' as 'none' | 'exists',
        }))
        const unless = { filter: [{ streams: ['elsewhere'] }] }
        const options = { idempotencyKey: 'k', unless }
        const done = slow.appendMany(given, options)
        for (const each of given) {
          each.stream = 'other'
          each.events.push({ type: 'slow', data: 'late' })
          each.expectedVersion = 'exists'
        }
        given.reverse()
        options.idempotencyKey = 'other'
        unless.filter[0]?.streams.push('s0')
        for (const answer of waiting) answer()
        expect(await done).toHaveLength(counts.length)
        for (const [at, count] of counts.entries())
          expect((await gather(port.read(`s${at}`))).map(({ event }) => event.data)).toEqual(
            Array.from({ length: count }, (_, n) => `${at}.${n}`),
          )
        expect(await port.version('other')).toBe(0)
        expect(await port.appended('k')).toBeDefined()
      }),
    )
  })

  it('keeps to the options that there were at the call', async () => {
    const port = memoryJournal()
    const { schema, waiting } = gated((value) => ({ value: value as never }))
    const slow = journal<{ slow: number }>(port, { schemas: { slow: schema } })
    const expecting = { expectedVersion: 0 }
    const ending = { expectedVersion: 1 }
    const first = slow.append('a', [{ type: 'slow', data: 1 }], expecting)
    const last = slow.tombstone('a', { type: 'slow', data: 2 }, ending)
    expecting.expectedVersion = ending.expectedVersion = 9
    for (const answer of waiting) answer()
    expect(await first).toMatchObject({ version: 1 })
    expect(await last).toEqual({ events: 1 })
  })

  it('refuses all that is wrong with one error, and no other goes unheard', async () => {
    const slow = (message: string) => ({
      '~standard': { version: 1, vendor: 'test', validate: async () => ({ issues: [{ message }] }) },
    })
    const quick = { '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'quick' }] }) } }
    const all = { slow: slow('slow'), tardy: slow('tardy'), quick, free: true }
    const port = memoryJournal()
    const odd = journal<Record<'slow' | 'tardy' | 'quick' | 'free', unknown>>(port, { schemas: all as never })
    const unheard: unknown[] = []
    const hear = (error: unknown) => void unheard.push(error)
    process.on('unhandledRejection', hear)
    onTestFinished(() => void process.off('unhandledRejection', hear))
    const bad = [
      { type: 'slow', data: 1 },
      { type: 'tardy', data: 1 },
      { type: 'quick', data: 1 },
      { type: 'strange', data: 1 },
      { type: 'free', data: () => {} },
    ] as never[]
    const many = decider({
      initial: () => 0,
      decide: (events: readonly never[], _state) => events,
      evolve: (state, _event: EventOf<Record<'slow' | 'tardy' | 'quick' | 'free', unknown>>) => state,
    })
    const orders = fc.shuffledSubarray(bad, { minLength: 1 })
    await fc.assert(
      fc.asyncProperty(orders, async (events) => {
        const tries = [
          odd.append('a', events),
          odd.appendMany([{ stream: 'a', events }]),
          odd.execute('a', events, many),
        ]
        for (const each of tries) await expect(each).rejects.toMatchObject({ code: 'journal.invalid_event' })
      }),
    )
    // Node.js tells of them after the microtasks of a turn.
    await new Promise((resolve) => setImmediate(resolve))
    expect(unheard).toEqual([])
    expect(await port.head()).toBe('')
  })
})
