/**
 * TcpLink: one member's end in one group on the direct transport. It has a peer for each member that it sends to, and one
 * connection from each member that sends to it, the latest. Unlike the transport it knows no listener and no handshake.
 */
import { Aborted, InvalidArgument, LimitExceeded } from '../base/error.ts'
import { InvalidFrame, StreamFailed } from './error.ts'
import type { Channel } from './transport-tcp-channel.ts'
import { dial } from './transport-tcp-dial.ts'
import { checkTransportName } from './transport-name.ts'
import { nameBytesMax } from './transport-tcp-handshake.ts'
import type { TcpSettings } from './transport-tcp-options.ts'
import { parseTcpAddress } from './transport-tcp-options.ts'
import { Peer } from './transport-tcp-peer.ts'
import { framesIn, recordKinds } from './transport-tcp-record.ts'
import { receiveStream, sendStream } from './transport-tcp-stream.ts'
import type { GroupLink, Receiver, TransportCounts } from './transport.ts'

/** Members with an address. */
const peersMax = 1024

export class TcpLink implements GroupLink {
  readonly group: string
  readonly member: string
  readonly counts: { sent: number; received: number; dropped: number; refused: number } & TransportCounts = {
    sent: 0,
    received: 0,
    dropped: 0,
    refused: 0,
  }
  readonly #settings: TcpSettings
  readonly #receiver: Receiver
  readonly #forget: () => void
  readonly #addresses = new Map<string, { readonly host: string; readonly port: number }>()
  readonly #peers = new Map<string, Peer>()
  readonly #incoming = new Map<string, Channel>()
  readonly #streams = new Set<Channel>()
  /** Ends streams that are sent, with the link. */
  readonly #closing = new AbortController()

  constructor(settings: TcpSettings, group: string, member: string, receiver: Receiver, forget: () => void) {
    this.#settings = settings
    this.group = group
    this.member = member
    this.#receiver = receiver
    this.#forget = forget
  }

  /** Throws `base.limit_exceeded` when the frame is larger than `frameMaxBytes`. */
  send(to: string, frame: Uint8Array): boolean {
    if (frame.length > this.#settings.frameMaxBytes)
      throw new LimitExceeded('frameMaxBytes', this.#settings.frameMaxBytes, frame.length)
    const peer = this.#peers.get(to) ?? this.#newPeer(to)
    if (peer) return peer.send(frame)
    this.counts.dropped++
    return false
  }

  #newPeer(to: string): Peer | undefined {
    const address = this.#addresses.get(to)
    if (!address || this.#closing.signal.aborted) return undefined
    const { counts } = this
    const peer = new Peer(
      {
        settings: this.#settings,
        sent: (frames) => (counts.sent += frames),
        dropped: (frames) => (counts.dropped += frames),
        refused: () => counts.refused++,
        unreachable: () => this.#receiver.unreachable(to),
      },
      { ...address, purpose: 'frames', group: this.group, from: this.member, to },
    )
    this.#peers.set(to, peer)
    return peer
  }

  async stream(
    to: string,
    header: Uint8Array,
    content: AsyncIterable<Uint8Array>,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const address = this.#addresses.get(to)
    if (!address) throw new StreamFailed(to, 'no address of it is known')
    if (header.length > this.#settings.frameMaxBytes)
      throw new LimitExceeded('frameMaxBytes', this.#settings.frameMaxBytes, header.length)
    const closing = this.#closing.signal
    if (closing.aborted) throw new StreamFailed(to, 'the link is closed')
    const either = signal ? AbortSignal.any([signal, closing]) : closing
    try {
      const channel = await this.#dialStream(to, address, either)
      await sendStream(channel, this.#settings, to, header, content, either)
    } catch (error) {
      // What the link's own end aborts was not cancelled by the caller.
      if (error instanceof Aborted && closing.aborted && !signal?.aborted)
        throw new StreamFailed(to, 'the link was closed', { cause: error })
      throw error
    }
  }

  #dialStream(to: string, address: { host: string; port: number }, signal: AbortSignal): Promise<Channel> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        dialing?.cancel()
        reject(new Aborted('a stream', { cause: signal.reason }))
      }
      if (signal.aborted) {
        reject(new Aborted('a stream', { cause: signal.reason }))
        return
      }
      signal.addEventListener('abort', onAbort, { once: true })
      const settled = () => signal.removeEventListener('abort', onAbort)
      const target = { ...address, purpose: 'stream' as const, group: this.group, from: this.member, to }
      const dialing = dial(
        this.#settings,
        target,
        (channel) => {
          settled()
          resolve(channel)
        },
        (reason) => {
          settled()
          reject(new StreamFailed(to, reason))
        },
      )
    })
  }

  /** Throws `base.invalid_argument`, `raft.unauthenticated`, and `base.limit_exceeded` beyond 1024 members. */
  setAddress(member: string, address: string): void {
    checkMember('member', member)
    if (member === this.member) throw new InvalidArgument('member', 'is this member itself')
    const parsed = parseTcpAddress(address, this.#settings)
    if (!this.#addresses.has(member) && this.#addresses.size >= peersMax)
      throw new LimitExceeded('members with an address', peersMax, peersMax + 1)
    this.#addresses.set(member, parsed)
    const peer = this.#peers.get(member)
    if (!peer || (peer.address.host === parsed.host && peer.address.port === parsed.port)) return
    this.#peers.delete(member)
    peer.close()
  }

  /** A connection whose other end has proved to be the member. One that it had before is of a former life of it. */
  takeFrames(from: string, channel: Channel): void {
    const former = this.#incoming.get(from)
    this.#incoming.set(from, channel)
    const { frameMaxBytes } = this.#settings
    const take = (frame: Uint8Array) => {
      if (this.#closing.signal.aborted) return
      this.counts.received++
      this.#receiver.frame(from, frame)
    }
    channel.onRecord = (kind, body) => {
      if (kind !== recordKinds.frames) throw new InvalidFrame('is in a record that has no place here')
      framesIn(body, frameMaxBytes, take)
    }
    channel.onClose = (_reason, refused) => {
      if (refused) this.counts.refused++
      if (this.#incoming.get(from) === channel) this.#incoming.delete(from)
    }
    former?.destroy('the member has connected anew')
  }

  takeStream(from: string, channel: Channel, done: () => void): void {
    this.#streams.add(channel)
    receiveStream(channel, from, this.#receiver, this.#settings.frameMaxBytes, (refused) => {
      if (refused) this.counts.refused++
      this.#streams.delete(channel)
      done()
    })
  }

  close(): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve()
    this.#closing.abort()
    this.#forget()
    for (const peer of this.#peers.values()) peer.close()
    this.#peers.clear()
    for (const channel of [...this.#incoming.values(), ...this.#streams]) channel.destroy('the link is closed')
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Throws `base.invalid_argument`. */
export function checkMember(name: string, value: string): void {
  checkTransportName(name, value, nameBytesMax)
}
