/**
 * The embedded server on TCP, in the open or with TLS, after INFO or from the first byte. Unlike `serve-websocket.ts` the
 * bytes come as the client wrote them. It also gives the core the rest of the transports: one import for all of them. It
 * knows nothing of the protocol, and no error of a socket leaves it but as the reason of a close.
 */
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import type { Timer } from '../base/clock.ts'
import { deferred } from '../base/deferred.ts'
import type { Deferred } from '../base/deferred.ts'
import { TimedOut } from '../base/error.ts'
import { HandshakeFailed } from './error.ts'
import { checkListen, endsOf, ignore, listening, remoteOf } from './serve-wire.ts'
import type { CheckedListen, CheckedTls, ListenOptions, Listener, Wire } from './serve-wire.ts'

export { listenWebSocket } from './serve-websocket.ts'
export type { WebSocketListenOptions } from './serve-websocket.ts'
export type { ListenOptions, Listener, ServeTls, Wire } from './serve-wire.ts'

/**
 * Hands each client's wire to `onWire`. Rejects with `base.invalid_argument` or `bus.listen_failed`.
 */
export async function listenTcp(options: ListenOptions, onWire: (wire: Wire) => void): Promise<Listener> {
  const checked = checkListen(options)
  const gate = checked.tls && new TlsGate(checked.tls, checked)
  const first = options.tls?.handshakeFirst ?? false
  // Nothing is read before it is known who reads: the first bytes may be TLS.
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
    socket.on('error', ignore)
    if (!gate || !first) onWire(new SocketWire(socket, checked, gate))
    else
      gate.secure(socket).then(
        (secure) => onWire(new SocketWire(secure, checked, undefined)),
        () => {},
      )
  })
  return listening(server, checked, () => gate?.close())
}

/** What came over a TCP connection, in the open or out of TLS. */
class SocketWire implements Wire {
  readonly remote: string
  readonly upgrade?: () => Promise<void>
  onData: (chunk: Buffer) => void = ignore
  onClose: (reason: string) => void = ignore
  onDrain: () => void = ignore
  readonly #options: CheckedListen
  #socket: Socket
  #encrypted: boolean
  /** What comes is for TLS, which has not begun. */
  #waitsForTls: boolean
  #ended = false
  #gone = false
  #fault = ''
  #linger: Timer | undefined

  constructor(socket: Socket | TLSSocket, options: CheckedListen, gate: TlsGate | undefined) {
    this.remote = remoteOf(socket)
    this.#options = options
    this.#socket = socket
    this.#encrypted = 'encrypted' in socket
    this.#waitsForTls = gate !== undefined
    if (gate) this.upgrade = () => this.#upgrade(gate)
    this.#attach()
  }

  get encrypted(): boolean {
    return this.#encrypted
  }

  get queuedBytes(): number {
    return this.#socket.writableLength
  }

  write(bytes: Uint8Array): boolean {
    if (this.#ended || this.#gone || !this.#socket.writable) return true
    return this.#socket.write(bytes)
  }

  pause(): void {
    if (!this.#ended) this.#socket.pause()
  }

  resume(): void {
    if (!this.#waitsForTls) this.#socket.resume()
  }

  end(last?: Uint8Array): void {
    if (this.#ended || this.#gone) return
    if (last !== undefined) this.write(last)
    this.#ended = true
    this.#leave()
    // What still comes is read and dropped: else the end of the other side would not be seen.
    this.#socket.resume()
  }

  destroy(): void {
    this.#ended = true
    this.#socket.destroy()
  }

  #attach(): void {
    const socket = this.#socket
    // Before the listener for data, which would make it flow.
    socket.pause()
    if (!this.#waitsForTls) socket.on('data', (chunk: Buffer) => !this.#ended && this.onData(chunk))
    socket.on('drain', () => !this.#gone && this.onDrain())
    socket.on('error', (error) => (this.#fault ||= error.message))
    socket.on('end', () => {
      this.#leave()
      this.#close('the client closed the connection')
    })
    const onClose = () => this.#close('the connection is closed')
    socket.on('close', onClose)
    // It may have closed between the end of the handshake and now.
    if (socket.destroyed) queueMicrotask(onClose)
  }

  /** Ends this side after what waits, or at the end of patience: a client that reads nothing would stay for ever. */
  #leave(): void {
    this.#linger ??= this.#options.clock.timer(this.#options.lingerMs, () => this.#socket.destroy())
    this.#socket.end()
  }

  #close(reason: string): void {
    if (this.#socket.destroyed) this.#linger?.cancel()
    if (this.#gone) return
    this.#gone = true
    this.onClose(this.#fault || reason)
  }

  async #upgrade(gate: TlsGate): Promise<void> {
    const plain = this.#socket
    // The bytes of INFO first, then those of TLS.
    if (plain.writableLength > 0) await new Promise((resolve) => plain.write('', resolve))
    this.#socket = await gate.secure(plain)
    this.#encrypted = true
    this.#waitsForTls = false
    if (this.#gone || this.#ended) {
      this.#socket.destroy()
      throw new HandshakeFailed(this.remote)
    }
    this.#attach()
  }
}

/**
 * Turns a connection into TLS. It lets node's TLS server do it, one that never listens: that is where node judges the
 * certificate of a client. A `TLSSocket` made by hand asks for one and takes any.
 */
class TlsGate {
  readonly #server: ReturnType<typeof createTlsServer>
  readonly #options: CheckedListen
  readonly #shaking = new Map<string, { readonly socket: Socket; readonly done: Deferred<TLSSocket>; fault?: Error }>()

  constructor(tls: CheckedTls, options: CheckedListen) {
    this.#options = options
    this.#server = createTlsServer({ ...tls })
    this.#server.on('secureConnection', (secure) => {
      secure.on('error', ignore)
      const shaking = this.#shaking.get(endsOf(secure))
      if (shaking && (secure.authorized || !tls.requestCert)) shaking.done.resolve(secure)
      else secure.destroy()
    })
    this.#server.on('tlsClientError', (error, secure) => {
      const shaking = this.#shaking.get(endsOf(secure))
      if (shaking) shaking.fault = error
    })
  }

  /** The socket over TLS; rejects with `base.timeout` or `bus.handshake_failed`, the connection is closed then. */
  async secure(socket: Socket): Promise<TLSSocket> {
    const { clock, handshakeTimeoutMs } = this.#options
    const ends = endsOf(socket)
    const remote = remoteOf(socket)
    const shaking: { socket: Socket; done: Deferred<TLSSocket>; fault?: Error } = {
      socket,
      done: deferred<TLSSocket>(),
    }
    const onClose = () => shaking.done.reject(new HandshakeFailed(remote, { cause: shaking.fault }))
    if (socket.destroyed) throw new HandshakeFailed(remote)
    socket.once('close', onClose)
    const timer = clock.timer(handshakeTimeoutMs, () => {
      shaking.done.reject(new TimedOut(`the TLS handshake with ${remote}`, handshakeTimeoutMs))
      socket.destroy()
    })
    this.#shaking.set(ends, shaking)
    try {
      this.#server.emit('connection', socket)
      return await shaking.done.promise
    } finally {
      timer.cancel()
      socket.off('close', onClose)
      this.#shaking.delete(ends)
    }
  }

  close(): void {
    for (const { socket } of this.#shaking.values()) socket.destroy()
  }
}
