/**
 * The embedded server on WebSocket, by the optional package `ws`: for browsers, and for clients behind proxies that let
 * through nothing else. Unlike on TCP (`serve-socket.ts`) the bytes come in binary messages, of which one holds a part of an
 * operation or many of them; any path will do. Messages are bounded, and not compressed.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type * as Ws from 'ws'
import type { Timer } from '../base/clock.ts'
import { InvalidArgument, PeerMissing } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import { checkListen, endsOf, ignore, listening, remoteOf } from './serve-wire.ts'
import type { CheckedListen, ListenOptions, Listener, Wire } from './serve-wire.ts'

export interface WebSocketListenOptions extends ListenOptions {
  /** Largest payload of the bus. A message may hold eight of them, for a client that sends many at once. Default 1 MiB. */
  readonly payloadMaxBytes?: number
  /**
   * The pages that browsers may connect from, such as `https://example.org`; clients that are no browsers name none and are
   * always taken. Default: from any page, as a nats-server does; then any page that a user of this machine visits can.
   */
  readonly origins?: readonly string[]
}

const payloadsPerMessage = 8
/** As many bytes as may wait before pings are no longer answered: a client that only sends those cannot fill memory. */
const pongsMaxBytes = 64 * 1024
const notBinary = 1003
const normal = 1000

/**
 * Hands each client's wire to `onWire`. Rejects with `base.invalid_argument`, `bus.listen_failed`, `base.peer_missing`.
 */
export async function listenWebSocket(
  options: WebSocketListenOptions,
  onWire: (wire: Wire) => void,
): Promise<Listener> {
  const checked = checkListen(options)
  const payloadMaxBytes = wholeNumber('payloadMaxBytes', options.payloadMaxBytes ?? 1024 * 1024, 1)
  const origins = checkOrigins(options.origins)
  const { WebSocketServer } = await loadWs()
  const acceptor = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    clientTracking: false,
    autoPong: false,
    skipUTF8Validation: true,
    maxPayload: Math.min(payloadMaxBytes * payloadsPerMessage, 2 ** 31 - 1),
  })
  const server = checked.tls ? createHttpsServer({ ...checked.tls }, refuse) : createServer(refuse)
  const waiting = new Handshakes(checked)
  server.on('connection', (socket: Socket) => waiting.add(socket))
  server.on('upgrade', (request: IncomingMessage, duplex: Duplex, head: Buffer) => {
    const socket = duplex as Socket
    socket.on('error', ignore)
    const { origin } = request.headers
    if (origin !== undefined && origins && !origins.has(origin)) return forbid(socket)
    acceptor.handleUpgrade(request, socket, head, (webSocket) => {
      waiting.done(socket)
      onWire(new WebSocketWire(webSocket, socket, checked))
    })
  })
  return listening(server, checked, () => waiting.cut())
}

/** Connections that have not become a WebSocket yet, each with its time. */
class Handshakes {
  readonly #options: CheckedListen
  readonly #waiting = new Map<string, { readonly socket: Socket; readonly timer: Timer }>()

  constructor(options: CheckedListen) {
    this.#options = options
  }

  add(socket: Socket): void {
    const { clock, handshakeTimeoutMs } = this.#options
    const ends = endsOf(socket)
    const timer = clock.timer(handshakeTimeoutMs, () => socket.destroy())
    this.#waiting.set(ends, { socket, timer })
    socket.on('error', ignore)
    socket.once('close', () => this.#forget(ends, socket))
    if (socket.destroyed) this.#forget(ends, socket)
  }

  /** `socket` is the connection, or the TLS over it. */
  done(socket: Socket): void {
    this.#forget(endsOf(socket), undefined)
  }

  cut(): void {
    for (const { socket } of this.#waiting.values()) socket.destroy()
  }

  #forget(ends: string, socket: Socket | undefined): void {
    const entry = this.#waiting.get(ends)
    // The ends may be those of a newer connection by now.
    if (!entry || (socket && entry.socket !== socket)) return
    entry.timer.cancel()
    this.#waiting.delete(ends)
  }
}

class WebSocketWire implements Wire {
  readonly remote: string
  readonly encrypted: boolean
  onData: (chunk: Buffer) => void = ignore
  onClose: (reason: string) => void = ignore
  onDrain: () => void = ignore
  readonly #webSocket: Ws.WebSocket
  readonly #socket: Socket
  readonly #options: CheckedListen
  #ended = false
  #fault = ''
  #linger: Timer | undefined

  constructor(webSocket: Ws.WebSocket, socket: Socket, options: CheckedListen) {
    this.remote = remoteOf(socket)
    this.encrypted = 'encrypted' in socket
    this.#webSocket = webSocket
    this.#socket = socket
    this.#options = options
    webSocket.pause()
    webSocket.on('message', (data, isBinary) => this.#read(data as Buffer, isBinary))
    webSocket.on('ping', (data) => {
      if (webSocket.bufferedAmount < pongsMaxBytes) webSocket.pong(data, false, ignore)
    })
    webSocket.on('error', (error) => (this.#fault ||= error.message))
    webSocket.on('close', () => {
      this.#linger?.cancel()
      this.onClose(this.#fault || 'the client closed the connection')
    })
    socket.on('drain', () => !this.#ended && this.onDrain())
  }

  get queuedBytes(): number {
    return this.#webSocket.bufferedAmount
  }

  write(bytes: Uint8Array): boolean {
    if (this.#ended || this.#webSocket.readyState !== this.#webSocket.OPEN) return true
    // An error closes the socket and is told there.
    this.#webSocket.send(bytes, { binary: true }, ignore)
    return !this.#socket.writableNeedDrain
  }

  pause(): void {
    if (!this.#ended) this.#webSocket.pause()
  }

  resume(): void {
    this.#webSocket.resume()
  }

  end(last?: Uint8Array): void {
    if (this.#ended) return
    if (last !== undefined) this.write(last)
    this.#leave(normal)
  }

  destroy(): void {
    this.#ended = true
    this.#webSocket.terminate()
  }

  #read(data: Buffer, isBinary: boolean): void {
    if (this.#ended) return
    if (isBinary) return this.onData(data)
    this.#fault = 'the client sent text; NATS on WebSocket is binary'
    this.#leave(notBinary)
  }

  #leave(code: number): void {
    this.#ended = true
    this.#linger = this.#options.clock.timer(this.#options.lingerMs, () => this.#webSocket.terminate())
    this.#webSocket.close(code)
    // What still comes is read and dropped: the answer to the close is among it.
    this.#webSocket.resume()
  }
}

function checkOrigins(origins: readonly string[] | undefined): ReadonlySet<string> | undefined {
  if (origins === undefined) return undefined
  if (!Array.isArray(origins) || origins.length === 0)
    throw new InvalidArgument('origins', 'must be a list of one or more; leave it out to take all')
  for (const [index, origin] of (origins as readonly unknown[]).entries())
    if (typeof origin !== 'string' || !/^[a-z][a-z\d+.-]*:\/\/[^/\s]+$/.test(origin))
      throw new InvalidArgument(`origins[${index}]`, 'must be scheme, ://, and host, such as https://example.org')
  return new Set(origins as readonly string[])
}

/** A request that does not ask for a WebSocket. */
function refuse(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, { connection: 'close', upgrade: 'websocket', 'content-type': 'text/plain' })
  response.end('connect with a NATS client over WebSocket\n')
}

function forbid(socket: Socket): void {
  socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
}

async function loadWs(): Promise<Pick<typeof Ws, 'WebSocketServer'>> {
  try {
    return await import('ws')
  } catch (cause) {
    throw new PeerMissing('ws', 'Listening on WebSocket', { cause })
  }
}
