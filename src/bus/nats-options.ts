/**
 * What a NATS connection can be told, and the checks of it. Unlike `nats-secret.ts` it reads no file and asks for no
 * secret: it only sees that what is given goes together. Errors name the option and never repeat what it holds.
 */
import type { Clock } from '../base/clock.ts'
import { randomFrom, systemEntropy } from '../base/entropy.ts'
import type { Entropy } from '../base/entropy.ts'
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'
import { type Logger, silentLogger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import { systemClock } from '../base/system-clock.ts'
import { type ServerAddress, parseServers } from './nats-server.ts'
import { placesMax } from './requests.ts'
import { checkSubject } from './subject.ts'

/** A secret, or how to get it: asked at each connect, so that one that is changed elsewhere needs no restart. */
export type Secret = string | (() => string | Promise<string>)

/** PEM text, or a file of it, which is read at each connect. */
export interface NatsTlsOptions {
  /** Who may have signed the server's certificate. Default: whom Node trusts. */
  readonly ca?: string
  readonly caFile?: string
  /** The client's certificate, for a server that asks for one; with its key. */
  readonly cert?: string
  readonly certFile?: string
  readonly key?: Secret
  readonly keyFile?: string
  /** The name that the server's certificate must have. Default: the host of the server's address. */
  readonly servername?: string
  /** TLS before the server says a word, for one that is set up so (`handshake_first`). Default false. */
  readonly handshakeFirst?: boolean
  /** Takes whatever certificate is shown, so that anyone in between can read and change all. For trials only; logged. */
  readonly insecureAcceptAnyCertificate?: boolean
}

export interface NatsReconnectOptions {
  /** The first wait, of which chance takes a part; it doubles with each round of the servers. Default 100. */
  readonly waitMs?: number
  /** The longest wait. Default 5000: a server that is back is found within seconds. */
  readonly waitMaxMs?: number
  /** Failed dials since the connection was lost before the bus closes with `bus.connect_failed`. Default: no end. */
  readonly attemptsMax?: number
  /** Goes on when a server refuses the credentials, for they may be mended there. Default true; false closes the bus. */
  readonly afterUnauthorized?: boolean
}

export interface NatsOptions {
  /** `nats://`, `tls://` (TLS or nothing), `ws://`, `wss://`, or `host:port`. Without credentials. Default `nats://127.0.0.1:4222`. */
  readonly servers?: string | readonly string[]
  /** Shown by the server's monitoring. */
  readonly name?: string
  readonly token?: Secret
  readonly user?: string
  readonly password?: Secret
  /** Seed of an nkey (`SU...`); alone, or with `jwt`. */
  readonly nkey?: Secret
  readonly nkeyFile?: string
  /** A user's JWT, with its `nkey`; alone for a bearer. */
  readonly jwt?: Secret
  /** Text of a `.creds` file: JWT and seed. */
  readonly creds?: Secret
  readonly credsFile?: string
  /** Without it TLS is used where the server offers it. With it, or a `tls://` address, there is no connection without. */
  readonly tls?: NatsTlsOptions
  /** First tokens of the inbox for answers, where permissions ask for it. Default `_INBOX`. */
  readonly inboxPrefix?: string
  /** Whether own publishes come to own subscriptions. Default true. */
  readonly echo?: boolean
  /** Default 20,000: with two unanswered, a peer that is gone without a word is noticed within a minute. */
  readonly pingIntervalMs?: number
  /** PINGs without an answer before the connection counts as lost. Default 2. */
  readonly pingsOutMax?: number
  /** For one dial, with TLS and login. Default 5000. */
  readonly connectTimeoutMs?: number
  /** The first connect is tried again as a lost one is. Default false: it rejects when each server has failed once. */
  readonly connectRetry?: boolean
  /** Ends the first connect: `base.aborted`. */
  readonly signal?: AbortSignal
  /** False: a lost connection closes the bus. */
  readonly reconnect?: NatsReconnectOptions | false
  /** Servers that the cluster tells of are used too. Default true. */
  readonly discover?: boolean
  /** Begins with a server chosen by chance, so that clients spread. Default true; false: in the order given. */
  readonly shuffle?: boolean
  /** Publishes that wait while there is no connection, before `bus.buffer_full`. Default 65,536. */
  readonly bufferMax?: number
  /** Their bytes: data, headers, subject, reply, and 32 for each. Default 8 MiB. */
  readonly bufferMaxBytes?: number
  /** Publishes that the server has not confirmed, while connected, before `bus.buffer_full`. Default 1,048,576. */
  readonly unconfirmedMax?: number
  /** Their bytes, counted so. Default 64 MiB. */
  readonly unconfirmedMaxBytes?: number
  /** Requests that may wait at one time. Default 65,536. */
  readonly requestsMax?: number
  readonly clock?: Clock
  /** Order of servers and jitter. Default: seeded afresh. */
  readonly random?: Random
  readonly entropy?: Entropy
  /** Told of connections made and lost. */
  readonly logger?: Logger
  /** The module `@nats-io/transport-node`, when the caller has it already. */
  readonly library?: object
}

/** The options after their checks, with the defaults. */
export interface NatsSettings {
  readonly servers: readonly ServerAddress[]
  readonly options: NatsOptions
  readonly tls: NatsTlsOptions | undefined
  readonly inboxPrefix: string
  readonly pingIntervalMs: number
  readonly pingsOutMax: number
  readonly connectTimeoutMs: number
  readonly reconnect: Required<NatsReconnectOptions> | undefined
  readonly buffer: { readonly messagesMax: number; readonly bytesMax: number }
  readonly unconfirmed: { readonly messagesMax: number; readonly bytesMax: number }
  readonly requestsMax: number | undefined
  readonly clock: Clock
  readonly random: Random
  readonly entropy: Entropy
  readonly logger: Logger
}

const timerMsMax = 2 ** 31 - 1

/** For whoever writes JavaScript: the compiler does not tell of a slip there. */
const names = Object.keys({
  servers: 0,
  name: 0,
  token: 0,
  user: 0,
  password: 0,
  nkey: 0,
  nkeyFile: 0,
  jwt: 0,
  creds: 0,
  credsFile: 0,
  tls: 0,
  inboxPrefix: 0,
  echo: 0,
  pingIntervalMs: 0,
  pingsOutMax: 0,
  connectTimeoutMs: 0,
  connectRetry: 0,
  signal: 0,
  reconnect: 0,
  discover: 0,
  shuffle: 0,
  bufferMax: 0,
  bufferMaxBytes: 0,
  unconfirmedMax: 0,
  unconfirmedMaxBytes: 0,
  requestsMax: 0,
  clock: 0,
  random: 0,
  entropy: 0,
  logger: 0,
  library: 0,
} satisfies Record<keyof NatsOptions, 0>)
const tlsNames = Object.keys({
  ca: 0,
  caFile: 0,
  cert: 0,
  certFile: 0,
  key: 0,
  keyFile: 0,
  servername: 0,
  handshakeFirst: 0,
  insecureAcceptAnyCertificate: 0,
} satisfies Record<keyof NatsTlsOptions, 0>)
const reconnectNames = Object.keys({
  waitMs: 0,
  waitMaxMs: 0,
  attemptsMax: 0,
  afterUnauthorized: 0,
} satisfies Record<keyof NatsReconnectOptions, 0>)

/** Throws `base.invalid_argument`. */
export function checkOptions(options: NatsOptions): NatsSettings {
  checkKeys('NatsOptions', options, names)
  const servers = parseServers(options.servers)
  if (options.name !== undefined) plainName('name', options.name, 256)
  checkCredentials(options)
  for (const name of ['echo', 'connectRetry', 'discover', 'shuffle'] as const) checkFlag(name, options[name])
  const { clock = systemClock, entropy = systemEntropy, logger = silentLogger } = options
  return {
    servers,
    options,
    tls: checkTls(options.tls, servers),
    inboxPrefix: checkInbox(options.inboxPrefix ?? '_INBOX'),
    pingIntervalMs: wholeNumber('pingIntervalMs', options.pingIntervalMs ?? 20_000, 10, timerMsMax),
    pingsOutMax: wholeNumber('pingsOutMax', options.pingsOutMax ?? 2, 1, 1000),
    connectTimeoutMs: wholeNumber('connectTimeoutMs', options.connectTimeoutMs ?? 5000, 1, timerMsMax),
    reconnect: checkReconnect(options.reconnect ?? {}),
    buffer: {
      messagesMax: wholeNumber('bufferMax', options.bufferMax ?? 65_536, 0),
      bytesMax: wholeNumber('bufferMaxBytes', options.bufferMaxBytes ?? 8 * 1024 * 1024, 0),
    },
    unconfirmed: {
      messagesMax: wholeNumber('unconfirmedMax', options.unconfirmedMax ?? 1_048_576, 1),
      bytesMax: wholeNumber('unconfirmedMaxBytes', options.unconfirmedMaxBytes ?? 64 * 1024 * 1024, 1),
    },
    requestsMax:
      options.requestsMax === undefined ? undefined : wholeNumber('requestsMax', options.requestsMax, 1, placesMax),
    clock,
    random: options.random ?? randomFrom(entropy),
    entropy,
    logger,
  }
}

function checkInbox(prefix: string): string {
  checkSubject(prefix)
  if (prefix.length > 256) throw new InvalidArgument('inboxPrefix', 'must have at most 256 characters')
  return prefix
}

function checkReconnect(options: NatsReconnectOptions | false): Required<NatsReconnectOptions> | undefined {
  if (options === false) return undefined
  checkKeys('reconnect', options, reconnectNames)
  const waitMs = wholeNumber('reconnect.waitMs', options.waitMs ?? 100, 0, timerMsMax)
  const { attemptsMax = Number.POSITIVE_INFINITY, afterUnauthorized = true } = options
  checkFlag('reconnect.afterUnauthorized', afterUnauthorized)
  return {
    waitMs,
    waitMaxMs: wholeNumber('reconnect.waitMaxMs', options.waitMaxMs ?? Math.max(5000, waitMs), waitMs, timerMsMax),
    attemptsMax:
      attemptsMax === Number.POSITIVE_INFINITY ? attemptsMax : wholeNumber('reconnect.attemptsMax', attemptsMax, 1),
    afterUnauthorized,
  }
}

function checkFlag(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') throw new InvalidArgument(name, 'must be true or false')
}

/** One way to log in, whole. */
function checkCredentials(options: NatsOptions): void {
  const { token, user, password, nkey, nkeyFile, jwt, creds, credsFile } = options
  for (const [name, value] of Object.entries({ token, password, nkey, jwt, creds })) checkSecret(name, value)
  for (const [name, value] of Object.entries({ nkeyFile, credsFile })) checkFile(name, value)
  if (user !== undefined && (typeof user !== 'string' || user === ''))
    throw new InvalidArgument('user', 'must be text of at least one character')
  if ((user === undefined) !== (password === undefined))
    throw new InvalidArgument('password', 'and user go together; give both or neither')
  if (nkey !== undefined && nkeyFile !== undefined) throw new InvalidArgument('nkeyFile', 'and nkey are one too many')
  if (creds !== undefined && credsFile !== undefined)
    throw new InvalidArgument('credsFile', 'and creds are one too many')
  const ways = [
    token !== undefined,
    user !== undefined,
    nkey !== undefined || nkeyFile !== undefined || jwt !== undefined,
    creds !== undefined || credsFile !== undefined,
  ]
  if (ways.filter(Boolean).length > 1)
    throw new InvalidArgument(
      'credentials',
      'must be of one kind: token, user and password, nkey with or without jwt, or creds',
    )
}

function checkSecret(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return
  if (typeof value !== 'string' || value === '')
    throw new InvalidArgument(name, 'must be text of at least one character, or a function that returns it')
}

function checkFile(name: string, value: unknown): void {
  if (value !== undefined && (typeof value !== 'string' || value === ''))
    throw new InvalidArgument(name, 'must be the path of a file')
}

function checkTls(tls: NatsTlsOptions | undefined, servers: readonly ServerAddress[]): NatsTlsOptions | undefined {
  if (tls === undefined) return undefined
  checkKeys('tls', tls, tlsNames)
  if (servers.every(({ transport }) => transport === 'websocket'))
    throw new InvalidArgument(
      'tls',
      'has no effect on WebSockets, which trust whom Node trusts; set NODE_EXTRA_CA_CERTS',
    )
  if (servers.some((server) => server.transport === 'websocket' && !server.tls))
    throw new InvalidArgument(
      'servers',
      'must not hold ws:// beside the option tls, for it is without TLS; write wss://',
    )
  const { ca, caFile, cert, certFile, key, keyFile } = tls
  for (const [name, value] of Object.entries({ ca, cert, key })) {
    checkSecret(`tls.${name}`, value)
    if (typeof value === 'string') checkPem(`tls.${name}`, value)
  }
  for (const [name, value] of Object.entries({ caFile, certFile, keyFile })) checkFile(`tls.${name}`, value)
  for (const [name, text, file] of [
    ['ca', ca, caFile],
    ['cert', cert, certFile],
    ['key', key, keyFile],
  ] as const)
    if (text !== undefined && file !== undefined)
      throw new InvalidArgument(`tls.${name}File`, `and tls.${name} are one too many`)
  if ((cert ?? certFile) === undefined ? (key ?? keyFile) !== undefined : (key ?? keyFile) === undefined)
    throw new InvalidArgument('tls.key', 'and tls.cert go together; give both or neither')
  if (tls.servername !== undefined) plainName('tls.servername', tls.servername, 253)
  checkFlag('tls.handshakeFirst', tls.handshakeFirst)
  checkFlag('tls.insecureAcceptAnyCertificate', tls.insecureAcceptAnyCertificate)
  return tls
}

export function checkPem(name: string, text: string): void {
  if (!text.includes('-----BEGIN '))
    throw new InvalidArgument(
      name,
      'must be PEM text (-----BEGIN ...); a path goes into the option of the same name with File',
    )
}
