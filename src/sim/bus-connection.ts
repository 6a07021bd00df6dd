/**
 * SimBusConnection: one Bus of a simulated node. It is the memory driver's connection with a network between the nodes:
 * interest, requests, subscriptions are the same parts; what differs is that a message travels, so that `flush` and `drain`
 * have something to wait for, and that a crash revokes it. It never delivers inside a publisher's call.
 */
import { within } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import { InvalidArgument } from '../base/error.ts'
import { Pace } from '../base/pace.ts'
import type {
  Bus,
  BusStatus,
  HeadersInput,
  Message,
  MessageHeaders,
  PublishOptions,
  RequestManyOptions,
  RequestOptions,
  SubscribeOptions,
  Subscription,
  WaitOptions,
} from '../bus/bus.ts'
import { BufferFull, BusClosed, Disconnected, PayloadTooLarge } from '../bus/error.ts'
import { checkHeaders } from '../bus/header.ts'
import type { Hub, Publish, Route } from '../bus/memory-hub.ts'
import { RequestMux } from '../bus/requests.ts'
import { StatusFan } from '../bus/status.ts'
import { checkSubject } from '../bus/subject.ts'
import { BusSubscription, drainTimeoutMsDefault } from '../bus/subscription.ts'
import type { SubscriptionHost } from '../bus/subscription.ts'
import { FlushCount } from './bus-flush.ts'
import { SimNetworkFull, SimRevoked } from './error.ts'
import type { Outcome } from './network-parcel.ts'

/** What a connection needs of its node. */
export interface BusCarrier {
  readonly name: string
  /** Sends one publish on its way to one subscription of another node. Throws what the network throws. */
  send(from: SimBusConnection, route: SimRoute, publish: Publish): void
  forget(connection: SimBusConnection): void
}

/** Where a matching message goes: a subscription, or the inbox of a connection. */
export class SimRoute implements Route {
  readonly #bus: SimBusConnection
  readonly #target: { deliver(message: Message): void; readonly left?: number }
  readonly #queued: boolean
  /** Messages on their way to it. */
  flying = 0
  #waiting: (() => void)[] = []

  constructor(
    bus: SimBusConnection,
    target: { deliver(message: Message): void; readonly left?: number },
    queued: boolean,
  ) {
    this.#bus = bus
    this.#target = target
    this.#queued = queued
  }

  get node(): BusCarrier {
    return this.#bus.node
  }

  /** A member of a queue group that has all it wants on its way leaves the message to another. */
  take(publish: Publish): boolean {
    const from = publish.origin as SimBusConnection
    if (this.#queued && this.flying >= (this.#target.left ?? Number.POSITIVE_INFINITY)) return false
    if (from.node === this.node) this.deliver(publish.subject, publish.data, publish.headers, publish.reply)
    else from.carry(this, publish)
    return true
  }

  deliver(subject: string, data: Uint8Array, headers: MessageHeaders | undefined, reply: string | undefined): void {
    if (!this.#bus.gone) this.#target.deliver(new SimMessage(this.#bus, subject, data, headers, reply))
  }

  landed(): void {
    if (--this.flying === 0) for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Resolves when nothing is on its way to it. */
  quiet(): Promise<void> {
    return this.flying === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve))
  }
}

class SimMessage implements Message {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers?: MessageHeaders
  readonly reply?: string
  readonly #bus: SimBusConnection

  constructor(
    bus: SimBusConnection,
    subject: string,
    data: Uint8Array,
    headers: MessageHeaders | undefined,
    reply: string | undefined,
  ) {
    this.#bus = bus
    this.subject = subject
    this.data = data
    if (headers !== undefined) this.headers = headers
    if (reply !== undefined) this.reply = reply
  }

  respond(data: Uint8Array, options?: { readonly headers?: HeadersInput }): boolean {
    if (this.reply === undefined) return false
    this.#bus.answer(this.reply, data, options?.headers)
    return true
  }
}

export class SimBusConnection implements Bus, SubscriptionHost {
  readonly driver = 'sim'
  readonly payloadMaxBytes: number
  readonly clock: Clock
  readonly node: BusCarrier
  readonly #hub: Hub
  readonly #pace: Pace
  readonly #subscriptions = new Map<BusSubscription, SimRoute>()
  readonly #mux: RequestMux
  readonly #flushes = new FlushCount()
  readonly #statuses = new StatusFan()
  /** By peer, messages that went down with a stream and were not told yet. */
  readonly #unconfirmed = new Map<string, number>()
  #inbox: SimRoute | undefined
  #draining: Promise<void> | undefined
  #closed = false
  #revoked = false
  /** The network had no room for a part of the publish. */
  #full: SimNetworkFull | undefined

  constructor(node: BusCarrier, hub: Hub, clock: Clock, entropy: Entropy) {
    this.node = node
    this.#hub = hub
    this.clock = this.#ownClock(clock)
    this.#pace = new Pace(this.clock)
    this.payloadMaxBytes = hub.payloadMaxBytes
    this.#mux = new RequestMux({
      clock: this.clock,
      entropy,
      ...(hub.requestsMax !== undefined && { requestsMax: hub.requestsMax }),
      send: (subject, data, reply, headers) => this.#sendRequest(subject, data, reply, headers),
    })
  }

  /** Timers of an incarnation that is no more do nothing. */
  #ownClock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      monotonicMs: () => clock.monotonicMs(),
      timer: (delayMs, callback, options) =>
        clock.timer(
          delayMs,
          () => {
            if (!this.#revoked) callback()
          },
          options,
        ),
    }
  }

  /** Nothing is delivered here any more. */
  get gone(): boolean {
    return this.#closed || this.#revoked
  }

  publish(subject: string, data: Uint8Array, options?: PublishOptions): void {
    this.#checkOpen()
    checkSubject(subject)
    const reply = options?.reply
    if (reply !== undefined) checkSubject(reply)
    this.#send(subject, data, options?.headers, reply)
  }

  /** `respond`: the reply subject was checked when the message was published. */
  answer(reply: string, data: Uint8Array, headers: HeadersInput | undefined): void {
    this.#checkOpen()
    this.#send(reply, data, headers, undefined)
  }

  #sendRequest(subject: string, data: Uint8Array, reply: string, headers: HeadersInput | undefined): void {
    checkSubject(subject)
    const checked = this.#check(data, headers)
    const matched = this.#hub.find(subject)
    if (!this.#inbox) {
      this.#inbox = new SimRoute(this, this.#mux, false)
      this.#hub.routes.insert(this.#mux.inbox, this.#inbox)
    }
    if (this.#sendTo(matched, subject, data, checked, reply) === 0) this.#mux.noResponders(reply)
  }

  #send(subject: string, data: Uint8Array, headers: HeadersInput | undefined, reply: string | undefined): void {
    const checked = this.#check(data, headers)
    this.#sendTo(this.#hub.findChecked(subject), subject, data, checked, reply)
  }

  #sendTo(
    matched: Parameters<Hub['send']>[0],
    subject: string,
    data: Uint8Array,
    headers: MessageHeaders | undefined,
    reply: string | undefined,
  ): number {
    const publish = this.#hub.publish.begin(subject, data, headers, reply)
    publish.origin = this
    const taken = this.#hub.send(matched, publish)
    const full = this.#full
    this.#full = undefined
    if (full) throw new BufferFull(full.max, full.max)
    return taken
  }

  /** For a route: over the network. One that has no room for it must not keep the others from theirs. */
  carry(route: SimRoute, publish: Publish): void {
    try {
      this.node.send(this, route, publish)
    } catch (error) {
      if (!(error instanceof SimNetworkFull)) throw error
      this.#full = error
    }
  }

  /** One more message is on its way; gives what `settled` wants to know. */
  sending(): number {
    return this.#flushes.begin()
  }

  settled(round: number, peer: string, outcome: Outcome): void {
    if (this.#revoked) return
    if (outcome === 'broken') this.#unconfirmed.set(peer, (this.#unconfirmed.get(peer) ?? 0) + 1)
    this.#flushes.end(round, outcome === 'broken')
  }

  #check(data: Uint8Array, headers: HeadersInput | undefined): MessageHeaders | undefined {
    if (!(data instanceof Uint8Array)) throw new InvalidArgument('data', 'must be a Uint8Array; encode it with a codec')
    const checked = headers === undefined ? undefined : checkHeaders(headers)
    const bytes = data.length + (checked?.bytes ?? 0)
    if (bytes > this.payloadMaxBytes) throw new PayloadTooLarge(this.payloadMaxBytes, bytes)
    return checked?.headers
  }

  #checkOpen(): void {
    if (this.#revoked) throw new SimRevoked(this.node.name, 'the bus')
    if (this.#closed) throw new BusClosed()
  }

  subscribe(subject: string, options?: SubscribeOptions): Subscription {
    this.#checkOpen()
    if (this.#draining) throw new BusClosed()
    const subscription = new BusSubscription(this, subject, options)
    const route = new SimRoute(this, subscription, options?.queue !== undefined)
    this.#subscriptions.set(subscription, route)
    this.#hub.routes.insert(subject, route, options?.queue)
    return subscription
  }

  async request(subject: string, data: Uint8Array, options?: RequestOptions): Promise<Message> {
    if (this.#revoked) throw new SimRevoked(this.node.name, 'the bus')
    return this.#mux.request(subject, data, options)
  }

  requestMany(subject: string, data: Uint8Array, options?: RequestManyOptions): AsyncIterable<Message> {
    if (this.#revoked) throw new SimRevoked(this.node.name, 'the bus')
    return this.#mux.requestMany(subject, data, options)
  }

  async flush(options: WaitOptions = {}): Promise<void> {
    this.#checkOpen()
    const { timeoutMs = 5000, signal } = options
    if (this.#flushes.idle && !this.#pace.resting && !signal?.aborted) return
    const lost = await within(this.clock, 'a flush', timeoutMs, signal, async () => {
      const count = await this.#flushes.flushed()
      await this.#pace.rest()
      return count
    })
    if (lost > 0) throw new Disconnected(lost)
  }

  drain(options: WaitOptions = {}): Promise<void> {
    if (this.#closed) return Promise.resolve()
    if (this.#revoked) return Promise.reject(new SimRevoked(this.node.name, 'the bus'))
    this.#draining ??= this.#drain(options)
    return this.#draining
  }

  async #drain(options: WaitOptions): Promise<void> {
    this.#mux.refuse()
    const timeoutMs = options.timeoutMs ?? drainTimeoutMsDefault
    const all = async () => {
      await Promise.all([...this.#subscriptions.keys()].map((each) => each.drain({ timeoutMs })))
      await this.#flushes.flushed()
    }
    try {
      await within(this.clock, 'draining the bus', timeoutMs, options.signal, all)
    } finally {
      await this.close()
    }
  }

  status(): AsyncIterable<BusStatus> {
    return this.#statuses.read()
  }

  lostTouch(peer: string, why: string): void {
    this.#statuses.tell({ type: 'disconnected', reason: `the stream with ${peer} broke: ${why}` })
  }

  /** The peer is no more: what was on its way to it is not owed to anybody. */
  peerGone(peer: string): void {
    this.#unconfirmed.delete(peer)
  }

  inTouch(peer: string): void {
    const unconfirmed = this.#unconfirmed.get(peer) ?? 0
    this.#unconfirmed.delete(peer)
    this.#statuses.tell({ type: 'reconnected', server: peer, unconfirmed })
  }

  async close(): Promise<void> {
    if (this.#closed || this.#revoked) return
    this.#closed = true
    for (const subscription of this.#subscriptions.keys()) subscription.end()
    if (this.#inbox) this.#hub.routes.remove(this.#mux.inbox, this.#inbox)
    this.#mux.close()
    this.#statuses.close()
    this.node.forget(this)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** The node crashed: no interest, no timers, no consumer goes on, and nothing that waits is told. */
  revoke(): void {
    if (this.#closed) return
    this.#revoked = true
    for (const [{ subject, queue }, route] of this.#subscriptions) this.#hub.routes.remove(subject, route, queue)
    if (this.#inbox) this.#hub.routes.remove(this.#mux.inbox, this.#inbox)
  }

  get resting(): boolean {
    return this.#revoked || this.#pace.resting
  }
  spend(): void {
    this.#pace.spend()
  }
  wake(subscription: BusSubscription): void {
    // A consumer that may never go on would ask again and again.
    if (!this.#revoked) this.#pace.wake(subscription)
  }
  last(subscription: BusSubscription): Promise<void> {
    const route = this.#subscriptions.get(subscription)
    this.leave(subscription)
    return route?.quiet() ?? Promise.resolve()
  }
  leave(subscription: BusSubscription): void {
    const route = this.#subscriptions.get(subscription)
    if (route) this.#hub.routes.remove(subscription.subject, route, subscription.queue)
  }
  slow({ subject, dropped }: BusSubscription): void {
    this.#statuses.tell({ type: 'slow-consumer', subject, dropped })
  }
  over(subscription: BusSubscription): void {
    this.#subscriptions.delete(subscription)
  }
}
