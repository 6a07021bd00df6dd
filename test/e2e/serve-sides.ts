/**
 * The two sides of a differential test: the embedded server and a real nats-server, started from one description, so that
 * a test cannot configure them differently. It judges nothing; unlike `scripts/servers.ts` it hides which of them is which.
 */
import { readFile } from 'node:fs/promises'
import { startNatsServer } from '../../scripts/servers.ts'
import type { Certificates, NatsServerOptions, NatsTls, NatsUser } from '../../scripts/servers.ts'
import { memoryHub } from '../../src/bus/memory.ts'
import { serveBus } from '../../src/bus/serve.ts'
import type { BusServer, ServeOptions, ServeTls, ServeUser } from '../../src/bus/serve.ts'

interface Rules {
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
}

export type SideUser = ({ readonly user: string; readonly password: string } | { readonly nkey: string }) & {
  readonly publish?: Rules
  readonly subscribe?: Rules
  readonly responses?: true
}

export interface SideTls {
  readonly certificates: Certificates
  /** Default false. */
  readonly verify?: boolean
  readonly handshakeFirst?: boolean
}

export interface SideOptions {
  readonly token?: string
  readonly users?: readonly SideUser[]
  readonly tls?: SideTls
  /** In the open, or over TLS with the same certificates. */
  readonly websocket?: 'open' | 'tls'
  readonly certificates?: Certificates
  readonly payloadMaxBytes?: number
  readonly pendingMaxBytes?: number
  readonly writeDeadlineMs?: number
  readonly pingIntervalMs?: number
  readonly pingsOutMax?: number
  readonly connectionsMax?: number
}

export interface Side extends AsyncDisposable {
  readonly name: 'embedded server' | 'nats-server'
  readonly url: string
  readonly port: number
  readonly websocketUrl: string
  /** Goes away without a word to the clients. */
  stop(): Promise<void>
  /** Comes back on the same port, with the same description. */
  start(): Promise<void>
  /** Tells the clients that it leaves. */
  lameDuck(): Promise<void>
}

export type OpenSide = (options?: SideOptions) => Promise<Side>

export const openEmbedded: OpenSide = async (options = {}) => {
  const { payloadMaxBytes } = options
  const hub = memoryHub({ ...(payloadMaxBytes !== undefined && { payloadMaxBytes }) })
  const serve = await serveOptions(options)
  let server: BusServer = await serveBus(hub, { ...serve, port: 0 })
  let leaving: Promise<void> = Promise.resolve()
  const { url, port } = server
  const stop = async () => {
    await leaving
    await server.close()
  }
  return {
    name: 'embedded server',
    url,
    port,
    websocketUrl: server.websocketUrl ?? '',
    stop,
    async start() {
      server = await serveBus(hub, { ...serve, port })
    },
    async lameDuck() {
      leaving = server.close({ graceMs: 10_000 })
    },
    [Symbol.asyncDispose]: stop,
  }
}

export const openReal: OpenSide = async (options = {}) => {
  const server = await startNatsServer(natsOptions(options))
  return {
    name: 'nats-server',
    url: server.url,
    port: server.port,
    websocketUrl: server.websocketUrl ?? '',
    stop: () => server.kill(),
    start: () => server.restart(),
    lameDuck: () => server.lameDuck(),
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

/** What a side gave its observer, on both. */
export async function onBoth<T>(
  options: SideOptions,
  observe: (side: Side) => Promise<T>,
): Promise<{ readonly embedded: T; readonly real: T }> {
  const on = async (open: OpenSide) => {
    await using side = await open(options)
    return await observe(side)
  }
  const [embedded, real] = await Promise.all([on(openEmbedded), on(openReal)])
  return { embedded, real }
}

async function serveOptions(options: SideOptions): Promise<ServeOptions> {
  const { users, tls, websocket, certificates, payloadMaxBytes: _, ...same } = options
  const secret = certificates ?? tls?.certificates
  const web = websocket && {
    port: 0,
    ...(websocket === 'tls' && secret && { tls: await pemOf({ certificates: secret }) }),
  }
  return {
    ...same,
    ...(users && { users: users.map(serveUser) }),
    ...(tls && { tls: await pemOf(tls) }),
    ...(web && { websocket: web }),
  }
}

function serveUser({ publish, subscribe, responses, ...identity }: SideUser): ServeUser {
  const permissions = {
    ...(publish && { publish }),
    ...(subscribe && { subscribe }),
    ...(responses && { responses }),
  }
  return { ...identity, ...(Object.keys(permissions).length > 0 && { permissions }) }
}

async function pemOf({ certificates, verify, handshakeFirst }: SideTls): Promise<ServeTls> {
  const { server, ca } = certificates
  const [cert, key, authority] = await Promise.all([server.cert, server.key, ca].map((path) => readFile(path, 'utf8')))
  return {
    cert: cert ?? '',
    key: key ?? '',
    ...(verify && authority !== undefined && { verify, ca: authority }),
    ...(handshakeFirst && { handshakeFirst }),
  }
}

function natsOptions(options: SideOptions): NatsServerOptions {
  const { users, tls, websocket, certificates, ...same } = options
  const secret = certificates ?? tls?.certificates
  const web = websocket === 'tls' && secret ? { tls: natsTls({ certificates: secret }) } : websocket === 'open'
  return {
    ...same,
    ...(users && { users: users.map(natsUser) }),
    ...(tls && { tls: natsTls(tls) }),
    ...(web !== false && { websocket: web }),
  }
}

function natsUser({ publish, subscribe, responses, ...identity }: SideUser): NatsUser {
  const permissions = {
    ...(publish && { publish }),
    ...(subscribe && { subscribe }),
    ...(responses && { allowResponses: true }),
  }
  return { ...identity, ...(Object.keys(permissions).length > 0 && { permissions }) }
}

function natsTls({ certificates, verify, handshakeFirst }: SideTls): NatsTls {
  const { server, ca } = certificates
  return { ...server, ...(verify && { verify, ca }), ...(handshakeFirst && { handshakeFirst }) }
}
