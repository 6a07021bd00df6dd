/**
 * Streams of the direct transport: a header and its content on a connection of their own, in pieces, each guarded as every
 * record is, with a sum over the whole at the end and an answer of the side that took it. Backpressure is that of the
 * connection. Unlike frames nothing of a stream is lost in silence: it is taken whole, or both sides have an error.
 */
import { deferred } from '../base/deferred.ts'
import type { Deferred } from '../base/deferred.ts'
import { Aborted, messageOf } from '../base/error.ts'
import { ByteReader } from './bytes.ts'
import { InvalidFrame, StreamFailed } from './error.ts'
import { StreamContent, answerBytes, readAnswer } from './stream-content.ts'
import { Failable, sendPieces } from './stream-sending.ts'
import type { Channel } from './transport-tcp-channel.ts'
import type { TcpSettings } from './transport-tcp-options.ts'
import { recordKinds } from './transport-tcp-record.ts'
import type { Receiver } from './transport.ts'

/**
 * Sends over a channel that is there for this stream alone, and closes it. Rejects with `raft.stream_failed`, `base.aborted`, or
 * what the content throws.
 */
export async function sendStream(
  channel: Channel,
  settings: TcpSettings,
  member: string,
  header: Uint8Array,
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const sending = new Sending(channel, member)
  const onAbort = () => sending.fail(new Aborted('a stream', { cause: signal?.reason }))
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted) onAbort()
  const { streamChunkBytes: chunkBytes } = settings
  const write = (kind: number, body: Uint8Array) => sending.write(kind, body)
  try {
    await sendPieces({ kinds: recordKinds, chunkBytes, failable: sending.failable, write }, header, content)
    await sending.answered()
  } finally {
    signal?.removeEventListener('abort', onAbort)
    channel.destroy('the stream has ended')
  }
}

/** The channel as the sender sees it: it takes bytes, answers once, or fails, at any time. */
class Sending {
  readonly #channel: Channel
  readonly #member: string
  readonly #answer = deferred()
  #drained: Deferred<void> | undefined
  readonly failable = new Failable()

  constructor(channel: Channel, member: string) {
    this.#channel = channel
    this.#member = member
    channel.onClose = (reason) => this.fail(new StreamFailed(member, reason))
    channel.onDrain = () => this.#drained?.resolve()
    channel.onRecord = (kind, body) => {
      if (kind !== recordKinds.answer) throw new InvalidFrame('is no answer to a stream')
      const refusal = readAnswer(body)
      if (refusal === '') this.#answer.resolve()
      else this.fail(new StreamFailed(member, refusal))
    }
    if (channel.closed) this.fail(new StreamFailed(member, 'the connection is closed'))
  }

  fail(error: Error): void {
    if (this.#answer.settled) return
    this.failable.fail(error)
  }

  async write(kind: number, body: Uint8Array): Promise<void> {
    if (this.failable.failure) throw this.failable.failure
    if (this.#answer.settled) throw new StreamFailed(this.#member, 'it was answered before its end')
    if (this.#channel.write(this.#channel.sealer.seal(kind, [body]))) return
    this.#drained = deferred()
    await this.failable.unlessFailed(this.#drained.promise)
  }

  answered(): Promise<void> {
    return this.failable.unlessFailed(this.#answer.promise)
  }
}

/** Hands the stream that comes over the channel to the receiver, and answers. Calls `done` once at its end. */
export function receiveStream(
  channel: Channel,
  member: string,
  receiver: Receiver,
  frameMaxBytes: number,
  done: (refused: boolean) => void,
): void {
  const content = new StreamContent(channel, member)
  let begun = false
  channel.onClose = (reason, refused) => {
    content.fail(new StreamFailed(member, reason))
    done(refused)
  }
  const answer = (refusal: string) => {
    if (channel.closed) return
    channel.write(channel.sealer.seal(recordKinds.answer, [answerBytes(refusal)]))
    channel.end('the stream is answered')
  }
  channel.onRecord = (kind, body) => {
    if (kind === recordKinds.header && !begun) {
      begun = true
      if (body.length > frameMaxBytes) throw new InvalidFrame('is a header that is too long')
      // Started in a later turn: a receiver that throws at once rejects like any other.
      void (async () => receiver.stream(member, body, content))().then(
        () => answer(content.taken ? '' : 'it was not read to its end'),
        (error: unknown) => answer(messageOf(error) || 'the receiver refused it'),
      )
    } else if (kind === recordKinds.chunk && begun) content.push(body)
    else if (kind === recordKinds.end && begun) {
      const input = new ByteReader(body)
      content.end(input.varint(), input.u32())
      input.end()
    } else throw new InvalidFrame('has no place in a stream')
  }
}
