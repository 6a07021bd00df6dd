/**
 * The direct transport: members of groups reach each other over TCP, so that no broker is a single point of failure. One
 * listener serves all groups of a node; each member dials each other one, for one direction, when it has something to send.
 * Unlike the bus it proves who speaks: by certificates of both sides, or by a secret of the group. With neither it listens
 * at this machine's own addresses alone, and whoever runs on this machine may speak for anyone. No secret, nonce or key is
 * ever in a log or error.
 *
 * All members must have the same `frameMaxBytes`, the same secret or the same authority. A stranger can make a connection and
 * hold it for `handshakeTimeoutMs`, or until others need its place; it costs a greeting of at most 2 KiB. Whoever can change
 * what passes can break a connection, and no more; without TLS whoever sees what passes can read it.
 */
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { Closed } from '../base/error.ts'
import { GroupTaken, ListenFailed } from './error.ts'
import type { Channel } from './transport-tcp-channel.ts'
import { accept } from './transport-tcp-accept.ts'
import type { AcceptHost } from './transport-tcp-accept.ts'
import { Doors } from './transport-tcp-doors.ts'
import type { Hello } from './transport-tcp-handshake.ts'
import { TcpLink, checkMember } from './transport-tcp-link.ts'
import { checkTcpOptions, formatTcpAddress } from './transport-tcp-options.ts'
import type { TcpSettings, TcpTransportOptions } from './transport-tcp-options.ts'
import type { GroupLink, Receiver, Transport } from './transport.ts'

export type { TcpTls, TcpTransportOptions } from './transport-tcp-options.ts'

export interface TcpTransport extends Transport {
  /** Connections that were closed before they had named a member that is here: garbage, strangers, other versions. */
  readonly refused: number
}

/**
 * Listens, and resolves once it does. Rejects with `base.invalid_argument`, `raft.unauthenticated` (a host beyond this machine
 * without secret or tls), `raft.listen_failed`.
 */
export async function tcpTransport(options: TcpTransportOptions = {}): Promise<TcpTransport> {
  const settings = checkTcpOptions(options)
  const { tls, handshakeTimeoutMs } = settings
  const server = tls
    ? createTlsServer({
        ...tls,
        minVersion: 'TLSv1.3',
        requestCert: true,
        rejectUnauthorized: true,
        handshakeTimeout: handshakeTimeoutMs,
      })
    : createServer({ noDelay: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new ListenFailed(settings.host, settings.port, { cause })))
    server.listen({ host: settings.host, port: settings.port }, resolve)
  })
  server.removeAllListeners('error')
  return new Direct(settings, server)
}

class Direct implements TcpTransport {
  readonly driver = 'tcp'
  readonly address: string
  readonly frameMaxBytes: number
  readonly #settings: TcpSettings
  readonly #server: Server
  readonly #links = new Map<string, TcpLink>()
  readonly #doors: Doors
  readonly #host: AcceptHost
  #streams = 0
  #refused = 0
  #closed: Promise<void> | undefined

  constructor(settings: TcpSettings, server: Server) {
    this.#settings = settings
    this.#server = server
    this.#doors = new Doors(settings.connectionsMax)
    this.frameMaxBytes = settings.frameMaxBytes
    this.address = formatTcpAddress(settings.advertiseHost, (server.address() as AddressInfo).port)
    this.#host = {
      settings,
      knows: ({ group, to }) => this.#links.has(keyOf(group, to)),
      accepted: (hello, channel) => this.#accepted(hello, channel),
      refused: (reason, hello) => this.#refuse(reason, hello),
    }
    // Such as no descriptor left for one more socket; those that are there go on.
    server.on('error', (error) => settings.logger.warn({ err: error }, 'the raft transport cannot take a connection'))
    server.on('connection', (socket: Socket) => this.#doors.add(socket))
    server.on('tlsClientError', (error: Error) => this.#refuse(error.message, undefined))
    server.on(settings.tls ? 'secureConnection' : 'connection', (socket: Socket) => void accept(this.#host, socket))
  }

  get refused(): number {
    return this.#refused
  }

  join(group: string, member: string, receiver: Receiver): GroupLink {
    if (this.#closed) throw new Closed('the raft transport')
    checkMember('group', group)
    checkMember('member', member)
    const key = keyOf(group, member)
    if (this.#links.has(key)) throw new GroupTaken(group, member)
    const link = new TcpLink(this.#settings, group, member, receiver, () => void this.#links.delete(key))
    this.#links.set(key, link)
    return link
  }

  #accepted(hello: Hello, channel: Channel): void {
    this.#doors.proved(channel.socket)
    const { group, from, to, purpose } = hello
    const link = this.#links.get(keyOf(group, to))
    // It may have left the group between the greeting and the proof.
    if (!link) return channel.destroy('the member has left the group')
    if (purpose === 'frames') return link.takeFrames(from, channel)
    if (this.#streams >= this.#settings.streamsMax) return channel.destroy('too many streams at one time')
    this.#streams++
    link.takeStream(from, channel, () => this.#streams--)
  }

  #refuse(reason: string, hello: Hello | undefined): void {
    if (this.#closed) return
    const link = hello && this.#links.get(keyOf(hello.group, hello.to))
    if (link) link.counts.refused++
    else this.#refused++
    this.#settings.logger.debug({ reason }, 'a connection to the raft transport was refused')
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      const gone = new Promise<void>((resolve) => this.#server.close(() => resolve()))
      await Promise.all(Array.from(this.#links.values(), (link) => link.close()))
      this.#doors.closeAll()
      await gone
    })()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function keyOf(group: string, member: string): string {
  return JSON.stringify([group, member])
}
