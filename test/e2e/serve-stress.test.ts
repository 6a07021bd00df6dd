/**
 * The embedded server under load, in a process of its own: a thousand clients of the official library, readers that stop
 * in the middle of traffic, publishers faster than their readers, thousands of comings and goings, a publisher killed in
 * the middle of a payload. Unlike `serve-fuzz.test.ts` every client here keeps to the protocol.
 */
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { connect } from '@nats-io/transport-node'
import type { NatsConnection } from '@nats-io/transport-node'
import { describe, expect, it } from 'vitest'
import { rawClient } from '../bus/raw-client.ts'
import type { RawClient } from '../bus/raw-client.ts'
import { requirement } from '../requirement.ts'
import { startServerProcess } from './serve-process.ts'
import type { ServerProcess } from './serve-process.ts'

const quiet = 'CONNECT {"verbose":false,"headers":true,"no_responders":true,"protocol":1}\r\n'
const mebibyte = 1024 * 1024
const clientsMany = 1000

/** Each client is a descriptor on either side; the rest is for the processes themselves. */
const descriptors = Number(
  execFileSync('/bin/sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).replace('unlimited', '1e9'),
)
const hasDescriptors = requirement(
  descriptors >= clientsMany + 200,
  `${clientsMany} clients of the embedded server`,
  `raise the limit of open files, ulimit -n, from ${descriptors} to ${clientsMany + 200}`,
)

async function emptied(server: ServerProcess): Promise<void> {
  await expect.poll(async () => (await server.health()).connections, { timeout: 20_000 }).toBe(0)
  expect(await server.health()).toMatchObject({ routes: 0, nodes: 0 })
  expect(server.errors).toBe('')
}

function options(server: ServerProcess) {
  return { servers: server.url, reconnect: false, noAsyncTraces: true }
}

/** Numbers what arrives: each must be the one after the one before. */
class Counter {
  got = 0
  faults = 0
  #wake: (() => void) | undefined
  #wanted = 0

  take(data: Uint8Array): void {
    if (Buffer.from(data.buffer, data.byteOffset, 4).readUInt32LE() !== this.got) this.faults++
    if (++this.got === this.#wanted) this.#wake?.()
  }

  reach(count: number): Promise<void> {
    if (this.got >= count) return Promise.resolve()
    this.#wanted = count
    return new Promise((resolve) => (this.#wake = resolve))
  }
}

function listen(client: NatsConnection, subject: string): Counter {
  const counter = new Counter()
  client.subscribe(subject, { callback: (_error, message) => counter.take(message.data) })
  return counter
}

function numbered(number: number, size: number): Buffer {
  const data = Buffer.alloc(size, number % 251)
  data.writeUInt32LE(number)
  return data
}

describe('embedded server under load', () => {
  it.skipIf(!hasDescriptors)('serves a thousand clients of the official library', async () => {
    await using server = await startServerProcess()
    const clients: NatsConnection[] = []
    for (let at = 0; at < clientsMany; at += 50)
      clients.push(...(await Promise.all(Array.from({ length: 50 }, () => connect(options(server))))))
    const counters = clients.map((client) => listen(client, 'all'))
    for (const [at, client] of clients.entries())
      client.subscribe(`echo.${at}`, { callback: (_error, message) => void message.respond(message.data) })
    await Promise.all(clients.map((client) => client.flush()))
    expect(await server.health()).toMatchObject({ connections: clientsMany, routes: 2 * clientsMany })

    for (let at = 0; at < 20; at++) clients[at * 7]?.publish('all', numbered(at, 100))
    await Promise.all(counters.map((counter) => counter.reach(20)))
    // Twenty publishers, so no order among them; each message once.
    expect(counters.map(({ got }) => got)).toEqual(counters.map(() => 20))
    // Round the circle: each asks its neighbour.
    const answers = await Promise.all(
      clients.map((client, at) => client.request(`echo.${(at + 1) % clientsMany}`, `${at}`, { timeout: 20_000 })),
    )
    expect(answers.map((answer) => answer.string())).toEqual(clients.map((_client, at) => `${at}`))
    await Promise.all(clients.map((client) => client.close()))
    await emptied(server)
  })

  it('loses nothing for readers that keep up while others stop reading, and disconnects these', async () => {
    await using server = await startServerProcess({ pendingMaxBytes: 2 * mebibyte })
    const [publisher, reader] = await Promise.all([connect(options(server)), connect(options(server))])
    const counter = listen(reader, 'feed.>')
    await reader.flush()
    const slow = await Promise.all(Array.from({ length: 10 }, () => rawClient(server.port)))
    for (const client of slow) client.send(`${quiet}SUB feed.> 1\r\nPING\r\n`)
    await Promise.all(slow.map((client) => client.until(/PONG/)))
    const count = 12_000
    for (let at = 0; at < count; at++) {
      if (at === 2000) for (const client of slow) client.socket.pause()
      publisher.publish(`feed.${at % 10}`, numbered(at, 2000))
      if (at % 200 === 0) await publisher.flush()
    }
    await counter.reach(count)
    expect(counter).toMatchObject({ got: count, faults: 0 })
    const { stats, connections, arrayBuffersBytes } = await server.health()
    expect({ slow: stats.slowConsumers, connections }).toEqual({ slow: slow.length, connections: 2 })
    expect(arrayBuffersBytes).toBeLessThan(16 * mebibyte)
    for (const client of slow) client.socket.resume()
    await Promise.all(slow.map((client) => client.ended))
    await Promise.all([publisher.close(), reader.close()])
    await emptied(server)
  })

  it('holds back a publisher that is faster than its reader, and loses nothing', async () => {
    await using server = await startServerProcess({ pendingMaxBytes: 4 * mebibyte })
    await using reader = await rawClient(server.port)
    reader.send(`${quiet}SUB feed 1\r\nPING\r\n`)
    await reader.until(/PONG/)
    const publisher = await connect(options(server))
    const size = 16_000
    const count = 4000
    // Written without waiting for anybody: 64 MB against a bound of 4.
    for (let at = 0; at < count; at++) publisher.publish('feed', numbered(at, size))
    const peak = { bytes: 0 }
    const flushed = publisher.flush()
    const over = new AbortController()
    void flushed.then(() => over.abort())
    while (!over.signal.aborted) peak.bytes = Math.max(peak.bytes, (await server.health()).arrayBuffersBytes)
    await flushed
    expect(await faultsOf(reader, count, size)).toEqual([])
    expect((await server.health()).stats).toMatchObject({ slowConsumers: 0, inMessages: count, outMessages: count })
    expect(peak.bytes).toBeLessThan(24 * mebibyte)
    await publisher.close()
  })

  it('keeps nothing of five thousand clients that came and went', async () => {
    await using server = await startServerProcess()
    const visit = async (at: number) => {
      const client = await rawClient(server.port)
      client.send(`${quiet}SUB visit.${at} 1\r\nSUB visit.> q 2\r\nPUB visit.${at} 1\r\nx\r\nPING\r\n`)
      await client.until(/PONG/)
      // Half of them say goodbye, half are gone.
      if (at % 2 === 0) client.socket.end()
      else client.socket.resetAndDestroy()
      await client.ended
    }
    const visits = async (count: number) => {
      let next = 0
      const worker = async () => {
        while (next < count) await visit(next++)
      }
      await Promise.all(Array.from({ length: 20 }, worker))
      await expect.poll(async () => (await server.health()).connections, { timeout: 20_000 }).toBe(0)
    }
    await visits(1000)
    const before = await server.health()
    await visits(4000)
    const after = await server.health()
    expect(after.stats.connectionsTotal).toBe(5000)
    // What 4000 clients would leave if each left 500 bytes.
    expect(after.heapBytes - before.heapBytes).toBeLessThan(2 * mebibyte)
    expect(after.arrayBuffersBytes - before.arrayBuffersBytes).toBeLessThan(mebibyte)
    await emptied(server)
  })

  it('delivers nothing of a payload whose publisher was killed in the middle of it', async () => {
    await using server = await startServerProcess()
    await using reader = await rawClient(server.port)
    reader.send(`${quiet}SUB killed 1\r\nPING\r\n`)
    await reader.until(/PONG/)
    const writer = fork(fileURLToPath(new URL('serve-writer.ts', import.meta.url)), [`${server.port}`, '900000'])
    await once(writer, 'message')
    await reader.until(/last\r\n$/)
    expect((await server.health()).routes).toBe(2)
    writer.kill('SIGKILL')
    await once(writer, 'exit')
    await expect.poll(async () => (await server.health()).connections).toBe(1)
    reader.send('PUB killed 5\r\nafter\r\nPING\r\n')
    expect(await reader.until(/PONG[^]*PONG/)).toBe(
      'PONG\r\nMSG killed 1 4\r\nlast\r\nMSG killed 1 5\r\nafter\r\nPONG\r\n',
    )
    const { routes, arrayBuffersBytes } = await server.health()
    expect(routes).toBe(1)
    expect(arrayBuffersBytes).toBeLessThan(mebibyte)
  })
})

/** Looks at each message that a raw reader got, byte for byte. */
async function faultsOf(reader: RawClient, count: number, size: number): Promise<string[]> {
  const head = `MSG feed 1 ${size}\r\n`
  const length = head.length + size + 2
  const start = reader.text.indexOf('PONG\r\n') + 'PONG\r\n'.length
  const text = await reader.until((all) => all.length >= start + count * length)
  const faults: string[] = []
  for (let at = 0; at < count; at++) {
    const message = text.slice(start + at * length, start + (at + 1) * length)
    const wanted = `${head}${numbered(at, size).toString('latin1')}\r\n`
    if (message !== wanted && faults.length < 5) faults.push(`message ${at}: ${message.slice(0, 60)}`)
  }
  return faults
}
