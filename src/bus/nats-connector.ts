/**
 * Connector: finds a server and finds another when it is lost. Unlike the library's own reconnect, which is switched off,
 * it begins each connection anew: time and jitter are the ports', secrets are read for each dial, every try is told once,
 * nothing ends by itself after ten tries, and what was buffered is not thrown away at a dial. It knows no subscriptions and
 * no publishes; the bus puts those on the connection that it gets.
 *
 * (Measured with version 3.4.0 of the library, 6000 dials to a closed port: the heap stays at 6.7 MB after the collector,
 * by the library's reconnect and by connections made anew. nats.js issue 433 tells of 11.5 KB kept for each; not here.)
 */
import { sleep } from '../base/clock.ts'
import { Aborted, InvalidArgument } from '../base/error.ts'
import type { ColloquyError } from '../base/error.ts'
import { ConnectFailed, Unauthorized } from './error.ts'
import { backoffMs } from './nats-backoff.ts'
import { dial, typed } from './nats-dial.ts'
import type { NatsConnection, NatsLibrary } from './nats-library.ts'
import type { NatsSettings } from './nats-options.ts'
import { type ServerAddress, ServerPool } from './nats-server.ts'

export interface Connected {
  readonly connection: NatsConnection
  readonly server: ServerAddress
}

/** Told while it tries. */
export interface ConnectorHost {
  trying(attempt: number): void
  /** What waiting may not mend: refused credentials, a file that cannot be read. Once for each kind in a row of tries. */
  refused(error: ColloquyError): void
}

export class Connector {
  readonly pool: ServerPool
  readonly #library: NatsLibrary
  readonly #settings: NatsSettings
  readonly #over = new AbortController()
  /** Dials that failed and connections that did not last, since one that did. */
  #failures = 0
  #connectedMs = 0

  constructor(library: NatsLibrary, settings: NatsSettings) {
    this.#library = library
    this.#settings = settings
    const { options, random } = settings
    this.pool = new ServerPool(settings.servers, options.shuffle === false ? undefined : random.split('servers'))
  }

  /** The first connection. Rejects with the errors of `dial`, or `base.aborted`. */
  async first(): Promise<Connected> {
    const { options, reconnect } = this.#settings
    const { signal } = options
    const retry = options.connectRetry === true
    const attemptsMax = retry ? (reconnect?.attemptsMax ?? Number.POSITIVE_INFINITY) : this.pool.size
    const stop = () => this.close()
    if (signal?.aborted) throw new Aborted('connecting to NATS', { cause: signal.reason })
    signal?.addEventListener('abort', stop, { once: true })
    try {
      return await this.#connect(attemptsMax, undefined, retry)
    } catch (error) {
      throw signal?.aborted ? new Aborted('connecting to NATS', { cause: signal.reason }) : error
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  /** Another connection after `lost`. Rejects when it gives up, or with `base.aborted` after `close`. */
  again(lost: ServerAddress, host: ConnectorHost): Promise<Connected> {
    const { clock, reconnect } = this.#settings
    if (!reconnect) return Promise.reject(new ConnectFailed([lost.label]))
    // Who is thrown out as soon as it is let in must not come back at once for ever: that counts as a round.
    const lasted = clock.monotonicMs() - this.#connectedMs >= reconnect.waitMaxMs
    this.#failures = lasted ? 0 : (Math.floor(this.#failures / this.pool.size) + 1) * this.pool.size
    return this.#connect(reconnect.attemptsMax, host, true)
  }

  async #connect(attemptsMax: number, host: ConnectorHost | undefined, waits: boolean): Promise<Connected> {
    const { afterUnauthorized } = this.#settings.reconnect ?? { afterUnauthorized: false }
    const errors: ColloquyError[] = []
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      if (waits && (host || attempt > 1)) await this.#pause()
      host?.trying(attempt)
      const server = this.pool.next()
      try {
        const connection = await this.#dial(server)
        this.#connectedMs = this.#settings.clock.monotonicMs()
        return { connection, server }
      } catch (thrown) {
        const error = typed(thrown, server.label)
        if (this.#over.signal.aborted) throw error
        this.#failures++
        if (error instanceof InvalidArgument && !host) throw error
        if (error instanceof Unauthorized && (host ? !afterUnauthorized : waits)) throw error
        if (!errors.some(({ code }) => code === error.code)) {
          errors.push(error)
          if (!(error instanceof ConnectFailed)) host?.refused(error)
        }
      }
    }
    throw (
      errors.find((error) => !(error instanceof ConnectFailed)) ??
      new ConnectFailed(this.pool.labels, { cause: errors[0]?.cause })
    )
  }

  #pause(): Promise<void> {
    const { clock, random, reconnect } = this.#settings
    const options = reconnect ?? { waitMs: 100, waitMaxMs: 5000 }
    return sleep(clock, backoffMs(options, this.#failures, this.pool.size, random), this.#over.signal)
  }

  /** `close` hangs up a dial; what comes of it all the same is closed. */
  #dial(server: ServerAddress): Promise<NatsConnection> {
    const { signal } = this.#over
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(new Aborted('connecting to NATS'))
      if (signal.aborted) return onAbort()
      signal.addEventListener('abort', onAbort, { once: true })
      const done = dial(this.#library, this.#settings, server, signal)
      done
        .then((connection) => (signal.aborted ? connection.close() : resolve(connection)), reject)
        .finally(() => signal.removeEventListener('abort', onAbort))
    })
  }

  /** No further tries; one under way ends in `base.aborted`. */
  close(): void {
    this.#over.abort()
  }
}
