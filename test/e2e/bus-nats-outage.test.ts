/**
 * The NATS driver when servers die: a member of a cluster is killed with -9 in the middle of traffic, a lone server goes
 * away and comes back, a server falls silent. What is lost is counted and stays within what the driver said may be lost.
 */
import { afterEach, describe, expect, it } from 'vitest'
import { startNatsCluster, startNatsServer } from '../../scripts/servers.ts'
import type { NatsServer } from '../../scripts/servers.ts'
import { sleep } from '../../src/base/clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import { utf8Text } from '../../src/base/limit.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import type { Message } from '../../src/bus/bus.ts'
import { type NatsBus, type NatsOptions, connectNats } from '../../src/bus/nats.ts'
import { costOf } from '../../src/bus/nats-outbox.ts'
import { hasNatsServer } from '../bus/nats-servers.ts'
import { bytes, eventually, heard, none, outcome, thrown, watch } from './bus-nats-kit.ts'

const opened: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

function keep<T extends AsyncDisposable>(made: T): T {
  opened.push(made)
  return made
}

async function connect(options: NatsOptions): Promise<NatsBus> {
  return keep(await connectNats({ reconnect: { waitMs: 5, waitMaxMs: 50 }, ...options }))
}

interface Connz {
  readonly connections: readonly { readonly subscriptions_list_detail: readonly { readonly max?: number }[] }[]
}

const textOf = (message: Message) => utf8Text('data', message.data)

describe.skipIf(!hasNatsServer)('NATS bus, a member of three killed in the middle of traffic', () => {
  it.for(['a', 'b', 'c'])(
    'loses no more than it says, nothing twice, in order; every request ends: seed %s',
    async (seed) => {
      const random = seededRandom(seed)
      const cluster = keep(await startNatsCluster(3))
      const [first, second, third] = cluster.servers as [NatsServer, NatsServer, NatsServer]
      const subscriber = await connect({ servers: second.url, discover: false })
      const got: number[] = []
      void subscriber
        .subscribe('data', { pendingMax: 1e6 })
        .each((message) => void got.push(Number.parseInt(textOf(message), 10)))
      void subscriber.subscribe('ask').each((message) => void message.respond(message.data))
      const bus = await connect({ servers: [first.url, third.url], discover: false, shuffle: false })
      const statuses = watch(bus)
      const filler = 'x'.repeat(90)
      let sent = 0
      let said = 0
      const ends = new Map<string, number>()
      const asking = new AbortController()
      const ask = async () => {
        while (!asking.signal.aborted) {
          const end = await outcome(bus.request('ask', none, { timeoutMs: 300 }))
          ends.set(end, (ends.get(end) ?? 0) + 1)
        }
      }
      const publish = (count: number) => {
        for (let at = 0; at < count; at++)
          bus.publish('data', bytes(`${sent++}`.padEnd(8) + (at % 7 === 0 ? filler : '')))
      }
      await Promise.all(
        [first, third].map(async ({ url }) => {
          const probe = await connect({ servers: url, discover: false })
          await heard(probe, subscriber)
          await probe.close()
        }),
      )
      const asked = Promise.all(Array.from({ length: 20 }, ask))
      for (let round = 0; round < 4; round++) {
        const dying = bus.server === first.url ? first : third
        publish(1 + random.integer(2000))
        if (random.integer(2) === 0) await bus.flush()
        for (let batch = random.integer(20); batch > 0; batch--) {
          publish(100)
          await sleep(systemClock, 0)
        }
        publish(1 + random.integer(20_000))
        const killed = dying.kill('SIGKILL')
        publish(1 + random.integer(5000))
        const { unconfirmed } = await statuses.until('reconnected')
        said += unconfirmed
        publish(1000)
        await killed
        await dying.restart()
        await cluster.formed()
        const probe = await connect({ servers: dying.url, discover: false })
        await heard(probe, subscriber)
        await probe.close()
      }
      asking.abort()
      await asked
      await bus.flush()
      publish(1)
      await eventually(() => got.at(-1) === sent - 1)
      const missing = sent - got.length
      expect(got.every((each, at) => at === 0 || each > (got[at - 1] as number))).toBe(true)
      expect(missing).toBeGreaterThan(0)
      expect(missing).toBeLessThanOrEqual(said)
      expect(new Set([...ends.keys(), 'fine', 'bus.timeout', 'bus.no_responders']).size).toBe(3)
      expect(ends.get('fine')).toBeGreaterThan(0)
    },
  )
})

describe.skipIf(!hasNatsServer)('NATS bus, its only server gone', () => {
  async function gone(options: NatsOptions = {}) {
    const server = keep(await startNatsServer({ monitoring: true }))
    const bus = await connect({ servers: server.url, ...options })
    const statuses = watch(bus)
    return { server, bus, statuses }
  }

  it('buffers publishes up to its bounds, refuses beyond, and sends them in order before newer ones', async () => {
    const { server, bus, statuses } = await gone({ bufferMax: 10, bufferMaxBytes: 1000 })
    const subscription = bus.subscribe('kept.>')
    await bus.flush()
    await server.kill()
    await statuses.until('disconnected')
    expect(bus.server).toBe(undefined)
    for (let at = 0; at < 10; at++) bus.publish(`kept.${at}`, bytes(`${at}`), { headers: { at: `${at}` } })
    expect(bus.buffered).toBe(10)
    expect(thrown(() => bus.publish('kept.10', none))).toBe('bus.buffer_full')
    expect(await outcome(bus.request('kept.11', none))).toBe('bus.buffer_full')
    await server.restart()
    expect(await statuses.until('reconnected')).toEqual({ type: 'reconnected', server: server.url, unconfirmed: 0 })
    bus.publish('kept.new', bytes('new'))
    await bus.flush()
    const texts: string[] = []
    for await (const message of subscription) {
      texts.push(textOf(message) + (message.headers?.['at']?.[0] ?? ''))
      if (texts.length === 11) break
    }
    expect(texts).toEqual(['00', '11', '22', '33', '44', '55', '66', '77', '88', '99', 'new'])
    await server.kill()
    await statuses.until('disconnected')
    const most = 1000 - costOf('kept.x', undefined, 0)
    expect(thrown(() => bus.publish('kept.x', new Uint8Array(most + 1)))).toBe('bus.buffer_full')
    bus.publish('kept.x', new Uint8Array(most))
    expect(thrown(() => bus.publish('kept.x', none))).toBe('bus.buffer_full')
  })

  it('tells each step once: disconnected, each try, reconnected', async () => {
    const { server, bus, statuses } = await gone()
    await server.kill()
    await eventually(() => statuses.seen.filter(({ type }) => type === 'reconnecting').length >= 3)
    await server.restart()
    await statuses.until('reconnected')
    const [lost, ...rest] = statuses.seen
    expect(lost?.type).toBe('disconnected')
    const tries = rest.slice(0, -1)
    expect(tries).toEqual(tries.map((_each, at) => ({ type: 'reconnecting', attempt: at + 1 })))
    expect(rest.at(-1)).toEqual({ type: 'reconnected', server: bus.server, unconfirmed: 0 })
  })

  it('keeps what is left of max over a reconnect, on the server too', async () => {
    const { server, bus, statuses } = await gone()
    const limited = bus.subscribe('limited', { max: 3 })
    const later = bus.subscribe('limited')
    bus.publish('limited', bytes('1'))
    await bus.flush()
    later.unsubscribe(3)
    await server.kill()
    await statuses.until('disconnected')
    await server.restart()
    await statuses.until('reconnected')
    await bus.flush()
    const { connections } = (await server.monitor('/connz?subs=detail')) as Connz
    expect(connections.flatMap((each) => each.subscriptions_list_detail.map(({ max }) => max))).toEqual([2, 2])
    for (const each of ['2', '3', '4', '5']) bus.publish('limited', bytes(each))
    await bus.flush()
    for (const subscription of [limited, later]) {
      expect(subscription.closed).toBe(true)
      const texts: string[] = []
      for await (const message of subscription) texts.push(textOf(message))
      expect(texts).toEqual(['1', '2', '3'])
    }
  })

  it('lets a flush wait for the reconnect, and refuses it when what it waits for may be lost', async () => {
    const { server, bus, statuses } = await gone()
    await server.kill()
    await statuses.until('disconnected')
    bus.publish('a', none)
    const flushed = bus.flush({ timeoutMs: 20_000 })
    expect(await outcome(bus.flush({ timeoutMs: 20 }))).toBe('base.timeout')
    const cancelled = new AbortController()
    const aborted = outcome(bus.flush({ signal: cancelled.signal }))
    cancelled.abort()
    expect(await aborted).toBe('base.aborted')
    await server.restart()
    await flushed
    await server.pause()
    await eventually(async () => (await outcome(bus.flush({ timeoutMs: 20 }))) === 'base.timeout')
    bus.publish('a', none)
    const refused = outcome(bus.flush({ timeoutMs: 20_000 }))
    await server.kill()
    expect(await refused).toBe('bus.disconnected')
    expect(await outcome(bus.flush({ timeoutMs: 20 }))).toBe('base.timeout')
    await server.restart()
    await statuses.until('reconnected')
    expect((await statuses.until('reconnected')).unconfirmed).toBe(1)
  })

  it('does not send a request whose time was over before the server came back', async () => {
    const { server, bus, statuses } = await gone()
    const asked = bus.subscribe('ask.>')
    await bus.flush()
    await server.kill()
    await statuses.until('disconnected')
    const late = outcome(bus.request('ask.late', none, { timeoutMs: 1 }))
    const early = bus.request('ask.early', none, { timeoutMs: 20_000 })
    expect(await late).toBe('bus.timeout')
    await server.restart()
    const iterator = asked[Symbol.asyncIterator]()
    const first = (await iterator.next()).value as Message
    expect(first.subject).toBe('ask.early')
    first.respond(bytes('yes'))
    expect(textOf(await early)).toBe('yes')
    expect(asked.pending).toBe(0)
  })

  it('notices a server that falls silent, even when nothing more can be written to it', async () => {
    const { server, bus, statuses } = await gone({ pingIntervalMs: 500, pingsOutMax: 1 })
    await server.pause()
    const block = new Uint8Array(512 * 1024)
    for (let at = 0; at < 60; at++) bus.publish('much', block)
    expect((await statuses.until('disconnected')).reason).toContain('answers no more')
    server.resume()
    expect((await statuses.until('reconnected')).unconfirmed).toBe(60)
  })

  it('refuses more than its bound of unconfirmed publishes, and never when flush is awaited', async () => {
    const { server, bus } = await gone({ unconfirmedMax: 20_000, unconfirmedMaxBytes: 700_000 })
    for (let at = 0; at < 100_000; at++) {
      bus.publish('a', none)
      if (at % 19_999 === 0) await bus.flush()
    }
    for (let at = 0; at < 200; at++) {
      bus.publish('a', new Uint8Array(70_000))
      if (at % 9 === 0) await bus.flush()
    }
    await bus.flush()
    await server.pause()
    for (let at = 0; at < 20_000; at++) bus.publish('a', none)
    expect(bus.unconfirmed).toBe(20_000)
    expect(thrown(() => bus.publish('a', none))).toBe('bus.buffer_full')
    server.resume()
    await bus.flush()
    expect(bus.unconfirmed).toBe(0)
    bus.publish('a', none)
  })

  it('confirms in the background what nobody flushes', async () => {
    const { bus } = await gone()
    bus.publish('a', none)
    expect(bus.unconfirmed).toBe(1)
    await eventually(() => bus.unconfirmed === 0)
  })

  it('closes with an error when it may try no more', async () => {
    const { server, bus, statuses } = await gone({ reconnect: { waitMs: 1, waitMaxMs: 2, attemptsMax: 3 } })
    const subscription = bus.subscribe('a')
    const waiting = outcome(bus.request('a', none))
    await bus.flush()
    await server.kill()
    const { error } = await statuses.until('closed')
    expect(error?.code).toBe('bus.connect_failed')
    expect(statuses.seen.filter(({ type }) => type === 'reconnecting')).toHaveLength(3)
    expect(await waiting).toBe('bus.closed')
    expect(thrown(() => bus.publish('a', none))).toBe('bus.closed')
    expect(subscription.closed).toBe(true)
    expect(await outcome(subscription.each(() => {}))).toBe('bus.closed')
  })

  it('closes at once when it shall not reconnect', async () => {
    const { server, bus, statuses } = await gone({ reconnect: false })
    await bus.flush()
    await server.kill()
    expect((await statuses.until('closed')).error?.code).toBe('bus.connect_failed')
  })

  it('ends all that waits when it is closed while disconnected', async () => {
    const { server, bus, statuses } = await gone({ reconnect: { waitMs: 60_000, waitMaxMs: 60_000 } })
    await server.kill()
    await statuses.until('disconnected')
    const waiting = [bus.flush(), bus.request('a', none)].map(outcome)
    await bus.close()
    expect(await Promise.all(waiting)).toEqual(['bus.closed', 'bus.closed'])
    expect(statuses.seen.at(-1)).toEqual({ type: 'closed' })
  })

  it('tries the first connect again when asked to, and its signal ends that', async () => {
    const server = keep(await startNatsServer())
    await server.kill()
    expect(await outcome(connectNats({ servers: server.url }))).toBe('bus.connect_failed')
    const connecting = connectNats({ servers: server.url, connectRetry: true, reconnect: { waitMs: 1, waitMaxMs: 5 } })
    await server.restart()
    await (await connecting).close()
    await server.kill()
    const given = new AbortController()
    const ended = outcome(connectNats({ servers: server.url, connectRetry: true, signal: given.signal }))
    given.abort()
    expect(await ended).toBe('base.aborted')
  })
})
