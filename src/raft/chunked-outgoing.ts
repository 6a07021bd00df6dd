/**
 * ChunkedOutgoing: a stream that is sent as single messages, piece by piece, each when the one before was taken. Unlike the
 * streams of the direct transport it has no connection below it: a message may be lost, and is then sent again; the other
 * side may be gone, which shows as silence. It encodes nothing: whoever carries it does.
 */
import type { Clock, Timer } from '../base/clock.ts'
import { deferred } from '../base/deferred.ts'
import type { Deferred } from '../base/deferred.ts'
import { StreamFailed } from './error.ts'
import { readAnswer } from './stream-content.ts'
import { Failable, sendPieces } from './stream-sending.ts'

/** What a piece is, its first byte. */
export const pieceKinds = { header: 0, chunk: 1, end: 2 } as const

export interface ChunkedSettings {
  readonly clock: Clock
  /** Largest piece. */
  readonly chunkBytes: number
  /** How long a message that is not answered waits before it is sent again, and how often an end shows that it is there. */
  readonly resendMs: number
  /** Silence after which the other side counts as gone. */
  readonly idleTimeoutMs: number
}

export interface OutgoingHost {
  /** Sends a piece; one that is lost is sent again. */
  piece(number: number, kind: number, body: Uint8Array): void
  /** Says that the stream goes on, while the content has nothing to send. */
  still(): void
  /** Says that it will not go on. */
  cancel(): void
}

export class ChunkedOutgoing {
  readonly #settings: ChunkedSettings
  readonly #host: OutgoingHost
  readonly #member: string
  #number = 0
  #piece: { readonly kind: number; readonly body: Uint8Array; readonly taken: Deferred<void> } | undefined
  #answered = false
  readonly #failable = new Failable()
  #timer: Timer | undefined
  #heardMs: number

  constructor(settings: ChunkedSettings, host: OutgoingHost, member: string) {
    this.#settings = settings
    this.#host = host
    this.#member = member
    this.#heardMs = settings.clock.monotonicMs()
    this.#beat()
  }

  /** Sends all of it. Rejects with `raft.stream_failed`, what `fail` was given, or what the content throws. */
  async send(header: Uint8Array, content: AsyncIterable<Uint8Array>): Promise<void> {
    const { chunkBytes } = this.#settings
    const write = (kind: number, body: Uint8Array) => this.#post(kind, body)
    try {
      await sendPieces({ kinds: pieceKinds, chunkBytes, failable: this.#failable, write }, header, content)
    } finally {
      this.#timer?.cancel()
      if (!this.#answered) this.#host.cancel()
    }
  }

  /** The other side has taken a piece, and asks for the next. */
  took(number: number): void {
    this.heard()
    const piece = this.#piece
    if (piece && number === this.#number && piece.kind !== pieceKinds.end) piece.taken.resolve()
  }

  /** It is there, and not yet ready for more. */
  heard(): void {
    this.#heardMs = this.#settings.clock.monotonicMs()
  }

  /** Throws `raft.invalid_frame`. */
  answer(body: Uint8Array): void {
    const refusal = readAnswer(body)
    if (refusal === '' && this.#piece?.kind === pieceKinds.end) {
      this.#answered = true
      this.#piece.taken.resolve()
    } else {
      this.#answered = true
      this.fail(new StreamFailed(this.#member, refusal === '' ? 'it was answered before its end' : refusal))
    }
  }

  fail(error: Error): void {
    this.#failable.fail(error)
  }

  async #post(kind: number, body: Uint8Array): Promise<void> {
    if (this.#failable.failure) throw this.#failable.failure
    const piece = { kind, body, taken: deferred() }
    this.#piece = piece
    this.#host.piece(this.#number, kind, body)
    await this.#failable.unlessFailed(piece.taken.promise)
    this.#piece = undefined
    this.#number++
  }

  /** While the content is waited for, nothing is owed to this side, so that its silence says nothing. */
  #beat(): void {
    const { clock, resendMs, idleTimeoutMs } = this.#settings
    this.#timer = clock.timer(
      resendMs,
      () => {
        const piece = this.#piece
        if (!piece) {
          this.heard()
          this.#host.still()
        } else if (clock.monotonicMs() - this.#heardMs >= idleTimeoutMs) {
          this.fail(new StreamFailed(this.#member, `it was silent for ${idleTimeoutMs} ms`))
          return
        } else this.#host.piece(this.#number, piece.kind, piece.body)
        this.#beat()
      },
      { background: true },
    )
  }
}
