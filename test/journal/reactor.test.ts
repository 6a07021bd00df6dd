import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CloudEvent } from '../../src/base/envelope.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import { reactor } from '../../src/journal/reactor.ts'
import type { ReactorContext } from '../../src/journal/reactor.ts'
import { runReactor } from '../../src/journal/reactor-runner.ts'
import { storeJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { FaultyStore, said, schemas, worlds } from './projection-kit.ts'
import { dataOf, echo, NotingBus, run } from './reactor-kit.ts'

describe.each(worlds)('a reactor in a $name store', ({ open }) => {
  it('publishes what its handlers say, in order, caused by the event that was handled', async () => {
    const world = await open()
    const { runner, bus } = await run(echo, world)
    const asked = [1, 2, 3].map((n) => said('asked', n))
    await world.journal.append('a', asked)
    await runner.caughtUp()
    await runner.sent()
    expect(bus.data()).toEqual([2, 4, 6])
    const [first] = bus.sent
    expect(first).toMatchObject({
      subject: 'answers',
      event: {
        type: 'answered',
        source: '/reactor/echo',
        causationid: asked[0]?.id,
        correlationid: asked[0]?.id,
        hop: 1,
      },
    })
    expect(await runner.status()).toMatchObject({ state: 'live', outbox: { waiting: 0, parked: 0 }, replaying: false })
  })

  it('appends to other streams, once, in the order with its messages', async () => {
    const world = await open()
    const definition = reactor({
      name: 'both',
      on: {
        asked: async (event: CloudEvent<number>, context) => {
          await Promise.resolve()
          context.publish('s', { type: 'm', data: event.data })
          context.append('out', [
            { type: 'n', data: event.data },
            { type: 'n', data: -event.data },
          ])
          context.append('out2', [{ type: 'n', data: event.data }], { expectedVersion: event.data - 1 })
        },
      },
    })
    const { runner, bus } = await run(definition, world)
    await world.journal.append('a', [said('asked', 1), said('asked', 2)])
    await runner.caughtUp()
    await runner.sent()
    expect(await dataOf(world.journal, 'out')).toEqual([1, -1, 2, -2])
    expect(await dataOf(world.journal, 'out2')).toEqual([1, 2])
    expect(bus.data()).toEqual([1, 2])
    // Taken back and asked to publish again, the messages go out again and the appends are known by their keys.
    await runner.rewind({ publish: true })
    await runner.caughtUp()
    await runner.sent()
    expect(bus.data()).toEqual([1, 2, 1, 2])
    expect(await dataOf(world.journal, 'out')).toEqual([1, -1, 2, -2])
  })

  it('handles again without publishing when it is taken back, and tells its handlers', async () => {
    const world = await open()
    const seen: [number, boolean][] = []
    const definition = reactor({
      name: 'told',
      on: {
        asked: (event: CloudEvent<number>, { replaying, publish }) => {
          seen.push([event.data, replaying])
          publish('s', { type: 'm', data: event.data })
        },
      },
    })
    const { runner, bus } = await run(definition, world)
    await world.journal.append('a', [said('asked', 1)])
    const { position } = await world.journal.append('a', [said('asked', 2)])
    await world.journal.append('a', [said('asked', 3)])
    await runner.caughtUp()
    await runner.rewind({ to: position })
    await world.journal.append('a', [said('asked', 4)])
    await runner.caughtUp()
    await runner.sent()
    expect(seen).toEqual([
      [1, false],
      [2, false],
      [3, false],
      [3, true],
      [4, false],
    ])
    expect(bus.data()).toEqual([1, 2, 3, 4])
    await runner.rewind()
    await runner.caughtUp()
    expect(seen.slice(5)).toEqual([1, 2, 3, 4].map((n) => [n, true]))
    expect(bus.data()).toEqual([1, 2, 3, 4])
  })

  it('sends at its next start what was stored and not sent, with the same ids', async () => {
    const world = await open()
    const bus = new NotingBus()
    const tried: string[] = []
    bus.onFlush = () => {
      throw new Error('away')
    }
    bus.onPublish = (subject) => tried.push(subject)
    const first = await runReactor(echo, { ...world, bus })
    await world.journal.append('a', [said('asked', 1), said('asked', 2)])
    await first.caughtUp()
    expect((await first.status()).outbox).toEqual({ waiting: 2, parked: 0 })
    await first.stop()
    expect(bus.sent).toEqual([])
    const { runner, bus: later } = await run(echo, world)
    await runner.sent()
    expect(later.data()).toEqual([2, 4])
  })
})

const [{ open }] = worlds as [(typeof worlds)[0]]

describe('a handler of a reactor', () => {
  it('that fails leaves nothing of its own in the outbox, and those before it do not run again', async () => {
    const world = await open()
    const calls: number[] = []
    const definition = reactor({
      name: 'fails',
      on: {
        asked: (event: CloudEvent<number>, { publish }) => {
          calls.push(event.data)
          publish('s', { type: 'm', data: event.data })
          if (event.data === 3) throw new Error('no three')
        },
      },
    })
    const { runner, bus } = await run(definition, world, {
      onError: { retryMax: 1, backoffMs: 0, otherwise: 'park' },
    })
    await world.journal.append(
      'a',
      [1, 2, 3, 4].map((n) => said('asked', n)),
    )
    await runner.caughtUp()
    await runner.sent()
    expect(calls).toEqual([1, 2, 3, 3, 4])
    expect(bus.data()).toEqual([1, 2, 4])
    expect(await gather(runner.parked())).toMatchObject([{ reason: 'no three' }])
  })

  it('that takes too long has failed with base.timeout, and what it publishes afterwards is refused', async () => {
    const world = await open()
    const clock = manualClock()
    let late: ReactorContext | undefined
    const definition = reactor({
      name: 'slow',
      on: {
        asked: (_event: CloudEvent, context) => {
          late = context
          return new Promise<void>(() => {})
        },
      },
    })
    const { runner } = await run(definition, world, {
      clock,
      handlerTimeoutMs: 50,
      onError: { retryMax: 0, otherwise: 'park' },
    })
    await world.journal.append('a', [said('asked', 1)])
    // It never ends, and half a minute is waited for that.
    await clock.advance(50 + 30_000)
    await runner.caughtUp()
    expect(await gather(runner.parked())).toMatchObject([{ code: 'base.timeout' }])
    expect(late?.signal.aborted).toBe(true)
    expect(() => late?.publish('s', { type: 'm', data: 0 })).toThrow(
      expect.objectContaining({ code: 'base.invalid_argument' }),
    )
  })

  it.each([
    ['bus.invalid_subject', ({ publish }: ReactorContext) => publish('a b', { type: 'm', data: 0 })],
    ['base.envelope_invalid', ({ publish }: ReactorContext) => publish('s', { type: '', data: 0 })],
    ['base.codec_unsupported', ({ publish }: ReactorContext) => publish('s', { type: 'm', data: Symbol('s') })],
    ['base.invalid_argument', ({ append }: ReactorContext) => append('s', [])],
    ['base.invalid_argument', ({ append }: ReactorContext) => append('', [{ type: 'm', data: 0 }])],
    [
      'base.limit_exceeded',
      ({ publish }: ReactorContext) => {
        for (let at = 0; at <= 1000; at++) publish('s', { type: 'm', data: 0 })
      },
    ],
  ])('is refused at once, with %s, what could never be sent', async (code, publish) => {
    const world = await open()
    const definition = reactor({ name: 'bad', on: { asked: (_event: CloudEvent, context) => publish(context) } })
    const { runner, bus } = await run(definition, world, { onError: { retryMax: 0, otherwise: 'park' } })
    await world.journal.append('a', [said('asked', 1)])
    await runner.caughtUp()
    expect(await gather(runner.parked())).toMatchObject([{ code }])
    expect(bus.sent).toEqual([])
  })

  it('may publish a whole event of its own making, which keeps its id and gets its cause', async () => {
    const world = await open()
    const whole = { ...said('m', 1), id: 'mine', source: '/me' }
    const definition = reactor({
      name: 'whole',
      on: { asked: (_event: CloudEvent, { publish }) => publish('s', whole) },
    })
    const { runner, bus } = await run(definition, world)
    const asked = { ...said('asked', 1), correlationid: 'c', hop: 4 }
    await world.journal.append('a', [asked])
    await runner.caughtUp()
    await runner.sent()
    expect(bus.sent[0]?.event).toMatchObject({
      id: 'mine',
      source: '/me',
      causationid: asked.id,
      correlationid: 'c',
      hop: 5,
    })
  })
})

describe('a reactor', () => {
  it('begins where it is told to when it is new, and refuses positions and options that are none', async () => {
    const world = await open()
    const { position } = await world.journal.append('a', [said('asked', 1)])
    const { runner, bus } = await run(echo, world, { from: position })
    await world.journal.append('a', [said('asked', 2)])
    await runner.caughtUp()
    await runner.sent()
    expect(bus.data()).toEqual([4])
    await expect(runner.rewind({ to: 'x' })).rejects.toMatchObject({ code: 'journal.invalid_position' })
    for (const bad of [{ sending: { x: 1 } }, { outboxMax: 0 }, { handlerTimeoutMs: 0 }, { source: '' }])
      await expect(runReactor(echo, { ...world, ...(bad as object) })).rejects.toMatchObject({
        code: 'base.invalid_argument',
      })
    await expect(runReactor(echo, { ...world, from: '99' })).rejects.toMatchObject({ code: 'journal.invalid_position' })
    expect(() => reactor({ name: 'x', on: {} })).toThrow(expect.objectContaining({ code: 'base.invalid_argument' }))
  })

  it('is run once: of two the second to commit fails with journal.projection_taken, and nothing of it leaves', async () => {
    const world = await open()
    const runs = [await run(echo, world), await run(echo, world)]
    const numbers = Array.from({ length: 30 }, (_, at) => at)
    await world.journal.append(
      'a',
      numbers.map((n) => said('asked', n)),
    )
    const outcomes = await Promise.allSettled(runs.map(({ runner }) => runner.caughtUp()))
    const losers = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
    expect(losers).toMatchObject([{ cause: { code: 'journal.projection_taken' } }])
    const winner = runs[outcomes.findIndex(({ status }) => status === 'fulfilled')]
    await winner?.runner.sent()
    const sent = runs.flatMap(({ bus }) => bus.sent.map(({ event }) => event))
    expect(new Set(sent.map(({ id }) => id)).size).toBe(30)
  })

  it('publishes each message of a stored checkpoint at least once and none of another, whatever is lost on the way', async () => {
    const fault = fc.constantFrom('none' as const, 'none' as const, 'before' as const, 'after' as const)
    const plan = fc.record({
      events: fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 30 }),
      faults: fc.array(fault, { minLength: 1, maxLength: 20 }),
      away: fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
      batch: fc.integer({ min: 1, max: 7 }),
      stops: fc.integer({ min: 1, max: 3 }),
    })
    await fc.assert(
      fc.asyncProperty(plan, async ({ events, faults, away, batch, stops }) => {
        const inner = memoryStore({ schemas })
        const store = new FaultyStore(inner)
        const journal = storeJournal(inner)
        const bus = new NotingBus()
        const writes = new Map<string, number>()
        let flushes = 0
        // Each procedure has its own turn in the faults, so that none meets its fault for ever.
        store.fault = (name) => {
          const turn = writes.get(name) ?? 0
          writes.set(name, turn + 1)
          return name === 'begin' ? 'none' : (faults[turn % (faults.length + 1)] ?? 'none')
        }
        bus.onFlush = () => {
          if (away[flushes++ % (away.length + 1)]) throw new Error('away')
        }
        const definition = reactor({
          name: 'property',
          on: {
            asked: (event: CloudEvent<number>, context) => {
              context.publish('s', { type: 'm', data: { of: context.version, n: event.data } })
              context.append('out', [{ type: 'n', data: context.version }])
            },
          },
        })
        const options = {
          store,
          journal,
          bus,
          batch,
          onError: { retryMax: 1000, backoffMs: 0 },
          sending: { retryMax: 100_000, backoffMs: 0 },
        }
        for (let stop = 0; stop < stops; stop++) {
          const part = events.slice(
            Math.floor((events.length * stop) / stops),
            Math.floor((events.length * (stop + 1)) / stops),
          )
          if (part.length > 0)
            await journal.append(
              'a',
              part.map((n) => said('asked', n)),
            )
          const runner = await runReactor(definition, options)
          await runner.caughtUp()
          if (stop === stops - 1) await runner.sent()
          await runner.stop()
        }
        const got = new Map(bus.sent.map(({ event }) => [(event.data as { of: number }).of, event]))
        expect([...got.keys()].toSorted((a, b) => a - b)).toEqual(events.map((_, at) => at + 1))
        for (const { event } of bus.sent) {
          const { of } = event.data as { of: number }
          // A second try is the same event: none is of a run of the handler that was not stored.
          expect(event.id).toBe(got.get(of)?.id)
        }
        expect(await dataOf(journal, 'out')).toEqual(events.map((_, at) => at + 1))
        await inner.close()
      }),
      { numRuns: 60 },
    )
  })
})
