/**
 * TracedBus: any bus with OpenTelemetry spans around what it does, and the trace context in the messages. A wrapper, not a
 * driver: it sends, receives and refuses exactly as the bus inside does, and reads nothing of a payload but its size.
 *
 * The spans (OpenTelemetry semantic conventions for messaging, in development there):
 *
 * | call | span | kind | parent | in the message |
 * | --- | --- | --- | --- | --- |
 * | `publish` | `publish {destination}` | producer | the active span | the span |
 * | ... with a `traceparent` of the caller's own | the same | client | that | the caller's, unchanged |
 * | `request`, `requestMany` | `request {destination}`, to the answer, or to the end of the stream | client | the same | the same |
 * | `each` | `process {destination}` around the handler | consumer | the message's; else a trace of its own | |
 * | `respond` in `each` | `respond` | producer | the `process` span | the span |
 * | `respond` elsewhere | `respond` | producer | the message's; else the active span | the span |
 *
 * An iteration has no span: no call tells when the consumer has finished with a message. Whoever iterates puts a span of
 * their own around the work, with `traceparentOf(message)` as parent. `{destination}` is the template where there is one,
 * such as the pattern with wildcards of the subscription, else the subject; none for an inbox.
 */
import { ColloquyError, assert } from '../base/error.ts'
import { noTelemetry } from '../base/telemetry.ts'
import type { AttributeValue, Span, SpanOptions, Telemetry } from '../base/telemetry.ts'
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
import { headerOf, isTraceparent, traceparentOf } from './event.ts'
import { checkHeaders } from './header.ts'
import { hasWildcard, subjectMaxBytes } from './subject.ts'

export interface TracedBusOptions {
  /**
   * A name with few values for subjects that hold ids, as `orders.*.paid` for `orders.4711.paid`; it stands in span names
   * in place of the subject. Undefined: the subject itself. Default: always undefined.
   */
  readonly template?: (subject: string) => string | undefined
  /** First tokens of subjects that are inboxes, as given to the driver. Default `_INBOX`. */
  readonly inboxPrefix?: string
}

/** The bus with spans; the bus itself when telemetry is `noTelemetry`. */
export function tracedBus(bus: Bus, telemetry: Telemetry, options: TracedBusOptions = {}): Bus {
  return telemetry === noTelemetry ? bus : new TracedBus(bus, new Tracer(bus, telemetry, options))
}

type Operation = 'publish' | 'request' | 'respond' | 'process'

/** A message on its way out, or one that has come. */
interface Passing {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers?: HeadersInput | undefined
}

/** Makes the spans and says what a message carries. */
class Tracer {
  readonly #bus: Bus
  readonly #telemetry: Telemetry
  readonly #system: string
  readonly #template: (subject: string) => string | undefined
  readonly #inboxes: string

  constructor(bus: Bus, telemetry: Telemetry, options: TracedBusOptions) {
    this.#bus = bus
    this.#telemetry = telemetry
    // The conventions name systems by product; a bus inside one process is none that they know.
    this.#system = bus.driver === 'memory' ? 'colloquy.memory' : bus.driver
    this.#template = options.template ?? (() => undefined)
    this.#inboxes = `${options.inboxPrefix ?? '_INBOX'}.`
  }

  /** Sends within the call, as `publish` must. A span that fails tells its error, which is thrown too. */
  send<T>(operation: 'publish' | 'respond', message: Passing, parent: string | undefined, work: Send<T>): T {
    let outcome: { readonly value: T } | { readonly error: unknown } | undefined
    const own = ownTraceparent(message.headers)
    const kind = own === undefined ? 'producer' : 'client'
    this.#span(operation, message, { kind, parent: own ?? parent }, async (span) => {
      try {
        outcome = { value: work(this.#carried(message, span)) }
      } catch (error) {
        outcome = { error }
        throw error
      }
    }).catch(() => {})
    assert(outcome, 'Telemetry.span must call its work before it returns')
    if ('error' in outcome) throw outcome.error
    return outcome.value
  }

  /** From here to the answer. */
  ask<T>(message: Passing, work: (headers: HeadersInput | undefined) => Promise<T>): Promise<T> {
    const parent = ownTraceparent(message.headers)
    return this.#span('request', message, { kind: 'client', parent }, (span) => work(this.#carried(message, span)))
  }

  /** Around a handler; never under the span of whoever set off the delivery. */
  process(
    message: Message,
    { subject, queue }: Subscription,
    handler: (message: Message) => void | Promise<void>,
  ): Promise<void> {
    const parent = traceparentOf(message)
    const extra = {
      ...(hasWildcard(subject) && { 'messaging.destination.template': subject }),
      ...(queue !== undefined && { 'messaging.consumer.group.name': queue }),
    }
    return this.#span('process', message, { kind: 'consumer', parent, root: true, attributes: extra }, async (span) => {
      await handler(new TracedMessage(message, this, span.traceparent ?? parent))
    })
  }

  /** A message that came, whose answer continues its trace. */
  received(message: Message): Message {
    return new TracedMessage(message, this, traceparentOf(message))
  }

  #span<T>(operation: Operation, message: Passing, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T> {
    const attributes: Record<string, AttributeValue> = {
      ...this.#attributes(operation, message),
      ...options.attributes,
    }
    const inbox = attributes['messaging.destination.temporary'] === true
    const destination =
      attributes['messaging.destination.template'] ?? (inbox ? undefined : attributes['messaging.destination.name'])
    const name = destination === undefined ? operation : `${operation} ${destination}`
    return this.#telemetry.span(name, { ...options, attributes }, async (span) => {
      try {
        return await work(span)
      } catch (error) {
        span.set({ 'error.type': errorType(error) })
        throw error
      }
    })
  }

  /** Also of what the bus will refuse, of whatever type it is: that is for the bus to say. */
  #attributes(operation: Operation, { subject: given, data, headers }: Passing): Record<string, AttributeValue> {
    const subject = typeof given === 'string' ? given.slice(0, subjectMaxBytes) : ''
    const template = this.#template(subject)
    const [id, conversation] = [headerOf(headers, 'ce-id'), headerOf(headers, 'ce-correlationid')]
    return {
      'messaging.system': this.#system,
      'messaging.operation.name': operation,
      'messaging.operation.type': operation === 'process' ? 'process' : 'send',
      'messaging.destination.name': subject,
      ...(template !== undefined && { 'messaging.destination.template': template }),
      ...(subject.startsWith(this.#inboxes) && inboxAttributes),
      ...(data instanceof Uint8Array && { 'messaging.message.body.size': data.length }),
      ...(id !== undefined && { 'messaging.message.id': id }),
      ...(conversation !== undefined && { 'messaging.message.conversation_id': conversation }),
    }
  }

  /** The headers with the span's context, unless the caller gave one, or the message would pass a bound by it. */
  #carried({ data, headers }: Passing, { traceparent }: Span): HeadersInput | undefined {
    if (traceparent === undefined || ownTraceparent(headers) !== undefined) return headers
    const carried = { ...headers, traceparent }
    return fits(data, carried, this.#bus.payloadMaxBytes) ? carried : headers
  }
}

type Send<T> = (headers: HeadersInput | undefined) => T

const inboxAttributes = { 'messaging.destination.temporary': true, 'messaging.destination.anonymous': true } as const

function ownTraceparent(headers: HeadersInput | undefined): string | undefined {
  const own = headerOf(headers, 'traceparent')
  return isTraceparent(own) ? own : undefined
}

/** What would be refused with our header goes without it, and is judged by the bus as if nothing were traced. */
function fits(data: Uint8Array, headers: HeadersInput, maxBytes: number): boolean {
  try {
    return data.length + checkHeaders(headers).bytes <= maxBytes
  } catch {
    return false
  }
}

/** A word with few values, as the conventions ask: never a message. */
function errorType(error: unknown): string {
  if (error instanceof ColloquyError) return error.code
  return error instanceof Error ? error.name.slice(0, 100) : '_OTHER'
}

class TracedMessage implements Message {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers?: MessageHeaders
  readonly reply?: string
  readonly #message: Message
  readonly #tracer: Tracer
  readonly #parent: string | undefined

  constructor(message: Message, tracer: Tracer, parent: string | undefined) {
    this.#message = message
    this.#tracer = tracer
    this.#parent = parent
    this.subject = message.subject
    this.data = message.data
    if (message.headers !== undefined) this.headers = message.headers
    if (message.reply !== undefined) this.reply = message.reply
  }

  respond(data: Uint8Array, options?: { readonly headers?: HeadersInput }): boolean {
    if (this.reply === undefined) return false
    const answer = { subject: this.reply, data, headers: options?.headers }
    return this.#tracer.send('respond', answer, this.#parent, (headers) =>
      this.#message.respond(data, headers && { headers }),
    )
  }
}

class TracedSubscription implements Subscription {
  readonly subject: string
  readonly queue?: string
  readonly #inner: Subscription
  readonly #tracer: Tracer

  constructor(inner: Subscription, tracer: Tracer) {
    this.#inner = inner
    this.#tracer = tracer
    this.subject = inner.subject
    if (inner.queue !== undefined) this.queue = inner.queue
  }

  get received(): number {
    return this.#inner.received
  }
  get pending(): number {
    return this.#inner.pending
  }
  get dropped(): number {
    return this.#inner.dropped
  }
  get closed(): boolean {
    return this.#inner.closed
  }

  each(handler: (message: Message) => void | Promise<void>): Promise<void> {
    return this.#inner.each((message) => this.#tracer.process(message, this, handler))
  }

  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return traced(this.#inner[Symbol.asyncIterator](), this.#tracer)
  }

  unsubscribe(max?: number): void {
    this.#inner.unsubscribe(max)
  }
  drain(options?: WaitOptions): Promise<void> {
    return this.#inner.drain(options)
  }
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#inner[Symbol.asyncDispose]())
  }
}

type Messages = AsyncIterator<Message, undefined>
type Step = IteratorResult<Message, undefined>
/** How a stream came to its end, for the one who waits for that. */
interface Ending {
  resolve(): void
  reject(error: unknown): void
}

/** The same stream of messages, each of them traced. */
function traced(inner: Messages, tracer: Tracer, ending?: Ending): Messages {
  const next = async (): Promise<Step> => {
    try {
      const step = await inner.next()
      if (step.done) ending?.resolve()
      return step.done ? step : { value: tracer.received(step.value), done: false }
    } catch (error) {
      ending?.reject(error)
      throw error
    }
  }
  const end = async (): Promise<Step> => {
    ending?.resolve()
    return (await inner.return?.()) ?? { value: undefined, done: true }
  }
  return { next, return: end }
}

class TracedBus implements Bus {
  readonly driver: string
  readonly #bus: Bus
  readonly #tracer: Tracer

  constructor(bus: Bus, tracer: Tracer) {
    this.#bus = bus
    this.#tracer = tracer
    this.driver = bus.driver
  }

  get payloadMaxBytes(): number {
    return this.#bus.payloadMaxBytes
  }

  publish(subject: string, data: Uint8Array, options?: PublishOptions): void {
    const message = { subject, data, headers: options?.headers }
    this.#tracer.send('publish', message, undefined, (headers) =>
      this.#bus.publish(subject, data, { ...options, ...(headers && { headers }) }),
    )
  }

  subscribe(subject: string, options?: SubscribeOptions): Subscription {
    return new TracedSubscription(this.#bus.subscribe(subject, options), this.#tracer)
  }

  request(subject: string, data: Uint8Array, options?: RequestOptions): Promise<Message> {
    const message = { subject, data, headers: options?.headers }
    return this.#tracer.ask(message, async (headers) =>
      this.#tracer.received(await this.#bus.request(subject, data, { ...options, ...(headers && { headers }) })),
    )
  }

  /** Its span ends when the stream has been read to its end, or left; one that nobody reads is never told. */
  requestMany(subject: string, data: Uint8Array, options?: RequestManyOptions): AsyncIterable<Message> {
    let answers: AsyncIterable<Message> | undefined
    const { promise: ended, ...ending } = Promise.withResolvers<void>()
    const span = this.#tracer.ask({ subject, data, headers: options?.headers }, (headers) => {
      answers = this.#bus.requestMany(subject, data, { ...options, ...(headers && { headers }) })
      return ended
    })
    // The reader of the stream hears of it.
    span.catch(() => {})
    assert(answers, 'Telemetry.span must call its work before it returns')
    const inner: Messages = answers[Symbol.asyncIterator]()
    const stream = traced(inner, this.#tracer, ending)
    return { [Symbol.asyncIterator]: () => stream }
  }

  flush(options?: WaitOptions): Promise<void> {
    return this.#bus.flush(options)
  }
  drain(options?: WaitOptions): Promise<void> {
    return this.#bus.drain(options)
  }
  status(): AsyncIterable<BusStatus> {
    return this.#bus.status()
  }
  close(): Promise<void> {
    return this.#bus.close()
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
