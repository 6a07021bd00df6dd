/**
 * Station: one attached port of a node. It sends through the network's links, hands what comes to its handlers, and while
 * its node is paused keeps both directions waiting, in order and up to a bound. Unlike a stream, which is between two nodes,
 * it belongs to one incarnation: once revoked it neither sends nor hands out anything, whatever still holds it.
 */
import type { Clock } from '../base/clock.ts'
import { InvalidArgument } from '../base/error.ts'
import { checkKeys } from '../base/limit.ts'
import { SimNetworkFull, SimRevoked, SimNodeUnknown } from './error.ts'
import type { BreakReason, DropReason, LinkKind } from './network-event.ts'
import type { Link } from './network-link.ts'
import type { Flight, Outcome, Parcel } from './network-parcel.ts'
import { Stream } from './network-stream.ts'
import type { StreamEnd, StreamSetting } from './network-stream.ts'

export interface Incoming {
  readonly from: string
  /** The receiver's own copy. */
  readonly data: Uint8Array
  /** What the sender gave beside the bytes, by reference. */
  readonly about?: unknown
}

export interface StationHandlers {
  readonly onMessage: (message: Incoming) => void
  /** A stream with `peer` broke; `lost` of the messages sent from here were not delivered. */
  readonly onBreak?: (peer: string, why: BreakReason, lost: number) => void
  /** The port is revoked, by a crash of the node or `detach`. For ports simulated on the network: nothing may be sent. */
  readonly onEnd?: (why: 'crashed' | 'detached') => void
}

export interface SendOptions {
  /** Default `datagram`. */
  readonly kind?: LinkKind
  /** A value beside the bytes that the receiver gets by reference, for ports simulated on the network. It weighs nothing. */
  readonly about?: unknown
  /**
   * Told once what became of the message, which no real sender could know, and also when the sender is no more: for ports
   * simulated on the network.
   */
  readonly onSettled?: (outcome: Outcome) => void
}

/** What a node holds of the network. */
export interface Endpoint {
  readonly node: string
  readonly port: string
  /**
   * Sends a copy of the bytes to the same port of another node, or of this one, which no weather and no cut touches. Returns
   * at once; nothing is delivered inside the call. Throws `sim.node_unknown`, `sim.network_full` (too much is in flight, or
   * waits at this paused node), `sim.revoked` after a crash or detach, `base.invalid_argument`.
   */
  send(to: string, data: Uint8Array, options?: SendOptions): void
  /** Ends it: what comes later is lost and counted, streams end behind what was sent. Idempotent. */
  detach(): void
}

/** What a station needs of the network it is attached to. */
export interface StationHost {
  readonly setting: StreamSetting
  readonly clock: Clock
  readonly flight: Flight
  readonly heldMax: number
  readonly nextId: () => number
  readonly knows: (node: string) => boolean
  readonly nodes: () => readonly string[]
  readonly link: (from: string, to: string) => Link
  readonly station: (node: string, port: string) => Station | undefined
  readonly forget: (station: Station) => void
}

export class Station implements Endpoint, StreamEnd {
  readonly node: string
  readonly port: string
  readonly #host: StationHost
  readonly #handlers: StationHandlers
  /** To each peer the one that carries what is sent next. */
  readonly #streams = new Map<string, Stream>()
  /** All that this is an end of and has not been told the end of, those of a peer that has brought nothing yet too. */
  readonly #ends = new Set<Stream>()
  #ended: 'crashed' | 'detached' | undefined
  #held = false
  /** What came while the node was paused, or before all of that was handed out. */
  #inbox: (() => void)[] = []
  #outbox: Parcel[] = []
  #handing = false

  constructor(host: StationHost, node: string, port: string, handlers: StationHandlers) {
    this.#host = host
    this.node = node
    this.port = port
    this.#handlers = handlers
  }

  get ended(): 'crashed' | 'detached' | undefined {
    return this.#ended
  }
  get roomy(): boolean {
    return this.#inbox.length < this.#host.heldMax
  }

  send(to: string, data: Uint8Array, options: SendOptions = {}): void {
    if (this.#ended) throw new SimRevoked(this.node, `the port ${this.port}`)
    if (!this.#host.knows(to)) throw new SimNodeUnknown(to, this.#host.nodes())
    if (!(data instanceof Uint8Array)) throw new InvalidArgument('data', 'must be a Uint8Array; encode it with a codec')
    checkKeys('send', options, ['kind', 'about', 'onSettled'])
    const { kind = 'datagram', about, onSettled } = options
    if (kind !== 'datagram' && kind !== 'stream') throw new InvalidArgument('kind', 'must be datagram or stream')
    if (this.#held && this.#outbox.length >= this.#host.heldMax) throw new SimNetworkFull('heldMax', this.#host.heldMax)
    const id = this.#host.nextId()
    const parcel = {
      id,
      from: this.node,
      to,
      port: this.port,
      kind,
      data: new Uint8Array(data),
      about,
      settled: onSettled,
    }
    this.#host.flight.begin(parcel)
    const { flight } = this.#host
    if (flight.observed)
      flight.tell({ type: 'sent', id, from: this.node, to, port: this.port, kind, data: parcel.data })
    if (this.#held) this.#outbox.push(parcel)
    else this.#carry(parcel)
  }

  #carry(parcel: Parcel): void {
    if (parcel.kind === 'stream') this.#streamTo(parcel.to).send(this, parcel)
    else this.#throwDatagram(parcel)
  }

  #throwDatagram(parcel: Parcel): void {
    const link = this.#host.link(this.node, parcel.to)
    if (link.cut) return this.drop(parcel, 'cut')
    if (link.happens(link.weather.lossChance)) return this.drop(parcel, 'loss')
    const target = this.#host.station(parcel.to, this.port)
    this.#fly(parcel, link, target)
    if (!link.happens(link.weather.duplicateChance)) return
    const { id, from, to, port } = parcel
    const { flight } = this.#host
    const copy = { ...parcel, data: new Uint8Array(parcel.data), settled: undefined }
    // A network that is full has no room for a second one either; the first is what was promised.
    if (flight.messages >= flight.messagesMax || flight.bytes + copy.data.length > flight.bytesMax) return
    flight.begin(copy)
    flight.tell({ type: 'duplicated', id, from, to, port })
    this.#fly(copy, link, target)
  }

  #fly(parcel: Parcel, link: Link, target: Station | undefined): void {
    const { clock } = this.#host
    clock.timer(link.datagramMs(parcel.data.length) - clock.monotonicMs(), () => {
      const there = this.#host.station(parcel.to, parcel.port)
      if (link.cut) this.drop(parcel, 'cut')
      else if (target?.ended) this.drop(parcel, target.ended)
      else if (!there) this.drop(parcel, 'absent')
      else there.takeDatagram(parcel)
    })
  }

  /** The stream to a node: the one there is from either side, or a new one. */
  #streamTo(to: string): Stream {
    const own = this.#streams.get(to)
    if (own) return own
    const far = to === this.node ? this : this.#host.station(to, this.port)
    const theirs = far?.streamWith(this.node)
    const shared = theirs && !theirs.broken && theirs.joins(this, far) ? theirs : undefined
    const stream = shared ?? this.#newStream(to, far)
    this.#streams.set(to, stream)
    return stream
  }

  #newStream(to: string, far: Station | undefined): Stream {
    const { link, setting } = this.#host
    const stream = new Stream(setting, this, far, link(this.node, to), link(to, this.node))
    this.#ends.add(stream)
    far?.endsAt(stream)
    return stream
  }

  endsAt(stream: Stream): void {
    this.#ends.add(stream)
  }

  streamWith(node: string): Stream | undefined {
    return this.#streams.get(node)
  }

  takeDatagram(parcel: Parcel): void {
    if (this.roomy) this.#receive(parcel)
    else this.drop(parcel, 'held')
  }

  take(parcel: Parcel, stream: Stream): void {
    if (this.#streams.get(parcel.from) !== stream) this.#begins(parcel.from, stream)
    this.#receive(parcel, stream)
  }

  /** Older streams of the peer have ended, those of its former incarnations too, and bring nothing after this. */
  #begins(peer: string, stream: Stream): void {
    for (const older of this.#ends) if (older !== stream && older.broken && older.leadsTo(peer)) older.tellFirst(this)
    // A stream that is broken still brings what was sent before, and carries nothing back.
    if (!stream.broken) this.#streams.set(peer, stream)
  }

  /** What has come and was not handed out when the node ends was not delivered: its stream tells the sender so. */
  #receive(parcel: Parcel, stream?: Stream): void {
    const { from, data, about } = parcel
    this.#inTurn(() => {
      if (this.#ended) return stream ? stream.lose(this, parcel, this.#ended) : this.drop(parcel, this.#ended)
      this.#host.flight.end(parcel, 'delivered')
      this.#handlers.onMessage({ from, data, ...(about !== undefined && { about }) })
    })
  }

  drop(parcel: Parcel, why: DropReason): void {
    this.#host.flight.end(parcel, why)
  }

  broken(stream: Stream, peer: string, why: BreakReason, lost: number): void {
    this.#ends.delete(stream)
    if (this.#streams.get(peer) === stream) this.#streams.delete(peer)
    if (this.#ended) return
    this.#host.flight.tell({ type: 'broken', at: this.node, peer, port: this.port, why, lost })
    this.#inTurn(() => this.#ended ?? this.#handlers.onBreak?.(peer, why, lost))
  }

  #inTurn(work: () => void): void {
    if (this.#held || this.#inbox.length > 0) this.#inbox.push(work)
    else work()
  }

  /** Paused: nothing is handed out or sent until `release`. */
  hold(): void {
    this.#held = true
  }

  release(): void {
    if (!this.#held) return
    this.#held = false
    for (const parcel of this.#outbox.splice(0)) this.#carry(parcel)
    this.#handOut()
  }

  /** One after the other, each in a turn of its own, for what each makes runnable comes before the next. */
  #handOut(): void {
    if (this.#handing || this.#inbox.length === 0) return
    this.#handing = true
    this.#host.clock.timer(0, () => {
      this.#handing = false
      if (this.#held || this.#ended) return
      try {
        this.#inbox.shift()?.()
      } finally {
        this.#handOut()
        this.resume()
      }
    })
  }

  /** What blocks its streams may have changed. */
  resume(): void {
    for (const stream of this.#ends) stream.resume()
  }

  detach(): void {
    this.end('detached')
  }

  /** What waits here is lost; what left before may still arrive. */
  end(why: 'crashed' | 'detached'): void {
    if (this.#ended) return
    this.#ended = why
    this.#held = false
    this.#host.forget(this)
    for (const parcel of this.#outbox.splice(0)) this.drop(parcel, why)
    for (const work of this.#inbox.splice(0)) work()
    for (const stream of this.#ends) stream.leave(this, why)
    this.#ends.clear()
    this.#streams.clear()
    this.#handlers.onEnd?.(why)
  }
}
