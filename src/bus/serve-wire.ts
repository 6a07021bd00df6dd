/**
 * Wire: one client's bytes, and nothing of what they mean. The port between the embedded server's connections and the
 * transports that carry them: TCP and TLS (`serve-socket.ts`), WebSocket (`serve-websocket.ts`), and what those share.
 */
import { createSecureContext } from 'node:tls'
import type { SecureContextOptions } from 'node:tls'
import type { Server, Socket } from 'node:net'
import type { Clock } from '../base/clock.ts'
import { InvalidArgument } from '../base/error.ts'
import { plainName, wholeNumber } from '../base/limit.ts'
import { systemClock } from '../base/system-clock.ts'
import { ListenFailed } from './error.ts'

/**
 * Its life: 1. handed over: it reads nothing; 2. optional: `upgrade`; 3. from `resume` on it reads and calls `onData`;
 * 4. `end`, `destroy`, the client or an error closes it, and `onClose` is called, once and last, never within a call.
 */
export interface Wire {
  /** Address, colon, port: for logs. */
  readonly remote: string
  readonly encrypted: boolean
  /** The chunk is the receiver's. A chunk that had been read already may still come after `pause`, none after `end`. */
  onData: (chunk: Buffer) => void
  /** No more bytes will come. What was written is still sent, for a while. */
  onClose: (reason: string) => void
  /** After a `write` that returned false: the kernel has taken what waited. */
  onDrain: () => void
  /** False: wait for `onDrain`. `bytes` belongs to the wire from now on. After the end it does nothing. */
  write(bytes: Uint8Array): boolean
  /** Taken by `write`, not yet by the kernel. */
  readonly queuedBytes: number
  pause(): void
  resume(): void
  /**
   * Begins TLS, after what was written; there when TLS is configured and comes after INFO. Rejects with `base.timeout`, or
   * `bus.handshake_failed` when the client breaks off or its certificate is refused; the wire is closed then.
   */
  upgrade?(): Promise<void>
  /** Sends what waits and `last`, then closes; cuts off a client that does not take it in time. Idempotent. */
  end(last?: Uint8Array): void
  /** Closes at once. Idempotent. */
  destroy(): void
}

/** Certificates as PEM text. */
export interface ServeTls {
  /** The server's certificate, and those between it and the authority behind it. */
  readonly cert: string
  readonly key: string
  /** The authority that signs the certificates of clients; with `verify`. */
  readonly ca?: string
  /** Takes only clients with a certificate that `ca` has signed. Default false. */
  readonly verify?: boolean
  /** TLS begins with the first byte. Default false: INFO comes first, in the open, as NATS clients expect. A WebSocket always does. */
  readonly handshakeFirst?: boolean
}

export interface ListenOptions {
  /** Default 127.0.0.1: this machine alone. */
  readonly host?: string
  /** Default 0: any free one. */
  readonly port?: number
  readonly tls?: ServeTls
  /** Times handshakes and ends. Default the system's. */
  readonly clock?: Clock
  /** For TLS, and for a WebSocket with all before it. Default 2000, as a nats-server's for TLS. */
  readonly handshakeTimeoutMs?: number
  /** How long an ended wire may take to send what waits. Default 5000. */
  readonly lingerMs?: number
  /** Sockets at one time, those in a handshake too; one more is closed without a word. Default 65,536. */
  readonly socketsMax?: number
}

export interface Listener {
  readonly host: string
  readonly port: number
  /**
   * Takes no more clients, at once, and cuts off those in a handshake; the wires handed out are their owner's to end.
   * Resolves when all are gone. Idempotent.
   */
  close(): Promise<void>
}

/** Options with their defaults, checked. */
export interface CheckedListen {
  readonly host: string
  readonly port: number
  readonly tls: CheckedTls | undefined
  readonly clock: Clock
  readonly handshakeTimeoutMs: number
  readonly lingerMs: number
  readonly socketsMax: number
}

/** For node's TLS servers. */
export interface CheckedTls extends Pick<SecureContextOptions, 'cert' | 'key' | 'ca'> {
  readonly requestCert: boolean
  readonly rejectUnauthorized: boolean
}

const delayMaxMs = 2 ** 31 - 1

/** Throws `base.invalid_argument`. */
export function checkListen(options: ListenOptions): CheckedListen {
  return {
    host: plainName('host', options.host ?? '127.0.0.1', 255),
    port: wholeNumber('port', options.port ?? 0, 0, 65_535),
    tls: options.tls && checkTls(options.tls),
    clock: options.clock ?? systemClock,
    handshakeTimeoutMs: wholeNumber('handshakeTimeoutMs', options.handshakeTimeoutMs ?? 2000, 1, delayMaxMs),
    lingerMs: wholeNumber('lingerMs', options.lingerMs ?? 5000, 1, delayMaxMs),
    socketsMax: wholeNumber('socketsMax', options.socketsMax ?? 65_536, 1),
  }
}

function checkTls({ cert, key, ca, verify = false }: ServeTls): CheckedTls {
  for (const [name, text] of Object.entries({ cert, key, ca }))
    if (text !== undefined && (typeof text !== 'string' || !text.includes('-----BEGIN ')))
      throw new InvalidArgument(`tls.${name}`, 'must be PEM text; read the file first')
  if (verify && ca === undefined)
    throw new InvalidArgument('tls.ca', 'is missing; tls.verify needs the authority that signs the clients')
  if (!verify && ca !== undefined)
    throw new InvalidArgument('tls.ca', 'is for the certificates of clients; set tls.verify, or leave it out')
  const checked = { cert, key, ...(ca !== undefined && { ca }), requestCert: verify, rejectUnauthorized: verify }
  try {
    createSecureContext(checked)
  } catch (cause) {
    throw new InvalidArgument('tls', 'must hold a certificate and the key that belongs to it, without a password', {
      cause,
    })
  }
  return checked
}

/** Starts a server that was made; `cut` ends what is in a handshake. */
export async function listening(server: Server, options: CheckedListen, cut: () => void): Promise<Listener> {
  const { host, port, socketsMax } = options
  server.maxConnections = socketsMax
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new ListenFailed(host, port, { cause })))
    server.listen({ host, port }, resolve)
  })
  server.removeAllListeners('error')
  // Such as no descriptor left for one more socket; those that are there go on.
  server.on('error', ignore)
  const address = server.address()
  let closed: Promise<void> | undefined
  return {
    host,
    port: typeof address === 'object' && address !== null ? address.port : port,
    close() {
      closed ??= new Promise((resolve) => {
        server.close(() => resolve())
        cut()
      })
      return closed
    },
  }
}

/** An IPv4 address that came through an IPv6 socket reads as IPv4. */
export function remoteOf({ remoteAddress = 'unknown', remotePort = 0 }: Socket): string {
  return `${remoteAddress.replace(/^::ffff:(?=\d+\.)/, '')}:${remotePort}`
}

/**
 * Both ends of a connection: which names it among all that live. For node hands out the TLS socket over a connection
 * without a word which connection it is.
 */
export function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}

export function ignore(): void {}
