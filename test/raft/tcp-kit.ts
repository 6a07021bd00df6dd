/** Members over TCP for tests: a receiver that remembers, a proxy that may do harm, a stranger with a raw socket. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { deferred } from '../../src/base/deferred.ts'
import type { GroupLink, Receiver, Transport } from '../../src/raft/transport.ts'

export interface TestMember extends Receiver {
  readonly link: GroupLink
  readonly frames: string[]
  readonly lost: string[]
  /** Resolves once the condition holds, looked at whenever something comes. */
  readonly until: (condition: () => boolean) => Promise<void>
  /** What a stream is done with; default it is read to its end. */
  onStream: Receiver['stream']
  onFrame: (from: string, bytes: Uint8Array) => void
}

export function joinMember(transport: Transport, name: string, group = 'group'): TestMember {
  const waits = new Set<() => void>()
  const happened = () => {
    for (const wait of waits) wait()
  }
  const frames: string[] = []
  const lost: string[] = []
  const receiver: Omit<TestMember, 'link'> = {
    frames,
    lost,
    onStream: async (_from, _header, content) => {
      for await (const _piece of content) happened()
    },
    onFrame: () => {},
    frame(from, bytes) {
      frames.push(Buffer.from(bytes).toString())
      receiver.onFrame(from, bytes)
      happened()
    },
    unreachable(member) {
      lost.push(member)
      happened()
    },
    stream: (from, header, content) => receiver.onStream(from, header, content),
    until: (condition) => {
      const done = deferred()
      const wait = () => condition() && done.resolve()
      waits.add(wait)
      wait()
      return done.promise.finally(() => waits.delete(wait))
    },
  }
  return Object.assign(receiver, { link: transport.join(group, name, receiver) })
}

/** Resolves once the condition holds, looked at in every turn of the event loop. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

export function portOf(address: string): number {
  return Number(new URL(address).port)
}

export interface Stranger {
  readonly socket: Socket
  readonly heard: Buffer[]
  readonly closed: Promise<unknown>
}

/** A connection of nobody. */
export async function stranger(port: number): Promise<Stranger> {
  const socket = connect({ host: '127.0.0.1', port })
  const heard: Buffer[] = []
  socket.on('data', (piece: Buffer) => heard.push(piece))
  socket.on('error', () => {})
  const closed = new Promise((resolve) => socket.once('close', resolve))
  await once(socket, 'connect')
  return { socket, heard, closed }
}

export interface Proxy extends AsyncDisposable {
  readonly address: string
  /** All that went to the server, one buffer a connection. */
  readonly seen: Buffer[][]
  /** Changes what goes on to the server. */
  onward: (piece: Buffer) => Buffer
  /** Sends to the server on the latest connection. */
  inject(bytes: Buffer): void
  cut(): void
}

/** Stands between a member and the server at this port. */
export async function proxyTo(port: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  const seen: Buffer[][] = []
  let latest: Socket | undefined
  const server = createServer((client) => {
    const far = connect({ host: '127.0.0.1', port })
    const pieces: Buffer[] = []
    seen.push(pieces)
    latest = far
    for (const [one, other] of [
      [client, far],
      [far, client],
    ] as const) {
      sockets.add(one)
      one.on('error', () => {})
      one.on('close', () => other.destroy())
    }
    far.on('data', (piece: Buffer) => client.write(piece))
    client.on('data', (piece: Buffer) => {
      pieces.push(piece)
      far.write(proxy.onward(piece))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  const proxy: Proxy = {
    address: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    onward: (piece) => piece,
    inject: (bytes) => void latest?.write(bytes),
    cut,
    async [Symbol.asyncDispose]() {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
  return proxy
}
