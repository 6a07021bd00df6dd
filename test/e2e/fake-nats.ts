/**
 * A socket that acts as a nats-server would where a real one cannot be brought to it: it says INFO when it is told to, answers
 * PING, or accepts and is silent. Unlike the embedded server it routes nothing; it only notes the sizes of what is published.
 */
import { once } from 'node:events'
import { type Socket, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

export interface FakePeer {
  readonly socket: Socket
  /** Bytes of each publish, headers included. */
  readonly published: readonly number[]
  info(fields: Readonly<Record<string, unknown>>): void
}

export interface FakeServer extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** Connections that are open now. */
  readonly open: number
  /** The next client that comes, in the order of their coming. */
  next(): Promise<FakePeer>
  /** From now on, those that come hear this; default `silent`: nothing at all. */
  greet(first: 'silent' | Readonly<Record<string, unknown>>): void
}

const firstInfo = { server_id: 'FAKE', version: '2.12.0', proto: 1, headers: true, max_payload: 1_048_576 }

export interface FakeOptions {
  /** False: it answers no PING, so that it lets nobody in. */
  readonly pongs?: boolean
  /** PINGs of a client that it answers. Default: all; 1 is the login alone. */
  readonly answers?: number
}

export async function actAsServer({ pongs = true, answers }: FakeOptions = {}): Promise<FakeServer> {
  const pongsMax = pongs ? (answers ?? Number.POSITIVE_INFINITY) : 0
  let greeting: 'silent' | Readonly<Record<string, unknown>> = {}
  const come: FakePeer[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    const peer = peerOf(socket, pongsMax)
    if (greeting !== 'silent') peer.info(greeting)
    come.push(peer)
    server.emit('come')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `nats://127.0.0.1:${port}`,
    get open() {
      return sockets.size
    },
    async next() {
      while (come.length === 0) await once(server, 'come')
      return come.shift() as FakePeer
    },
    greet(first) {
      greeting = first
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function peerOf(socket: Socket, pongsMax: number): FakePeer {
  let pings = 0
  const published: number[] = []
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
    for (;;) {
      const [line, size] = /^[^\n]*?(\d*)\r\n/.exec(text) ?? []
      if (line === undefined) return
      const publish = /^H?PUB /.test(line)
      const end = line.length + (publish ? Number(size) + 2 : 0)
      if (text.length < end) return
      text = text.slice(end)
      if (publish) published.push(Number(size))
      else if (line === 'PING\r\n' && pings++ < pongsMax) socket.write('PONG\r\n')
    }
  })
  return {
    socket,
    published,
    info: (fields) => void socket.write(`INFO ${JSON.stringify({ ...firstInfo, ...fields })}\r\n`),
  }
}
