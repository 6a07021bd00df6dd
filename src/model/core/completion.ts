/**
 * One chat completion as it forms: parsed chunks go in, text comes out, and at the end the reply. It takes a streamed
 * completion and a whole one alike, of every server's habits the ones that are known, and holds no more than its bound.
 */
import { utf8Bytes } from '../../base/limit.ts'
import { ModelMalformed, ModelReplyTooLarge } from '../error.ts'
import type { FinishReason, ModelReply, ModelUsage } from '../model.ts'
import { refusalInReply } from './refusal.ts'
import type { Refusal } from './refusal.ts'
import { cleanText, keyFilter } from './redact.ts'
import type { KeyFilter } from './redact.ts'
import { estimateTokens } from './tokens.ts'

export interface CompletionOptions {
  /** Names the model and its address in errors. */
  readonly who: string
  /** The name that was asked for. */
  readonly model: string
  readonly key: string | undefined
  /** What is never shown, the key included. */
  readonly secrets: readonly string[]
  readonly replyMaxBytes: number
  /** Estimate, for a server that reports no usage. */
  readonly inputTokens: number
}

/** The server said no in the middle of a reply. Internal: the driver makes the typed error of it. */
export class RefusedInReply extends Error {
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super('an error object inside a reply')
    this.refusal = refusal
  }
}

type JsonObject = Readonly<Record<string, unknown>>

export class Completion {
  readonly #options: CompletionOptions
  readonly #filter: KeyFilter
  #text = ''
  #textBytes = 0
  #refused = false
  #choices = 0
  #finish: FinishReason | undefined
  #usage: ModelUsage | undefined
  #model = ''

  constructor(options: CompletionOptions) {
    this.#options = options
    this.#filter = keyFilter(options.key)
  }

  /** True once the server gave a reason for ending: from here on nothing of the text is missing. */
  get finished(): boolean {
    return this.#finish !== undefined
  }
  /** True once any choice came, even an empty one. */
  get begun(): boolean {
    return this.#choices > 0
  }
  get receivedChars(): number {
    return this.#text.length
  }

  /** Takes one parsed chunk, or a whole completion, and gives the text that it adds. */
  take(value: unknown): string {
    if (!isObject(value)) throw this.#malformed('an event that is no JSON object')
    if (value['error'] !== undefined && value['error'] !== null) throw new RefusedInReply(refusalInReply(value))
    if (typeof value['model'] === 'string') this.#model = value['model']
    this.#usage = usageOf(value['usage']) ?? this.#usage
    const { choices } = value
    if (choices === undefined || choices === null) return ''
    if (!Array.isArray(choices)) throw this.#malformed('choices is no list')
    let added = ''
    for (const choice of choices) added += this.#takeChoice(choice)
    return this.#emit(this.#filter.push(added))
  }

  #takeChoice(choice: unknown): string {
    if (!isObject(choice)) throw this.#malformed('a choice that is no object')
    // One reply was asked for; more than one is a server's whim.
    if (typeof choice['index'] === 'number' && choice['index'] !== 0) return ''
    if (isObject(choice['error'])) throw new RefusedInReply(refusalInReply(choice))
    this.#choices++
    const finish = choice['finish_reason']
    if (typeof finish === 'string' && finish !== '') this.#finish = finishReason(finish)
    const part = choice['delta'] ?? choice['message']
    if (!isObject(part)) return ''
    const refusal = part['refusal']
    if (typeof refusal === 'string' && refusal !== '') this.#refused = true
    const text = textOf(part['content']) + (typeof refusal === 'string' ? refusal : '')
    this.#textBytes += utf8Bytes(text).length
    if (this.#textBytes > this.#options.replyMaxBytes)
      throw new ModelReplyTooLarge(this.#options.who, this.#options.replyMaxBytes)
    return text
  }

  /** The text that was held back because it might have begun a key. */
  rest(): string {
    return this.#emit(this.#filter.flush())
  }

  #emit(text: string): string {
    this.#text += text
    return text
  }

  reply(): ModelReply {
    if (!this.begun) throw this.#malformed('it has no choices')
    const text = this.#text
    return {
      text,
      usage: this.#usage ?? {
        inputTokens: this.#options.inputTokens,
        outputTokens: estimateTokens(text),
        estimated: true,
      },
      finishReason: this.#refused ? 'content-filter' : (this.#finish ?? 'other'),
      model: cleanText(this.#model, this.#options.secrets, 200) || this.#options.model,
    }
  }

  #malformed(why: string): ModelMalformed {
    return new ModelMalformed(this.#options.who, why)
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Most servers send a string; some send parts, of which the text counts. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part) => (isObject(part) && typeof part['text'] === 'string' ? part['text'] : '')).join('')
}

function usageOf(value: unknown): ModelUsage | undefined {
  if (!isObject(value)) return undefined
  const inputTokens = value['prompt_tokens']
  const outputTokens = value['completion_tokens'] ?? 0
  return isCount(inputTokens) && isCount(outputTokens) ? { inputTokens, outputTokens } : undefined
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function finishReason(reason: string): FinishReason {
  switch (reason) {
    case 'stop':
    case 'eos':
    case 'eos_token':
    case 'end_turn':
    case 'stop_sequence':
      return 'stop'
    case 'length':
    case 'max_tokens':
      return 'length'
    case 'content_filter':
      return 'content-filter'
    default:
      return 'other'
  }
}
