/**
 * The connection of a command: which server, from options, contexts and environment, and what happens to it, told on
 * stderr while the command runs. Secrets are no options: they would show in the list of processes.
 */
import type { ColloquyError } from '../base/error.ts'
import type { Bus, BusStatus } from '../bus/bus.ts'
import { busTarget } from '../node/bus-target.ts'
import type { BusLogin } from '../node/bus-context.ts'
import { UsageError, textOption } from './command.ts'
import type { CommandContext, Output, ParsedOptions } from './command.ts'
import { printable } from './terminal.ts'
import { atConnect } from './bus-words.ts'
import type { BusWorld } from './bus-world.ts'

type Judge = (error: ColloquyError) => boolean

export const loginOptions = {
  user: { type: 'string' },
  'password-file': { type: 'string' },
  'token-file': { type: 'string' },
  'nkey-file': { type: 'string' },
  creds: { type: 'string' },
  'tls-ca': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'inbox-prefix': { type: 'string' },
} as const

interface TextOption {
  readonly type: 'string'
}

export const connectionOptions: typeof loginOptions & { readonly server: TextOption; readonly context: TextOption } = {
  server: { type: 'string' },
  context: { type: 'string' },
  ...loginOptions,
}

export const loginHelp = `  --user U --password-file F   or --token-file F, --nkey-file F, --creds F; secrets are read from
                          files that others cannot read
  --tls-ca F              who may have signed the server's certificate
  --tls-cert F --tls-key F   the client's own certificate
  --inbox-prefix P        where answers come, if permissions ask for it (default _INBOX)
`

export const connectionHelp: string = `Connection (default: COLLOQUY_BUS_URL, the selected context, nats://127.0.0.1:4222):
  --server URL            nats://h1:4222,h2:4222, tls://, ws://, wss://, or host:port
  --context NAME          servers and credentials kept by: colloquy bus context add
${loginHelp}`

export function loginOf(values: ParsedOptions): BusLogin {
  const login: Record<string, string> = {}
  for (const [option, name] of [
    ['user', 'user'],
    ['password-file', 'passwordFile'],
    ['token-file', 'tokenFile'],
    ['nkey-file', 'nkeyFile'],
    ['creds', 'credsFile'],
    ['tls-ca', 'tlsCa'],
    ['tls-cert', 'tlsCert'],
    ['tls-key', 'tlsKey'],
    ['inbox-prefix', 'inboxPrefix'],
  ] as const) {
    const value = textOption(values, option)
    if (value !== undefined) login[name] = value
  }
  return login
}

export interface OpenBusOptions {
  /** Whether what the bus tells as an error ends the command. Default: it does. */
  readonly isFatal?: Judge
  /** Whether an error that does not end it is told. Default: it is. */
  readonly isTold?: Judge
}

/** A connected bus, and what becomes of it. Disposing it closes it. */
export interface OpenBus extends AsyncDisposable {
  readonly bus: Bus
  /** Aborted when the bus has failed for good. */
  readonly failed: AbortSignal
  /** Closes it; rejects with the first fatal thing that it told. */
  finish(): Promise<void>
}

export interface Connector {
  readonly url: string
  /** One connection more to the same server. */
  readonly connect: (options?: OpenBusOptions) => Promise<OpenBus>
}

/** Who connects a command. Which server it is and why is said once, to a person. */
export async function connector(values: ParsedOptions, context: CommandContext, world: BusWorld): Promise<Connector> {
  const { stderr, signal } = context
  const server = serverOption(values)
  const named = textOption(values, 'context')
  if (server !== undefined && named !== undefined)
    throw new UsageError(
      'give --server or --context, not both: a context keeps its credentials for its own servers; for another server of the same kind keep another context',
    )
  const choice = {
    ...(server !== undefined && { server }),
    ...(named !== undefined && { context: named }),
    login: loginOf(values),
  }
  const { url, options, chosenBy } = await busTarget(choice, world.env)
  if (url === 'memory:')
    throw new UsageError(
      `memory: (${chosenBy}) is a bus inside one process, where nobody else could be; run colloquy bus serve and name its URL`,
    )
  if (stderr.isTTY) stderr.write(`server: ${printable(url)} (${chosenBy})\n`)
  const { clock, entropy } = world
  return {
    url,
    async connect({ isFatal = () => true, isTold = () => true } = {}) {
      const connecting = world.connect(url, { ...options, clock, entropy, signal, name: 'colloquy' })
      const bus = await connecting.catch((error: unknown) => {
        throw atConnect(error, url, options)
      })
      return new WatchedBus(bus, stderr, isFatal, isTold)
    },
  }
}

/** `--server`, where `host:port` is enough. */
export function serverOption(values: ParsedOptions): string | undefined {
  const server = textOption(values, 'server')
  return server !== undefined && /^(?:[\w.-]+|\[[\da-f:.]+\]):\d+(?:,|$)/i.test(server) ? `nats://${server}` : server
}

class WatchedBus implements OpenBus {
  readonly bus: Bus
  readonly #failed = new AbortController()
  readonly #stderr: Output
  readonly #isFatal: Judge
  readonly #isTold: Judge
  readonly #watching: Promise<void>
  #failure: ColloquyError | undefined

  constructor(bus: Bus, stderr: Output, isFatal: Judge, isTold: Judge) {
    this.#isTold = isTold
    this.bus = bus
    this.#stderr = stderr
    this.#isFatal = isFatal
    this.#watching = this.#watch()
  }

  get failed(): AbortSignal {
    return this.#failed.signal
  }

  async finish(): Promise<void> {
    await this.bus.close()
    await this.#watching
    if (this.#failure) throw this.#failure
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bus.close()
    await this.#watching
  }

  async #watch(): Promise<void> {
    for await (const status of this.bus.status()) {
      const error = status.type === 'error' || status.type === 'closed' ? status.error : undefined
      // It is reported when the command ends by it.
      if (error && !this.#failure && (status.type === 'closed' || this.#isFatal(error))) {
        this.#failure = error
        this.#failed.abort(error)
        continue
      }
      if (error && !this.#isTold(error)) continue
      const text = statusText(status)
      if (text !== undefined) this.#stderr.write(`${printable(text)}\n`)
    }
  }
}

/** What a person wants to know; each single try to connect is not of it. */
export function statusText(status: BusStatus): string | undefined {
  switch (status.type) {
    case 'disconnected':
      return `disconnected: ${status.reason}; trying to connect again`
    case 'reconnected': {
      const { unconfirmed } = status
      const lost =
        unconfirmed === 0
          ? ''
          : `; ${unconfirmed} unconfirmed ${plural(unconfirmed, 'publish', 'publishes')} may be lost`
      return `reconnected to ${status.server}${lost}`
    }
    case 'lame-duck':
      return 'the server is about to stop'
    case 'slow-consumer':
      return status.subject === undefined
        ? 'slow consumer: the server found this connection too slow'
        : `slow consumer: ${status.dropped} ${plural(status.dropped, 'message', 'messages')} of ${status.subject} lost so far`
    case 'error':
      return `${status.error.message} [${status.error.code}]`
    case 'reconnecting':
    case 'closed':
    default:
      return undefined
  }
}

export function plural(count: number, one: string, many: string): string {
  return count === 1 ? one : many
}
