/**
 * Hub: the one place where the publishes of an in-process bus meet its subscriptions. It finds the routes of a subject,
 * picks the members of queue groups and hands each publish to the routes; what a route makes of it (a Message in a queue,
 * bytes on a socket) is the route's own matter. It knows neither connections nor sockets, and it calls no user code.
 */
import type { Clock } from '../base/clock.ts'
import { systemEntropy } from '../base/entropy.ts'
import type { Entropy } from '../base/entropy.ts'
import { wholeNumber } from '../base/limit.ts'
import { seededRandom } from '../base/random.ts'
import type { Random } from '../base/random.ts'
import { systemClock } from '../base/system-clock.ts'
import type { Message, MessageHeaders } from './bus.ts'
import { decodeHeaders, encodeHeaders } from './header-block.ts'
import { Pace } from './pace.ts'
import { checkSubject } from './subject.ts'
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

/**
 * One publish on its way, in whichever form the publisher had it: headers as an object or as the bytes of a NATS header
 * block. The other form is made when a route asks for it, once for all of them.
 */
export class Publish {
  subject = ''
  data: Uint8Array = none
  reply: string | undefined
  /** Who published, when that matters to a route: a connection that wants no echo. */
  origin: object | undefined
  /** The message made of it last, for routes that share one. */
  message: Message | undefined
  #headers: MessageHeaders | undefined
  #block: Uint8Array | undefined
  #borrowed = false

  /** `headers` have passed `checkHeaders`. */
  begin(subject: string, data: Uint8Array, headers: MessageHeaders | undefined, reply: string | undefined): this {
    this.subject = subject
    this.data = data
    this.reply = reply
    this.origin = undefined
    this.message = undefined
    this.#headers = headers
    this.#block = undefined
    this.#borrowed = false
    return this
  }

  /** From a socket: `data` and `block` are views into what was read, good during `send` alone. */
  beginBorrowed(
    origin: object,
    subject: string,
    data: Uint8Array,
    block: Uint8Array | undefined,
    reply: string | undefined,
  ): this {
    this.begin(subject, data, undefined, reply)
    this.origin = origin
    this.#block = block
    this.#borrowed = true
    return this
  }

  /** Forgets what it carried, so that the last payload is not kept alive. */
  end(): void {
    this.data = none
    this.origin = this.message = this.#headers = this.#block = undefined
  }

  get headers(): MessageHeaders | undefined {
    if (this.#headers === undefined && this.#block !== undefined) this.#headers = decodeHeaders(this.#block)
    return this.#headers
  }

  /** The header block, absent without headers. */
  get block(): Uint8Array | undefined {
    if (this.#block === undefined && this.#headers !== undefined) this.#block = encodeHeaders(this.#headers)
    return this.#block
  }

  /** The data for whoever keeps it. */
  get kept(): Uint8Array {
    if (this.#borrowed) {
      this.data = this.data.slice()
      if (this.#block !== undefined) this.#block = this.#block.slice()
      this.#borrowed = false
    }
    return this.data
  }
}

const none = new Uint8Array(0)

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
