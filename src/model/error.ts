/**
 * The errors of language models, one class a cause, the same from every driver. A message names the model and its address
 * (never the address's query), says what the provider said, and says the mend. No message, field or cause holds a key:
 * drivers pass what a server said through `cleanText` before it comes here.
 */
import { ColloquyError } from '../base/error.ts'
import type { ModelUsage } from './model.ts'

/** What all failures of a call have in common. */
export abstract class ModelError extends ColloquyError {
  /** True when the same call may succeed later as it is. A driver has used its own attempts up by then. */
  abstract readonly retryable: boolean
}

/** A failure that the provider reported: by an HTTP status, or by an error object in a stream. */
abstract class Refused extends ModelError {
  /** HTTP status, or the nearest one when the error came inside a stream. */
  readonly status: number
  /** The provider's own words, cleaned and clipped; may be empty. */
  readonly detail: string
  constructor(who: string, what: string, mend: string, status: number, detail: string) {
    super(`${who} ${what}${detail ? `: ${clip(detail)}` : ''}; ${mend}`)
    this.status = status
    this.detail = clip(detail)
  }
}

/** The provider does not accept the key, or not for this model: 401 or 403. */
export class ModelUnauthorized extends Refused {
  override readonly code = 'model.unauthorized'
  override readonly retryable = false
  constructor(who: string, status: number, detail: string, keySource: string | undefined) {
    const mend = keySource
      ? `check the key in ${keySource} and what it may use`
      : 'name the environment variable that holds a key in apiKeyEnv'
    super(who, `refused the credentials (${status})`, mend, status, detail)
  }
}

/** Too many requests or tokens in a time: 429, still so after the retries. */
export class ModelRateLimited extends Refused {
  override readonly code = 'model.rate_limited'
  override readonly retryable = true
  /** The wait that the provider asks for, when it says one. */
  readonly retryAfterMs: number | undefined
  constructor(who: string, status: number, detail: string, retryAfterMs: number | undefined) {
    const wait = retryAfterMs === undefined ? 'wait' : `wait ${Math.ceil(retryAfterMs / 1000)} s`
    super(who, `limits the rate (${status})`, `${wait}, send less at once, or raise attemptsMax`, status, detail)
    this.retryAfterMs = retryAfterMs
  }
}

/** The account has nothing left to pay with: 402, or 429 that says so. Waiting does not help. */
export class ModelQuotaExhausted extends Refused {
  override readonly code = 'model.quota_exhausted'
  override readonly retryable = false
  constructor(who: string, status: number, detail: string) {
    super(who, `says that the account's quota is used up (${status})`, 'add credit or use another key', status, detail)
  }
}

/** The provider answered that it cannot serve now: 408, 409 or 5xx, still so after the retries. */
export class ModelOverloaded extends Refused {
  override readonly code = 'model.overloaded'
  override readonly retryable = true
  readonly retryAfterMs: number | undefined
  constructor(who: string, status: number, detail: string, retryAfterMs?: number) {
    super(who, `failed to serve (${status})`, 'try later, or look at the server', status, detail)
    this.retryAfterMs = retryAfterMs
  }
}

/** The provider does not take this request as it is: 400, 422 and the other 4xx. */
export class ModelBadRequest extends Refused {
  override readonly code = 'model.bad_request'
  override readonly retryable = false
  constructor(who: string, status: number, detail: string) {
    super(who, `refused the request (${status})`, 'change what it names, or use another model', status, detail)
  }
}

/** Neither this model nor this path is there: 404. */
export class ModelNotFound extends Refused {
  override readonly code = 'model.not_found'
  override readonly retryable = false
  constructor(who: string, status: number, detail: string) {
    super(
      who,
      `was not found (${status})`,
      'check the model name, and that baseUrl ends where /chat/completions begins',
      status,
      detail,
    )
  }
}

/** The messages and the reply asked for do not fit in the model's context. */
export class ModelContextOverflow extends Refused {
  override readonly code = 'model.context_overflow'
  override readonly retryable = false
  /** Estimate of what was sent, in tokens. */
  readonly inputTokens: number
  constructor(who: string, status: number, detail: string, inputTokens: number) {
    super(
      who,
      `cannot take about ${inputTokens} tokens (${status})`,
      'send less, lower outputTokensMax, or set contextTokens to what the server really holds',
      status,
      detail,
    )
    this.inputTokens = inputTokens
  }
}

/** The server sent the request elsewhere. It is not followed: the key would go where nobody chose to send it. */
export class ModelRedirected extends Refused {
  override readonly code = 'model.redirected'
  override readonly retryable = false
  constructor(who: string, status: number, target: string) {
    super(who, `redirects (${status})`, 'set baseUrl to the address itself if you trust it', status, target)
  }
}

/** No answer came: the connection was refused or reset, the name not resolved, or the first byte took too long. */
export class ModelUnavailable extends ModelError {
  override readonly code = 'model.unavailable'
  override readonly retryable: boolean
  constructor(who: string, why: string, options: ErrorOptions & { readonly retryable?: boolean } = {}) {
    super(`${who} gave no answer: ${clip(why)}; check that the server runs and that baseUrl is right`, options)
    this.retryable = options.retryable ?? true
  }
}

/** The answer is not what the chat-completions API describes. */
export class ModelMalformed extends ModelError {
  override readonly code = 'model.malformed'
  override readonly retryable = false
  constructor(who: string, why: string) {
    super(`${who} answered something that is no chat completion: ${clip(why)}; check baseUrl and the server's version`)
  }
}

/** The reply broke off before its end. Text that was streamed until then is incomplete. */
export class ModelTruncated extends ModelError {
  override readonly code = 'model.truncated'
  override readonly retryable = true
  /** Characters of text that came. */
  readonly receivedChars: number
  constructor(who: string, why: string, receivedChars: number, options?: ErrorOptions) {
    super(`${who} broke off after ${receivedChars} characters of text: ${clip(why)}; ask again`, options)
    this.receivedChars = receivedChars
  }
}

/** The reply, or one line of it, passes `replyMaxBytes`. The rest was not read. */
export class ModelReplyTooLarge extends ModelError {
  override readonly code = 'model.too_large'
  override readonly retryable = false
  readonly replyMaxBytes: number
  constructor(who: string, replyMaxBytes: number) {
    super(`${who} sent more than replyMaxBytes of ${replyMaxBytes}; set outputTokensMax, or raise replyMaxBytes`)
    this.replyMaxBytes = replyMaxBytes
  }
}

/** The key is not in the environment, or is no text that a header can carry. It is never shown. */
export class ModelKeyMissing extends ModelError {
  override readonly code = 'model.key_missing'
  override readonly retryable = false
  readonly variable: string
  constructor(who: string, variable: string, why: 'is not set' | 'holds characters that no key has') {
    super(`${who} needs a key and the environment variable ${variable} ${why}; set it, or name another in apiKeyEnv`)
    this.variable = variable
  }
}

/** A key would travel readable for everyone on the way. */
export class ModelInsecureUrl extends ModelError {
  override readonly code = 'model.insecure_url'
  override readonly retryable = false
  constructor(address: string) {
    super(
      `${address} is neither https nor this machine, so a key is not sent there; ` +
        'use https, a tunnel to 127.0.0.1, or apiKeyEnv: null for a server that needs no key',
    )
  }
}

/** `generateObject` got no usable value, although it said what was wrong and asked again. */
export class ModelObjectInvalid extends ModelError {
  override readonly code = 'model.object_invalid'
  override readonly retryable = true
  /** The last reply, clipped. */
  readonly text: string
  /** What all attempts together used. */
  readonly usage: ModelUsage
  readonly attempts: number
  /** What was wrong with the last reply. */
  readonly issue: string
  constructor(who: string, issue: string, text: string, usage: ModelUsage, attempts: number, options?: ErrorOptions) {
    super(
      `${who} gave no usable object in ${attempts} attempts: ${clip(issue)}; ` +
        'simplify what is asked, raise outputTokensMax, or use another model',
      options,
    )
    this.issue = clip(issue)
    this.text = clip(text, 4000)
    this.usage = usage
    this.attempts = attempts
  }
}

/** A scripted model was asked for more, or for something else, than its script holds. */
export class ModelScriptEnded extends ModelError {
  override readonly code = 'model.script_ended'
  override readonly retryable = false
  constructor(who: string, asked: number, request: string) {
    super(
      `${who} has no reply for request ${asked}, which ends with ${JSON.stringify(clip(request, 120))}; add one to replies`,
    )
  }
}

function clip(text: string, lengthMax = 500): string {
  return text.length > lengthMax ? `${text.slice(0, lengthMax - 1).toWellFormed()}…` : text
}

/** A model of the AI SDK failed without an HTTP status. */
export class SdkFailed extends ModelError {
  override readonly code = 'model.sdk_failed'
  override readonly retryable = true
  constructor(who: string, why: string) {
    super(`${who} failed: ${clip(why)}; look at the provider, and ask again`)
  }
}

/** There is no cassette to replay. */
export class CassetteMissing extends ColloquyError {
  override readonly code = 'model.cassette_missing'
  readonly file: string
  constructor(file: string) {
    super(`there is no cassette ${file}; record one, or open it with mode auto`)
    this.file = file
  }
}

/** A recording must not take the place of another. */
export class CassetteExists extends ColloquyError {
  override readonly code = 'model.cassette_exists'
  readonly file: string
  constructor(file: string, options?: ErrorOptions) {
    super(`${file} is there already; remove it to record anew, or open it with mode auto or replay`, options)
    this.file = file
  }
}

/** A line of a cassette is not as it was written, or not where it was. */
export class CassetteDamaged extends ColloquyError {
  override readonly code = 'model.cassette_damaged'
  readonly file: string
  /** From 1. */
  readonly line: number
  constructor(file: string, line: number) {
    super(`line ${line} of the cassette ${file} is not what was recorded; a cassette is never edited, record it anew`)
    this.file = file
    this.line = line
  }
}

/** A request that no take answers. */
export class CassetteMiss extends ColloquyError {
  override readonly code = 'model.cassette_miss'
  readonly file: string
  constructor(file: string, nearest: string | undefined) {
    super(
      `the cassette ${file} has no take for this request${nearest === undefined ? ': it is empty' : `: ${nearest}`}; record it anew, or open it with mode auto`,
    )
    this.file = file
  }
}

/** The recorded call had failed, and fails again. */
export class CassetteFailure extends ColloquyError {
  override readonly code = 'model.cassette_failure'
  /** Code of the recorded failure. */
  readonly recorded: string
  constructor(recorded: string, message: string) {
    super(message)
    this.recorded = recorded
  }
}
