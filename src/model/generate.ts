/**
 * A model's reply as a value: `generate` collects a stream into its reply, `generateObject` into data that passed a check.
 * Unlike a driver they know no provider and wait for nothing of their own. `generateObject` never takes a guess: a reply
 * that holds two different answers, or none, is asked again with the reason, and then refused.
 */
import { canonicalJson } from '../base/canonical.ts'
import { messageOf } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import { jsonCandidates } from './core/json-text.ts'
import { ModelObjectInvalid, ModelTruncated } from './error.ts'
import type {
  Model,
  ModelCallOptions,
  ModelChunk,
  ModelMessage,
  ModelReply,
  ModelRequest,
  ModelUsage,
} from './model.ts'

export type ModelRetry = Extract<ModelChunk, { readonly type: 'retry' }>

/** `timeoutMs` holds for each call of the model. */
export interface GenerateOptions extends ModelCallOptions {
  /** Told of each part of the text as it comes: a preview. A throw ends the call. */
  readonly onText?: (text: string) => void
  /** Told before each new attempt of the driver: what was sent may be paid twice. */
  readonly onRetry?: (retry: ModelRetry) => void
}

/** One reply. Errors: those of the model's `stream`. */
export async function generate(
  model: Model,
  request: ModelRequest,
  options: GenerateOptions = {},
): Promise<ModelReply> {
  let receivedChars = 0
  for await (const chunk of model.stream(request, options)) {
    switch (chunk.type) {
      case 'text':
        receivedChars += chunk.text.length
        options.onText?.(chunk.text)
        break
      case 'retry':
        options.onRetry?.(chunk)
        break
      case 'end':
        return chunk.reply
    }
  }
  throw new ModelTruncated(model.name, 'the stream ended without a reply', receivedChars)
}

/** What Zod, Valibot and ArkType schemas are, by the Standard Schema specification 1.0. */
export interface StandardSchema<T> {
  readonly '~standard': {
    readonly validate: (value: unknown) => StandardResult<T> | Promise<StandardResult<T>>
  }
}

type StandardResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** Gives the value, or throws; the message of the error is shown to the model. A Standard Schema does as well. */
export type Check<T> = ((value: unknown) => T | Promise<T>) | StandardSchema<T>

export interface GenerateObjectOptions extends GenerateOptions {
  /** Calls in all: the first, and those that tell the model what was wrong. Default 2. */
  readonly attemptsMax?: number
  /** Told of every reply, usable or not, so that a budget counts it even if a later call fails. */
  readonly onReply?: (reply: ModelReply, attempt: number) => void
}

export interface Generated<T> {
  readonly value: T
  /** The reply that held the value. */
  readonly reply: ModelReply
  /** Of all attempts together. */
  readonly usage: ModelUsage
  readonly attempts: number
}

/**
 * Asks for JSON and checks it. A `schema` in the request is told to the model in words too, for not every server enforces
 * it. Errors: `model.object_invalid` with the last text and all usage; those of the model's `stream`.
 */
export async function generateObject<T>(
  model: Model,
  request: ModelRequest,
  check: Check<T>,
  options: GenerateObjectOptions = {},
): Promise<Generated<T>> {
  const attemptsMax = wholeNumber('attemptsMax', options.attemptsMax ?? 2, 1, 100)
  const asked = withInstruction(request)
  let messages = asked
  let usage: ModelUsage = { inputTokens: 0, outputTokens: 0 }
  for (let attempt = 1; ; attempt++) {
    const reply = await generate(model, { ...request, messages }, options)
    usage = addUsage(usage, reply.usage)
    options.onReply?.(reply, attempt)
    const outcome = await pick(reply, check)
    if (outcome.ok) return { value: outcome.value, reply, usage, attempts: attempt }
    // Who declined will decline again.
    if (attempt >= attemptsMax || reply.finishReason === 'content-filter')
      throw new ModelObjectInvalid(model.name, outcome.issue, reply.text, usage, attempt, { cause: outcome.cause })
    messages = [...asked, ...complaint(reply.text, outcome.issue)]
  }
}

type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issue: string; readonly cause: unknown }

/** The one value of the reply that passes the check. */
async function pick<T>(reply: ModelReply, check: Check<T>): Promise<Outcome<T>> {
  const candidates = jsonCandidates(reply.text)
  const passed = new Map<string, T>()
  let issue = 'the reply holds no JSON'
  let cause: unknown
  for (const candidate of candidates) {
    try {
      const value = await checked(check, candidate)
      passed.set(canonicalJson(candidate), value)
    } catch (error) {
      issue = messageOf(error)
      cause = error
    }
  }
  const [value] = passed.values()
  if (passed.size === 1) return { ok: true, value: value as T }
  if (passed.size > 1) return { ok: false, issue: `the reply holds ${passed.size} different answers`, cause: undefined }
  if (reply.finishReason === 'length') issue = `the reply was cut at its bound of tokens (${issue})`
  if (reply.finishReason === 'content-filter') issue = `the model declined (${issue})`
  return { ok: false, issue, cause }
}

async function checked<T>(check: Check<T>, value: unknown): Promise<T> {
  // First: the schemas of some libraries are functions as well.
  if (!('~standard' in check)) return check(value)
  const result = await check['~standard'].validate(value)
  if (!result.issues) return result.value
  throw new Error(
    result.issues
      .slice(0, 10)
      .map(({ message, path }) => (path && path.length > 0 ? `${path.map(keyText).join('.')}: ${message}` : message))
      .join('; '),
  )
}

function keyText(part: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof part === 'object' ? part.key : part)
}

/** Said in the last user message: not every chat template takes a system message there, or two of one role in a row. */
function withInstruction({ messages, schema }: ModelRequest): readonly ModelMessage[] {
  const rule = schema ? ` It must be valid by this JSON Schema: ${JSON.stringify(schema.json)}` : ''
  const instruction = `Answer with one JSON value and nothing else.${rule}`
  const last = messages.at(-1)
  if (last?.role !== 'user') return [...messages, { role: 'user', content: instruction }]
  return [...messages.slice(0, -1), { role: 'user', content: `${last.content}\n\n${instruction}` }]
}

/** What was said and what is wrong with it; a bounded part of both, since it is paid for again. */
function complaint(text: string, issue: string): readonly ModelMessage[] {
  return [
    // Some servers refuse an empty message.
    { role: 'assistant', content: text.slice(0, 8000) || '(nothing)' },
    {
      role: 'user',
      content: `That cannot be used: ${issue.slice(0, 1000)}. Answer again with exactly one JSON value and nothing else.`,
    },
  ]
}

function addUsage(a: ModelUsage, b: ModelUsage): ModelUsage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    ...((a.usd !== undefined || b.usd !== undefined) && { usd: (a.usd ?? 0) + (b.usd ?? 0) }),
    ...((a.estimated || b.estimated) && { estimated: true }),
  }
}
