/**
 * Model: the port to a language model, hosted or local: messages in, text out, streamed, counted, cancellable. Unlike a
 * participant it has no name in a discussion, no memory and no vote. Interfaces only.
 *
 * What every driver promises: a call ends in a reply or in one typed error; an aborted call stops the transfer and rejects
 * with `base.aborted`; usage is what the provider reported, or an estimate that says so; a key never appears in an error, a
 * log or an event. A call that failed may have been paid for.
 */
export interface ModelMessage {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

export interface ModelUsage {
  readonly inputTokens: number
  readonly outputTokens: number
  /** US dollars, where the price is known: see `priced`. */
  readonly usd?: number
  /** True when the provider reported none and the counts are estimated from characters. */
  readonly estimated?: boolean
}

export interface ModelRequest {
  readonly messages: readonly ModelMessage[]
  /** Tokens of the reply at most. */
  readonly outputTokensMax?: number
  readonly temperature?: number
  /** For providers that honour it; never a guarantee. */
  readonly seed?: number
  /** JSON Schema that the reply's text must be JSON of. Sent where the provider supports it; always checked by `generateObject`. */
  readonly schema?: { readonly name: string; readonly json: Readonly<Record<string, unknown>> }
}

export type FinishReason = 'stop' | 'length' | 'content-filter' | 'other'

export interface ModelReply {
  readonly text: string
  readonly usage: ModelUsage
  readonly finishReason: FinishReason
  /** What the provider says answered; may be more exact than the name that was asked for. */
  readonly model: string
}

export type ModelChunk =
  /** A part of the reply's text, in order. */
  | { readonly type: 'text'; readonly text: string }
  /**
   * The call failed before any text came, with `code`, and starts again as `attempt` (from 2) after `delayMs`; what was
   * sent may be paid twice.
   */
  | { readonly type: 'retry'; readonly attempt: number; readonly delayMs: number; readonly code: string }
  /** Last, once. */
  | { readonly type: 'end'; readonly reply: ModelReply }

export interface ModelCallOptions {
  readonly signal?: AbortSignal
  /** For the whole call, retries included. Default by driver. Then `base.timeout`. */
  readonly timeoutMs?: number
}

export interface Model {
  /** Stable name with its provider: `openai:gpt-5-mini`. Part of a run's identity. */
  readonly name: string
  /** Tokens that fit in, reply included. */
  readonly contextTokens: number
  /** Streams one reply. Errors by code: `model.*`, `base.timeout`, `base.aborted`. */
  stream(request: ModelRequest, options?: ModelCallOptions): AsyncIterable<ModelChunk>
  /**
   * Throws what every call would fail with as things stand (`model.key_missing`), without sending anything: so that a run of
   * many calls is refused before its first. Optional.
   */
  preflight?(): void
  /** US dollars that so many tokens cost, where the price is known. Optional. */
  costOf?(usage: Pick<ModelUsage, 'inputTokens' | 'outputTokens'>): number
  /** Tokens of a text: exact where the driver can, else an estimate that errs high. */
  countTokens(text: string): number
}
