/**
 * The NATS driver against a peer that does what no good server does: it is silent, writes lines that cannot be read, hangs up
 * at the wrong moment. Unlike the outage tests no real server takes part; what each of them must come to is the driver's.
 */
import * as library from '@nats-io/transport-node'
import { afterEach, describe, expect, it } from 'vitest'
import type { ColloquyError } from '../../src/base/error.ts'
import type { Message } from '../../src/bus/bus.ts'
import { type NatsBus, type NatsOptions, connectNats } from '../../src/bus/nats.ts'
import { bytes, eventually, none, outcome, thrown, watch } from './bus-nats-kit.ts'
import { type FakePeer, actAsServer } from './fake-nats.ts'

const opened: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

async function connect(options: NatsOptions): Promise<NatsBus> {
  const bus = await connectNats({ reconnect: { waitMs: 1, waitMaxMs: 5 }, ...options })
  opened.push(bus)
  return bus
}

describe('NATS bus, a message from a strange publisher', () => {
  it.each(['x..y', '*', '>', 'é\u2028'])('has no reply when that is %j, and its handler goes on', async (reply) => {
    await using server = await actAsServer()
    const bus = await connect({ servers: server.url })
    const peer = await server.next()
    const told: [string | undefined, boolean][] = []
    const served = bus.subscribe('svc', { max: 2 }).each((message: Message) => {
      told.push([message.reply, message.respond(none)])
    })
    await bus.flush()
    peer.socket.write(`MSG svc 1 ${reply} 2\r\nhi\r\nMSG svc 1 fine 2\r\nhi\r\n`)
    await served
    await bus.flush()
    expect(told).toEqual([
      [undefined, false],
      ['fine', true],
    ])
    expect(peer.published).toEqual([0])
  })
})

describe('NATS bus, a line that cannot be read', () => {
  it('is a lost connection, and the next one delivers', async () => {
    await using server = await actAsServer()
    const bus = await connect({ servers: server.url })
    const first = await server.next()
    const statuses = watch(bus)
    const got: string[] = []
    void bus.subscribe('foo').each(({ data }) => void got.push(Buffer.from(data).toString()))
    await bus.flush()
    first.socket.write('MSG foo 1 3\r\none\r\nMSG foo 1 a\rb 5\r\nhello\r\nMSG foo 1 4\r\nlost\r\n')
    expect((await statuses.until('disconnected')).reason).toMatch(/cannot be read/)
    await statuses.until('reconnected')
    const second = await server.next()
    await bus.flush()
    second.socket.write('MSG foo 1 3\r\ntwo\r\n')
    await eventually(() => got.length === 2)
    expect(got).toEqual(['one', 'two'])
    await eventually(() => server.open === 1)
  })
})

describe('NATS bus, dials that run out of time', () => {
  it.each<[string, string, NatsOptions, 'silent' | object]>([
    ['a silent server', 'nats', {}, 'silent'],
    ['a server that never lets in', 'nats', {}, {}],
    ['a server silent in TLS', 'nats', { tls: {} }, { tls_required: true }],
    ['a server silent in TLS that comes first', 'nats', { tls: { handshakeFirst: true } }, 'silent'],
    ['a silent WebSocket', 'ws', {}, 'silent'],
  ])('leave no socket open at %s', async (_what, scheme, options, greeting) => {
    await using server = await actAsServer({ pongs: false })
    server.greet(greeting as 'silent')
    const reconnect = { waitMs: 1, waitMaxMs: 5, attemptsMax: 4 }
    const servers = `${scheme}://127.0.0.1:${server.port}`
    const dials = connect({ ...options, servers, connectTimeoutMs: 60, connectRetry: true, reconnect })
    for (let dial = 0; dial < 4; dial++) await server.next()
    expect(await outcome(dials)).toMatch(/^bus\./)
    await eventually(() => server.open === 0)
  })

  it('hold one socket at most while it reconnects', async () => {
    await using server = await actAsServer()
    const bus = await connect({ servers: server.url, connectTimeoutMs: 40 })
    const first = await server.next()
    server.greet('silent')
    first.socket.destroy()
    for (let dial = 0; dial < 5; dial++) await server.next()
    await eventually(() => server.open <= 1)
    await bus.close()
    await eventually(() => server.open === 0)
    expect(server.open).toBe(0)
  })
})

describe('NATS bus, given up', () => {
  it('tells what may be lost when it must not reconnect', async () => {
    await using server = await actAsServer({ answers: 1 })
    const bus = await connect({ servers: server.url, reconnect: false })
    const peer = await server.next()
    const statuses = watch(bus)
    for (let at = 0; at < 3; at++) bus.publish('a', bytes('x'))
    await eventually(() => peer.published.length === 3)
    peer.socket.destroy()
    const { error, unconfirmed } = await statuses.until('closed')
    expect([(error as ColloquyError).code, unconfirmed]).toEqual(['bus.connect_failed', 3])
  })

  it('tells what may be lost with what waited, but not requests, which hear of it', async () => {
    await using server = await actAsServer({ answers: 1 })
    const bus = await connect({ servers: server.url, reconnect: { waitMs: 1, waitMaxMs: 1, attemptsMax: 1 } })
    const peer = await server.next()
    const statuses = watch(bus)
    for (let at = 0; at < 3; at++) bus.publish('a', bytes('x'))
    server.greet('silent')
    peer.socket.destroy()
    const dial = await server.next()
    bus.publish('a', none)
    bus.publish('a', none)
    const asked = outcome(bus.request('b', none))
    expect(bus.buffered).toBe(3)
    dial.socket.destroy()
    expect((await statuses.until('closed')).unconfirmed).toBe(5)
    expect(await asked).toBe('bus.closed')
  })
})

describe('NATS bus, a denied subscription whose name has a quotation mark', () => {
  it('ends, and those of other names and queues go on', async () => {
    await using server = await actAsServer()
    const bus = await connect({ servers: server.url })
    const peer = await server.next()
    const denied = outcome(bus.subscribe('a"b', { queue: 'q' }).each(() => {}))
    const others = [bus.subscribe('a"b'), bus.subscribe('a"c', { queue: 'q' })]
    await bus.flush()
    peer.socket.write(`-ERR 'Permissions Violation for Subscription to "a\\"b" using queue "q"'\r\n`)
    expect(await denied).toBe('bus.permission_denied')
    expect(others.map(({ closed }) => closed)).toEqual([false, false])
  })
})

describe('NATS bus, a server that hangs up', () => {
  it('right after the login is left for the next', async () => {
    await using server = await actAsServer()
    const peers: FakePeer[] = []
    const given = {
      ...library,
      async connect(options: object) {
        const connection = await library.connect(options)
        const peer = await server.next()
        if (peers.push(peer) === 2) {
          peer.socket.destroy()
          await connection.closed()
        }
        return connection
      },
    }
    const bus = await connect({ servers: server.url, library: given })
    bus.subscribe('a')
    await bus.flush()
    peers[0]?.socket.destroy()
    await watch(bus).until('disconnected')
    await bus.flush()
    expect(peers).toHaveLength(3)
  })
})

describe('NATS bus, publishes with long subjects', () => {
  it('count them against the bounds of bytes', async () => {
    await using server = await actAsServer({ answers: 1 })
    const bus = await connect({ servers: server.url, unconfirmedMaxBytes: 10_000, bufferMaxBytes: 5000 })
    const peer = await server.next()
    const reply = 'x'.repeat(1000)
    const untilFull = () => {
      for (let sent = 0; ; sent++)
        if (sent > 100 || thrown(() => bus.publish(reply, none, { reply })) !== 'fine') return sent
    }
    expect(untilFull()).toBe(4)
    const statuses = watch(bus)
    server.greet('silent')
    peer.socket.destroy()
    await statuses.until('disconnected')
    expect(untilFull()).toBe(2)
  })
})
