/**
 * What the direct transport can be told, and the checks of it. It opens no socket. Errors name the option and never repeat
 * what a secret or key holds.
 */
import { isIPv4 } from 'node:net'
import { createSecureContext } from 'node:tls'
import { createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { randomFrom, systemEntropy } from '../base/entropy.ts'
import type { Entropy } from '../base/entropy.ts'
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, plainName, utf8Bytes, wholeNumber } from '../base/limit.ts'
import { type Logger, guardedLogger, silentLogger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import { systemClock } from '../base/system-clock.ts'
import { Unauthenticated } from './error.ts'

/** PEM text. Each member's certificate has the member's name as its common name or as a DNS name among the alternative ones. */
export interface TcpTls {
  readonly key: string
  readonly cert: string
  /** The authority of the group: it alone signs members. */
  readonly ca: string
}

export interface TcpTransportOptions {
  /** Where this node listens. Default 127.0.0.1, any free port. Without `secret` or `tls` only this machine's own addresses. */
  readonly listen?: { readonly host?: string; readonly port?: number }
  /** The host in `address`, where others reach this node. Default: that of `listen`. */
  readonly advertiseHost?: string
  /**
   * What all members of the groups know and nobody else: at least 16 bytes, drawn by chance, for whoever is asked to speak may
   * try guesses at it offline. It proves a member, and not which one. Frames are guarded against change, not against reading.
   */
  readonly secret?: string | Uint8Array
  /** Certificates in place of a secret: they prove each member by name, and nobody reads along. */
  readonly tls?: TcpTls
  /** Default 8 MiB. */
  readonly frameMaxBytes?: number
  /** Frames that wait for one peer before `send` is false. Default 16,384. */
  readonly queueMax?: number
  /** Their bytes, those in the socket counted. Default 64 MiB. */
  readonly queueMaxBytes?: number
  /**
   * Connections that others have made. For one more, that which has gone longest without a proof makes room; if all have proved
   * who they are, it is closed. Default 1024.
   */
  readonly connectionsMax?: number
  /** Streams that are taken at one time; one more is closed. Default 16. */
  readonly streamsMax?: number
  /** Largest piece of a stream. Default 64 KiB. */
  readonly streamChunkBytes?: number
  /** From the dial to the proof. Default 3000. */
  readonly handshakeTimeoutMs?: number
  /** How often an end shows that it is there. Default 2000. */
  readonly keepaliveMs?: number
  /** Silence after which a connection is broken. Default 10,000. */
  readonly idleTimeoutMs?: number
  /** Wait after a failed dial, of which chance takes up to half; it doubles with each failure. Default 50. */
  readonly reconnectMs?: number
  /** The longest wait. Default 2000. */
  readonly reconnectMaxMs?: number
  readonly clock?: Clock
  /** Nonces, and the seed of the jitter. Default the system's. */
  readonly entropy?: Entropy
  /** Told of connections made and lost. */
  readonly logger?: Logger
}

/** The options after their checks. */
export interface TcpSettings {
  readonly host: string
  readonly port: number
  readonly advertiseHost: string
  readonly secret: KeyObject | undefined
  readonly tls: TcpTls | undefined
  readonly frameMaxBytes: number
  readonly queueMax: number
  readonly queueMaxBytes: number
  readonly connectionsMax: number
  readonly streamsMax: number
  readonly streamChunkBytes: number
  readonly handshakeTimeoutMs: number
  readonly keepaliveMs: number
  readonly idleTimeoutMs: number
  readonly reconnectMs: number
  readonly reconnectMaxMs: number
  readonly clock: Clock
  readonly entropy: Entropy
  readonly random: Random
  readonly logger: Logger
}

const optionNames = [
  'listen',
  'advertiseHost',
  'secret',
  'tls',
  'frameMaxBytes',
  'queueMax',
  'queueMaxBytes',
  'connectionsMax',
  'streamsMax',
  'streamChunkBytes',
  'handshakeTimeoutMs',
  'keepaliveMs',
  'idleTimeoutMs',
  'reconnectMs',
  'reconnectMaxMs',
  'clock',
  'entropy',
  'logger',
] as const

const secretBytesMin = 16
const secretBytesMax = 1024
const delayMaxMs = 2 ** 31 - 1
const frameBytesMax = 256 * 1024 * 1024

/** Throws `base.invalid_argument` and `raft.unauthenticated`. */
export function checkTcpOptions(options: TcpTransportOptions): TcpSettings {
  checkKeys('options', options, optionNames)
  const listen = options.listen ?? {}
  checkKeys('listen', listen, ['host', 'port'])
  if (options.secret !== undefined && options.tls !== undefined)
    throw new InvalidArgument('secret', 'and tls are two ways to prove the same; give one of them')
  const host = plainName('listen.host', listen.host ?? '127.0.0.1', 255)
  const secret = options.secret === undefined ? undefined : checkSecret(options.secret)
  const tls = options.tls === undefined ? undefined : checkTls(options.tls)
  if (!secret && !tls && !isLoopback(host)) throw new Unauthenticated(host)
  const entropy = options.entropy ?? systemEntropy
  const reconnectMs = wholeNumber('reconnectMs', options.reconnectMs ?? 50, 1, delayMaxMs)
  const keepaliveMs = wholeNumber('keepaliveMs', options.keepaliveMs ?? 2000, 1, delayMaxMs)
  return {
    host,
    port: wholeNumber('listen.port', listen.port ?? 0, 0, 65_535),
    advertiseHost: plainName('advertiseHost', options.advertiseHost ?? host, 255),
    secret,
    tls,
    frameMaxBytes: wholeNumber('frameMaxBytes', options.frameMaxBytes ?? 8 * 1024 * 1024, 1, frameBytesMax),
    queueMax: wholeNumber('queueMax', options.queueMax ?? 16_384, 1),
    queueMaxBytes: wholeNumber('queueMaxBytes', options.queueMaxBytes ?? 64 * 1024 * 1024, 1),
    connectionsMax: wholeNumber('connectionsMax', options.connectionsMax ?? 1024, 1),
    streamsMax: wholeNumber('streamsMax', options.streamsMax ?? 16, 1),
    streamChunkBytes: wholeNumber('streamChunkBytes', options.streamChunkBytes ?? 65_536, 1, frameBytesMax),
    handshakeTimeoutMs: wholeNumber('handshakeTimeoutMs', options.handshakeTimeoutMs ?? 3000, 1, delayMaxMs),
    keepaliveMs,
    idleTimeoutMs: wholeNumber('idleTimeoutMs', options.idleTimeoutMs ?? 10_000, keepaliveMs, delayMaxMs),
    reconnectMs,
    reconnectMaxMs: wholeNumber('reconnectMaxMs', options.reconnectMaxMs ?? 2000, reconnectMs, delayMaxMs),
    clock: options.clock ?? systemClock,
    entropy,
    random: randomFrom(entropy),
    logger: guardedLogger(options.logger ?? silentLogger),
  }
}

function checkSecret(secret: unknown): KeyObject {
  const bytes = typeof secret === 'string' ? utf8Bytes(secret) : secret
  if (!(bytes instanceof Uint8Array) || bytes.length < secretBytesMin || bytes.length > secretBytesMax)
    throw new InvalidArgument(
      'secret',
      `must be text or bytes, ${secretBytesMin} to ${secretBytesMax} of them, drawn by chance`,
    )
  return createSecretKey(bytes)
}

function checkTls(tls: TcpTls): TcpTls {
  checkKeys('tls', tls, ['key', 'cert', 'ca'])
  const { key, cert, ca } = tls
  for (const [name, text] of Object.entries({ key, cert, ca }))
    if (typeof text !== 'string' || !text.includes('-----BEGIN '))
      throw new InvalidArgument(`tls.${name}`, 'must be PEM text; read the file first')
  try {
    createSecureContext({ key, cert, ca })
  } catch (cause) {
    throw new InvalidArgument('tls', 'must hold a certificate and the key that belongs to it, without a password', {
      cause,
    })
  }
  return { key, cert, ca }
}

/** Whether only this machine has the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

/** Host and port of `tcp://host:port`; throws `base.invalid_argument`, and `raft.unauthenticated` for one that may not be dialled. */
export function parseTcpAddress(
  address: string,
  settings: TcpSettings,
): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port] = /^tcp:\/\/(?:\[([\da-f:.]+)\]|([\w.-]{1,255})):(\d{1,5})$/i.exec(address) ?? []
  const host = bracketed ?? plain
  if (host === undefined || !(Number(port) >= 1 && Number(port) <= 65_535))
    throw new InvalidArgument('address', 'must be tcp://host:port, as the transport of the other node gives it')
  if (!settings.secret && !settings.tls && !isLoopback(host)) throw new Unauthenticated(host)
  return { host, port: Number(port) }
}

export function formatTcpAddress(host: string, port: number): string {
  return host.includes(':') ? `tcp://[${host}]:${port}` : `tcp://${host}:${port}`
}
