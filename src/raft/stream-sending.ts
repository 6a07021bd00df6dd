/**
 * What all streams share on the side that sends: the content in pieces with its sum at the end, and the one failure that ends
 * it at any time. Unlike `stream-content.ts`, the other side, it knows no bounds of waiting: whoever writes a piece resolves
 * when the next may come.
 */
import { crc32c } from '../base/crc32c.ts'
import { ByteWriter } from './bytes.ts'

/** Waits that a failure from elsewhere ends. The first failure counts. */
export class Failable {
  #failure: Error | undefined
  /** Rejects what is waited for now. One at a time, for a promise that lasts would keep every wait on it. */
  #stop: ((error: Error) => void) | undefined

  get failure(): Error | undefined {
    return this.#failure
  }

  fail(error: Error): void {
    this.#failure ??= error
    this.#stop?.(this.#failure)
  }

  unlessFailed<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#stop = reject
      work.then(resolve, reject)
      if (this.#failure) reject(this.#failure)
    })
  }
}

export interface StreamPieces {
  /** The numbers of the kinds of pieces, as the carrier has them. */
  readonly kinds: { readonly header: number; readonly chunk: number; readonly end: number }
  /** Largest chunk. */
  readonly chunkBytes: number
  readonly failable: Failable
  /** Resolves when the next piece may come. */
  readonly write: (kind: number, body: Uint8Array) => Promise<void>
}

/** Header, chunks, and an end that tells length and sum. Rejects with the failure, or with what the content throws. */
export async function sendPieces(
  { kinds, chunkBytes, failable, write }: StreamPieces,
  header: Uint8Array,
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  const iterator = content[Symbol.asyncIterator]()
  let whole = false
  try {
    let bytes = 0
    let sum = 0
    await write(kinds.header, header)
    for (;;) {
      const step = await failable.unlessFailed(iterator.next())
      if (step.done === true) break
      for (let at = 0; at < step.value.length; at += chunkBytes) {
        const chunk = step.value.subarray(at, at + chunkBytes)
        bytes += chunk.length
        sum = crc32c(chunk, sum)
        await write(kinds.chunk, chunk)
      }
    }
    whole = true
    const mark = new ByteWriter()
    mark.varint(bytes)
    mark.u32(sum)
    await write(kinds.end, mark.finish())
  } finally {
    if (!whole) iterator.return?.().catch(() => {})
  }
}
