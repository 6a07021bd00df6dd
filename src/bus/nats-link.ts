/**
 * Link: one live connection of the library, from its login to its loss. It translates what the library tells into calls of
 * its owner, and answers PINGs; unlike the connector it never dials, unlike the bus it knows no subscription of ours.
 *
 * Its life: 1. live; 2. over, told once by `lost`: waiting PINGs end too, which the library would leave for ever.
 */
import { deferred } from '../base/deferred.ts'
import type { Deferred } from '../base/deferred.ts'
import { messageOf } from '../base/error.ts'
import type { ColloquyError } from '../base/error.ts'
import { typed, denied } from './nats-dial.ts'
import type { Denied } from './nats-dial.ts'
import { type NatsConnection, onUnreadable } from './nats-library.ts'
import type { ServerAddress } from './nats-server.ts'

export interface LinkHost {
  /** The connection is gone; not told after `close`. `error` is why, as far as anyone said. */
  lost(link: Link, reason: string, error: ColloquyError | undefined): void
  denied(denial: Denied): void
  /** The server complains, and mostly hangs up after it. */
  complained(error: ColloquyError): void
  lameDuck(): void
  /** The members of the cluster, as the server tells them. */
  members(link: Link, urls: readonly string[], encrypted: boolean): void
}

const closedByServer = 'the server closed the connection'
const unreadable = 'the server sent what cannot be read'
const reasonMaxLength = 200

export class Link {
  readonly connection: NatsConnection
  readonly server: ServerAddress
  readonly #host: LinkHost
  readonly #pings = new Set<Deferred<boolean>>()
  /** For the sender: how far its publishes were confirmed when the connection was lost. */
  confirmedCount = 0
  #over = false
  #complaint: ColloquyError | undefined

  constructor(connection: NatsConnection, server: ServerAddress, host: LinkHost) {
    this.connection = connection
    this.server = server
    this.#host = host
  }

  get payloadMaxBytes(): number | undefined {
    return this.connection.info?.max_payload
  }

  /** Begins to tell the owner. */
  start(): void {
    onUnreadable(this.connection, () => this.#lose(unreadable, true))
    void this.#watch()
    void this.connection.closed().then((error) => this.#lose(error ? messageOf(error) : closedByServer))
    const { info } = this.connection
    this.#tellMembers()
    if (info?.ldm === true) this.#host.lameDuck()
  }

  async #watch(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (this.#over) continue
      if (status.type === 'error') this.#complain(status.error)
      else if (status.type === 'ldm') this.#host.lameDuck()
      else if (status.type === 'update') this.#tellMembers()
      // The library would first send what waits, which a peer that reads no more never lets it.
      else if (status.type === 'staleConnection') this.#lose('the server answers no more', true)
      else if (status.type === 'close') break
    }
  }

  #tellMembers(): void {
    const { info } = this.connection
    const encrypted = info?.tls_required === true || info?.tls_available === true
    if (info?.connect_urls) this.#host.members(this, info.connect_urls, encrypted)
  }

  #complain(error: Error): void {
    if (error.name === 'PermissionViolationError') return this.#host.denied(denied(error.message))
    this.#complaint = typed(error, this.server.label)
    this.#host.complained(this.#complaint)
  }

  /** The connection turned out to be gone before the library told: whoever noticed says so. */
  abandon(): void {
    this.#lose(closedByServer, true)
  }

  #lose(reason: string, hangUp = false): void {
    if (this.#over) return
    this.#end()
    if (hangUp) void this.connection.close()
    this.#host.lost(this, reason.slice(0, reasonMaxLength), this.#complaint)
  }

  #end(): void {
    this.#over = true
    for (const ping of this.#pings) ping.resolve(false)
  }

  /** Sends a PING. True at its PONG, false when the connection ends first. */
  async answered(): Promise<boolean> {
    if (this.#over) return false
    const outcome = deferred<boolean>()
    this.#pings.add(outcome)
    this.connection.flush().then(
      () => outcome.resolve(true),
      () => outcome.resolve(false),
    )
    const answered = await outcome.promise
    this.#pings.delete(outcome)
    return answered
  }

  async close(): Promise<void> {
    this.#end()
    await this.connection.close()
  }
}
