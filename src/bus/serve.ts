/**
 * The embedded server: a memory bus that listens. Other processes, in any language, connect to it with the NATS client
 * they have, and later to a real nats-server under the same URL. Unlike a nats-server it is one node's bus and no cluster:
 * no JetStream, no routes, no accounts, no leaf nodes; INFO says so.
 *
 * It promises what the memory driver promises (`bus.ts`), and to clients what core NATS promises them:
 *
 * | promise | |
 * | --- | --- |
 * | delivery | at most once, to each subscription that is there when the message is read from the publisher's socket |
 * | order | messages of one publisher arrive in their order, per subscription |
 * | a slow reader | is disconnected when `pendingMaxBytes` wait for it, or when it takes nothing for `writeDeadlineMs` |
 * | a fast publisher | is read no further for a moment while 3/4 of `pendingMaxBytes` wait for somebody it publishes to |
 * | what is not the protocol | ends that connection with `-ERR`, and no other |
 *
 * Where it differs from a nats-server on purpose, it is stricter or says more:
 *
 * - a subject outside the grammar (`subject.ts`) is refused with `-ERR` and not delivered or subscribed, also where the
 *   client did not ask for pedantry
 * - arguments that cannot be read are told with `-ERR` before the connection ends; a nats-server closes without a word
 * - an operation with letters behind its name (`PINGS`) is unknown
 * - a second CONNECT says all of itself, and is not read over the first
 * - permissions: only an entry that ends in `>` allows a subscription that does, and an empty list is refused
 *   (`serve-permission.ts`)
 */
import { systemClock } from '../base/system-clock.ts'
import type { Clock } from '../base/clock.ts'
import { InvalidArgument } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import { silentLogger } from '../base/logger.ts'
import type { Logger } from '../base/logger.ts'
import type { Bus } from './bus.ts'
import { memoryHub } from './memory.ts'
import type { MemoryBusOptions, MemoryHub } from './memory.ts'
import { Hub } from './memory-hub.ts'
import { authority } from './serve-auth.ts'
import type { AuthOptions } from './serve-auth.ts'
import type { ConnectionLimits } from './serve-connection.ts'
import { ServerCore } from './serve-core.ts'
import type { ServerStats } from './serve-core.ts'
import { listenTcp, listenWebSocket } from './serve-socket.ts'
import type { Listener, ServeTls } from './serve-socket.ts'

export type { ServeUser, ServePermissions } from './serve-auth.ts'
export type { ServerStats } from './serve-core.ts'
export type { ServeTls } from './serve-socket.ts'

export interface ServeOptions {
  /** Default 127.0.0.1: only this machine. */
  readonly host?: string
  /** 0: any free one. Default 4222, as a nats-server's. */
  readonly port?: number
  /** The same over WebSocket; needs the package `ws`. Default: none. */
  readonly websocket?: ServeWebSocketOptions
  /** TLS, asked for by INFO and begun after it. Default: none. */
  readonly tls?: ServeTls
  /** A token that every client must give. */
  readonly token?: AuthOptions['token']
  /** Who may connect, and what each may do. Default: everyone everything, on this machine. */
  readonly users?: AuthOptions['users']
  /** Of users that have none of their own. Default: such a user may do everything. */
  readonly permissions?: AuthOptions['permissions']
  /** Clients at one time. Default 10,000. */
  readonly connectionsMax?: number
  /** Of one client. Default 65,536. */
  readonly subscriptionsMax?: number
  /** Bytes that may wait for one client before it is disconnected. Default 64 MiB. */
  readonly pendingMaxBytes?: number
  /** A line of the protocol. Default 4096, as a nats-server's. */
  readonly controlLineMaxBytes?: number
  /** For CONNECT where credentials are asked for. Default 2000. */
  readonly authTimeoutMs?: number
  /** Between PINGs to a client. Default 120,000. */
  readonly pingIntervalMs?: number
  /** PINGs without an answer before the client is given up. Default 2. */
  readonly pingsOutMax?: number
  /** How long a client may take nothing while something waits for it. Default 10,000. */
  readonly writeDeadlineMs?: number
  /** How long a publisher is held back when somebody it publishes to cannot follow. Default 5. */
  readonly stallMs?: number
  readonly logger?: Logger
}

export interface ServeWebSocketOptions {
  /** Default the server's. */
  readonly host?: string
  /** 0: any free one. Default 8080. */
  readonly port?: number
  readonly tls?: ServeTls
  /** Pages that may connect, as `scheme://host`; a page of another origin is refused. Default: all. */
  readonly origins?: readonly string[]
}

export interface BusServer extends AsyncDisposable {
  /** `nats://host:port`, or `tls://`. */
  readonly url: string
  readonly port: number
  /** `ws://host:port`, or `wss://`. */
  readonly websocketUrl?: string
  /** Clients connected. */
  readonly connections: number
  stats(): ServerStats
  /**
   * Stops listening; clients are told that the server leaves (lame duck) and have `graceMs` to go (default 0), then they
   * are disconnected. The hub and its memory connections stay.
   */
  close(options?: { readonly graceMs?: number }): Promise<void>
}

/**
 * Lets a hub listen. Rejects with `base.invalid_argument`, `bus.listen_failed` (the port is taken, the address is not this
 * machine's), `base.peer_missing` (WebSocket without `ws`).
 */
export async function serveBus(hub: MemoryHub, options: ServeOptions = {}): Promise<BusServer> {
  if (!(hub instanceof Hub)) throw new InvalidArgument('hub', 'must come from memoryHub()')
  const { clock } = hub
  const { token, users, permissions } = options
  const known = authority({
    clock,
    ...(token !== undefined && { token }),
    ...(users && { users }),
    ...(permissions && { permissions }),
  })
  const core = new ServerCore({
    hub,
    authority: known,
    limits: limitsOf(options),
    connectionsMax: wholeNumber('connectionsMax', options.connectionsMax ?? 10_000, 1),
    logger: options.logger ?? silentLogger,
    tls: options.tls,
  })
  return listen(core, clock, options)
}

async function listen(core: ServerCore, clock: Clock, options: ServeOptions): Promise<BusServer> {
  const { tls, websocket } = options
  const host = options.host ?? '127.0.0.1'
  const port = wholeNumber('port', options.port ?? 4222, 0, 65_535)
  const tcp = await listenTcp({ host, port, clock, ...(tls && { tls }) }, (wire) => core.accept(wire, 'tcp'))
  let web: Listener | undefined
  try {
    if (websocket)
      web = await listenWebSocket(
        {
          host: websocket.host ?? host,
          port: wholeNumber('websocket.port', websocket.port ?? 8080, 0, 65_535),
          clock,
          payloadMaxBytes: core.hub.payloadMaxBytes,
          ...(websocket.tls && { tls: websocket.tls }),
          ...(websocket.origins && { origins: websocket.origins }),
        },
        (wire) => core.accept(wire, 'websocket'),
      )
  } catch (error) {
    await tcp.close()
    throw error
  }
  core.listening(tcp)
  return new ListeningServer(core, tcp, web, options)
}

function limitsOf(options: ServeOptions): ConnectionLimits {
  const whole = (name: keyof ConnectionLimits, preset: number, min = 1) =>
    wholeNumber(name, options[name] ?? preset, min)
  return {
    controlLineMaxBytes: whole('controlLineMaxBytes', 4096, 512),
    subscriptionsMax: whole('subscriptionsMax', 65_536),
    pendingMaxBytes: whole('pendingMaxBytes', 64 * 1024 * 1024),
    authTimeoutMs: whole('authTimeoutMs', 2000),
    pingIntervalMs: whole('pingIntervalMs', 120_000),
    pingsOutMax: whole('pingsOutMax', 2),
    writeDeadlineMs: whole('writeDeadlineMs', 10_000),
    stallMs: whole('stallMs', 5),
  }
}

class ListeningServer implements BusServer {
  readonly url: string
  readonly port: number
  readonly websocketUrl?: string
  readonly #core: ServerCore
  readonly #listeners: readonly Listener[]
  #closing: Promise<void> | undefined

  constructor(core: ServerCore, tcp: Listener, web: Listener | undefined, options: ServeOptions) {
    this.#core = core
    this.#listeners = web ? [tcp, web] : [tcp]
    this.port = tcp.port
    this.url = `${options.tls ? 'tls' : 'nats'}://${hostText(tcp.host)}:${tcp.port}`
    if (web) this.websocketUrl = `${options.websocket?.tls ? 'wss' : 'ws'}://${hostText(web.host)}:${web.port}`
  }

  get connections(): number {
    return this.#core.connections
  }

  stats(): ServerStats {
    return { ...this.#core.stats }
  }

  close(options: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(wholeNumber('graceMs', options.graceMs ?? 0, 0))
    return this.#closing
  }

  async #close(graceMs: number): Promise<void> {
    const closed = Promise.all(this.#listeners.map((listener) => listener.close()))
    await this.#core.leave(graceMs)
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function hostText(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

export interface ServedOptions extends ServeOptions {
  /** Largest message, data and headers. Default 1 MiB. */
  readonly payloadMaxBytes?: number
}

/** A memory bus with its own server, which ends with it. */
export interface ServedBus extends Bus {
  readonly server: BusServer
}

/**
 * Opens a bus that listens, as `bus` of `createNode`: `createNode({ name: 'alpha', bus: served({ port: 4222 }) })`. Draining
 * or closing it ends the server too.
 */
export function served(
  options: ServedOptions = {},
): (context?: Pick<MemoryBusOptions, 'clock' | 'random' | 'entropy'>) => Promise<ServedBus> {
  const { payloadMaxBytes, ...serve } = options
  return async (context = {}) => {
    const { clock = systemClock, random, entropy } = context
    const hub = memoryHub({
      clock,
      ...(random && { random }),
      ...(entropy && { entropy }),
      ...(payloadMaxBytes !== undefined && { payloadMaxBytes }),
    })
    const server = await serveBus(hub, serve)
    return servedBus(hub.connect(), server)
  }
}

function servedBus(bus: Bus, server: BusServer): ServedBus {
  const end = async (work: () => Promise<void>) => {
    try {
      await work()
    } finally {
      await server.close()
    }
  }
  return {
    driver: bus.driver,
    payloadMaxBytes: bus.payloadMaxBytes,
    server,
    publish: (subject, data, options) => bus.publish(subject, data, options),
    subscribe: (subject, options) => bus.subscribe(subject, options),
    request: (subject, data, options) => bus.request(subject, data, options),
    requestMany: (subject, data, options) => bus.requestMany(subject, data, options),
    flush: (options) => bus.flush(options),
    status: () => bus.status(),
    drain: (options) => end(() => bus.drain(options)),
    close: () => end(() => bus.close()),
    [Symbol.asyncDispose]: () => end(() => bus.close()),
  }
}
