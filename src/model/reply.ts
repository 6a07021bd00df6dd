/**
 * Reads the body of a reply into a completion, chunk by chunk. What kind of body it is is seen from its first character,
 * not from its content type: servers that ignore `stream` answer plain JSON, and proxies mislabel both.
 */
import { TimedOut } from '../base/error.ts'
import type { Completion } from './core/completion.ts'
import { cleanText } from './core/redact.ts'
import type { SseEvent } from './core/sse.ts'
import { SseParser, SseTooLong } from './core/sse.ts'
import { RefusedInReply } from './core/completion.ts'
import { refusalInReply } from './core/refusal.ts'
import { ModelError, ModelMalformed, ModelReplyTooLarge, ModelTruncated } from './error.ts'
import type { ModelChunk } from './model.ts'
import type { Transfer } from './transfer.ts'
import { reasonOf } from './transfer.ts'

export interface ReplyOptions {
  readonly who: string
  readonly replyMaxBytes: number
  readonly secrets: readonly string[]
}

type Chunks = AsyncGenerator<ModelChunk, void, undefined>

/** Text as it comes, then the end. Errors: `model.malformed`, `model.truncated`, `model.too_large`, or a refusal inside. */
export async function* readReply(transfer: Transfer, completion: Completion, options: ReplyOptions): Chunks {
  const reader = new ReplyReader(transfer, completion, options)
  let head = ''
  let piece = await reader.piece()
  for (; piece !== undefined; piece = await reader.piece()) {
    head = (head + piece).trimStart()
    if (head !== '') break
  }
  if (piece === undefined) throw reader.truncated('the reply is empty')
  if (head.startsWith('{') || head.startsWith('[')) yield* reader.whole(head)
  else if (/^[:deir]/.test(head)) yield* reader.events(head)
  else throw reader.malformed(`it begins with ${JSON.stringify(reader.clean(head, 60))}`)
  const rest = completion.rest()
  if (rest) yield { type: 'text', text: rest }
  yield { type: 'end', reply: completion.reply() }
}

class ReplyReader {
  readonly #transfer: Transfer
  readonly #completion: Completion
  readonly #options: ReplyOptions
  /** JSON may write one byte of text as six characters; the rest of an event is small beside that. */
  readonly #heldMax: number

  constructor(transfer: Transfer, completion: Completion, options: ReplyOptions) {
    this.#transfer = transfer
    this.#completion = completion
    this.#options = options
    this.#heldMax = options.replyMaxBytes * 6 + 64 * 1024
  }

  /** The next piece of the body; undefined at its end, or where it broke once nothing of the reply is missing. */
  async piece(): Promise<string | undefined> {
    try {
      return await this.#transfer.next()
    } catch (error) {
      if (error instanceof ModelError) throw error
      if (this.#completion.finished) return undefined
      throw this.truncated(error instanceof TimedOut ? `silence of ${error.timeoutMs} ms` : reasonOf(error))
    }
  }

  /** A completion in one piece, as servers without streaming answer. */
  async *whole(head: string): Chunks {
    const parts = [head]
    let length = head.length
    for (let piece = await this.piece(); piece !== undefined; piece = await this.piece()) {
      parts.push(piece)
      length += piece.length
      if (length > this.#heldMax) throw this.#tooLarge()
    }
    const body = this.#parse(parts.join(''))
    const text = this.#completion.take(Array.isArray(body) ? body[0] : body)
    if (text) yield { type: 'text', text }
  }

  async *events(head: string): Chunks {
    const parser = new SseParser(this.#heldMax)
    let piece: string | undefined = head
    while (piece !== undefined) {
      const text: string = piece
      if (yield* this.#take(this.#parsed(() => parser.push(text)))) {
        await this.#transfer.drain()
        return
      }
      piece = await this.piece()
    }
    const ended = yield* this.#take(this.#parsed(() => parser.flush()))
    if (ended || this.#completion.finished) return
    if (!this.#completion.begun && parser.strangeLines > 0)
      throw this.malformed(`it begins with ${JSON.stringify(this.clean(head, 60))}`)
    throw this.truncated('the stream ended without a finish reason')
  }

  /** Yields the text of the events; true once the stream said that it is done. */
  *#take(events: readonly SseEvent[]): Generator<ModelChunk, boolean, undefined> {
    for (const { name, data, cut } of events) {
      // An end without any choice is told by `reply()`; an end without a finish reason is taken at its word.
      if (data.trim() === '[DONE]') return true
      if (data.trim() === '') continue
      const value = this.#parse(data, cut)
      if (name === 'error') throw new RefusedInReply(refusalInReply(value))
      const text = this.#completion.take(value)
      if (text) yield { type: 'text', text }
    }
    return false
  }

  #parsed(work: () => SseEvent[]): SseEvent[] {
    try {
      return work()
    } catch (error) {
      throw error instanceof SseTooLong ? this.#tooLarge() : error
    }
  }

  #parse(text: string, cut = false): unknown {
    try {
      return JSON.parse(text)
    } catch {
      // The parser's own message quotes the text, which may hold anything.
      if (cut) throw this.truncated('the stream ended inside an event')
      throw this.malformed(`broken JSON that begins with ${JSON.stringify(this.clean(text, 60))}`)
    }
  }

  #tooLarge(): ModelReplyTooLarge {
    return new ModelReplyTooLarge(this.#options.who, this.#options.replyMaxBytes)
  }

  malformed(why: string): ModelMalformed {
    return new ModelMalformed(this.#options.who, why)
  }

  truncated(why: string): ModelTruncated {
    return new ModelTruncated(this.#options.who, this.clean(why, 200), this.#completion.receivedChars)
  }

  clean(text: string, lengthMax: number): string {
    return cleanText(text, this.#options.secrets, lengthMax)
  }
}
