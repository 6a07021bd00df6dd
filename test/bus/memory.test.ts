import { describe, expect, it } from 'vitest'
import { sleep } from '../../src/base/clock.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import type { Bus, BusStatus, Subscription } from '../../src/bus/bus.ts'
import { busChecks } from '../../src/bus/conformance.ts'
import type { BusPair } from '../../src/bus/conformance.ts'
import { memoryBus, memoryHub } from '../../src/bus/memory.ts'
import type { MemoryHub } from '../../src/bus/memory.ts'

const none = new Uint8Array(0)

function pairOf(hub: MemoryHub, pass: BusPair['pass']): BusPair {
  const [a, b] = [hub.connect(), hub.connect()]
  return {
    a,
    b,
    settle: async () => {},
    pass,
    async [Symbol.asyncDispose]() {
      await a.close()
      await b.close()
    },
  }
}

describe('memory bus conformance, manual clock', () => {
  it.for(busChecks)('$name', async (check) => {
    const clock = manualClock()
    const open = async () => pairOf(memoryHub({ clock }), (ms) => clock.advance(ms))
    await expect(check.run(open)).resolves.toBe(undefined)
  })
})

describe('memory bus conformance, system clock', () => {
  it.for(busChecks)('$name', async (check) => {
    const open = async () => pairOf(memoryHub(), (ms) => sleep(systemClock, ms))
    await expect(check.run(open)).resolves.toBe(undefined)
  })
})

/** How many of 4000 messages each of four members of one group got. */
function shares(seed: number): number[] {
  const bus = memoryBus({ random: seededRandom(seed) })
  const members: Subscription[] = []
  for (let at = 0; at < 4; at++) members.push(bus.subscribe(at % 2 === 0 ? 'work.*' : 'work.>', { queue: 'q' }))
  for (let at = 0; at < 4000; at++) bus.publish('work.x', none)
  return members.map(({ pending }) => pending)
}

describe('memory bus', () => {
  it('shares the messages of a queue group evenly, and the same way for the same seed', () => {
    const [first, second, other] = [shares(1), shares(1), shares(2)]
    expect(first).toEqual(second)
    expect(first).not.toEqual(other)
    for (const share of first) expect(Math.abs(share - 1000)).toBeLessThan(150)
  })

  it('carries the bytes by reference and one message object for all subscriptions of a connection', async () => {
    const hub = memoryHub()
    const [a, b] = [hub.connect(), hub.connect()]
    const next = (bus: Bus) => bus.subscribe('x')[Symbol.asyncIterator]().next()
    const waiting = [next(b), next(b), next(a)]
    const data = new Uint8Array(8)
    a.publish('x', data)
    const [first, second, third] = (await Promise.all(waiting)).map(({ value }) => value)
    expect(first?.data).toBe(data)
    expect(second).toBe(first)
    expect(third).not.toBe(first)
  })

  it('answers through the connection that received', async () => {
    const hub = memoryHub()
    const [a, b] = [hub.connect(), hub.connect()]
    const next = b.subscribe('x')[Symbol.asyncIterator]().next()
    a.publish('x', none, { reply: 'y' })
    const { value: message } = await next
    await b.close()
    expect(() => message?.respond(none)).toThrow(expect.objectContaining({ code: 'bus.closed' }))
    expect(() => a.publish('x', none)).not.toThrow()
  })

  it('leaves no inbox behind when a connection closes', async () => {
    const hub = memoryHub()
    const [a, b] = [hub.connect(), hub.connect()]
    void b.subscribe('ask').each((message) => void message.respond(none))
    const { subject } = await a.request('ask', none)
    await a.close()
    await expect(b.request(subject, none)).rejects.toMatchObject({ code: 'bus.no_responders' })
    await b.close()
  })

  it('lets an observer see requests and answers', async () => {
    const bus = memoryBus()
    const seen: string[] = []
    const observed = bus.subscribe('>', { max: 2 }).each(({ subject }) => void seen.push(subject))
    void bus.subscribe('ask').each((message) => void message.respond(none))
    const answer = await bus.request('ask', none)
    await observed
    expect(seen).toEqual(['ask', answer.subject])
    await bus.close()
  })

  it('refuses a request with no responders although its own inbox would match a wildcard', async () => {
    const bus = memoryBus()
    bus.subscribe('other.>')
    await expect(bus.request('ask', none)).rejects.toMatchObject({ code: 'bus.no_responders' })
    await expect(bus.request('ask', none)).rejects.toMatchObject({ code: 'bus.no_responders' })
    await bus.close()
  })

  it('sets no timer for each request', async () => {
    const clock = manualClock()
    const bus = memoryBus({ clock })
    bus.subscribe('ask')
    const outcomes = Array.from({ length: 1000 }, () => bus.request('ask', none).catch(() => 'ended'))
    expect(clock.pending).toBe(1)
    await bus.close()
    expect(clock.pending).toBe(0)
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['ended']))
  })

  it('bounds the requests of a connection', async () => {
    const bus = memoryBus({ requestsMax: 1 })
    bus.subscribe('ask')
    const first = bus.request('ask', none).catch((error: { code?: string }) => error.code)
    await expect(bus.request('ask', none)).rejects.toMatchObject({ code: 'base.limit_exceeded' })
    await bus.close()
    expect(await first).toBe('bus.closed')
  })

  it('takes its payload bound from the options', () => {
    const bus = memoryBus({ payloadMaxBytes: 10 })
    expect(bus.payloadMaxBytes).toBe(10)
    bus.publish('x', new Uint8Array(10))
    expect(() => bus.publish('x', new Uint8Array(11))).toThrow(
      expect.objectContaining({ code: 'bus.payload_too_large' }),
    )
    expect(() => memoryBus({ payloadMaxBytes: 0 })).toThrow(expect.objectContaining({ code: 'base.invalid_argument' }))
    expect(() => memoryBus({ requestsMax: 0 })).toThrow(expect.objectContaining({ code: 'base.invalid_argument' }))
  })

  it('lets the event loop turn while agents answer each other without end', async () => {
    const bus = memoryBus()
    let rounds = 0
    const bounce = (to: string) => () => {
      rounds++
      bus.publish(to, none)
    }
    void bus.subscribe('ping').each(bounce('pong'))
    void bus.subscribe('pong').each(bounce('ping'))
    bus.publish('ping', none)
    // Each of these needs the loop to turn; starved, the test would never end.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(rounds).toBeGreaterThan(0)
    await bus.close()
  })

  it('lets the event loop turn while iterations answer each other without end', async () => {
    const bus = memoryBus()
    let rounds = 0
    const bounce = async (from: string, to: string) => {
      for await (const message of bus.subscribe(from)) {
        rounds++
        bus.publish(to, message.data)
      }
    }
    const loops = [bounce('ping', 'pong'), bounce('pong', 'ping')]
    bus.publish('ping', none)
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(rounds).toBeGreaterThan(0)
    await bus.close()
    await Promise.all(loops)
  })

  it('a publisher that awaits flush goes no faster than its consumers, and loses nothing', async () => {
    const bus = memoryBus()
    const subscription = bus.subscribe('x', { pendingMax: 2000 })
    const done = subscription.each(() => {})
    for (let burst = 0; burst < 300; burst++) {
      for (let at = 0; at < 1000; at++) bus.publish('x', none)
      await bus.flush()
    }
    await subscription.drain()
    await done
    expect([subscription.received, subscription.dropped]).toEqual([300_000, 0])
    await bus.close()
  })

  it('tells every reader of the status, each at its own pace', async () => {
    const bus = memoryBus()
    const readers = [bus.status(), bus.status()]
    const left = bus.status()[Symbol.asyncIterator]()
    await left.return?.()
    bus.subscribe('x', { pendingMax: 1 })
    bus.publish('x', none)
    bus.publish('x', none)
    await bus.close()
    for (const reader of readers) {
      const told: BusStatus[] = []
      for await (const status of reader) told.push(status)
      expect(told).toEqual([{ type: 'slow-consumer', subject: 'x', dropped: 1 }, { type: 'closed' }])
    }
  })

  it('holds no subscription that is over', async () => {
    const bus = memoryBus()
    for (let at = 0; at < 1000; at++) {
      const subscription = bus.subscribe(`x.${at}`, { max: 1 })
      bus.publish(`x.${at}`, none)
      await subscription[Symbol.asyncIterator]().next()
    }
    await expect(bus.request('x.5', none)).rejects.toMatchObject({ code: 'bus.no_responders' })
    await bus.drain()
  })
})
