/**
 * StreamContent: what a receiver reads of a stream, whatever brings it. Pieces wait up to a bound, then the flow is paused; the
 * end is believed only with the right length and sum. It has one reader and sends nothing itself.
 */
import { crc32c } from '../base/crc32c.ts'
import { deferred } from '../base/deferred.ts'
import type { Deferred } from '../base/deferred.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { InvalidFrame, StreamFailed } from './error.ts'

/** What brings the pieces. Both calls are idempotent. */
export interface StreamFlow {
  pause(): void
  resume(): void
}

/** Content that the receiver has not asked for yet, before the flow is paused. */
const waitingMaxBytes = 1024 * 1024
const reasonMax = 500

/** The answer to a stream: empty when it was taken, else why not, to 500 characters. */
export function answerBytes(refusal: string): Uint8Array {
  const out = new ByteWriter()
  out.text(refusal.slice(0, reasonMax))
  return out.finish()
}

/** Throws `raft.invalid_frame`. */
export function readAnswer(bytes: Uint8Array): string {
  const input = new ByteReader(bytes)
  const refusal = input.text(reasonMax * 4)
  input.end()
  return refusal
}

/** The content on the side that takes it: pieces wait up to a bound, then the connection does. One reader. */
export class StreamContent implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #flow: StreamFlow
  readonly #member: string
  #pieces: Uint8Array[] = []
  #waitingBytes = 0
  #bytes = 0
  #sum = 0
  #ended = false
  #stopped = false
  #failure: Error | undefined
  #waiter: Deferred<void> | undefined

  constructor(flow: StreamFlow, member: string) {
    this.#flow = flow
    this.#member = member
  }

  /** Whether all of it came and was handed out. */
  get taken(): boolean {
    return this.#ended && this.#pieces.length === 0 && !this.#stopped
  }

  push(piece: Uint8Array): void {
    if (this.#ended) throw new InvalidFrame('comes behind the end of a stream')
    this.#bytes += piece.length
    this.#sum = crc32c(piece, this.#sum)
    if (this.#stopped) return
    this.#pieces.push(piece)
    this.#waitingBytes += piece.length
    if (this.#waitingBytes >= waitingMaxBytes) this.#flow.pause()
    this.#wake()
  }

  end(bytes: number, sum: number): void {
    if (this.#ended || bytes !== this.#bytes || sum !== this.#sum)
      throw new InvalidFrame('ends a stream that is not the one that was sent')
    this.#ended = true
    this.#wake()
  }

  fail(error: Error): void {
    if (!this.#ended) this.#failure ??= error
    this.#wake()
  }

  #wake(): void {
    this.#waiter?.resolve()
    this.#waiter = undefined
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const piece = this.#pieces.shift()
      if (piece) {
        this.#waitingBytes -= piece.length
        if (this.#waitingBytes < waitingMaxBytes / 2) this.#flow.resume()
        return { value: piece, done: false }
      }
      if (this.#ended || this.#stopped) return { value: undefined, done: true }
      if (this.#failure) throw this.#failure
      if (this.#waiter) throw new StreamFailed(this.#member, 'it has one reader, which asks for one piece at a time')
      this.#waiter = deferred()
      await this.#waiter.promise
    }
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#ended || this.#pieces.length > 0) this.#stopped = true
    this.#pieces = []
    this.#waitingBytes = 0
    this.#flow.resume()
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
