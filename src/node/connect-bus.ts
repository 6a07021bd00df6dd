/**
 * Which bus a URL means.
 *
 * | URL | bus |
 * | --- | --- |
 * | `memory:` | in this process |
 * | `nats://host:port`, also `nats://h1:4222,h2:4222` | a NATS server or cluster; TLS where the server offers it |
 * | `tls://host:port` | the same, over TLS or not at all |
 * | `ws://host:port`, `wss://host:port` | the same over a WebSocket |
 *
 * The NATS driver is loaded when a URL asks for it, so that who stays in memory needs no package for it. A URL never holds
 * credentials; they are options.
 */
import { InvalidArgument } from '../base/error.ts'
import type { Bus } from '../bus/bus.ts'
import { memoryBus } from '../bus/memory.ts'
import type { NatsOptions } from '../bus/nats-options.ts'
import { CredentialsInUrl } from './bus-error.ts'
import { UnknownScheme } from './error.ts'

/** As `nats()` takes them, without the servers, which the URL names. `memory:` heeds clock, random, entropy and requestsMax. */
export type ConnectBusOptions = Omit<NatsOptions, 'servers'>

const schemes: ReadonlySet<string> = new Set(['nats', 'tls', 'ws', 'wss'])
const urlMaxLength = 16_384

/**
 * Rejects with `node.unknown_scheme`, `node.credentials_in_url`, `base.invalid_argument` (an address, an option),
 * `base.peer_missing`, `bus.connect_failed`, `bus.unauthorized`, `bus.server_refused`, `base.aborted`.
 */
export async function connectBus(url: string, options: ConnectBusOptions = {}): Promise<Bus> {
  if (url === 'memory:') {
    const { clock, random, entropy, requestsMax } = options
    return memoryBus({
      ...(clock && { clock }),
      ...(random && { random }),
      ...(entropy && { entropy }),
      ...(requestsMax !== undefined && { requestsMax }),
    })
  }
  const servers = serversOf(url)
  const { connectNats } = await import('../bus/nats.ts')
  return connectNats({ ...options, servers })
}

/** The addresses of a URL of servers: one after a comma without a scheme has that of the first. Throws as `connectBus`. */
export function serversOf(url: string): string[] {
  if (typeof url !== 'string' || url.length > urlMaxLength)
    throw new InvalidArgument('url', `must be text of at most ${urlMaxLength} characters`)
  if (url.includes('@')) throw new CredentialsInUrl()
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]
  if (scheme === undefined || !schemes.has(scheme.toLowerCase()))
    throw new UnknownScheme('bus', /^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0] ?? '', ['memory:', ...natsSchemes])
  return url
    .split(',')
    .map((each) => each.trim())
    .map((each) => (each.includes('://') ? each : `${scheme}://${each}`))
}

const natsSchemes = [...schemes].map((scheme) => `${scheme}://`)
