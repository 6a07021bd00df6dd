/**
 * From what a server says when it says no, in any of the shapes that servers of this API use, to one typed error. Pure: it
 * neither retries nor waits; whether to try again is read from the error.
 */
import {
  ModelBadRequest,
  ModelContextOverflow,
  ModelNotFound,
  ModelOverloaded,
  ModelQuotaExhausted,
  ModelRateLimited,
  ModelUnauthorized,
} from '../error.ts'
import type { ModelError } from '../error.ts'

export interface Refusal {
  readonly status: number
  /** For people; not cleaned yet when it comes from `readRefusal`. */
  readonly message: string
  /** `code` and `type` of the error object, joined by a space; may be empty. */
  readonly kind: string
  /** The field that the server names as the cause; may be empty. */
  readonly param: string
}

/** The error in a body: OpenAI's object, FastAPI's `detail`, a bare string, an array of one, or plain text. */
export function readRefusal(status: number, body: string): Refusal {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    // Of a page of HTML the tags say nothing. The bounds keep a page of open tags from costing its square.
    const message = body.replace(/<(style|script)\b[^]{0,4000}?<\/\1>|<[^<>]{0,1000}>/gi, ' ')
    return { status, message, kind: '', param: '' }
  }
  return refusalOf(status, parsed)
}

/** The error in an object that came inside a reply; its status is the object's own, or what its words come closest to. */
export function refusalInReply(value: unknown): Refusal {
  const refusal = refusalOf(0, value)
  const error = field(value, 'error')
  const told = [field(error, 'code'), field(error, 'status'), field(value, 'status')]
    .map(Number)
    .find((status) => Number.isInteger(status) && status >= 400 && status <= 599)
  return { ...refusal, status: told ?? statusOfKind(`${refusal.kind} ${refusal.message}`) }
}

/** The typed error of a refusal whose message is clean. */
export function errorOfRefusal(
  who: string,
  refusal: Refusal,
  facts: { readonly keySource: string | undefined; readonly inputTokens: number; readonly retryAfterMs?: number },
): ModelError {
  const { status, message } = refusal
  if (status === 401 || status === 403) return new ModelUnauthorized(who, status, message, facts.keySource)
  if (status === 402 || (status === 429 && quota.test(`${refusal.kind} ${message}`)))
    return new ModelQuotaExhausted(who, status, message)
  if (status === 429) return new ModelRateLimited(who, status, message, facts.retryAfterMs)
  if (status === 413 || overflow.test(`${refusal.kind} ${message}`))
    return new ModelContextOverflow(who, status, message, facts.inputTokens)
  if (status === 404) return new ModelNotFound(who, status, message)
  if (status === 408 || status === 409 || status >= 500)
    return new ModelOverloaded(who, status, message, facts.retryAfterMs)
  return new ModelBadRequest(who, status, message)
}

const overflow =
  /context[ _-]?(?:length|window|size)|prompt (?:is )?too long|too many (?:input |prompt )?tokens|reduce the length of|(?:input|prompt)[^.]{0,40} exceeds?\b[^.]{0,40} tokens/i
const quota =
  /insufficient[ _](?:quota|balance|credit|funds)|exceeded your current quota|billing[ _](?:hard[ _]limit|not[ _]active)/i

function statusOfKind(words: string): number {
  if (/rate[ _]?limit|too many requests/i.test(words)) return 429
  if (quota.test(words)) return 402
  if (/invalid[ _]api[ _]key|authentication|permission/i.test(words)) return 401
  if (overflow.test(words) || /invalid_request|bad[ _]request|content_(?:filter|policy)/i.test(words)) return 400
  return 500
}

function refusalOf(status: number, value: unknown): Refusal {
  const first: unknown = Array.isArray(value) ? value[0] : value
  const error = field(first, 'error') ?? first
  const kind = [field(error, 'code'), field(error, 'type')].filter((part) => typeof part === 'string').join(' ')
  const param = field(error, 'param')
  return { status, message: words(first, 4), kind, param: typeof param === 'string' ? param : '' }
}

/** The words for people somewhere in an error body, however deep the server wraps them. */
function words(value: unknown, depth: number): string {
  if (typeof value === 'string') return value
  if (depth === 0 || typeof value !== 'object' || value === null) return ''
  if (Array.isArray(value)) {
    return value
      .slice(0, 8)
      .map((item) => words(item, depth - 1))
      .filter(Boolean)
      .join(', ')
  }
  const place = field(value, 'loc')
  const where = Array.isArray(place) ? `${place.join('.')}: ` : ''
  for (const key of ['error', 'message', 'msg', 'detail', 'details', 'title']) {
    const found = words(field(value, key), depth - 1)
    if (found) return where + found
  }
  return ''
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined
}
