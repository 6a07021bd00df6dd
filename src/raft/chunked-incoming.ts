/**
 * ChunkedIncoming: a stream that comes as single messages, on the side that takes it. It takes pieces in their order, answers
 * each when there is room for the next, and those that come again as before. Unlike `chunked-outgoing.ts` it never sends of
 * itself but to answer.
 */
import type { Timer } from '../base/clock.ts'
import { messageOf } from '../base/error.ts'
import { ByteReader } from './bytes.ts'
import type { ChunkedSettings } from './chunked-outgoing.ts'
import { pieceKinds } from './chunked-outgoing.ts'
import { InvalidFrame, StreamFailed } from './error.ts'
import { StreamContent } from './stream-content.ts'
import type { StreamFlow } from './stream-content.ts'

export interface IncomingHost {
  took(number: number): void
  /** The piece is held; the sender need not send it again, nor give up. */
  wait(): void
  answer(refusal: string): void
  /** It is over: nothing of it is answered any more but by `answer` again. */
  ended(refusal: string): void
}

export class ChunkedIncoming implements StreamFlow {
  readonly #settings: ChunkedSettings
  readonly #host: IncomingHost
  readonly #member: string
  readonly #content: StreamContent
  readonly #receive: (header: Uint8Array, content: AsyncIterable<Uint8Array>) => Promise<void>
  /** The next piece. */
  #number = 0
  #paused = false
  #over = false
  #timer: Timer | undefined
  #heardMs: number

  constructor(
    settings: ChunkedSettings,
    host: IncomingHost,
    member: string,
    receive: (header: Uint8Array, content: AsyncIterable<Uint8Array>) => Promise<void>,
  ) {
    this.#settings = settings
    this.#host = host
    this.#member = member
    this.#receive = receive
    this.#content = new StreamContent(this, member)
    this.#heardMs = settings.clock.monotonicMs()
    this.#watch()
  }

  /** Throws `raft.invalid_frame` at a piece that has no place in the stream; the stream has failed then. */
  piece(number: number, kind: number, body: Uint8Array): void {
    this.heard()
    if (this.#over) return
    if (number === this.#number) {
      this.#number++
      try {
        this.#take(kind, body)
      } catch (error) {
        this.#end(messageOf(error), error)
        throw error
      }
      // An end is answered, not taken.
      if (!this.#paused && kind !== pieceKinds.end) this.#host.took(number)
    } else if (number === this.#number - 1) this.#again(number, kind)
  }

  /** What came before came again: its answer was lost, or is not due yet. */
  #again(number: number, kind: number): void {
    if (this.#paused || kind === pieceKinds.end) this.#host.wait()
    else this.#host.took(number)
  }

  #take(kind: number, body: Uint8Array): void {
    if (this.#number === 1) {
      if (kind !== pieceKinds.header) throw new InvalidFrame('begins no stream')
      // In a function that is async: a receiver that throws at once rejects like any other.
      void (async () => this.#receive(body, this.#content))().then(
        () => this.#end(this.#content.taken ? '' : 'it was not read to its end', undefined),
        (error: unknown) => this.#end(messageOf(error) || 'the receiver refused it', error),
      )
    } else if (kind === pieceKinds.chunk) this.#content.push(body)
    else if (kind === pieceKinds.end) {
      const input = new ByteReader(body)
      this.#content.end(input.varint(), input.u32())
      input.end()
    } else throw new InvalidFrame('has no place in a stream')
  }

  /** A sign of life of the sender. */
  heard(): void {
    this.#heardMs = this.#settings.clock.monotonicMs()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    if (!this.#over) this.#host.took(this.#number - 1)
  }

  /** The sender has given up, or is gone: nothing is answered. */
  fail(reason: string): void {
    if (this.#over) return
    this.#over = true
    this.#timer?.cancel()
    this.#content.fail(new StreamFailed(this.#member, reason))
    this.#host.ended(reason)
  }

  /** This side gives up, and says so. */
  refuse(reason: string): void {
    this.#end(reason, undefined)
  }

  #end(refusal: string, error: unknown): void {
    if (this.#over) return
    this.#over = true
    this.#timer?.cancel()
    if (refusal !== '') this.#content.fail(new StreamFailed(this.#member, refusal, { cause: error }))
    this.#host.ended(refusal)
    this.#host.answer(refusal)
  }

  #watch(): void {
    const { clock, resendMs, idleTimeoutMs } = this.#settings
    this.#timer = clock.timer(
      resendMs,
      () => {
        if (clock.monotonicMs() - this.#heardMs >= idleTimeoutMs)
          this.fail(`its sender was silent for ${idleTimeoutMs} ms`)
        else this.#watch()
      },
      { background: true },
    )
  }
}
