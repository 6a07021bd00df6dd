/**
 * The NATS driver against the official library on the same server, both ends in this process: what the driver adds to a
 * publish and saves on a request. Operations are messages received and answers got; CPU is that of this process.
 */
import { connect } from '@nats-io/transport-node'
import { connectNats } from '../src/bus/nats.ts'
import type { Bus } from '../src/bus/bus.ts'
import { startNatsServer } from '../scripts/servers.ts'
import type { BenchCase, Side } from './harness.ts'

/** One server for all cases, started by the first that needs it; it ends with the process. */
let started: ReturnType<typeof startNatsServer> | undefined
const server = () => (started ??= startNatsServer())

/** Publishes between two flushes, so that neither side only fills its buffers. */
const burst = 1000

interface Ends {
  readonly publish: (data: Uint8Array) => void
  readonly flush: () => Promise<void>
  /** Calls back for each message that one subscriber gets. */
  readonly subscribe: (handle: (data: Uint8Array) => void) => void
  readonly request: (data: Uint8Array) => Promise<{ readonly data: Uint8Array }>
  readonly respond: () => void
  readonly close: () => Promise<void>
}

async function driverEnds(subject: string): Promise<Ends> {
  const { url } = await server()
  const [a, b]: Bus[] = [await connectNats({ servers: url }), await connectNats({ servers: url })]
  if (!a || !b) throw new Error('no connection')
  return {
    publish: (data) => a.publish(subject, data),
    flush: async () => {
      await b.flush()
      await a.flush()
    },
    subscribe: (handle) => void b.subscribe(subject, { pendingMax: 1_000_000 }).each((message) => handle(message.data)),
    request: (data) => a.request(subject, data),
    respond: () => void b.subscribe(subject).each((message) => void message.respond(message.data)),
    close: async () => {
      await a.close()
      await b.close()
    },
  }
}

async function libraryEnds(subject: string): Promise<Ends> {
  const { port } = await server()
  const [a, b] = [await connect({ port }), await connect({ port })]
  return {
    publish: (data) => a.publish(subject, data),
    flush: async () => {
      await b.flush()
      await a.flush()
    },
    subscribe: (handle) => void b.subscribe(subject, { callback: (_error, message) => handle(message.data) }),
    request: (data) => a.request(subject, data, { timeout: 5000 }),
    respond: () => void b.subscribe(subject, { callback: (_error, message) => void message.respond(message.data) }),
    close: async () => {
      await a.close()
      await b.close()
    },
  }
}

type Open = (subject: string) => Promise<Ends>

async function publishing(open: Open, size: number, subscribers: number, messages: number): Promise<Side> {
  const ends = await open(`bench.publish.${size}.${subscribers}`)
  const data = new Uint8Array(size)
  let got = 0
  let wanted = 0
  let done: () => void = () => {}
  for (let at = 0; at < subscribers; at++)
    ends.subscribe((received) => {
      if (received.length === size && ++got === wanted) done()
    })
  await ends.flush()
  return {
    batch: async () => {
      got = 0
      wanted = messages * subscribers
      const all = new Promise<void>((resolve) => (done = resolve))
      for (let sent = 0; sent < messages; sent += burst) {
        for (let at = 0; at < burst; at++) ends.publish(data)
        await ends.flush()
      }
      if (wanted > 0) await all
      return Math.max(messages, wanted)
    },
    dispose: ends.close,
  }
}

async function requesting(open: Open, window: number, count: number): Promise<() => Promise<number>> {
  const ends = await open(`bench.request.${window}`)
  ends.respond()
  await ends.flush()
  const data = new Uint8Array(128)
  closers.set(open, ends.close)
  return async () => {
    let answered = 0
    let left = count
    const worker = async () => {
      while (left-- > 0) if ((await ends.request(data)).data.length > 0) answered++
    }
    await Promise.all(Array.from({ length: window }, worker))
    return answered
  }
}

const closers = new Map<Open, () => Promise<void>>()

async function requestRate(open: Open, window: number, count: number): Promise<Side> {
  const batch = await requesting(open, window, count)
  const close = closers.get(open)
  return { batch, ...(close && { dispose: close }) }
}

/** CPU microseconds of this process for each request. */
async function requestCpu(open: Open, window: number, count: number): Promise<Side> {
  const batch = await requesting(open, window, count)
  const close = closers.get(open)
  return {
    value: async () => {
      const before = process.cpuUsage()
      const answered = await batch()
      const { user, system } = process.cpuUsage(before)
      return (user + system) / answered
    },
    ...(close && { dispose: close }),
  }
}

const peerName = 'official library'

function publishCase(name: string, size: number, subscribers: number, messages: number): BenchCase {
  return {
    name,
    unit: 'msg/s',
    peerName,
    ours: () => publishing(driverEnds, size, subscribers, messages),
    peer: () => publishing(libraryEnds, size, subscribers, messages),
  }
}

export const cases: readonly BenchCase[] = [
  publishCase('publish, nobody listens, 128 B', 128, 0, 100_000),
  publishCase('publish to one subscriber, 16 B', 16, 1, 100_000),
  publishCase('publish to one subscriber, 128 B', 128, 1, 100_000),
  publishCase('publish to one subscriber, 4 KiB', 4096, 1, 20_000),
  publishCase('publish to one subscriber, 64 KiB', 65_536, 1, 3000),
  publishCase('publish to 10 subscribers, 128 B (deliveries)', 128, 10, 20_000),
  publishCase('publish to 100 subscribers, 128 B (deliveries)', 128, 100, 4000),
  {
    name: 'request, serial',
    unit: 'req/s',
    peerName,
    ours: () => requestRate(driverEnds, 1, 3000),
    peer: () => requestRate(libraryEnds, 1, 3000),
  },
  {
    name: 'request, 100 in flight',
    unit: 'req/s',
    peerName,
    ours: () => requestRate(driverEnds, 100, 40_000),
    peer: () => requestRate(libraryEnds, 100, 40_000),
  },
  {
    name: 'request, 100 in flight, CPU of both ends',
    unit: 'us/req',
    peerName,
    better: 'lower',
    ours: () => requestCpu(driverEnds, 100, 40_000),
    peer: () => requestCpu(libraryEnds, 100, 40_000),
  },
]
