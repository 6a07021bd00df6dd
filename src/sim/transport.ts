/**
 * A raft transport over the network of a simulated world, so that whole replicas run in it. Unlike the one over the
 * simulated bus it has no broker: each message goes over the link between two nodes, with that link's weather and cuts. A
 * member is found by the name of its node, or by an address, `sim://<node>`.
 *
 * By default messages go as on a TCP connection, in order and once, and a connection that breaks is told as
 * `unreachable`. As datagrams they may also be lost without a word and come out of order; what the network doubles is taken
 * once, as the port promises.
 */
import type { Clock } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import { Closed, InvalidArgument, messageOf } from '../base/error.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'
import { silentLogger } from '../base/logger.ts'
import type { Logger } from '../base/logger.ts'
import { GroupTaken, InvalidFrame } from '../raft/error.ts'
import { MessageLink, checkMessageName, openMessage } from '../raft/message-link.ts'
import type { MessageSettings } from '../raft/message-link.ts'
import type { GroupLink, Receiver, Transport } from '../raft/transport.ts'
import type { LinkKind } from './network-event.ts'
import type { Endpoint, Incoming, StationHandlers } from './network-station.ts'

/** What a node gives its transport: `Ports` is one. */
export interface SimTransportPorts {
  readonly name: string
  readonly clock: Clock
  readonly entropy: Entropy
  readonly wire: (handlers: StationHandlers, options?: { readonly port?: string }) => Endpoint
}

export interface SimTransportOptions {
  /** The port of the node on the network. Default `raft`. */
  readonly port?: string
  /** Default `stream`. */
  readonly kind?: LinkKind
  /** Default 1 MiB. */
  readonly frameMaxBytes?: number
  /** Largest piece of a stream. Default 64 KiB. */
  readonly streamChunkBytes?: number
  /** Streams that a member takes at one time. Default 16. */
  readonly streamsMax?: number
  /** How long a piece of a stream waits for its answer before it is sent again. Default 1000. */
  readonly resendMs?: number
  /** Silence in a stream after which the other side counts as gone. Default 10,000. */
  readonly idleTimeoutMs?: number
  readonly logger?: Logger
}

export interface SimTransport extends Transport {
  /** What came and was for no member here. */
  readonly refused: number
}

const optionNames = [
  'port',
  'kind',
  'frameMaxBytes',
  'streamChunkBytes',
  'streamsMax',
  'resendMs',
  'idleTimeoutMs',
  'logger',
] as const

const delayMaxMs = 2 ** 31 - 1
const frameBytesMax = 64 * 1024 * 1024
const addressStart = 'sim://'

/** Throws `base.invalid_argument`, and `sim.port_taken` when the node has such a port already. */
export function simTransport(ports: SimTransportPorts, options: SimTransportOptions = {}): SimTransport {
  checkKeys('options', options, optionNames)
  const { kind = 'stream' } = options
  if (kind !== 'stream' && kind !== 'datagram') throw new InvalidArgument('kind', 'must be stream or datagram')
  const frameMaxBytes = wholeNumber('frameMaxBytes', options.frameMaxBytes ?? 1_048_576, 1024, frameBytesMax)
  const resendMs = wholeNumber('resendMs', options.resendMs ?? 1000, 1, delayMaxMs)
  const settings: MessageSettings = {
    frameMaxBytes,
    chunkBytes: wholeNumber('streamChunkBytes', options.streamChunkBytes ?? 65_536, 1, frameMaxBytes),
    streamsMax: wholeNumber('streamsMax', options.streamsMax ?? 16, 1),
    resendMs,
    idleTimeoutMs: wholeNumber('idleTimeoutMs', options.idleTimeoutMs ?? 10_000, resendMs, delayMaxMs),
    clock: ports.clock,
    entropy: ports.entropy,
    logger: options.logger ?? silentLogger,
  }
  return new WireTransport(ports, plainName('port', options.port ?? 'raft', 64), kind, settings)
}

class WireTransport implements SimTransport {
  readonly driver = 'sim'
  readonly address: string
  readonly frameMaxBytes: number
  refused = 0
  readonly #settings: MessageSettings
  readonly #kind: LinkKind
  readonly #endpoint: Endpoint
  readonly #links = new Map<string, { readonly link: MessageLink; readonly nodes: Map<string, string> }>()
  #closed = false

  constructor(ports: SimTransportPorts, port: string, kind: LinkKind, settings: MessageSettings) {
    this.address = `${addressStart}${ports.name}`
    this.frameMaxBytes = settings.frameMaxBytes
    this.#settings = settings
    this.#kind = kind
    this.#endpoint = ports.wire(
      {
        onMessage: (message) => this.#take(message),
        onBreak: (node) => this.#broken(node),
        onEnd: () => void (this.#closed = true),
      },
      { port },
    )
  }

  join(group: string, member: string, receiver: Receiver): GroupLink {
    if (this.#closed) throw new Closed('the raft transport')
    const key = keyOf(checkMessageName('group', group), checkMessageName('member', member))
    if (this.#links.has(key)) throw new GroupTaken(group, member)
    const nodes = new Map<string, string>()
    const link = new MessageLink(this.#settings, group, member, receiver, {
      post: (to, message) => this.#post(nodes.get(to) ?? to, message),
      setAddress: (name, address) => {
        if (!address.startsWith(addressStart) || address.length === addressStart.length)
          throw new InvalidArgument('address', 'must be sim:// and the name of a node')
        nodes.set(name, address.slice(addressStart.length))
      },
      leave: () => void this.#links.delete(key),
    })
    this.#links.set(key, { link, nodes })
    return link
  }

  /** Nothing of a node that is full, gone or not known is an error of its caller: on a wire it is silence. */
  #post(node: string, message: Uint8Array): boolean {
    if (this.#closed) return false
    try {
      this.#endpoint.send(node, message, { kind: this.#kind })
      return true
    } catch (error) {
      this.#settings.logger.debug({ node, reason: messageOf(error) }, 'a message of raft was not sent')
      return false
    }
  }

  #take({ data }: Incoming): void {
    let key: string
    try {
      const { group, to } = openMessage(data)
      key = keyOf(group, to)
    } catch (error) {
      if (!(error instanceof InvalidFrame)) throw error
      this.refused++
      return
    }
    const known = this.#links.get(key)
    if (known) known.link.take(data)
    else this.refused++
  }

  #broken(node: string): void {
    for (const { link, nodes } of this.#links.values()) {
      link.lost(node)
      for (const [member, at] of nodes) if (at === node && member !== node) link.lost(member)
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    for (const { link } of this.#links.values()) await link.close()
    this.#closed = true
    this.#endpoint.detach()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function keyOf(group: string, member: string): string {
  return JSON.stringify([group, member])
}
