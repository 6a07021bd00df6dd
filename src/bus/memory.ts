/**
 * The memory driver: a bus inside this process, for one node alone, for tests and for simulated worlds. Unlike the NATS
 * driver it has no connection to lose, and it carries the bytes by reference. `memoryBus` is one bus; `memoryHub` lets
 * several hold connections of their own to one, as clients of one server do: closing one leaves the others.
 *
 * A publish puts the message into the queues of the subscriptions that match and returns; consumers run later, paced by
 * `Pace`. So `flush` has nothing to wait for but a rest of the consumers; awaiting it now and then lets a busy publisher
 * go no faster than they do.
 */
import { within } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { InvalidArgument } from '../base/error.ts'
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
} from './bus.ts'
import { BusClosed, PayloadTooLarge } from './error.ts'
import { checkHeaders } from './header.ts'
import { Hub } from './memory-hub.ts'
import type { MemoryBusOptions, Publish, Route } from './memory-hub.ts'
import type { Pace } from '../base/pace.ts'
import { RequestMux } from './requests.ts'
import { StatusFan } from './status.ts'
import { checkSubject } from './subject.ts'
import { BusSubscription, drainTimeoutMsDefault } from './subscription.ts'
import type { SubscriptionHost } from './subscription.ts'

export type { MemoryBusOptions } from './memory-hub.ts'

/** One bus, which any number of connections share. */
export interface MemoryHub {
  /** A connection of its own: its `close` and `drain` end its own subscriptions and requests only. */
  connect(): Bus
}

export function memoryBus(options: MemoryBusOptions = {}): Bus {
  return memoryHub(options).connect()
}

export function memoryHub(options: MemoryBusOptions = {}): MemoryHub {
  return new ConnectableHub(options)
}

class ConnectableHub extends Hub implements MemoryHub {
  connect(): Bus {
    return new MemoryBus(this)
  }
}

/** Where a matching message goes. */
class MemoryRoute implements Route {
  readonly #bus: MemoryBus
  readonly #target: { deliver(message: Message): void }
  constructor(bus: MemoryBus, target: { deliver(message: Message): void }) {
    this.#bus = bus
    this.#target = target
  }

  /** One message object serves all subscriptions of a connection: it answers through that connection. */
  take(publish: Publish): boolean {
    let { message } = publish
    if (!(message instanceof MemoryMessage) || message.bus !== this.#bus)
      publish.message = message = new MemoryMessage(this.#bus, publish)
    this.#target.deliver(message)
    return true
  }
}

class MemoryMessage implements Message {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers?: MessageHeaders
  readonly reply?: string
  readonly #bus: MemoryBus

  constructor(bus: MemoryBus, publish: Publish) {
    const { subject, data, headers, reply } = publish
    this.#bus = bus
    this.subject = subject
    this.data = data
    if (headers !== undefined) this.headers = headers
    if (reply !== undefined) this.reply = reply
  }

  get bus(): MemoryBus {
    return this.#bus
  }

  respond(data: Uint8Array, options?: { readonly headers?: HeadersInput }): boolean {
    if (this.reply === undefined) return false
    this.#bus.answer(this.reply, data, options?.headers)
    return true
  }
}

class MemoryBus implements Bus, SubscriptionHost {
  readonly driver = 'memory'
  readonly payloadMaxBytes: number
  readonly clock: Clock
  readonly #hub: Hub
  readonly #pace: Pace
  readonly #subscriptions = new Map<BusSubscription, MemoryRoute>()
  readonly #mux: RequestMux
  #inbox: MemoryRoute | undefined
  readonly #statuses = new StatusFan()
  #draining: Promise<void> | undefined
  #closed = false

  constructor(hub: Hub) {
    this.#hub = hub
    this.#pace = hub.pace
    this.payloadMaxBytes = hub.payloadMaxBytes
    this.clock = hub.clock
    this.#mux = new RequestMux({
      clock: hub.clock,
      entropy: hub.entropy,
      ...(hub.requestsMax !== undefined && { requestsMax: hub.requestsMax }),
      send: (subject, data, reply, headers) => this.#sendRequest(subject, data, reply, headers),
    })
  }

  publish(subject: string, data: Uint8Array, options?: PublishOptions): void {
    if (this.#closed) throw new BusClosed()
    const matched = this.#hub.find(subject)
    const reply = options?.reply
    if (reply !== undefined) checkSubject(reply)
    const headers = this.#check(data, options?.headers)
    this.#hub.send(matched, this.#hub.publish.begin(subject, data, headers, reply))
  }

  /** `respond`: the reply subject was checked when the message was published. */
  answer(reply: string, data: Uint8Array, headers: HeadersInput | undefined): void {
    if (this.#closed) throw new BusClosed()
    const checked = this.#check(data, headers)
    this.#hub.send(this.#hub.findChecked(reply), this.#hub.publish.begin(reply, data, checked, undefined))
  }

  #sendRequest(subject: string, data: Uint8Array, reply: string, headers: HeadersInput | undefined): void {
    const matched = this.#hub.find(subject)
    const checked = this.#check(data, headers)
    if (!this.#inbox) {
      this.#inbox = new MemoryRoute(this, this.#mux)
      this.#hub.routes.insert(this.#mux.inbox, this.#inbox)
    }
    const taken = this.#hub.send(matched, this.#hub.publish.begin(subject, data, checked, reply))
    if (taken === 0) this.#mux.noResponders(reply)
  }

  #check(data: Uint8Array, headers: HeadersInput | undefined): MessageHeaders | undefined {
    if (!(data instanceof Uint8Array)) throw new InvalidArgument('data', 'must be a Uint8Array; encode it with a codec')
    if (headers === undefined) {
      if (data.length > this.payloadMaxBytes) throw new PayloadTooLarge(this.payloadMaxBytes, data.length)
      return undefined
    }
    const checked = checkHeaders(headers)
    const bytes = data.length + checked.bytes
    if (bytes > this.payloadMaxBytes) throw new PayloadTooLarge(this.payloadMaxBytes, bytes)
    return checked.headers
  }

  subscribe(subject: string, options?: SubscribeOptions): Subscription {
    if (this.#closed || this.#draining) throw new BusClosed()
    const subscription = new BusSubscription(this, subject, options)
    const route = new MemoryRoute(this, subscription)
    this.#subscriptions.set(subscription, route)
    this.#hub.routes.insert(subject, route, options?.queue)
    return subscription
  }

  request(subject: string, data: Uint8Array, options?: RequestOptions): Promise<Message> {
    return this.#mux.request(subject, data, options)
  }

  requestMany(subject: string, data: Uint8Array, options?: RequestManyOptions): AsyncIterable<Message> {
    return this.#mux.requestMany(subject, data, options)
  }

  async flush(options: WaitOptions = {}): Promise<void> {
    if (this.#closed) throw new BusClosed()
    if (!this.#pace.resting && !options.signal?.aborted) return
    await within(this.clock, 'a flush', options.timeoutMs ?? 5000, options.signal, () => this.#pace.rest())
  }

  drain(options: WaitOptions = {}): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#draining ??= this.#drain(options)
    return this.#draining
  }

  async #drain(options: WaitOptions): Promise<void> {
    this.#mux.refuse()
    const timeoutMs = options.timeoutMs ?? drainTimeoutMsDefault
    const all = () => Promise.all([...this.#subscriptions.keys()].map((each) => each.drain({ timeoutMs })))
    try {
      await within(this.clock, 'draining the bus', timeoutMs, options.signal, all)
    } finally {
      await this.close()
    }
  }

  status(): AsyncIterable<BusStatus> {
    return this.#statuses.read()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const subscription of this.#subscriptions.keys()) subscription.end()
    if (this.#inbox) this.#hub.routes.remove(this.#mux.inbox, this.#inbox)
    this.#mux.close()
    this.#statuses.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  get resting(): boolean {
    return this.#pace.resting
  }
  spend(): void {
    this.#pace.spend()
  }
  wake(subscription: BusSubscription): void {
    this.#pace.wake(subscription)
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
