/**
 * The transport over the Bus: members of groups reach each other by subjects, `clq.<realm>.raft.<group>.<member>`, and need
 * no address. Unlike the direct transport it stands still while the bus is away, and it proves nobody: whoever may
 * publish on the subjects of a group may speak for any member of it, which on NATS is a matter of permissions (the role `node`
 * of `aclFor`). The bus is its owner's and stays open.
 */
import type { Clock } from '../base/clock.ts'
import { systemEntropy } from '../base/entropy.ts'
import type { Entropy } from '../base/entropy.ts'
import { Closed, InvalidArgument } from '../base/error.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'
import { type Logger, guardedLogger, silentLogger } from '../base/logger.ts'
import { systemClock } from '../base/system-clock.ts'
import type { Bus, Subscription } from '../bus/bus.ts'
import { isToken } from '../bus/subject.ts'
import { GroupTaken } from './error.ts'
import { MessageLink, checkMessageName, messageOverheadBytes } from './message-link.ts'
import type { MessageSettings } from './message-link.ts'
import type { GroupLink, Receiver, Transport } from './transport.ts'

export interface BusTransportOptions {
  /** One token of a subject. Default `main`. */
  readonly realm?: string
  /** Largest piece of a stream. Default 256 KiB, and never above what the bus takes. */
  readonly streamChunkBytes?: number
  /** Streams that a member takes at one time; one more is refused. Default 16. */
  readonly streamsMax?: number
  /** How long a piece waits for its answer before it is sent again. Default 1000. */
  readonly resendMs?: number
  /** Silence in a stream after which the other side counts as gone. Default 10,000. */
  readonly idleTimeoutMs?: number
  readonly clock?: Clock
  /** Ids of streams. Default the system's. */
  readonly entropy?: Entropy
  readonly logger?: Logger
}

const optionNames = [
  'realm',
  'streamChunkBytes',
  'streamsMax',
  'resendMs',
  'idleTimeoutMs',
  'clock',
  'entropy',
  'logger',
] as const

const delayMaxMs = 2 ** 31 - 1

/** Throws `base.invalid_argument`. */
export function busTransport(bus: Bus, options: BusTransportOptions = {}): Transport {
  checkKeys('options', options, optionNames)
  const realm = options.realm ?? 'main'
  if (!isToken(realm)) throw new InvalidArgument('realm', 'must be one token of a subject, such as main')
  const frameMaxBytes = bus.payloadMaxBytes - messageOverheadBytes
  if (frameMaxBytes < messageOverheadBytes)
    throw new InvalidArgument('bus', `must take messages of ${messageOverheadBytes * 2} bytes; raise its payload limit`)
  const resendMs = wholeNumber('resendMs', options.resendMs ?? 1000, 1, delayMaxMs)
  return new BusTransport(bus, `clq.${realm}.raft`, {
    frameMaxBytes,
    chunkBytes: Math.min(frameMaxBytes, wholeNumber('streamChunkBytes', options.streamChunkBytes ?? 262_144, 1)),
    streamsMax: wholeNumber('streamsMax', options.streamsMax ?? 16, 1),
    resendMs,
    idleTimeoutMs: wholeNumber('idleTimeoutMs', options.idleTimeoutMs ?? 10_000, resendMs, delayMaxMs),
    clock: options.clock ?? systemClock,
    entropy: options.entropy ?? systemEntropy,
    logger: guardedLogger(options.logger ?? silentLogger),
  })
}

class BusTransport implements Transport {
  readonly driver = 'bus'
  readonly address = ''
  readonly frameMaxBytes: number
  readonly #bus: Bus
  readonly #prefix: string
  readonly #settings: MessageSettings
  readonly #links = new Map<string, MessageLink>()
  /** Ends the watch of the bus. */
  readonly #unwatch: () => void
  #closed = false

  constructor(bus: Bus, prefix: string, settings: MessageSettings) {
    this.#bus = bus
    this.#prefix = prefix
    this.#settings = settings
    this.frameMaxBytes = settings.frameMaxBytes
    const status = bus.status()[Symbol.asyncIterator]()
    this.#unwatch = () => void status.return?.()
    void this.#watch(status)
  }

  /** A connection that was lost took with it what was under way, to whomever. */
  async #watch(status: AsyncIterator<{ readonly type: string }>): Promise<void> {
    for (;;) {
      const { done, value } = await status.next()
      if (done === true) return
      if (value.type === 'disconnected' || value.type === 'closed') for (const link of this.#links.values()) link.lost()
    }
  }

  join(group: string, member: string, receiver: Receiver): GroupLink {
    if (this.#closed) throw new Closed('the raft transport')
    const subject = this.#subjectOf(checkToken('group', group), checkToken('member', member))
    if (this.#links.has(subject)) throw new GroupTaken(group, member)
    const subscription = this.#bus.subscribe(subject)
    const link = new MessageLink(this.#settings, group, member, receiver, {
      post: (to, message) => this.#post(group, to, message),
      setAddress: (name) => void checkToken('member', name),
      leave: () => {
        this.#links.delete(subject)
        subscription.unsubscribe()
      },
    })
    this.#links.set(subject, link)
    void this.#read(subscription, link)
    return link
  }

  async #read(subscription: Subscription, link: MessageLink): Promise<void> {
    try {
      await subscription.each(({ data }) => link.take(data))
    } catch (error) {
      this.#settings.logger.error({ err: error }, 'the subscription of a raft member ended')
    }
  }

  /** What the bus does not take now is lost, as on any wire; the core sends anew what matters. */
  #post(group: string, to: string, message: Uint8Array): boolean {
    if (!isToken(to)) return false
    try {
      this.#bus.publish(this.#subjectOf(group, to), message)
      return true
    } catch (error) {
      this.#settings.logger.debug({ err: error, group, to }, 'the bus did not take a message of raft')
      return false
    }
  }

  #subjectOf(group: string, member: string): string {
    return `${this.#prefix}.${group}.${member}`
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#unwatch()
    await Promise.all(Array.from(this.#links.values(), (link) => link.close()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function checkToken(name: string, value: string): string {
  if (!isToken(checkMessageName(name, value)))
    throw new InvalidArgument(name, 'must be one token of a subject: no dots, stars, angles or white space')
  return value
}
