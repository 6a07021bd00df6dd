/**
 * Channel: one connection of the direct transport, from its first record to its close. It writes and reads records, keeps
 * showing that this side is there, and breaks when the other side is silent for too long. Unlike the handshake it does not
 * know who speaks, and unlike a peer it neither queues nor dials.
 *
 * Its life: 1. made over a socket: it reads greetings, up to their bound; 2. `secure`: keys, larger records, pings;
 * 3. `end` or `destroy`, the other side or a fault closes it, and `onClose` is called, once and last.
 */
import type { Socket } from 'node:net'
import type { Timer } from '../base/clock.ts'
import { messageOf } from '../base/error.ts'
import { InvalidFrame } from './error.ts'
import { helloBytesMax } from './transport-tcp-handshake.ts'
import type { SessionKeys } from './transport-tcp-handshake.ts'
import type { TcpSettings } from './transport-tcp-options.ts'
import { RecordOpener, RecordSealer, frameHeadBytes, recordKinds } from './transport-tcp-record.ts'

/** Frames of one record together, unless the first is larger. */
export const recordTargetBytes = 262_144

export type ChannelSide = 'client' | 'server'

export class Channel {
  /** A record that is no ping. What it throws closes the channel. */
  onRecord: (kind: number, body: Buffer) => void = ignore
  /** The kernel has taken what waited. */
  onDrain: () => void = ignore
  /** `refused`: what came was no record of ours. */
  onClose: (reason: string, refused: boolean) => void = ignore
  readonly socket: Socket
  readonly sealer: RecordSealer = new RecordSealer()
  readonly #opener = new RecordOpener(helloBytesMax)
  readonly #settings: TcpSettings
  readonly #side: ChannelSide
  #heardMs: number
  #pulse: Timer | undefined
  #fault = ''
  #refused = false
  #closed = false
  #paused = false
  /** Said its last; whoever goes on talking is not waited for. */
  #ending = false

  constructor(socket: Socket, side: ChannelSide, settings: TcpSettings) {
    this.socket = socket
    this.#side = side
    this.#settings = settings
    this.#heardMs = settings.clock.monotonicMs()
    socket.setNoDelay(true)
    socket.on('data', (piece: Buffer) => this.#read(piece))
    socket.on('drain', () => this.#closed || this.onDrain())
    socket.on('error', (error) => (this.#fault ||= error.message))
    socket.on('close', () => this.#close())
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Taken from us, not yet by the kernel. */
  get queuedBytes(): number {
    return this.socket.writableLength
  }

  /** Who speaks is known: keys for both directions, records of full size, and silence is noticed from now on. */
  secure(keys: SessionKeys | undefined): void {
    const { frameMaxBytes, keepaliveMs } = this.#settings
    const server = this.#side === 'server'
    if (keys) this.sealer.useKey(server ? keys.toClient : keys.toServer)
    const bodyMaxBytes = 1 + Math.max(frameMaxBytes + frameHeadBytes, recordTargetBytes)
    this.#opener.useKey(keys && (server ? keys.toServer : keys.toClient), bodyMaxBytes)
    this.socket.setKeepAlive(true, keepaliveMs)
    this.#heardMs = this.#settings.clock.monotonicMs()
    this.#beat()
  }

  /** False: wait for `onDrain`. */
  write(record: Buffer): boolean {
    if (this.#closed || !this.socket.writable) return true
    return this.socket.write(record)
  }

  /** Nothing is read until `resume`; the silence of the other side is then ours. */
  pause(): void {
    this.#paused = true
    this.socket.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#heardMs = this.#settings.clock.monotonicMs()
    this.socket.resume()
  }

  /** Sends what waits, then closes; what still comes is dropped. */
  end(reason: string): void {
    this.#fault ||= reason
    this.#opener.stop()
    this.socket.end()
    this.resume()
    this.#ending = true
  }

  destroy(reason: string): void {
    this.#fault ||= reason
    this.#opener.stop()
    this.socket.destroy()
  }

  /** Both ends beat, so that each knows of the other also when it has nothing to say. */
  #beat(): void {
    const { clock, keepaliveMs, idleTimeoutMs } = this.#settings
    this.#pulse = clock.timer(
      keepaliveMs,
      () => {
        const silentMs = clock.monotonicMs() - this.#heardMs
        if (silentMs >= idleTimeoutMs && !this.#paused) return this.destroy(`silent for ${Math.floor(silentMs)} ms`)
        // Behind bytes that the kernel does not take it would only make them more.
        if (this.socket.writableLength === 0) this.write(this.sealer.seal(recordKinds.ping))
        this.#beat()
      },
      { background: true },
    )
  }

  #read(piece: Buffer): void {
    if (this.#ending) return
    this.#heardMs = this.#settings.clock.monotonicMs()
    try {
      this.#opener.push(piece, this.#take)
    } catch (error) {
      this.#refused ||= error instanceof InvalidFrame
      if (!(error instanceof InvalidFrame))
        this.#settings.logger.error({ err: error }, 'a receiver of the raft transport threw')
      this.destroy(messageOf(error))
    }
  }

  readonly #take = (kind: number, body: Buffer): void => {
    if (kind === recordKinds.ping) {
      if (body.length > 0) throw new InvalidFrame('is a ping that says something')
    } else this.onRecord(kind, body)
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#pulse?.cancel()
    this.#opener.stop()
    this.onClose(this.#fault || 'the other side closed the connection', this.#refused)
  }
}

function ignore(): void {}
