/**
 * The stage of the tests of transports: a listener with a manual clock whose wires are handed to the test, sockets that call
 * it, and certificates. All that is started is ended after each test.
 */
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { makeCertificates } from '../../scripts/servers.ts'
import { deferred } from '../../src/base/deferred.ts'
import { type ManualClock, manualClock } from '../../src/base/manual-clock.ts'
import { BoundedQueue } from '../../src/base/queue.ts'
import { listenTcp } from '../../src/bus/serve-socket.ts'
import type { Listener, WebSocketListenOptions, Wire } from '../../src/bus/serve-socket.ts'

/** Called after each test, the last first. */
export const toDispose: (() => unknown)[] = []
let folder = ''
export let pem: Record<'ca' | 'cert' | 'key' | 'clientCert' | 'clientKey' | 'strangerCert' | 'strangerKey', string>

/** For the top of a test file: certificates before, and after each test the end of what it started. */
export function setUp(): void {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'colloquy-serve-socket-'))
    const { ca, server, client, stranger } = await makeCertificates(folder)
    const [caText, cert, key, clientCert, clientKey, strangerCert, strangerKey] = await Promise.all(
      [ca, server.cert, server.key, client.cert, client.key, stranger.client.cert, stranger.client.key].map((path) =>
        readFile(path, 'utf8'),
      ),
    )
    pem = { ca: caText, cert, key, clientCert, clientKey, strangerCert, strangerKey } as typeof pem
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  afterEach(async () => {
    for (const dispose of toDispose.splice(0).reverse()) await dispose()
  })
}

/** A wire as its owner sees it. */
export interface Seen {
  readonly wire: Wire
  readonly text: () => string
  /** Resolves when this text has come. */
  readonly until: (text: string) => Promise<void>
  readonly closed: Promise<string>
}

export function watch(wire: Wire): Seen {
  let text = ''
  let look = () => {}
  const closed = deferred<string>()
  wire.onData = (chunk) => {
    text += chunk.toString('latin1')
    look()
  }
  wire.onClose = (reason) => {
    if (closed.settled) throw new Error('closed twice')
    closed.resolve(reason)
  }
  const until = (wanted: string) =>
    new Promise<void>((resolve) => {
      look = () => {
        if (!text.includes(wanted)) return
        look = () => {}
        resolve()
      }
      look()
    })
  return { wire, text: () => text, until, closed: closed.promise }
}

export interface Served {
  readonly listener: Listener
  readonly clock: ManualClock
  /** The next wire that was handed out. */
  readonly next: () => Promise<Wire>
}

export async function serve(
  options: WebSocketListenOptions = {},
  listen: typeof listenTcp = listenTcp,
): Promise<Served> {
  const clock = manualClock()
  const wires = new BoundedQueue<Wire>({ limit: 1000 })
  const all: Wire[] = []
  const listener = await listen({ clock, ...options }, (wire) => {
    all.push(wire)
    wires.push(wire)
  })
  toDispose.push(async () => {
    const closed = listener.close()
    for (const wire of all) wire.destroy()
    await closed
  })
  return { listener, clock, next: async () => (await wires.next()).value as Wire }
}

export function dial({ listener }: Served): Socket {
  const socket = connect(listener.port, '127.0.0.1')
  socket.on('error', () => {})
  toDispose.push(() => socket.destroy())
  return socket
}

export function dialTls(options: ConnectionOptions): TLSSocket {
  const socket = connectTls({ ca: pem.ca, host: '127.0.0.1', ...options })
  socket.on('error', () => {})
  toDispose.push(() => socket.destroy())
  return socket
}

/** All that comes until the other side ends. */
export async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  if (!socket.closed) await once(socket, 'close')
  return Buffer.concat(chunks).toString('latin1')
}
