import fc from 'fast-check'
import { inspect } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { actor } from '../../src/actor/define.ts'
import type { EventProducer } from '../../src/actor/event-hub.ts'
import { actorSystem } from '../../src/actor/system.ts'
import type { ActorSystemOptions } from '../../src/actor/system.ts'
import { jsonCodec } from '../../src/base/codec.ts'

const listener = actor({
  type: 'listener',
  version: 1,
  state: (_events: readonly string[]) => ({ heard: [] as unknown[], ended: [] as string[] }),
  init(ctx, events) {
    for (const event of events) ctx.subscribe(event, 'heard')
  },
  on: {
    heard(ctx, value: unknown) {
      ctx.state.heard.push(value)
    },
    all: (ctx) => ctx.state.heard,
    ended: (ctx) => ctx.state.ended,
    correlation: (ctx) => ctx.correlation,
    subscribe: (ctx, to: { readonly event: string; readonly name: string }) => void ctx.subscribe(to.event, to.name),
    emit: (ctx, what: { readonly event: string; readonly value: unknown; readonly token?: string }) =>
      ctx.emit(what.event, what.value, what.token),
    fail() {
      throw new Error('broken')
    },
  },
  onSignal(ctx, signal) {
    if (signal.type === 'event-ended') ctx.state.ended.push(signal.event)
  },
})

function open(options: Partial<ActorSystemOptions> = {}) {
  const system = actorSystem({ node: 'alpha', ...options })
  onTestFinished(() => system.stop())
  return system
}

async function gather<T>(stream: AsyncIterable<T>, count = Number.POSITIVE_INFINITY): Promise<T[]> {
  const found: T[] = []
  if (count === 0) return found
  for await (const value of stream) if (found.push(value) >= count) break
  return found
}

describe('events', () => {
  it('reach every actor that subscribed, in the order of publishing', async () => {
    const system = open()
    const price = system.events.define<number>('price')
    const listeners = [system.spawn(listener, ['price']), system.spawn(listener, ['price'])]
    await Promise.all(listeners.map(({ ready }) => ready))
    expect([price.publish(1), system.events.publish('price', 2)]).toEqual([2, 2])
    for (const each of listeners) expect(await each.call('all')).toEqual([1, 2])
  })

  it('give a late subscriber the buffer first', async () => {
    const system = open()
    const price = system.events.define<number>('price', { buffer: 3 })
    for (let at = 1; at <= 8; at++) price.publish(at)
    const late = system.spawn(listener, ['price'])
    const stream = system.events.subscribe<number>('price')
    await late.ready
    price.publish(9)
    expect(await late.call('all')).toEqual([6, 7, 8, 9])
    expect(await gather(stream, 4)).toEqual([6, 7, 8, 9])
  })

  it('buffer the last values for whatever is published and whoever comes when', () => {
    const step = fc.oneof(fc.constant('publish' as const), fc.constant('subscribe' as const))
    return fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 6 }),
        fc.array(step, { maxLength: 40, size: 'max' }),
        async (buffer, steps) => {
          await using system = actorSystem({ node: 'alpha' })
          const event = system.events.define<number>('e', { buffer })
          const published: number[] = []
          const streams: { readonly stream: AsyncIterable<number>; readonly from: number }[] = []
          for (const step of steps)
            if (step === 'publish') {
              event.publish(published.push(published.length))
            } else
              streams.push({
                stream: system.events.subscribe<number>('e'),
                from: Math.max(0, published.length - buffer),
              })
          event.end()
          const all = published.map((at) => at + 1)
          for (const { stream, from } of streams) expect(await gather(stream)).toEqual(all.slice(from))
        },
      ),
      { numRuns: 60 },
    )
  })

  it('notify of the first subscriber and of the last one gone', async () => {
    const system = open()
    const changes: string[] = []
    const event = system.events.define('e', { notify: (change) => changes.push(change) })
    const one = system.spawn(listener, ['e'])
    await one.ready
    const stream = system.events.subscribe('e')
    expect(changes).toEqual(['first'])
    await system.stopActor(one)
    expect({ changes, subscribers: event.subscribers }).toEqual({ changes: ['first'], subscribers: 1 })
    await stream.return?.()
    expect(changes).toEqual(['first', 'last'])
    const again = new AbortController()
    const ended = gather(system.events.subscribe('e', { signal: again.signal }))
    again.abort()
    expect(await ended).toEqual([])
    expect(changes).toEqual(['first', 'last', 'first', 'last'])
  })

  it('are not disturbed by a notice that throws', async () => {
    const system = open()
    const event = system.events.define<number>('e', {
      notify() {
        throw new Error('broken')
      },
    })
    const stream = system.events.subscribe<number>('e')
    event.publish(1)
    expect(await gather(stream, 1)).toEqual([1])
  })

  it('with a token are published by its holders only', async () => {
    const system = open()
    const event = system.events.define<number>('e', { token: true })
    const one = system.spawn(listener, ['e'])
    const refused = { code: 'actor.event_token' }
    expect(() => system.events.publish('e', 1)).toThrow(expect.objectContaining(refused))
    expect(() => system.events.publish('e', 1, 'f'.repeat(32))).toThrow(expect.objectContaining(refused))
    await expect(one.call('emit', { event: 'e', value: 1 })).rejects.toMatchObject({ cause: refused })
    expect(event.publish(2)).toBe(1)
    expect(
      await one.call('emit', { event: 'e', value: 3, ...(event.token !== undefined && { token: event.token }) }),
    ).toBe(1)
    expect(await one.call('all')).toEqual([2, 3])
    expect(event.token).toMatch(/^[0-9a-f]{32}$/)
    expect(inspect(event, { depth: 5, showHidden: true }) + JSON.stringify(event)).not.toContain(event.token)
  })

  it('are refused by name where there are none', async () => {
    const system = open()
    const unknown = expect.objectContaining({ code: 'actor.unknown_event' })
    expect(() => system.events.publish('e', 1)).toThrow(unknown)
    expect(() => system.events.subscribe('e')).toThrow(unknown)
    await expect(system.spawn(listener, ['e']).ready).rejects.toMatchObject({ cause: unknown })
    system.events.define('e')
    expect(() => system.events.define('e')).toThrow(expect.objectContaining({ code: 'actor.event_taken' }))
    expect(system.events.names).toEqual(['e'])
    const one = system.spawn(listener, [])
    await expect(one.call('subscribe', { event: 'e', name: 'nobody' })).rejects.toMatchObject({
      cause: { code: 'actor.unknown_message' },
    })
  })

  it('end for all who subscribed, and a producer that ended publishes no more', async () => {
    const system = open()
    const event = system.events.define<number>('e')
    const one = system.spawn(listener, ['e'])
    const stream = system.events.subscribe<number>('e')
    await one.ready
    event.publish(1)
    event.end()
    event.end()
    expect(await gather(stream)).toEqual([1])
    expect(await one.call('ended')).toEqual(['e'])
    const other = system.events.define('e')
    expect(() => event.publish(2)).toThrow(expect.objectContaining({ code: 'actor.unknown_event' }))
    expect(other.subscribers).toBe(0)
  })

  it('end with the actor that owns them, and go on when it is started again', async () => {
    const system = open()
    const made: EventProducer<number>[] = []
    const owner = actor({
      type: 'owner',
      version: 1,
      state: () => ({}),
      init(ctx) {
        made.push(system.events.define<number>('e', { owner: ctx.self, token: true, buffer: 2 }))
      },
      on: {
        say: (_ctx, value: number) => made.at(-1)?.publish(value),
        fail() {
          throw new Error('broken')
        },
      },
    })
    const producer = system.spawn(owner)
    await producer.ready
    const stream = system.events.subscribe<number>('e')
    await producer.call('say', 1)
    await expect(producer.call('fail')).rejects.toMatchObject({ code: 'actor.call_failed' })
    expect(await producer.call('say', 2)).toBe(1)
    expect(() => made[0]?.publish(9)).toThrow(expect.objectContaining({ code: 'actor.event_token' }))
    await system.stopActor(producer)
    expect(await gather(stream)).toEqual([1, 2])
    expect(system.events.names).toEqual([])
  })

  it('stay subscribed over a restart, once', async () => {
    const system = open()
    const event = system.events.define<number>('e', { buffer: 4 })
    const one = system.spawn(listener, ['e', 'e'])
    await one.ready
    event.publish(1)
    await expect(one.call('fail')).rejects.toMatchObject({ code: 'actor.call_failed' })
    event.publish(2)
    expect(await one.call('all')).toEqual([2])
    expect(event.subscribers).toBe(1)
  })

  it('forget a subscription that is cancelled, and a reader that falls behind', async () => {
    const system = open()
    const event = system.events.define<number>('e')
    const slow = system.events.subscribe<number>('e', { limit: 2 })
    const lossy = system.events.subscribe<number>('e', { limit: 2, overflow: 'drop-oldest' })
    for (let at = 1; at <= 4; at++) event.publish(at)
    await expect(gather(slow)).rejects.toMatchObject({ code: 'base.limit_exceeded' })
    expect(event.subscribers).toBe(1)
    event.end()
    expect(await gather(lossy)).toEqual([3, 4])
  })

  it('come once to a stream that subscribes while they are published', async () => {
    const system = open()
    let late: AsyncIterable<unknown> | undefined
    const event = system.events.define<number>('e', {
      buffer: 2,
      notify(change) {
        if (change === 'last') late ??= system.events.subscribe('e')
      },
    })
    // Full at the value 4, which the late one finds in the buffer.
    system.events.subscribe('e', { limit: 1 })
    for (let value = 1; value <= 5; value++) event.publish(value)
    event.end()
    expect(await gather(late as AsyncIterable<unknown>)).toEqual([3, 4, 5])
  })

  it('carry sender and conversation of whoever emits', async () => {
    const system = open()
    system.events.define('e')
    const one = system.spawn(listener, [])
    await one.call('subscribe', { event: 'e', name: 'fail' })
    await one.with({ correlation: 'talk-1' }).call('emit', { event: 'e', value: 1 })
    await one.call('all')
    expect(system.deadLetters.recent).toMatchObject([
      { name: 'fail', correlation: 'talk-1', sender: one.address.toString() },
    ])
  })

  it('go through the codec, one copy for each, and are refused when they cannot', async () => {
    const system = open({ codec: jsonCodec() })
    const event = system.events.define<unknown>('e', { buffer: 1 })
    const streams = [system.events.subscribe<object>('e'), system.events.subscribe<object>('e')]
    const value = { at: new Date(0) }
    event.publish(value)
    const [one, other] = await Promise.all(streams.map(async (stream) => (await gather(stream, 1))[0]))
    expect([one, other]).toEqual([value, value])
    expect(one).not.toBe(value)
    expect(one).not.toBe(other)
    expect(() => event.publish(() => {})).toThrow(expect.objectContaining({ code: expect.stringMatching(/^base\./) }))
  })

  it('leave nothing of a subscriber that ended', async () => {
    const system = open()
    const event = system.events.define<number>('e')
    for (let at = 0; at < 50; at++) {
      const one = system.spawn(listener, ['e'])
      await one.ready
      await system.stopActor(one)
    }
    expect({ subscribers: event.subscribers, sent: event.publish(1), dead: system.deadLetters.count }).toEqual({
      subscribers: 0,
      sent: 0,
      dead: 0,
    })
  })
})
