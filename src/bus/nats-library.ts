/**
 * The library behind the NATS driver: brought by dynamic import or handed in, and its two ways to connect kept apart. The
 * library keeps the kind of transport in a variable of the module, set by the last call, so a dial over TCP and one over a
 * WebSocket that overlap in one process would take each other's: those of one kind wait for those of the other.
 */
import type * as Nats from '@nats-io/transport-node'
import { InvalidArgument, PeerMissing } from '../base/error.ts'
import type { ServerAddress } from './nats-server.ts'
import { DialSockets } from './nats-socket.ts'

export type NatsLibrary = typeof Nats
export type NatsConnection = Nats.NatsConnection
export type NatsDialOptions = Nats.NodeConnectionOptions

/** Rejects with `base.peer_missing`, or `base.invalid_argument` for another module. */
export async function loadNats(given: object | undefined): Promise<NatsLibrary> {
  if (given) return checked(given)
  try {
    return await import('@nats-io/transport-node')
  } catch (cause) {
    throw new PeerMissing('@nats-io/transport-node', 'The NATS driver', { cause })
  }
}

function checked(library: object): NatsLibrary {
  const wanted = ['connect', 'wsconnect', 'headers', 'nkeyAuthenticator', 'credsAuthenticator']
  if (wanted.every((name) => typeof (library as Record<string, unknown>)[name] === 'function'))
    return library as NatsLibrary
  throw new InvalidArgument('library', 'must be the module @nats-io/transport-node')
}

type Transport = ServerAddress['transport']
let dialling: Transport = 'tcp'
let inFlight = 0
let idle = Promise.resolve()
let becomeIdle = () => {}

/** Connects over the server's transport, as soon as no dial over the other is under way. With `signal` it fails at once. */
export async function dialOver(
  library: NatsLibrary,
  { transport, host }: ServerAddress,
  options: NatsDialOptions,
  signal: AbortSignal,
): Promise<NatsConnection> {
  for (;;) {
    if (inFlight === 0 || dialling === transport) break
    await idle
  }
  dialling = transport
  if (inFlight++ === 0) idle = new Promise((resolve) => (becomeIdle = resolve))
  const sockets = new DialSockets(host)
  // The library passes on what it does not know to `tls.connect`.
  const tls = options.tls && { ...options.tls, signal: sockets.signal }
  try {
    return await sockets.during(signal, () =>
      transport === 'tcp'
        ? library.connect(tls ? { ...options, tls } : options)
        : library.wsconnect({ ...options, wsFactory: webSocketsOf(sockets) }),
    )
  } finally {
    if (--inFlight === 0) becomeIdle()
  }
}

/**
 * Tells once when the library cannot read what the server sent. By itself it prints a word, reads no further and leaves the
 * connection open, so that only PINGs without an answer would tell. Its parser is no part of its interface: where there is
 * none, the PINGs remain.
 */
export function onUnreadable(connection: NatsConnection, tell: () => void): void {
  const { parser } = (connection as { protocol?: { parser?: { parse?: unknown } } }).protocol ?? {}
  const parse = parser?.parse
  if (!parser || typeof parse !== 'function') return
  let over = false
  parser.parse = (bytes: Uint8Array): void => {
    if (over) return
    try {
      parse.call(parser, bytes)
    } catch {
      over = true
      tell()
    }
  }
}

function webSocketsOf(sockets: DialSockets): Nats.WsSocketFactory {
  return async (url) => {
    const socket = new WebSocket(url)
    sockets.hold(() => socket.close())
    return { socket, encrypted: url.startsWith('wss://') }
  }
}
