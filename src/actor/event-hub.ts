/**
 * EventHub: the named events of one node, as Ergo has them: whoever defines one may publish it, whoever subscribes hears it.
 * Unlike the bus it knows its subscribers: an actor gets each value as a message of its own, in the order of publishing, and
 * is forgotten when it ends. Nothing is kept but the buffer that late subscribers get first.
 *
 * A subscription of an actor and an event that an actor owns last over restarts, as its mailbox does: asking again is
 * idempotent, so that `init` may ask each time. Subscribing plainly gives a bounded stream.
 */
import { timingSafeEqual } from 'node:crypto'
import type { Entropy } from '../base/entropy.ts'
import { InvalidArgument, messageOf } from '../base/error.ts'
import { plainName, wholeNumber } from '../base/limit.ts'
import type { Logger } from '../base/logger.ts'
import { BoundedQueue } from '../base/queue.ts'
import type { OverflowPolicy } from '../base/queue.ts'
import type { ActorRef, Subscription } from './actor.ts'
import type { Cell } from './cell.ts'
import { EventTaken, EventToken, UnknownEvent, UnknownMessage } from './error.ts'
import { cellOf } from './group.ts'
import { Letter, plainExtra } from './letter.ts'
import type { Sender } from './letter.ts'

export interface EventOptions {
  /** Last values that a new subscriber gets first. Default 0. */
  readonly buffer?: number
  /** Only who holds the producer's token may publish. Default: everybody on this node may. */
  readonly token?: true
  /** The event ends with this actor, and defining it again after a restart goes on with the same subscribers. Default: it lasts until `end`. */
  readonly owner?: ActorRef<never>
  /** Told of the first subscriber and of the end of the last, after the fact. What it throws is logged. */
  readonly notify?: (change: 'first' | 'last') => void
}

export interface EventProducer<Value = unknown> {
  readonly name: string
  /** Lets others publish; undefined for an event without one. A secret: it stands in no log. */
  readonly token: string | undefined
  readonly subscribers: number
  /** To how many it went. Throws `actor.unknown_event` after the end, `actor.event_token` once it was defined again. */
  publish(value: Value): number
  /** No more values: streams end after what waits, actors hear `event-ended`. Idempotent. */
  end(): void
}

export interface StreamOptions {
  /** Values that wait for the reader, beside those of the event's buffer. Default 4096. */
  readonly limit?: number
  /** At the limit. Default `error`: the stream ends with `base.limit_exceeded`, since a loss is never silent unless chosen. */
  readonly overflow?: OverflowPolicy
  /** Ends the stream without an error. */
  readonly signal?: AbortSignal
}

export interface Events {
  /** Throws `actor.event_taken` when it is there already, and not of the same owner. */
  define<Value>(name: string, options?: EventOptions): EventProducer<Value>
  /** To how many it went. Throws `actor.unknown_event`, `actor.event_token`. */
  publish(name: string, value: unknown, token?: string): number
  /** What is buffered, then what comes, until the event ends. Subscribes at once, not at the first read. Throws `actor.unknown_event`. */
  subscribe<Value = unknown>(name: string, options?: StreamOptions): AsyncIterableIterator<Value, undefined>
  /** The names of the events there are. */
  readonly names: readonly string[]
}

/** The context of the handler that publishes. */
interface Publisher {
  readonly host: Sender
  readonly correlation: string | undefined
}

/** What the system is to its events. */
export interface EventSystem {
  readonly system: { readonly current: Publisher | undefined }
  readonly logger: Logger
  readonly entropy: Entropy
  /** The value as one more receiver gets it, where messages go through a codec. */
  readonly copy: ((value: unknown) => unknown) | undefined
}

const tokenBytes = 16
const bufferMax = 1_000_000
const streamLimit = 4096
const none: readonly never[] = []

export class EventHub implements Events {
  readonly #system: EventSystem
  readonly #events = new Map<string, NamedEvent>()

  constructor(system: EventSystem) {
    this.#system = system
  }

  get names(): readonly string[] {
    return [...this.#events.keys()]
  }

  define<Value>(name: string, options: EventOptions = {}): EventProducer<Value> {
    plainName('event', name, 128)
    const bufferLimit = wholeNumber('buffer', options.buffer ?? 0, 0, bufferMax)
    const owner = options.owner && cellOf(options.owner)
    if (owner?.phase === 'ended') throw new InvalidArgument('owner', 'must not have ended')
    let event = this.#events.get(name)
    if (event && (!owner || event.owner !== owner)) throw new EventTaken(name)
    if (!event) {
      event = new NamedEvent(name, this.#system.logger, owner)
      this.#events.set(name, event)
      if (owner) this.#endWith(event, owner)
    }
    // The values that an earlier definition buffered belong to its subscribers still.
    event.bufferLimit = bufferLimit
    event.trim()
    event.token =
      options.token === true ? Buffer.from(this.#system.entropy.bytes(tokenBytes)).toString('hex') : undefined
    event.notify = options.notify
    return new Producer<Value>(this, event, this.#events)
  }

  #endWith(event: NamedEvent, owner: Cell): void {
    const ended = () => this.end(event)
    event.disown = () => owner.watchers?.delete(ended)
    ;(owner.watchers ??= new Set()).add(ended)
  }

  end(event: NamedEvent): void {
    if (this.#events.get(event.name) !== event) return
    this.#events.delete(event.name)
    event.disown?.()
    event.finish()
  }

  publish(name: string, value: unknown, token?: string): number {
    return this.publishAs(this.#system.system.current, name, value, token)
  }

  publishAs(from: Publisher | undefined, name: string, value: unknown, token: string | undefined): number {
    const event = this.#known(name)
    if (event.token !== undefined && !sameToken(event.token, token)) throw new EventToken(name)
    return event.publish(value, from, this.#system.copy)
  }

  subscribe<Value = unknown>(name: string, options: StreamOptions = {}): AsyncIterableIterator<Value, undefined> {
    const event = this.#known(name)
    const { signal } = options
    const limit = wholeNumber('limit', options.limit ?? streamLimit, 1) + event.bufferLimit
    const stop = () => {
      signal?.removeEventListener('abort', stop)
      queue.end()
      event.removeStream(queue)
    }
    const queue = new BoundedQueue<unknown>({
      limit,
      overflow: options.overflow ?? 'error',
      name: `event ${name}`,
      onReturn: stop,
    })
    event.trim()
    for (const value of event.buffer) queue.push(this.#system.copy ? this.#system.copy(value) : value)
    if (signal?.aborted) queue.end()
    else {
      event.addStream(queue)
      signal?.addEventListener('abort', stop, { once: true })
    }
    return queue as AsyncIterableIterator<Value, undefined>
  }

  /** Each value comes as a message to this handler. */
  subscribeActor(cell: Cell, name: string, handler: string): Subscription {
    const event = this.#known(name)
    if (!(handler in cell.options.handlers)) throw new UnknownMessage(cell.options.spec.type, handler)
    return event.addActor(cell, handler, this.#system.copy)
  }

  /** Ends all. */
  close(): void {
    for (const event of this.#events.values()) this.end(event)
  }

  #known(name: string): NamedEvent {
    const event = this.#events.get(name)
    if (!event) throw new UnknownEvent(name)
    return event
  }
}

class NamedEvent {
  readonly name: string
  readonly owner: Cell | undefined
  bufferLimit = 0
  /** The oldest first. */
  buffer: unknown[] = []
  token: string | undefined
  notify: EventOptions['notify']
  disown: (() => void) | undefined
  readonly #logger: Logger
  /** Handlers of actors: a map for each handler's name, so that one letter serves all its actors. */
  readonly #actors = new Map<string, Map<Cell, () => void>>()
  readonly #streams = new Set<BoundedQueue<unknown>>()
  #count = 0

  constructor(name: string, logger: Logger, owner: Cell | undefined) {
    this.name = name
    this.#logger = logger
    this.owner = owner
  }

  get subscribers(): number {
    return this.#count
  }

  publish(value: unknown, from: Publisher | undefined, copy: EventSystem['copy']): number {
    const count = this.#count
    // Encoded once for the buffer too: what cannot be encoded is refused before anybody gets it.
    const kept = copy ? copy(value) : value
    if (this.bufferLimit > 0) {
      this.buffer.push(kept)
      // Trimmed now and then: moving the whole buffer for each value would cost its length.
      if (this.buffer.length >= this.bufferLimit * 2) this.trim()
    }
    const sender = from?.host
    const extra = from?.correlation === undefined ? undefined : { ...plainExtra, correlation: from.correlation }
    for (const [handler, cells] of this.#actors) {
      const letter = new Letter(handler, kept, sender, extra)
      for (const cell of cells.keys()) cell.accept(copy ? new Letter(handler, copy(kept), sender, extra) : letter)
    }
    // A stream that comes while others are served has the value from the buffer already.
    for (const queue of this.#streams.size === 0 ? none : [...this.#streams])
      if (!queue.push(copy ? copy(kept) : kept) && queue.ended) this.removeStream(queue)
    return count
  }

  trim(): void {
    if (this.buffer.length > this.bufferLimit)
      this.buffer = this.bufferLimit === 0 ? [] : this.buffer.slice(-this.bufferLimit)
  }

  addActor(cell: Cell, handler: string, copy: EventSystem['copy']): Subscription {
    const subscription = { cancel: () => this.#removeActor(cell, handler) }
    let cells = this.#actors.get(handler)
    if (cells?.has(cell) === true || cell.phase === 'ended') return subscription
    if (!cells) this.#actors.set(handler, (cells = new Map()))
    const ended = () => this.#removeActor(cell, handler)
    cells.set(cell, ended)
    ;(cell.watchers ??= new Set()).add(ended)
    this.trim()
    for (const value of this.buffer) cell.accept(new Letter(handler, copy ? copy(value) : value, undefined, undefined))
    this.#added()
    return subscription
  }

  #removeActor(cell: Cell, handler: string): void {
    const cells = this.#actors.get(handler)
    const ended = cells?.get(cell)
    if (!cells || !ended) return
    cells.delete(cell)
    if (cells.size === 0) this.#actors.delete(handler)
    cell.watchers?.delete(ended)
    this.#removed()
  }

  addStream(queue: BoundedQueue<unknown>): void {
    this.#streams.add(queue)
    this.#added()
  }

  removeStream(queue: BoundedQueue<unknown>): void {
    if (this.#streams.delete(queue)) this.#removed()
  }

  #added(): void {
    if (++this.#count === 1) this.#tell('first')
  }

  #removed(): void {
    if (--this.#count === 0) this.#tell('last')
  }

  #tell(change: 'first' | 'last'): void {
    try {
      this.notify?.(change)
    } catch (error) {
      this.#logger.warn({ event: this.name, error: messageOf(error) }, 'the notice of an event failed')
    }
  }

  /** Its end: nobody is told of a last subscriber, since nobody publishes any more. */
  finish(): void {
    this.notify = undefined
    for (const queue of this.#streams) queue.end()
    this.#streams.clear()
    const told = new Set<Cell>()
    for (const cells of this.#actors.values())
      for (const [cell, ended] of cells) {
        cell.watchers?.delete(ended)
        told.add(cell)
      }
    this.#actors.clear()
    this.#count = 0
    for (const cell of told) if (cell.options.spec.onSignal) cell.signal({ type: 'event-ended', event: this.name })
  }
}

class Producer<Value> implements EventProducer<Value> {
  readonly name: string
  readonly #hub: EventHub
  readonly #event: NamedEvent
  /** Private, and shown by a getter only, so that no log or dump of this object tells it. */
  readonly #token: string | undefined
  readonly #events: ReadonlyMap<string, NamedEvent>

  constructor(hub: EventHub, event: NamedEvent, events: ReadonlyMap<string, NamedEvent>) {
    this.#hub = hub
    this.#event = event
    this.#token = event.token
    this.#events = events
    this.name = event.name
  }

  get token(): string | undefined {
    return this.#token
  }
  get subscribers(): number {
    return this.#event.subscribers
  }

  publish(value: Value): number {
    // Another event may have the name by now.
    if (this.#events.get(this.name) !== this.#event) throw new UnknownEvent(this.name)
    return this.#hub.publish(this.name, value, this.#token)
  }

  end(): void {
    this.#hub.end(this.#event)
  }
}

function sameToken(token: string, given: string | undefined): boolean {
  if (typeof given !== 'string' || given.length !== token.length) return false
  return timingSafeEqual(Buffer.from(token), Buffer.from(given))
}
