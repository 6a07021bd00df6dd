/**
 * The library behind the NATS driver: brought by dynamic import or handed in, and its two ways to connect kept apart. The
 * library keeps the kind of transport in a variable of the module, set by the last call, so a dial over TCP and one over a
 * WebSocket that overlap in one process would take each other's: those of one kind wait for those of the other.
 */
import type * as Nats from '@nats-io/transport-node'
import { InvalidArgument, PeerMissing } from '../base/error.ts'

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

type Transport = 'tcp' | 'websocket'
let dialling: Transport = 'tcp'
let inFlight = 0
let idle = Promise.resolve()
let becomeIdle = () => {}

/** Connects over the transport, as soon as no dial over the other is under way. */
export async function dialOver(
  library: NatsLibrary,
  transport: Transport,
  options: NatsDialOptions,
): Promise<NatsConnection> {
  for (;;) {
    if (inFlight === 0 || dialling === transport) break
    await idle
  }
  dialling = transport
  if (inFlight++ === 0) idle = new Promise((resolve) => (becomeIdle = resolve))
  try {
    return await (transport === 'tcp' ? library.connect(options) : library.wsconnect(options))
  } finally {
    if (--inFlight === 0) becomeIdle()
  }
}
