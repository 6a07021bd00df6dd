/**
 * Hostile clients by the thousand, from a seed: mutated protocol, giant lines and sizes, half-lines and silence, CONNECT of
 * every shape, clients that read nothing and clients that vanish. Meanwhile two good clients exchange numbered messages and
 * must not lose one. Unlike the parser's own properties everything goes over real sockets into a process of its own.
 *
 * Another seed: COLLOQUY_FUZZ_SEED; more of it: COLLOQUY_FUZZ_CLIENTS.
 */
import { connect as openSocket } from 'node:net'
import type { Socket } from 'node:net'
import { connect } from '@nats-io/transport-node'
import type { NatsConnection } from '@nats-io/transport-node'
import { expect, it } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import { startServerProcess } from './serve-process.ts'

const seed = process.env['COLLOQUY_FUZZ_SEED'] ?? 'hostile'
const hostileCount = Number(process.env['COLLOQUY_FUZZ_CLIENTS'] ?? 3000)
const atOnce = 40
const mebibyte = 1024 * 1024

const hello = 'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n'
const block = 'NATS/1.0\r\nA: b\r\n\r\n'
const corpus: readonly string[] = [
  hello,
  'CONNECT {}\r\n',
  'PING\r\n',
  'PONG\r\n',
  'SUB x.> 1\r\n',
  'SUB x.*.y q 2\r\n',
  'SUB > 3\r\n',
  'UNSUB 1\r\n',
  'UNSUB 2 5\r\n',
  'PUB x.a 5\r\nhello\r\n',
  'PUB x.a.y x.reply 0\r\n\r\n',
  `HPUB x.a ${block.length} ${block.length + 2}\r\n${block}hi\r\n`,
  `HPUB x.b x.r ${block.length} ${block.length}\r\n${block}\r\n`,
  '+OK\r\n',
  'INFO {}\r\n',
  `PUB x.big 70000\r\n${'z'.repeat(70_000)}\r\n`,
]

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.integer(from.length)] as T
}

function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.integer(256)))
}

function wellFormed(random: Random): Buffer {
  return Buffer.from(hello + Array.from({ length: 1 + random.integer(20) }, () => pick(random, corpus)).join(''))
}

function mutated(random: Random): Buffer {
  let bytes = wellFormed(random)
  for (let change = 1 + random.integer(6); change > 0; change--) {
    const at = random.integer(bytes.length || 1)
    const to = at + random.integer(Math.min(200, bytes.length - at) + 1)
    const kind = random.integer(5)
    if (kind === 0 && bytes.length > 0) bytes[at] = (bytes[at] as number) ^ (1 << random.integer(8))
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)])
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, to), bytes.subarray(at, to), bytes.subarray(to)])
    else if (kind === 3)
      bytes = Buffer.concat([bytes.subarray(0, at), randomBytes(random, random.integer(50)), bytes.subarray(at)])
    else bytes = bytes.subarray(0, to)
  }
  return bytes
}

function anyJson(random: Random, depth: number): string {
  const kind = random.integer(depth > 0 ? 9 : 6)
  const text = () => JSON.stringify(String.fromCharCode(...randomBytes(random, random.integer(12))))
  if (kind === 0) return pick(random, ['true', 'false', 'null', '-0', '1e999', '1.5', '9007199254740993', '-1', '2'])
  if (kind < 3) return text()
  if (kind < 6) return `${random.integer(1000)}`
  const items = Array.from({ length: random.integer(4) }, () => anyJson(random, depth - 1))
  if (kind === 6) return `[${items.join(',')}]`
  return `{${items.map((item) => `${text()}:${item}`).join(',')}}`
}

const fieldNames = ['verbose', 'echo', 'headers', 'no_responders', 'protocol', 'name', 'lang', 'user', 'pass', 'sig']

function strangeConnect(random: Random): Buffer {
  const fields = Array.from(
    { length: random.integer(6) },
    () => `${JSON.stringify(pick(random, [...fieldNames, '__proto__', 'constructor', 'x']))}:${anyJson(random, 4)}`,
  )
  const json = pick(random, [
    `{${fields.join(',')}}`,
    anyJson(random, 6),
    '['.repeat(4000),
    `${'{"a":'.repeat(700)}1${'}'.repeat(700)}`,
    `{"name":${JSON.stringify('n'.repeat(random.integer(5000)))}}`,
    '',
    '\u0000',
  ])
  return Buffer.from(`CONNECT ${json}\r\nSUB x.> 1\r\nPUB x.a 1\r\nx\r\nPING\r\n`)
}

type Hostile = (random: Random, socket: Socket) => Promise<void> | void

/** Sends in pieces cut by chance, each in a turn of its own; gives up when the server ends the connection. */
async function pieces(random: Random, socket: Socket, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length && socket.writable;) {
    const length = 1 + random.integer(random.integer(3) === 0 ? 20 : 5000)
    socket.write(bytes.subarray(at, at + length))
    at += length
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const kinds: Readonly<Record<string, Hostile>> = {
  mutated: (random, socket) => pieces(random, socket, mutated(random)),
  connects: (random, socket) => pieces(random, socket, strangeConnect(random)),
  garbage: (random, socket) => pieces(random, socket, randomBytes(random, random.integer(3000))),
  'giant line': (random, socket) =>
    pieces(random, socket, Buffer.from(pick(random, ['SUB ', 'CONNECT ', 'PUB ', '', '+OK']) + 'a'.repeat(100_000))),
  'giant size': (random, socket) => {
    const size = pick(random, ['1048576', '1048577', '999999999', '99999999999999999999', '-1', '0x10'])
    return pieces(random, socket, Buffer.from(`${hello}PUB x.a ${size}\r\n${'y'.repeat(random.integer(70_000))}`))
  },
  'half a line': (random, socket) => {
    const bytes = wellFormed(random)
    return pieces(random, socket, bytes.subarray(0, random.integer(bytes.length)))
  },
  'byte by byte': async (random, socket) => {
    for (const byte of mutated(random).subarray(0, 300)) {
      if (!socket.writable) return
      socket.write(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
  },
  'reads nothing': async (random, socket) => {
    socket.pause()
    await pieces(random, socket, Buffer.from(`${hello}SUB > 1\r\nSUB x.> 2\r\n`))
    for (let at = 0; at < 40 && socket.writable; at++) socket.write(corpus.at(-1) ?? '')
  },
  vanishes: async (random, socket) => {
    await pieces(random, socket, wellFormed(random))
    socket.resetAndDestroy()
  },
}

async function hostile(random: Random, port: number): Promise<string> {
  const name = pick(random, Object.keys(kinds))
  const socket = openSocket(port, '127.0.0.1')
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await Promise.race([new Promise((resolve) => socket.once('connect', resolve)), closed])
  socket.resume()
  await kinds[name]?.(random, socket)
  // Silence for a while, until the server has ended it or we have had enough.
  const patience = new Promise((resolve) => setTimeout(resolve, random.integer(60)))
  await Promise.race([patience, closed])
  socket.destroy()
  await closed
  return name
}

function payloadOf(number: number): Uint8Array {
  const bytes = Buffer.alloc(16 + ((number * 7919) % 3000), number % 251)
  bytes.writeUInt32LE(number)
  return bytes
}

/** Numbered messages from one good client to another until told to stop; what came is checked byte for byte. */
function exchanging(from: NatsConnection, to: NatsConnection, subject: string) {
  let sent = 0
  let got = 0
  const faults: string[] = []
  const stop = new AbortController()
  to.subscribe(subject, {
    callback: (error, message) => {
      const right = !error && Buffer.compare(message.data, payloadOf(got)) === 0
      if (!right && faults.length < 5) faults.push(`message ${got} of ${subject}: ${error?.message ?? 'other bytes'}`)
      got++
    },
  })
  const work = (async () => {
    await to.flush()
    while (!stop.signal.aborted) {
      for (let burst = 0; burst < 20; burst++) from.publish(subject, payloadOf(sent++))
      await from.flush()
    }
  })()
  return async () => {
    stop.abort()
    await work
    await to.flush()
    return { sent, got, faults }
  }
}

it('serves good clients without a loss among thousands of hostile ones, and keeps nothing of these', async () => {
  await using server = await startServerProcess({ pendingMaxBytes: mebibyte, writeDeadlineMs: 2000 })
  const options = { servers: server.url, reconnect: false }
  const [a, b] = await Promise.all([connect(options), connect(options)])
  const stops = [exchanging(a, b, 'good.ab'), exchanging(b, a, 'good.ba')]
  const before = await server.health()

  const met = new Map<string, number>()
  let next = 0
  const worker = async () => {
    while (next < hostileCount) {
      const name = await hostile(seededRandom(`${seed} ${next++}`), server.port)
      met.set(name, (met.get(name) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))

  const results = await Promise.all(stops.map((stop) => stop()))
  for (const { sent, got, faults } of results) expect({ seed, got, faults }).toEqual({ seed, got: sent, faults: [] })
  for (const { sent } of results) expect(sent).toBeGreaterThan(1000)
  expect([...met.keys()].sort()).toEqual(Object.keys(kinds).sort())
  await expect.poll(async () => (await server.health()).connections, { timeout: 20_000 }).toBe(2)
  const after = await server.health()
  await Promise.all([a.close(), b.close()])
  await expect.poll(async () => (await server.health()).connections, { timeout: 10_000 }).toBe(0)
  expect(await server.health()).toMatchObject({ routes: 0, nodes: 0 })
  expect(server.errors).toBe('')
  expect(server.running).toBe(true)
  expect(after.arrayBuffersBytes - before.arrayBuffersBytes).toBeLessThan(8 * mebibyte)
  expect(after.heapBytes - before.heapBytes).toBeLessThan(32 * mebibyte)
  expect(after.rssBytes).toBeLessThan(400 * mebibyte)
})
