/**
 * Bus: real-time messages between agents, as core NATS has them: subjects, publish-subscribe, request-reply, queue groups,
 * requests that gather many answers. Unlike the journal it remembers nothing: who is not subscribed when a message passes
 * does not get it. Interfaces only; a driver never calls a handler inside the publisher's call and never retries.
 *
 * What every driver promises:
 *
 * | promise | memory | nats |
 * | --- | --- | --- |
 * | delivery | at most once; to each subscriber that is there when the message is published | at most once; lost on disconnect, told in `status()` |
 * | order | messages of one publisher arrive in their order, per subscription | the same, per connection |
 * | a queue group | each message to one member, chosen by chance | the same |
 * | durability | none | none |
 * | `flush()` resolves | when all published before is in the queues of the subscriptions | when the server has answered a PING; while disconnected it waits |
 * | `flush()` rejects `bus.disconnected` | never | when the connection breaks and something published before may be lost, or is too large for the next server |
 * | lost with the connection | nothing | at most what `reconnected.unconfirmed` counts, or `closed.unconfirmed` when no other is found; a server that crashes may also lose what it had confirmed and not yet passed on |
 * | lost in a crash | everything not yet handled | the same, and what the connection held |
 * | a full subscription | its `overflow` policy, counted in `dropped`, told in `status()` | the same |
 */
import type { ColloquyError } from '../base/error.ts'

export type MessageHeaders = Readonly<Record<string, readonly string[]>>
/** Headers as a publisher writes them. Names are case-sensitive, as in NATS: printable ASCII without space and colon. */
export type HeadersInput = Readonly<Record<string, string | readonly string[]>>

export interface Message {
  readonly subject: string
  /** Immutable by contract: neither side may write to it after publishing or on receipt. */
  readonly data: Uint8Array
  readonly headers?: MessageHeaders | undefined
  /** Where an answer goes. */
  readonly reply?: string | undefined
  /** Publishes to `reply`; false when there is no reply subject. Throws what `publish` throws. */
  respond(data: Uint8Array, options?: { readonly headers?: HeadersInput }): boolean
}

export interface PublishOptions {
  readonly headers?: HeadersInput
  /** A subject for answers. */
  readonly reply?: string
}

export interface SubscribeOptions {
  /** Members of one queue group share the messages: each goes to one of them. */
  readonly queue?: string
  /** The subscription ends by itself after this many messages, counted as they arrive: those dropped later too. To 999,999,999. */
  readonly max?: number
  /** Messages held for a slow consumer. Default 65,536. */
  readonly pendingMax?: number
  /** Bytes (data) held for a slow consumer. Default 64 MiB. */
  readonly pendingMaxBytes?: number
  /** At either bound. Default `drop-newest`, as NATS clients do; `error` ends the subscription with `bus.slow_consumer`. */
  readonly overflow?: 'drop-oldest' | 'drop-newest' | 'error'
}

/** A stream of messages with one consumer: it iterates or gives a handler to `each`; a second is `bus.already_consumed`. */
export interface Subscription extends AsyncIterable<Message>, AsyncDisposable {
  readonly subject: string
  readonly queue?: string
  /** Messages handed to the consumer so far. */
  readonly received: number
  /** Messages that wait. */
  readonly pending: number
  /** Messages lost to the overflow policy. */
  readonly dropped: number
  /** True once no further message will come: after `unsubscribe`, the last of `max`, `drain`, or the bus's close. */
  readonly closed: boolean
  /**
   * Calls `handler` for each message, in order, waiting for its promise. Resolves at the end of the subscription; a throw
   * of the handler ends the subscription and rejects.
   */
  each(handler: (message: Message) => void | Promise<void>): Promise<void>
  /** Ends it; what waits is discarded. With `max`: after that many messages in all, counted as `max` is. */
  unsubscribe(max?: number): void
  /**
   * Takes no new messages; resolves when those that wait have been consumed: the handler has settled, the iteration has
   * asked for one more. Do not await it inside the handler, which it waits for.
   */
  drain(options?: WaitOptions): Promise<void>
}

/** Bounds of a wait; at either bound what still waits is discarded. */
export interface WaitOptions {
  /** Then `base.timeout`. Default 5000 to flush, 30,000 to drain. */
  readonly timeoutMs?: number
  /** Then `base.aborted`. */
  readonly signal?: AbortSignal
}

export interface RequestOptions {
  /** Default 5000. Then `bus.timeout`. */
  readonly timeoutMs?: number
  readonly headers?: HeadersInput
  readonly signal?: AbortSignal
}

export interface RequestManyOptions {
  /** Ends after this many answers. Default: no count. */
  readonly max?: number
  /** Ends after this long in any case. Default 5000. The stream then ends; it is no error. */
  readonly timeoutMs?: number
  /** Ends when this long has passed since the last answer; `timeoutMs` still holds. Default: no stall. */
  readonly stallMs?: number
  /** Ends at an answer for which this is true; that answer is the last one delivered. An empty payload by convention. */
  readonly sentinel?: (message: Message) => boolean
  readonly headers?: HeadersInput
  readonly signal?: AbortSignal
}

export type BusStatus =
  | { readonly type: 'disconnected'; readonly reason: string }
  /** One more try to connect; `attempt` counts from 1 since the connection was lost. */
  | { readonly type: 'reconnecting'; readonly attempt: number }
  /** `unconfirmed`: publishes since the last confirmation by the server, which may be lost, and those known to be. */
  | { readonly type: 'reconnected'; readonly server: string; readonly unconfirmed: number }
  /** The server will stop: a cluster's client moves to another by itself. */
  | { readonly type: 'lame-duck' }
  /** A subscription met its bound (`subject`), or the server found this connection too slow (no subject). */
  | { readonly type: 'slow-consumer'; readonly subject?: string; readonly dropped: number }
  /**
   * What no call could reject with: a publish or subscription that the server denied, credentials that expired, and of
   * publishes that waited and are above the bound of the next server the largest (`bus.payload_too_large`).
   */
  | { readonly type: 'error'; readonly error: ColloquyError }
  /**
   * The last one. `error` when it was not the owner who closed; then `unconfirmed`, if there are any, as in `reconnected`
   * and with the publishes that still waited for a connection.
   */
  | { readonly type: 'closed'; readonly error?: ColloquyError; readonly unconfirmed?: number }

export interface Bus extends AsyncDisposable {
  /** Of the driver: `memory`, `nats`. */
  readonly driver: string
  /**
   * Largest message in bytes that `publish` takes: its data, and its headers as NATS writes them (12, and for each value 4
   * with the lengths of name and value). More is `bus.payload_too_large`, refused before anything is sent.
   */
  readonly payloadMaxBytes: number
  /**
   * Sends to all subscribers there are; returns at once. The bytes must not be changed afterwards.
   * Throws `bus.invalid_subject` (wildcards included), `bus.invalid_header`, `bus.payload_too_large`, `bus.closed`, and
   * `bus.buffer_full` when too much waits for a server that is away or slow. That nobody listens is no error, with a `reply`
   * neither: only `request` tells.
   */
  publish(subject: string, data: Uint8Array, options?: PublishOptions): void
  /** Tokens by `.`; `*` is any one token, `>` one or more at the end. Throws `bus.invalid_subject`, `base.invalid_argument`, `bus.closed`. */
  subscribe(subject: string, options?: SubscribeOptions): Subscription
  /**
   * The first answer. Rejects with `bus.no_responders` at once when nobody listens, `bus.timeout`, `base.aborted`,
   * `bus.permission_denied`, `base.limit_exceeded` (too many requests wait), and what `publish` throws.
   */
  request(subject: string, data: Uint8Array, options?: RequestOptions): Promise<Message>
  /**
   * Sends at once; answers as they come; ends by the first of its bounds. What `request` rejects with, but for the timeout,
   * comes out of the iteration, and `bus.slow_consumer` when 65,536 answers or 64 MiB wait for it.
   */
  requestMany(subject: string, data: Uint8Array, options?: RequestManyOptions): AsyncIterable<Message>
  /** See the table. */
  flush(options?: WaitOptions): Promise<void>
  /**
   * Ends all subscriptions after what waits is consumed, flushes, closes. Meanwhile handlers may still publish and respond;
   * new subscriptions and requests are `bus.closed`. At a bound it closes all the same, and rejects.
   */
  drain(options?: WaitOptions): Promise<void>
  /** What happens to the connection from now on; ends with `closed`. Whoever holds a bus was connected before that. */
  status(): AsyncIterable<BusStatus>
  /** Ends everything at once; waiting requests reject with `bus.closed`. Idempotent. */
  close(): Promise<void>
}
