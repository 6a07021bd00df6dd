import { describe, expect, it, onTestFinished } from 'vitest'
import type { CloudEvent } from '../../src/base/envelope.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { noTelemetry } from '../../src/base/telemetry.ts'
import type { Telemetry } from '../../src/base/telemetry.ts'
import type { Subscription } from '../../src/bus/bus.ts'
import { PayloadTooLarge } from '../../src/bus/error.ts'
import { eventOf } from '../../src/bus/event.ts'
import { memoryBus } from '../../src/bus/memory.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import { reactor } from '../../src/journal/reactor.ts'
import { runReactor } from '../../src/journal/reactor-runner.ts'
import { said, worlds } from './projection-kit.ts'
import { echo, NotingBus, run } from './reactor-kit.ts'

const [{ open }] = worlds as [(typeof worlds)[0]]

describe('the outbox', () => {
  it('tries again what the bus did not confirm, the same events in the same order, and waits longer each time', async () => {
    const world = await open()
    const clock = manualClock()
    const bus = new NotingBus()
    const tries: [number, number][] = []
    bus.onFlush = () => {
      tries.push([clock.monotonicMs(), bus.sent.length])
      if (tries.length < 4) throw new Error('away')
    }
    const runner = await runReactor(echo, { ...world, bus, clock, sending: { backoffMs: 10 } })
    onTestFinished(() => runner.stop())
    await world.journal.append('a', [said('asked', 1), said('asked', 2)])
    await clock.advance(1000)
    await runner.sent()
    expect(tries.slice(0, 4)).toEqual([
      [0, 0],
      [10, 0],
      [30, 0],
      [70, 0],
    ])
    expect(bus.sent.map(({ event }) => event.data)).toEqual([2, 4, 2, 4, 2, 4, 2, 4])
    expect(new Set(bus.sent.map(({ event }) => event.id)).size).toBe(2)
  })

  it('parks what can never be sent with its reason, passes on, and sends it when asked to', async () => {
    const world = await open()
    let bound = 1
    const bus = new NotingBus()
    bus.onPublish = (subject) => {
      if (subject === 'big' && bound === 1) throw new PayloadTooLarge(100, 10)
    }
    const definition = reactor({
      name: 'parks',
      on: {
        asked: (event: CloudEvent<number>, context) => {
          context.publish(event.data === 2 ? 'big' : 'small', { type: 'm', data: event.data })
          if (event.data === 3) context.append('gone', [{ type: 'x', data: 0 }], { expectedVersion: 7 })
        },
      },
    })
    const { runner } = await run(definition, world, { bus })
    await world.journal.append(
      'a',
      [1, 2, 3, 4].map((n) => said('asked', n)),
    )
    await runner.caughtUp()
    await runner.sent()
    expect(bus.data()).toEqual([1, 3, 4])
    expect((await runner.status()).outbox).toEqual({ waiting: 0, parked: 2 })
    expect(await gather(runner.parkedMessages())).toMatchObject([
      { kind: 'publish', target: 'big', code: 'bus.payload_too_large', events: [{ data: 2 }] },
      { kind: 'append', target: 'gone', code: 'journal.wrong_version' },
    ])
    bound = 2
    expect(await runner.retryMessages()).toBe(2)
    await runner.sent()
    expect(bus.data()).toEqual([1, 3, 4, 2])
    expect((await runner.status()).outbox).toEqual({ waiting: 0, parked: 1 })
  })

  it('sends large messages a few at a time, and all of them in order', async () => {
    const world = await open()
    const definition = reactor({
      name: 'large',
      on: {
        asked: (event: CloudEvent<number>, { publish }) =>
          publish('s', { type: 'm', data: { n: event.data, text: 'x'.repeat(3_000_000) } }),
      },
    })
    const clock = manualClock()
    const bus = new NotingBus()
    let away = true
    const flushed: number[] = []
    const publishes: string[] = []
    bus.onPublish = (subject) => publishes.push(subject)
    bus.onFlush = () => {
      flushed.push(publishes.splice(0).length)
      if (away) throw new Error('away')
    }
    const { runner } = await run(definition, world, { bus, clock })
    await world.journal.append(
      'a',
      [1, 2, 3, 4, 5].map((n) => said('asked', n)),
    )
    await clock.advance(0)
    await runner.caughtUp()
    away = false
    await clock.advance(1000)
    await runner.sent()
    expect(Math.max(...flushed)).toBe(2)
    const numbers = bus.data().map((data) => (data as { n: number }).n)
    expect([...new Set(numbers)]).toEqual([1, 2, 3, 4, 5])
  })

  it('makes handlers wait when it is full, and loses nothing', async () => {
    const world = await open()
    const bus = new NotingBus()
    const clock = manualClock()
    const held = Promise.withResolvers<void>()
    let handled = 0
    const holding = Object.assign(bus, {
      flush: async () => {
        await held.promise
        return NotingBus.prototype.flush.call(bus)
      },
    })
    const definition = reactor({
      name: 'full',
      on: {
        asked: (event: CloudEvent<number>, { publish }) => {
          handled++
          publish('s', { type: 'm', data: event.data })
        },
      },
    })
    const { runner } = await run(definition, world, { bus: holding, clock, outboxMax: 3, batch: 1 })
    const numbers = Array.from({ length: 10 }, (_, at) => at)
    const { position } = await world.journal.append('a', [said('asked', 0), said('asked', 1), said('asked', 2)])
    await runner.caughtUp({ position })
    await world.journal.append(
      'a',
      numbers.slice(3).map((n) => said('asked', n)),
    )
    // Turns enough for all of them, if nothing held them up.
    for (let turn = 0; turn < 50; turn++) await clock.advance(0)
    expect((await runner.status()).outbox.waiting).toBe(3)
    expect(handled).toBeLessThanOrEqual(4)
    held.resolve()
    await runner.caughtUp()
    await runner.sent()
    expect(bus.data()).toEqual(numbers)
  })

  it('fails the reactor when the bus is closed or stays away for all its tries; what waits stays', async () => {
    const world = await open()
    const bus = new NotingBus()
    bus.onFlush = () => {
      throw new Error('away')
    }
    const { runner } = await run(echo, world, { bus, sending: { retryMax: 2, backoffMs: 0 } })
    await world.journal.append('a', [said('asked', 1)])
    await expect(
      runner
        .sent({ timeoutMs: 5000 })
        .then(() => runner.caughtUp())
        .then(() => runner.sent()),
    ).rejects.toMatchObject({
      code: 'journal.projection_stopped',
      cause: { message: 'away' },
    })
    expect(await runner.status()).toMatchObject({ state: 'failed', outbox: { waiting: 1 } })
    await runner.stop()
    const closed = memoryBus()
    await closed.close()
    const again = await runReactor(echo, { ...world, bus: closed })
    await expect(again.sent()).rejects.toMatchObject({ cause: { code: 'bus.closed' } })
    await again.stop()
  })

  it('reaches real subscribers of a bus', async () => {
    const world = await open()
    await using bus = memoryBus()
    const subscription: Subscription = bus.subscribe('answers', { max: 2 })
    const runner = await runReactor(echo, { ...world, bus })
    onTestFinished(() => runner.stop())
    await world.journal.append('a', [said('asked', 1), said('asked', 2)])
    const got = await gather(subscription)
    expect(got.map((message) => eventOf(message)?.data)).toEqual([2, 4])
  })

  it('is mended when it has parked too many: they are sent or discarded, and the next run sends the rest', async () => {
    const world = await open()
    const bus = new NotingBus()
    bus.onPublish = (subject) => {
      if (subject === 'answers') throw new PayloadTooLarge(100, 10)
    }
    const { runner } = await run(echo, world, { bus, parkedMax: 2 })
    await world.journal.append(
      'a',
      [1, 2, 3, 4].map((n) => said('asked', n)),
    )
    const stopped = { code: 'journal.projection_stopped' }
    await expect(
      runner
        .sent()
        .then(() => runner.caughtUp())
        .then(() => runner.sent()),
    ).rejects.toMatchObject({
      ...stopped,
      cause: { code: 'journal.parked_full', what: 'messages', max: 2 },
    })
    // Events are counted apart.
    expect(await runner.status()).toMatchObject({ state: 'failed', parked: 0, outbox: { parked: 2 } })
    const [first, second] = await gather(runner.parkedMessages())
    expect(await runner.discardMessages([first?.id ?? 0, first?.id ?? 0])).toBe(1)
    expect(await gather(runner.parkedMessages())).toEqual([second])
    expect(await runner.retryMessages()).toBe(1)
    expect((await runner.status()).outbox).toEqual({ waiting: 3, parked: 0 })
    await runner.stop()
    // A rejection, not a throw.
    await expect(Promise.allSettled([runner.retryMessages(), runner.discardMessages('all')])).resolves.toMatchObject([
      { reason: stopped },
      { reason: stopped },
    ])
    const { runner: again, bus: mended } = await run(echo, world)
    await again.caughtUp()
    await again.sent()
    expect(mended.data()).toEqual([4, 6, 8])
    await expect(again.discardMessages('some' as never)).rejects.toMatchObject({ code: 'base.invalid_argument' })
    expect(await again.discardMessages('all')).toBe(0)
  })

  it('waits for a bus that is away without end, unless told otherwise, and counts its failures', async () => {
    const world = await open()
    const bus = new NotingBus()
    let outage = 500
    bus.onFlush = () => {
      if (outage-- > 0) throw new Error('away')
    }
    const counted: Record<string, number> = {}
    const telemetry: Telemetry = {
      ...noTelemetry,
      count: (name, by, attributes) => {
        const key = `${name} ${attributes?.['reactor']}`
        counted[key] = (counted[key] ?? 0) + by
      },
    }
    const { runner } = await run(echo, world, { bus, telemetry, sending: { backoffMs: 0 } })
    await world.journal.append('a', [said('asked', 1)])
    await runner.caughtUp()
    await runner.sent()
    expect(bus.data().at(-1)).toBe(2)
    expect(counted).toMatchObject({ 'colloquy.outbox.failures echo': 500, 'colloquy.outbox.sent echo': 1 })
  })
})
