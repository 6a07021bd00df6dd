/**
 * NatsMessage: the library's message in the port's form. What costs is made when it is asked for: subject under a wildcard,
 * reply, headers. Unlike a message of the memory bus its bytes are a view into what the socket read at once, up to 64 KiB,
 * which lives as long as the view; `detach` copies it out, for messages that wait long.
 */
import type * as Nats from '@nats-io/transport-node'
import type { HeadersInput, Message, MessageHeaders } from './bus.ts'
import { utf8Bytes } from '../base/limit.ts'
import { decodeHeaders } from './header-block.ts'
import { isSubject } from './subject.ts'

/** Who publishes the answers; `reply` is a subject. */
export interface Responder {
  answer(reply: string, data: Uint8Array, headers: HeadersInput | undefined): void
}

export class NatsMessage implements Message {
  /** Part of what the socket read until `detach`. */
  data: Uint8Array
  readonly #responder: Responder
  #subject: string | undefined
  /** Replaced by what was read from it once that is done. */
  #source: Nats.Msg | Detached
  #headers: MessageHeaders | undefined

  /** `subject` when the subscription has no wildcard. */
  constructor(responder: Responder, source: Nats.Msg, data: Uint8Array, subject: string | undefined) {
    this.#responder = responder
    this.#source = source
    this.data = data
    this.#subject = subject
  }

  get subject(): string {
    return (this.#subject ??= this.#source.subject)
  }

  /** Absent too when it is no subject: nobody could listen there. */
  get reply(): string | undefined {
    if (this.#source instanceof Detached) return this.#source.reply
    const { reply } = this.#source
    return reply !== undefined && isSubject(reply) ? reply : undefined
  }

  get headers(): MessageHeaders | undefined {
    if (this.#source instanceof Detached) return this.#headers
    return (this.#headers ??= headersOf(this.#source, this.data))
  }

  respond(data: Uint8Array, options?: { readonly headers?: HeadersInput }): boolean {
    const { reply } = this
    if (reply === undefined) return false
    this.#responder.answer(reply, data, options?.headers)
    return true
  }

  /** Lets go of what the socket read: reads what is there and copies the bytes, unless they are most of it anyway. */
  detach(): void {
    const { headers, reply, subject } = this
    this.#headers = headers
    this.#source = new Detached(subject, reply)
    if (this.data.length * 2 < this.data.buffer.byteLength) this.data = new Uint8Array(this.data)
  }
}

class Detached {
  readonly subject: string
  readonly reply: string | undefined
  constructor(subject: string, reply: string | undefined) {
    this.subject = subject
    this.reply = reply
  }
}

const noResponders = 503

/** The server's word that nobody listens: a status of 503, on a message without data. */
export function tellsNoResponders(raw: Nats.Msg): boolean {
  try {
    return raw.headers?.code === noResponders
  } catch {
    return false
  }
}

/** The library refuses to read some headers that others may send, such as a lone line feed: those are read here. */
function headersOf(raw: Nats.Msg, data: Uint8Array): MessageHeaders | undefined {
  let found: Nats.MsgHdrs | undefined
  try {
    found = raw.headers
  } catch {
    return decodeHeaders(blockBefore(raw, data))
  }
  if (!found) return undefined
  const headers = Object.create(null) as Record<string, readonly string[]>
  let none = true
  for (const [name, values] of found) {
    headers[name] = Object.freeze(values)
    none = false
  }
  return none ? undefined : Object.freeze(headers)
}

/** Headers stand right before the data, in the same memory; their length is what the message is larger than its parts. */
function blockBefore(raw: Nats.Msg, data: Uint8Array): Uint8Array {
  const whole = (raw as { size?: () => number }).size?.() ?? 0
  const size = whole - data.length - utf8Bytes(raw.subject).length - utf8Bytes(raw.reply ?? '').length
  const from = data.byteOffset - size
  return size > 0 && from >= 0 ? new Uint8Array(data.buffer, from, size) : new Uint8Array(0)
}
