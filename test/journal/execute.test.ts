import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeEvent } from '../../src/base/envelope.ts'
import { codeOf } from '../../src/base/error.ts'
import { decider } from '../../src/journal/decider.ts'
import { execute } from '../../src/journal/execute.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import type { Journal, JournalCapabilities } from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { counter, drivers, handle } from './decider-kit.ts'
import type { CounterCommand, CounterState } from './decider-kit.ts'

const add = (who: string, by = 1): CounterCommand => ({ kind: 'add', who, by })
const clock = { now: () => 1_767_225_600_000 }

/** Appends of others that come between the reading and the append, so many times. */
function contested(inner: Journal, times: number): Journal {
  let left = times
  const append: Journal['append'] = async (stream, events, options) => {
    if (left > 0) {
      left--
      await execute(inner, stream, add(`rival ${left}`), counter())
    }
    return inner.append(stream, events, options)
  }
  return handle(inner, { append })
}

const codeFrom = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'fulfilled',
    (error: unknown) => codeOf(error),
  )

async function foldOf(journal: Journal, stream: string): Promise<CounterState> {
  const { initial, evolve } = counter()
  let state = initial()
  for await (const { event } of journal.read(stream)) state = evolve(state, event as never)
  return state
}

describe('execute', () => {
  it('decides on the state of the stream and appends what was decided', async () => {
    const journal = memoryJournal()
    expect(await execute(journal, 'c/1', add('a', 5), counter())).toEqual({
      version: 1,
      position: '1',
      events: [{ type: 'counter.added', data: { who: 'a', by: 5 } }],
      state: { sum: 5, who: ['a'] },
      retries: 0,
    })
    const many = await execute(journal, 'c/1', { kind: 'add', who: 'b', times: 3 }, counter())
    expect(many).toMatchObject({ version: 4, state: { sum: 8, who: ['a', 'b', 'b', 'b'] } })
    expect(await foldOf(journal, 'c/1')).toEqual(many.state)
  })

  it('appends nothing where nothing was decided, or decide or evolve throws', async () => {
    const journal = memoryJournal()
    expect(await execute(journal, 'c/1', { kind: 'reset' }, counter())).toEqual({
      version: 0,
      events: [],
      state: { sum: 0, who: [] },
      retries: 0,
    })
    await expect(execute(journal, 'c/1', { kind: 'refuse' }, counter())).rejects.toThrow('refused at 0')
    await expect(execute(journal, 'c/1', add('a', 666), counter())).rejects.toThrow('unlucky')
    const broken = decider({ initial: () => 0, decide: () => undefined as never, evolve: () => 0 })
    await expect(execute(journal, 'c/1', null, broken)).rejects.toMatchObject({ argument: 'decide' })
    const untyped = decider({ initial: () => 0, decide: () => [null] as never, evolve: () => 0 })
    await expect(execute(journal, 'c/1', null, untyped)).rejects.toMatchObject({ argument: 'decide' })
    expect(await journal.version('c/1')).toBe(0)
  })

  it('reads on and decides again when others were first, and gives up with a typed error', async () => {
    const journal = memoryJournal()
    const reads: number[] = []
    const watched = handle(contested(journal, 3), {
      read: (stream, options) => {
        reads.push(options?.fromVersion ?? 1)
        return journal.read(stream, options)
      },
    })
    const done = await execute(watched, 'c/1', add('me'), counter())
    expect(done).toMatchObject({ version: 4, retries: 3, state: { sum: 4 } })
    expect(done.state.who.at(-1)).toBe('me')
    expect(reads).toEqual([1, 2, 3])
    const before = await journal.version('c/1')
    await expect(execute(contested(journal, 3), 'c/1', add('me'), counter(), { retriesMax: 2 })).rejects.toMatchObject({
      code: 'journal.contention',
      stream: 'c/1',
      attempts: 3,
      cause: { code: 'journal.wrong_version' },
    })
    expect(await journal.version('c/1')).toBe(before + 3)
    await expect(execute(contested(journal, 1), 'c/1', add('me'), counter(), { retriesMax: 0 })).rejects.toMatchObject({
      attempts: 1,
    })
  })

  it('refuses again on what others did meanwhile', async () => {
    const journal = memoryJournal()
    const once = decider({
      initial: () => 0,
      decide(_command: string, n) {
        if (n > 0) throw new Error('taken')
        return [{ type: 'taken', data: null }]
      },
      evolve: (n, _event: { readonly type: string; readonly data: unknown }) => n + 1,
    })
    await expect(execute(contested(journal, 1), 'c/1', 'take', once)).rejects.toThrow('taken')
    expect(await journal.version('c/1')).toBe(1)
  })

  it('keeps the state and the events as the journal gives them back', async () => {
    const journal = memoryJournal()
    const data = { kept: new Date(5), left: undefined, list: [undefined] }
    const last = decider({
      initial: (): unknown => null,
      decide: (given: unknown, _state) => [{ type: 'given', data: given }],
      evolve: (_state, event: { readonly type: string; readonly data: unknown }) => event.data,
    })
    const { events, state } = await execute(journal, 's', data, last)
    data.kept.setTime(9)
    const [recorded] = await gather(journal.read('s'))
    expect(state).toStrictEqual(recorded?.event.data)
    expect(events).toStrictEqual([{ type: 'given', data: recorded?.event.data }])
    expect(state).toStrictEqual({ kept: new Date(5), list: [undefined] })
    await expect(execute(journal, 's', () => {}, last)).rejects.toMatchObject({ code: 'journal.invalid_event' })
  })

  it('makes events that belong together, of a source, a time and a cause', async () => {
    const journal = memoryJournal()
    let ids = 0
    const id = () => `id-${++ids}`
    const cause = makeEvent({ type: 'asked', source: '/a', data: 1 }, { clock, id: () => 'cause' })
    const three = { kind: 'add', who: 'a', times: 3 } as const
    await execute(journal, 'plain', three, counter(), { clock, id, source: '/me' })
    await execute(journal, 'caused', three, counter(), { clock, id, cause: { ...cause, correlationid: 'talk' } })
    await execute(journal, 'talking', add('a'), counter(), { correlation: 'other' })
    await execute(journal, 'own', add('a'), counter(), {
      event: ({ type, data }) => ({ specversion: '1.0', id: 'mine', source: '/mine', type, data }),
    })
    const eventsOf = async (stream: string) => (await gather(journal.read(stream))).map(({ event }) => event)
    const plain = await eventsOf('plain')
    expect(plain).toMatchObject([
      { id: 'id-1', source: '/me', correlationid: 'id-1', time: '2026-01-01T00:00:00.000Z', hop: 0 },
      { id: 'id-2', source: '/me', correlationid: 'id-1' },
      { id: 'id-3', source: '/me', correlationid: 'id-1' },
    ])
    expect(plain.every((event) => event.causationid === undefined)).toBe(true)
    for (const event of await eventsOf('caused'))
      expect(event).toMatchObject({ source: '/colloquy', correlationid: 'talk', causationid: 'cause', hop: 1 })
    expect(await eventsOf('talking')).toMatchObject([{ correlationid: 'other' }])
    expect(await eventsOf('own')).toEqual([
      { specversion: '1.0', id: 'mine', source: '/mine', type: 'counter.added', data: { who: 'a', by: 1 } },
    ])
  })

  it('appends unless something happened elsewhere', async () => {
    const journal = memoryJournal()
    const { position } = await execute(journal, 'other', add('x'), counter())
    const unless = (after: string) => ({ unless: { filter: { streams: ['other'] }, after } })
    await execute(journal, 'c/1', add('a'), counter(), unless(position as string))
    await expect(execute(journal, 'c/1', add('a'), counter(), unless(''))).rejects.toMatchObject({
      code: 'journal.condition_failed',
    })
    expect(await journal.version('c/1')).toBe(1)
  })

  it('ends with its signal, while it reads and while it waits for its turn', async () => {
    const inner = memoryJournal()
    const [came, open] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const journal = handle(inner, {
      append: async (...given) => {
        came.resolve()
        await open.promise
        return inner.append(...given)
      },
    })
    const aborted = AbortSignal.abort('enough')
    await expect(execute(inner, 'c/1', add('a'), counter(), { signal: aborted })).rejects.toMatchObject({
      code: 'base.aborted',
    })
    const first = execute(journal, 'c/1', add('a'), counter())
    await came.promise
    const caller = new AbortController()
    const second = execute(journal, 'c/1', add('b'), counter(), { signal: caller.signal })
    const third = execute(journal, 'c/1', add('c'), counter())
    const refused = execute(journal, 'c/1', add('d'), counter(), { waitingMax: 3 })
    await expect(refused).rejects.toMatchObject({ code: 'base.limit_exceeded', limit: 'waitingMax' })
    caller.abort()
    await expect(second).rejects.toMatchObject({ code: 'base.aborted' })
    open.resolve()
    expect(await first).toMatchObject({ version: 1, retries: 0 })
    expect(await third).toMatchObject({ version: 2, retries: 0, state: { who: ['a', 'c'] } })
  })

  it('needs what the driver has, and names those that have it', async () => {
    const inner = memoryJournal()
    const without = (flags: Partial<JournalCapabilities>) =>
      handle(inner, { capabilities: { ...inner.capabilities, ...flags } })
    const unsupported = { code: 'journal.unsupported', message: expect.stringMatching(/memory, sqlite/) }
    const tries = [
      execute(without({ expectedVersion: false }), 'c/1', add('a'), counter()),
      execute(without({ readStream: false }), 'c/1', add('a'), counter()),
      execute(without({ conditions: false }), 'c/1', add('a'), counter(), { unless: { filter: {} } }),
      execute(without({ idempotencyWindowMs: 0 }), 'c/1', add('a'), counter(), { idempotencyKey: 'k' }),
    ]
    for (const each of tries) await expect(each).rejects.toMatchObject(unsupported)
    expect(await inner.version('c/1')).toBe(0)
  })

  it('checks what it is asked', async () => {
    const journal = memoryJournal()
    const wrong: readonly (readonly [string, object])[] = [
      ['c/1', { retriesMax: -1 }],
      ['c/1', { retriesMax: 1001 }],
      ['c/1', { waitingMax: 0 }],
      ['c/1', { event: 'event' }],
      ['c/1', { idempotencyKey: '' }],
      ['c/1', { upcasters: { a: 1 } }],
      ['c/1', { retries: 3 }],
      ['', {}],
      ['#snapshot/c', {}],
      ['#snapshot:counter/c', {}],
    ]
    for (const [stream, options] of wrong)
      expect([options, await codeFrom(execute(journal, stream, add('a'), counter(), options))]).toEqual([
        options,
        'base.invalid_argument',
      ])
    await expect(execute(journal, 'x'.repeat(500), add('a'), counter())).rejects.toMatchObject({
      code: 'base.limit_exceeded',
    })
    expect(await journal.head()).toBe('')
  })
})

describe('a command with an idempotency key', () => {
  it.each(drivers)('has no second effect, whatever it would decide now, on $name', async ({ open }) => {
    const { journal, another, end } = await open()
    try {
      const under = { idempotencyKey: 'k1' }
      const first = await execute(journal, 'c/1', { kind: 'add', who: 'a', times: 2 }, counter(1), under)
      expect(first).not.toHaveProperty('duplicate')
      await execute(journal, 'c/1', { kind: 'reset' }, counter(1))
      const { version, position, events } = first
      const again = { version, position, events, state: { sum: 0, who: ['a', 'a'] }, retries: 0, duplicate: true }
      expect(await execute(another(), 'c/1', { kind: 'add', who: 'a', times: 2 }, counter(1), under)).toEqual(again)
      // Now it would be decided into another number of events, into none, or refused.
      for (const command of [add('b'), { kind: 'reset' }, { kind: 'refuse' }] as const)
        expect(await execute(another(), 'c/1', command, counter(1), under)).toEqual(again)
      expect(await journal.version('c/1')).toBe(3)
      await expect(execute(journal, 'c/2', add('a'), counter(), under)).rejects.toMatchObject({
        code: 'journal.key_reused',
      })
      const [recorded] = await gather(journal.read('c/1', { limit: 1 }))
      expect(recorded?.event).toMatchObject({ idempotencykey: 'k1' })
    } finally {
      await end()
    }
  })

  it('gives the state with its events, although its first time came after its reading', async () => {
    const inner = memoryJournal()
    let first = true
    const appended: Journal['appended'] = async (key) => {
      if (first) {
        first = false
        await execute(inner, 'c/1', add('me'), counter(), { idempotencyKey: 'k' })
      }
      return inner.appended(key)
    }
    const done = await execute(handle(inner, { appended }), 'c/1', add('me'), counter(), { idempotencyKey: 'k' })
    expect(done).toMatchObject({ version: 1, duplicate: true, state: { sum: 1, who: ['me'] } })
    expect(await inner.version('c/1')).toBe(1)
  })

  it('is refused where the key named an append that was no command', async () => {
    const journal = memoryJournal()
    const plain = makeEvent(
      { type: 'counter.added', source: '/a', data: { who: 'a', by: 1 } },
      { clock, id: () => '1' },
    )
    await journal.append('c/1', [plain], { idempotencyKey: 'k' })
    await expect(execute(journal, 'c/1', add('a'), counter(), { idempotencyKey: 'k' })).rejects.toMatchObject({
      code: 'journal.key_reused',
    })
    expect(await journal.version('c/1')).toBe(1)
  })

  it('finds its first time although that came between its reading and its append', async () => {
    for (const command of [add('me'), { kind: 'add', who: 'me', times: 2 }] as const) {
      const journal = memoryJournal()
      let first = true
      const append: Journal['append'] = async (stream, events, options) => {
        if (first) {
          first = false
          await execute(journal, stream, add('me'), counter(), { idempotencyKey: 'k' })
        }
        return journal.append(stream, events, options)
      }
      const done = await execute(handle(journal, { append }), 'c/1', command, counter(), { idempotencyKey: 'k' })
      expect(done).toMatchObject({ version: 1, duplicate: true, state: { sum: 1, who: ['me'] } })
      expect(done.events).toHaveLength(1)
      expect(await journal.version('c/1')).toBe(1)
    }
  })
})

describe('a command said again', () => {
  it.each(drivers)('gives all of its events, or says that some are erased, on $name', async ({ open }) => {
    const { journal, another, end } = await open()
    try {
      const said = (key: string) =>
        execute(another(), 'c/1', { kind: 'add', who: key, times: 3 }, counter(1), { idempotencyKey: key })
      const first = await said('k1')
      const second = await said('k2')
      expect(await said('k1')).toMatchObject({ events: first.events, duplicate: true })
      for (const version of [2, 3]) {
        await journal.truncate('c/1', version)
        const erased = { code: 'journal.history_erased', stream: 'c/1', version: version - 1, firstVersion: version }
        await expect(said('k1')).rejects.toMatchObject(erased)
        expect(await said('k2')).toMatchObject({ events: second.events, duplicate: true })
      }
      // Nothing before its events is kept, and they are all that there were.
      await journal.truncate('c/1', 4)
      expect(await said('k2')).toMatchObject({ events: second.events, duplicate: true })
      await journal.truncate('c/1', 5)
      await expect(said('k2')).rejects.toMatchObject({ code: 'journal.history_erased', firstVersion: 5 })
      expect(await journal.version('c/1')).toBe(6)
    } finally {
      await end()
    }
  })

  it.each(drivers)('at once, without a single retry, has one effect and no contention, on $name', async ({ open }) => {
    const { journal, another, end } = await open()
    try {
      const once = { idempotencyKey: 'k', retriesMax: 0 }
      const done = await Promise.all(
        Array.from({ length: 5 }, () => execute(another(), 'c/1', add('a'), counter(), once)),
      )
      expect(done.filter(({ duplicate }) => duplicate)).toHaveLength(4)
      for (const each of done) expect(each).toMatchObject({ version: 1, retries: 0, state: { sum: 1 } })
      expect(await journal.version('c/1')).toBe(1)
    } finally {
      await end()
    }
  })

  it('is found, without a single retry, although it is now decided into other events', async () => {
    const journal = memoryJournal()
    let first = true
    const append: Journal['append'] = async (stream, events, options) => {
      if (first) {
        first = false
        await execute(journal, stream, add('me'), counter(), { idempotencyKey: 'k' })
      }
      return journal.append(stream, events, options)
    }
    const twice = { kind: 'add', who: 'me', times: 2 } as const
    const done = execute(handle(journal, { append }), 'c/1', twice, counter(), { idempotencyKey: 'k', retriesMax: 0 })
    expect(await done).toMatchObject({ version: 1, duplicate: true, state: { sum: 1 } })
    await expect(
      execute(contested(journal, 1), 'c/1', twice, counter(), { idempotencyKey: 'k2', retriesMax: 0 }),
    ).rejects.toMatchObject({ code: 'journal.contention', attempts: 1 })
  })
})

describe('many commands at once', () => {
  it.each(drivers)('lose none and double none, on $name', async ({ name, open }) => {
    const plan = fc.record({
      handles: fc.integer({ min: 1, max: 4 }),
      every: fc.integer({ min: 0, max: 5 }),
      commands: fc.array(
        fc.record({
          at: fc.nat(3),
          stream: fc.nat(1),
          times: fc.integer({ min: 0, max: 3 }),
          said: fc.integer({ min: 1, max: 3 }),
        }),
        { minLength: 1, maxLength: 30, size: 'max' },
      ),
    })
    await fc.assert(
      fc.asyncProperty(plan, async ({ handles, every, commands }) => {
        const { journal, another, end } = await open()
        try {
          const through = [journal, ...Array.from({ length: handles - 1 }, another)]
          const said = commands.flatMap(({ at, stream, times, said }, number) =>
            Array.from({ length: said }, (_, again) =>
              execute(
                through[(at + again) % handles] as Journal,
                `c/${stream}`,
                { kind: 'add', who: `${number}`, times },
                counter(every),
                // Said once it needs no key; said several times it has one effect.
                { retriesMax: 1000, ...(said > 1 && { idempotencyKey: `k${number}` }) },
              ),
            ),
          )
          await Promise.all(said)
          for (const stream of [0, 1]) {
            const { who } = await foldOf(journal, `c/${stream}`)
            const wanted = commands.flatMap((each, number) =>
              each.stream === stream ? Array.from({ length: each.times }, () => `${number}`) : [],
            )
            expect(who.toSorted()).toEqual(wanted.toSorted())
            const { state } = await execute(
              another(),
              `c/${stream}`,
              { kind: 'add', who: '', times: 0 },
              counter(every),
            )
            expect(state.who).toEqual(who)
          }
        } finally {
          await end()
        }
      }),
      { numRuns: name === 'sqlite' ? 8 : 60 },
    )
  })

  it('of one process have no conflicts with each other', async () => {
    const journal = memoryJournal()
    const done = await Promise.all(
      Array.from({ length: 200 }, (_, at) => execute(journal, 'c/1', add(`${at}`), counter(), { retriesMax: 0 })),
    )
    expect(done.map(({ version }) => version)).toEqual(Array.from({ length: 200 }, (_, at) => at + 1))
  })
})
