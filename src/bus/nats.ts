/**
 * The NATS driver: a bus over a `nats-server` or a cluster of them, in the NATS client protocol. Unlike the memory driver
 * it crosses processes and machines, and it can lose its connection; what may be lost with it is told in `status()`.
 *
 * It rides on `@nats-io/transport-node`, an optional peer, for sockets, TLS, login and the parser. Ours are what the
 * library does otherwise: requests over one inbox without a timer and an Error each, reconnecting (for ever, with jitter,
 * keeping what was published meanwhile), bounds on everything, confirmation of publishes, typed errors and statuses.
 *
 * `close()` hangs up a dial that is under way. Only the system's resolver cannot be called back: it may hold the process
 * until it has given up by itself.
 *
 *     const node = await createNode({ name: 'a', bus: nats({ servers: 'nats://127.0.0.1:4222' }) })
 */
import type { Clock } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import type { Random } from '../base/random.ts'
import type { Bus } from './bus.ts'
import { NatsLinkedBus } from './nats-bus.ts'
import { Connector } from './nats-connector.ts'
import { loadNats } from './nats-library.ts'
import { type NatsOptions, checkOptions } from './nats-options.ts'

export type { NatsOptions, NatsReconnectOptions, NatsTlsOptions, Secret } from './nats-options.ts'

export interface NatsBus extends Bus {
  /** The server of the moment, scheme, host and port; undefined while disconnected. */
  readonly server: string | undefined
  /** All that would be tried: those given and those the cluster told of. */
  readonly servers: readonly string[]
  /** Publishes that wait for a connection. */
  readonly buffered: number
  /** Publishes that were sent and that the server has not confirmed. */
  readonly unconfirmed: number
}

/** What a node hands to a bus that it opens; options that name their own win. */
export interface NatsContext {
  readonly clock?: Clock
  readonly random?: Random
  readonly entropy?: Entropy
}

/** For `createNode`: connects when the node starts. Throws `base.invalid_argument` at once. */
export function nats(options: NatsOptions = {}): (context?: NatsContext) => Promise<NatsBus> {
  checkOptions(options)
  return ({ clock, random, entropy } = {}) =>
    connectNats({ ...(clock && { clock }), ...(random && { random }), ...(entropy && { entropy }), ...options })
}

/**
 * Connects. Rejects with `base.invalid_argument` (an option, a secret, a file), `base.peer_missing`, `bus.unauthorized`,
 * `bus.connect_failed`, `bus.server_refused`, `base.aborted`.
 */
export async function connectNats(options: NatsOptions = {}): Promise<NatsBus> {
  const settings = checkOptions(options)
  const library = await loadNats(options.library)
  if (options.tls?.insecureAcceptAnyCertificate === true)
    settings.logger.warn(
      'INSECURE: any certificate of a NATS server is accepted; whoever is in between can read and change all',
    )
  const connector = new Connector(library, settings)
  const first = await connector.first()
  settings.logger.info({ server: first.server.label }, 'NATS connection made')
  try {
    return new NatsLinkedBus(library, settings, connector, first)
  } catch (error) {
    // Nobody would ever close it.
    connector.close()
    await first.connection.close()
    throw error
  }
}
