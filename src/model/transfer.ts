/**
 * Transfer: one HTTP exchange by fetch, with the waits that fetch lacks (first byte, silence between bytes) on the given
 * clock. It knows nothing of what is exchanged. Whatever happens, disposing it ends the connection or leaves it whole to
 * the pool, and no timer outlives it.
 */
import type { Clock } from '../base/clock.ts'
import { within } from '../base/clock.ts'
import { TimedOut, toError } from '../base/error.ts'
import { cleanText } from './core/redact.ts'
import { ModelMalformed, ModelUnavailable } from './error.ts'

export interface TransferOptions {
  /** Names the model and its address in errors. */
  readonly who: string
  readonly clock: Clock
  readonly fetch: typeof globalThis.fetch
  readonly firstByteTimeoutMs: number
  readonly idleTimeoutMs: number
  /** The whole call's: abort and overall deadline. */
  readonly signal: AbortSignal
  /** What is never shown. */
  readonly secrets: readonly string[]
}

type BodyReader = ReadableStreamDefaultReader<Uint8Array>

/** What a connection is left to do by itself after the last event, so that the pool can keep it. */
const drainMaxMs = 100

export class Transfer implements Disposable {
  readonly #options: TransferOptions
  readonly #control = new AbortController()
  readonly #onAbort: () => void
  #reader: BodyReader | undefined
  #decoder = new TextDecoder('utf-8', { fatal: true })
  #firstByteBy = 0
  #begun = false
  /** Ends the read that waits. */
  #cut: (reason: unknown) => void = () => {}

  constructor(options: TransferOptions) {
    this.#options = options
    this.#onAbort = () => {
      this.#control.abort(options.signal.reason)
      this.#cut(options.signal.reason)
    }
    if (options.signal.aborted) this.#onAbort()
    else options.signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Sends the request and waits for status and headers. A redirect is answered, never followed. */
  async post(url: URL, headers: Readonly<Record<string, string>>, body: string): Promise<Response> {
    const { clock, firstByteTimeoutMs, signal } = this.#options
    this.#release()
    this.#firstByteBy = clock.monotonicMs() + firstByteTimeoutMs
    const init: RequestInit = { method: 'POST', headers, body, redirect: 'manual', signal: this.#control.signal }
    try {
      const sent = within(clock, 'the first byte', firstByteTimeoutMs, signal, () =>
        this.#options.fetch(url.href, init),
      )
      const response = await sent
      this.#reader = response.body?.getReader()
      return response
    } catch (error) {
      throw this.#connectionError(error)
    }
  }

  /** The next piece of the body as text; undefined at its end. Rejects with what broke it, which may be a `TimedOut`. */
  async next(): Promise<string | undefined> {
    const reader = this.#reader
    if (!reader) return undefined
    const { clock, idleTimeoutMs } = this.#options
    const timeoutMs = this.#begun ? idleTimeoutMs : Math.max(1, this.#firstByteBy - clock.monotonicMs())
    let read: Awaited<ReturnType<typeof reader.read>>
    try {
      read = await this.#inTime(reader, timeoutMs)
    } catch (error) {
      throw !this.#begun && error instanceof TimedOut ? this.#connectionError(error) : error
    }
    this.#begun = true
    if (!read.done) return this.#decode(read.value)
    this.#reader = undefined
    return this.#decode(undefined) || undefined
  }

  /** `within` for one read of many: a reply has thousands, and each would make signals and listeners of its own. */
  #inTime(reader: BodyReader, timeoutMs: number): ReturnType<BodyReader['read']> {
    return new Promise((resolve, reject) => {
      if (this.#options.signal.aborted) return reject(toError(this.#options.signal.reason))
      const timer = this.#options.clock.timer(timeoutMs, () => reject(new TimedOut('the next byte', timeoutMs)))
      this.#cut = (reason) => reject(toError(reason))
      // Disposing cancels the reader, which settles this read: the timer never outlives the transfer.
      reader
        .read()
        .then(resolve, reject)
        .finally(() => timer.cancel())
    })
  }

  #decode(bytes: Uint8Array | undefined): string {
    try {
      return this.#decoder.decode(bytes, { stream: bytes !== undefined })
    } catch {
      throw new ModelMalformed(this.#options.who, 'bytes that are no UTF-8')
    }
  }

  /** The body's text up to a bound, for a body that only explains a refusal; what is beyond is not read. */
  async head(lengthMax: number): Promise<string> {
    let text = ''
    try {
      while (text.length < lengthMax) {
        const piece = await this.next()
        if (piece === undefined) return text
        text += piece
      }
    } catch {
      // The status alone says enough; its explanation may be broken or late.
    }
    // A secret that the bound cut in two would not be found any more.
    const longest = Math.max(0, ...this.#options.secrets.map((secret) => secret.length))
    return text.slice(0, Math.max(0, Math.min(text.length, lengthMax) - longest))
  }

  /** Waits a moment for the body's own end: a connection that is cut cannot serve the next call. */
  async drain(): Promise<void> {
    const { clock, signal } = this.#options
    const reader = this.#reader
    if (!reader) return
    try {
      await within(clock, 'the end', drainMaxMs, signal, async () => {
        while (!(await reader.read()).done);
      })
      this.#reader = undefined
    } catch {
      // The reply is whole; how its connection ends is not the caller's concern.
    }
  }

  #release(): void {
    this.#reader?.cancel().catch(() => {})
    this.#reader = undefined
    this.#decoder = new TextDecoder('utf-8', { fatal: true })
    this.#begun = false
  }

  [Symbol.dispose](): void {
    this.#options.signal.removeEventListener('abort', this.#onAbort)
    this.#release()
    // Ends a request that still runs; after a body that was read to its end there is nothing left to abort.
    this.#control.abort()
  }

  #connectionError(error: unknown): Error {
    const { who, secrets } = this.#options
    if (error instanceof TimedOut) {
      const why = `no byte came within firstByteTimeoutMs of ${this.#options.firstByteTimeoutMs}`
      return new ModelUnavailable(who, why, { cause: error })
    }
    const why = cleanText(reasonOf(error), secrets, 300)
    const cause = new Error(why)
    if (isParserError(error)) return new ModelMalformed(who, `it does not speak HTTP (${why})`)
    return new ModelUnavailable(who, why, { cause, retryable: !lastingFault.test(why) })
  }
}

/** Certificates and protocol mismatches do not mend themselves between two attempts. */
const lastingFault = /CERT|SELF_SIGNED|VERIFY_LEAF|ERR_TLS|ERR_SSL|EPROTO/

/** The name under which Node's fetch reports an answer that is no HTTP. */
function isParserError(error: unknown, depth = 5): boolean {
  if (!(error instanceof Error) || depth === 0) return false
  return error.name === 'HTTPParserError' || isParserError(error.cause, depth - 1)
}

/** The innermost cause says what happened: fetch itself says `fetch failed`. */
export function reasonOf(error: unknown, depth = 5): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause instanceof Error && depth > 0) return reasonOf(error.cause, depth - 1)
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : undefined
  if (error.message === '' && inner instanceof Error && depth > 0) return reasonOf(inner, depth - 1)
  const { code } = error as { readonly code?: unknown }
  return typeof code === 'string' && !error.message.includes(code) ? `${code} ${error.message}` : error.message
}
