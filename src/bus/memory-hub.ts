/**
 * Hub: the one place where the publishes of an in-process bus meet its subscriptions. It finds the routes of a subject,
 * picks the members of queue groups and hands each publish to the routes; what a route makes of it (a Message in a queue,
 * bytes on a socket) is the route's own matter. It knows neither connections nor sockets, and it calls no user code.
 */
import type { Clock } from '../base/clock.ts'
import { randomFrom, systemEntropy } from '../base/entropy.ts'
import type { Entropy } from '../base/entropy.ts'
import { wholeNumber } from '../base/limit.ts'
import type { Random } from '../base/random.ts'
import { systemClock } from '../base/system-clock.ts'
import type { Message, MessageHeaders } from './bus.ts'
import { decodeHeaders, encodeHeaders } from './header-block.ts'
import { Pace } from '../base/pace.ts'
import { checkSubject, isSubject } from './subject.ts'
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

/** One subscription as the hub sees it. */
export interface Route {
  /**
   * Takes the publish, now: it is the hub's own and used again for the next. False when it was not wanted, and then
   * another member of the queue group is asked.
   */
  take(publish: Publish): boolean
}

/** A publish as it stands in the bytes of the NATS protocol: offsets into what was read, or into what was made for it. */
export interface WireForm {
  readonly source: Buffer
  /** From the argument after the subject to the end, CR LF included: what a MSG has behind its sid. */
  readonly tailFrom: number
  readonly tailTo: number
  /** End of the reply, which begins at `tailFrom`; -1 without one. */
  readonly replyTo: number
  /** Start of the header block, or of the data when there is none. */
  readonly blockFrom: number
  readonly dataFrom: number
  readonly dataTo: number
}

/**
 * One publish on its way, in whichever form the publisher had it: as values, or as bytes of the NATS protocol. The other
 * form is made when a route asks for it, once for all of them.
 */
export class Publish {
  subject = ''
  /** Who published, when that matters to a route: a connection that wants no echo. */
  origin: object | undefined
  /** The message made of it last, for routes that share one. */
  message: Message | undefined
  #data: Uint8Array | undefined
  #reply: string | undefined
  #headers: MessageHeaders | undefined
  #wire: WireForm | undefined
  /** `#wire` came from the publisher, and the values have not been read from it. */
  #unread = false

  /** `headers` have passed `checkHeaders`, `reply` the grammar. */
  begin(subject: string, data: Uint8Array, headers: MessageHeaders | undefined, reply: string | undefined): this {
    this.subject = subject
    this.origin = undefined
    this.message = undefined
    this.#data = data
    this.#reply = reply
    this.#headers = headers
    this.#wire = undefined
    this.#unread = false
    return this
  }

  /** From a connection; `wire` must hold still during `send` alone. */
  beginWire(origin: object, subject: string, wire: WireForm): this {
    this.subject = subject
    this.origin = origin
    this.#wire = wire
    this.#unread = true
    return this
  }

  /** Forgets what it carried, so that the last payload is not kept alive. */
  end(): void {
    this.origin = this.message = this.#data = this.#headers = this.#wire = this.#reply = undefined
  }

  /** To be kept: never a view into what a socket read. */
  get data(): Uint8Array {
    this.#read()
    return this.#data ?? none
  }
  get headers(): MessageHeaders | undefined {
    this.#read()
    return this.#headers
  }
  /** Absent too when it is no subject: nobody could listen there. */
  get reply(): string | undefined {
    this.#read()
    return this.#reply
  }
  get wire(): WireForm {
    return (this.#wire ??= writeWire(this.#data ?? none, this.#headers, this.#reply))
  }

  #read(): void {
    if (!this.#unread || !this.#wire) return
    this.#unread = false
    const { source, blockFrom, dataFrom, dataTo } = this.#wire
    this.#data = new Uint8Array(source.subarray(dataFrom, dataTo))
    this.#headers = dataFrom > blockFrom ? decodeHeaders(source.subarray(blockFrom, dataFrom)) : undefined
    const reply = replyOf(this.#wire)
    this.#reply = reply !== undefined && isSubject(reply) ? reply : undefined
  }
}

const none = new Uint8Array(0)

/** The reply as text, whatever it is; undefined without one. */
export function replyOf({ source, tailFrom, replyTo }: WireForm): string | undefined {
  return replyTo === -1 ? undefined : source.toString('utf8', tailFrom, replyTo)
}

/** The form of a publish that was not read from a connection, or not as it is to be handed on. */
export function writeWire(data: Uint8Array, headers: MessageHeaders | undefined, reply: string | undefined): WireForm {
  const block = headers === undefined ? none : encodeHeaders(headers)
  const sizes = headers === undefined ? `${data.length}` : `${block.length} ${block.length + data.length}`
  const line = Buffer.from(reply === undefined ? `${sizes}\r\n` : `${reply} ${sizes}\r\n`)
  const source = Buffer.allocUnsafe(line.length + block.length + data.length + 2)
  source.set(line)
  source.set(block, line.length)
  const dataFrom = line.length + block.length
  source.set(data, dataFrom)
  source.write('\r\n', dataFrom + data.length)
  const replyTo = reply === undefined ? -1 : Buffer.byteLength(reply)
  const dataTo = dataFrom + data.length
  return { source, tailFrom: 0, tailTo: dataTo + 2, replyTo, blockFrom: line.length, dataFrom, dataTo }
}

export class Hub {
  readonly payloadMaxBytes: number
  readonly requestsMax: number | undefined
  readonly clock: Clock
  readonly entropy: Entropy
  readonly pace: Pace
  readonly routes: SubjectTrie<Route> = new SubjectTrie<Route>()
  /** For the publish that is sent next: none is sent while another is. */
  readonly publish: Publish = new Publish()
  readonly #random: Random

  constructor(options: MemoryBusOptions) {
    this.payloadMaxBytes = wholeNumber('payloadMaxBytes', options.payloadMaxBytes ?? 1024 * 1024, 1)
    this.requestsMax = options.requestsMax
    this.clock = options.clock ?? systemClock
    this.entropy = options.entropy ?? systemEntropy
    this.#random = options.random ?? randomFrom(systemEntropy)
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
    return subject.startsWith('_INBOX') ? this.routes.matchOnce(subject) : this.routes.match(subject)
  }

  /** Hands out to all of `matched`; returns how many took it. */
  send(matched: Matched<Route>, publish: Publish): number {
    const { plain, groups } = matched
    let taken = 0
    for (let at = 0; at < plain.length; at++) if ((plain[at] as Route).take(publish)) taken++
    for (const members of groups) if (this.#sendToOne(members, publish)) taken++
    publish.end()
    return taken
  }

  #sendToOne(members: readonly Route[], publish: Publish): boolean {
    const { length } = members
    const first = length === 1 ? 0 : this.#random.integer(length)
    for (let at = 0; at < length; at++) if ((members[(first + at) % length] as Route).take(publish)) return true
    return false
  }
}
