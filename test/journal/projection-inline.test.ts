import * as fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { event, gather } from '../../src/journal/conformance-kit.ts'
import { journalChecks } from '../../src/journal/conformance.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { runProjection } from '../../src/journal/projection-runner.ts'
import { runReactor } from '../../src/journal/reactor-runner.ts'
import { ProjectionMismatch } from '../../src/journal/error.ts'
import { projectionView } from '../../src/journal/projection-view.ts'
import type { InlineProjection } from '../../src/journal/projection.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import {
  balances,
  inlineBalances,
  inlineBalances2,
  inlineReplays,
  inlineReplays2,
  misled,
  misnamed,
} from './projection-definitions.ts'
import type { Balance } from './projection-definitions.ts'
import { FaultyStore, paid, said, schemas, temporaryFolder } from './projection-kit.ts'
import { echo, NotingBus } from './reactor-kit.ts'

const stores = [
  { name: 'memory', open: async (): Promise<Store> => memoryStore({ schemas }) },
  { name: 'sqlite', open: async (): Promise<Store> => openSqliteStore({ folder: await temporaryFolder(), schemas }) },
]

function inlineJournal(store: Store, inline: readonly InlineProjection[]): Journal {
  const journal = storeJournal(store, { inline })
  onTestFinished(async () => {
    await journal.close()
    await store.close()
  })
  return journal
}

describe.each(stores)('an inline projection in a $name store', ({ open }) => {
  it('shows its effect as soon as the append resolves', async () => {
    const store = await open()
    const journal = inlineJournal(store, [inlineBalances])
    const view = projectionView(inlineBalances, store)
    for (let cents = 1; cents <= 5; cents++) {
      await journal.append('a', [paid(cents), said('other', 0)])
      expect(await view.get('a')).toEqual({ cents: (cents * (cents + 1)) / 2, count: cents })
    }
    await journal.appendMany([
      { stream: 'a', events: [paid(1)] },
      { stream: 'b', events: [paid(2), paid(3)] },
    ])
    expect(await gather(view.all())).toEqual([
      { key: 'a', state: { cents: 16, count: 6 } },
      { key: 'b', state: { cents: 5, count: 2 } },
    ])
  })

  it('refuses the append whose event its handler cannot take, and keeps nothing of it, however many are under way', async () => {
    const store = await open()
    const journal = inlineJournal(store, [inlineBalances, inlineReplays])
    const appends = [1, 666, 2, 666, 3].map((cents) => journal.append('a', [paid(10), paid(cents)]))
    const outcomes = await Promise.allSettled(appends)
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
    expect(outcomes[1]).toMatchObject({
      reason: { code: 'journal.projection_failed', projection: 'inline-balances', stream: 'a', version: 4 },
    })
    expect((await gather(journal.read('a'))).map(({ event }) => (event.data as { cents: number }).cents)).toEqual([
      10, 1, 10, 2, 10, 3,
    ])
    expect(await projectionView(inlineBalances, store).get('a')).toEqual({ cents: 36, count: 6 })
    expect(await projectionView(inlineReplays, store).get()).toEqual({ first: 6, again: 0 })
  })

  it('leaves refusals of the append as they were', async () => {
    const store = await open()
    const journal = inlineJournal(store, [inlineBalances])
    await journal.append('a', [paid(1)])
    await expect(journal.append('a', [paid(2)], { expectedVersion: 0 })).rejects.toMatchObject({
      code: 'journal.wrong_version',
      actual: 1,
    })
    const key = { idempotencyKey: 'k' }
    await journal.append('a', [paid(3)], key)
    expect(await journal.append('a', [paid(3)], key)).toMatchObject({ duplicate: true })
    expect(await projectionView(inlineBalances, store).get('a')).toEqual({ cents: 4, count: 2 })
  })

  it('catches up before the first append when it is new to a journal, in the order of the appends', async () => {
    const store = await open()
    const before = storeJournal(store)
    for (let at = 0; at < 6; at++)
      await before.append(
        'a',
        Array.from({ length: 1000 }, () => paid(1)),
      )
    const journal = inlineJournal(store, [inlineBalances])
    const appended = await Promise.all([1, 2, 3].map((cents) => journal.append('a', [paid(cents)])))
    expect(appended.map(({ version }) => version)).toEqual([6001, 6002, 6003])
    expect(await projectionView(inlineBalances, store).get('a')).toEqual({ cents: 6006, count: 6003 })
  })

  it('catches up again when a journal that does not know it has appended much meanwhile', async () => {
    const store = await open()
    const journal = inlineJournal(store, [inlineBalances])
    await journal.append('a', [paid(1)])
    const other = storeJournal(store)
    await other.append(
      'a',
      Array.from({ length: 9000 }, () => paid(1)),
    )
    await Promise.all([journal.append('a', [paid(1)]), journal.append('b', [paid(1)])])
    expect(await projectionView(inlineBalances, store).get('a')).toEqual({ cents: 9002, count: 9002 })
  })

  it('is built anew at a raised version, as a replay, and refused at a lower one', async () => {
    const store = await open()
    const first = storeJournal(store, { inline: [inlineBalances, inlineReplays] })
    await first.append('a', [paid(1), paid(2)])
    await first.close()
    const raised = inlineJournal(store, [inlineBalances2, inlineReplays2])
    await raised.append('a', [paid(4)])
    expect(await projectionView(inlineBalances2, store).get('a')).toEqual({ cents: 14, count: 3 })
    expect(await projectionView(inlineReplays2, store).get()).toEqual({ first: 1, again: 2 })
    await expect(storeJournal(store, { inline: [inlineBalances] }).append('a', [paid(1)])).rejects.toMatchObject({
      code: 'journal.projection_newer',
    })
    expect(await raised.version('a')).toBe(3)
  })

  it('sees data that are too large for a page', async () => {
    const store = await open()
    const journal = inlineJournal(store, [inlineBalances])
    await journal.append('a', [said('account.paid', { cents: 7, text: 'x'.repeat(20_000) })])
    expect(await projectionView(inlineBalances, store).get('a')).toEqual({ cents: 7, count: 1 })
  })
})

describe('a journal with inline projections', () => {
  const open = async () => storeJournal(memoryStore({ schemas }), { inline: [inlineBalances], ownsStore: true })

  it.each(journalChecks)('$name', async (check) => {
    expect(await check.run({ open })).toBe(check.needs.includes('durable') ? 'unsupported' : 'passed')
  })
})

describe('inline projections', () => {
  it('are refused by a memory journal, twice under one name, without a module, and by an asynchronous run', async () => {
    expect(() => memoryJournal({ inline: [inlineBalances] })).toThrow(
      expect.objectContaining({ code: 'journal.unsupported' }),
    )
    const store = memoryStore({ schemas })
    for (const inline of [[inlineBalances, inlineBalances2], [balances], 'x' as never])
      expect(() => storeJournal(store, { inline })).toThrow(expect.objectContaining({ code: 'base.invalid_argument' }))
    const journal = inlineJournal(store, [inlineBalances])
    await expect(runProjection(inlineBalances, { store, journal })).rejects.toMatchObject({
      code: 'base.invalid_argument',
    })
  })

  it('whose module exports something else by their name refuse the append, and fold nothing', async () => {
    for (const [definition, found] of [
      [misnamed, { found: 'inline-balances', foundVersion: 1 }],
      [misled, { found: null, foundVersion: null }],
    ] as const) {
      const store = await openSqliteStore({ folder: await temporaryFolder(), schemas })
      const journal = inlineJournal(store, [definition])
      const mismatch = { code: 'journal.projection_mismatch', projection: definition.name, version: 1, ...found }
      const refused = journal.append('a', [paid(1)])
      await expect(refused).rejects.toBeInstanceOf(ProjectionMismatch)
      await expect(refused).rejects.toMatchObject(mismatch)
      expect(await journal.version('a')).toBe(0)
      expect(await projectionView(inlineBalances, store).get('a')).toBeUndefined()
    }
  })

  it('say that an append was refused, and nothing of parking', async () => {
    const store = memoryStore({ schemas })
    const journal = inlineJournal(store, [inlineBalances])
    const refused = journal.append('a', [paid(666)])
    await expect(refused).rejects.toThrow(/the append was not kept/)
    await expect(refused).rejects.not.toThrow(/park/)
  })

  it('and all others name the schema that the store was opened without', async () => {
    const store = memoryStore({ schemas: [journalSchema] })
    const journal = inlineJournal(store, [inlineBalances])
    const missing = { code: 'journal.projection_schema_missing' }
    await expect(journal.append('a', [paid(1)])).rejects.toMatchObject(missing)
    await expect(runProjection(balances, { store, journal })).rejects.toMatchObject(missing)
    await expect(runReactor(echo, { store, journal, bus: new NotingBus() })).rejects.toThrow(/projectionSchema/)
  })

  it('equal the fold of what was appended, whatever was refused, lost on the way or answered too late', async () => {
    const step = fc.record({
      stream: fc.constantFrom('a', 'b'),
      cents: fc.array(fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 99 }) }, fc.constant(666)), {
        minLength: 1,
        maxLength: 4,
      }),
      fault: fc.constantFrom('none' as const, 'none' as const, 'before' as const, 'after' as const),
      together: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const inner = memoryStore({ schemas })
        const store = new FaultyStore(inner)
        const journal = storeJournal(store, { inline: [inlineBalances, inlineReplays] })
        await journal.append('start', [event(1)])
        const waiting: Promise<unknown>[] = []
        for (const { stream, cents, fault, together } of steps) {
          store.fault = () => fault
          waiting.push(journal.append(stream, cents.map(paid)).catch(() => {}))
          if (!together) await Promise.all(waiting)
        }
        await Promise.all(waiting)
        const all = (await gather(journal.readAll())).filter(({ event }) => event.type === 'account.paid')
        const expected = new Map<string, Balance>()
        for (const { stream, event } of all) {
          const { cents } = event.data as { cents: number }
          expect(cents).not.toBe(666)
          const { cents: sum, count } = expected.get(stream) ?? { cents: 0, count: 0 }
          expected.set(stream, { cents: sum + cents, count: count + 1 })
        }
        const states = await gather(projectionView(inlineBalances, inner).all())
        expect(new Map(states.map(({ key, state }) => [key, state]))).toEqual(expected)
        const replays = await projectionView(inlineReplays, inner).get()
        expect(replays).toEqual(all.length === 0 ? undefined : { first: all.length, again: 0 })
        await inner.close()
      }),
      { numRuns: 60 },
    )
  })
})

describe('an event that an inline projection cannot take, appended by a journal that does not know it', () => {
  it('refuses the appends beside it until it is erased', async () => {
    const store = memoryStore({ schemas })
    const plain = storeJournal(store)
    const journal = inlineJournal(store, [inlineBalances])
    await journal.append('a', [paid(1)])
    const { version } = await plain.append('b', [paid(666)])
    await expect(journal.append('a', [paid(2)])).rejects.toMatchObject({
      code: 'journal.projection_failed',
      stream: 'b',
      version,
    })
    await plain.truncate('b', version + 1)
    await journal.append('a', [paid(3)])
    expect(await projectionView(inlineBalances, store).get('a')).toEqual({ cents: 4, count: 2 })
  })
})
