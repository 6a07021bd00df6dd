/**
 * Peer: the frames to one member of a group, and the connection they take. It dials when there is something to send, waits
 * longer after each failure, and holds no frame for a connection that is not there: raft sends anew what still matters. All
 * frames of a turn leave in one write. Unlike the link it knows one member alone; it never reads.
 */
import type { Random } from '../base/random.ts'
import { type Channel, recordTargetBytes } from './transport-tcp-channel.ts'
import { type Dial, type DialTarget, dial } from './transport-tcp-dial.ts'
import type { TcpSettings } from './transport-tcp-options.ts'
import { frameHeadBytes } from './transport-tcp-record.ts'

/** What a peer tells its link. */
export interface PeerHost {
  readonly settings: TcpSettings
  sent(frames: number): void
  dropped(frames: number): void
  refused(): void
  /** Never within `send`. */
  unreachable(): void
}

export class Peer {
  readonly #host: PeerHost
  readonly #target: DialTarget
  readonly #random: Random
  #dial: Dial | undefined
  #channel: Channel | undefined
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #flushing = false
  #flowing = true
  #failures = 0
  /** No dial before. */
  #notBeforeMs = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(host: PeerHost, target: DialTarget) {
    this.#host = host
    this.#target = target
    this.#random = host.settings.random.split(`${target.group} ${target.from} ${target.to}`)
  }

  get address(): { readonly host: string; readonly port: number } {
    return this.#target
  }

  send(frame: Uint8Array): boolean {
    const { queueMax, queueMaxBytes } = this.#host.settings
    const inSocketBytes = this.#channel?.queuedBytes ?? 0
    const over = this.#waiting.length >= queueMax || this.#waitingBytes + inSocketBytes + frame.length > queueMaxBytes
    if (over || !this.#reach()) {
      this.#host.dropped(1)
      return false
    }
    this.#waiting.push(frame)
    this.#waitingBytes += frame.length + frameHeadBytes
    if (!this.#flushing && this.#channel && this.#flowing) {
      this.#flushing = true
      queueMicrotask(this.#flush)
    }
    return true
  }

  close(): void {
    this.#closed = true
    this.#dial?.cancel()
    this.#channel?.destroy('the link is closed')
    this.#drop()
  }

  /** Whether there is a connection, or one is being made. */
  #reach(): boolean {
    if (this.#closed) return false
    if (this.#channel || this.#dial) return true
    const { settings } = this.#host
    if (settings.clock.monotonicMs() < this.#notBeforeMs) return false
    this.#dial = dial(settings, this.#target, this.#ready, this.#failed)
    return true
  }

  readonly #ready = (channel: Channel): void => {
    const { group, to } = this.#target
    this.#dial = undefined
    this.#channel = channel
    this.#failures = 0
    this.#flowing = true
    channel.onRecord = () => {
      this.#host.refused()
      channel.destroy('it speaks where it is to listen')
    }
    channel.onDrain = () => {
      this.#flowing = true
      this.#flush()
    }
    channel.onClose = (reason) => this.#broken(reason)
    this.#host.settings.logger.debug({ group, to }, 'connected to a raft peer')
    this.#flush()
  }

  readonly #failed = (reason: string): void => {
    this.#dial = undefined
    this.#broken(reason)
  }

  /** A connection that broke counts as a failure too, so that a side which lets in and throws out is not dialled at once for ever. */
  #broken(reason: string): void {
    this.#channel = undefined
    if (this.#closed) return
    const { clock, reconnectMs, reconnectMaxMs, logger } = this.#host.settings
    const waitMs = Math.min(reconnectMaxMs, reconnectMs * 2 ** Math.min(this.#failures++, 30))
    this.#notBeforeMs = clock.monotonicMs() + waitMs * (0.5 + this.#random.float() / 2)
    this.#drop()
    const { group, to } = this.#target
    logger.debug({ group, to, reason }, 'no connection to a raft peer')
    this.#host.unreachable()
  }

  #drop(): void {
    if (this.#waiting.length > 0) this.#host.dropped(this.#waiting.length)
    this.#waiting = []
    this.#waitingBytes = 0
  }

  /** Everything that waits, in records of a bounded size, until the kernel takes no more. */
  readonly #flush = (): void => {
    this.#flushing = false
    const channel = this.#channel
    const frames = this.#waiting
    if (!channel || !this.#flowing || frames.length === 0) return
    let from = 0
    while (from < frames.length && this.#flowing) {
      let to = from
      let bytes = 0
      while (to < frames.length) {
        const more = frames[to]!.length + frameHeadBytes
        if (to > from && bytes + more >= recordTargetBytes) break
        bytes += more
        to++
      }
      this.#flowing = channel.write(channel.sealer.sealFrames(frames, from, to, bytes))
      this.#waitingBytes -= bytes
      this.#host.sent(to - from)
      from = to
    }
    this.#waiting = from === frames.length ? [] : frames.slice(from)
  }
}
