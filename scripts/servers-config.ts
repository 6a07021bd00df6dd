/**
 * What a test asks of a nats-server, and the configuration file that says so. Unlike `servers-nats.ts` it starts nothing;
 * all of it is text. The file holds tokens and passwords, so `secretsOf` tells what must not be repeated elsewhere.
 */
export interface SubjectRules {
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
}

export interface NatsPermissions {
  readonly publish?: SubjectRules
  readonly subscribe?: SubjectRules
  /** Lets the user publish to the reply subjects of what it received, whatever `publish` says. Default false. */
  readonly allowResponses?: boolean
}

/** By name and password, or by the public key of an nkey seed (`U...`). */
export type NatsUser = ({ readonly user: string; readonly password: string } | { readonly nkey: string }) & {
  readonly permissions?: NatsPermissions
}

/** Paths of PEM files. */
export interface NatsTls {
  readonly cert: string
  readonly key: string
  /** Signs the client certificates that are taken, with `verify`. */
  readonly ca?: string
  /** Asks every client for a certificate that `ca` signed. Default false. */
  readonly verify?: boolean
  /** TLS begins with the first byte, INFO comes inside. Default false: INFO first, in the open. */
  readonly handshakeFirst?: boolean
}

export interface NatsServerOptions {
  /** Port for clients, on 127.0.0.1. Default: a free one, kept over restarts. */
  readonly port?: number
  /** Default: of its port, so that the servers of one run differ. */
  readonly name?: string
  readonly token?: string
  readonly users?: readonly NatsUser[]
  /** The user, one of `users`, that a client without credentials becomes. */
  readonly noAuthUser?: string
  readonly tls?: NatsTls
  /** Listens for WebSocket clients too, on a free port: `true` in the open, or with TLS. Default false. */
  readonly websocket?: boolean | { readonly tls: NatsTls }
  /** JetStream with its files in the temporary folder, which `restart` keeps. Default false. */
  readonly jetStream?: boolean
  /** Listens for HTTP on a free port: `/varz`, `/routez`, `/connz`. Default false; a cluster always does. */
  readonly monitoring?: boolean
  /** The largest message. The server's default is 1 MiB. */
  readonly payloadMaxBytes?: number
  /** Bytes waiting for one client, above which it is disconnected as a slow consumer. The server's default is 64 MiB. */
  readonly pendingMaxBytes?: number
  /** A write that takes longer makes a slow consumer. The server's default is 10 s. */
  readonly writeDeadlineMs?: number
  readonly pingIntervalMs?: number
  /** Pings without an answer before the client is stale. The server's default is 2. */
  readonly pingsOutMax?: number
  readonly connectionsMax?: number
  /** The time over which lame duck mode closes its clients; the server takes 30 s at the least. */
  readonly lameDuckDurationMs?: number
  /** The time before lame duck mode closes the first client. The server's default is 10 s. */
  readonly lameDuckGraceMs?: number
  /** Text appended to the configuration as it is, for what has no option here. */
  readonly extra?: string
  /** Wait for the first answer. Default 20 000. */
  readonly startTimeoutMs?: number
}

export interface NatsPorts {
  readonly client: number
  readonly websocket?: number
  readonly monitoring?: number
  /** With `routes`, for a member of a cluster. */
  readonly cluster?: number
}

export interface NatsPlace {
  readonly name: string
  readonly ports: NatsPorts
  /** The ports of all members for each other. */
  readonly routes: readonly number[]
  readonly portsFolder: string
  readonly storeFolder: string
}

export const host = '127.0.0.1'
const clusterName = 'colloquy-test'

type Config = Record<string, unknown>

/** The format takes a JSON value after a name, and one setting on a line makes its error messages name the line. */
export function configOf(options: NatsServerOptions, place: NatsPlace): string {
  const { ports } = place
  const config: Config = {
    server_name: place.name,
    listen: `${host}:${ports.client}`,
    ports_file_dir: place.portsFolder,
    authorization: authorizationOf(options),
    no_auth_user: options.noAuthUser,
    tls: options.tls && tlsOf(options.tls),
    websocket: ports.websocket === undefined ? undefined : websocketOf(options, ports.websocket),
    http: ports.monitoring === undefined ? undefined : `${host}:${ports.monitoring}`,
    jetstream: options.jetStream === true ? { store_dir: place.storeFolder } : undefined,
    cluster: ports.cluster === undefined ? undefined : clusterOf(ports.cluster, place.routes),
    max_payload: options.payloadMaxBytes,
    max_pending: options.pendingMaxBytes,
    max_connections: options.connectionsMax,
    write_deadline: milliseconds(options.writeDeadlineMs),
    ping_interval: milliseconds(options.pingIntervalMs),
    ping_max: options.pingsOutMax,
    lame_duck_duration: milliseconds(options.lameDuckDurationMs),
    lame_duck_grace_period: milliseconds(options.lameDuckGraceMs),
  }
  const lines = Object.entries(config)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
  return [...lines, options.extra ?? '', ''].join('\n')
}

/** What the configuration holds and no log or error may repeat. */
export function secretsOf(options: NatsServerOptions): string[] {
  const passwords = options.users?.flatMap((user) => ('password' in user ? [user.password] : [])) ?? []
  const inText = /\b(?:pass(?:word)?|token)\b["']?\s*[:=]?\s*["']?(?<secret>[^\s"',;}]+)/g
  const inExtra = Array.from(options.extra?.matchAll(inText) ?? [], (match) => match.groups?.['secret'] ?? '')
  const all = [options.token ?? '', ...passwords, ...inExtra].filter((secret) => secret !== '')
  // The longest first: one secret may begin with another.
  return all.sort((a, b) => b.length - a.length)
}

export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((clean, secret) => clean.replaceAll(secret, '[redacted]'), text)
}

function milliseconds(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${value}ms`
}

function authorizationOf({ token, users }: NatsServerOptions): Config | undefined {
  if (token === undefined && users === undefined) return undefined
  return { token, users: users?.map(userOf) }
}

function userOf({ permissions, ...identity }: NatsUser): Config {
  if (permissions === undefined) return identity
  const { publish, subscribe, allowResponses } = permissions
  return { ...identity, permissions: { publish, subscribe, allow_responses: allowResponses } }
}

function tlsOf({ cert, key, ca, verify, handshakeFirst }: NatsTls): Config {
  return { cert_file: cert, key_file: key, ca_file: ca, verify, handshake_first: handshakeFirst }
}

function websocketOf({ websocket }: NatsServerOptions, port: number): Config {
  const listen = `${host}:${port}`
  if (typeof websocket !== 'object') return { listen, no_tls: true }
  const { handshake_first: _, ...tls } = tlsOf(websocket.tls)
  return { listen, tls }
}

function clusterOf(port: number, routes: readonly number[]): Config {
  return {
    name: clusterName,
    listen: `${host}:${port}`,
    routes: routes.filter((route) => route !== port).map((route) => `nats-route://${host}:${route}`),
  }
}
