/**
 * The sockets of a dial that is under way, so that it can be hung up. The library hands out no socket before its login is
 * over, and would hold one that hangs until its timeout, and the process with it. Unlike `Link`, which ends a connection
 * through the library, this knows no NATS; a dial that is over is left alone.
 *
 * Sockets over TCP are heard of by `net.client.socket`, a channel of Node's `diagnostics_channel`, and told from those of
 * others by the asynchronous context they are made in. Those that begin with TLS are not told there and take a signal.
 *
 * They also remember whom was dialled: where a server asks for TLS and no option said so, the library names nobody to
 * Node, which then takes the host of the socket, or else, for an IP address, `localhost`, whose certificate is not meant.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'

export class DialSockets {
  readonly #ended = new AbortController()
  readonly #closes = new Set<() => void>()
  readonly #host: string
  #over = false

  /** `host` is the one that is dialled. */
  constructor(host: string) {
    this.#host = host
  }

  /** For `tls.connect`. */
  get signal(): AbortSignal {
    return this.#ended.signal
  }

  hold(close: () => void): void {
    if (this.#ended.signal.aborted) close()
    else if (!this.#over) this.#closes.add(close)
  }

  /** One that was made and is not connected yet. */
  made(socket: DialledSocket): void {
    // Node sets this by itself for a name, and for an IP address not.
    if (!this.#over) socket._host = this.#host
    this.hold(() => socket.destroy())
  }

  /** Runs the dial; when it fails, or with the signal, all its sockets end, those too that it makes later. */
  async during<T>(signal: AbortSignal, dial: () => Promise<T>): Promise<T> {
    const hangUp = () => {
      this.#ended.abort()
      for (const close of this.#closes) close()
    }
    if (signal.aborted) hangUp()
    signal.addEventListener('abort', hangUp, { once: true })
    if (dials++ === 0) subscribe(channel, onSocket)
    try {
      return await dialled.run(this, dial)
    } catch (error) {
      // The library leaves the socket of a dial that ran out of time open.
      hangUp()
      throw error
    } finally {
      if (--dials === 0) unsubscribe(channel, onSocket)
      signal.removeEventListener('abort', hangUp)
      // What the connection does later runs in the same context.
      this.#over = true
      this.#closes.clear()
    }
  }
}

interface DialledSocket {
  destroy(): void
  /** What the certificate of TLS over this socket is checked for when nothing else was said. */
  _host?: string | null
}

const channel = 'net.client.socket'
const dialled = new AsyncLocalStorage<DialSockets>()
/** Those under way in this process: nobody listens to the channel without one. */
let dials = 0

function onSocket(message: unknown): void {
  const { socket } = message as { readonly socket: DialledSocket }
  dialled.getStore()?.made(socket)
}
