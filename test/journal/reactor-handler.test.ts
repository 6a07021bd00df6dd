import { describe, expect, it } from 'vitest'
import type { CloudEvent } from '../../src/base/envelope.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import type { ManualClock } from '../../src/base/manual-clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import type { Logger } from '../../src/base/logger.ts'
import { noTelemetry } from '../../src/base/telemetry.ts'
import type { Telemetry } from '../../src/base/telemetry.ts'
import { createNode } from '../../src/node/node.ts'
import { reactor } from '../../src/journal/reactor.ts'
import type { Reactor, ReactorContext } from '../../src/journal/reactor.ts'
import { said, worlds } from './projection-kit.ts'
import { dataOf, NotingBus, run } from './reactor-kit.ts'

const [{ open }] = worlds as [(typeof worlds)[0]]

/** A handler that stands still at some events until it is let go, or fails. */
function held(...stands: number[]) {
  const gates = new Map(stands.map((n) => [n, Promise.withResolvers<void>()]))
  const begun = new Map(stands.map((n) => [n, Promise.withResolvers<ReactorContext>()]))
  const calls: number[] = []
  const ended: number[] = []
  const definition: Reactor = reactor({
    name: 'held',
    on: {
      asked: async (event: CloudEvent<number>, context) => {
        const { data } = event
        calls.push(data)
        begun.get(data)?.resolve(context)
        await gates.get(data)?.promise
        ended.push(data)
        context.publish('s', { type: 'm', data })
      },
    },
  })
  return {
    definition,
    calls,
    ended,
    go: (n: number) => gates.get(n)?.resolve(),
    refuse: (n: number) => gates.get(n)?.reject(new Error('given up')),
    begun: (n: number) => begun.get(n)?.promise as Promise<ReactorContext>,
  }
}

const asked = (...numbers: number[]) => numbers.map((n) => said('asked', n))

/** Whether a promise has settled after all that is ready has run. */
async function hasSettled(promise: Promise<unknown>, clock: ManualClock): Promise<boolean> {
  let settled = false
  promise.then(
    () => (settled = true),
    () => (settled = true),
  )
  for (let turn = 0; turn < 20; turn++) await clock.advance(0)
  return settled
}

describe('a reactor that is stopped', () => {
  it('tells the handler in hand, waits for it, and keeps what it published', async () => {
    const world = await open()
    const clock = manualClock()
    const handler = held(2)
    const { runner, bus } = await run(handler.definition, world, { clock })
    await world.journal.append('a', asked(1, 2, 3))
    const context = await handler.begun(2)
    const stopped = runner.stop()
    expect(context.signal.aborted).toBe(true)
    expect(await hasSettled(stopped, clock)).toBe(false)
    handler.go(2)
    await stopped
    expect(handler.ended).toEqual([1, 2])
    expect(await runner.status()).toMatchObject({ state: 'stopped', position: '2' })
    const { runner: again, bus: later } = await run(handler.definition, world)
    await again.caughtUp()
    await again.sent()
    expect([...bus.data(), ...later.data()]).toEqual([1, 2, 3])
    expect(handler.calls).toEqual([1, 2, 3])
  })

  it('takes a handler that gives up then for no failure: it runs again at the next start', async () => {
    const world = await open()
    const handler = held(2)
    const counted: string[] = []
    const telemetry: Telemetry = { ...noTelemetry, count: (name) => counted.push(name) }
    const onError = { retryMax: 0, otherwise: 'park' } as const
    const { runner } = await run(handler.definition, world, { telemetry, onError })
    await world.journal.append('a', asked(1, 2))
    await handler.begun(2)
    const stopped = runner.stop()
    handler.refuse(2)
    await stopped
    expect(await runner.status()).toMatchObject({ state: 'stopped', position: '1', parked: 0 })
    expect(counted).not.toContain('colloquy.reactor.failures')
  })

  it('waits no longer than the handler may take', async () => {
    const world = await open()
    const clock = manualClock()
    const handler = held(1)
    const { runner } = await run(handler.definition, world, { clock, handlerTimeoutMs: 50 })
    await world.journal.append('a', asked(1))
    await handler.begun(1)
    await clock.advance(20)
    const stopped = runner.stop()
    await clock.advance(29)
    expect(await hasSettled(stopped, clock)).toBe(false)
    await clock.advance(1)
    await stopped
    handler.go(1)
    expect(await runner.status()).toMatchObject({ state: 'stopped', position: '', outbox: { waiting: 0 } })
  })

  it('keeps what was handled though its outbox is full', async () => {
    const world = await open()
    const bus = new NotingBus()
    bus.onFlush = () => {
      throw new Error('away')
    }
    const clock = manualClock()
    const handler = held()
    const { runner } = await run(handler.definition, world, { bus, clock, outboxMax: 1, batch: 1 })
    await world.journal.append('a', asked(1, 2))
    for (let turn = 0; handler.calls.length < 2 && turn < 100; turn++) await clock.advance(0)
    await runner.stop()
    const { runner: again, bus: later } = await run(handler.definition, world)
    await again.caughtUp()
    await again.sent()
    expect(later.data()).toEqual([1, 2])
    expect(handler.calls).toEqual([1, 2])
  })

  it('by its node is waited for too', async () => {
    const handler = held(1)
    const clock = manualClock()
    const node = await createNode({ name: 'n', clock })
    await node.reactor(handler.definition)
    await node.journal.append('a', asked(1))
    const context = await handler.begun(1)
    const stopped = node.stop()
    expect(await hasSettled(stopped, clock)).toBe(false)
    expect(context.signal.aborted).toBe(true)
    handler.go(1)
    await stopped
    expect(handler.ended).toEqual([1])
  })
})

describe('a handler that took too long', () => {
  it('has come to its end before the next try begins', async () => {
    const world = await open()
    const clock = manualClock()
    const handler = held(1)
    const { runner, bus } = await run(handler.definition, world, {
      clock,
      handlerTimeoutMs: 50,
      onError: { retryMax: 1, backoffMs: 0 },
    })
    await world.journal.append('a', asked(1))
    const context = await handler.begun(1)
    await clock.advance(50)
    expect(context.signal.aborted).toBe(true)
    await clock.advance(49)
    expect(handler.calls).toEqual([1])
    handler.go(1)
    await clock.advance(0)
    await runner.caughtUp()
    await runner.sent()
    expect(handler.calls).toEqual([1, 1])
    // The first call ended too late to publish.
    expect(bus.data()).toEqual([1])
  })

  it('and never ends is left alone after half a minute more, which is told', async () => {
    const world = await open()
    const clock = manualClock()
    const handler = held(1)
    const warned: string[] = []
    const logger = {
      ...silentLogger,
      child: () => logger,
      warn: (_fields: unknown, message?: string) => warned.push(String(message)),
    } as unknown as Logger
    const { runner } = await run(handler.definition, world, {
      clock,
      logger,
      handlerTimeoutMs: 50,
      onError: { retryMax: 0, otherwise: 'park' },
    })
    await world.journal.append('a', asked(1, 2))
    await handler.begun(1)
    await clock.advance(50 + 29_999)
    expect(handler.calls).toEqual([1])
    await clock.advance(1)
    await runner.caughtUp()
    expect(handler.calls).toEqual([1, 2])
    expect((await runner.status()).parked).toBe(1)
    expect(warned.filter((message) => message.includes('runs on'))).toHaveLength(1)
  })
})

describe('the key of an append', () => {
  it('stays what it was when a changed handler publishes first', async () => {
    const world = await open()
    const definition = (publishes: boolean) =>
      reactor({
        name: 'keyed',
        on: {
          asked: (event: CloudEvent<number>, { publish, append }) => {
            if (publishes) publish('s', { type: 'm', data: event.data })
            append('out', [{ type: 'm', data: event.data }])
            if (publishes) publish('s', { type: 'm', data: event.data })
            append('out', [{ type: 'm', data: -event.data }])
          },
        },
      })
    const { runner } = await run(definition(false), world)
    await world.journal.append('a', asked(1, 2))
    await runner.caughtUp()
    await runner.sent()
    await runner.stop()
    const { runner: changed } = await run(definition(true), world)
    await changed.rewind({ publish: true })
    await changed.caughtUp()
    await changed.sent()
    expect(await dataOf(world.journal, 'out')).toEqual([1, -1, 2, -2])
  })
})
