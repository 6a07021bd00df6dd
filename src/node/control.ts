/**
 * Control: a node answers on its bus whoever asks what it does. Unlike an event it says nothing unasked: two subscriptions
 * wait, no timer runs and nothing is counted. Many who ask at once get one answer, made once, and making them takes a
 * twentieth of the time at most. It changes nothing in the node, and never tells a message, a state or an error's text.
 *
 * | subject | who answers |
 * | --- | --- |
 * | `clq.<realm>.node.<node>.inspect` | this node |
 * | `clq.<realm>.nodes.inspect` | every node of the realm |
 *
 * What is asked with is not read. The answer is JSON, as large as the bus takes at most: where the actors are too many, fewer
 * of them are listed. `inspect/wire.ts` reads it.
 */
import type { ActorSystem } from '../actor/actor-system.ts'
import type { SystemSnapshot } from '../actor/snapshot.ts'
import { jsonCodec } from '../base/codec.ts'
import type { Clock } from '../base/clock.ts'
import { InvalidArgument, codeOf } from '../base/error.ts'
import type { Logger } from '../base/logger.ts'
import type { Bus, Message, Subscription } from '../bus/bus.ts'
import { isToken } from '../bus/subject.ts'

/** What the process of a node uses. */
export interface ProcessUsage {
  readonly pid: number
  readonly rssBytes: number
  readonly heapUsedBytes: number
  readonly heapTotalBytes: number
  /** Of all its threads since it began. */
  readonly cpuMs: number
}

export interface NodeInspection {
  readonly version: 1
  readonly realm: string
  /** Since the node began, on a clock that never goes back: what rates are made from. */
  readonly upMs: number
  readonly process: ProcessUsage
  readonly system: SystemSnapshot
}

export interface ControlOptions {
  readonly node: string
  readonly realm: string
  readonly bus: Bus
  readonly actors: ActorSystem
  readonly clock: Clock
  readonly logger: Logger
  /** Default: what this process uses. */
  readonly usage?: () => ProcessUsage
}

export interface NodeControl {
  /** Answers no more. Idempotent. */
  close(): void
}

/** Where a node is asked, or all nodes of the realm without its name. Throws `base.invalid_argument`. */
export function inspectSubject(realm: string, node?: string): string {
  if (!isToken(realm)) throw new InvalidArgument('realm', 'must be one token of a subject: no dot, space or wildcard')
  if (node === undefined) return `clq.${realm}.nodes.inspect`
  if (!isToken(node)) throw new InvalidArgument('node', 'must be one token of a subject: no dot, space or wildcard')
  return `clq.${realm}.node.${node}.inspect`
}

/** Begins to answer. That the bus does not let it is logged and no more: the node works all the same. */
export function nodeControl(options: ControlOptions): NodeControl {
  return new AnsweringControl(options)
}

const codec = jsonCodec()
/** Questions that wait for their answer; more are dropped, and asked again by whoever still looks. */
const pendingMax = 256
/** An answer is given again to whoever asks this soon, so that many who look cost what one does. */
const sharedMinMs = 100
/** And for so many times as long as it took to make, so that a million actors are not looked at all the time. */
const sharedTimes = 20
const actorsMaxDefault = 1000

class AnsweringControl implements NodeControl {
  readonly #options: ControlOptions
  readonly #startedMs: number
  readonly #subscriptions: Subscription[] = []
  #last: { readonly untilMs: number; readonly bytes: Uint8Array } | undefined

  constructor(options: ControlOptions) {
    this.#options = options
    const { realm, node, clock } = options
    this.#startedMs = clock.monotonicMs()
    for (const subject of [inspectSubject(realm, node), inspectSubject(realm)]) void this.#listen(subject)
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe()
    this.#last = undefined
  }

  async #listen(subject: string): Promise<void> {
    const { bus, logger } = this.#options
    try {
      const subscription = bus.subscribe(subject, { pendingMax })
      this.#subscriptions.push(subscription)
      await subscription.each((message) => this.#answer(message))
    } catch (error) {
      logger.warn({ subject, code: codeOf(error) }, 'this node cannot be inspected over its bus')
    }
  }

  #answer(message: Message): void {
    if (message.reply === undefined) return
    try {
      message.respond(this.#bytes())
    } catch (error) {
      this.#options.logger.warn({ subject: message.subject, code: codeOf(error) }, 'an inspection was not answered')
    }
  }

  #bytes(): Uint8Array {
    const { clock } = this.#options
    const nowMs = clock.monotonicMs()
    if (this.#last && nowMs < this.#last.untilMs) return this.#last.bytes
    const bytes = this.#encoded(nowMs)
    const tookMs = clock.monotonicMs() - nowMs
    this.#last = { untilMs: nowMs + Math.max(sharedMinMs, tookMs * sharedTimes), bytes }
    return bytes
  }

  #encoded(nowMs: number): Uint8Array {
    const { realm, bus, actors, usage = usageOfProcess } = this.#options
    const common = { version: 1, realm, upMs: nowMs - this.#startedMs, process: usage() } as const
    for (let actorsMax = actorsMaxDefault; ; actorsMax = Math.floor(actorsMax / 2)) {
      const groupsMax = Math.ceil(actorsMax / 5)
      const inspection: NodeInspection = { ...common, system: actors.inspect({ actorsMax, groupsMax }) }
      const bytes = codec.encode(inspection)
      if (bytes.length <= bus.payloadMaxBytes || actorsMax === 0) return bytes
    }
  }
}

function usageOfProcess(): ProcessUsage {
  const { rss, heapUsed, heapTotal } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  return {
    pid: process.pid,
    rssBytes: rss,
    heapUsedBytes: heapUsed,
    heapTotalBytes: heapTotal,
    cpuMs: Math.round((user + system) / 1000),
  }
}
