/**
 * ChunkedOutgoing: a stream that is sent as single messages, piece by piece, each when the one before was taken. Unlike the
 * streams of the direct transport it has no connection below it: a message may be lost, and is then sent again; the other
 * side may be gone, which shows as silence. It encodes nothing: whoever carries it does.
 */
import type { Clock, Timer } from '../base/clock.ts'
import { crc32c } from '../base/crc32c.ts'
import { deferred } from '../base/deferred.ts'
import type { Deferred } from '../base/deferred.ts'
import { ByteWriter } from './bytes.ts'
import { StreamFailed } from './error.ts'
import { readAnswer } from './stream-content.ts'

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
  #failure: Error | undefined
  /** Rejects what is waited for now. One at a time, for a promise that lasts would keep every wait on it. */
  #stop: ((error: Error) => void) | undefined
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
    const iterator = content[Symbol.asyncIterator]()
    let whole = false
    try {
      let bytes = 0
      let sum = 0
      await this.#post(pieceKinds.header, header)
      for (;;) {
        const step = await this.#unlessFailed(iterator.next())
        if (step.done === true) break
        for (let at = 0; at < step.value.length; at += this.#settings.chunkBytes) {
          const chunk = step.value.subarray(at, at + this.#settings.chunkBytes)
          bytes += chunk.length
          sum = crc32c(chunk, sum)
          await this.#post(pieceKinds.chunk, chunk)
        }
      }
      whole = true
      const mark = new ByteWriter()
      mark.varint(bytes)
      mark.u32(sum)
      await this.#post(pieceKinds.end, mark.finish())
    } finally {
      this.#timer?.cancel()
      if (!this.#answered) this.#host.cancel()
      if (!whole) iterator.return?.().catch(() => {})
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
    this.#failure ??= error
    this.#stop?.(this.#failure)
  }

  async #post(kind: number, body: Uint8Array): Promise<void> {
    if (this.#failure) throw this.#failure
    const piece = { kind, body, taken: deferred() }
    this.#piece = piece
    this.#host.piece(this.#number, kind, body)
    await this.#unlessFailed(piece.taken.promise)
    this.#piece = undefined
    this.#number++
  }

  #unlessFailed<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#stop = reject
      work.then(resolve, reject)
      if (this.#failure) reject(this.#failure)
    })
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
