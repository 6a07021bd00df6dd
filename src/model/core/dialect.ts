/**
 * The request in the words that a server takes. Servers of the chat-completions API differ in which fields they know, and
 * many refuse a request for one they do not: what a server refused is a lesson, and the next body is written without it.
 * Only fields that the reply can do without are ever given up; the bound on the reply is renamed, never dropped.
 */
import type { ModelRequest } from '../model.ts'
import type { Refusal } from './refusal.ts'

/** Something that this server does not take for this model. */
export type Lesson =
  | 'stream'
  | 'stream_options'
  | 'tokens_field'
  | 'json_schema'
  | 'json_object'
  | 'seed'
  | 'temperature'

export type TokensField = 'max_completion_tokens' | 'max_tokens'

export interface Dialect {
  readonly model: string
  /** The name to try first for the bound on the reply. */
  readonly tokensField: TokensField
}

export type RequestBody = Readonly<Record<string, unknown>>

/** The body to POST, without what the lessons rule out. */
export function requestBody(dialect: Dialect, request: ModelRequest, lessons: ReadonlySet<Lesson>): RequestBody {
  const body: Record<string, unknown> = {
    model: dialect.model,
    // A lone surrogate, as a careless cut leaves it, is no Unicode text: strict servers refuse the whole request for it.
    messages: request.messages.map(({ role, content }) => ({ role, content: content.toWellFormed() })),
  }
  if (!lessons.has('stream')) {
    body['stream'] = true
    if (!lessons.has('stream_options')) body['stream_options'] = { include_usage: true }
  }
  if (request.outputTokensMax !== undefined) {
    const field = lessons.has('tokens_field') ? otherName(dialect.tokensField) : dialect.tokensField
    body[field] = request.outputTokensMax
  }
  if (request.temperature !== undefined && !lessons.has('temperature')) body['temperature'] = request.temperature
  if (request.seed !== undefined && !lessons.has('seed')) body['seed'] = request.seed
  const format = responseFormat(request, lessons)
  if (format) body['response_format'] = format
  return body
}

function otherName(field: TokensField): TokensField {
  return field === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens'
}

function responseFormat({ schema }: ModelRequest, lessons: ReadonlySet<Lesson>): object | undefined {
  if (!schema) return undefined
  if (!lessons.has('json_schema')) {
    const json_schema = { name: schema.name, schema: schema.json, strict: isStrict(schema.json) }
    return { type: 'json_schema', json_schema }
  }
  return lessons.has('json_object') ? undefined : { type: 'json_object' }
}

/**
 * Whether a schema keeps the rules under which providers enforce it token by token: every object closed, every property
 * required. Said of another schema, `strict` would be refused.
 */
function isStrict(schema: unknown, depth = 32): boolean {
  if (depth === 0) return false
  if (Array.isArray(schema)) return schema.every((item) => isStrict(item, depth - 1))
  if (typeof schema !== 'object' || schema === null) return true
  const { properties, required, additionalProperties, type } = schema as Record<string, unknown>
  if (type === 'object' || properties !== undefined) {
    if (additionalProperties !== false || typeof properties !== 'object' || properties === null) return false
    const names = Array.isArray(required) ? required : []
    if (!Object.keys(properties).every((name) => names.includes(name))) return false
    if (!Object.values(properties).every((property) => isStrict(property, depth - 1))) return false
  }
  return Object.entries(schema).every(
    ([key, value]) => key === 'properties' || key === 'enum' || key === 'const' || isStrict(value, depth - 1),
  )
}

export interface Learned {
  readonly lesson: Lesson
  /** True of the server for good; false when it may be this request's schema that it does not take. */
  readonly lasting: boolean
}

const unsupported =
  /unsupported|not support|n't support|unknown|unrecogni[sz]ed|unexpected|not (?:permitted|allowed|implemented|available|enabled)|extra (?:inputs?|fields?|forbidden)|extra_forbidden|additional propert|only the default|unavailable|deprecated|invalid (?:field|parameter|argument)|no such (?:field|parameter)/i

/** What a refusal of this body teaches; undefined when it is about something else and must be told to the caller. */
export function lessonOf(body: RequestBody, refusal: Refusal): Learned | undefined {
  if (refusal.status !== 400 && refusal.status !== 422) return undefined
  const says = `${refusal.kind} ${refusal.message}`
  const named = (field: string) =>
    Object.hasOwn(body, field) &&
    (refusal.param ? new RegExp(`^${field}(?![a-z_])`) : new RegExp(`(?<![a-z_])${field}(?![a-z_])`)).test(
      refusal.param || refusal.message,
    )
  // A server that knows a response format but not this schema says so in too many ways to tell.
  if (named('response_format') || (Object.hasOwn(body, 'response_format') && /json_(?:schema|object)/.test(says))) {
    const format = (body['response_format'] as { readonly type: string }).type
    const lesson = format === 'json_schema' ? 'json_schema' : 'json_object'
    return { lesson, lasting: unsupported.test(says) && !/invalid schema/i.test(says) }
  }
  if (!unsupported.test(says)) return undefined
  if (named('stream_options')) return { lesson: 'stream_options', lasting: true }
  if (named('max_completion_tokens') || named('max_tokens')) return { lesson: 'tokens_field', lasting: true }
  if (named('seed')) return { lesson: 'seed', lasting: true }
  if (named('temperature')) return { lesson: 'temperature', lasting: true }
  if (named('stream')) return { lesson: 'stream', lasting: true }
  return undefined
}
