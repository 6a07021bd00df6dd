/**
 * One dial to one NATS server, and the meaning of its failure. The library is asked for a single server and never to
 * reconnect: that is `nats-connector.ts`. Its errors come out typed, with the library's as `cause`.
 */
import { ColloquyError, messageOf } from '../base/error.ts'
import { ConnectFailed, PermissionDenied, ServerRefused, Unauthorized } from './error.ts'
import { type NatsConnection, type NatsDialOptions, type NatsLibrary, dialOver } from './nats-library.ts'
import type { NatsSettings } from './nats-options.ts'
import { authenticatorOf, tlsOf } from './nats-secret.ts'
import type { ServerAddress } from './nats-server.ts'

/**
 * `signal` hangs up. Rejects with `bus.unauthorized`, `bus.server_refused`, `bus.connect_failed`, `base.invalid_argument`
 * (a secret or file).
 */
export async function dial(
  library: NatsLibrary,
  settings: NatsSettings,
  server: ServerAddress,
  signal: AbortSignal,
): Promise<NatsConnection> {
  const authenticator = await authenticatorOf(library, settings.options)
  const tls = await tlsOf(settings.tls, server)
  try {
    const options = optionsOf(settings, server, authenticator, tls)
    return await dialOver(library, server, options, signal)
  } catch (error) {
    throw typed(error, server.label)
  }
}

function optionsOf(
  settings: NatsSettings,
  server: ServerAddress,
  authenticator: NatsDialOptions['authenticator'],
  tls: NatsDialOptions['tls'],
): NatsDialOptions {
  const { options } = settings
  return {
    servers: [server.address],
    reconnect: false,
    timeout: settings.connectTimeoutMs,
    pingInterval: settings.pingIntervalMs,
    maxPingOut: settings.pingsOutMax,
    noAsyncTraces: true,
    ...(options.name !== undefined && { name: options.name }),
    ...(options.echo === false && { noEcho: true }),
    ...(options.shuffle === false && { noRandomize: true }),
    ...(authenticator && { authenticator }),
    ...(tls && { tls }),
  }
}

const refusals = new Set(['AuthorizationError', 'UserAuthenticationExpiredError'])

/** What the library or the server says, as an error of the bus. */
export function typed(error: unknown, server: string): ColloquyError {
  if (error instanceof ColloquyError) return error
  const { name } = (error ?? {}) as { name?: unknown }
  if (typeof name === 'string' && refusals.has(name)) return new Unauthorized(server, { cause: error })
  if (name === 'PermissionViolationError') return denied(messageOf(error)).error
  if (name === 'ProtocolError') return new ServerRefused(messageOf(error), { cause: error })
  return new ConnectFailed([server], error === undefined ? undefined : { cause: error })
}

/** What a server does not permit, from its sentence; `reply` when it is the subject for answers that it minds. */
export interface Denied {
  readonly error: PermissionDenied
  readonly reply: boolean
  /** Of a subscription in one. */
  readonly queue: string | undefined
}

export function denied(sentence: string): Denied {
  const [, what, subject = ''] = /(Publish|Subscription|Reply)(?: to| of) "(\S+)"/i.exec(sentence) ?? []
  const operation = what?.toLowerCase() === 'subscription' ? 'subscribe' : 'publish'
  const [, queue] = / using queue "(\S+)"/i.exec(sentence) ?? []
  return {
    error: new PermissionDenied(operation, unquoted(subject)),
    reply: what?.toLowerCase() === 'reply',
    queue: queue === undefined ? undefined : unquoted(queue),
  }
}

/** Servers quote names, with escapes that are mostly those of JSON. */
function unquoted(name: string): string {
  try {
    return JSON.parse(`"${name}"`) as string
  } catch {
    return name
  }
}
