/**
 * The model driver for every server with the chat-completions API, hosted or local, by fetch. Unlike a provider's own
 * client it assumes little: it learns which fields a server refuses, takes streamed and whole replies, and trusts nothing
 * that comes back.
 *
 * | fault | outcome |
 * | --- | --- |
 * | no connection, no first byte, 408, 409, 429, 5xx, an end before any text | tried again, `attemptsMax` in all, as long as no text came; then the typed error |
 * | the same after text came | the typed error at once: nobody sees the same words twice |
 * | a field that the server does not know | left out or renamed, and remembered for this model |
 * | a redirect | `model.redirected`; never followed |
 * | abort, or the overall deadline | `base.aborted`, `base.timeout`; the connection is cut |
 *
 * The key is read from the environment when a call starts and goes over https or to this machine only. It is taken out of
 * whatever the server says, the reply's text included (keys from 12 characters; what is shorter is a placeholder).
 */
import type { Clock, Deadline } from '../base/clock.ts'
import { deadline, sleep } from '../base/clock.ts'
import { randomFrom, systemEntropy } from '../base/entropy.ts'
import { Aborted, TimedOut } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import type { Random } from '../base/random.ts'
import { systemClock } from '../base/system-clock.ts'
import { Completion, RefusedInReply } from './core/completion.ts'
import type { Lesson } from './core/dialect.ts'
import { lessonOf, requestBody } from './core/dialect.ts'
import { cleanText } from './core/redact.ts'
import { errorOfRefusal, readRefusal } from './core/refusal.ts'
import type { Refusal } from './core/refusal.ts'
import { estimatePromptTokens, estimateTokens } from './core/tokens.ts'
import type { Endpoint } from './endpoint.ts'
import { checkHeaders, endpoint, keyFor } from './endpoint.ts'
import { ModelError, ModelOverloaded, ModelRateLimited, ModelRedirected } from './error.ts'
import type { Model, ModelCallOptions, ModelChunk, ModelRequest } from './model.ts'
import { readReply } from './reply.ts'
import { checkRequest } from './request.ts'
import { retryAfter } from './retry-after.ts'
import { Transfer } from './transfer.ts'

export interface OpenAiCompatibleOptions {
  /** The model's name as the server knows it. */
  readonly model: string
  /** Where `/chat/completions` begins; a query is kept. Default `https://api.openai.com/v1`. */
  readonly baseUrl?: string
  /** Names the provider in the model's name. Default `openai` for api.openai.com, else the address's host. */
  readonly provider?: string
  /**
   * The environment variable that holds the key. Default `OPENAI_API_KEY`. A server on this machine gets a key only if
   * the variable is set; null sends none to anybody, and then plain http to another machine is allowed too.
   */
  readonly apiKeyEnv?: string | null
  /** More headers, such as a project or a title. Secrets are refused here: they belong into the environment. */
  readonly headers?: Readonly<Record<string, string>>
  /** Tokens that fit in, reply included. Default 128 000; say what the server really holds. */
  readonly contextTokens?: number
  /** Attempts for one call. Default 4. */
  readonly attemptsMax?: number
  /** The wait before the second attempt; it doubles with each more. From half of it to all of it, by chance. Default 500. */
  readonly backoffBaseMs?: number
  /** Where doubling stops. Default 20 000. */
  readonly backoffMaxMs?: number
  /** The longest wait that a server may ask for; if it asks for more, the call fails at once and says so. Default 60 000. */
  readonly retryAfterMaxMs?: number
  /**
   * From sending to the first byte of the reply, each attempt. Default 120 000: a model may read for long before it
   * speaks. Node's own fetch gives up after 300 000 whatever this says.
   */
  readonly firstByteTimeoutMs?: number
  /** Silence between two bytes of a reply. Default 60 000. */
  readonly idleTimeoutMs?: number
  /** The whole call, retries and waits included, unless the call says otherwise. Default 600 000. */
  readonly timeoutMs?: number
  /** UTF-8 bytes of a reply's text. Default 1 MiB. What is held of one event or one whole reply is bounded by 7 times this. */
  readonly replyMaxBytes?: number
  readonly clock?: Clock
  /** For the jitter of waits. Default: seeded by the system. */
  readonly random?: Random
  /** Default: the global one. */
  readonly fetch?: typeof globalThis.fetch
}

/** Errors at once: `base.invalid_argument`, `model.insecure_url`. The key is looked for when a call starts, not here. */
export function openAiCompatible(options: OpenAiCompatibleOptions): Model {
  return new OpenAiCompatible(options)
}

/** What one call carries through its attempts. */
interface Call {
  readonly request: ModelRequest
  readonly key: string | undefined
  readonly secrets: readonly string[]
  readonly signal: AbortSignal
  readonly inputTokens: number
  /** What the server refused, known before or learnt in this call. */
  readonly lessons: Set<Lesson>
  /** Those of this call that hold for later calls too. */
  readonly lasting: Set<Lesson>
}

const refusalLengthMax = 64 * 1024
const delayMsMax = 24 * 3_600_000

class OpenAiCompatible implements Model {
  readonly name: string
  readonly contextTokens: number
  readonly #endpoint: Endpoint
  readonly #headers: Readonly<Record<string, string>>
  readonly #clock: Clock
  readonly #random: Random
  readonly #fetch: typeof globalThis.fetch
  readonly #attemptsMax: number
  readonly #backoffBaseMs: number
  readonly #backoffMaxMs: number
  readonly #retryAfterMaxMs: number
  readonly #firstByteTimeoutMs: number
  readonly #idleTimeoutMs: number
  readonly #timeoutMs: number
  readonly #replyMaxBytes: number
  readonly #lessons = new Set<Lesson>()

  constructor(options: OpenAiCompatibleOptions) {
    this.#endpoint = endpoint(options)
    this.#headers = checkHeaders(options.headers ?? {})
    this.name = `${this.#endpoint.provider}:${this.#endpoint.model}`
    this.contextTokens = wholeNumber('contextTokens', options.contextTokens ?? 128_000, 1)
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? randomFrom(systemEntropy)
    // Looked up at each call, so that a global fetch that is instrumented later is used.
    this.#fetch = options.fetch ?? ((...call) => globalThis.fetch(...call))
    this.#attemptsMax = wholeNumber('attemptsMax', options.attemptsMax ?? 4, 1, 100)
    this.#backoffBaseMs = wholeNumber('backoffBaseMs', options.backoffBaseMs ?? 500, 0, delayMsMax)
    this.#backoffMaxMs = wholeNumber('backoffMaxMs', options.backoffMaxMs ?? 20_000, 0, delayMsMax)
    this.#retryAfterMaxMs = wholeNumber('retryAfterMaxMs', options.retryAfterMaxMs ?? 60_000, 0, delayMsMax)
    this.#firstByteTimeoutMs = wholeNumber('firstByteTimeoutMs', options.firstByteTimeoutMs ?? 120_000, 1, delayMsMax)
    this.#idleTimeoutMs = wholeNumber('idleTimeoutMs', options.idleTimeoutMs ?? 60_000, 1, delayMsMax)
    this.#timeoutMs = wholeNumber('timeoutMs', options.timeoutMs ?? 600_000, 1, delayMsMax)
    this.#replyMaxBytes = wholeNumber('replyMaxBytes', options.replyMaxBytes ?? 1024 * 1024, 1, 64 * 1024 * 1024)
  }

  countTokens(text: string): number {
    return estimateTokens(text)
  }

  preflight(): void {
    keyFor(this.#endpoint)
  }

  async *stream(request: ModelRequest, options: ModelCallOptions = {}): AsyncGenerator<ModelChunk, void, undefined> {
    checkRequest(request)
    const timeoutMs = wholeNumber('timeoutMs', options.timeoutMs ?? this.#timeoutMs, 1, delayMsMax)
    const untilMs = this.#clock.monotonicMs() + timeoutMs
    using limit = deadline(this.#clock, `the call of ${this.#endpoint.who}`, timeoutMs, options.signal)
    const call = this.#begin(request, limit.signal)
    for (let attempt = 1; ; attempt++) {
      let textCame = false
      let failure: unknown
      try {
        for await (const chunk of this.#attempt(call)) {
          this.#checkGoing(limit)
          textCame ||= chunk.type === 'text'
          yield chunk
        }
        return
      } catch (error) {
        failure = error
      }
      this.#checkGoing(limit)
      const delayMs = textCame ? undefined : this.#delayAfter(failure, attempt)
      if (!(failure instanceof ModelError) || delayMs === undefined) throw failure
      // A wait that the deadline would cut tells the caller less than the failure itself.
      if (this.#clock.monotonicMs() + delayMs >= untilMs) throw failure
      yield { type: 'retry', attempt: attempt + 1, delayMs, code: failure.code }
      await sleep(this.#clock, delayMs, limit.signal).catch(() => {})
      this.#checkGoing(limit)
    }
  }

  /** Throws the one error of a call that was cancelled or is late. */
  #checkGoing({ signal, expired }: Deadline): void {
    if (!signal.aborted) return
    if (expired && signal.reason instanceof TimedOut) throw signal.reason
    throw new Aborted(`the call of ${this.#endpoint.who}`, { cause: signal.reason })
  }

  #begin(request: ModelRequest, signal: AbortSignal): Call {
    const key = keyFor(this.#endpoint)
    return {
      request,
      key,
      secrets: key ? [key, ...this.#endpoint.querySecrets] : this.#endpoint.querySecrets,
      signal,
      inputTokens: estimatePromptTokens(request.messages),
      lessons: new Set(this.#lessons),
      lasting: new Set(),
    }
  }

  /** The wait before the next attempt; undefined when there is to be none. */
  #delayAfter(failure: unknown, attempt: number): number | undefined {
    if (!(failure instanceof ModelError) || !failure.retryable || attempt >= this.#attemptsMax) return undefined
    const ownMs = Math.min(this.#backoffMaxMs, this.#backoffBaseMs * 2 ** (attempt - 1))
    const asks = failure instanceof ModelRateLimited || failure instanceof ModelOverloaded
    const askedMs = asks ? failure.retryAfterMs : undefined
    if (askedMs === undefined) return Math.ceil(ownMs * (0.5 + this.#random.float() / 2))
    // Everybody who was turned away at once would come back at once: never earlier than asked, and a little apart.
    return askedMs > this.#retryAfterMaxMs ? undefined : Math.ceil(askedMs + this.#backoffBaseMs * this.#random.float())
  }

  async *#attempt(call: Call): AsyncGenerator<ModelChunk, void, undefined> {
    const { who } = this.#endpoint
    using transfer = new Transfer({
      who,
      clock: this.#clock,
      fetch: this.#fetch,
      firstByteTimeoutMs: this.#firstByteTimeoutMs,
      idleTimeoutMs: this.#idleTimeoutMs,
      signal: call.signal,
      secrets: call.secrets,
    })
    await this.#send(transfer, call)
    const completion = new Completion({ who, model: this.#endpoint.model, replyMaxBytes: this.#replyMaxBytes, ...call })
    try {
      yield* readReply(transfer, completion, { who, replyMaxBytes: this.#replyMaxBytes, secrets: call.secrets })
    } catch (error) {
      throw error instanceof RefusedInReply ? this.#refused(call, error.refusal) : error
    }
  }

  /** Sends the request, in other words if need be, until the server takes it or refuses for a reason of its own. */
  async #send(transfer: Transfer, call: Call): Promise<void> {
    const { url, who } = this.#endpoint
    for (;;) {
      const body = requestBody(this.#endpoint, call.request, call.lessons)
      const response = await transfer.post(url, this.#headersFor(call), JSON.stringify(body))
      if (response.ok) {
        for (const lesson of call.lasting) this.#lessons.add(lesson)
        return
      }
      const { status } = response
      if (response.type === 'opaqueredirect' || (status >= 300 && status < 400))
        throw new ModelRedirected(who, status, this.#redirectTarget(call, response))
      const refusal = readRefusal(status, await transfer.head(refusalLengthMax))
      const learned = lessonOf(body, refusal)
      if (!learned || call.lessons.has(learned.lesson))
        throw this.#refused(call, refusal, retryAfter(response.headers, this.#clock.now()))
      call.lessons.add(learned.lesson)
      if (learned.lasting) call.lasting.add(learned.lesson)
    }
  }

  #headersFor(call: Call): Readonly<Record<string, string>> {
    return {
      'content-type': 'application/json',
      accept: 'text/event-stream, application/json',
      'user-agent': 'colloquy',
      ...this.#headers,
      ...(call.key && { authorization: `Bearer ${call.key}` }),
    }
  }

  #redirectTarget(call: Call, response: Response): string {
    const location = response.headers.get('location') ?? ''
    if (!URL.canParse(location, this.#endpoint.url.href)) return ''
    const { origin, pathname } = new URL(location, this.#endpoint.url.href)
    return cleanText(`to ${origin}${pathname}`, call.secrets, 300)
  }

  #refused(call: Call, refusal: Refusal, retryAfterMs?: number): ModelError {
    const message = cleanText(refusal.message, call.secrets, 500)
    const facts = { keySource: call.key && (this.#endpoint.apiKeyEnv ?? undefined), inputTokens: call.inputTokens }
    const all = retryAfterMs === undefined ? facts : { ...facts, retryAfterMs }
    return errorOfRefusal(this.#endpoint.who, { ...refusal, message }, all)
  }
}
