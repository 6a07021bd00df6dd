import { describe, expect, it, onTestFinished } from 'vitest'
import type { CloudEvent } from '../../src/base/envelope.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import type { Telemetry } from '../../src/base/telemetry.ts'
import { noTelemetry } from '../../src/base/telemetry.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { projectionSchema } from '../../src/journal/projection-schema.ts'
import { runProjection } from '../../src/journal/projection-runner.ts'
import type { RunProjectionOptions } from '../../src/journal/projection-runner.ts'
import { projection } from '../../src/journal/projection.ts'
import type { Projection } from '../../src/journal/projection.ts'
import { reactor } from '../../src/journal/reactor.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { balances } from './projection-definitions.ts'
import { FaultyStore, paid, said, worldOf, worlds } from './projection-kit.ts'
import type { World } from './projection-kit.ts'
import { run as react } from './reactor-kit.ts'

async function run<State>(
  definition: Projection<State>,
  world: World,
  more: Partial<RunProjectionOptions> = {},
): Promise<Awaited<ReturnType<typeof runProjection<State>>>> {
  const runner = await runProjection(definition, { ...world, ...more })
  onTestFinished(() => runner.stop())
  return runner
}

describe.each(worlds)('a projection in a $name store', ({ open }) => {
  it('folds what is there and what comes, by key', async () => {
    const world = await open()
    await world.journal.append('a', [paid(1), said('account.named', 'x'), paid(2)])
    const runner = await run(balances, world)
    await runner.caughtUp()
    expect(await runner.get('a')).toEqual({ cents: 3, count: 2 })
    await world.journal.append('b', [paid(5)])
    await world.journal.append('a', [paid(4)])
    await runner.caughtUp()
    expect(await gather(runner.all())).toEqual([
      { key: 'a', state: { cents: 7, count: 3 } },
      { key: 'b', state: { cents: 5, count: 1 } },
    ])
    expect(await runner.get('c')).toBeUndefined()
    expect(await runner.status()).toMatchObject({ state: 'live', lag: 0, parked: 0, version: 1 })
  })

  it('goes on from its checkpoint in a second run, and folds nothing twice', async () => {
    const world = await open()
    await world.journal.append('a', [paid(1), paid(2)])
    const first = await run(balances, world)
    await first.caughtUp()
    await first.stop()
    expect((await first.status()).state).toBe('stopped')
    await world.journal.append('a', [paid(4)])
    const second = await run(balances, world)
    await second.caughtUp()
    expect(await second.get('a')).toEqual({ cents: 7, count: 3 })
  })

  it('takes a new state that a handler returns, keeps tagged values, and removes a key', async () => {
    const world = await open()
    const definition = projection({
      name: 'seen',
      init: (key) => ({ key, seen: new Set<string>() }),
      key: ({ stream }) => stream,
      on: {
        seen: (state, { data }: CloudEvent<string>) => ({ ...state, seen: new Set([...state.seen, data]) }),
        forgotten: (_state, _event: CloudEvent, { remove }) => remove(),
      },
    })
    const runner = await run(definition, world, { batch: 2 })
    await world.journal.append('a', [said('seen', 'x'), said('seen', 'y')])
    await world.journal.append('b', [said('seen', 'z'), said('forgotten', null)])
    await runner.caughtUp()
    expect(await gather(runner.all())).toEqual([{ key: 'a', state: { key: 'a', seen: new Set(['x', 'y']) } }])
    await world.journal.append('b', [said('seen', 'w')])
    await world.journal.append('a', [said('forgotten', null)])
    await runner.caughtUp()
    expect(await gather(runner.all())).toEqual([{ key: 'b', state: { key: 'b', seen: new Set(['w']) } }])
  })

  it('leaves out events whose key is undefined and those its filter keeps out', async () => {
    const world = await open()
    const definition = projection({
      name: 'some',
      filter: { streams: ['a*'] },
      init: () => [] as string[],
      key: ({ stream }) => (stream === 'a/2' ? undefined : ''),
      on: { t: (state, _event: CloudEvent, { stream }) => void state.push(stream) },
    })
    for (const stream of ['a/1', 'b', 'a/2', 'a/3']) await world.journal.append(stream, [said('t', 0)])
    const runner = await run(definition, world)
    await runner.caughtUp()
    expect(await runner.get()).toEqual(['a/1', 'a/3'])
  })

  it('hands out copies: what a reader changes changes nothing', async () => {
    const world = await open()
    await world.journal.append('a', [paid(1)])
    const runner = await run(balances, world)
    await runner.caughtUp()
    const state = (await runner.get('a')) as { cents: number }
    state.cents = 99
    await world.journal.append('a', [paid(1)])
    await runner.caughtUp()
    expect(await runner.get('a')).toEqual({ cents: 2, count: 2 })
  })

  it('folds the same with no room to remember states, one event a batch', async () => {
    const world = await open()
    for (let at = 0; at < 20; at++) await world.journal.append(`s${at % 3}`, [paid(at), paid(1)])
    const runner = await run(balances, world, { cacheMaxBytes: 0, batch: 1 })
    await runner.caughtUp()
    const states = await gather(runner.all())
    expect(states.map(({ state }) => state.count)).toEqual([14, 14, 12])
    expect(states.reduce((sum, { state }) => sum + state.cents, 0)).toBe(190 + 20)
  })

  it('lets one of two runners win; the other fails with journal.projection_taken and doubles nothing', async () => {
    const world = await open()
    const runners = [await run(balances, world), await run(balances, world)]
    await world.journal.append(
      'a',
      Array.from({ length: 50 }, () => paid(1)),
    )
    const outcomes = await Promise.allSettled(runners.map((runner) => runner.caughtUp()))
    const losers = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
    expect(losers).toMatchObject([{ code: 'journal.projection_stopped', cause: { code: 'journal.projection_taken' } }])
    expect(await runners[0]?.get('a')).toEqual({ cents: 50, count: 50 })
  })

  it('says a write that was lost again and none that was kept', async () => {
    const { store: inner, journal } = await open()
    const store = new FaultyStore(inner)
    const faults = ['before', 'after', 'none', 'after', 'before'] as const
    let writes = 0
    store.fault = (name) => (name === 'commitStates' ? (faults[writes++ % faults.length] ?? 'none') : 'none')
    await journal.append(
      'a',
      Array.from({ length: 40 }, () => paid(1)),
    )
    const runner = await run(balances, { store, journal }, { batch: 3, onError: { backoffMs: 0 } })
    await runner.caughtUp()
    expect(await runner.get('a')).toEqual({ cents: 40, count: 40 })
    expect(writes).toBeGreaterThan(20)
  })
})

describe('the error policy', () => {
  const [{ open }] = worlds as [(typeof worlds)[0]]

  it('stops before the event by default after three more tries, with what was before it kept', async () => {
    const world = await open()
    const clock = manualClock()
    await world.journal.append('a', [paid(1), paid(2), paid(666), paid(4)])
    const runner = await run(balances, world, { clock })
    const waiting = runner.caughtUp().catch((error: unknown) => error)
    await clock.advance(99)
    expect(await runner.get('a')).toEqual({ cents: 3, count: 2 })
    expect((await runner.status()).state).toBe('catching-up')
    await clock.advance(100 + 200 + 400)
    expect(await waiting).toMatchObject({
      code: 'journal.projection_stopped',
      cause: { code: 'journal.projection_failed', projection: 'balances', stream: 'a', version: 3 },
    })
    expect(await runner.status()).toMatchObject({ state: 'failed', lag: 2, position: '2', parked: 0 })
    await expect(runner.rebuild()).rejects.toMatchObject({ code: 'journal.projection_stopped' })
  })

  it('counts its tries, waits twice as long before each, and goes on when one succeeds', async () => {
    const world = await open()
    const clock = manualClock()
    const tries: number[] = []
    const definition = projection({
      name: 'flaky',
      init: () => ({ n: 0 }),
      on: {
        t: (state) => {
          state.n++
          tries.push(clock.monotonicMs())
          if (tries.length < 4) throw new Error('not yet')
        },
      },
    })
    const runner = await run(definition, world, { clock, onError: { retryMax: 5, backoffMs: 10 } })
    await world.journal.append('a', [said('t', 0)])
    await clock.advance(1000)
    expect(tries).toEqual([0, 10, 30, 70])
    expect(await runner.get()).toEqual({ n: 1 })
  })

  it('parks with the reason and goes on; a retry takes the event up when its handler can', async () => {
    const world = await open()
    const clock = manualClock()
    let mended = false
    const definition = projection({
      name: 'parking',
      init: () => [] as number[],
      on: {
        t: (state, { data }: CloudEvent<number>) => {
          state.push(data)
          if (data % 3 === 0 && !mended) throw new Error(`no ${data}`)
        },
      },
    })
    const runner = await run(definition, world, { clock, onError: { retryMax: 0, otherwise: 'park' }, batch: 4 })
    await world.journal.append(
      'a',
      [1, 2, 3, 4, 5, 6, 7].map((n) => said('t', n)),
    )
    await runner.caughtUp()
    expect(await runner.get()).toEqual([1, 2, 4, 5, 7])
    expect((await runner.status()).parked).toBe(2)
    expect(await gather(runner.parked())).toMatchObject([
      {
        code: 'unknown',
        reason: 'no 3',
        timeMs: clock.now(),
        replaying: false,
        recorded: { version: 3, position: '3' },
      },
      { reason: 'no 6', recorded: { event: { data: 6, type: 't' } } },
    ])
    expect(await runner.retryParked()).toEqual({ retried: 0, left: 2 })
    expect(await runner.get()).toEqual([1, 2, 4, 5, 7])
    mended = true
    expect(await runner.retryParked()).toEqual({ retried: 2, left: 0 })
    expect(await runner.get()).toEqual([1, 2, 4, 5, 7, 3, 6])
    expect((await runner.status()).parked).toBe(0)
    await world.journal.append('a', [said('t', 8)])
    await runner.caughtUp()
    expect(await runner.get()).toEqual([1, 2, 4, 5, 7, 3, 6, 8])
  })

  it('fails with journal.parked_full when one more is to be parked than may be', async () => {
    const world = await open()
    const runner = await run(balances, world, { onError: { retryMax: 0, otherwise: 'park' }, parkedMax: 1 })
    await world.journal.append('a', [paid(666), paid(1), paid(666), paid(2)])
    await expect(runner.caughtUp()).rejects.toMatchObject({ cause: { code: 'journal.parked_full', max: 1 } })
    expect(await runner.status()).toMatchObject({ state: 'failed', parked: 1, position: '2' })
  })

  it('takes a key that is no text, a promise and a state without a JSON form as failures of their event', async () => {
    const world = await open()
    const definition = projection({
      name: 'odd',
      init: () => ({ n: 0, x: undefined as unknown }),
      key: ({ event }) => (event.data === 'key' ? (7 as unknown as string) : 'k'),
      on: {
        t: (state, { data }: CloudEvent<string>) => {
          state.n++
          if (data === 'promise') return Promise.reject(new Error('late')) as unknown as typeof state
          if (data === 'symbol') state.x = Symbol('s')
          return undefined
        },
      },
    })
    const runner = await run(definition, world, { onError: { retryMax: 0, otherwise: 'park' } })
    await world.journal.append(
      'a',
      ['ok', 'key', 'ok', 'promise', 'symbol', 'ok'].map((data) => said('t', data)),
    )
    await runner.caughtUp()
    expect(await runner.get('k')).toEqual({ n: 3 })
    const parked = await gather(runner.parked())
    expect(parked.map(({ code, recorded }) => [code, recorded.version])).toEqual([
      ['base.invalid_argument', 2],
      ['base.invalid_argument', 4],
      ['base.codec_unsupported', 5],
    ])
  })

  it('fails at once when its journal is closed under it', async () => {
    const world = await open()
    const runner = await run(balances, world)
    await runner.caughtUp()
    const waiting = runner.caughtUp({ position: (await world.journal.append('a', [paid(1)])).position })
    await waiting
    await world.journal.close()
    while ((await runner.status()).state === 'live') await Promise.resolve()
    expect(await runner.status()).toMatchObject({ state: 'failed', error: { code: 'journal.closed' } })
    expect(await runner.get('a')).toEqual({ cents: 1, count: 1 })
  })

  it('fails when the store refuses for longer than the tries last, and says why', async () => {
    const { store: inner, journal } = await open()
    const store = new FaultyStore(inner)
    store.fault = (name) => (name === 'commitStates' ? 'before' : 'none')
    await journal.append('a', [paid(1)])
    const runner = await run(
      balances,
      { store, journal },
      { onError: { retryMax: 2, backoffMs: 0, otherwise: 'park' } },
    )
    await expect(runner.caughtUp()).rejects.toMatchObject({ code: 'journal.projection_stopped' })
    const { state, error, parked } = await runner.status()
    expect([state, error?.message, parked]).toEqual(['failed', 'commitStates was lost on the way', 0])
  })
})

describe('waiting for a projection', () => {
  it('resolves once the position is passed, and rejects at its timeout, its signal, a bad position and a stop', async () => {
    const clock = manualClock()
    const store = memoryStore({ schemas: [projectionSchema] })
    const journal = memoryJournal()
    onTestFinished(() => journal.close())
    const [first, second] = [await journal.append('a', [paid(1)]), await journal.append('a', [paid(2)])]
    let held = Promise.withResolvers<void>()
    const gate = new FaultyStore(store)
    const slow = Object.assign(Object.create(gate) as FaultyStore, {
      write: async (...call: Parameters<FaultyStore['write']>) => {
        if (call[0].name === 'commitStates') await held.promise
        return gate.write(...call)
      },
      read: gate.read.bind(gate),
    })
    const runner = await run(balances, { store: slow, journal }, { clock, batch: 1 })
    const waits = [runner.caughtUp({ position: first.position }), runner.caughtUp({ position: second.position })]
    const timed = runner.caughtUp({ timeoutMs: 10 }).catch((error: unknown) => error)
    const abort = new AbortController()
    const aborted = runner.caughtUp({ signal: abort.signal }).catch((error: unknown) => error)
    await clock.advance(10)
    abort.abort()
    expect(await timed).toMatchObject({ code: 'base.timeout' })
    expect(await aborted).toMatchObject({ code: 'base.aborted' })
    held.resolve()
    await Promise.all(waits)
    await expect(runner.caughtUp({ position: 'x' })).rejects.toMatchObject({ code: 'journal.invalid_position' })
    held = Promise.withResolvers()
    await journal.append('a', [paid(3)])
    const late = runner.caughtUp().catch((error: unknown) => error)
    await clock.advance(0)
    const stopping = runner.stop()
    held.resolve()
    await stopping
    // What was in hand is finished, so either it was passed or the stop is told.
    expect([undefined, 'journal.projection_stopped']).toContain(((await late) as { code?: string } | undefined)?.code)
    await journal.append('a', [paid(4)])
    await expect(runner.caughtUp()).rejects.toMatchObject({ code: 'journal.projection_stopped' })
  })
})

describe('what a projection tells', () => {
  it('shows its lag and counts events and failures', async () => {
    const told: unknown[][] = []
    const telemetry: Telemetry = {
      ...noTelemetry,
      count: (name, by, attributes) => void told.push([name, by, attributes]),
      gauge: (name, value, attributes) => void told.push([name, value, attributes]),
    }
    const world = worldOf(
      memoryStore({ schemas: [projectionSchema, (await import('../../src/journal/sqlite.ts')).journalSchema] }),
    )
    await world.journal.append('a', [paid(1), paid(666), paid(2)])
    const runner = await run(balances, world, { telemetry, onError: { retryMax: 1, backoffMs: 0, otherwise: 'park' } })
    await runner.caughtUp()
    await runner.stop()
    const of = (name: string) => told.filter(([each]) => each === name)
    const attributes = { projection: 'balances' }
    expect(of('colloquy.projection.events').map(([, by]) => by)).toEqual([1, 1, 1])
    expect(of('colloquy.projection.failures')).toHaveLength(2)
    expect(of('colloquy.projection.lag').at(-1)).toEqual(['colloquy.projection.lag', 0, attributes])
  })
})

describe('a definition', () => {
  const good = { name: 'n', init: () => 0, on: { t: () => {} } }

  it.each([
    ['an empty name', { name: '' }],
    ['a long name', { name: 'x'.repeat(101) }],
    ['no handler', { on: {} }],
    ['a handler that is none', { on: { t: 1 } }],
    ['an init that is none', { init: 1 }],
    ['a key that is none', { key: 1 }],
    ['a version of 0', { version: 0 }],
    ['an unknown option', { kye: () => '' }],
    ['a filter that cannot match', { filter: { streams: [] } }],
    ['no room for a state', { stateMaxBytes: 0 }],
    ['an inline that names no module', { inline: { module: 'x', name: 'y' } }],
  ])('is refused with %s', (_what, change) => {
    expect(() => projection({ ...good, ...change } as never)).toThrow(
      expect.objectContaining({ code: 'base.invalid_argument' }),
    )
  })

  it('is refused to run on a journal without one order, with unknown options, or a policy that is none', async () => {
    const { store, journal } = worldOf(memoryStore({ schemas: [projectionSchema] }))
    const unordered = Object.create(journal, {
      capabilities: { value: { ...journal.capabilities, totalOrder: false } },
    }) as typeof journal
    await expect(runProjection(balances, { store, journal: unordered })).rejects.toMatchObject({
      code: 'journal.unsupported',
    })
    for (const bad of [{ onEror: {} }, { onError: { otherwise: 'skip' } }, { batch: 0 }, { cacheMaxBytes: -1 }])
      await expect(runProjection(balances, { store, journal, ...(bad as object) })).rejects.toMatchObject({
        code: 'base.invalid_argument',
      })
  })
})

describe('a checkpoint', () => {
  const [{ open }] = worlds as [(typeof worlds)[0]]

  it('is of one journal: another one, or an earlier state of it, is refused', async () => {
    const world = await open()
    const runner = await run(balances, world)
    await world.journal.append('a', [paid(1), paid(2)])
    await runner.caughtUp()
    await runner.stop()
    const others: ((journal: Journal) => Promise<unknown>)[] = [
      async () => {},
      (journal) => journal.append('a', [paid(1)]),
      (journal) => journal.append('a', [paid(1), paid(2)]),
      (journal) => journal.append('b', [paid(1), paid(2)]),
    ]
    for (const fill of others) {
      const journal = memoryJournal()
      onTestFinished(() => journal.close())
      await fill(journal)
      await expect(runProjection(balances, { ...world, journal })).rejects.toMatchObject({
        code: 'journal.projection_foreign',
        projection: 'balances',
        stream: 'a',
        version: 2,
      })
    }
    // What was erased since cannot be told, and is let pass; so is the journal itself, whatever came after.
    await world.journal.append('a', [paid(3)])
    await world.journal.truncate('a', 3)
    const again = await run(balances, world)
    await again.caughtUp()
    expect(await again.get('a')).toEqual({ cents: 6, count: 3 })
  })

  it('of a reactor is of one journal too, also when a batch was kept in part', async () => {
    const world = await open()
    const definition = reactor({
      name: 'partly',
      on: {
        t: (event: CloudEvent<number>) => {
          if (event.data === 2) throw new Error('no two')
        },
      },
    })
    const { runner } = await react(definition, world, { onError: { retryMax: 0 } })
    await world.journal.append('a', [said('t', 1), said('t', 2)])
    await expect(runner.caughtUp()).rejects.toMatchObject({ code: 'journal.projection_stopped' })
    await runner.stop()
    const journal = memoryJournal()
    onTestFinished(() => journal.close())
    await journal.append('a', [said('t', 1), said('t', 2)])
    await expect(react(definition, { ...world, journal })).rejects.toMatchObject({
      code: 'journal.projection_foreign',
      version: 1,
    })
  })
})
