import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { makeEvent } from '../../src/base/envelope.ts'
import type { CloudEvent } from '../../src/base/envelope.ts'
import { decider } from '../../src/journal/decider.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { journal } from '../../src/journal/typed.ts'
import type { EventOf, TypedJournalOptions } from '../../src/journal/typed-journal.ts'
import { gated } from './gated-schema.ts'

interface AccountEvents {
  'account.opened': { readonly owner: string; readonly currency?: string | undefined }
  'account.deposited': { readonly amount: number }
}

const opened = (owner: string) => ({ type: 'account.opened', data: { owner } }) as const
const deposited = (amount: number) => ({ type: 'account.deposited', data: { amount } }) as const
const schemas = {
  'account.opened': z.object({ owner: z.string().trim().min(1), currency: z.string().optional() }),
  'account.deposited': z.object({ amount: z.number().positive() }),
}

let ids = 0
const stored = (type: string, data: unknown): CloudEvent =>
  makeEvent({ type, source: '/other', data }, { clock: { now: () => 0 }, id: () => `other ${++ids}` })

async function all<T>(reading: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const each of reading) found.push(each)
  return found
}

const plain = async (reading: AsyncIterable<{ readonly event: CloudEvent }>) =>
  (await all(reading)).map(({ event: { type, data } }) => [type, data])

const settle = async () => {
  for (let turns = 0; turns < 50; turns++) await Promise.resolve()
}

describe('typed journal', () => {
  it('makes events of inputs, keeps whole ones as they are, and gives both back', async () => {
    const port = memoryJournal()
    let number = 0
    const accounts = journal<AccountEvents>(port, {
      source: '/bank',
      clock: { now: () => 1_767_225_600_000 },
      id: () => `id-${++number}`,
    })
    const cause = stored('asked', 1)
    const whole = { ...stored('account.deposited', { amount: 9 }), type: 'account.deposited' } as never
    const appended = await accounts.append('a', [
      opened('alice'),
      { ...deposited(5), subject: 'alice', cause },
      deposited(6),
      whole,
    ])
    expect(appended).toMatchObject({ version: 4 })
    const events = (await all(accounts.read('a'))).map(({ event }) => event)
    expect(events).toEqual((await all(port.read('a'))).map(({ event }) => event))
    expect(events).toMatchObject([
      { id: 'id-1', source: '/bank', time: '2026-01-01T00:00:00.000Z', correlationid: 'id-1', ...opened('alice') },
      { id: 'id-2', subject: 'alice', correlationid: cause.correlationid, causationid: cause.id, hop: 1 },
      { id: 'id-3', correlationid: 'id-1' },
      { source: '/other', ...deposited(9) },
    ])
    expect(accounts.event(opened('bob'))).toMatchObject({ id: 'id-4', source: '/bank', ...opened('bob') })
    await expect(accounts.append('a', [null as never])).rejects.toMatchObject({ code: 'journal.invalid_event' })
    await expect(accounts.append('a', [])).rejects.toMatchObject({ code: 'base.invalid_argument' })
    await expect(accounts.append('a', null as never)).rejects.toMatchObject({ argument: 'events' })
    for (const wrong of [null, [null], [{ stream: 'a' }], [{ stream: 'a', events: 'b' }]])
      await expect(accounts.appendMany(wrong as never)).rejects.toMatchObject({ code: 'base.invalid_argument' })
    await expect(accounts.append('a', [opened('x')], { expectedVersion: 0 })).rejects.toMatchObject({
      code: 'journal.wrong_version',
      actual: 4,
    })
  })

  it('has the calls of its port', async () => {
    const port = memoryJournal()
    const accounts = journal<AccountEvents>(port)
    expect(accounts.port).toBe(port)
    expect([accounts.driver, accounts.capabilities, accounts.limits]).toEqual([
      port.driver,
      port.capabilities,
      port.limits,
    ])
    const [first, second] = await accounts.appendMany(
      [
        { stream: 'a', events: [opened('alice'), deposited(1)], expectedVersion: 'none' },
        { stream: 'b', events: [opened('bob')] },
      ],
      { idempotencyKey: 'k' },
    )
    expect([first, second]).toMatchObject([{ version: 2 }, { version: 1 }])
    expect(await accounts.appended('k')).toEqual([first, second])
    expect(await accounts.version('a')).toBe(2)
    expect(await accounts.head()).toBe(second?.position)
    expect(await accounts.behind(first?.position as string)).toBe(1)
    await accounts.setMetadata('a', { custom: 1, maxCount: 1 })
    expect(await accounts.stream('a')).toMatchObject({ version: 2, metadata: { custom: 1 } })
    expect((await all(accounts.streams())).map(({ stream }) => stream)).toEqual(['a', 'b'])
    const events = await all(port.read('a'))
    expect(await accounts.truncate('a', 2)).toEqual({ events: 1 })
    expect(await accounts.restore('a', events.slice(0, 1))).toMatchObject({ events: 1 })
    expect(await accounts.retain({ nowMs: 0 })).toEqual({ events: 1, streams: 1 })
    expect(await plain(accounts.readBackward('a'))).toEqual([['account.deposited', { amount: 1 }]])
    expect(await accounts.tombstone('b', deposited(0))).toEqual({ events: 1 })
    expect(await accounts.stream('b')).toMatchObject({ ended: true })
    await accounts[Symbol.asyncDispose]()
    await expect(accounts.version('a')).rejects.toMatchObject({ code: 'journal.closed' })
    await expect(port.version('a')).rejects.toMatchObject({ code: 'journal.closed' })
  })

  it('is checked when it is made', () => {
    const port = memoryJournal()
    const wrong: readonly (readonly [object, string])[] = [
      [{ schemas: { a: {} } }, 'schemas.a'],
      [{ schemas: { a: false } }, 'schemas.a'],
      [{ types: 'a' }, 'types'],
      [{ types: [1] }, 'types'],
      [{ validate: 'read' }, 'validate'],
      [{ unknown: 'keep' }, 'unknown'],
      [{ upcasters: { a: 'b' } }, 'upcasters.a'],
      [{ schema: {} }, 'options'],
    ]
    for (const [options, argument] of wrong)
      expect(() => journal(port, options as TypedJournalOptions<object>)).toThrow(
        expect.objectContaining({ code: 'base.invalid_argument', argument }),
      )
  })
})

describe('the schemas of a typed journal', () => {
  it('refuse what they do not take, with their issues, and nothing of the append is kept', async () => {
    const port = memoryJournal()
    const accounts = journal<AccountEvents>(port, { schemas })
    const refused = {
      code: 'journal.invalid_event',
      issues: [expect.objectContaining({ path: ['amount'] })],
      message: expect.stringMatching(/account\.deposited.*amount: /),
    }
    await expect(accounts.append('a', [opened('alice'), deposited(-1)])).rejects.toMatchObject(refused)
    await expect(
      accounts.appendMany([
        { stream: 'a', events: [opened('alice')] },
        { stream: 'b', events: [deposited(0)] },
      ]),
    ).rejects.toMatchObject(refused)
    await expect(accounts.tombstone('a', deposited(0))).rejects.toMatchObject(refused)
    const unknown = { type: 'account.closed', data: {} } as never
    await expect(accounts.append('a', [unknown])).rejects.toMatchObject({ code: 'journal.invalid_event', issues: [] })
    await expect(accounts.append('a', [{ ...opened('x'), data: (() => {}) as never }])).rejects.toMatchObject({
      code: 'journal.invalid_event',
      issues: [],
      cause: { code: 'base.codec_unsupported' },
    })
    const small = journal<AccountEvents>(memoryJournal({ limits: { eventMaxBytes: 50 } }), { schemas })
    await expect(small.append('a', [opened('x'.repeat(100))])).rejects.toMatchObject({
      code: 'journal.event_too_large',
    })
    expect(await port.head()).toBe('')
  })

  it('give what is stored', async () => {
    const port = memoryJournal()
    const accounts = journal<AccountEvents>(port, { schemas })
    await accounts.append('a', [{ type: 'account.opened', data: { owner: '  alice ', extra: 1 } as never }])
    expect(await plain(port.read('a'))).toEqual([['account.opened', { owner: 'alice' }]])
  })

  it('may be true: the type is known, its data are taken as they come', async () => {
    const port = memoryJournal()
    const accounts = journal<AccountEvents>(port, { schemas: { ...schemas, 'account.deposited': true } })
    await accounts.append('a', [deposited(-1)])
    expect(await plain(accounts.read('a'))).toEqual([['account.deposited', { amount: -1 }]])
  })

  it('that break the specification or throw refuse', async () => {
    const answers: readonly (() => unknown)[] = [
      () => undefined,
      () => ({}),
      () => 5,
      () => {
        throw new Error('broken')
      },
      () => Promise.reject(new Error('broken')),
      () => Promise.resolve({}),
    ]
    for (const validate of answers) {
      const schema = { '~standard': { version: 1, vendor: 'test', validate } } as never
      const port = memoryJournal()
      const odd = journal<{ x: number }>(port, { schemas: { x: schema } })
      await expect(odd.append('a', [{ type: 'x', data: 1 }])).rejects.toMatchObject({ code: 'journal.invalid_event' })
      expect(await port.version('a')).toBe(0)
    }
  })

  it('are asked at reading where that is wished, and give what is read', async () => {
    const port = memoryJournal()
    const asking = journal<AccountEvents>(port, { schemas, validate: 'both' })
    const trusting = journal<AccountEvents>(port, { schemas })
    await port.append('a', [
      stored('account.opened', { owner: ' alice ', old: true }),
      stored('account.deposited', { amount: 'five' }),
    ])
    expect(await plain(trusting.read('a'))).toEqual([
      ['account.opened', { owner: ' alice ', old: true }],
      ['account.deposited', { amount: 'five' }],
    ])
    expect(await plain(asking.read('a', { limit: 1 }))).toEqual([['account.opened', { owner: 'alice' }]])
    const mismatch = {
      code: 'journal.event_mismatch',
      stream: 'a',
      version: 2,
      type: 'account.deposited',
      issues: [expect.objectContaining({ path: ['amount'] })],
    }
    await expect(all(asking.read('a'))).rejects.toMatchObject(mismatch)
    await expect(all(asking.readBackward('a'))).rejects.toMatchObject(mismatch)
    await expect(all(asking.readAll())).rejects.toMatchObject(mismatch)
    await expect(all(asking.readAll({ batch: 10 }))).rejects.toMatchObject(mismatch)
    await expect(all(asking.subscribe())).rejects.toMatchObject(mismatch)
    await expect(asking.execute('a', 1, deposit)).rejects.toMatchObject(mismatch)
    expect(await plain(asking.readAll({ filter: { types: ['account.opened'] } }))).toHaveLength(1)
  })

  it('may take their time: appends keep the order of the calls, and what was given then', async () => {
    const port = memoryJournal()
    const { schema, waiting } = gated((value) =>
      (value as { n: number }).n < 0 ? { issues: [{ message: 'below zero' }] } : { value: value as never },
    )
    const slow = journal<{ slow: { n: number }; fast: { n: number } }>(port, { schemas: { slow: schema, fast: true } })
    const data = { n: 1 }
    const behind = { n: 2 }
    const beside = { n: 4 }
    const appends = [
      slow.append('a', [{ type: 'slow', data }]),
      slow.append('a', [{ type: 'fast', data: behind }]),
      slow.append('a', [{ type: 'slow', data: { n: -3 } }]),
      slow.append('a', [
        { type: 'fast', data: beside },
        { type: 'slow', data: { n: 5 } },
      ]),
      slow.appendMany([{ stream: 'a', events: [{ type: 'fast', data: { n: 6 } }] }]),
    ]
    data.n = behind.n = beside.n = 99
    const outcomes = Promise.allSettled(appends)
    for (const answer of [2, 1, 0]) {
      await settle()
      expect(await port.version('a')).toBe(0)
      waiting[answer]?.()
    }
    expect((await outcomes).map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ])
    expect((await plain(port.read('a'))).map(([, data]) => data)).toEqual([
      { n: 1 },
      { n: 2 },
      { n: 4 },
      { n: 5 },
      { n: 6 },
    ])
    // With nobody to wait for, an append reaches the port before the call returns.
    const last = { n: 7 }
    const done = slow.append('a', [{ type: 'fast', data: last }])
    last.n = 8
    await done
    expect((await plain(port.readBackward('a', { limit: 1 })))[0]).toEqual(['fast', { n: 7 }])
  })

  it('that are asynchronous are asked at reading too, in order', async () => {
    const port = memoryJournal()
    const schema = z.object({ n: z.number() }).refine(async ({ n }) => Promise.resolve(n !== 4))
    const numbers = journal<{ n: { n: number } }>(port, { schemas: { n: schema }, validate: 'both' })
    await port.append(
      'a',
      [1, 2, 3].map((n) => stored('n', { n })),
    )
    expect(await plain(numbers.read('a'))).toEqual([1, 2, 3].map((n) => ['n', { n }]))
    const reading = numbers.readAll()[Symbol.asyncIterator]()
    const steps = await Promise.all([reading.next(), reading.next(), reading.next(), reading.next()])
    expect(steps.map(({ value }) => value?.event.data.n)).toEqual([1, 2, 3, undefined])
    await expect(numbers.append('a', [{ type: 'n', data: { n: 4 } }])).rejects.toMatchObject({
      code: 'journal.invalid_event',
    })
    expect(await numbers.execute('a', 5, adding)).toMatchObject({ version: 4, state: 11 })
    await expect(numbers.execute('a', 4, adding)).rejects.toMatchObject({ code: 'journal.invalid_event' })
  })
})

const adding = decider({
  initial: () => 0,
  decide: (n: number, _state) => [{ type: 'n', data: { n } }],
  evolve: (state, event: { readonly type: 'n'; readonly data: { readonly n: number } }) => state + event.data.n,
})

const deposit = decider({
  initial: () => 0,
  decide: (amount: number, _state) => [{ type: 'account.deposited', data: { amount } }],
  evolve: (state, event: EventOf<AccountEvents>) =>
    event.type === 'account.deposited' ? state + event.data.amount : state,
})

describe('events of other types', () => {
  async function shared(): Promise<Journal> {
    const port = memoryJournal()
    await port.append('a', [stored('account.opened', { owner: 'alice' })])
    await port.append('a', [stored('audit.noted', 'x')])
    await port.append('b', [stored('order.paid', 1), stored('account.deposited', { amount: 1 })])
    await port.append('a', [stored('account.deposited', { amount: 2 })])
    return port
  }
  const types = ['account.opened', 'account.deposited'] as const

  it('are refused in a stream, or left out of it, where the types are known', async () => {
    const port = await shared()
    const unknown = { code: 'journal.unknown_event_type', stream: 'a', version: 2, type: 'audit.noted' }
    for (const known of [{ types }, { schemas }]) {
      const strict = journal<AccountEvents>(port, known)
      await expect(all(strict.read('a'))).rejects.toMatchObject(unknown)
      await expect(all(strict.readBackward('a'))).rejects.toMatchObject(unknown)
      await expect(strict.execute('a', 5, deposit)).rejects.toMatchObject(unknown)
      expect(await all(strict.read('a', { limit: 1 }))).toHaveLength(1)
      const lax = journal<AccountEvents>(port, { ...known, unknown: 'skip' })
      expect((await all(lax.read('a'))).map(({ version }) => version)).toEqual([1, 3])
      expect((await all(lax.read('a', { limit: 2 }))).map(({ version }) => version)).toEqual([1, 3])
      expect((await all(lax.readBackward('a', { limit: 2 }))).map(({ version }) => version)).toEqual([3, 1])
      expect(await all(lax.read('a', { limit: 0 }))).toEqual([])
      await expect(all(lax.read('a', { limit: -1 }))).rejects.toMatchObject({ argument: 'limit' })
      expect(await lax.execute('a', 0, { ...deposit, decide: () => [] })).toMatchObject({ version: 3, state: 2 })
    }
  })

  it('are left out of what is read over all streams, and are given where the types are not known', async () => {
    const port = await shared()
    const known = journal<AccountEvents>(port, { types })
    const wanted = [
      ['account.opened', { owner: 'alice' }],
      ['account.deposited', { amount: 1 }],
      ['account.deposited', { amount: 2 }],
    ]
    expect(await plain(known.readAll())).toEqual(wanted)
    expect(await plain(known.readAll({ limit: 2 }))).toEqual(wanted.slice(0, 2))
    expect(await plain(known.readAll({ filter: { types: ['account.deposited'], streams: ['b'] } }))).toEqual([
      wanted[1],
    ])
    const seen: unknown[] = []
    for await (const { event } of known.subscribe()) {
      seen.push([event.type, event.data])
      if (seen.length === 3) break
    }
    expect(seen).toEqual(wanted)
    const trusting = journal<AccountEvents>(port)
    expect(await all(trusting.readAll())).toHaveLength(5)
    expect(await all(trusting.read('a'))).toHaveLength(3)
    expect(await plain(trusting.readAll({ filter: { types: [...types] } }))).toEqual(wanted)
    await expect(all(known.readAll({ filter: { types: [] } }))).rejects.toMatchObject({ code: 'base.invalid_argument' })
  })
})

describe('old events in a typed journal', () => {
  const upcasters = {
    'account.opened.v1': ({ data }: CloudEvent) => ({ type: 'account.opened', data: { owner: data } }),
    'account.moved': ({ data }: CloudEvent) =>
      (data as number) < 0
        ? { type: 'account.withdrawn', data: { amount: -(data as number) } }
        : { type: 'account.deposited', data: { amount: data } },
  }

  it('are found by the type they are read as, in every reading', async () => {
    const port = memoryJournal()
    await port.append('a', [
      stored('account.opened.v1', 'alice'),
      stored('account.moved', 5),
      stored('other', 1),
      stored('account.moved', -5),
      stored('account.deposited', { amount: 6 }),
    ])
    const accounts = journal<AccountEvents>(port, { schemas, upcasters, validate: 'both', unknown: 'skip' })
    const wanted = [
      ['account.opened', { owner: 'alice' }],
      ['account.deposited', { amount: 5 }],
      ['account.deposited', { amount: 6 }],
    ]
    expect(await plain(accounts.read('a'))).toEqual(wanted)
    expect(await plain(accounts.readAll())).toEqual(wanted)
    expect(await plain(accounts.readAll({ backward: true }))).toEqual(wanted.toReversed())
    expect(await plain(accounts.readAll({ filter: { types: ['account.deposited'] } }))).toEqual(wanted.slice(1))
    expect(await plain(accounts.readAll({ filter: { types: ['account.deposited'] }, limit: 1 }))).toEqual([wanted[1]])
    expect(await accounts.execute('a', 1, deposit)).toMatchObject({ version: 6, state: 12 })
    expect((await all(port.read('a'))).map(({ event }) => event.type)).toContain('account.opened.v1')
  })

  it('count for a limit as they are given, in batches of any size, and a reading goes on where the last ended', async () => {
    const history = fc.array(
      fc.oneof(
        fc.integer({ min: -9, max: 9 }).map((by) => stored('account.moved', by === 0 ? 1 : by)),
        fc.constantFrom('account.opened.v1', 'other').map((type) => stored(type, 'x')),
      ),
      { minLength: 1, maxLength: 30, size: 'max' },
    )
    const sizes = {
      batch: fc.integer({ min: 1, max: 7 }),
      limit: fc.integer({ min: 1, max: 7 }),
      backward: fc.boolean(),
    }
    await fc.assert(
      fc.asyncProperty(history, fc.record(sizes), async (events, { batch, limit, backward }) => {
        const port = memoryJournal()
        await port.append('a', events)
        const accounts = journal<AccountEvents>(port, { types: ['account.opened', 'account.deposited'], upcasters })
        const filter = { types: ['account.deposited'] as const }
        const whole = await plain(accounts.readAll({ filter, backward }))
        expect(whole).toHaveLength(events.filter(({ data }) => typeof data === 'number' && data > 0).length)
        const pieces: unknown[] = []
        for (let from: string | undefined; ;) {
          const given = await all(
            accounts.readAll({ filter, backward, batch, limit, ...(from !== undefined && { from }) }),
          )
          const found = given.flatMap(({ events }) => events)
          expect(found.length).toBeLessThanOrEqual(limit)
          for (const { event } of found) pieces.push([event.type, event.data])
          const last = given.at(-1)
          if (!last || last.caughtUp || found.length === 0) break
          from = last.position
        }
        expect(pieces).toEqual(whole)
      }),
      { numRuns: 200 },
    )
  })
})

describe('a typed reading', () => {
  it('gives in order what is asked for before it came, whatever is left out between', async () => {
    const port = memoryJournal()
    await port.append('a', [stored('other', 1), stored('account.deposited', { amount: 1 }), stored('other', 2)])
    await port.append('a', [stored('account.deposited', { amount: 2 })])
    const reading = journal<AccountEvents>(port, { schemas, unknown: 'skip' }).read('a')[Symbol.asyncIterator]()
    const steps = await Promise.all([reading.next(), reading.next(), reading.next()])
    expect(steps.map(({ value }) => value?.version)).toEqual([2, 4, undefined])
  })

  it('ends a subscription that waits when its loop is left, and opens nothing before its first step', async () => {
    const port = memoryJournal()
    const accounts = journal<AccountEvents>(port, { schemas })
    const reading = accounts.subscribe()[Symbol.asyncIterator]()
    const waiting = reading.next()
    await settle()
    expect(await reading.return?.()).toEqual({ value: undefined, done: true })
    expect(await waiting).toEqual({ value: undefined, done: true })
    expect(await reading.next()).toEqual({ value: undefined, done: true })
    const controller = new AbortController()
    const signalled = all(accounts.subscribe({ signal: controller.signal, batch: 5 }))
    await accounts.append('a', [opened('alice')])
    controller.abort()
    expect((await signalled).flatMap(({ events }) => events).length).toBeLessThanOrEqual(1)
    const late = accounts.read('a')
    await port.close()
    await expect(all(late)).rejects.toMatchObject({ code: 'journal.closed' })
  })
})
