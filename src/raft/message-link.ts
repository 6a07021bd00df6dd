/**
 * MessageLink: one member's end in one group, over whatever carries single messages by name: the bus, a simulated network.
 * Unlike the direct transport it has no connections: each message says for whom it is and from whom, with a sum over all, and
 * streams go piece by piece. It proves nothing: whoever can send a message can say any name.
 *
 * A message: kind, group, from, to, content, CRC-32C of all before. The content of a frame begins with the life of its sender, 8
 * bytes, and its number there, so that what the carrier doubles is taken once.
 */
import { crc32c } from '../base/crc32c.ts'
import type { Entropy } from '../base/entropy.ts'
import { Aborted, LimitExceeded } from '../base/error.ts'
import type { Logger } from '../base/logger.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { ChunkedIncoming } from './chunked-incoming.ts'
import type { IncomingHost } from './chunked-incoming.ts'
import { ChunkedOutgoing } from './chunked-outgoing.ts'
import type { ChunkedSettings } from './chunked-outgoing.ts'
import { InvalidFrame, StreamFailed } from './error.ts'
import { FrameWindow } from './frame-window.ts'
import { answerBytes } from './stream-content.ts'
import { checkTransportName, isTransportName } from './transport-name.ts'
import type { GroupLink, Receiver, TransportCounts } from './transport.ts'

const kinds = { frame: 1, piece: 2, still: 3, cancel: 4, took: 5, wait: 6, answer: 7, refuse: 8 } as const

/** A name of a group or member, in UTF-8. */
const nameBytesMax = 256
const idBytes = 16
const lifeBytes = 8
const sumBytes = 4
/** What a message has beside its content, at most. */
export const messageOverheadBytes = 1024
/** Answers of streams that are over, which may be asked for again. */
const answersMax = 64
/** Members that this one speaks with. */
const peersMax = 1024

export interface MessageSettings extends ChunkedSettings {
  readonly entropy: Entropy
  readonly logger: Logger
  readonly frameMaxBytes: number
  /** Streams that are taken at one time. */
  readonly streamsMax: number
}

/** What carries the messages. */
export interface Carrier {
  /** Sends, or says false. Never delivers within the call. */
  post(to: string, message: Uint8Array): boolean
  setAddress(member: string, address: string): void
  leave(): void
}

export class MessageLink implements GroupLink {
  readonly group: string
  readonly member: string
  readonly counts: { sent: number; received: number; dropped: number; refused: number } & TransportCounts = {
    sent: 0,
    received: 0,
    dropped: 0,
    refused: 0,
  }
  readonly #settings: MessageSettings
  readonly #receiver: Receiver
  readonly #carrier: Carrier
  /** Behind the kind, what every message to a member begins with. */
  readonly #heads = new Map<string, Uint8Array>()
  /** Drawn for this link: numbers begin again with each. */
  readonly #life: Uint8Array
  /** Frames so far, by member. */
  readonly #numbers = new Map<string, number>()
  readonly #window = new FrameWindow(peersMax)
  readonly #outgoing = new Map<string, ChunkedOutgoing>()
  readonly #incoming = new Map<string, ChunkedIncoming>()
  readonly #answers = new Map<string, string>()
  #closed = false

  constructor(settings: MessageSettings, group: string, member: string, receiver: Receiver, carrier: Carrier) {
    this.#settings = settings
    this.group = group
    this.member = member
    this.#receiver = receiver
    this.#carrier = carrier
    this.#life = settings.entropy.bytes(lifeBytes)
  }

  /** Throws `base.limit_exceeded` when the frame is larger than `frameMaxBytes`. */
  send(to: string, frame: Uint8Array): boolean {
    const { frameMaxBytes } = this.#settings
    if (frame.length > frameMaxBytes) throw new LimitExceeded('frameMaxBytes', frameMaxBytes, frame.length)
    const taken = !this.#closed && this.#post(to, kinds.frame, this.#numbered(to), frame)
    if (taken) this.counts.sent++
    else this.counts.dropped++
    return taken
  }

  #numbered(to: string): Uint8Array {
    const number = (this.#numbers.get(to) ?? 0) + 1
    if (this.#numbers.size < peersMax || number > 1) this.#numbers.set(to, number)
    const out = new ByteWriter(lifeBytes + 8)
    out.raw(this.#life)
    out.varint(number)
    return out.finish()
  }

  setAddress(member: string, address: string): void {
    checkMessageName('member', member)
    this.#carrier.setAddress(member, address)
  }

  #post(to: string, kind: number, ...content: readonly Uint8Array[]): boolean {
    const head = this.#heads.get(to) ?? this.#newHead(to)
    if (!head) return false
    let length = 1 + head.length + sumBytes
    for (const part of content) length += part.length
    const message = Buffer.allocUnsafe(length)
    message[0] = kind
    message.set(head, 1)
    let at = 1 + head.length
    for (const part of content) {
      message.set(part, at)
      at += part.length
    }
    message.writeUInt32LE(crc32c(message, 0, 0, at), at)
    return this.#carrier.post(to, message)
  }

  #newHead(to: string): Uint8Array | undefined {
    if (this.#heads.size >= peersMax || !isTransportName(to, nameBytesMax)) return undefined
    const out = new ByteWriter()
    for (const name of [this.group, this.member, to]) out.text(name)
    const head = out.finish()
    this.#heads.set(to, head)
    return head
  }

  async stream(
    to: string,
    header: Uint8Array,
    content: AsyncIterable<Uint8Array>,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const { frameMaxBytes, entropy } = this.#settings
    if (header.length > frameMaxBytes) throw new LimitExceeded('frameMaxBytes', frameMaxBytes, header.length)
    if (this.#closed) throw new StreamFailed(to, 'the link is closed')
    if (signal?.aborted) throw new Aborted('a stream', { cause: signal.reason })
    const id = entropy.bytes(idBytes)
    const key = keyOf(to, id)
    const outgoing = new ChunkedOutgoing(
      this.#settings,
      {
        piece: (number, kind, body) => {
          const head = new ByteWriter(idBytes + 10)
          head.raw(id)
          head.varint(number)
          head.u8(kind)
          this.#post(to, kinds.piece, head.finish(), body)
        },
        still: () => void this.#post(to, kinds.still, id),
        cancel: () => void this.#post(to, kinds.cancel, id),
      },
      to,
    )
    this.#outgoing.set(key, outgoing)
    const onAbort = () => outgoing.fail(new Aborted('a stream', { cause: signal?.reason }))
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      await outgoing.send(header, content)
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.#outgoing.delete(key)
    }
  }

  /** A message that came for this member. What is no message of the group is counted, and nothing else. */
  take(message: Uint8Array): void {
    if (this.#closed) return
    try {
      this.#open(message)
    } catch (error) {
      if (error instanceof InvalidFrame) this.counts.refused++
      else this.#settings.logger.error({ err: error }, 'a receiver of the raft transport threw')
    }
  }

  #open(message: Uint8Array): void {
    const { kind, group, from, to, content } = openMessage(message)
    if (group !== this.group || to !== this.member || from === to)
      throw new InvalidFrame('is of another group or member')
    if (kind === kinds.frame) this.#openFrame(from, new ByteReader(content))
    else this.#openStream(kind, from, content)
  }

  #openFrame(from: string, input: ByteReader): void {
    const life = Buffer.from(input.raw(lifeBytes)).toString('latin1')
    const number = input.varint()
    const frame = input.raw(input.rest)
    if (frame.length > this.#settings.frameMaxBytes) throw new InvalidFrame(`is of ${frame.length} bytes`)
    if (!this.#window.take(from, life, number)) return
    this.counts.received++
    this.#receiver.frame(from, frame)
  }

  #openStream(kind: number, from: string, content: Uint8Array): void {
    const input = new ByteReader(content)
    const id = input.raw(idBytes)
    const key = keyOf(from, id)
    const outgoing = this.#outgoing.get(key)
    switch (kind) {
      case kinds.piece:
        return this.#piece(from, id, key, input)
      case kinds.still:
        return this.#incoming.get(key)?.heard()
      case kinds.cancel:
        return this.#incoming.get(key)?.fail('its sender gave it up')
      case kinds.took:
        return outgoing?.took(input.varint())
      case kinds.wait:
        return outgoing?.heard()
      case kinds.answer:
        return outgoing?.answer(input.raw(input.rest))
      case kinds.refuse:
        return outgoing?.fail(new StreamFailed(from, 'it is not known there'))
      default:
        throw new InvalidFrame('is of an unknown kind')
    }
  }

  #piece(from: string, id: Uint8Array, key: string, input: ByteReader): void {
    const number = input.varint()
    const kind = input.u8()
    const body = input.raw(input.rest)
    const answer = this.#answers.get(key)
    if (answer !== undefined) return void this.#post(from, kinds.answer, id, answerBytes(answer))
    const known = this.#incoming.get(key)
    if (known) known.piece(number, kind, body)
    // Of a former life of this member, or one that was given up.
    else if (number > 0) this.#post(from, kinds.refuse, id)
    else if (this.#incoming.size >= this.#settings.streamsMax)
      this.#post(from, kinds.answer, id, answerBytes('too many streams at one time'))
    else this.#begin(from, Uint8Array.from(id), key).piece(number, kind, body)
  }

  #begin(from: string, id: Uint8Array, key: string): ChunkedIncoming {
    const host: IncomingHost = {
      took: (number) => {
        const out = new ByteWriter(idBytes + 8)
        out.raw(id)
        out.varint(number)
        this.#post(from, kinds.took, out.finish())
      },
      wait: () => void this.#post(from, kinds.wait, id),
      answer: (refusal) => void this.#post(from, kinds.answer, id, answerBytes(refusal)),
      ended: (refusal) => {
        this.#incoming.delete(key)
        const [oldest] = this.#answers.keys()
        if (oldest !== undefined && this.#answers.size >= answersMax) this.#answers.delete(oldest)
        this.#answers.set(key, refusal)
      },
    }
    const incoming = new ChunkedIncoming(this.#settings, host, from, (header, content) =>
      this.#receiver.stream(from, header, content),
    )
    this.#incoming.set(key, incoming)
    return incoming
  }

  /** What carries the messages has lost some, to one member or to all. */
  lost(member?: string): void {
    if (this.#closed) return
    for (const to of member === undefined ? this.#heads.keys() : [member])
      if (this.#heads.has(to)) this.#receiver.unreachable(to)
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    // Streams first: they say that they are given up.
    for (const outgoing of this.#outgoing.values()) outgoing.fail(new StreamFailed('a member', 'the link was closed'))
    for (const incoming of this.#incoming.values()) incoming.refuse('the link was closed')
    this.#closed = true
    this.#carrier.leave()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

interface Opened {
  readonly kind: number
  readonly group: string
  readonly from: string
  readonly to: string
  readonly content: Uint8Array
}

/** The parts of a message. Throws `raft.invalid_frame`. */
export function openMessage(message: Uint8Array): Opened {
  const end = message.length - sumBytes
  if (end < 1) throw new InvalidFrame('ends too early')
  if (new ByteReader(message, end).u32() !== crc32c(message, 0, 0, end))
    throw new InvalidFrame('has a sum that does not fit')
  const input = new ByteReader(message.subarray(0, end))
  const kind = input.u8()
  const group = input.text(nameBytesMax)
  const from = input.text(nameBytesMax)
  const to = input.text(nameBytesMax)
  return { kind, group, from, to, content: input.raw(input.rest) }
}

/** Throws `base.invalid_argument`. */
export function checkMessageName(name: string, value: string): string {
  return checkTransportName(name, value, nameBytesMax)
}

/** Ids are drawn by the sender, so that two senders may draw the same. */
function keyOf(member: string, id: Uint8Array): string {
  return `${Buffer.from(id).toString('hex')} ${member}`
}
