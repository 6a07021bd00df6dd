/**
 * The driver for models of the AI SDK (packages `@ai-sdk/*`): any object that has the shape of their language models, specification v2, v3 or v4
 * (AI SDK 5 to 7). Unlike a client it opens no connection and reads no key: the model it was given does. Nothing of the SDK is imported, so
 * that nobody needs it who has no such model.
 *
 * What the SDK's own functions do above a model (retries, repair, tools) is not done here: one call is one stream. An error of the provider
 * is told by its HTTP status where it has one, else it is `model.sdk_failed`. Reasoning parts are not text and are left out.
 * Source: packages/provider of the AI SDK, `LanguageModelV2`, `V3`, `V4`: call options, stream parts, finish reasons, usage.
 */
import type { Clock } from '../base/clock.ts'
import { deadline, unlessAborted } from '../base/clock.ts'
import { Aborted, InvalidArgument, messageOf } from '../base/error.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'
import { systemClock } from '../base/system-clock.ts'
import { cleanText } from './core/redact.ts'
import { errorOfRefusal, readRefusal } from './core/refusal.ts'
import { estimatePromptTokens, estimateTokens } from './core/tokens.ts'
import { ModelTruncated, SdkFailed } from './error.ts'
import type { FinishReason, Model, ModelCallOptions, ModelChunk, ModelRequest, ModelUsage } from './model.ts'
import { checkRequest } from './request.ts'

/** What of a language model of the AI SDK is used. */
export interface AiSdkLanguageModel {
  readonly specificationVersion: string
  readonly provider: string
  readonly modelId: string
  doStream(options: never): PromiseLike<{ readonly stream: ReadableStream<unknown> }>
}

export interface AiSdkOptions {
  /** Tokens that fit in, reply included. Default 128,000; say what the model really holds. */
  readonly contextTokens?: number
  /** One call. Default 120,000. */
  readonly timeoutMs?: number
  readonly clock?: Clock
}

/** A reply beyond so many characters is broken off. */
const replyLengthMax = 4_000_000

/** Throws `base.invalid_argument` for an object that is no such model. */
export function aiSdkModel(model: AiSdkLanguageModel, options: AiSdkOptions = {}): Model {
  checkKeys('options', options, ['contextTokens', 'timeoutMs', 'clock'])
  const isModel = typeof model?.doStream === 'function' && typeof model.modelId === 'string'
  if (!isModel || !['v2', 'v3', 'v4'].includes(model.specificationVersion))
    throw new InvalidArgument('model', 'must be a language model of the AI SDK, specification v2, v3 or v4')
  const name = `${model.provider}:${model.modelId}`
  const call: SdkCall = {
    model,
    name,
    timeoutMs: wholeNumber('timeoutMs', options.timeoutMs ?? 120_000, 1),
    clock: options.clock ?? systemClock,
  }
  return {
    name,
    contextTokens: wholeNumber('contextTokens', options.contextTokens ?? 128_000, 1),
    countTokens: estimateTokens,
    stream: (request, callOptions = {}) => stream(call, request, callOptions),
  }
}

interface SdkCall {
  readonly model: AiSdkLanguageModel
  readonly name: string
  readonly timeoutMs: number
  readonly clock: Clock
}

async function* stream(
  call: SdkCall,
  request: ModelRequest,
  options: ModelCallOptions,
): AsyncGenerator<ModelChunk, void> {
  checkRequest(request)
  const { name, clock } = call
  const timeoutMs = options.timeoutMs ?? call.timeoutMs
  if (options.signal?.aborted) throw new Aborted(`the call of ${name}`, { cause: options.signal.reason })
  using limit = deadline(clock, `the call of ${name}`, timeoutMs, options.signal)
  const reading = new Reading(name, request)
  try {
    const { stream: parts } = await unlessAborted(
      limit.signal,
      call.model.doStream(callOptions(request, limit.signal) as never),
    )
    const reader = parts.getReader()
    try {
      for (;;) {
        const { done, value } = await unlessAborted(limit.signal, reader.read())
        if (done) break
        const text = reading.take(value as SdkPart)
        if (text !== undefined && text !== '') yield { type: 'text', text }
      }
    } finally {
      void reader.cancel().catch(() => {})
    }
    yield { type: 'end', reply: reading.reply() }
  } catch (error) {
    if (options.signal?.aborted) throw new Aborted(`the call of ${name}`, { cause: options.signal.reason })
    if (limit.expired) throw limit.signal.reason
    throw error instanceof ModelTruncated ? error : failureOf(name, error, request)
  }
}

/** The request in the words of the SDK. A text of a system message is text there; of the others it is a list of parts. */
function callOptions(
  { messages, outputTokensMax, temperature, seed, schema }: ModelRequest,
  abortSignal: AbortSignal,
): object {
  return {
    prompt: messages.map(({ role, content }) =>
      role === 'system' ? { role, content } : { role, content: [{ type: 'text', text: content }] },
    ),
    ...(outputTokensMax !== undefined && { maxOutputTokens: outputTokensMax }),
    ...(temperature !== undefined && { temperature }),
    ...(seed !== undefined && { seed }),
    ...(schema && { responseFormat: { type: 'json', schema: schema.json, name: schema.name } }),
    abortSignal,
  }
}

interface SdkPart {
  readonly type?: unknown
  readonly delta?: unknown
  readonly usage?: { readonly inputTokens?: unknown; readonly outputTokens?: unknown }
  readonly finishReason?: unknown
  readonly modelId?: unknown
  readonly error?: unknown
}

/** What a stream has told so far. */
class Reading {
  readonly #name: string
  readonly #request: ModelRequest
  #text = ''
  #finish: SdkPart | undefined
  #model: string | undefined

  constructor(name: string, request: ModelRequest) {
    this.#name = name
    this.#request = request
  }

  /** The text that a part adds. */
  take(part: SdkPart): string | undefined {
    if (part?.type === 'error') throw part.error
    if (part?.type === 'finish') this.#finish = part
    if (part?.type === 'response-metadata' && typeof part.modelId === 'string') this.#model = part.modelId
    if (part?.type !== 'text-delta' || typeof part.delta !== 'string') return undefined
    this.#text += part.delta
    if (this.#text.length > replyLengthMax)
      throw new ModelTruncated(this.#name, `the reply has more than ${replyLengthMax} characters`, this.#text.length)
    return part.delta
  }

  reply(): Extract<ModelChunk, { readonly type: 'end' }>['reply'] {
    if (!this.#finish) throw new ModelTruncated(this.#name, 'the stream ended without its finish', this.#text.length)
    const { usage, finishReason } = this.#finish
    return {
      text: this.#text,
      usage: this.#usageOf(usage),
      finishReason: finishOf(finishReason),
      model: this.#model ?? this.#name,
    }
  }

  #usageOf(usage: SdkPart['usage']): ModelUsage {
    const inputTokens = totalOf(usage?.inputTokens)
    const outputTokens = totalOf(usage?.outputTokens)
    return {
      inputTokens: inputTokens ?? estimatePromptTokens(this.#request.messages),
      outputTokens: outputTokens ?? estimateTokens(this.#text),
      ...((inputTokens === undefined || outputTokens === undefined) && { estimated: true }),
    }
  }
}

/** v2 has a number, v3 and v4 an object with its total. */
function totalOf(count: unknown): number | undefined {
  const total = typeof count === 'object' && count !== null ? (count as { readonly total?: unknown }).total : count
  return Number.isSafeInteger(total) && (total as number) >= 0 ? (total as number) : undefined
}

/** v2 has a text, v4 an object with the unified one. */
function finishOf(reason: unknown): FinishReason {
  const unified =
    typeof reason === 'object' && reason !== null ? (reason as { readonly unified?: unknown }).unified : reason
  return unified === 'stop' || unified === 'length' || unified === 'content-filter' ? unified : 'other'
}

/** Errors of the SDK carry the HTTP status and the body of the answer; their other fields may hold headers with a key, and are left out. */
function failureOf(name: string, error: unknown, { messages }: ModelRequest): Error {
  const { statusCode, responseBody } = (typeof error === 'object' && error !== null ? error : {}) as {
    readonly statusCode?: unknown
    readonly responseBody?: unknown
  }
  const clean = (text: string): string => cleanText(text, [], 500)
  if (!Number.isSafeInteger(statusCode)) return new SdkFailed(name, clean(messageOf(error)))
  const refusal = readRefusal(statusCode as number, typeof responseBody === 'string' ? responseBody : messageOf(error))
  const facts = { keySource: undefined, inputTokens: estimatePromptTokens(messages) }
  return errorOfRefusal(name, { ...refusal, message: clean(refusal.message) }, facts)
}
