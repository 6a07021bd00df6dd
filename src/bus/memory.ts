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
import { systemEntropy } from '../base/entropy.ts'
import type { Entropy } from '../base/entropy.ts'
import { InvalidArgument } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import { BoundedQueue } from '../base/queue.ts'
import { seededRandom } from '../base/random.ts'
import type { Random } from '../base/random.ts'
import { systemClock } from '../base/system-clock.ts'
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
import { Pace } from './pace.ts'
import { RequestMux } from './requests.ts'
import { checkSubject } from './subject.ts'
import { BusSubscription, drainTimeoutMsDefault } from './subscription.ts'
import type { SubscriptionHost } from './subscription.ts'
import { SubjectTrie } from './trie.ts'
import type { Matched } from './trie.ts'

export interface MemoryBusOptions {
  /** Largest message, data and headers. Default 1 MiB, as a NATS server's. */
  readonly payloadMaxBytes?: number
  /** Requests of one connection that may wait at one time. Default 65,536. */
  readonly requestsMax?: number
  /** Time of requests and drains. Default the system's. */
  readonly clock?: Clock
  /** Picks the member of a queue group. Default: seeded afresh. */
  readonly random?: Random
  /** Names the inboxes of requests. Default the system's. */
  readonly entropy?: Entropy
}

/** One bus, which any number of connections share. */
export interface MemoryHub {
  /** A connection of its own: its `close` and `drain` end its own subscriptions and requests only. */
  connect(): Bus
}

export function memoryBus(options: MemoryBusOptions = {}): Bus {
  return memoryHub(options).connect()
}

export function memoryHub(options: MemoryBusOptions = {}): MemoryHub {
  const hub = new Hub(options)
  return { connect: () => new MemoryBus(hub) }
}

/** Where a matching message goes. */
class Route {
  readonly bus: MemoryBus
  readonly target: { deliver(message: Message): void }
  constructor(bus: MemoryBus, target: { deliver(message: Message): void }) {
    this.bus = bus
    this.target = target
  }
}

class Hub {
  readonly payloadMaxBytes: number
  readonly requestsMax: number | undefined
  readonly clock: Clock
  readonly entropy: Entropy
  readonly pace: Pace
  readonly routes = new SubjectTrie<Route>()
  readonly #random: Random

  constructor(options: MemoryBusOptions) {
    this.payloadMaxBytes = wholeNumber('payloadMaxBytes', options.payloadMaxBytes ?? 1024 * 1024, 1)
    this.requestsMax = options.requestsMax
    this.clock = options.clock ?? systemClock
    this.entropy = options.entropy ?? systemEntropy
    this.#random = options.random ?? seededRandom(Buffer.from(systemEntropy.bytes(16)).toString('hex'))
    this.pace = new Pace(this.clock)
  }

  /** What a subject reaches. Throws `bus.invalid_subject`; what is in the cache has been checked. */
  find(subject: string): Matched<Route> {
    const known = this.routes.cached(subject)
    if (known) return known
    checkSubject(subject)
    return this.findChecked(subject)
  }

  /** Inboxes come once, so they would only drive other subjects out of the cache. */
  findChecked(subject: string): Matched<Route> {
    return subject.startsWith('_INBOX.') ? this.routes.matchOnce(subject) : this.routes.match(subject)
  }

  /** Hands out to all of `matched`; returns how many took it. */
  send(
    matched: Matched<Route>,
    subject: string,
    data: Uint8Array,
    headers: MessageHeaders | undefined,
    reply: string | undefined,
  ): number {
    const { plain, groups } = matched
    // One message object serves all subscriptions of a connection: it answers through that connection.
    let message: MemoryMessage | undefined
    for (let at = 0; at < plain.length; at++) {
      const { bus, target } = plain[at] as Route
      if (message?.bus !== bus) message = new MemoryMessage(bus, subject, data, headers, reply)
      target.deliver(message)
    }
    for (const members of groups) {
      const { bus, target } = members[members.length === 1 ? 0 : this.#random.integer(members.length)] as Route
      if (message?.bus !== bus) message = new MemoryMessage(bus, subject, data, headers, reply)
      target.deliver(message)
    }
    return plain.length + groups.length
  }
}

class MemoryMessage implements Message {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers?: MessageHeaders
  readonly reply?: string
  readonly #bus: MemoryBus

  constructor(
    bus: MemoryBus,
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
  readonly #subscriptions = new Map<BusSubscription, Route>()
  readonly #mux: RequestMux
  #inbox: Route | undefined
  readonly #statuses = new Set<BoundedQueue<BusStatus>>()
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
    this.#hub.send(matched, subject, data, this.#check(data, options?.headers), reply)
  }

  /** `respond`: the reply subject was checked when the message was published. */
  answer(reply: string, data: Uint8Array, headers: HeadersInput | undefined): void {
    if (this.#closed) throw new BusClosed()
    const checked = this.#check(data, headers)
    this.#hub.send(this.#hub.findChecked(reply), reply, data, checked, undefined)
  }

  #sendRequest(subject: string, data: Uint8Array, reply: string, headers: HeadersInput | undefined): void {
    const matched = this.#hub.find(subject)
    const checked = this.#check(data, headers)
    if (!this.#inbox) {
      this.#inbox = new Route(this, this.#mux)
      this.#hub.routes.insert(this.#mux.inbox, this.#inbox)
    }
    if (this.#hub.send(matched, subject, data, checked, reply) === 0) this.#mux.noResponders(reply)
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
    const route = new Route(this, subscription)
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
    const queue = new BoundedQueue<BusStatus>({
      limit: statusMax,
      overflow: 'drop-oldest',
      name: 'status',
      onReturn: () => this.#statuses.delete(queue),
    })
    if (this.#closed) endStatus(queue)
    else this.#statuses.add(queue)
    return queue
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const subscription of this.#subscriptions.keys()) subscription.end()
    if (this.#inbox) this.#hub.routes.remove(this.#mux.inbox, this.#inbox)
    this.#mux.close()
    for (const queue of this.#statuses) endStatus(queue)
    this.#statuses.clear()
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
    for (const queue of this.#statuses) queue.push({ type: 'slow-consumer', subject, dropped })
  }
  over(subscription: BusSubscription): void {
    this.#subscriptions.delete(subscription)
  }
}

/** Statuses that wait for one reader before the oldest go. */
const statusMax = 256

function endStatus(queue: BoundedQueue<BusStatus>): void {
  queue.push({ type: 'closed' })
  queue.end()
}
