/**
 * What a NATS server can ask of its clients and tell them: payload bounds, lame duck mode, slow consumers, other members
 * of the cluster, WebSockets; messages of clients that are not ours; and that a closed bus leaves nothing running.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type NatsConnection, connect as connectLibrary, headers } from '@nats-io/transport-node'
import { afterEach, describe, expect, it } from 'vitest'
import { startNatsCluster, startNatsServer } from '../../scripts/servers.ts'
import type { NatsServer, NatsServerOptions } from '../../scripts/servers.ts'
import { type NatsBus, type NatsOptions, connectNats } from '../../src/bus/nats.ts'
import { hasNatsServer } from '../bus/nats-servers.ts'
import { bytes, eventually, none, outcome, thrown, watch } from './bus-nats-kit.ts'

const opened: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

async function serve(options: NatsServerOptions = {}): Promise<NatsServer> {
  const server = await startNatsServer(options)
  opened.push(server)
  return server
}

async function connect(options: NatsOptions): Promise<NatsBus> {
  const bus = await connectNats({ reconnect: { waitMs: 5, waitMaxMs: 50 }, ...options })
  opened.push(bus)
  return bus
}

async function library(server: NatsServer): Promise<NatsConnection> {
  const connection = await connectLibrary({ servers: server.url })
  opened.push({ [Symbol.asyncDispose]: () => connection.close() })
  return connection
}

/** The bound that the server's INFO tells, headers included. */
async function payloadOutcomes(bus: NatsBus, max: number): Promise<string[]> {
  expect(bus.payloadMaxBytes).toBe(max)
  const header = { headers: { a: 'b' } }
  const codes = [
    thrown(() => bus.publish('big', new Uint8Array(max))),
    thrown(() => bus.publish('big', new Uint8Array(max + 1))),
    thrown(() => bus.publish('big', new Uint8Array(max - 18), header)),
    thrown(() => bus.publish('big', new Uint8Array(max - 17), header)),
  ]
  await bus.flush()
  return codes
}

describe.skipIf(!hasNatsServer)('NATS bus and its server', () => {
  it('takes the payload bound from the server and refuses more before sending', async () => {
    const server = await serve({ payloadMaxBytes: 2000 })
    const bus = await connect({ servers: server.url })
    const statuses = watch(bus)
    const codes = ['fine', 'bus.payload_too_large', 'fine', 'bus.payload_too_large']
    expect(await payloadOutcomes(bus, 2000)).toEqual(codes)
    expect(statuses.seen).toEqual([])
  })

  it('tells of lame duck mode, and moves to another member when the server ends', async () => {
    const cluster = await startNatsCluster(2)
    opened.push(cluster)
    const [first, second] = cluster.servers as [NatsServer, NatsServer]
    const bus = await connect({ servers: first.url })
    await eventually(() => bus.servers.includes(second.url))
    const statuses = watch(bus)
    await first.lameDuck()
    await statuses.until('lame-duck')
    bus.publish('a', none)
    await bus.flush()
    await first.kill()
    expect(await statuses.until('reconnected')).toEqual({ type: 'reconnected', server: second.url, unconfirmed: 0 })
    await bus.flush()
  })

  it('stays with the servers given when it shall not discover', async () => {
    const cluster = await startNatsCluster(2)
    opened.push(cluster)
    const [first] = cluster.urls as [string]
    const bus = await connect({ servers: first, discover: false })
    await bus.flush()
    expect(bus.servers).toEqual([first])
  })

  it('comes back after the server threw it out as a slow consumer', async () => {
    const server = await serve({ pendingMaxBytes: 1_000_000, writeDeadlineMs: 200, payloadMaxBytes: 500_000 })
    const bus = await connect({ servers: server.url })
    const statuses = watch(bus)
    const subscription = bus.subscribe('flood')
    await bus.flush()
    const flooding = promisify(execFile)(process.execPath, ['--input-type=module', '-e', floodOf(server.url)], {
      cwd: fileURLToPath(new URL('../../', import.meta.url)),
    })
    // The reader does not come to read: this thread does nothing else until the server has lost its patience.
    while (!/Slow Consumer/.test(server.log())) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
    const { reason } = await statuses.until('disconnected')
    expect(reason.length).toBeGreaterThan(0)
    await statuses.until('reconnected')
    await flooding
    // The rest of the flood may have it thrown out once more.
    await eventually(() => {
      bus.publish('flood', bytes('after'))
      return bus.flush().then(
        () => true,
        () => false,
      )
    })
    expect(subscription.closed).toBe(false)
  })

  it('goes over WebSockets, also beside TCP in one process', async () => {
    const server = await serve({ websocket: true })
    const urls = [server.websocketUrl as string, server.url, server.websocketUrl as string, server.url]
    const buses = await Promise.all(urls.map((servers) => connect({ servers })))
    const subscriptions = buses.map((bus) => bus.subscribe('over'))
    await Promise.all(buses.map((bus) => bus.flush()))
    for (const bus of buses) bus.publish('over', none)
    await eventually(() => subscriptions.every(({ pending }) => pending === 4))
    expect(buses.map(({ server: label }) => label)).toEqual(urls)
  })

  it('gives messages of other clients as they are, odd headers included, and drops their words without data', async () => {
    const server = await serve()
    const [bus, other] = [await connect({ servers: server.url }), await library(server)]
    const got = bus.subscribe('plain')
    await bus.flush()
    other.publish('plain', 'text', { reply: 'to.me' })
    const odd = headers()
    odd.append('constructor', 'x')
    odd.append('a', '')
    Reflect.set(odd, 'toString', () => 'NATS/1.0\r\nconstructor: x\r\na:\r\nb: one\ntwo\r\n: none\r\nno colon\r\n\r\n')
    other.publish('plain', 'odd', { headers: odd })
    other.publish('plain', undefined, { headers: headers(503, 'No Responders') })
    await other.flush()
    await bus.flush()
    expect(got.pending).toBe(2)
    const iterator = got[Symbol.asyncIterator]()
    const [plain, strange] = [(await iterator.next()).value, (await iterator.next()).value]
    expect([plain?.subject, plain?.reply, plain?.headers]).toEqual(['plain', 'to.me', undefined])
    expect({ ...strange?.headers }).toEqual({ constructor: ['x'], a: [''], b: ['one\ntwo'] })
    expect(strange?.headers?.['toString']).toBe(undefined)
  })

  it('keeps what waits out of the memory that the socket read, when it waits long', async () => {
    const server = await serve()
    const [bus, other] = [await connect({ servers: server.url }), await library(server)]
    const slow = bus.subscribe('small')
    void bus.subscribe('large').each(() => {})
    await bus.flush()
    const block = new Uint8Array(60_000)
    for (let at = 0; at < 3000; at++) {
      other.publish('small', bytes(`${at}`), at === 2999 ? { reply: 'r', headers: headers() } : {})
      other.publish('large', block)
      if (at % 20 === 0) await other.flush()
    }
    await other.flush()
    await bus.flush()
    expect(slow.pending).toBe(3000)
    const alive = new Set<ArrayBufferLike>()
    const texts: string[] = []
    let bytesAlive = 0
    let reply: string | undefined
    for await (const message of slow) {
      texts.push(Buffer.from(message.data).toString())
      if (!alive.has(message.data.buffer)) bytesAlive += message.data.buffer.byteLength
      alive.add(message.data.buffer)
      reply = message.reply
      if (texts.length === 3000) break
    }
    expect(texts).toEqual(Array.from({ length: 3000 }, (_none, at) => `${at}`))
    expect(reply).toBe('r')
    expect(bytesAlive).toBeLessThan(1026 * 65_536)
  })

  it('drains a subscription after what was on its way has come', async () => {
    const server = await serve()
    const bus = await connect({ servers: server.url })
    const subscription = bus.subscribe('drained')
    await bus.flush()
    for (let at = 0; at < 500; at++) bus.publish('drained', none)
    const done = subscription.each(() => {})
    await subscription.drain()
    await done
    expect(subscription.received).toBe(500)
    expect(await outcome(bus.request('drained', none))).toBe('bus.no_responders')
  })

  it('leaves nothing running: a process that closes or drains its bus ends by itself', async () => {
    const server = await serve()
    for (const end of ['close', 'drain']) {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--input-type=module', '-e', programOf(server.url, end)],
        {
          cwd: fileURLToPath(new URL('../../', import.meta.url)),
          timeout: 20_000,
        },
      )
      expect(stdout).toBe('ended\n')
    }
  })
})

const programOf = (url: string, end: string) => `
  const { connectNats } = await import('./src/bus/nats.ts')
  const bus = await connectNats({ servers: ${JSON.stringify(url)} })
  bus.subscribe('a').each((message) => message.respond(message.data)).catch(() => {})
  await bus.request('a', new Uint8Array(1))
  bus.requestMany('a', new Uint8Array(1), { timeoutMs: 60_000 })
  bus.publish('a', new Uint8Array(1))
  await bus.${end}()
  console.log('ended')`

const floodOf = (url: string) => `
  const { connect } = await import('@nats-io/transport-node')
  const connection = await connect({ servers: ${JSON.stringify(url)} })
  const block = new Uint8Array(400_000)
  for (let at = 0; at < 100; at++) { connection.publish('flood', block); await connection.flush() }
  await connection.close()`
