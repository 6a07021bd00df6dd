/**
 * The bus over one NATS connection at a time. It keeps what outlives a connection: subscriptions with what is left of
 * their `max`, requests, statuses. `Sender` publishes, `Connector` finds servers, `Link` is the connection of the moment.
 *
 * Its life: 1. connected; 2. disconnected: publishes wait, subscriptions stand still, requests run on towards their
 * timeout; 3. reconnected: the subscriptions are made anew, then what waited is sent, before anything newer; and so on
 * until 4. closed, by its owner or because reconnecting was given up.
 *
 * It calls no handler inside the library's parser: messages go into queues, which `Pace` empties.
 */
import type * as Nats from '@nats-io/transport-node'
import { within } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import type { ColloquyError } from '../base/error.ts'
import type {
  Bus,
  BusStatus,
  HeadersInput,
  Message,
  PublishOptions,
  RequestManyOptions,
  RequestOptions,
  SubscribeOptions,
  Subscription,
  WaitOptions,
} from './bus.ts'
import { BusClosed, PermissionDenied, Unauthorized } from './error.ts'
import type { Connected, Connector, ConnectorHost } from './nats-connector.ts'
import type { Denied } from './nats-dial.ts'
import { typed } from './nats-dial.ts'
import type { NatsConnection, NatsLibrary } from './nats-library.ts'
import { Link } from './nats-link.ts'
import type { LinkHost } from './nats-link.ts'
import { NatsMessage, tellsNoResponders } from './nats-message.ts'
import type { Responder } from './nats-message.ts'
import type { NatsSettings } from './nats-options.ts'
import { Sender } from './nats-sender.ts'
import { Pace } from '../base/pace.ts'
import { RequestMux } from './requests.ts'
import { StatusFan } from './status.ts'
import { checkSubject, hasWildcard } from './subject.ts'
import { BusSubscription, drainTimeoutMsDefault } from './subscription.ts'
import type { SubscriptionHost } from './subscription.ts'

const flushTimeoutMsDefault = 5000
/**
 * Reads of the socket, 64 KiB at most each, that the waiting messages of one subscription are views into; the messages
 * behind those are copied. So what waits keeps no more alive than its own bounds and 64 MiB.
 */
const readsMax = 1024
/** An answer up to this size is copied: whoever keeps it must not keep what else came with it. */
const copyMaxBytes = 512

export class NatsLinkedBus implements Bus, SubscriptionHost, LinkHost, ConnectorHost, Responder {
  readonly driver = 'nats'
  readonly clock: Clock
  readonly #settings: NatsSettings
  readonly #connector: Connector
  readonly #pace: Pace
  readonly #mux: RequestMux
  readonly #sender: Sender
  readonly #statuses = new StatusFan()
  /** Each with its counterpart on the connection of the moment. */
  readonly #subscriptions = new Map<BusSubscription, Nats.Subscription | undefined>()
  #inbox: Nats.Subscription | undefined
  #inboxDenied: PermissionDenied | undefined
  #link: Link | undefined
  #lastRead: ArrayBufferLike | undefined
  #reads = 0
  #draining: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #closed = false

  constructor(library: NatsLibrary, settings: NatsSettings, connector: Connector, first: Connected) {
    const { clock, entropy, inboxPrefix, requestsMax, buffer, unconfirmed } = settings
    this.clock = clock
    this.#settings = settings
    this.#connector = connector
    this.#pace = new Pace(clock)
    this.#mux = new RequestMux({
      clock,
      entropy,
      inboxPrefix,
      ...(requestsMax !== undefined && { requestsMax }),
      send: (subject, data, reply, headers) => this.#sendRequest(subject, data, reply, headers),
    })
    const wanted = ({ reply }: { readonly reply: string | undefined }) =>
      reply === undefined || !this.#mux.owns(reply) || this.#mux.waits(reply)
    const refused = ({ reply }: { readonly reply: string | undefined }, error: ColloquyError) => {
      if (reply === undefined || !this.#mux.owns(reply)) return false
      this.#mux.failReply(reply, error)
      return true
    }
    this.#sender = new Sender({ library, clock, buffer, unconfirmed, wanted, refused })
    this.#attach(first)
  }

  get payloadMaxBytes(): number {
    return this.#sender.payloadMaxBytes
  }
  get server(): string | undefined {
    return this.#link?.server.label
  }
  get servers(): readonly string[] {
    return this.#connector.pool.labels
  }
  get buffered(): number {
    return this.#sender.buffered
  }
  get unconfirmed(): number {
    return this.#sender.unconfirmed
  }

  publish(subject: string, data: Uint8Array, options?: PublishOptions): void {
    this.#sender.checkSubject(subject)
    if (options === undefined) return this.#sender.send(subject, data, undefined, undefined)
    if (options.reply !== undefined) checkSubject(options.reply)
    this.#sender.send(subject, data, options.reply, options.headers)
  }

  /** `respond`: reply subjects come once, so remembering them would only drive others out. */
  answer(reply: string, data: Uint8Array, headers: HeadersInput | undefined): void {
    this.#sender.send(reply, data, undefined, headers)
  }

  #sendRequest(subject: string, data: Uint8Array, reply: string, headers: HeadersInput | undefined): void {
    if (this.#inboxDenied) throw this.#inboxDenied
    this.#sender.checkSubject(subject)
    if (!this.#inbox && this.#link) this.#subscribeInbox(this.#link.connection)
    this.#sender.send(subject, data, reply, headers)
  }

  subscribe(subject: string, options?: SubscribeOptions): Subscription {
    if (this.#closed || this.#draining) throw new BusClosed()
    const subscription = new BusSubscription(this, subject, options)
    this.#subscriptions.set(subscription, undefined)
    if (this.#link) this.#subscribeOn(this.#link.connection, subscription)
    return subscription
  }

  #subscribeOn(connection: NatsConnection, subscription: BusSubscription): void {
    const { subject, queue, left } = subscription
    const fixed = hasWildcard(subject) ? undefined : subject
    let lastRead = 0
    let reads = 0
    const callback = (error: Error | null, raw: Nats.Msg): void => {
      if (error) return subscription.end(new PermissionDenied('subscribe', subject))
      const { data } = raw
      if (data.length === 0 && tellsNoResponders(raw)) return
      const message = new NatsMessage(this, raw, data, fixed)
      if (this.#readOf(data) !== lastRead) {
        lastRead = this.#reads
        reads = subscription.pending === 0 ? 1 : reads + 1
      }
      if (reads > readsMax) message.detach()
      subscription.deliver(message)
    }
    const options = { callback, ...(queue !== undefined && { queue }), ...(Number.isFinite(left) && { max: left }) }
    const made = this.#unlessGone(connection, () => connection.subscribe(subject, options))
    if (made) this.#subscriptions.set(subscription, made)
  }

  /** Numbers what the socket read at once, by the memory that the messages are views into. */
  #readOf(data: Uint8Array): number {
    if (data.buffer !== this.#lastRead) {
      this.#lastRead = data.buffer
      this.#reads++
    }
    return this.#reads
  }

  #subscribeInbox(connection: NatsConnection): void {
    const callback = (error: Error | null, raw: Nats.Msg): void => {
      // `denied` tells those that wait.
      if (error) return
      const { data } = raw
      if (data.length === 0 && tellsNoResponders(raw)) return this.#mux.noResponders(raw.subject)
      const message = new NatsMessage(this, raw, data, undefined)
      if (data.length <= copyMaxBytes) message.detach()
      this.#mux.deliver(message)
    }
    this.#inbox = this.#unlessGone(connection, () => connection.subscribe(this.#mux.inbox, { callback }))
  }

  /** The library throws when its connection is gone and it has not told yet. */
  #unlessGone<T>(connection: NatsConnection, work: () => T): T | undefined {
    try {
      return work()
    } catch (error) {
      if (!connection.isClosed()) throw error
      this.#link?.abandon()
      return undefined
    }
  }

  request(subject: string, data: Uint8Array, options?: RequestOptions): Promise<Message> {
    return this.#mux.request(subject, data, options)
  }

  requestMany(subject: string, data: Uint8Array, options?: RequestManyOptions): AsyncIterable<Message> {
    return this.#mux.requestMany(subject, data, options)
  }

  async flush(options: WaitOptions = {}): Promise<void> {
    if (this.#closed) throw new BusClosed()
    const timeoutMs = options.timeoutMs ?? flushTimeoutMsDefault
    await within(this.clock, 'a flush', timeoutMs, options.signal, (signal) => this.#sender.flush(signal))
  }

  drain(options: WaitOptions = {}): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#draining ??= this.#drain(options)
    return this.#draining
  }

  async #drain(options: WaitOptions): Promise<void> {
    this.#mux.refuse()
    const timeoutMs = options.timeoutMs ?? drainTimeoutMsDefault
    const all = async (signal: AbortSignal) => {
      await Promise.all([...this.#subscriptions.keys()].map((each) => each.drain({ timeoutMs })))
      await this.#sender.flush(signal)
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

  close(): Promise<void> {
    return (this.#closing ??= this.#close(undefined))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(error: ColloquyError | undefined, unconfirmed = 0): Promise<void> {
    this.#closed = true
    const link = this.#link
    this.#link = undefined
    const closed = new BusClosed(error && { cause: error })
    this.#connector.close()
    const waited = this.#sender.close(closed)
    for (const subscription of this.#subscriptions.keys()) subscription.end(error && closed)
    this.#mux.close(error)
    this.#statuses.close(error, unconfirmed + waited)
    await link?.close()
  }

  /** Puts all that outlives a connection on this one. */
  #attach({ connection, server }: Connected): void {
    const link = new Link(connection, server, this)
    this.#link = link
    this.#inboxDenied = undefined
    if (this.#mux.pending > 0) this.#subscribeInbox(connection)
    for (const subscription of this.#subscriptions.keys())
      if (!subscription.closed) this.#subscribeOn(connection, subscription)
    // It may have turned out to be gone, and then the next one is sought already.
    if (this.#link !== link) return
    this.#sender.attach(link)
    link.start()
  }

  lost(link: Link, reason: string, error: ColloquyError | undefined): void {
    if (this.#link !== link) return
    this.#link = undefined
    this.#inbox = undefined
    this.#lastRead = undefined
    for (const subscription of this.#subscriptions.keys()) this.#subscriptions.set(subscription, undefined)
    const unconfirmed = this.#sender.detach(link)
    this.#settings.logger.warn({ server: link.server.label, reason, unconfirmed }, 'NATS connection lost')
    if (/slow consumer/i.test(reason)) this.#statuses.tell({ type: 'slow-consumer', dropped: 0 })
    this.#statuses.tell({ type: 'disconnected', reason })
    if (error instanceof Unauthorized && this.#settings.reconnect?.afterUnauthorized === false)
      return this.#giveUp(error, unconfirmed)
    this.#connector.again(link.server, this).then(
      (connected) => this.#reattach(connected, unconfirmed),
      (failure: unknown) => this.#giveUp(typed(failure, link.server.label), unconfirmed),
    )
  }

  #reattach(connected: Connected, unconfirmed: number): void {
    if (this.#closed) return void connected.connection.close()
    const server = connected.server.label
    const { count, error } = this.#sender.sift(connected.connection)
    const lost = unconfirmed + count
    this.#settings.logger.info({ server, unconfirmed: lost }, 'NATS connection made again')
    this.#statuses.tell({ type: 'reconnected', server, unconfirmed: lost })
    if (error) this.refused(error)
    this.#attach(connected)
  }

  #giveUp(error: ColloquyError, unconfirmed: number): void {
    if (this.#closed) return
    this.#settings.logger.error(error, 'NATS connection given up')
    this.#closing = this.#close(error, unconfirmed)
  }

  trying(attempt: number): void {
    this.#statuses.tell({ type: 'reconnecting', attempt })
  }
  refused(error: ColloquyError): void {
    this.#statuses.tell({ type: 'error', error })
  }
  complained(error: ColloquyError): void {
    this.#statuses.tell({ type: 'error', error })
  }
  lameDuck(): void {
    this.#statuses.tell({ type: 'lame-duck' })
  }
  members(link: Link, urls: readonly string[], encrypted: boolean): void {
    if (this.#settings.options.discover !== false) this.#connector.pool.discover(link.server, urls, encrypted)
  }

  denied({ error, reply, queue }: Denied): void {
    this.#statuses.tell({ type: 'error', error })
    const { subject, operation } = error
    if (operation === 'subscribe' && subject === this.#mux.inbox) {
      this.#inbox = undefined
      this.#inboxDenied = error
      this.#mux.failReply(undefined, error)
    } else if (operation === 'subscribe') {
      // The library ends the first that it finds, and none whose name the server wrote with escapes.
      for (const each of this.#subscriptions.keys())
        if (each.subject === subject && each.queue === queue) each.end(error)
    } else if (reply) this.#mux.failReply(subject, error)
    else this.#mux.failSubject(subject, error)
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
  limit(subscription: BusSubscription): void {
    const made = this.#subscriptions.get(subscription)
    // Both sides count from the beginning of this connection.
    if (made && !made.isClosed()) made.unsubscribe(made.getReceived() + subscription.left)
  }
  /** UNSUB, then the PONG that comes after all that was sent before it. */
  last(subscription: BusSubscription): Promise<void> {
    const made = this.#subscriptions.get(subscription)
    if (!made || made.isClosed()) return Promise.resolve()
    if (!made.isDraining()) void made.drain().catch(() => {})
    return this.#sender.settled()
  }
  leave(subscription: BusSubscription): void {
    const made = this.#subscriptions.get(subscription)
    if (made && !made.isClosed()) made.unsubscribe()
  }
  slow({ subject, dropped }: BusSubscription): void {
    this.#statuses.tell({ type: 'slow-consumer', subject, dropped })
  }
  over(subscription: BusSubscription): void {
    this.#subscriptions.delete(subscription)
  }
}
