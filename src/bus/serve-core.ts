/**
 * ServerCore: the clients of one embedded server: it takes them in, says INFO, flushes once a turn what was written for
 * them, counts, and sends them away at the end. It knows no listener and no protocol; a connection reads and writes itself.
 */
import { messageOf } from '../base/error.ts'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { packageVersion } from '../base/package-version.ts'
import type { Hub } from './memory-hub.ts'
import type { Authority } from './serve-authority.ts'
import { Connection } from './serve-connection.ts'
import type { ConnectionHost, ConnectionLimits } from './serve-connection.ts'
import type { ServeTls, Wire } from './serve-socket.ts'

/** What has passed since the start. */
export interface ServerStats {
  readonly connectionsTotal: number
  /** Read from clients. */
  readonly inMessages: number
  readonly inBytes: number
  /** Deliveries to clients. */
  readonly outMessages: number
  /** Clients disconnected because they read too slowly. */
  readonly slowConsumers: number
  /** Clients whose credentials were refused. */
  readonly refused: number
}

export interface ServerCoreOptions {
  readonly hub: Hub
  readonly authority: Authority
  readonly limits: ConnectionLimits
  readonly connectionsMax: number
  readonly logger: Logger
  readonly tls: ServeTls | undefined
}

/** The level of the core protocol that is spoken, in the words clients compare: that of nats-server 2.10. */
const protocolVersion = '2.10.0'

export class ServerCore implements ConnectionHost {
  readonly hub: Hub
  readonly clock: Clock
  readonly authority: Authority
  readonly limits: ConnectionLimits
  readonly stats: { -readonly [name in keyof ServerStats]: ServerStats[name] } = {
    connectionsTotal: 0,
    inMessages: 0,
    inBytes: 0,
    outMessages: 0,
    slowConsumers: 0,
    refused: 0,
  }
  readonly #options: ServerCoreOptions
  readonly #logger: Logger
  readonly #serverId: string
  readonly #connections = new Set<Connection>()
  #dirty: Connection[] = []
  #leaving = false
  #emptied: (() => void) | undefined
  #address = { host: '', port: 0 }

  constructor(options: ServerCoreOptions) {
    this.#options = options
    this.hub = options.hub
    this.clock = options.hub.clock
    this.authority = options.authority
    this.limits = options.limits
    this.#logger = options.logger
    this.#serverId = Buffer.from(this.hub.entropy.bytes(20)).toString('hex').toUpperCase()
  }

  get connections(): number {
    return this.#connections.size
  }

  listening(address: { readonly host: string; readonly port: number }): void {
    this.#address = { host: address.host, port: address.port }
  }

  accept(wire: Wire, transport: 'tcp' | 'websocket'): void {
    if (this.#leaving || this.#connections.size >= this.#options.connectionsMax) {
      wire.end(Buffer.from("-ERR 'maximum connections exceeded'\r\n"))
      return
    }
    const nonce = Buffer.from(this.hub.entropy.bytes(11)).toString('base64url')
    const id = ++this.stats.connectionsTotal
    const info = () => this.#infoLine(id, wire, nonce, transport)
    if (transport === 'websocket' || !this.#options.tls) return this.#open(wire, id, nonce, info())
    if (wire.encrypted || !wire.upgrade) return this.#open(wire, id, nonce, info())
    wire.write(Buffer.from(info()))
    wire.upgrade().then(
      () => this.#open(wire, id, nonce, ''),
      (error: unknown) => {
        this.#logger.info({ remote: wire.remote, reason: reasonOf(error) }, 'a client failed the TLS handshake')
        wire.destroy()
      },
    )
  }

  #open(wire: Wire, id: number, nonce: string, info: string): void {
    if (this.#leaving) return wire.destroy()
    const connection = new Connection(this, wire, id, nonce)
    this.#connections.add(connection)
    if (info !== '') connection.info(info)
    wire.resume()
  }

  #infoLine(id: number, wire: Wire, nonce: string, transport: 'tcp' | 'websocket'): string {
    const { tls } = this.#options
    const overTls = transport === 'tcp' && tls !== undefined
    return this.#info({
      client_id: id,
      client_ip: wire.remote.replace(/:\d+$/, ''),
      ...(this.authority.required && { auth_required: true }),
      ...(overTls && { tls_required: true, tls_available: true }),
      ...(overTls && tls.verify && { tls_verify: true }),
      ...(this.authority.signs && { nonce }),
    })
  }

  #info(more: Readonly<Record<string, unknown>>): string {
    const info = {
      server_id: this.#serverId,
      server_name: 'colloquy',
      version: protocolVersion,
      proto: 1,
      go: `node ${process.version}`,
      host: this.#address.host,
      port: this.#address.port,
      headers: true,
      max_payload: this.hub.payloadMaxBytes,
      // One node's bus: no streams, and no other server to go to.
      jetstream: false,
      colloquy: { version: packageVersion(), cluster: false },
      ...more,
    }
    return `INFO ${JSON.stringify(info)}\r\n`
  }

  // For connections.

  flushSoon(connection: Connection): void {
    if (connection.dirty) return
    connection.dirty = true
    if (this.#dirty.push(connection) === 1) queueMicrotask(this.#flush)
  }

  readonly #flush = (): void => {
    const dirty = this.#dirty
    this.#dirty = []
    for (const connection of dirty) {
      connection.dirty = false
      connection.flush()
    }
  }

  refused(connection: Connection, remote: string): void {
    this.stats.refused++
    this.#logger.warn({ client: connection.id, remote }, 'a client was refused: no or wrong credentials')
  }

  slowConsumer(connection: Connection, why: string): void {
    this.stats.slowConsumers++
    this.#logger.warn({ client: connection.id, ...named(connection) }, `a slow client is disconnected: ${why}`)
  }

  left(connection: Connection, reason: string): void {
    this.#connections.delete(connection)
    this.#logger.debug({ client: connection.id, ...named(connection), reason }, 'a client left')
    if (this.#connections.size === 0) this.#emptied?.()
  }

  /** Tells the clients, waits until they are gone or the time is over, and disconnects those that are left. */
  async leave(graceMs: number): Promise<void> {
    this.#leaving = true
    if (this.#connections.size > 0 && graceMs > 0) {
      for (const connection of this.#connections)
        if (connection.listensToInfo) connection.info(this.#info({ ldm: true }))
      await new Promise<void>((resolve) => {
        const timer = this.clock.timer(graceMs, resolve)
        this.#emptied = () => {
          timer.cancel()
          resolve()
        }
      })
    }
    for (const connection of this.#connections) connection.close('the server leaves')
  }
}

/** OpenSSL's own reason stands in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error ? `${messageOf(error)} (${cause.message.slice(0, 200)})` : messageOf(error)
}

function named({ user, name }: Connection): { user?: string; name?: string } {
  return { ...(user !== undefined && { user }), ...(name !== undefined && { name: name.slice(0, 80) }) }
}
