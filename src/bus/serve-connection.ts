/**
 * One client of the embedded server: it reads operations, keeps the client's subscriptions as routes of the hub, and writes
 * what they take. Unlike a memory connection its messages are bytes from end to end: between two clients a payload is
 * copied once, from the socket's chunk to the other's outbox.
 *
 * Its life: 1. accepted: INFO is sent, CONNECT is awaited (for a bounded time when credentials are asked for);
 * 2. open; 3. closed: by the client, by a violation (`-ERR`, then the end), as a slow consumer, or with the server.
 */
import type { Clock, Timer } from '../base/clock.ts'
import type { Hub, Publish, Route, WireForm } from './memory-hub.ts'
import { replyOf, writeWire } from './memory-hub.ts'
import type { Authority, Grant } from './serve-authority.ts'
import { readConnect } from './serve-connect.ts'
import type { ConnectFields } from './serve-connect.ts'
import { Outbox } from './serve-outbox.ts'
import { Parser } from './serve-parser.ts'
import type { ParserSink, PublishRead } from './serve-parser.ts'
import type { Wire } from './serve-socket.ts'
import { isPattern, isQueue, isSubject } from './subject.ts'
import type { Matched } from './trie.ts'

export interface ConnectionLimits {
  readonly controlLineMaxBytes: number
  readonly subscriptionsMax: number
  readonly pendingMaxBytes: number
  readonly authTimeoutMs: number
  readonly pingIntervalMs: number
  readonly pingsOutMax: number
  readonly writeDeadlineMs: number
  readonly stallMs: number
}

/** What the server is to its connections. */
export interface ConnectionHost {
  readonly hub: Hub
  readonly clock: Clock
  readonly authority: Authority
  readonly limits: ConnectionLimits
  readonly stats: { inMessages: number; outMessages: number; inBytes: number }
  /** Calls `flush` once, at the end of this turn. */
  flushSoon(connection: Connection): void
  refused(connection: Connection, remote: string): void
  slowConsumer(connection: Connection, why: string): void
  left(connection: Connection, reason: string): void
}

/** Deliveries of what one client sent before others have their turn: a few milliseconds of work. */
const shareMax = 20_000

export class Connection implements ParserSink {
  readonly id: number
  readonly #host: ConnectionHost
  readonly #hub: Hub
  readonly #wire: Wire
  readonly #parser: Parser
  readonly #nonce: string
  readonly outbox: Outbox
  readonly #routes = new Map<string, ClientRoute>()
  #grant: Grant | undefined
  #fields: ConnectFields | undefined
  #verbose = true
  #echo = true
  #headers = false
  #noResponders = false
  #closed = false
  /** Flushed at the end of the turn. */
  dirty = false
  /** Too much waits for this client: who publishes to it is held back for a moment. */
  congested = false
  #held: Timer | undefined
  #holding = false
  /** Read, and not yet worked off. */
  readonly #backlog: Buffer[] = []
  #share = shareMax
  #authTimer: Timer | undefined
  #pingTimer: Timer | undefined
  #pingsOut = 0
  #writeTimer: Timer | undefined
  #leftBytes = 0
  // What the subject of the last publish came to, good until the hub's routes change.
  #lastSubject = ''
  #lastMatched: Matched<Route> | undefined
  #lastVersion = -1

  constructor(host: ConnectionHost, wire: Wire, id: number, nonce: string) {
    this.id = id
    this.#host = host
    this.#hub = host.hub
    this.#wire = wire
    this.#nonce = nonce
    this.outbox = new Outbox(wire)
    this.#parser = new Parser(this, {
      controlLineMaxBytes: host.limits.controlLineMaxBytes,
      payloadMaxBytes: host.hub.payloadMaxBytes,
    })
    wire.onData = (chunk) => this.#read(chunk)
    wire.onClose = (reason) => this.#gone(reason)
    wire.onDrain = () => this.#drained()
    this.#awaitConnect()
  }

  get admitted(): boolean {
    return this.#grant !== undefined
  }
  get user(): string | undefined {
    return this.#grant?.user
  }
  get name(): string | undefined {
    return this.#fields?.name
  }
  get closed(): boolean {
    return this.#closed
  }
  get echo(): boolean {
    return this.#echo
  }
  get headers(): boolean {
    return this.#headers
  }
  /** Whether it wants to hear of later INFOs. */
  get listensToInfo(): boolean {
    return (this.#fields?.protocol ?? 0) >= 1
  }

  #awaitConnect(): void {
    const { authority, clock, limits } = this.#host
    if (!authority.required) this.#grant = authority.authenticate({}, this.#nonce)
    else
      this.#authTimer = clock.timer(limits.authTimeoutMs, () => this.violation('Authentication Timeout'), {
        background: true,
      })
    this.#schedulePing()
  }

  #read(chunk: Buffer): void {
    if (this.#closed) return
    this.#host.stats.inBytes += chunk.length
    if (this.#backlog.length > 0) this.#backlog.push(chunk)
    else this.#work(chunk)
  }

  /** Reads on; what is more than its share, or goes to somebody who cannot follow, waits for a later turn. */
  #work(chunk: Buffer): void {
    this.#share = shareMax
    const at = this.#parser.parse(chunk)
    if (this.#closed || (at === chunk.length && !this.#holding)) return
    if (at < chunk.length) this.#backlog.unshift(chunk.subarray(at))
    this.#wire.pause()
    const { clock, limits } = this.#host
    this.#held ??= clock.timer(this.#holding ? limits.stallMs : 0, () => this.#goOn())
    this.#holding = false
  }

  #goOn(): void {
    this.#held = undefined
    while (!this.#closed && !this.#held) {
      const chunk = this.#backlog.shift()
      if (!chunk) return this.#wire.resume()
      this.#work(chunk)
    }
  }

  // What the client says.

  connect(json: string): void {
    const fields = readConnect(json)
    if (!fields) return this.violation('Parser Error')
    const grant = this.#host.authority.authenticate(fields.credentials, this.#nonce)
    if (!grant) {
      this.#host.refused(this, this.#wire.remote)
      return this.violation('Authorization Violation')
    }
    this.#authTimer?.cancel()
    // Who says CONNECT again is another client from then on, as a nats-server has it.
    if (this.#fields) this.#dropAll()
    this.#grant = grant
    this.#fields = fields
    this.#verbose = fields.verbose
    this.#echo = fields.echo
    this.#headers = fields.headers
    this.#noResponders = fields.noResponders
    if (fields.protocol < 0 || fields.protocol > 1) return this.violation('invalid client protocol')
    if (fields.noResponders && !fields.headers) return this.violation('no responders requires headers support')
    this.#ok()
  }

  publish(read: PublishRead): void {
    const grant = this.#grant
    if (!grant) return this.violation('Authorization Violation')
    if (read.dataFrom > read.blockFrom && !this.#headers) return this.violation('message headers not supported')
    const { subject } = read
    const { stats } = this.#host
    stats.inMessages++
    const known = this.#lastVersion === this.#hub.routes.version && this.#lastSubject === subject
    const matched = known ? this.#lastMatched : this.#find(grant, subject)
    if (this.#verbose) this.#ok()
    if (!matched) return
    const taken = this.#hub.send(matched, this.#hub.publish.beginWire(this, subject, read))
    if (taken === 0 && read.replyTo !== -1 && this.#noResponders) this.#tellNoResponders(subject, read)
    if ((this.#share -= taken + 1) <= 0) this.#parser.pause()
  }

  /** Undefined when it may not be published to; the client has been told. */
  #find(grant: Grant, subject: string): Matched<Route> | undefined {
    if (!isSubject(subject)) {
      this.#error('Invalid Publish Subject')
      return undefined
    }
    if (!grant.mayPublish(subject)) {
      this.#error(`Permissions Violation for Publish to ${JSON.stringify(subject)}`)
      return undefined
    }
    const matched = this.#hub.findChecked(subject)
    // An answer to a reply may be permitted once only, and an inbox does not come again: neither is remembered.
    if (grant.replyGiven === undefined && !subject.startsWith('_INBOX')) {
      this.#lastSubject = subject
      this.#lastMatched = matched
      this.#lastVersion = this.#hub.routes.version
    }
    return matched
  }

  #tellNoResponders(subject: string, read: WireForm): void {
    const reply = replyOf(read)
    if (reply === undefined || !isSubject(reply)) return
    for (const route of this.#hub.findChecked(reply).plain) {
      if (!(route instanceof ClientRoute) || route.connection !== this) continue
      const block = `NATS/1.0 503\r\nNats-Subject: ${subject}\r\n\r\n`
      const bytes = Buffer.byteLength(block)
      // It counts for no `max`, as at a nats-server: the answer that was waited for may still come.
      return this.#say(`HMSG ${reply} ${route.sid} ${bytes} ${bytes}\r\n${block}\r\n`)
    }
  }

  subscribe(subject: string, queue: string | undefined, sid: string): void {
    const grant = this.#grant
    if (!grant) return this.violation('Authorization Violation')
    if (!isPattern(subject) || (queue !== undefined && !isQueue(queue))) return this.#error('Invalid Subject')
    if (!grant.maySubscribe(subject, queue)) {
      const group = queue === undefined ? '' : ` using queue ${JSON.stringify(queue)}`
      return this.#error(`Permissions Violation for Subscription to ${JSON.stringify(subject)}${group}`)
    }
    if (this.#routes.size >= this.#host.limits.subscriptionsMax) return this.#error('maximum subscriptions exceeded')
    if (!this.#routes.has(sid)) {
      const route = new ClientRoute(this, sid, subject, queue, grant)
      this.#routes.set(sid, route)
      this.#hub.routes.insert(subject, route, queue)
    }
    this.#ok()
  }

  unsubscribe(sid: string, max: number): void {
    if (!this.#grant) return this.violation('Authorization Violation')
    const route = this.#routes.get(sid)
    if (route) {
      if (max > 0 && max > route.delivered) route.max = max
      else this.drop(route)
    }
    this.#ok()
  }

  ping(): void {
    if (!this.#grant) return this.violation('Authorization Violation')
    this.#say('PONG\r\n')
  }

  pong(): void {
    this.#pingsOut = 0
  }

  violation(reason: string): void {
    if (this.#closed) return
    this.#error(reason)
    this.close(reason)
  }

  // What it is told.

  #ok(): void {
    if (this.#verbose && !this.#closed) this.#say('+OK\r\n')
  }

  #error(reason: string): void {
    this.#say(`-ERR '${reason}'\r\n`)
  }

  #say(text: string): void {
    if (this.#closed) return
    this.outbox.text(text)
    this.#host.flushSoon(this)
  }

  info(line: string): void {
    this.#say(line)
    this.flush()
  }

  /** A message of `take`: `head` ends with the sid. */
  deliver(head: Buffer, wire: WireForm): void {
    this.outbox.append(head, wire.source, wire.tailFrom, wire.tailTo)
    this.#host.stats.outMessages++
    if (!this.dirty) this.#host.flushSoon(this)
    else if (this.outbox.handed) this.flush()
  }

  /** Somebody this client publishes to is congested: it is read no further for a moment. */
  slowDown(): void {
    this.#holding = true
    this.#parser.pause()
  }

  flush(): void {
    if (this.#closed) return
    const flowing = this.outbox.flush()
    const { pendingMaxBytes, writeDeadlineMs } = this.#host.limits
    const { waitingBytes } = this.outbox
    this.congested = waitingBytes > pendingMaxBytes * 0.75
    if (waitingBytes > pendingMaxBytes) return this.#slow(`more than ${pendingMaxBytes} bytes wait for it`)
    if (flowing || this.#writeTimer) return
    this.#leftBytes = this.outbox.leftBytes
    this.#writeTimer = this.#host.clock.timer(writeDeadlineMs, () => this.#writeDeadline(), { background: true })
  }

  /** It took nothing for the whole of a write deadline; one that takes little is slow, but alive. */
  #writeDeadline(): void {
    this.#writeTimer = undefined
    if (this.#closed || this.#wire.queuedBytes === 0) return
    const { leftBytes } = this.outbox
    if (leftBytes === this.#leftBytes)
      return this.#slow(`it has taken nothing for ${this.#host.limits.writeDeadlineMs} ms`)
    this.flush()
    this.#leftBytes = leftBytes
    const { clock, limits } = this.#host
    this.#writeTimer ??= clock.timer(limits.writeDeadlineMs, () => this.#writeDeadline(), { background: true })
  }

  #drained(): void {
    this.congested = false
    this.#writeTimer?.cancel()
    this.#writeTimer = undefined
  }

  #slow(why: string): void {
    this.#host.slowConsumer(this, why)
    this.#end(`slow consumer: ${why}`)
    this.#wire.destroy()
  }

  #schedulePing(): void {
    const { clock, limits } = this.#host
    this.#pingTimer = clock.timer(limits.pingIntervalMs, () => this.#ping(), { background: true })
  }

  #ping(): void {
    if (this.#closed) return
    if (this.#pingsOut >= this.#host.limits.pingsOutMax) return this.violation('Stale Connection')
    this.#pingsOut++
    this.#say('PING\r\n')
    this.#schedulePing()
  }

  // Its end.

  /** Ends a subscription of this client. */
  drop(route: ClientRoute): void {
    if (this.#routes.get(route.sid) === route) this.#routes.delete(route.sid)
    this.#hub.routes.remove(route.subject, route, route.queue)
  }

  #dropAll(): void {
    for (const route of this.#routes.values()) this.#hub.routes.remove(route.subject, route, route.queue)
    this.#routes.clear()
    this.#lastMatched = undefined
    this.#lastVersion = -1
  }

  /** Sends what waits, then ends. */
  close(reason: string): void {
    if (this.#closed) return
    this.outbox.flush()
    this.#end(reason)
    this.#wire.end()
  }

  /** The client went away. */
  #gone(reason: string): void {
    if (!this.#closed) this.#end(reason)
  }

  #end(reason: string): void {
    this.#closed = true
    this.#parser.stop()
    this.#backlog.length = 0
    this.#dropAll()
    for (const timer of [this.#authTimer, this.#pingTimer, this.#writeTimer, this.#held]) timer?.cancel()
    this.#host.left(this, reason)
  }
}

/** One subscription of a client, as the hub sees it. */
export class ClientRoute implements Route {
  readonly connection: Connection
  readonly sid: string
  readonly subject: string
  readonly queue: string | undefined
  readonly #grant: Grant
  /** Messages it is ended after; 0: none. */
  max = 0
  delivered = 0
  /** `MSG <subject> <sid> ` of the subject that came last, and the same for messages with headers. */
  #headSubject = ''
  #head: Buffer | undefined
  #headerHead: Buffer | undefined

  constructor(connection: Connection, sid: string, subject: string, queue: string | undefined, grant: Grant) {
    this.connection = connection
    this.sid = sid
    this.subject = subject
    this.queue = queue
    this.#grant = grant
  }

  take(publish: Publish): boolean {
    const { connection } = this
    const { origin, subject } = publish
    if (connection.closed || (origin === connection && !connection.echo)) return false
    if (this.#grant.mayReceive && !this.#grant.mayReceive(subject, this.queue)) return false
    const wire = publish.wire
    if (subject !== this.#headSubject) {
      this.#headSubject = subject
      this.#head = this.#headerHead = undefined
    }
    if (wire.dataFrom === wire.blockFrom) connection.deliver((this.#head ??= this.#headOf('MSG')), wire)
    else if (connection.headers) connection.deliver((this.#headerHead ??= this.#headOf('HMSG')), wire)
    else connection.deliver((this.#head ??= this.#headOf('MSG')), withoutHeaders(wire))
    if (this.#grant.replyGiven && wire.replyTo !== -1) this.#grant.replyGiven(replyOf(wire) ?? '')
    if (connection.congested && origin instanceof Connection && origin !== connection) origin.slowDown()
    this.count()
    return true
  }

  /** One more was delivered; the last of `max` ends it. */
  count(): void {
    if (++this.delivered === this.max) this.connection.drop(this)
  }

  #headOf(operation: 'MSG' | 'HMSG'): Buffer {
    return Buffer.from(`${operation} ${this.#headSubject} ${this.sid} `)
  }
}

/** The same message for a client that did not say it knows headers. */
function withoutHeaders(wire: WireForm): WireForm {
  return writeWire(wire.source.subarray(wire.dataFrom, wire.dataTo), undefined, replyOf(wire))
}
