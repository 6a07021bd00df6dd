/**
 * The embedded server over real sockets, spoken to in bytes: the protocol, its bounds, what hostile clients do, and the
 * meeting of clients with the memory connections of the same hub. How official clients find it is test/e2e/serve-*.
 */
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Message } from '../../src/bus/bus.ts'
import { memoryHub } from '../../src/bus/memory.ts'
import type { MemoryBusOptions } from '../../src/bus/memory.ts'
import { serveBus, served } from '../../src/bus/serve.ts'
import type { ServeOptions } from '../../src/bus/serve.ts'
import { exchange, rawClient } from './raw-client.ts'

async function serving(options: ServeOptions = {}, hubOptions: MemoryBusOptions = {}) {
  const hub = memoryHub(hubOptions)
  const server = await serveBus(hub, { port: 0, ...options })
  const bus = hub.connect()
  return {
    server,
    bus,
    port: server.port,
    async [Symbol.asyncDispose]() {
      await bus.close()
      await server.close()
    },
  }
}

const quiet = 'CONNECT {"verbose":false,"headers":true,"no_responders":true,"protocol":1}\r\n'
const textOf = (message: Message | undefined) => Buffer.from(message?.data ?? []).toString()

describe('embedded server, the protocol', () => {
  it('says plainly in INFO what it is and is not', async () => {
    await using world = await serving()
    await using client = await rawClient(world.port)
    expect(client.info).toMatchObject({
      server_name: 'colloquy',
      proto: 1,
      headers: true,
      max_payload: 1024 * 1024,
      jetstream: false,
      colloquy: { cluster: false },
      port: world.port,
    })
    for (const absent of ['cluster', 'connect_urls', 'auth_required', 'tls_required', 'nonce', 'ldm'])
      expect(client.info).not.toHaveProperty(absent)
  })

  // The same scripts run against a real nats-server in test/e2e/serve-differential.test.ts.
  it('delivers to its clients and to memory connections, both ways', async () => {
    await using world = await serving()
    await using client = await rawClient(world.port)
    const inside = world.bus.subscribe('from.client')[Symbol.asyncIterator]()
    client.send(`${quiet}SUB from.bus 7\r\nHPUB from.client back.1 19 21\r\nNATS/1.0\r\nA: bc\r\n\r\nhi\r\nPING\r\n`)
    const { value: message } = await inside.next()
    expect(textOf(message)).toBe('hi')
    expect(message?.headers).toEqual({ A: ['bc'] })
    expect(message?.reply).toBe('back.1')
    await client.until(/PONG/)
    world.bus.publish('from.bus', Buffer.from('there'), { reply: 'back.2', headers: { B: ['1', 'zwei ü'] } })
    const block = Buffer.from('NATS/1.0\r\nB: 1\r\nB: zwei ü\r\n\r\n')
    const wanted = `HMSG from.bus 7 back.2 ${block.length} ${block.length + 5}\r\n${block.toString('latin1')}there\r\n`
    await client.until((text) => text.endsWith(wanted))
  })

  it('keeps what a memory connection got when the socket reads on', async () => {
    await using world = await serving()
    await using client = await rawClient(world.port)
    const inside = world.bus.subscribe('a')
    const count = 2000
    client.send(quiet + Array.from({ length: count }, (_none, at) => `PUB a ${`${at}`.length}\r\n${at}\r\n`).join(''))
    const got: string[] = []
    for await (const message of inside) if (got.push(textOf(message)) === count) break
    expect(got).toEqual(Array.from({ length: count }, (_none, at) => `${at}`))
  })

  it('answers a memory request from a client, and tells when no client listens', async () => {
    await using world = await serving()
    await using client = await rawClient(world.port)
    await expect(world.bus.request('svc', Buffer.from('x'))).rejects.toMatchObject({ code: 'bus.no_responders' })
    client.send(`${quiet}SUB svc 1\r\nPING\r\n`)
    await client.until(/PONG/)
    const answer = world.bus.request('svc', Buffer.from('question'))
    const reply = /MSG svc 1 (\S+) 8/.exec(await client.until(/question\r\n$/))?.[1] ?? ''
    client.send(`PUB ${reply} 6\r\nanswer\r\n`)
    expect(textOf(await answer)).toBe('answer')
  })

  it('shares a queue group between clients and memory connections', async () => {
    await using world = await serving({}, { random: seededRandom(5) })
    await using client = await rawClient(world.port)
    const member = world.bus.subscribe('work', { queue: 'q' })
    client.send(`${quiet}SUB work q 1\r\nPING\r\n`)
    await client.until(/PONG/)
    for (let at = 0; at < 100; at++) world.bus.publish('work', Buffer.from('x'))
    client.send('PING\r\n')
    const text = await client.until(/PONG[^]*PONG/)
    const outside = text.match(/^MSG/gm)?.length ?? 0
    expect(outside + member.pending).toBe(100)
    expect(outside).toBeGreaterThan(20)
    expect(member.pending).toBeGreaterThan(20)
  })

  it('gives a queue group message to another member when one wants no echo', async () => {
    await using world = await serving()
    await using client = await rawClient(world.port)
    const member = world.bus.subscribe('work', { queue: 'q' })
    const publishes = 'PUB work 1\r\nx\r\n'.repeat(50)
    client.send(`CONNECT {"verbose":false,"echo":false}\r\nSUB work q 1\r\n${publishes}PING\r\n`)
    expect(await client.until(/PONG/)).toBe('PONG\r\n')
    expect(member.pending).toBe(50)
  })

  it('sends no headers to a client that does not know them', async () => {
    await using world = await serving()
    await using client = await rawClient(world.port)
    client.send('CONNECT {"verbose":false}\r\nSUB a 1\r\nPING\r\n')
    await client.until(/PONG/)
    world.bus.publish('a', Buffer.from('hi'), { headers: { A: 'b' }, reply: 'r' })
    expect(await client.until(/hi\r\n$/)).toBe('PONG\r\nMSG a 1 r 2\r\nhi\r\n')
  })

  it('hands a reply that is no subject to clients as it came, and to memory connections not at all', async () => {
    await using world = await serving()
    const inside = world.bus.subscribe('a')[Symbol.asyncIterator]()
    expect(await exchange(world.port, `${quiet}SUB a 1\r\nPUB a x..y 1\r\nx\r\nPING\r\n`)).toContain('MSG a 1 x..y 1')
    const { value } = await inside.next()
    expect(value?.reply).toBe(undefined)
    expect(value?.respond(Buffer.from('no'))).toBe(false)
  })

  it('carries payloads of every size up to the bound, in pieces too', async () => {
    await using world = await serving()
    await using reader = await rawClient(world.port)
    await using writer = await rawClient(world.port)
    reader.send(`${quiet}SUB a 1\r\nPING\r\n`)
    await reader.until(/PONG/)
    for (const size of [0, 1, 100, 4095, 4096, 32_000, 32_768, 65_536, 70_000, 1024 * 1024]) {
      const before = reader.text.length
      const data = Buffer.alloc(size, 0x61 + (size % 26)).toString('latin1')
      writer.send(`${before === 6 ? quiet : ''}PUB a ${size}\r\n${data}\r\n`)
      const wanted = `MSG a 1 ${size}\r\n${data}\r\n`
      await reader.until((text) => text.length >= before + wanted.length)
      expect({ size, same: reader.text.slice(before) === wanted }).toEqual({ size, same: true })
    }
  })
})

describe('embedded server, bounds', () => {
  it('ends the connection of who breaks the protocol, and no other', async () => {
    await using world = await serving()
    await using good = await rawClient(world.port)
    good.send(`${quiet}SUB a 1\r\nPING\r\n`)
    await good.until(/PONG/)
    expect(await exchange(world.port, 'GET / HTTP/1.1\r\n\r\n')).toBe("-ERR 'Unknown Protocol Operation'\r\n(closed)")
    expect(await exchange(world.port, `${quiet}PUB a 1048577\r\n`)).toBe("-ERR 'Maximum Payload Violation'\r\n(closed)")
    world.bus.publish('a', Buffer.from('still'))
    await good.until(/still/)
  })

  it('ends subscriptions with their connection', async () => {
    await using world = await serving()
    {
      await using client = await rawClient(world.port)
      client.send(`${quiet}SUB a 1\r\nPING\r\n`)
      await client.until(/PONG/)
    }
    await expect.poll(() => world.server.connections).toBe(0)
    await expect(world.bus.request('a', Buffer.from('x'))).rejects.toMatchObject({ code: 'bus.no_responders' })
  })

  it('refuses connections and subscriptions above their bounds', async () => {
    await using world = await serving({ connectionsMax: 1, subscriptionsMax: 2 })
    await using client = await rawClient(world.port)
    client.send(`${quiet}SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nUNSUB 1\r\nSUB c 3\r\nPING\r\n`)
    expect(await client.until(/PONG/)).toBe("-ERR 'maximum subscriptions exceeded'\r\nPONG\r\n")
    const refused = await new Promise<string>((resolve) => {
      let text = ''
      const socket = connect(world.port, '127.0.0.1')
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
      socket.on('error', () => {})
      socket.on('close', () => resolve(text))
    })
    expect(refused).toContain("-ERR 'maximum connections exceeded'")
  })

  it('disconnects a slow reader at the bound and serves the others', async () => {
    await using world = await serving({ pendingMaxBytes: 1024 * 1024 })
    await using slow = await rawClient(world.port)
    await using quick = await rawClient(world.port)
    slow.send(`${quiet}SUB a 1\r\nPING\r\n`)
    quick.send(`${quiet}SUB a 1\r\nPING\r\n`)
    await slow.until(/PONG/)
    await quick.until(/PONG/)
    slow.socket.pause()
    const data = Buffer.alloc(64 * 1024, 'x')
    let sent = 0
    while (world.server.stats().slowConsumers === 0 && sent < 2000) {
      world.bus.publish('a', data)
      sent++
      await quick.until((text) => text.length >= 6 + sent * (data.length + 16))
    }
    expect(world.server.stats().slowConsumers).toBe(1)
    expect(world.server.connections).toBe(1)
    slow.socket.resume()
    await slow.ended
  })

  it('bounds what waits for a slow reader also within one turn', async () => {
    await using world = await serving({ pendingMaxBytes: 1024 * 1024 })
    await using slow = await rawClient(world.port)
    slow.send(`${quiet}SUB a 1\r\nPING\r\n`)
    await slow.until(/PONG/)
    slow.socket.pause()
    const data = Buffer.alloc(1000, 'x')
    const before = process.memoryUsage().arrayBuffers
    for (let at = 0; at < 100_000; at++) world.bus.publish('a', data)
    expect(world.server.stats().slowConsumers).toBe(1)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * 1024)
    await expect(world.bus.request('a', data)).rejects.toMatchObject({ code: 'bus.no_responders' })
  })

  it('disconnects who takes nothing for the write deadline, and not who takes little', async () => {
    const clock = manualClock()
    await using world = await serving({ writeDeadlineMs: 1000 }, { clock })
    await using slow = await rawClient(world.port)
    slow.send(`${quiet}SUB a 1\r\nPING\r\n`)
    await slow.until(/PONG/)
    slow.socket.pause()
    const data = Buffer.alloc(1024 * 1024, 'x')
    for (let at = 0; at < 20; at++) world.bus.publish('a', data)
    await new Promise((resolve) => setImmediate(resolve))
    // What the kernel had no room for stays until somebody reads.
    await clock.advance(999)
    expect(world.server.connections).toBe(1)
    slow.socket.resume()
    await slow.until((text) => text.length > 12 * 1024 * 1024)
    slow.socket.pause()
    await clock.advance(2)
    expect(world.server.connections).toBe(1)
    // From now on it takes nothing: two deadlines later it is gone.
    for (let at = 0; at < 20; at++) world.bus.publish('a', data)
    await new Promise((resolve) => setImmediate(resolve))
    await clock.advance(1000)
    await clock.advance(1000)
    await clock.advance(1000)
    expect(world.server.connections).toBe(0)
    expect(world.server.stats().slowConsumers).toBe(1)
  })

  it('serves others while what one client sent is delivered many times', async () => {
    await using world = await serving()
    await using wide = await rawClient(world.port)
    await using other = await rawClient(world.port)
    const [subscriptions, publishes] = [2000, 300]
    wide.send(`${quiet}${Array.from({ length: subscriptions }, (_none, at) => `SUB a ${at}\r\n`).join('')}PING\r\n`)
    await wide.until(/PONG/)
    wide.send('PUB a 0\r\n\r\n'.repeat(publishes))
    await wide.until(/MSG/)
    other.send(`${quiet}PING\r\n`)
    await other.until(/PONG/)
    expect(world.server.stats().outMessages).toBeLessThan(subscriptions * publishes)
    wide.send('PING\r\n')
    await wide.until((text) => text.endsWith('PONG\r\n') && text.length > 100)
    expect(world.server.stats().outMessages).toBe(subscriptions * publishes)
    expect(world.server.stats().slowConsumers).toBe(0)
  })

  it('gives up a client that answers no PING', async () => {
    const clock = manualClock()
    await using world = await serving({ pingIntervalMs: 1000, pingsOutMax: 2 }, { clock })
    await using silent = await rawClient(world.port)
    await using alive = await rawClient(world.port)
    alive.send(`${quiet}PING\r\n`)
    await alive.until(/PONG/)
    for (let round = 0; round < 4; round++) {
      const pings = (alive.text.match(/PING/g)?.length ?? 0) + 1
      await clock.advance(1000)
      await alive.until((text) => (text.match(/PING/g)?.length ?? 0) >= pings)
      alive.send('PONG\r\nPING\r\n')
      const pongs = (alive.text.match(/PONG/g)?.length ?? 0) + 1
      await alive.until((text) => (text.match(/PONG/g)?.length ?? 0) >= pongs)
    }
    expect(await silent.ended).toBe("PING\r\nPING\r\n-ERR 'Stale Connection'\r\n")
    expect(world.server.connections).toBe(1)
  })

  it('serves a thousand clients', async () => {
    await using world = await serving()
    const clients = await Promise.all(Array.from({ length: 1000 }, () => rawClient(world.port)))
    for (const [at, client] of clients.entries()) client.send(`${quiet}SUB all ${at}\r\nPING\r\n`)
    await Promise.all(clients.map((client) => client.until(/PONG/)))
    expect(world.server.connections).toBe(1000)
    world.bus.publish('all', Buffer.from('hello'))
    await Promise.all(
      clients.map((client, at) => client.until((text) => text.endsWith(`MSG all ${at} 5\r\nhello\r\n`))),
    )
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
    await expect.poll(() => world.server.connections).toBe(0)
  })
})

describe('embedded server, who is who', () => {
  it('reads nothing but CONNECT from a stranger, not even a payload to its end', async () => {
    await using world = await serving({ token: 'open sesame' })
    const scripts = ['PUB x 100000\r\n', 'PING\r\n', 'SUB a 1\r\n', 'HPUB x 50 100\r\n', '+OK\r\n', 'CONNECT {}\r\n']
    for (const script of scripts)
      expect(await exchange(world.port, script)).toBe("-ERR 'Authorization Violation'\r\n(closed)")
    const right = 'CONNECT {"auth_token":"open sesame","verbose":false}\r\nPING\r\n'
    expect(await exchange(world.port, right)).toBe('PONG\r\n')
  })

  it('forgets with a second CONNECT what the user of the first one might do', async () => {
    const users = [
      { user: 'a', password: 'a' },
      { user: 'b', password: 'b', permissions: { publish: ['b.>'], subscribe: ['b.>'] } },
    ]
    await using world = await serving({ users })
    const inside = world.bus.subscribe('x.>')
    await using client = await rawClient(world.port)
    const say = (user: string) => `CONNECT {"user":"${user}","pass":"${user}","verbose":false}\r\n`
    client.send(`${say('a')}SUB x.> 1\r\nPUB x.secret 1\r\n1\r\nPING\r\n`)
    await client.until(/PONG/)
    client.send(`${say('b')}PUB x.secret 1\r\n2\r\nPING\r\n`)
    const text = await client.until(/PONG[^]*PONG/)
    expect(text).toContain(`-ERR 'Permissions Violation for Publish to "x.secret"'`)
    world.bus.publish('x.spy', Buffer.from('3'))
    client.send('PING\r\n')
    expect(await client.until(/PONG[^]*PONG[^]*PONG/)).not.toContain('x.spy')
    expect(inside.pending).toBe(2)
  })

  it('lets nobody break the lines of others by a reply', async () => {
    await using world = await serving()
    await using reader = await rawClient(world.port)
    reader.send(`${quiet}SUB a 1\r\nPING\r\n`)
    await reader.until(/PONG/)
    for (const reply of ['x\ry', '\r', 'x\u0000y', 'x\u000by'])
      expect(await exchange(world.port, `${quiet}PUB a ${reply} 1\r\nx\r\nPING\r\n`)).toContain('-ERR')
    reader.send('PING\r\n')
    expect(await reader.until(/PONG[^]*PONG/)).toBe('PONG\r\nPONG\r\n')
  })
})

describe('embedded server, its end', () => {
  it('warns its clients, waits for them, and leaves the memory connections alone', async () => {
    const clock = manualClock()
    await using world = await serving({}, { clock })
    await using polite = await rawClient(world.port)
    await using stubborn = await rawClient(world.port)
    for (const client of [polite, stubborn]) {
      client.send(`${quiet}PING\r\n`)
      await client.until(/PONG/)
    }
    const closed = world.server.close({ graceMs: 5000 })
    await polite.until(/INFO \{.*"ldm":true/)
    polite.socket.end()
    await polite.ended
    expect(stubborn.socket.closed).toBe(false)
    await clock.advance(5000)
    await closed
    await stubborn.ended
    world.bus.publish('a', new Uint8Array(0))
    await expect(rawClient(world.port)).rejects.toThrow('ended')
  })

  it('does not wait for the grace when everybody is gone', async () => {
    const clock = manualClock()
    await using world = await serving({}, { clock })
    const client = await rawClient(world.port)
    client.send(`${quiet}PING\r\n`)
    await client.until(/PONG/)
    const closed = world.server.close({ graceMs: 5000 })
    await client[Symbol.asyncDispose]()
    await expect(closed).resolves.toBe(undefined)
  })

  it('ends with the bus that it serves', async () => {
    const bus = await served({ port: 0 })()
    const { port } = bus.server
    const client = await rawClient(port)
    await bus.close()
    await client.ended
    await expect(rawClient(port)).rejects.toThrow('ended')
  })

  it('says when it cannot listen', async () => {
    await using world = await serving()
    await expect(serveBus(memoryHub(), { port: world.port })).rejects.toMatchObject({ code: 'bus.listen_failed' })
    await expect(serveBus(memoryHub(), { port: 70_000 })).rejects.toMatchObject({ code: 'base.invalid_argument' })
    await expect(serveBus({ connect: () => world.bus })).rejects.toMatchObject({ code: 'base.invalid_argument' })
  })
})
